/* Claims about health: whoever hangs is found within two periods (the busy within dead_after); nobody
 * is killed before the misses are full, and nobody at all who could not help its silence. */
#include "tests/sim/nucleus/check.h"

enum { CLOCKS_MS = 5 }; /* two clocks, each up to 2 ms late, and rounding */

static uint64_t misses_ms(const struct proc *p)
{
    return (uint64_t)p->every_ms * (p->dead_after > 2 ? p->dead_after : 2);
}

/* To the millisecond where messages are fast: what is promised is counted from the hang, which comes
 * right after a beat at the worst. Where the way takes longer than an eighth of a period, the rest of
 * it is not the supervisor's. */
uint64_t check_health_limit_ms(const struct world *w, const struct proc *p)
{
    uint64_t way_ms = w->delay_ms_max + CLOCKS_MS, early_ms = p->every_ms / 8;
    uint64_t periods_ms = p->mood == MOOD_BUSY ? misses_ms(p) : 2 * (uint64_t)p->every_ms;

    return periods_ms + (way_ms > early_ms ? way_ms - early_ms : 0);
}

void check_health_look(struct world *w, int proc)
{
    const struct proc *p = &w->proc[proc];
    /* A stall or a sample that was lost in this silence or shortly before puts the looks off. */
    uint64_t since_ms = p->mood_since_ms - 2 * (uint64_t)p->every_ms;
    bool has_joined = p->joined_ms >= w->incarnation_ms && p->mood_since_ms > p->joined_ms;
    bool was_disturbed = w->node == NULL || !has_joined || w->last_stall_ms >= since_ms ||
                         w->lost_sample_ms >= since_ms;

    if (!p->lives || p->mood == MOOD_WELL || p->is_trivial || was_disturbed) {
        return;
    }
    if (p->is_published) {
        world_fail(w, "c%02d.%d hangs for two periods and is still thought healthy", p->cell, p->seat);
    }
}

/* It is well, but nothing it said since has been heard: on its way or lost. */
static bool has_just_come_back(const struct world *w, const struct proc *p)
{
    uint64_t back_ms = p->mood_until_ms;

    if (p->mood_since_ms == 0 || p->heard_ms >= back_ms) {
        return false;
    }
    switch (p->mood_drawn) {
    case MOOD_ASLEEP: /* asleep between two beats looks like asleep */
        return w->now_ms <= back_ms + world_process_losses_max(p) * (uint64_t)p->every_ms +
                                p->every_ms / 4;
    case MOOD_BUSY:
    case MOOD_STARVED: /* most of the time between two looks it was still */
        return w->now_ms <= back_ms + p->every_ms / 2;
    case MOOD_STOPPED: /* a look shows that it is not */
    case MOOD_WELL:
        return false;
    }
    return false;
}

bool check_health_may_kill(const struct world *w, const struct proc *p)
{
    uint64_t since_ms = p->heard_ms > w->incarnation_ms ? p->heard_ms : w->incarnation_ms;
    uint64_t silent_ms = w->now_ms - since_ms;
    enum mood mood = p->mood != MOOD_WELL ? p->mood : p->mood_drawn;

    if (p->mood == MOOD_WELL && !has_just_come_back(w, p)) {
        return false;
    }
    switch (mood) {
    case MOOD_ASLEEP:
        return silent_ms >= misses_ms(p);
    case MOOD_BUSY:
    case MOOD_STOPPED:
        return silent_ms >= 2 * misses_ms(p);
    case MOOD_STARVED:
        return silent_ms >= 30 * (uint64_t)p->every_ms;
    case MOOD_WELL:
        return false;
    }
    return false;
}
