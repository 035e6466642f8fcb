#include "nucleus/node.h"

#include <assert.h>
#include <string.h>

#include "nucleus/node_rooms.h"

struct node *node_new(uint64_t first_generation, uint64_t seed)
{
    struct node *n = calloc(1, sizeof *n);

    if (n != NULL) {
        n->generation = first_generation > 0 ? first_generation : 1; /* 0 means: never spawned */
        n->next_ms = UINT64_MAX;
        rng_init(&n->rng, seed);
    }
    return n;
}

void node_free(struct node *n)
{
    if (n == NULL) {
        return;
    }
    for (uint32_t c = 0; c < n->cell_count; c++) {
        node_table_free_cell(n->cell[c]);
    }
    for (uint32_t i = 0; i < NODE_INSTANCES_MAX; i++) {
        free(n->slot[i]);
    }
    free(n->cell);
    free(n->entry);
    free(n->edges);
    free(n->touched);
    free(n->walk);
    free(n);
}

/* ---- time ----------------------------------------------------------------------------------------- */

/* We come too late: the machine was not run although a CLOCK was due. What the cells said meanwhile
 * waits in our queues and is read after this event, so whatever would be judged now by somebody's
 * silence is judged a little later, once per deadline. */
static void excuse(struct node *n, uint64_t late_ms)
{
    uint64_t grace_ms = late_ms < NODE_LATE_GRACE_MS ? late_ms : NODE_LATE_GRACE_MS;
    struct node_slot *s = node_table_next(n, 0);

    for (; s != NULL; s = node_table_next(n, s->index + 1)) {
        if (!node_instance_is_live(s)) {
            continue;
        }
        node_health_excuse(&s->health, late_ms + grace_ms);
        if (s->at.deadline_ms != 0 && s->at.deadline_ms <= n->now_ms && !s->is_extended) {
            node_instance_arm(n, s, grace_ms);
            s->is_extended = true;
        }
    }
}

static void advance(struct node *n, uint64_t now_ms)
{
    uint64_t expected = n->next_ms > n->now_ms ? n->next_ms : n->now_ms;

    assert(now_ms > 0);
    if (now_ms < n->now_ms) {
        return;
    }
    n->now_ms = now_ms;
    if (n->next_ms != UINT64_MAX && now_ms > expected + NODE_LATE_MS) {
        excuse(n, now_ms - expected);
    }
}

static uint64_t due_ms(const struct node_slot *s)
{
    uint64_t due = s->at.deadline_ms != 0 ? s->at.deadline_ms : UINT64_MAX;
    bool is_watched = s->at.state == NODE_READY && s->at.is_alive && !s->at.is_trivial;

    return is_watched && s->health.look_ms < due ? s->health.look_ms : due;
}

static void find_next(struct node *n)
{
    const struct node_slot *s = node_table_next(n, 0);

    n->next_ms = UINT64_MAX;
    for (; s != NULL; s = node_table_next(n, s->index + 1)) {
        uint64_t due = due_ms(s);
        n->next_ms = due < n->next_ms ? due : n->next_ms;
    }
}

static enum err step_clock(struct node *n, struct node_effects *fx)
{
    enum err e = node_effects_reserve(n, fx, 0);

    if (e != ERR_OK) {
        return e;
    }
    struct node_slot *s = node_table_next(n, 0);
    for (; s != NULL; s = node_table_next(n, s->index + 1)) {
        if (s->at.deadline_ms != 0 && n->now_ms >= s->at.deadline_ms) {
            node_instance_deadline(n, s);
        }
        node_beat_clock(n, s);
    }
    return ERR_OK;
}

/* ---- what a process does ---------------------------------------------------------------------------- */

static void step_exited(struct node *n, struct node_slot *s, const struct node_event *ev)
{
    char why[NODE_REASON_SIZE];

    node_text_exit(ev, s->at.ready_at_ms != 0, why);
    node_exit_handle(n, s, why, node_exit_is_hopeless(s, ev));
}

static void step_spawn_failed(struct node *n, struct node_slot *s, const struct node_event *ev)
{
    static const char lead[] = "could not start: ";
    char why[NODE_REASON_SIZE];

    memcpy(why, lead, sizeof lead);
    if (ev->text != NULL) {
        strncat(why, ev->text, sizeof why - sizeof lead);
    }
    s->at.restart_after_exit = false; /* not our doing, even if we wanted it to end meanwhile */
    node_exit_handle(n, s, why, false); /* a file that is replaced just now is there in a moment */
}

static enum err step_process(struct node *n, struct node_slot *s, const struct node_event *ev)
{
    bool is_known = ev->kind == NODE_EV_SPAWNED || ev->kind == NODE_EV_SPAWN_FAILED
                        ? s->at.is_spawning
                        : s->at.is_alive;
    bool is_over = !node_instance_is_live(s); /* its death was heard before its last words */

    switch (ev->kind) {
    case NODE_EV_SPAWNED:
        if (!is_known) {
            return ERR_PRECONDITION;
        }
        node_instance_spawned(n, s);
        return ERR_OK;
    case NODE_EV_SPAWN_FAILED:
        if (!is_known) {
            return ERR_PRECONDITION;
        }
        step_spawn_failed(n, s, ev);
        return ERR_OK;
    case NODE_EV_EXITED:
        if (!is_known) {
            return s->at.is_spawning ? ERR_PRECONDITION : ERR_OK; /* told twice */
        }
        step_exited(n, s, ev);
        return ERR_OK;
    case NODE_EV_BOOTING:
    case NODE_EV_LISTENING:
    case NODE_EV_READY:
    case NODE_EV_DRAINING:
    case NODE_EV_STOPPED:
        return is_over ? ERR_OK : node_instance_said(n, s, ev);
    case NODE_EV_REJOIN:
        return is_over ? ERR_OK : node_instance_rejoin(n, s, ev->state);
    case NODE_EV_BEAT:
        node_beat_heard(n, s);
        return ERR_OK;
    case NODE_EV_SAMPLE:
        node_beat_sampled(n, s, ev);
        return ERR_OK;
    case NODE_EV_CLOCK:
    case NODE_EV_MANIFEST:
    case NODE_EV_ADOPT:
    case NODE_EV_ADOPT_SCALE:
    case NODE_EV_START:
    case NODE_EV_STOP:
    case NODE_EV_RESTART:
    case NODE_EV_SCALE:
    case NODE_EV_DOWN:
        break;
    }
    assert(!"not about a process");
    return ERR_INTERNAL;
}

static enum err step_slot(struct node *n, const struct node_event *ev, struct node_effects *fx)
{
    if (!node_table_is_used(n, ev->slot)) {
        return ERR_NOT_FOUND;
    }
    struct node_slot *s = n->slot[ev->slot];
    if (ev->generation != s->at.generation) {
        return ERR_OK; /* of a process before this one */
    }
    /* A heartbeat, by far the most frequent event, says at most three things about one slot. */
    enum err e = node_effects_reserve(n, fx, 0);
    return e == ERR_OK ? step_process(n, s, ev) : e;
}

/* ---- the step ----------------------------------------------------------------------------------------- */

static enum err step_manifest(struct node *n, const struct node_event *ev, struct node_effects *fx)
{
    if (n->is_down && n->has_manifest) {
        return ERR_PRECONDITION;
    }
    return node_manifest_take(n, ev->manifest, fx);
}

static enum err dispatch(struct node *n, const struct node_event *ev, struct node_effects *fx)
{
    bool is_recovery = ev->kind == NODE_EV_MANIFEST || ev->kind == NODE_EV_ADOPT ||
                       ev->kind == NODE_EV_ADOPT_SCALE || ev->kind == NODE_EV_DOWN;

    if (!n->has_manifest && !is_recovery) {
        return ERR_PRECONDITION;
    }
    switch (ev->kind) {
    case NODE_EV_CLOCK:
        return step_clock(n, fx);
    case NODE_EV_MANIFEST:
        return step_manifest(n, ev, fx);
    case NODE_EV_ADOPT:
        return node_adopt_record(n, ev);
    case NODE_EV_ADOPT_SCALE:
        return node_adopt_scale(n, ev->scale);
    case NODE_EV_SPAWNED:
    case NODE_EV_SPAWN_FAILED:
    case NODE_EV_BOOTING:
    case NODE_EV_LISTENING:
    case NODE_EV_READY:
    case NODE_EV_DRAINING:
    case NODE_EV_STOPPED:
    case NODE_EV_REJOIN:
    case NODE_EV_EXITED:
    case NODE_EV_BEAT:
    case NODE_EV_SAMPLE:
        return step_slot(n, ev, fx);
    case NODE_EV_START:
    case NODE_EV_STOP:
    case NODE_EV_RESTART:
    case NODE_EV_SCALE:
    case NODE_EV_DOWN:
        return node_order_step(n, ev, fx);
    }
    return ERR_INVALID;
}

enum err node_step(struct node *n, const struct node_event *ev, struct node_effects *fx)
{
    fx->count = 0;
    n->fx = fx;
    memset(n->resting, 0, sizeof n->resting);
    advance(n, ev->now_ms);
    enum err e = dispatch(n, ev, fx);
    if (e == ERR_OK && n->has_manifest) {
        node_plan_run(n);
        node_effects_finish(n);
        if (ev->kind == NODE_EV_CLOCK) { /* between, it only comes nearer: see _arm */
            find_next(n);
        }
    }
    assert(e == ERR_OK || (fx->count == 0 && n->touched_count == 0 && n->dirty_count == 0));
    n->fx = NULL;
    return e;
}

uint64_t node_next_ms(const struct node *n)
{
    return n->next_ms;
}

/* ---- looking ------------------------------------------------------------------------------------------ */

const struct node_instance *node_at(const struct node *n, uint32_t slot)
{
    return node_table_is_used(n, slot) ? &n->slot[slot]->at : NULL;
}

uint32_t node_slots(const struct node *n)
{
    for (uint32_t w = NODE_WORDS; w > 0; w--) {
        if (n->used[w - 1] != 0) {
            return w * 64 - (uint32_t)__builtin_clzll(n->used[w - 1]);
        }
    }
    return 0;
}

int32_t node_find(const struct node *n, const char *space, const char *cell, uint32_t instance)
{
    const struct node_cell *c = node_table_cell(n, space, cell);

    if (c == NULL || instance >= c->slot_room || c->slot[instance] == NULL) {
        return NODE_NONE;
    }
    return (int32_t)c->slot[instance]->index;
}

uint32_t node_wanted(const struct node *n, uint32_t cell)
{
    return cell < n->entry_count ? node_table_wanted(n->entry[cell]) : 0;
}
