#include "tests/sim/world/dice.h"

#include <math.h>
#include <string.h>

static const char *const names[] = {
#define X(name, text) text,
    DICE_MAP(X)
#undef X
};

void dice_init(struct dice *d, uint64_t seed, uint32_t off)
{
    struct rng spread;

    rng_init(&spread, seed);
    for (uint32_t k = 0; k < DICE_KINDS; k++) {
        rng_init(&d->stream[k], rng_next(&spread));
    }
    /* What shapes a world is no fault: without it there is no world. */
    d->off = off & ~((1u << DICE_DELAY) - 1);
}

const char *dice_name(enum dice_kind kind)
{
    return names[kind];
}

uint32_t dice_find(const char *name)
{
    for (uint32_t k = 0; k < DICE_KINDS; k++) {
        if (strcmp(names[k], name) == 0) {
            return k;
        }
    }
    return DICE_KINDS;
}

bool dice_is_off(const struct dice *d, enum dice_kind kind)
{
    return (d->off >> kind & 1) != 0;
}

uint64_t dice_below(struct dice *d, enum dice_kind kind, uint64_t bound)
{
    return bound == 0 ? 0 : rng_below(&d->stream[kind], bound);
}

uint64_t dice_between(struct dice *d, enum dice_kind kind, uint64_t least, uint64_t most)
{
    return least + dice_below(d, kind, most - least + 1);
}

bool dice_chance(struct dice *d, enum dice_kind kind, uint32_t ppm)
{
    /* Drawn in any case: the stream moves on the same way whether the kind is off or not. */
    bool happens = ppm != 0 && rng_below(&d->stream[kind], DICE_PPM) < ppm;

    return happens && !dice_is_off(d, kind);
}

uint64_t dice_after(struct dice *d, enum dice_kind kind, uint64_t mean_us)
{
    double u = rng_unit(&d->stream[kind]);
    double far = -log1p(-u); /* u < 1: finite */

    return (uint64_t)((double)mean_us * (far > 20 ? 20 : far));
}
