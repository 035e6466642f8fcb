/* Claims about health: whoever sleeps or is stopped is found within two periods. */
#include "tests/sim/nucleus/check.h"

void check_health_look(struct world *w, int proc)
{
    const struct proc *p = &w->proc[proc];
    uint64_t grace_ms = 3 * (uint64_t)p->every_ms + w->delay_ms_max;
    bool has_joined = p->joined_ms >= w->incarnation_ms && p->mood_since_ms > p->joined_ms;
    bool was_disturbed = w->node == NULL || w->now_ms < w->last_stall_ms + grace_ms ||
                         !has_joined || w->now_ms < w->stall_until_ms ||
                         (w->lost_sample_ms != 0 && w->now_ms < w->lost_sample_ms + grace_ms);

    if (!p->lives || p->mood == MOOD_WELL || p->is_trivial || was_disturbed ||
        p->mood_until_ms < w->now_ms + p->every_ms || w->now_ms - p->mood_since_ms < 2 * p->every_ms) {
        return;
    }
    if (p->is_published) {
        world_fail(w, "c%02d.%d hangs for two periods and is still thought healthy", p->cell, p->seat);
    }
}
