/* The supervisor's hands in this world: feeds the machine, performs its effects in order, dies
 * anywhere, and recovers from what was stored and what really lives. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/nucleus/check.h"

int world_cell_of(const struct world *w, const char *name)
{
    int cell = atoi(name + 1);

    assert(cell >= 0 && cell < WORLD_CELLS && strcmp(w->place[cell].name, name) == 0);
    return cell;
}

uint32_t world_wanted(const struct world *w, int cell)
{
    const struct place *p = &w->place[cell];

    return !p->is_listed ? 0 : p->is_scaled ? p->scale : p->entry.instances;
}

bool world_is_above(const struct world *w, int above, int below)
{
    int queue[WORLD_CELLS] = {above}, count = 1;
    bool seen[WORLD_CELLS] = {false};

    for (int i = 0; i < count; i++) {
        const struct place *p = &w->place[queue[i]];
        for (int r = 0; r < p->requires_count; r++) {
            if (p->requires[r] == below) {
                return true;
            }
            if (!seen[p->requires[r]]) {
                seen[p->requires[r]] = true;
                queue[count++] = p->requires[r];
            }
        }
    }
    return false;
}

bool world_is_wanted(const struct world *w, int cell, int seat)
{
    return !w->is_down && (uint32_t)seat < world_wanted(w, cell) && !w->place[cell].seat[seat].is_held;
}

/* ---- the disk ------------------------------------------------------------------------------------- */

static void keep(struct world *w, const struct node_effect *e)
{
    assert(e->record != NULL);
    w->record[e->slot] = (struct record){.is_kept = true, .at = *e->record};
    w->records = e->slot + 1 > w->records ? e->slot + 1 : w->records;
    if (e->record->generation > w->generation_max) {
        w->generation_max = e->record->generation;
    }
}

static void keep_scale(struct world *w, const struct node_effect *e)
{
    int cell = world_cell_of(w, e->name);

    w->scale_is_kept[cell] = e->count != e->of;
    memcpy(w->scale[cell].space, e->space, sizeof e->space);
    memcpy(w->scale[cell].name, e->name, sizeof e->name);
    w->scale[cell].count = e->count;
    w->scale[cell].of = e->of;
}

static void forget(struct world *w, const struct node_effect *e)
{
    struct seat *s = &w->place[world_cell_of(w, e->name)].seat[e->instance];

    if (s->live != WORLD_NOBODY) {
        world_fail(w, "%s.%u is forgotten while it lives", e->name, e->instance);
    }
    s->is_known = s->is_held = s->was_spawned = s->in_group = false;
    s->ends = s->sures = 0;
    s->hopeless_ms = 0;
    w->record[e->slot].is_kept = false;
}

/* ---- effects on processes ---------------------------------------------------------------------------- */

static void spawn(struct world *w, int cell, int seat, const struct node_effect *e)
{
    bool fails = !world_is_calm(w) && world_chance(w, w->spawn_fails_one_in);

    check_process_spawn(w, cell, seat, e);
    check_order_spawn(w, cell, seat);
    check_restart_spawn(w, cell, seat);
    w->spawns++;
    w->place[cell].seat[seat].was_spawned = true;
    w->place[cell].seat[seat].generation = e->generation;
    int proc = world_process_born(w, cell, seat, e);
    uint64_t late_ms = world_chance(w, 3) ? world_draw(w, 50) : 0;
    if (fails) {
        w->proc[proc].lives = false;
        w->place[cell].seat[seat].live = WORLD_NOBODY;
        w->place[cell].crash_ms = w->now_ms;
        w->place[cell].ended++;
    }
    world_process_tell(w, proc, fails ? NODE_EV_SPAWN_FAILED : NODE_EV_SPAWNED, late_ms);
}

static struct proc *find_generation(struct world *w, uint64_t generation)
{
    static struct proc none;

    for (int i = w->procs - 1; i >= 0; i--) {
        if (w->proc[i].generation == generation) {
            return &w->proc[i];
        }
    }
    return &none; /* adopted records may be of a process that was never started */
}

static void end(struct world *w, int cell, int seat, const struct node_effect *e)
{
    int index = w->place[cell].seat[seat].live;

    check_order_end(w, cell, seat, e);
    if (index == WORLD_NOBODY) {
        find_generation(w, e->generation)->is_ended = true; /* it has just ended by itself */
        return;
    }
    struct proc *p = &w->proc[index];
    check_cause_end(w, cell, seat, e);
    p->is_blamed = p->is_blamed || (!p->is_ended && e->kind == NODE_FX_KILL);
    p->is_ended = true;
    struct happening h = {.proc = index, .incarnation = w->incarnation};
    if (e->kind == NODE_FX_DRAIN && p->heard_by == w->incarnation) {
        h.kind = HAPPEN_DRAIN;
        world_later(w, world_draw(w, w->delay_ms_max + 1), h);
    } else if (e->kind == NODE_FX_TERM && p->obeys_term) {
        h.kind = HAPPEN_TERM;
        world_later(w, p->term_takes_ms, h);
    } else if (e->kind == NODE_FX_KILL) {
        w->kills++;
        world_process_die(w, index, -1, 9);
    }
}

/* It is to end, and is told as soon as its start is confirmed: settled now, whatever happens until then. */
static void decide(struct world *w, int cell, int seat, const struct node_effect *e)
{
    int live = w->place[cell].seat[seat].live;

    if (live != WORLD_NOBODY && w->proc[live].generation == e->generation) {
        check_order_end(w, cell, seat, e);
        w->proc[live].is_decided = true;
    }
}

static void changed(struct world *w, int cell, int seat, const struct node_effect *e)
{
    world_tell_loud(w, "c%02d.%d #%lu %s%s (%s)", cell, seat, (unsigned long)e->generation,
                    node_state_name(e->state),
                    e->state == NODE_READY && !e->is_healthy ? " unhealthy" : "", e->reason);
    if (e->state == NODE_READY) {
        find_generation(w, e->generation)->is_doubted = !e->is_healthy;
    }
    if (e->state == NODE_DRAINING) {
        decide(w, cell, seat, e);
    }
    if (e->state == NODE_CRASH_LOOP) {
        w->loops++;
        check_restart_loop(w, cell, seat);
    }
}

static void publish(struct world *w, struct proc *p, bool is_published)
{
    if (p->is_published && !is_published) {
        p->unpublished_ms = w->now_ms;
    }
    p->is_published = is_published;
}

static void perform_one(struct world *w, const struct node_effect *e)
{
    int cell = e->name[0] != '\0' ? world_cell_of(w, e->name) : WORLD_NOBODY;
    int seat = (int)e->instance;

    check_process_effect(w, cell, seat, e);
    switch (e->kind) {
    case NODE_FX_STORE:
        keep(w, e);
        return;
    case NODE_FX_STORE_SCALE:
        keep_scale(w, e);
        return;
    case NODE_FX_SPAWN:
        spawn(w, cell, seat, e);
        return;
    case NODE_FX_DRAIN:
    case NODE_FX_TERM:
    case NODE_FX_KILL:
        world_tell_loud(w, "  %s c%02d.%d", e->kind == NODE_FX_DRAIN ? "drain"
                           : e->kind == NODE_FX_TERM ? "term" : "kill", cell, seat);
        end(w, cell, seat, e);
        return;
    case NODE_FX_PUBLISH:
    case NODE_FX_UNPUBLISH:
        publish(w, find_generation(w, e->generation), e->kind == NODE_FX_PUBLISH);
        return;
    case NODE_FX_CHANGED:
        changed(w, cell, seat, e);
        return;
    case NODE_FX_FORGET:
        forget(w, e);
        return;
    case NODE_FX_DONE:
        w->is_done = true;
        return;
    case NODE_FX_SAMPLE:
    case NODE_FX_SPARE:
        return;
    }
}

/* Who waits often and briefly may be between two waits. */
static bool is_runnable(struct world *w, const struct proc *p)
{
    switch (p->mood) {
    case MOOD_WELL:
        return world_chance(w, 50);
    case MOOD_BUSY:
        return true;
    case MOOD_STARVED:
        return p->slice_ms > 100 || world_chance(w, 2);
    case MOOD_ASLEEP:
    case MOOD_STOPPED:
        return false;
    }
    return false;
}

/* Look at the processes the machine asked about, as the real shell does: at once. */
static void answer_samples(struct world *w, const struct node_event *asked, size_t count)
{
    for (size_t i = 0; i < count && w->node != NULL && !w->has_failed; i++) {
        struct node_event ev = asked[i];
        for (int c = w->procs - 1; c >= 0; c--) { /* the newest are asked about */
            struct proc *p = &w->proc[c];
            if (p->lives && p->generation == ev.generation) {
                world_process_count(w, p);
                ev.cpu_us = p->cpu_us;
                ev.delay_us = p->delay_us;
                ev.own_delay_us = w->own_delay_us;
                ev.is_stopped = p->mood == MOOD_STOPPED;
                ev.is_runnable = is_runnable(w, p);
                world_shell_must(w, ev);
                break;
            }
        }
    }
}

/* False when the supervisor died on the way. */
static bool perform(struct world *w, struct node_event **ret_asked, size_t *ret_count)
{
    size_t count = w->fx.count, asked = 0;

    for (size_t i = 0; i <= count; i++) {
        if (!world_is_calm(w) && count > 0 && world_chance(w, w->crash_one_in)) {
            world_tell_loud(w, "the supervisor dies before effect %zu of %zu", i, count);
            world_shell_crash(w);
            return false;
        }
        if (i == count || w->has_failed) {
            break;
        }
        const struct node_effect *e = &w->fx.item[i];
        perform_one(w, e);
        if (e->kind == NODE_FX_SAMPLE && world_chance(w, world_is_calm(w) ? 0 : 100)) {
            w->lost_sample_ms = w->now_ms; /* the kernel had no answer */
        } else if (e->kind == NODE_FX_SAMPLE) {
            *ret_asked = realloc(*ret_asked, (asked + 1) * sizeof **ret_asked);
            assert(*ret_asked != NULL);
            (*ret_asked)[asked++] = (struct node_event){
                .kind = NODE_EV_SAMPLE, .slot = e->slot, .generation = e->generation};
        }
    }
    *ret_count = asked;
    return true;
}

enum err world_shell_feed(struct world *w, struct node_event ev)
{
    AUTO_FREE struct node_event *asked = NULL;
    size_t count = 0;

    if (w->has_failed || w->node == NULL) {
        return ERR_OK;
    }
    ev.now_ms = w->now_ms;
    w->steps++;
    w->events[ev.kind]++;
    enum err e = node_step(w->node, &ev, &w->fx);
    if (e == ERR_OK && perform(w, &asked, &count) && !w->is_recovering) {
        check_process_step(w);
        answer_samples(w, asked, count);
    }
    return e;
}

void world_shell_must(struct world *w, struct node_event ev)
{
    enum err e = world_shell_feed(w, ev);

    if (e != ERR_OK) {
        world_fail(w, "%s is refused: %s", node_event_name(ev.kind), err_name(e));
    }
}

/* ---- death and recovery ----------------------------------------------------------------------------- */

/* An end that was stored and not yet performed is decided: judged now, performed by a successor. */
static void judge_decided(struct world *w, const struct node_instance *r)
{
    int cell = world_cell_of(w, r->name), seat = (int)r->instance;
    int live = w->place[cell].seat[seat].live;
    enum node_effect_kind kind = r->ending == NODE_END_KILL ? NODE_FX_KILL : NODE_FX_DRAIN;

    if (r->state == NODE_DRAINING && live != WORLD_NOBODY &&
        w->proc[live].generation == r->generation) {
        check_cause_end(w, cell, seat, &(struct node_effect){.kind = kind});
        w->proc[live].is_blamed = w->proc[live].is_blamed || r->is_blamed;
        w->proc[live].is_ended = true;
    }
}

/* What the dying supervisor was just told may be lost: the world knows only what was stored. */
static void forget_the_last_step(struct world *w)
{
    for (int c = 0; c < WORLD_CELLS; c++) {
        struct place *p = &w->place[c];
        for (int s = 0; s < WORLD_SEATS; s++) {
            struct seat *seat = &p->seat[s];
            while (seat->sures > 0 && seat->sure_ms[(seat->sures - 1) % WORLD_CRASHES] == w->now_ms) {
                seat->sures--;
            }
            seat->is_known = seat->is_held = false;
            seat->hopeless_ms = seat->hopeless_ms == w->now_ms ? 0 : seat->hopeless_ms;
            if (seat->surely_anew_ms == w->now_ms) {
                seat->surely_anew_ms = 0;
            }
        }
        p->is_scaled = w->scale_is_kept[c] && p->is_listed && w->scale[c].of == p->entry.instances;
        p->scale = w->scale[c].count;
        p->scale_of = w->scale[c].of;
    }
    for (int i = 0; i < w->procs; i++) {
        const struct record *r = &w->record[w->proc[i].slot];
        bool is_stored = r->is_kept && r->at.generation == w->proc[i].generation &&
                         r->at.ready_at_ms != 0;
        if (w->proc[i].ready_told_ms == w->now_ms && !is_stored) {
            w->proc[i].ready_told_ms = 0;
        }
    }
    for (uint32_t slot = 0; slot < w->records; slot++) {
        const struct node_instance *r = &w->record[slot].at;
        if (w->record[slot].is_kept) {
            struct seat *seat = &w->place[world_cell_of(w, r->name)].seat[r->instance];
            seat->is_known = true;
            seat->is_held = r->is_held;
            /* A start that was decided and not performed: its group had ended by then. */
            seat->in_group = seat->in_group && r->generation == seat->generation;
            judge_decided(w, r);
        }
    }
}

void world_shell_crash(struct world *w)
{
    world_tell_loud(w, "the supervisor is dead");
    node_free(w->node);
    w->node = NULL;
    w->incarnation++;
    w->crashes++;
    w->stall_until_ms = 0;
    world_guard_orphans(w);
    forget_the_last_step(w);
    world_later(w, 1 + world_draw(w, world_chance(w, 4) ? 3000 : 100),
                (struct happening){.kind = HAPPEN_RECOVER, .proc = WORLD_NOBODY});
}

/* The living process of a record, or WORLD_NOBODY. One whose start was never confirmed is found, or
 * ended as one that nobody recorded. */
static int find_living(struct world *w, const struct node_instance *r)
{
    int live = w->place[world_cell_of(w, r->name)].seat[r->instance].live;

    if (live == WORLD_NOBODY || w->proc[live].generation != r->generation) {
        return WORLD_NOBODY;
    }
    if (r->is_spawning && world_chance(w, 2)) {
        w->proc[live].is_ended = true;
        world_process_die(w, live, -1, 9);
        return WORLD_NOBODY;
    }
    return live;
}

/* A process that was recorded and is gone. Either its end is told in a moment, or recovery is told at
 * once that it does not live. */
static void find_dead(struct world *w, struct node_instance *r)
{
    struct proc *dead = find_generation(w, r->generation);
    struct seat *s = &w->place[world_cell_of(w, r->name)].seat[r->instance];

    if (world_chance(w, 2)) {
        r->is_alive = dead->is_posthumous = true;
        dead->is_end_known = world_guard_knows(w, dead);
        world_process_tell(w, (int)(dead - w->proc), NODE_EV_EXITED, world_draw(w, 100));
        return;
    }
    s->end_ms[s->ends++ % WORLD_CRASHES] = w->now_ms;
    check_cause_crash(w, world_cell_of(w, r->name));
    dead->is_found_dead = !dead->is_ended && !dead->ends_itself && !r->is_spawning &&
                          r->state != NODE_DRAINING && world_is_wanted(w, dead->cell, dead->seat);
}

static void adopt(struct world *w)
{
    for (uint32_t slot = 0; slot < w->records && w->node != NULL; slot++) {
        if (!w->record[slot].is_kept) {
            continue;
        }
        struct node_instance r = w->record[slot].at;
        bool ran = r.is_alive;
        r.is_alive = find_living(w, &r) != WORLD_NOBODY;
        if (ran && !r.is_alive) {
            find_dead(w, &r);
        }
        world_shell_must(w, (struct node_event){.kind = NODE_EV_ADOPT, .slot = slot, .adopt = &r});
    }
    for (int c = 0; c < WORLD_CELLS && w->node != NULL; c++) {
        if (w->scale_is_kept[c]) {
            world_shell_must(w, (struct node_event){.kind = NODE_EV_ADOPT_SCALE, .scale = &w->scale[c]});
        }
    }
}

/* Crashes of which recovery was told at once have been heard of with the manifest. */
static void settle_dead(struct world *w)
{
    for (int i = 0; i < w->procs; i++) {
        if (w->proc[i].is_found_dead) {
            w->proc[i].is_found_dead = false;
            check_restart_group(w, i);
        }
    }
}

static void look_for_orphans(struct world *w)
{
    for (int i = 0; i < w->procs; i++) {
        const struct proc *p = &w->proc[i];
        const struct record *r = &w->record[p->slot];
        if (p->lives && (!r->is_kept || r->at.generation != p->generation)) {
            world_fail(w, "c%02d.%d #%lu lives and no record says so", p->cell, p->seat,
                       (unsigned long)p->generation);
        }
    }
}

void world_shell_recover(struct world *w)
{
    world_tell_loud(w, "recovery");
    look_for_orphans(w);
    w->node = node_new(w->generation_max + 1, world_draw(w, UINT64_MAX));
    assert(w->node != NULL);
    w->incarnation_ms = w->now_ms;
    w->is_recovering = true;
    adopt(w);
    if (w->is_down) {
        world_shell_must(w, (struct node_event){.kind = NODE_EV_DOWN});
    }
    w->is_recovering = false;
    for (int c = 0; c < WORLD_CELLS; c++) {
        if (w->place[c].is_listed) {
            world_hold_new_seats(w, c); /* what an apply added and nobody stored */
        }
    }
    world_shell_must(w, (struct node_event){.kind = NODE_EV_MANIFEST, .manifest = &w->manifest});
    settle_dead(w);
    for (int i = 0; i < w->procs && w->node != NULL; i++) {
        const struct proc *p = &w->proc[i];
        if (p->lives && p->heard_by != w->incarnation) {
            uint64_t within_ms = p->ready_limit_ms / 2;
            world_later(w, 1 + world_draw(w, within_ms < 1500 ? within_ms : 1500),
                        (struct happening){.kind = HAPPEN_REJOIN, .proc = i,
                                           .incarnation = w->incarnation});
        }
    }
}
