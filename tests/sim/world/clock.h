/* The clocks of one machine: a monotonic one, which starts anywhere, runs a little fast or slow and never
 * goes back, and the wall's, which is wrong and may jump. True time is microseconds since the world
 * began. */
#ifndef CELL_TESTS_SIM_WORLD_CLOCK_H
#define CELL_TESTS_SIM_WORLD_CLOCK_H

#include <stdint.h>

#include "tests/sim/world/dice.h"

enum {
    CLOCK_DRIFT_PPM_MAX = 500, /* what NTP allows an oscillator (RFC 5905, section 11.3: MAXFREQ) */
};

struct clock {
    uint64_t base_us;  /* monotonic at the beginning of the world */
    int32_t drift_ppm;
    int64_t wall_us;   /* the wall's minus the true time */
};

/* skew_us: the wall is wrong by at most this; 0 and drift 0 when DICE_CLOCK is off. */
void clock_init(struct clock *c, struct dice *d, uint64_t skew_us);

/* What the two clocks show at the true time. */
uint64_t clock_mono_us(const struct clock *c, uint64_t true_us);
uint64_t clock_wall_us(const struct clock *c, uint64_t true_us);

/* The first true time at which the monotonic clock shows at_us; not before now. */
uint64_t clock_true_us(const struct clock *c, uint64_t at_us, uint64_t now_true_us);

/* The wall's jumps forward or back by at most most_us. */
void clock_jump(struct clock *c, struct dice *d, uint64_t most_us);

#endif
