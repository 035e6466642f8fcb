/* Claims about rest: once nothing disturbs any more, what is wanted and can serve serves, what is
 * not wanted is gone, and nobody is forgotten. */
#include <stdio.h>

#include "tests/sim/nucleus/check.h"

static const struct node_instance *at(struct world *w, int cell, int seat)
{
    int32_t slot = node_find(w->node, "default", w->place[cell].name, (uint32_t)seat);

    return slot < 0 ? NULL : node_at(w->node, (uint32_t)slot);
}

static bool given_up(struct world *w, int cell, int seat)
{
    const struct node_instance *i = at(w, cell, seat);

    return i != NULL && i->state == NODE_CRASH_LOOP;
}

/* Whether some instance of `cell` can serve: it is wanted, not given up, and so below. */
static bool can_serve(struct world *w, int cell)
{
    const struct place *p = &w->place[cell];
    bool any = false;

    for (int s = 0; s < WORLD_SEATS; s++) {
        any = any || (world_is_wanted(w, cell, s) && !given_up(w, cell, s));
    }
    for (int r = 0; r < p->requires_count && any; r++) {
        any = can_serve(w, p->requires[r]);
    }
    return any;
}

static bool any_given_up(struct world *w, int cell)
{
    for (int s = 0; s < WORLD_SEATS; s++) {
        if (given_up(w, cell, s)) {
            return true;
        }
    }
    return false;
}

static bool wanted_is_up(struct world *w, int cell, int seat, char why[256])
{
    const struct place *p = &w->place[cell];
    int live = p->seat[seat].live;
    const struct node_instance *i = at(w, cell, seat);
    bool can = !given_up(w, cell, seat);

    for (int r = 0; r < p->requires_count; r++) {
        can = can && can_serve(w, p->requires[r]);
    }
    if (!can) {
        return true; /* running or not: nothing better can be had */
    }
    if (i == NULL || live == WORLD_NOBODY || i->state != NODE_READY || !i->is_healthy ||
        !w->proc[live].is_published || w->proc[live].mood != MOOD_WELL) {
        snprintf(why, 256, "c%02d.%d is wanted and %s (%s)", cell, seat,
                 i == NULL ? "missing" : node_state_name(i->state), i == NULL ? "" : i->reason);
        return false;
    }
    if (w->proc[live].must_restart) {
        snprintf(why, 256, "c%02d.%d was not restarted with its group", cell, seat);
        return false;
    }
    /* A roll halts when the new version fails; otherwise everyone gets the new entry. */
    if (w->proc[live].hash != p->entry.hash && !any_given_up(w, cell)) {
        snprintf(why, 256, "c%02d.%d still runs an old version", cell, seat);
        return false;
    }
    return true;
}

static bool unwanted_is_gone(struct world *w, int cell, int seat, char why[256])
{
    const struct place *p = &w->place[cell];
    const struct node_instance *i = at(w, cell, seat);
    bool should_be_known = (uint32_t)seat < world_wanted(w, cell);

    if (p->seat[seat].live != WORLD_NOBODY) {
        snprintf(why, 256, "c%02d.%d is not wanted and lives", cell, seat);
        return false;
    }
    if (should_be_known != (i != NULL) || (i != NULL && i->state != NODE_STOPPED)) {
        snprintf(why, 256, "c%02d.%d is not wanted and %s", cell, seat,
                 i == NULL ? "unknown" : node_state_name(i->state));
        return false;
    }
    return true;
}

bool check_progress_reached(struct world *w, char why[256])
{
    if (w->node == NULL) {
        snprintf(why, 256, "the supervisor is dead");
        return false;
    }
    for (int c = 0; c < WORLD_CELLS; c++) {
        for (int s = 0; s < WORLD_SEATS; s++) {
            bool is_fine = world_is_wanted(w, c, s) ? wanted_is_up(w, c, s, why)
                                                    : unwanted_is_gone(w, c, s, why);
            if (!is_fine) {
                return false;
            }
        }
    }
    if (w->is_down != w->is_done) {
        snprintf(why, 256, "down is not done");
        return false;
    }
    return true;
}
