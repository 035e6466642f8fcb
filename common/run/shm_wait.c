#include "common/run/shm_wait.h"

#include <assert.h>

enum {
    PS_PER_NS = 1000,
    LEARN_SHARE = 8, /* a new measurement counts this part */
};

static uint32_t turns_of(const struct shm_wait *w, uint64_t ns)
{
    uint64_t turns = ns * PS_PER_NS / w->turn_ps;

    return turns > UINT32_MAX ? UINT32_MAX : turns > 0 ? (uint32_t)turns : 1;
}

static void set_budget(struct shm_wait *w)
{
    w->budget = turns_of(w, (uint64_t)w->wake_ns * SHM_WAIT_BUDGET_WAKES);
}

void shm_wait_init(struct shm_wait *w, uint32_t turn_ps)
{
    assert(turn_ps > 0);
    *w = (struct shm_wait){.turn_ps = turn_ps, .wake_ns = SHM_WAIT_WAKE_NS};
    set_budget(w);
}

uint32_t shm_wait_begin(struct shm_wait *w, bool is_same_cpu)
{
    if (is_same_cpu) {
        return 0; /* so that the peer can run */
    }
    if (w->resting > 0) {
        w->resting--;
        return 0;
    }
    return w->budget;
}

uint32_t shm_wait_filling(const struct shm_wait *w)
{
    uint64_t turns = (uint64_t)w->budget * SHM_WAIT_FILL_TIMES;

    return turns > UINT32_MAX ? UINT32_MAX : (uint32_t)turns;
}

void shm_wait_hit(struct shm_wait *w)
{
    w->misses = 0;
    w->busy = w->busy > 0 ? w->busy - 1 : 0;
}

void shm_wait_miss(struct shm_wait *w, uint32_t turns, uint64_t elapsed_ns)
{
    uint64_t expected_ns = (uint64_t)turns * w->turn_ps / PS_PER_NS;
    if (elapsed_ns > expected_ns * SHM_WAIT_LATE_TIMES) {
        w->resting = (uint32_t)SHM_WAIT_BUSY_WAITS << w->busy;
        w->busy = w->busy < SHM_WAIT_BUSY_MAX ? w->busy + 1 : SHM_WAIT_BUSY_MAX;
        return;
    }
    w->misses = w->misses < SHM_WAIT_MISSES ? w->misses + 1 : SHM_WAIT_MISSES;
    if (w->misses == SHM_WAIT_MISSES) {
        w->resting = SHM_WAIT_PROBE_EVERY - 1;
    }
}

void shm_wait_woke(struct shm_wait *w, uint64_t ns)
{
    uint64_t believed = ns < SHM_WAIT_WAKE_MIN_NS   ? SHM_WAIT_WAKE_MIN_NS
                        : ns > SHM_WAIT_WAKE_MAX_NS ? SHM_WAIT_WAKE_MAX_NS
                                                    : ns;

    w->wake_ns += (uint32_t)(((int64_t)believed - (int64_t)w->wake_ns) / LEARN_SHARE);
    set_budget(w);
}
