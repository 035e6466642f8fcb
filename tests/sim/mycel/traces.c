#include "tests/sim/mycel/traces.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/rng.h"

enum { COUNT = 200000, RECORDED = 4 };

static const char *const name_of[TRACES_COUNT] = {
    "cloudphysics", "web07", "web12", "orm-busy", "zipf 1.0", "zipf 0.7", "loop", "scan and zipf", "once read", "by turns", "drift", "back and forth",
    "hot and loop",
};

static uint32_t *recorded(const char *directory, const char *name, size_t *ret_count, uint32_t *ret_ids)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.d7", directory, name);
    FILE *f = fopen(path, "rb");
    uint32_t *id = malloc(1000000 * sizeof *id);
    int64_t at = 0, ids = 0;
    uint64_t word = 0;
    uint32_t shift = 0;
    size_t count = 0;

    if (f == NULL || id == NULL) {
        fprintf(stderr, "%s is not there\n", path);
        exit(1);
    }
    for (int byte; (byte = fgetc(f)) != EOF && count < 1000000;) {
        word |= (uint64_t)(byte & 127) << shift;
        shift += 7;
        if (byte < 128) {
            at += (int64_t)(word >> 1) ^ -(int64_t)(word & 1);
            ids = at >= ids ? at + 1 : ids;
            id[count++] = (uint32_t)at;
            word = shift = 0;
        }
    }
    fclose(f);
    *ret_count = count;
    *ret_ids = (uint32_t)ids;
    return id;
}

/* Of n, by the inverse of the continuous distribution; near enough. */
static uint32_t zipf(struct rng *r, double n, double skew)
{
    double u = rng_unit(r), x = fabs(skew - 1) < 1e-9 ? pow(n, u) : pow(u * (pow(n, 1 - skew) - 1) + 1, 1 / (1 - skew));
    uint32_t rank = (uint32_t)x - 1;

    return rank < (uint32_t)n ? rank : (uint32_t)n - 1;
}

static uint32_t once_read(size_t i)
{
    /* Written, read once a little later, never again: sessions. Every second request is the read of the one 20 before. */
    return i % 2 == 0 || i < 40 ? 50000 + (uint32_t)i / 2 : 50000 + (uint32_t)(i - 39) / 2;
}

static uint32_t made_up(struct rng *r, uint32_t n, size_t i)
{
    enum { SPAN = 5000 };
    uint32_t turn = (uint32_t)(i / 40000) % 3;

    switch (n) {
    case 4:
        return zipf(r, 50000, 1);
    case 5:
        return zipf(r, 50000, .7);
    case 6:
        return (uint32_t)i % SPAN;
    case 7: /* a scan of the whole now and then */
        return i % 20000 < 8000 ? 60000 + (uint32_t)i : zipf(r, 20000, .9);
    case 8:
        return once_read(i);
    case 9: /* what suits one policy, then what suits another */
        return turn == 0 ? zipf(r, 50000, .9) : turn == 1 ? once_read(i) : 300000 + (uint32_t)i % (SPAN * 9 / 10);
    case 10: /* who is asked for changes all the time */
        return (uint32_t)(i / 20) + zipf(r, 5000, .8);
    case 11: {
        uint32_t at = (uint32_t)i % (2 * SPAN);
        return at < SPAN ? at : 2 * SPAN - 1 - at;
    }
    default:
        return i % 2 == 0 ? zipf(r, 2000, .9) : 10000 + (uint32_t)(i / 2) % SPAN;
    }
}

struct traces_item traces_make(uint32_t n, const char *directory, uint64_t seed)
{
    struct traces_item t = {.name = name_of[n]};
    size_t count;
    uint32_t ids = 0;

    if (n < RECORDED) {
        t.trace.id = recorded(directory, name_of[n], &count, &ids);
    } else {
        struct rng r;
        uint32_t *id = malloc(COUNT * sizeof *id);
        if (id == NULL) {
            abort();
        }
        rng_init(&r, seed + n);
        for (size_t i = 0; i < COUNT; i++) {
            id[i] = made_up(&r, n, i);
            ids = id[i] >= ids ? id[i] + 1 : ids;
        }
        count = COUNT;
        t.trace.id = id;
    }
    t.trace.count = count;
    t.trace.ids = ids;
    return t;
}

void traces_free(struct traces_item *item)
{
    free((void *)item->trace.id);
    item->trace.id = NULL;
}
