/* What a person asks for: start, stop, restart, scale, down. */
#include <assert.h>

#include "nucleus/node_rooms.h"

/* A person starts it: nothing of its past counts. */
static void fresh_start(struct node *n, struct node_slot *s)
{
    struct node_instance *i = &s->at;

    i->is_held = false;
    node_backoff_reset(i);
    i->restarts = 0;
    if (!node_instance_is_live(s)) {
        i->was_ready = false;
        i->deadline_ms = 0;
        i->turn = NODE_TURN_ROLL; /* she does not wait for a group either */
        if (i->state != NODE_WAITING) {
            node_instance_move(n, s, NODE_WAITING, "started by a person");
        }
    }
    node_effects_dirty(n, s);
}

static void order_slot(struct node *n, struct node_slot *s, const struct node_event *ev)
{
    bool one = ev->instance >= 0;

    if (ev->kind == NODE_EV_STOP) {
        s->at.is_held = true;
        node_effects_dirty(n, s);
        return;
    }
    fresh_start(n, s);
    if (ev->kind == NODE_EV_RESTART && node_instance_is_live(s) && !node_plan_is_in_group(s)) {
        s->at.restart_after_exit = true;
        s->at.turn = one ? NODE_TURN_NOW : NODE_TURN_ROLL;
    }
}

static enum err order_instances(struct node *n, const struct node_event *ev, struct node_effects *fx)
{
    struct node_cell *c = n->entry[ev->cell];
    uint32_t instance = (uint32_t)ev->instance;

    if (ev->instance < -1) {
        return ERR_INVALID;
    }
    if (ev->instance >= 0 && (instance >= node_table_wanted(c) || c->slot[instance] == NULL)) {
        return ERR_NOT_FOUND;
    }
    enum err e = node_effects_reserve(n, fx, 0);
    if (e != ERR_OK) {
        return e;
    }
    for (uint32_t k = 0; k < node_table_wanted(c); k++) {
        if (ev->instance < 0 || k == instance) {
            order_slot(n, c->slot[k], ev);
        }
    }
    node_plan_refresh(n, c);
    return ERR_OK;
}

static enum err scale(struct node *n, const struct node_event *ev, struct node_effects *fx)
{
    struct node_cell *c = n->entry[ev->cell];
    uint32_t more = 0;

    if (ev->count > MANIFEST_INSTANCES_MAX) {
        return ERR_LIMIT;
    }
    for (uint32_t k = 0; k < ev->count; k++) {
        more += k >= c->slot_room || c->slot[k] == NULL;
    }
    enum err e = node_table_grow_cell(c, ev->count);
    if (e == ERR_OK) {
        e = node_table_reserve(n, more);
    }
    if (e == ERR_OK) {
        e = node_effects_reserve(n, fx, more);
    }
    if (e != ERR_OK) {
        return e;
    }
    c->is_scaled = ev->count != c->of;
    c->scale = ev->count;
    struct node_effect *x = node_effects_cell(n, NODE_FX_STORE_SCALE, c);
    x->count = ev->count;
    x->of = c->of;
    node_manifest_fill(n, c);
    node_plan_refresh(n, c);
    return ERR_OK;
}

static enum err down(struct node *n, struct node_effects *fx)
{
    enum err e = node_effects_reserve(n, fx, 0);

    if (e != ERR_OK) {
        return e;
    }
    n->is_down = true;
    n->is_done = false; /* asked again, answered again */
    if (!n->has_manifest) {
        return ERR_OK; /* remembered: the order to stop in is not known yet */
    }
    for (uint32_t c = 0; c < n->cell_count; c++) {
        node_plan_refresh(n, n->cell[c]);
    }
    return ERR_OK;
}

enum err node_order_step(struct node *n, const struct node_event *ev, struct node_effects *fx)
{
    if (ev->kind == NODE_EV_DOWN) {
        return down(n, fx);
    }
    if (n->is_down && ev->kind != NODE_EV_STOP) {
        return ERR_PRECONDITION;
    }
    if (ev->cell >= n->entry_count) {
        return ERR_NOT_FOUND;
    }
    return ev->kind == NODE_EV_SCALE ? scale(n, ev, fx) : order_instances(n, ev, fx);
}
