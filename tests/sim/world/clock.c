#include "tests/sim/world/clock.h"

enum {
    MILLION = 1000000,
    HOUR_US_SHIFT = 32, /* bases lie within 2^32 us, about 72 minutes */
};

/* The wall shows about this when a world begins: any moment that is not 0. */
static const int64_t epoch_us = INT64_C(1700000000) * MILLION;

static int64_t either_way(struct dice *d, uint64_t most)
{
    return (int64_t)dice_below(d, DICE_CLOCK, 2 * most + 1) - (int64_t)most;
}

void clock_init(struct clock *c, struct dice *d, uint64_t skew_us)
{
    int64_t skew = either_way(d, skew_us);
    int64_t drift = either_way(d, CLOCK_DRIFT_PPM_MAX);

    c->base_us = 1 + dice_below(d, DICE_CLOCK, UINT64_C(1) << HOUR_US_SHIFT);
    c->drift_ppm = dice_is_off(d, DICE_CLOCK) ? 0 : (int32_t)drift;
    c->wall_us = epoch_us + (dice_is_off(d, DICE_CLOCK) ? 0 : skew);
}

uint64_t clock_mono_us(const struct clock *c, uint64_t true_us)
{
    return c->base_us + true_us * (uint64_t)(MILLION + c->drift_ppm) / MILLION;
}

uint64_t clock_wall_us(const struct clock *c, uint64_t true_us)
{
    return (uint64_t)(c->wall_us + (int64_t)true_us);
}

uint64_t clock_true_us(const struct clock *c, uint64_t at_us, uint64_t now_true_us)
{
    if (at_us <= clock_mono_us(c, now_true_us)) {
        return now_true_us;
    }
    uint64_t rate = (uint64_t)(MILLION + c->drift_ppm);
    uint64_t true_us = ((at_us - c->base_us) * MILLION + rate - 1) / rate;
    while (clock_mono_us(c, true_us) < at_us) {
        true_us++; /* rounding: at most one */
    }
    return true_us;
}

void clock_jump(struct clock *c, struct dice *d, uint64_t most_us)
{
    int64_t by = either_way(d, most_us);

    c->wall_us += dice_is_off(d, DICE_CLOCK) ? 0 : by;
}
