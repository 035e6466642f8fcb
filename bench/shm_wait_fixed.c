/* The waiting policies that never learn, under the interface of the one that does: the bench links the
 * same library with this in its place. The number of nanoseconds comes from the environment, which the
 * library itself never reads. */
#include <stdlib.h>

#include "common/run/shm_wait.h"

void shm_wait_init(struct shm_wait *w, uint32_t turn_ps)
{
    const char *ns = getenv("BENCH_SPIN_NS");
    uint64_t turns = (ns == NULL ? 0 : strtoull(ns, NULL, 10)) * 1000 / turn_ps;

    *w = (struct shm_wait){.turn_ps = turn_ps,
                           .budget = turns > UINT32_MAX ? UINT32_MAX : (uint32_t)turns};
}

uint32_t shm_wait_begin(struct shm_wait *w, bool is_same_cpu)
{
    (void)is_same_cpu;
    return w->budget;
}

uint32_t shm_wait_filling(const struct shm_wait *w)
{
    return w->budget;
}

void shm_wait_hit(struct shm_wait *w)
{
    (void)w;
}

void shm_wait_miss(struct shm_wait *w, uint32_t turns, uint64_t elapsed_ns)
{
    (void)w;
    (void)turns;
    (void)elapsed_ns;
}

void shm_wait_woke(struct shm_wait *w, uint64_t ns)
{
    (void)w;
    (void)ns;
}
