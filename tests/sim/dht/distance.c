#include "tests/sim/dht/distance.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"

/* Milliseconds on a map: round trips between the continents as the Internet's cables make them. */
static const struct {
    double x, y, spread;
    uint32_t share; /* of 100 nodes */
} continent[] = {{0, 0, 30, 45}, {95, 20, 22, 30}, {-120, 70, 30, 15}, {60, -120, 30, 5}, {-60, -110, 30, 5}};

static void place(uint32_t node, double *x, double *y, double *height)
{
    struct rng r;

    rng_init(&r, node * UINT64_C(0x9e3779b97f4a7c15) + 17);
    uint64_t at = rng_below(&r, 100);
    unsigned c = 0;
    while (at >= continent[c].share) {
        at -= continent[c++].share;
    }
    *x = continent[c].x + continent[c].spread * (rng_unit(&r) - 0.5) * 2;
    *y = continent[c].y + continent[c].spread * (rng_unit(&r) - 0.5) * 2;
    *height = 1 - 9 * log(1 - rng_unit(&r)); /* its own line: some are slow */
}

uint64_t distance_one_way_us(const struct distance *d, uint32_t from, uint32_t to)
{
    if (d->cities > 0) {
        uint32_t us = d->city_us[from % d->cities * d->cities + to % d->cities];
        return us < 2 ? 500 : us / 2; /* nothing was measured, or less than there is */
    }
    if (d->is_planet) {
        double ax, ay, ah, bx, by, bh;
        place(from, &ax, &ay, &ah);
        place(to, &bx, &by, &bh);
        return (uint64_t)((hypot(ax - bx, ay - by) + ah + bh) * 1000 / 2);
    }
    return d->rtt_us / 2;
}

/* Each row from the diagonal on, or before it, and the other half the same. */
static bool read_rows(FILE *in, struct distance *d, uint32_t n, bool is_upper)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t first = is_upper ? i + 1 : 0;
        if (fread(&d->city_us[(size_t)i * n + first], sizeof *d->city_us, n - first, in) != n - first) {
            return false;
        }
        for (uint32_t k = first; is_upper && k < n; k++) {
            d->city_us[(size_t)k * n + i] = d->city_us[(size_t)i * n + k];
        }
    }
    return true;
}

bool distance_load(struct distance *d, const char *path)
{
    char command[512];
    uint8_t head[20];
    uint32_t n = 0, slices = 0, upper = 1;

    if (snprintf(command, sizeof command, "xz -dc '%s' 2>/dev/null", path) >= (int)sizeof command) {
        return false;
    }
    FILE *in = popen(command, "r"); /* NOLINT: a path of this tree */
    bool is_good = in != NULL && fread(head, sizeof head, 1, in) == 1 && memcmp(head, "RTTM0001", 8) == 0;
    if (is_good) {
        memcpy(&n, head + 8, sizeof n);
        memcpy(&slices, head + 12, sizeof slices);
        memcpy(&upper, head + 16, sizeof upper);
        is_good = n > 0 && n < 10000 && slices > 0 && upper <= 1;
    }
    d->city_us = is_good ? calloc((size_t)n * n, sizeof *d->city_us) : NULL;
    if (d->city_us != NULL && read_rows(in, d, n, upper == 1)) {
        d->cities = n;
    }
    if (in != NULL) {
        (void)pclose(in); /* it may not have written all */
    }
    return d->cities > 0;
}

void distance_fini(struct distance *d)
{
    free(d->city_us);
    d->city_us = NULL;
    d->cities = 0;
}
