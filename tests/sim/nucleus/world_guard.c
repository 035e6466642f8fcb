/* The guard: the supervisor's parent, who starts its successor and reaps what a dead one left. It dies
 * too; then the supervisor starts another, which watches it without being above it: until its next
 * successor, orphans go to init, and how they end nobody hears. */
#include "tests/sim/nucleus/world.h"

enum { REPLACED_MS = 20 }; /* a supervisor that gets the CPU has started another by then */

static void later(struct world *w, enum happening_kind kind, uint64_t in_ms)
{
    world_later(w, in_ms, (struct happening){.kind = kind, .proc = WORLD_NOBODY, .value = w->guard,
                                             .incarnation = w->incarnation});
}

/* With nobody left the node has ended: its cells leave, and what a person starts then is another node
 * that knows nothing of this one. */
static void end_of_node(struct world *w)
{
    world_tell_loud(w, "guard and supervisor are dead: the node has ended");
    w->has_ended = true;
}

void world_guard_begin(struct world *w)
{
    w->guard = 1;
    w->guard_lives = w->guard_is_above = true;
    if (w->guard_dies) {
        later(w, HAPPEN_GUARD_DIES, 1 + world_draw(w, 30000));
    }
}

static void die(struct world *w)
{
    world_tell_loud(w, "the guard is dead");
    w->guard_deaths++;
    w->guard_lives = w->guard_is_above = false;
    for (int i = 0; i < w->procs; i++) {
        if (w->proc[i].lives) {
            w->proc[i].reaped_by = 0;
        }
    }
    if (w->node == NULL) {
        end_of_node(w);
        return;
    }
    uint64_t stalled_ms = w->stall_until_ms > w->now_ms ? w->stall_until_ms - w->now_ms : 0;
    later(w, HAPPEN_GUARD_NEW, stalled_ms + world_draw(w, REPLACED_MS));
}

void world_guard_happen(struct world *w, const struct happening *h)
{
    if (h->kind == HAPPEN_GUARD_NEW) {
        world_tell_loud(w, "another guard");
        w->guard++;
        w->guard_lives = true;
        return;
    }
    if (w->guard_lives && !world_is_calm(w)) {
        die(w);
    }
    if (!world_is_calm(w)) {
        later(w, HAPPEN_GUARD_DIES, 1 + world_draw(w, 30000));
    }
}

void world_guard_orphans(struct world *w)
{
    for (int i = 0; i < w->procs; i++) {
        struct proc *p = &w->proc[i];
        if (p->is_child) {
            p->is_child = false;
            p->reaped_by = w->guard_is_above ? w->guard : 0;
        }
    }
    if (!w->guard_lives) {
        end_of_node(w);
    }
    w->guard_is_above = true; /* of the successor it starts */
}

bool world_guard_knows(const struct world *w, const struct proc *p)
{
    return p->is_child || (w->guard_lives && p->reaped_by == w->guard);
}
