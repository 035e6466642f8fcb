/* One instance: spawn, what it says, and the ladder Drain, SIGTERM, SIGKILL. */
#include <assert.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/unit.h"
#include "nucleus/node_rooms.h"

bool node_instance_is_live(const struct node_slot *s)
{
    return s->at.is_alive || s->at.is_spawning;
}

bool node_instance_is_serving(const struct node_slot *s)
{
    return s->at.state == NODE_READY && s->at.is_healthy;
}

/* Every change of state is stored, told, and may concern neighbours. reason NULL keeps the last. */
void node_instance_move(struct node *n, struct node_slot *s, enum node_state state,
                        const char *reason)
{
    s->at.state = state;
    if (reason != NULL) {
        node_text_printable(reason, s->at.reason);
    }
    node_effects_dirty(n, s);
    (void)node_effects_slot(n, NODE_FX_CHANGED, s); /* nothing to add to it */
    node_plan_touch_around(n, s);
}

void node_instance_arm(struct node *n, struct node_slot *s, uint64_t in_ms)
{
    s->at.deadline_ms = n->now_ms + in_ms;
    s->is_extended = false;
    if (s->at.deadline_ms < n->next_ms) {
        n->next_ms = s->at.deadline_ms;
    }
}

void node_instance_publish(struct node *n, struct node_slot *s)
{
    bool should = node_instance_is_serving(s);

    if (should != s->is_published) {
        s->is_published = should;
        (void)node_effects_slot(n, should ? NODE_FX_PUBLISH : NODE_FX_UNPUBLISH, s);
    }
}

/* ---- up --------------------------------------------------------------------------------------- */

void node_instance_spawn(struct node *n, struct node_slot *s)
{
    struct node_instance *i = &s->at;

    /* Two processes of one instance would fight over its sockets and its state directory. */
    assert(!node_instance_is_live(s) && i->is_wanted && n->generation > i->generation);
    assert(!i->restart_after_exit && !i->is_blamed && !i->is_healthy);
    i->generation = n->generation++;
    i->hash = s->cell->hash;
    i->every_ms = s->cell->heartbeat.every_ms;
    i->dead_after = s->cell->heartbeat.dead_after;
    i->is_trivial = s->cell->is_trivial;
    i->turn = NODE_TURN_ROLL;
    i->is_spawning = true;
    i->started_ms = n->now_ms;
    i->ready_at_ms = 0;
    i->beat_ms = n->now_ms;
    i->ending = NODE_END_NONE;
    s->said = NODE_SAID_NOTHING;
    n->live++;
    s->cell->spare_is_asked = false; /* this spawn may have used the twin */
    node_instance_arm(n, s, s->cell->ready_ms);
    (void)node_effects_slot(n, NODE_FX_SPAWN, s);
    node_instance_move(n, s, NODE_BOOTING, "");
}

void node_instance_become_ready(struct node *n, struct node_slot *s)
{
    struct node_instance *i = &s->at;

    i->deadline_ms = 0;
    i->ready_at_ms = n->now_ms;
    i->beat_ms = n->now_ms;
    i->was_ready = true;
    i->is_healthy = true;
    node_beat_begin(n, s, 0);
    i->state = NODE_READY;
    node_instance_publish(n, s);
    node_instance_move(n, s, NODE_READY, "");
}

void node_instance_spawned(struct node *n, struct node_slot *s)
{
    s->at.is_spawning = false;
    s->at.is_alive = true;
    s->at.started_ms = n->now_ms;
    node_effects_dirty(n, s);
    if (s->at.state == NODE_DRAINING) {
        node_instance_resume_end(n, s); /* it was told to end before it was there */
    } else if (s->at.is_trivial) {
        node_instance_become_ready(n, s);
    }
}

/* ---- what it says ------------------------------------------------------------------------------- */

static bool may_say(const struct node_slot *s, enum node_event_kind kind)
{
    enum node_said said = s->said;

    if (s->at.is_trivial || !s->at.is_alive) {
        return false;
    }
    if (kind == NODE_EV_BOOTING) {
        return said == NODE_SAID_NOTHING;
    }
    if (kind == NODE_EV_LISTENING) { /* again whenever a door is added */
        return said >= NODE_SAID_BOOTING && said <= NODE_SAID_DRAINING;
    }
    if (kind == NODE_EV_READY) {
        return said == NODE_SAID_LISTENING;
    }
    if (kind == NODE_EV_DRAINING) {
        return said >= NODE_SAID_BOOTING && said <= NODE_SAID_READY;
    }
    assert(kind == NODE_EV_STOPPED);
    return said < NODE_SAID_STOPPED;
}

/* The cell begins to end without being told. Its exit will be a crash, unless it is not wanted or
 * a restart was due anyway. */
static void ends_itself(struct node *n, struct node_slot *s, uint32_t patience_ms, const char *why)
{
    if (s->at.state == NODE_DRAINING) {
        return;
    }
    s->at.is_healthy = false;
    s->at.ending = NODE_END_DRAIN;
    node_instance_arm(n, s, patience_ms);
    s->at.state = NODE_DRAINING;
    node_instance_publish(n, s);
    node_instance_move(n, s, NODE_DRAINING, why);
}

enum err node_instance_said(struct node *n, struct node_slot *s, const struct node_event *ev)
{
    if (!may_say(s, ev->kind)) {
        return ERR_PRECONDITION;
    }
    s->at.beat_ms = n->now_ms;
    if (ev->kind == NODE_EV_BOOTING) {
        s->said = NODE_SAID_BOOTING;
    } else if (ev->kind == NODE_EV_LISTENING) {
        s->said = s->said > NODE_SAID_LISTENING ? s->said : NODE_SAID_LISTENING;
        if (s->at.state == NODE_BOOTING) {
            node_instance_move(n, s, NODE_LISTENING, NULL);
        }
    } else if (ev->kind == NODE_EV_READY) {
        s->said = NODE_SAID_READY;
        if (s->at.state == NODE_LISTENING) { /* and not told to drain meanwhile */
            node_instance_become_ready(n, s);
        }
    } else if (ev->kind == NODE_EV_DRAINING) {
        s->said = NODE_SAID_DRAINING;
        ends_itself(n, s, s->cell->drain_ms, "drains by itself");
    } else {
        s->said = NODE_SAID_STOPPED;
        ends_itself(n, s, s->cell->term_ms, ev->text != NULL ? ev->text : "stops by itself");
    }
    return ERR_OK;
}

static enum node_said said_of(enum node_state state)
{
    return state == NODE_BOOTING     ? NODE_SAID_BOOTING
           : state == NODE_LISTENING ? NODE_SAID_LISTENING
           : state == NODE_READY     ? NODE_SAID_READY
                                     : NODE_SAID_DRAINING;
}

/* A cell that outlived the last supervisor, or lost its junction, says where it stands. What it
 * said meanwhile was lost, so it may be further on than we know, never further back. */
enum err node_instance_rejoin(struct node *n, struct node_slot *s, enum node_state state)
{
    bool is_known = state == NODE_BOOTING || state == NODE_LISTENING || state == NODE_READY ||
                    state == NODE_DRAINING;

    if (s->at.is_trivial || !s->at.is_alive || !is_known || said_of(state) < s->said) {
        return ERR_PRECONDITION;
    }
    s->said = said_of(state);
    node_beat_heard(n, s);
    if (s->at.state == NODE_DRAINING) {
        if (s->at.ending == NODE_END_DRAIN && state != NODE_DRAINING) {
            node_effects_slot(n, NODE_FX_DRAIN, s)->deadline_ms = s->cell->drain_ms;
        }
        return ERR_OK;
    }
    if (state == NODE_DRAINING) {
        ends_itself(n, s, s->cell->drain_ms, "drains by itself");
    } else if (state == NODE_READY && s->at.state != NODE_READY) {
        node_instance_become_ready(n, s);
    } else if (state == NODE_LISTENING && s->at.state == NODE_BOOTING) {
        node_instance_move(n, s, NODE_LISTENING, NULL);
    }
    return ERR_OK;
}

/* ---- down --------------------------------------------------------------------------------------- */

static void send_kill(struct node *n, struct node_slot *s)
{
    s->at.ending = NODE_END_KILL;
    s->at.deadline_ms = 0; /* SIGKILL cannot fail: the exit will come */
    (void)node_effects_slot(n, NODE_FX_KILL, s);
}

static void send_term(struct node *n, struct node_slot *s)
{
    if (s->cell->term_ms == 0) {
        send_kill(n, s);
        return;
    }
    s->at.ending = NODE_END_TERM;
    node_instance_arm(n, s, s->cell->term_ms);
    (void)node_effects_slot(n, NODE_FX_TERM, s);
}

static void send_drain(struct node *n, struct node_slot *s)
{
    /* Who does not speak cannot be told. */
    if (s->at.is_trivial || s->cell->drain_ms == 0) {
        send_term(n, s);
        return;
    }
    s->at.ending = NODE_END_DRAIN;
    node_instance_arm(n, s, s->cell->drain_ms);
    node_effects_slot(n, NODE_FX_DRAIN, s)->deadline_ms = s->cell->drain_ms;
}

void node_instance_end(struct node *n, struct node_slot *s, const char *reason)
{
    assert(node_instance_is_live(s) && s->at.state != NODE_DRAINING);
    s->at.is_healthy = false;
    s->at.deadline_ms = 0;
    s->at.ending = NODE_END_NONE;
    s->at.state = NODE_DRAINING;
    node_instance_publish(n, s); /* no new calls before it is told to finish the old ones */
    if (s->at.is_alive) {
        send_drain(n, s);
    }
    node_instance_move(n, s, NODE_DRAINING, reason);
}

/* Say again what may not have been done: the process was not there yet, or a supervisor stored the
 * step and died before it took it. All three may be repeated. */
void node_instance_resume_end(struct node *n, struct node_slot *s)
{
    assert(s->at.state == NODE_DRAINING && s->at.is_alive);
    switch (s->at.ending) {
    case NODE_END_NONE:
    case NODE_END_DRAIN:
        send_drain(n, s);
        break;
    case NODE_END_TERM:
        send_term(n, s);
        break;
    case NODE_END_KILL:
        send_kill(n, s);
        break;
    }
    node_effects_dirty(n, s);
}

void node_instance_kill(struct node *n, struct node_slot *s, const char *reason)
{
    assert(node_instance_is_live(s));
    s->at.is_blamed = true;
    s->at.is_healthy = false;
    s->at.state = NODE_DRAINING;
    node_instance_publish(n, s);
    send_kill(n, s);
    node_instance_move(n, s, NODE_DRAINING, reason);
}

static void say_late(char out[NODE_REASON_SIZE], const char *what, uint32_t ms, const char *then)
{
    char time[UNIT_TEXT_MAX];
    struct bytes_text t;

    unit_duration_format((uint64_t)ms * 1000, time);
    bytes_text_init(&t, out, NODE_REASON_SIZE);
    bytes_text_add(&t, "%s in %s%s", what, time, then);
}

void node_instance_deadline(struct node *n, struct node_slot *s)
{
    char why[NODE_REASON_SIZE];

    assert(s->at.deadline_ms != 0 && n->now_ms >= s->at.deadline_ms);
    s->at.deadline_ms = 0;
    if (s->at.state == NODE_BOOTING || s->at.state == NODE_LISTENING) {
        say_late(why, "not ready", s->cell->ready_ms, "");
        node_instance_kill(n, s, why);
    } else if (s->at.state == NODE_DRAINING && s->at.ending == NODE_END_DRAIN) {
        say_late(why, "not drained", s->cell->drain_ms, ": SIGTERM");
        send_term(n, s);
        node_instance_move(n, s, NODE_DRAINING, why);
    } else if (s->at.state == NODE_DRAINING && s->at.ending == NODE_END_TERM) {
        say_late(why, "not ended by SIGTERM", s->cell->term_ms, ": SIGKILL");
        send_kill(n, s);
        node_instance_move(n, s, NODE_DRAINING, why);
    } else {
        assert(s->at.state == NODE_FAILED); /* its back-off is over */
        node_plan_touch(n, s->cell);
    }
}
