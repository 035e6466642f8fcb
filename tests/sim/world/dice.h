/* The one source of chance in a world. Every kind of chance has a stream of its own, all drawn from
 * one seed: a fault that is switched off leaves what the other streams give unchanged, so that a failing
 * seed can be tried again with fewer faults (suite.h). */
#ifndef CELL_TESTS_SIM_WORLD_DICE_H
#define CELL_TESTS_SIM_WORLD_DICE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/rng.h"

/* X(name, how the command line calls it). From DELAY on they are faults and can be switched off. */
#define DICE_MAP(X)                                                                                \
    X(SHAPE, "shape")                                                                              \
    X(ORDER, "order")                                                                              \
    X(TENANT, "tenant")                                                                            \
    X(DELAY, "delay")                                                                              \
    X(LOSS, "loss")                                                                                \
    X(DUPLICATE, "duplicate")                                                                      \
    X(PARTITION, "partition")                                                                      \
    X(CLOG, "clog")                                                                                \
    X(CRASH, "crash")                                                                              \
    X(PAUSE, "pause")                                                                              \
    X(DISK, "disk")                                                                                \
    X(CLOCK, "clock")

enum dice_kind {
#define X(name, text) DICE_##name,
    DICE_MAP(X)
#undef X
};

/* Not a member of the enum, as in err.h. */
#define X(name, text) +1
enum {
    DICE_KINDS = 0 DICE_MAP(X),
    DICE_PPM = 1000000, /* chances are counted in millionths */
};
#undef X

struct dice {
    struct rng stream[DICE_KINDS];
    uint32_t off; /* bit of a kind: it never happens */
};

/* Every seed gives independent streams. off: bits of the kinds that do not happen. */
void dice_init(struct dice *d, uint64_t seed, uint32_t off);

/* The name on the command line, and back; DICE_KINDS when there is none of that name. */
const char *dice_name(enum dice_kind kind);
uint32_t dice_find(const char *name);

bool dice_is_off(const struct dice *d, enum dice_kind kind);

/* Uniform in [0, bound); 0 when bound is 0. Drawn also when the kind is off. */
uint64_t dice_below(struct dice *d, enum dice_kind kind, uint64_t bound);

/* Uniform in [least, most]. */
uint64_t dice_between(struct dice *d, enum dice_kind kind, uint64_t least, uint64_t most);

/* Whether it happens, `ppm` times in a million; never when the kind is off. */
bool dice_chance(struct dice *d, enum dice_kind kind, uint32_t ppm);

/* Exponentially distributed with this mean, at most twenty times it; 0 when the mean is 0. */
uint64_t dice_after(struct dice *d, enum dice_kind kind, uint64_t mean_us);

#endif
