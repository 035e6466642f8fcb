/* Faults by hand, for worlds that measure one thing: see world.h's is_scripted. */
#ifndef CELL_TESTS_SIM_WORLD_SCRIPT_H
#define CELL_TESTS_SIM_WORLD_SCRIPT_H

#include "tests/sim/world/world.h"

/* The process ends. has_power: the machine goes on, so its disk's cache is kept. No restart follows. */
void script_crash(struct world *w, uint32_t node, bool has_power);

/* The process begins (again), now. wipe: with an empty disk. */
void script_start(struct world *w, uint32_t node, bool wipe);

/* The node gets no CPU until for_us from now: packets wait (up to WORLD_INBOX_MAX), timers are late. */
void script_pause(struct world *w, uint32_t node, uint64_t for_us);

#endif
