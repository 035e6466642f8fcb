/* Processes: they come up, beat, fall into moods, obey or not, and end. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/nucleus/check.h"

static void after(struct world *w, int proc, enum happening_kind kind, uint64_t in_ms)
{
    world_later(w, in_ms, (struct happening){.kind = kind, .proc = proc,
                                             .incarnation = w->incarnation});
}

/* Bring the counters the kernel keeps up to now. */
void world_process_count(struct world *w, struct proc *p)
{
    uint64_t elapsed_us = (w->now_ms - p->counted_ms) * 1000;

    p->counted_ms = w->now_ms;
    switch (p->mood) {
    case MOOD_WELL:
        p->cpu_us += elapsed_us / 50;
        break;
    case MOOD_BUSY:
        p->cpu_us += elapsed_us - elapsed_us / 20;
        break;
    case MOOD_STARVED: {
        uint64_t waited_ms = (w->now_ms - p->mood_since_ms) / p->slice_ms * p->slice_ms;
        p->delay_us += (waited_ms - p->waited_ms) * 1000;
        p->waited_ms = waited_ms;
        break;
    }
    case MOOD_ASLEEP:
    case MOOD_STOPPED:
        break;
    }
}

/* A message of a process arrives at the supervisor, after all it said before. */
void world_process_tell(struct world *w, int proc, enum node_event_kind kind, uint64_t in_ms)
{
    struct proc *p = &w->proc[proc];
    uint64_t at_ms = w->now_ms + in_ms;
    bool by_junction = kind != NODE_EV_EXITED && kind != NODE_EV_SPAWNED &&
                       kind != NODE_EV_SPAWN_FAILED;

    if (by_junction && p->heard_by != w->incarnation) {
        return; /* the junction is broken */
    }
    /* A junction keeps its order; deaths come by pidfd and beats by a socket of their own. */
    bool is_ordered = kind != NODE_EV_BEAT && (kind != NODE_EV_EXITED || world_chance(w, 2));
    if (is_ordered) {
        at_ms = at_ms > p->told_ms ? at_ms : p->told_ms;
        p->told_ms = at_ms;
    }
    at_ms = at_ms > p->spawned_ms ? at_ms : p->spawned_ms;
    p->spawned_ms = kind == NODE_EV_SPAWNED ? at_ms : p->spawned_ms;
    world_later(w, at_ms - w->now_ms,
                (struct happening){.kind = HAPPEN_TELL,
                                   .proc = proc,
                                   .incarnation = w->incarnation,
                                   .tell = {.kind = kind,
                                            .slot = p->slot,
                                            .generation = p->generation,
                                            .exit_code = p->is_end_known ? p->exit_code : -1,
                                            .signal = p->is_end_known ? p->signal : 0,
                                            .state = p->said,
                                            .text = "drawn"}});
}

static uint64_t delay(struct world *w)
{
    return world_draw(w, w->delay_ms_max + 1);
}

int world_process_born(struct world *w, int cell, int seat, const struct node_effect *e)
{
    if (w->procs == w->proc_room) {
        w->proc_room = w->proc_room == 0 ? 256 : w->proc_room * 2;
        w->proc = realloc(w->proc, (size_t)w->proc_room * sizeof *w->proc);
        assert(w->proc != NULL);
    }
    int index = w->procs++;
    struct proc *p = &w->proc[index];
    const struct manifest_cell *c = &w->place[cell].entry;

    *p = (struct proc){.lives = true, .cell = cell, .seat = seat, .slot = e->slot,
                       .generation = e->generation, .hash = c->hash,
                       .every_ms = c->heartbeat.every_ms, .dead_after = c->heartbeat.dead_after,
                       .ready_limit_ms = c->deadlines.ready_ms, .is_trivial = c->trivial,
                       .born_ms = w->now_ms, .counted_ms = w->now_ms, .heard_by = w->incarnation,
                       .is_child = true};
    world_draw_character(w, p);
    if (!p->is_trivial && p->stage_ms[0] != UINT64_MAX) {
        after(w, index, HAPPEN_STAGE, p->stage_ms[0]);
    }
    if (p->crash_ms != UINT64_MAX) {
        after(w, index, HAPPEN_DIE, p->crash_ms);
    }
    if (p->mood_drawn != MOOD_WELL) {
        after(w, index, HAPPEN_MOOD, p->mood_ms);
    }
    w->place[cell].seat[seat].live = index;
    return index;
}

void world_process_die(struct world *w, int proc, int exit_code, int signal)
{
    struct proc *p = &w->proc[proc];
    uint64_t late_ms = world_chance(w, 20) ? world_draw(w, 500) : world_draw(w, 4);

    assert(p->lives);
    world_tell_loud(w, "  c%02d.%d #%lu dies: exit %d signal %d", p->cell, p->seat,
                    (unsigned long)p->generation, exit_code, signal);
    p->lives = false;
    p->died_ms = w->now_ms;
    p->exit_code = exit_code;
    p->signal = signal;
    w->place[p->cell].ended++;
    w->place[p->cell].seat[p->seat].live = WORLD_NOBODY;
    if (!p->is_ended) {
        w->place[p->cell].crash_ms = w->now_ms;
    }
    if (w->node != NULL && !w->is_recovering) { /* else recovery finds it dead */
        p->is_end_known = world_guard_knows(w, p) || w->kernel_keeps;
        world_process_tell(w, proc, NODE_EV_EXITED, late_ms);
    }
}

/* ---- up ------------------------------------------------------------------------------------------ */

/* Its timer for the next beat; what was set before is void. */
static void set_beat(struct world *w, int proc, uint64_t in_ms)
{
    struct proc *p = &w->proc[proc];

    p->next_beat_ms = w->now_ms + in_ms;
    world_later(w, in_ms, (struct happening){.kind = HAPPEN_BEAT, .proc = proc, .value = ++p->beats});
}

static void say_stage(struct world *w, int proc)
{
    static const enum node_state stage[] = {NODE_BOOTING, NODE_LISTENING, NODE_READY};
    static const enum node_event_kind kind[] = {NODE_EV_BOOTING, NODE_EV_LISTENING, NODE_EV_READY};
    struct proc *p = &w->proc[proc];
    int next = p->said == NODE_EMPTY ? 0 : p->said == NODE_BOOTING ? 1 : 2;

    if (p->drains || p->ends_itself || p->said == NODE_READY) {
        return;
    }
    p->said = stage[next];
    world_process_tell(w, proc, kind[next], delay(w));
    if (next == 2) {
        set_beat(w, proc, p->every_ms);
    } else if (p->stage_ms[next + 1] != UINT64_MAX) {
        after(w, proc, HAPPEN_STAGE, p->stage_ms[next + 1]);
    }
}

uint32_t world_process_losses_max(const struct proc *p)
{
    return p->dead_after > 3 ? p->dead_after - 2 : 1;
}

/* One may be lost on the way, often the first after a mood; so many in a row that the next is still in
 * time. */
static bool is_lost(struct world *w, const struct proc *p)
{
    bool is_first = p->mood_until_ms == w->now_ms && w->lose_one_in != 0;

    if (world_is_calm(w) || p->lost_beats == world_process_losses_max(p)) {
        return false;
    }
    if (is_first || p->lost_beats > 0) {
        return !world_chance(w, 3);
    }
    return world_chance(w, w->lose_one_in);
}

static void beat(struct world *w, const struct happening *h)
{
    struct proc *p = &w->proc[h->proc];

    if (h->value != p->beats) {
        return;
    }
    p->lost_beats = is_lost(w, p) ? p->lost_beats + 1 : 0;
    if (p->lost_beats == 0) {
        uint64_t late_ms = delay(w);
        world_process_tell(w, h->proc, NODE_EV_BEAT, late_ms < p->every_ms / 4 ? late_ms : 0);
    }
    set_beat(w, h->proc, p->every_ms);
}

/* ---- moods --------------------------------------------------------------------------------------- */

static void into_mood(struct world *w, int proc)
{
    struct proc *p = &w->proc[proc];

    if (p->mood != MOOD_WELL || world_is_calm(w)) {
        return;
    }
    if (p->hangs_after_beat && p->said == NODE_READY) { /* the worst moment to be found in time */
        p->hangs_after_beat = false;
        after(w, proc, HAPPEN_MOOD, p->next_beat_ms - w->now_ms + world_draw(w, 3));
        return;
    }
    world_process_count(w, p);
    p->mood = p->mood_drawn;
    p->mood_since_ms = w->now_ms;
    p->mood_until_ms = p->mood_lasts_ms == UINT64_MAX ? UINT64_MAX : w->now_ms + p->mood_lasts_ms;
    world_tell_loud(w, "  c%02d.%d falls into mood %d for %ld ms", p->cell, p->seat, (int)p->mood,
                    (long)p->mood_lasts_ms);
    if (p->mood_lasts_ms != UINT64_MAX) {
        after(w, proc, HAPPEN_WELL, p->mood_lasts_ms);
    }
    p->waited_ms = 0;
    if (p->said == NODE_READY && p->mood != MOOD_STARVED) {
        after(w, proc, HAPPEN_LOOK, check_health_limit_ms(w, p));
    }
}

static void get_well(struct world *w, int proc)
{
    struct proc *p = &w->proc[proc];

    world_process_count(w, p);
    if (p->mood == MOOD_STARVED) { /* the last wait is over */
        p->delay_us += (w->now_ms - p->mood_since_ms - p->waited_ms) * 1000;
    }
    p->mood = MOOD_WELL;
    /* What it would have done meanwhile comes at once. */
    if (p->said == NODE_READY) {
        set_beat(w, proc, p->next_beat_ms > w->now_ms ? p->next_beat_ms - w->now_ms : 0);
    } else if (!p->is_trivial) {
        after(w, proc, HAPPEN_STAGE, 0);
    }
}

/* A mood that keeps it from acting: true when `kind` has to wait or is lost. */
static bool is_kept(struct world *w, const struct happening *h)
{
    const struct proc *p = &w->proc[h->proc];
    bool needs_its_will = h->kind == HAPPEN_STAGE || h->kind == HAPPEN_BEAT ||
                          h->kind == HAPPEN_DRAIN || h->kind == HAPPEN_DRAINED ||
                          h->kind == HAPPEN_REJOIN || h->kind == HAPPEN_TERM;

    if (p->mood == MOOD_WELL || !needs_its_will) {
        return false;
    }
    /* Stages and beats begin again when it gets well; what it was told waits in its socket. */
    if (h->kind != HAPPEN_STAGE && h->kind != HAPPEN_BEAT && p->mood_until_ms != UINT64_MAX) {
        world_later(w, p->mood_until_ms + 1 - w->now_ms, *h);
    }
    return true;
}

/* ---- down ---------------------------------------------------------------------------------------- */

static void hear_drain(struct world *w, int proc)
{
    struct proc *p = &w->proc[proc];

    if (!p->obeys_drain || p->drains || p->ends_itself) {
        return;
    }
    p->drains = true;
    if (p->said != NODE_EMPTY) {
        p->said = NODE_DRAINING;
        world_process_tell(w, proc, NODE_EV_DRAINING, delay(w));
    }
    after(w, proc, HAPPEN_DRAINED, p->drain_takes_ms);
}

static void drained(struct world *w, int proc)
{
    world_process_tell(w, proc, NODE_EV_STOPPED, 0);
    world_process_die(w, proc, 0, 0);
}

/* Its own doing: it crashes, or says goodbye first. */
static void end_itself(struct world *w, int proc)
{
    struct proc *p = &w->proc[proc];
    bool is_polite = p->exit_code == 0 && p->signal == 0 && !p->is_trivial;

    if (world_is_calm(w) || p->drains || p->ends_itself) {
        return;
    }
    if (!is_polite) {
        world_process_die(w, proc, p->exit_code, p->signal);
        return;
    }
    p->ends_itself = true;
    if (p->said != NODE_EMPTY) {
        p->said = NODE_DRAINING;
        world_process_tell(w, proc, NODE_EV_DRAINING, delay(w));
    }
    after(w, proc, HAPPEN_DRAINED, p->drain_takes_ms);
}

static void rejoin(struct world *w, const struct happening *h)
{
    struct proc *p = &w->proc[h->proc];

    if (h->incarnation != w->incarnation || w->node == NULL || p->is_trivial) {
        return; /* there is another supervisor by now, and another attempt */
    }
    p->heard_by = w->incarnation;
    p->told_ms = w->now_ms;
    if (p->said == NODE_EMPTY) {
        p->said = NODE_BOOTING;
        if (p->stage_ms[1] != UINT64_MAX) {
            after(w, h->proc, HAPPEN_STAGE, p->stage_ms[1]);
        }
    }
    world_process_tell(w, h->proc, NODE_EV_REJOIN, delay(w));
}

void world_process_happen(struct world *w, const struct happening *h)
{
    if (!w->proc[h->proc].lives || is_kept(w, h)) {
        return;
    }
    switch (h->kind) {
    case HAPPEN_STAGE:
        say_stage(w, h->proc);
        return;
    case HAPPEN_BEAT:
        beat(w, h);
        return;
    case HAPPEN_MOOD:
        into_mood(w, h->proc);
        return;
    case HAPPEN_WELL:
        get_well(w, h->proc);
        return;
    case HAPPEN_DIE:
        end_itself(w, h->proc);
        return;
    case HAPPEN_REJOIN:
        rejoin(w, h);
        return;
    case HAPPEN_DRAIN:
        hear_drain(w, h->proc);
        return;
    case HAPPEN_DRAINED:
        drained(w, h->proc);
        return;
    case HAPPEN_TERM:
        world_process_die(w, h->proc, 0, 15);
        return;
    case HAPPEN_TELL:
    case HAPPEN_ORDER:
    case HAPPEN_RECOVER:
    case HAPPEN_STALL:
    case HAPPEN_SUDDEN:
    case HAPPEN_GUARD_DIES:
    case HAPPEN_GUARD_NEW:
    case HAPPEN_LOOK:
        assert(!"not of a process");
    }
}
