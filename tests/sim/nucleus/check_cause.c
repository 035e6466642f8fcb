/* Claims about causes: nothing that is wanted and well is ended, least of all because the
 * supervisor died; the starved are spared. */
#include "tests/sim/nucleus/check.h"

bool check_cause_group(const struct world *w, int cell, uint64_t since_ms)
{
    for (int below = 0; below < cell; below++) { /* requirements have lower numbers */
        /* The strategy may have been changed since: any crash below excuses. */
        if (w->place[below].crash_ms >= since_ms && world_is_above(w, cell, below)) {
            return true;
        }
    }
    return false;
}

static bool was_asked(const struct world *w, int cell, int seat, const struct proc *p)
{
    const struct place *place = &w->place[cell];

    return !world_is_wanted(w, cell, seat) || p->hash != place->entry.hash || p->is_ended ||
           place->seat[seat].asked_ms >= p->born_ms ||
           (place->entry.restart.strategy != MANIFEST_ONE_FOR_ONE && place->crash_ms >= p->born_ms) ||
           check_cause_group(w, cell, p->born_ms);
}

static bool is_late(const struct world *w, const struct proc *p)
{
    uint64_t since_ms = p->born_ms > w->incarnation_ms ? p->born_ms : w->incarnation_ms;

    return p->ready_told_ms == 0 && w->now_ms >= since_ms + p->ready_limit_ms;
}

/* Hung for two periods at least, or starved beyond all patience. */
static bool is_hung(const struct world *w, const struct proc *p)
{
    uint64_t silent_ms = w->now_ms - p->beat_ms;

    switch (p->mood) {
    case MOOD_ASLEEP:
    case MOOD_BUSY:
    case MOOD_STOPPED:
        return silent_ms >= 2 * (uint64_t)p->every_ms - p->every_ms / 4;
    case MOOD_STARVED:
        return silent_ms >= 30 * (uint64_t)p->every_ms;
    case MOOD_WELL:
        return false;
    }
    return false;
}

void check_cause_end(struct world *w, int cell, int seat, const struct node_effect *e)
{
    const struct proc *p = &w->proc[w->place[cell].seat[seat].live];

    if (p->is_ended || p->ends_itself || p->drains || was_asked(w, cell, seat, p)) {
        return;
    }
    if (e->kind != NODE_FX_KILL) {
        world_fail(w, "c%02d.%d #%lu is told to end without a cause", cell, seat,
                   (unsigned long)p->generation);
    } else if (!is_late(w, p) && !is_hung(w, p)) {
        world_fail(w, "c%02d.%d #%lu is killed though it is well (mood %d)", cell, seat,
                   (unsigned long)p->generation, (int)p->mood);
    }
}
