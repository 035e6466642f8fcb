/* Many worlds of one kind, as a program:
 *
 *   PROGRAM [--from N] [--worlds N]     worlds of the seeds N, N + 1, …; a failing one is named
 *   PROGRAM --seed N [--loud]           one again, with a trace
 *   PROGRAM --seed N --shrink           … with as few nodes and kinds of faults as still fail
 *   … [--without loss,crash] [--nodes N]  without some faults, with a number of nodes
 *
 * Exit status 0: all held, and enough happened; 1 not so; 64 wrong usage. */
#ifndef CELL_TESTS_SIM_WORLD_SUITE_H
#define CELL_TESTS_SIM_WORLD_SUITE_H

#include "tests/sim/world/world.h"

/* So much must happen in all worlds of a suite together. */
struct suite_floor {
    enum count_kind kind;
    uint64_t least;
};

struct suite {
    const char *name;
    const struct world_tenant *const *tenant;
    uint32_t tenants;
    uint64_t worlds, from;            /* without --worlds, --from; from 0: the first seed is 1 */
    const struct suite_floor *floor;  /* asked for when at least `worlds` run, with everything on */
    size_t floors;
    /* More to count: after each world, and at the end of all; the latter returns whether it is content. */
    void (*add)(const struct world *w);
    bool (*end)(bool is_whole);
    /* Options of the program itself; NULL: none. Takes what it knows: how many arguments, 0: unknown. */
    int (*option)(int argc, char **argv);
};

/* What main returns. */
int suite_main(const struct suite *s, int argc, char **argv);

#endif
