/* Claims about order: nothing starts before what it requires serves, nothing ends before what
 * requires it has ended, and a roll takes one at a time. */
#include <stddef.h>

#include "tests/sim/nucleus/check.h"

static bool serves(const struct world *w, int cell, int seat)
{
    int live = w->place[cell].seat[seat].live;

    return live != WORLD_NOBODY && w->proc[live].is_published;
}

/* A process that just died is still published as far as the supervisor can know. */
static bool may_serve(const struct world *w, int cell, int seat)
{
    if (serves(w, cell, seat)) {
        return true;
    }
    for (int i = w->procs - 1; i >= 0; i--) {
        const struct proc *p = &w->proc[i];
        if (p->cell == cell && p->seat == seat) {
            return p->is_posthumous ||
                   (!p->lives && p->is_published && w->now_ms - p->died_ms <= 600 + WORLD_SLACK_MS);
        }
    }
    return false;
}

void check_order_spawn(struct world *w, int cell, int seat)
{
    const struct place *p = &w->place[cell];

    for (int r = 0; r < p->requires_count; r++) {
        int below = p->requires[r];
        uint32_t wanted = world_wanted(w, below), up = 0, pending = 0;
        for (uint32_t s = 0; s < wanted; s++) {
            bool counts = world_is_wanted(w, below, (int)s);
            up += counts && may_serve(w, below, (int)s);
            pending += counts && !may_serve(w, below, (int)s);
        }
        /* A stall hides deaths for as long as it lasts. */
        if (up == 0 && w->now_ms > w->last_stall_ms + WORLD_SLACK_MS) {
            world_fail(w, "c%02d.%d starts before c%02d serves", cell, seat, below);
        }
        if (!p->seat[seat].was_spawned && pending > 0 && w->place[below].ended == 0) {
            world_fail(w, "c%02d.%d starts first before all of c%02d serve", cell, seat, below);
        }
    }
}

static bool any_wanted(const struct world *w, int cell)
{
    for (int s = 0; s < WORLD_SEATS; s++) {
        if (world_is_wanted(w, cell, s)) {
            return true;
        }
    }
    return false;
}

/* Of what goes away, the first to be told is one that nothing living and going requires. */
static void check_reverse(struct world *w, int cell, int seat)
{
    for (int c = 0; c < WORLD_CELLS; c++) {
        if (c == cell || !world_is_above(w, c, cell)) {
            continue;
        }
        for (int s = 0; s < WORLD_SEATS; s++) {
            int live = w->place[c].seat[s].live;
            if (live != WORLD_NOBODY && !world_is_wanted(w, c, s) &&
                w->proc[live].born_ms < w->now_ms) {
                world_fail(w, "c%02d.%d is ended before c%02d.%d, which requires it", cell, seat, c, s);
            }
        }
    }
}

/* A changed or restarted cell keeps serving: one of its instances at a time. */
static void check_roll(struct world *w, int cell, int seat, const struct proc *p)
{
    const struct place *place = &w->place[cell];
    bool is_roll = p->hash != place->entry.hash && place->crash_ms < p->born_ms && !p->is_involved;

    if (!is_roll || p->is_doubted || p->unpublished_ms != w->now_ms || place->entry.restart.strategy != MANIFEST_ONE_FOR_ONE) {
        return;
    }
    for (int s = 0; s < WORLD_SEATS; s++) {
        int live = place->seat[s].live;
        if (s != seat && world_is_wanted(w, cell, s) && place->seat[s].asked_ms == place->seat[seat].asked_ms &&
            live != WORLD_NOBODY && w->proc[live].is_ended) {
            world_fail(w, "c%02d.%d is replaced while c%02d.%d is", cell, seat, cell, s);
        }
    }
}

void check_order_end(struct world *w, int cell, int seat, const struct node_effect *e)
{
    int live = w->place[cell].seat[seat].live;
    bool is_first = live != WORLD_NOBODY && !w->proc[live].is_ended && !w->proc[live].is_decided &&
                    !w->proc[live].ends_itself;

    if (!is_first || e->kind == NODE_FX_KILL) {
        return; /* SIGKILL first is for a fault of its own */
    }
    if (!world_is_wanted(w, cell, seat) && !any_wanted(w, cell)) {
        check_reverse(w, cell, seat);
    } else if (world_is_wanted(w, cell, seat)) {
        check_roll(w, cell, seat, &w->proc[live]);
    }
}
