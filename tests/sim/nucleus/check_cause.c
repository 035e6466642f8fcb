/* Claims about causes: nothing that is wanted and well is ended, least of all because the
 * supervisor died. */
#include "tests/sim/nucleus/check.h"

static void involve(struct world *w, int cell)
{
    for (int s = 0; s < WORLD_SEATS; s++) {
        int live = w->place[cell].seat[s].live;
        if (live != WORLD_NOBODY) {
            w->proc[live].is_involved = true;
        }
    }
}

/* The machine is about to hear of a crash in `cell`. Who shares its fate is settled here: a manifest
 * that comes later may change strategies and requirements, but not what was decided by then. */
void check_cause_crash(struct world *w, int cell)
{
    w->place[cell].crash_ms = w->now_ms;
    switch (w->place[cell].entry.restart.strategy) {
    case MANIFEST_ONE_FOR_ONE:
        return;
    case MANIFEST_ONE_FOR_ALL:
        involve(w, cell);
        return;
    case MANIFEST_REST_FOR_ONE:
        for (int above = cell + 1; above < WORLD_CELLS; above++) { /* requirements have lower numbers */
            if (world_is_above(w, above, cell)) {
                involve(w, above);
            }
        }
        return;
    }
}

static bool was_asked(const struct world *w, int cell, int seat, const struct proc *p)
{
    const struct place *place = &w->place[cell];

    return !world_is_wanted(w, cell, seat) || p->hash != place->entry.hash || p->is_ended ||
           place->seat[seat].asked_ms >= p->born_ms || p->is_involved;
}

static bool is_late(const struct world *w, const struct proc *p)
{
    uint64_t since_ms = p->born_ms > w->incarnation_ms ? p->born_ms : w->incarnation_ms;

    return p->ready_told_ms == 0 && w->now_ms >= since_ms + p->ready_limit_ms;
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
    } else if (!is_late(w, p) && !check_health_may_kill(w, p)) {
        world_fail(w, "c%02d.%d #%lu is killed though it is well (mood %d)", cell, seat,
                   (unsigned long)p->generation, (int)p->mood);
    }
}
