/* How long to spin before sleeping. Pure: turns of a loop and measured times come in, a number of
 * turns goes out; nobody sets a knob.
 *
 * What is known (docs/decisions/0006-shared-memory.md has the measurements):
 *  - Spinning for less than a wake costs is the worst of both. The budget is what a wake, seen from
 *    the sleeper, costs twice over, learned from what waking the peer costs us.
 *  - When the peer last ran on our processor it cannot run while we spin: no spin at all.
 *  - A pair in which both sides sleep sees only waits longer than a wake. A rule that stops spinning
 *    when spins miss would never start again. So the budget is larger than a whole exchange with a
 *    sleeping peer, and after misses every SHM_WAIT_PROBE_EVERY-th wait still spins: it hits as soon
 *    as the peer is quick, whatever the peer does.
 *  - A spin that took far longer than its turns cost lost the processor meanwhile: others want it.
 *    Spinning stops at once and comes back by and by. */
#ifndef CELL_COMMON_RUN_SHM_WAIT_H
#define CELL_COMMON_RUN_SHM_WAIT_H

#include <stdbool.h>
#include <stdint.h>

enum {
    SHM_WAIT_WAKE_NS = 7000,       /* what waking costs the waker, until it is learned           */
    SHM_WAIT_WAKE_MIN_NS = 700,    /* bounds of what is believed                                 */
    SHM_WAIT_WAKE_MAX_NS = 10000,
    SHM_WAIT_BUDGET_WAKES = 7,     /* budget in wakes: a sleeper is up after 2.5, twice, and slack */
    SHM_WAIT_FILL_TIMES = 20,      /* so much longer while a large payload is being written       */
    SHM_WAIT_MISSES = 16,          /* in a row, before spinning becomes the exception             */
    SHM_WAIT_PROBE_EVERY = 8,
    SHM_WAIT_LATE_TIMES = 4,       /* slower than calibrated: the processor was taken away        */
    SHM_WAIT_BUSY_MAX = 6,         /* 2^this times SHM_WAIT_BUSY_WAITS without spinning            */
    SHM_WAIT_BUSY_WAITS = 4,
};

/* One waiter: a slot that is asked on, or the serving side. Fits a line. */
struct shm_wait {
    uint32_t turn_ps;    /* what a turn costs, calibrated                 */
    uint32_t budget;     /* turns                                         */
    uint32_t wake_ns;    /* learned                                       */
    uint32_t misses;     /* in a row                                      */
    uint32_t resting;    /* waits without a spin before the next          */
    uint32_t busy;       /* how often in a row the processor was taken    */
};

/* turn_ps: what one turn of the caller's loop costs, > 0 picoseconds. */
void shm_wait_init(struct shm_wait *w, uint32_t turn_ps);

/* A wait begins. Returns the turns to spin, 0 to sleep at once. */
uint32_t shm_wait_begin(struct shm_wait *w, bool is_same_cpu);

/* The turns that a spin in progress may have once the other side is seen to write a large payload. */
uint32_t shm_wait_filling(const struct shm_wait *w);

/* The wait ended while spinning. Cheap when nothing was learned before: see shm_wait_is_clean. */
void shm_wait_hit(struct shm_wait *w);

/* Nothing to forget: shm_wait_hit would change nothing. */
static inline bool shm_wait_is_clean(const struct shm_wait *w)
{
    return (w->misses | w->busy) == 0;
}

/* `turns` were not enough; they took elapsed_ns (0: not measured). */
void shm_wait_miss(struct shm_wait *w, uint32_t turns, uint64_t elapsed_ns);

/* Waking a sleeper on another processor took us `ns`. */
void shm_wait_woke(struct shm_wait *w, uint64_t ns);

#endif
