/* Claims about processes: at most one lives in a place, nobody is started who is not wanted, every
 * start is on record first, and the disk says what the machine thinks. */
#include "tests/sim/nucleus/check.h"

void check_process_spawn(struct world *w, int cell, int seat, const struct node_effect *e)
{
    const struct seat *s = &w->place[cell].seat[seat];
    const struct record *r = &w->record[e->slot];

    if (s->live != WORLD_NOBODY) {
        world_fail(w, "c%02d.%d is started while #%lu lives", cell, seat,
                   (unsigned long)w->proc[s->live].generation);
    }
    if (!world_is_wanted(w, cell, seat)) {
        world_fail(w, "c%02d.%d is started though nobody wants it", cell, seat);
    }
    if (!r->is_kept || r->at.generation != e->generation || !r->at.is_spawning) {
        world_fail(w, "c%02d.%d is started before its record is stored", cell, seat);
    }
    for (int i = 0; i < w->procs; i++) {
        if (w->proc[i].generation >= e->generation) {
            world_fail(w, "c%02d.%d gets generation %lu, which is not new", cell, seat,
                       (unsigned long)e->generation);
        }
    }
}

static void check_published(struct world *w, int cell, int seat, const struct node_effect *e)
{
    const struct seat *s = &w->place[cell].seat[seat];
    const struct proc *p = s->live == WORLD_NOBODY ? NULL : &w->proc[s->live];

    if (e->kind == NODE_FX_PUBLISH && p != NULL && p->ready_told_ms == 0 &&
        p->born_ms >= w->incarnation_ms) {
        world_fail(w, "c%02d.%d is published before it is ready", cell, seat);
    }
    bool ends = e->kind == NODE_FX_DRAIN || e->kind == NODE_FX_TERM || e->kind == NODE_FX_KILL;
    /* After a recovery the dead supervisor's sockets are taken over without a word. */
    if (ends && p != NULL && p->is_published && p->born_ms >= w->incarnation_ms) {
        world_fail(w, "c%02d.%d is ended while its sockets are open to new calls", cell, seat);
    }
}

void check_process_effect(struct world *w, int cell, int seat, const struct node_effect *e)
{
    if (e->slot != UINT32_MAX) {
        check_published(w, cell, seat, e);
    }
    if (e->kind == NODE_FX_DONE) {
        for (int i = 0; i < w->procs; i++) {
            if (w->proc[i].lives) {
                world_fail(w, "done while c%02d.%d lives", w->proc[i].cell, w->proc[i].seat);
            }
        }
        if (!w->is_down) {
            world_fail(w, "done though nobody said down");
        }
    }
}

/* After all effects of a step the disk and the machine agree on what a successor needs. */
void check_process_step(struct world *w)
{
    uint32_t kept = 0, used = 0;

    for (uint32_t slot = 0; slot < w->records && !w->has_failed; slot++) {
        const struct node_instance *i = node_at(w->node, slot);
        const struct node_instance *r = &w->record[slot].at;
        used += i != NULL;
        kept += w->record[slot].is_kept;
        if (i == NULL || !w->record[slot].is_kept) {
            continue;
        }
        if (i->state != r->state || i->generation != r->generation || i->is_held != r->is_held ||
            i->is_wanted != r->is_wanted || i->ending != r->ending || i->fails != r->fails ||
            i->restart_after_exit != r->restart_after_exit || i->is_spawning != r->is_spawning ||
            i->crash_count != r->crash_count || i->is_blamed != r->is_blamed ||
            i->is_alive != r->is_alive || i->was_ready != r->was_ready || i->turn != r->turn) {
            world_fail(w, "%s.%u: the record differs from the machine (%s, %s)", i->name, i->instance,
                       node_state_name(i->state), node_state_name(r->state));
        }
    }
    uint32_t all = 0;
    for (uint32_t slot = 0; slot < node_slots(w->node); slot++) {
        all += node_at(w->node, slot) != NULL;
    }
    if (kept != used || all != used) {
        world_fail(w, "%u records, %u instances", kept, all);
    }
}
