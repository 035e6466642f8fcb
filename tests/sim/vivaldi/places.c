#include "tests/sim/vivaldi/places.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"

enum { CONTINENTS = 3, SITE_NODES = 3 };

#define LEAST_MS 0.05f     /* what is not told from 0 by the measurement */
#define MS_PER_RADIAN 64.0 /* 6,371 km there and back at two thirds of the speed of light */

struct place {
    double x, y, z;     /* of its site, on the unit sphere */
    float access_ms;
    uint32_t site;
};

static void must(bool holds, const char *what, const char *path)
{
    if (!holds) {
        fprintf(stderr, "%s: %s\n", path, what);
        exit(2);
    }
}

void places_load(struct places *p, const char *name, const char *path, uint32_t from, uint32_t slices)
{
    uint32_t head[3];
    char magic[8];
    FILE *f = fopen(path, "rb");

    must(f != NULL, "cannot be opened", path);
    must(fread(magic, sizeof magic, 1, f) == 1 && memcmp(magic, "RTTM0001", 8) == 0 && fread(head, sizeof head, 1, f) == 1,
         "is no matrix", path);
    uint32_t n = head[0];
    bool is_upper = head[2] != 0;
    must(n >= 2 && n <= PLACES_MEASURED_MAX && from + slices <= head[1], "has another size", path);
    size_t entries = is_upper ? (size_t)n * (n - 1) / 2 : (size_t)n * n;
    uint32_t *us = malloc(entries * sizeof *us);
    *p = (struct places){.name = name, .nodes = n, .slices = slices, .ms = calloc((size_t)slices * n * n, sizeof *p->ms)};
    must(us != NULL && p->ms != NULL, "no memory", path);
    must(fseek(f, (long)(from * entries * sizeof *us), SEEK_CUR) == 0, "is too short", path);
    for (uint32_t s = 0; s < slices; s++) {
        float *ms = p->ms + (size_t)s * n * n;
        size_t at = 0;
        must(fread(us, sizeof *us, entries, f) == entries, "is too short", path);
        for (uint32_t i = 0; i < n; i++) {
            for (uint32_t j = is_upper ? i + 1 : 0; j < n; j++) {
                ms[(size_t)i * n + j] = (float)us[at++] / 1000;
            }
        }
        for (uint32_t i = 0; i < n; i++) {
            for (uint32_t j = 0; j < i; j++) {
                float a = ms[(size_t)i * n + j], b = ms[(size_t)j * n + i];
                float both = a > 0 && b > 0 ? (a + b) / 2 : a + b;
                both = both > 0 && both < LEAST_MS ? LEAST_MS : both;
                ms[(size_t)i * n + j] = ms[(size_t)j * n + i] = both;
            }
        }
    }
    free(us);
    fclose(f);
}

static double normal(struct rng *r)
{
    double sum = -6;

    for (int i = 0; i < 12; i++) {
        sum += rng_unit(r);
    }
    return sum;
}

void places_make(struct places *p, const char *name, uint32_t nodes, uint64_t seed)
{
    static const double middle[CONTINENTS][2] = {{0.70, -1.5}, {0.85, 0.2}, {0.55, 2.1}}; /* latitude, longitude */
    struct place site = {0};
    struct rng r;

    rng_init(&r, seed);
    *p = (struct places){.name = name, .nodes = nodes, .slices = 1, .seed = seed, .place = calloc(nodes, sizeof *p->place)};
    must(p->place != NULL, "no memory", name);
    for (uint32_t i = 0; i < nodes; i++) {
        if (i == 0 || rng_below(&r, SITE_NODES) == 0) {
            const double *at = middle[rng_below(&r, CONTINENTS)];
            bool is_far = rng_below(&r, 8) == 0;
            double lat = is_far ? asin(2 * rng_unit(&r) - 1) : at[0] + 0.15 * normal(&r);
            double lon = is_far ? 6.2832 * rng_unit(&r) : at[1] + 0.3 * normal(&r);
            site = (struct place){.x = cos(lat) * cos(lon), .y = cos(lat) * sin(lon), .z = sin(lat), .site = i};
        }
        p->place[i] = site;
        p->place[i].access_ms = (float)(-1.5 * log(1 - rng_unit(&r)) + (rng_below(&r, 20) == 0 ? 40 * rng_unit(&r) : 0));
    }
    for (uint32_t i = nodes; i-- > 1;) { /* neighbours in number are no neighbours */
        uint32_t j = (uint32_t)rng_below(&r, i + 1);
        struct place swap = p->place[i];
        p->place[i] = p->place[j];
        p->place[j] = swap;
    }
}

void places_make_sites(struct places *p, const char *name, uint32_t nodes, uint32_t sites, uint64_t seed)
{
    double x[PLACES_SITES_MAX], y[PLACES_SITES_MAX], way[PLACES_SITES_MAX][PLACES_SITES_MAX];
    struct rng r;

    rng_init(&r, seed);
    *p = (struct places){.name = name, .nodes = nodes, .slices = 1, .seed = seed, .ms = calloc((size_t)nodes * nodes, sizeof *p->ms)};
    must(p->ms != NULL && sites <= PLACES_SITES_MAX, "no memory", name);
    for (uint32_t a = 0; a < sites; a++) {
        x[a] = 120 * rng_unit(&r);
        y[a] = 60 * rng_unit(&r);
        for (uint32_t b = 0; b < a; b++) {
            way[a][b] = way[b][a] = 2 + hypot(x[a] - x[b], y[a] - y[b]) * exp(0.15 * normal(&r));
        }
    }
    for (uint32_t i = 0; i < nodes; i++) {
        for (uint32_t j = 0; j < i; j++) {
            double ms = i % sites == j % sites ? 0.06 + 0.14 * rng_unit(&r) : way[i % sites][j % sites] + 0.05 * rng_unit(&r);
            p->ms[(size_t)i * nodes + j] = p->ms[(size_t)j * nodes + i] = (float)ms;
        }
    }
}

void places_make_homes(struct places *p, const char *name, uint32_t nodes, uint64_t seed)
{
    double *x = calloc(3 * (size_t)nodes, sizeof *x), *y = x + nodes, *access_ms = y + nodes;
    struct rng r;

    rng_init(&r, seed);
    *p = (struct places){.name = name, .nodes = nodes, .slices = 1, .seed = seed, .ms = calloc((size_t)nodes * nodes, sizeof *p->ms)};
    must(p->ms != NULL && x != NULL, "no memory", name);
    for (uint32_t i = 0; i < nodes; i++) {
        x[i] = 16 * rng_unit(&r);
        y[i] = 12 * rng_unit(&r);
        access_ms[i] = 3 - 8 * log(1 - rng_unit(&r));
        for (uint32_t j = 0; j < i; j++) {
            p->ms[(size_t)i * nodes + j] = p->ms[(size_t)j * nodes + i] =
                (float)(access_ms[i] + access_ms[j] + hypot(x[i] - x[j], y[i] - y[j]));
        }
    }
    free(x);
}

static float made_up_ms(const struct places *p, uint32_t i, uint32_t j)
{
    const struct place *a = &p->place[i], *b = &p->place[j];
    uint32_t low = a->site < b->site ? a->site : b->site, high = a->site < b->site ? b->site : a->site;
    double cosine = a->x * b->x + a->y * b->y + a->z * b->z;
    struct rng r;

    if (a->site == b->site) {
        rng_init(&r, p->seed ^ (uint64_t)(i < j ? i : j) << 32 ^ (i < j ? j : i));
        return (float)(0.1 + 0.5 * rng_unit(&r));
    }
    rng_init(&r, p->seed ^ (uint64_t)low << 32 ^ high);
    double longer = 1.25 * exp(0.12 * normal(&r)) * (rng_below(&r, 25) == 0 ? 1.6 : 1);
    double way = acos(cosine < -1 ? -1 : cosine > 1 ? 1 : cosine) * MS_PER_RADIAN;
    return (float)(0.8 + longer * way) + a->access_ms + b->access_ms;
}

float places_rtt_ms(const struct places *p, uint32_t i, uint32_t j)
{
    if (i == j) {
        return 0;
    }
    float ms = p->ms != NULL ? p->ms[((size_t)p->slice * p->nodes + i) * p->nodes + j] : made_up_ms(p, i, j);

    return p->times > 0 ? ms * p->times : ms;
}

void places_free(struct places *p)
{
    free(p->ms);
    free(p->place);
    *p = (struct places){0};
}
