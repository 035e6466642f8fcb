/* Heartbeats of an instance: what node_health.c says becomes state and effects. */
#include <assert.h>

#include "common/base/bytes.h"
#include "common/base/unit.h"
#include "nucleus/node_rooms.h"

/* As its process was told, not as a newer manifest has it. */
static struct node_health_policy policy_of(const struct node_slot *s)
{
    return (struct node_health_policy){s->at.every_ms, s->at.dead_after};
}

static bool owes_beats(const struct node_slot *s)
{
    return s->at.state == NODE_READY && s->at.is_alive && !s->at.is_trivial;
}

/* A beat moves the next look on, but nearer when it ends a free pass. */
static void wake_for(struct node *n, const struct node_slot *s)
{
    if (s->health.look_ms < n->next_ms) {
        n->next_ms = s->health.look_ms;
    }
}

void node_beat_begin(struct node *n, struct node_slot *s, uint64_t pass_ms)
{
    struct node_health_policy policy = policy_of(s);

    if (s->at.is_trivial) {
        return;
    }
    node_health_begin(&s->health, &policy, n->now_ms, pass_ms);
    wake_for(n, s);
}

void node_beat_heard(struct node *n, struct node_slot *s)
{
    struct node_health_policy policy = policy_of(s);

    if (!s->at.is_alive) {
        return;
    }
    s->at.beat_ms = n->now_ms;
    if (!owes_beats(s)) {
        return; /* while it boots or drains, that deadline rules */
    }
    node_health_beat(&s->health, &policy, n->now_ms);
    wake_for(n, s);
    if (!s->at.is_healthy) {
        s->at.is_healthy = true;
        node_instance_publish(n, s);
        node_instance_move(n, s, NODE_READY, "");
    }
}

static const char *blame(enum node_health_view view)
{
    switch (view) {
    case NODE_HEALTH_STOPPED:
        return "stopped by a signal, ";
    case NODE_HEALTH_BUSY:
        return "busy, ";
    case NODE_HEALTH_STARVED:
        return "starved, ";
    case NODE_HEALTH_UNKNOWN:
    case NODE_HEALTH_SLEPT:
        break;
    }
    return "";
}

static void act(struct node *n, struct node_slot *s, enum node_health_verdict verdict)
{
    char age[UNIT_TEXT_MAX], why[NODE_REASON_SIZE];
    struct bytes_text t;

    if (verdict != NODE_HEALTH_DEAD && (verdict != NODE_HEALTH_UNHEALTHY || !s->at.is_healthy)) {
        return;
    }
    unit_duration_format((n->now_ms - s->at.beat_ms) * 1000, age);
    bytes_text_init(&t, why, sizeof why);
    bytes_text_add(&t, "unhealthy: %sno heartbeat for %s", blame(s->health.view), age);
    if (verdict == NODE_HEALTH_DEAD) {
        node_instance_kill(n, s, why);
        return;
    }
    s->at.is_healthy = false;
    node_instance_publish(n, s);
    node_instance_move(n, s, NODE_READY, why);
}

void node_beat_sampled(struct node *n, struct node_slot *s, const struct node_event *ev)
{
    struct node_health_policy policy = policy_of(s);

    if (!owes_beats(s)) {
        return; /* it ended or drains since it was asked for */
    }
    node_health_sample(&s->health, n->now_ms, ev);
    s->at.cpu_us = ev->cpu_us;
    s->at.delay_us = ev->delay_us;
    act(n, s, node_health_judge(&s->health, &policy, n->now_ms));
    node_health_plan_look(&s->health, &policy, n->now_ms);
    wake_for(n, s);
}

void node_beat_clock(struct node *n, struct node_slot *s)
{
    struct node_health_policy policy = policy_of(s);

    if (!owes_beats(s)) {
        return;
    }
    switch (node_health_clock(&s->health, &policy, n->now_ms)) {
    case NODE_HEALTH_LOOK:
        (void)node_effects_slot(n, NODE_FX_SAMPLE, s);
        break;
    case NODE_HEALTH_DEAD:
        act(n, s, NODE_HEALTH_DEAD);
        break;
    case NODE_HEALTH_FINE:
    case NODE_HEALTH_UNHEALTHY:
        break;
    }
}
