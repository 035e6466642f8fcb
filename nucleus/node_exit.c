/* An instance has ended: was that a crash, and what follows. */
#include <assert.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/unit.h"
#include "nucleus/node_rooms.h"

static void give_up(struct node *n, struct node_slot *s, const char *reason, bool is_hopeless)
{
    char period[UNIT_TEXT_MAX], why[NODE_REASON_SIZE];
    struct bytes_text t;

    unit_duration_format(s->cell->backoff.give_up_ms * 1000, period);
    bytes_text_init(&t, why, sizeof why);
    if (is_hopeless) {
        bytes_text_add(&t, "not tried again: %s", reason);
    } else {
        bytes_text_add(&t, "%u crashes in %s, last: %s", s->cell->backoff.give_up_count, period,
                       reason);
    }
    s->at.deadline_ms = 0;
    s->at.turn = NODE_TURN_ROLL;
    node_instance_move(n, s, NODE_CRASH_LOOP, why);
}

static void crashed(struct node *n, struct node_slot *s, const char *reason, bool is_hopeless)
{
    uint32_t wait_ms = 0;

    if (!node_backoff_crash(&s->cell->backoff, &s->at, n->now_ms, &n->rng, &wait_ms) || is_hopeless) {
        /* Nothing comes back, so its group has nothing to restart for. */
        give_up(n, s, reason, is_hopeless);
        return;
    }
    s->at.restarts++;
    if (node_plan_group(n, s)) {
        s->at.turn = NODE_TURN_GROUP;
    }
    node_instance_arm(n, s, wait_ms);
    node_instance_move(n, s, NODE_FAILED, reason);
}

bool node_exit_is_hopeless(const struct node_slot *s, const struct node_event *ev)
{
    bool has_served = s->at.ready_at_ms != 0 && !s->at.is_trivial; /* which never says that it is */

    return !has_served && ev->signal == 0 &&
           (ev->exit_code == NODE_EXIT_USAGE || ev->exit_code == NODE_EXIT_CONFIG);
}

void node_exit_handle(struct node *n, struct node_slot *s, const char *reason, bool is_hopeless)
{
    struct node_instance *i = &s->at;
    bool is_ours = i->state == NODE_DRAINING && i->restart_after_exit && !i->is_blamed;
    bool is_given_up = is_hopeless && !i->is_blamed; /* else the status is of our making */
    char why[NODE_REASON_SIZE];

    assert(node_instance_is_live(s) && n->live > 0);
    /* A process we ended for a fault of its own is remembered for the fault, not for SIGKILL. */
    node_text_printable(i->is_blamed ? i->reason : reason, why);
    n->live--;
    i->is_alive = i->is_spawning = false;
    i->is_healthy = i->is_blamed = i->restart_after_exit = false;
    i->ending = NODE_END_NONE;
    i->deadline_ms = 0;
    enum node_state before = i->state;
    i->state = NODE_STOPPED;
    node_instance_publish(n, s);
    if (!i->is_wanted || i->turn != NODE_TURN_GROUP) { /* a group's turn is over when all have ended */
        i->turn = NODE_TURN_ROLL;
    }
    if (i->is_wanted && !is_ours) {
        crashed(n, s, why, is_given_up);
    } else if (i->is_wanted) {
        i->restarts += i->turn == NODE_TURN_GROUP;
        node_instance_move(n, s, NODE_WAITING, "restarts");
    } else {
        node_instance_move(n, s, NODE_STOPPED, before == NODE_DRAINING ? "stopped" : why);
    }
    i->ready_at_ms = 0;
    assert(!node_instance_is_live(s));
}
