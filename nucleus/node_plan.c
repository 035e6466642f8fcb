/* From what is wanted to what is done: looks at the cells a step has touched and starts, ends or
 * forgets their instances, in the order the requirements give.
 *
 * Up: an instance that was never ready waits until every wanted instance of each required cell
 * serves, so that a whole node comes up in order. Later it needs one that serves: a cell of three
 * must not be kept down by a neighbour of which two are fine. One that failed twice in a row, or
 * gave up, is no longer waited for while another one of its cell serves.
 *
 * Down: among all that is going away, a cell ends only when nothing that requires it, directly or
 * not, is alive. What a person stops alone does not wait for those who stay. */
#include <assert.h>
#include <string.h>

#include "common/base/bytes.h"
#include "nucleus/node_rooms.h"

/* ---- what to look at ---------------------------------------------------------------------------- */

void node_plan_touch(struct node *n, struct node_cell *c)
{
    if (!c->is_touched) {
        assert(n->touched_count < n->cell_room);
        c->is_touched = true;
        n->touched[n->touched_count++] = c;
    }
}

void node_plan_touch_all(struct node *n)
{
    for (uint32_t c = n->cell_count; c > 0; c--) { /* a stack: the first is planned first */
        node_plan_touch(n, n->cell[c - 1]);
    }
}

/* Add `list` to the walk, each cell once. Returns how many it holds then. */
static uint32_t walk_on(struct node *n, struct node_cell *const *list, uint32_t list_count,
                        uint32_t count)
{
    for (uint32_t i = 0; i < list_count; i++) {
        if (list[i]->mark != n->mark) {
            list[i]->mark = n->mark;
            assert(count < n->cell_room);
            n->walk[count++] = list[i];
        }
    }
    return count;
}

void node_plan_touch_below(struct node *n, struct node_cell *c)
{
    n->mark++;
    uint32_t count = walk_on(n, &c, 1, 0);

    for (uint32_t i = 0; i < count; i++) {
        node_plan_touch(n, n->walk[i]);
        count = walk_on(n, n->walk[i]->requires, n->walk[i]->requires_count, count);
    }
}

void node_plan_touch_around(struct node *n, const struct node_slot *s)
{
    struct node_cell *c = s->cell;

    node_plan_touch(n, c);
    for (uint32_t i = 0; i < c->dependents_count; i++) {
        node_plan_touch(n, c->dependents[i]);
    }
    if (node_instance_is_live(s)) {
        return;
    }
    if (c->is_orphan) { /* what it required may now end */
        node_plan_touch_all(n);
    } else {
        node_plan_touch_below(n, c);
    }
}

/* ---- groups, whose strategy makes them share a restart -------------------------------------------- */

bool node_plan_is_in_group(const struct node_slot *s)
{
    return node_instance_is_live(s) && s->at.turn == NODE_TURN_GROUP;
}

static bool any_in_group(const struct node_cell *c)
{
    for (uint32_t k = 0; k < c->slot_room; k++) {
        if (c->slot[k] != NULL && node_plan_is_in_group(c->slot[k])) {
            return true;
        }
    }
    return false;
}

/* Whether one that shares a restart with `s` has yet to end: a sibling, or of what requires them. All
 * end before the first starts (OTP): the new ones shall not meet the old, of their own cell at least
 * not even when they start for another reason. */
static bool group_is_ending(struct node *n, const struct node_slot *s)
{
    struct node_cell *c = s->cell;

    if (s->at.turn != NODE_TURN_GROUP) {
        return any_in_group(c);
    }
    n->mark++;
    uint32_t count = walk_on(n, &c, 1, 0);
    for (uint32_t i = 0; i < count; i++) {
        if (any_in_group(n->walk[i])) {
            return true;
        }
        count = walk_on(n, n->walk[i]->dependents, n->walk[i]->dependents_count, count);
    }
    return false;
}

static void join_group(struct node *n, struct node_cell *c, const struct node_slot *crashed)
{
    for (uint32_t k = 0; k < c->slot_room; k++) {
        struct node_slot *s = c->slot[k];
        if (s == NULL || s == crashed || !s->at.is_wanted) {
            continue;
        }
        s->at.was_ready = c == crashed->cell && s->at.was_ready; /* those above wait for all below */
        if (node_instance_is_live(s)) {
            /* One that ends already needs no telling, but is waited for like the others. */
            s->at.restart_after_exit = s->at.restart_after_exit || s->at.state != NODE_DRAINING;
            s->at.turn = NODE_TURN_GROUP;
        }
        node_effects_dirty(n, s);
        node_plan_touch(n, c);
    }
}

bool node_plan_group(struct node *n, struct node_slot *crashed)
{
    struct node_cell *c = crashed->cell;
    uint32_t count;

    switch (c->strategy) {
    case MANIFEST_ONE_FOR_ONE:
        return false;
    case MANIFEST_ONE_FOR_ALL:
        join_group(n, c, crashed);
        return true;
    case MANIFEST_REST_FOR_ONE:
        n->mark++;
        count = walk_on(n, c->dependents, c->dependents_count, 0);
        for (uint32_t i = 0; i < count; i++) {
            join_group(n, n->walk[i], crashed);
            count = walk_on(n, n->walk[i]->dependents, n->walk[i]->dependents_count, count);
        }
        return true;
    }
    return false;
}

/* ---- up ------------------------------------------------------------------------------------------ */

struct tally {
    uint32_t wanted;
    uint32_t serving;
    uint32_t awaited; /* wanted, not serving, not yet set aside */
    uint32_t starting; /* alive and on its way to serve             */
};

static struct tally tally_of(const struct node_cell *c)
{
    struct tally t = {0};

    for (uint32_t k = 0; k < c->slot_room; k++) {
        const struct node_slot *s = c->slot[k];
        if (s == NULL || !s->at.is_wanted) {
            continue;
        }
        t.wanted++;
        t.starting += node_instance_is_live(s) && s->at.state != NODE_READY;
        if (node_instance_is_serving(s)) {
            t.serving++;
        } else if (s->at.state != NODE_CRASH_LOOP && s->at.fails < NODE_FAILS_SET_ASIDE) {
            t.awaited++;
        }
    }
    return t;
}

/* The first requirement that is not met, or NULL. */
static const struct node_cell *unmet(const struct node_slot *s, struct tally *ret)
{
    for (uint32_t r = 0; r < s->cell->requires_count; r++) {
        const struct node_cell *c = s->cell->requires[r];
        *ret = tally_of(c);
        if (ret->serving == 0 || (!s->at.was_ready && ret->awaited > 0)) {
            return c;
        }
    }
    return NULL;
}

static void hold(struct node *n, struct node_slot *s, const char *why)
{
    s->at.deadline_ms = 0;
    if (s->at.state != NODE_WAITING) {
        node_instance_move(n, s, NODE_WAITING, why);
    } else {
        node_text_printable(why, s->at.reason); /* a number in a status line is not a change */
    }
}

static void wait_for(struct node *n, struct node_slot *s, const struct node_cell *c, struct tally t)
{
    char why[NODE_REASON_SIZE];
    struct bytes_text text;

    bytes_text_init(&text, why, sizeof why);
    if (t.wanted == 0) {
        bytes_text_add(&text, "requires %s, which is stopped", c->name);
    } else {
        bytes_text_add(&text, "requires %s: %u of %u ready", c->name, t.serving, t.wanted);
    }
    hold(n, s, why);
}

static void start(struct node *n, struct node_slot *s)
{
    struct tally t;

    if (s->at.state == NODE_CRASH_LOOP ||
        (s->at.state == NODE_FAILED && n->now_ms < s->at.deadline_ms)) {
        return;
    }
    if (group_is_ending(n, s)) {
        hold(n, s, "starts when all of its group have ended");
        return;
    }
    const struct node_cell *c = unmet(s, &t);
    if (c != NULL) {
        wait_for(n, s, c, t);
    } else {
        node_instance_spawn(n, s);
    }
}

/* ---- down ---------------------------------------------------------------------------------------- */

static bool is_going(const struct node_slot *s)
{
    return node_instance_is_live(s) && (!s->at.is_wanted || node_plan_is_in_group(s));
}

static bool any_going(const struct node_cell *c)
{
    for (uint32_t k = 0; k < c->slot_room; k++) {
        if (c->slot[k] != NULL && is_going(c->slot[k])) {
            return true;
        }
    }
    return false;
}

/* An orphan may require anything that was there with it: of the same manifest what has a lower
 * level, and all that later manifests brought or kept. */
static bool orphan_is_above(const struct node_cell *orphan, const struct node_cell *c)
{
    if (!orphan->is_orphan || orphan == c) {
        return false;
    }
    return c->entry != NODE_NONE || orphan->epoch < c->epoch ||
           (orphan->epoch == c->epoch && orphan->level > c->level);
}

/* Whether something that requires c, directly or not, is alive and going away. */
static bool above_is_going(struct node *n, struct node_cell *c)
{
    for (uint32_t i = 0; i < n->cell_count; i++) {
        if (orphan_is_above(n->cell[i], c) && any_going(n->cell[i])) {
            return true;
        }
    }
    n->mark++;
    uint32_t count = walk_on(n, c->dependents, c->dependents_count, 0);

    for (uint32_t i = 0; i < count; i++) {
        if (any_going(n->walk[i])) {
            return true;
        }
        count = walk_on(n, n->walk[i]->dependents, n->walk[i]->dependents_count, count);
    }
    return false;
}

static bool has_wanted(const struct node_cell *c)
{
    for (uint32_t k = 0; k < c->slot_room; k++) {
        if (c->slot[k] != NULL && c->slot[k]->at.is_wanted) {
            return true;
        }
    }
    return false;
}

static bool must_end(struct node *n, struct node_slot *s)
{
    if (!s->at.is_wanted) {
        /* With others of its cell staying nobody loses what it requires. */
        return has_wanted(s->cell) || !above_is_going(n, s->cell);
    }
    if (!s->at.restart_after_exit) {
        return false;
    }
    switch (s->at.turn) {
    case NODE_TURN_ROLL:
        return !node_instance_is_serving(s); /* it serves nobody: no turn to wait for */
    case NODE_TURN_NOW:
        return true;
    case NODE_TURN_GROUP:
        return !above_is_going(n, s->cell);
    }
    return false;
}

static void rest(struct node *n, struct node_slot *s)
{
    bool is_excess = s->at.instance >= node_table_wanted(s->cell);

    if (is_excess) {
        (void)node_effects_slot(n, NODE_FX_FORGET, s);
        node_table_forget(n, s);
    } else if (s->at.state != NODE_STOPPED) {
        s->at.deadline_ms = 0;
        node_instance_move(n, s, NODE_STOPPED, "stopped");
    }
}

/* ---- one after the other ------------------------------------------------------------------------- */

static bool is_in_roll(const struct node_slot *s)
{
    return s->at.restart_after_exit && s->at.is_wanted && s->at.turn == NODE_TURN_ROLL &&
           s->at.state != NODE_DRAINING && node_instance_is_live(s);
}

/* Whether `s` holds up the roll. A new version that fails must not replace the old one that serves;
 * a restart of the same version is not kept up by one that fails anyway. */
static bool holds_up(const struct node_slot *s, bool is_new_version)
{
    if (!s->at.is_wanted || node_instance_is_serving(s)) {
        return false;
    }
    return is_new_version ||
           (s->at.state != NODE_CRASH_LOOP && s->at.fails < NODE_FAILS_SET_ASIDE);
}

static void roll(struct node *n, struct node_cell *c)
{
    struct node_slot *next = NULL;

    for (uint32_t k = 0; k < c->slot_room && next == NULL; k++) {
        if (c->slot[k] != NULL && is_in_roll(c->slot[k])) {
            next = c->slot[k];
        }
    }
    if (next == NULL) {
        return;
    }
    for (uint32_t k = 0; k < c->slot_room; k++) {
        if (c->slot[k] != NULL && holds_up(c->slot[k], next->at.hash != c->hash)) {
            return;
        }
    }
    node_instance_end(n, next, "restarts");
}

/* ---- the pass ------------------------------------------------------------------------------------ */

static void refresh(struct node *n, struct node_slot *s)
{
    bool is_wanted = !n->is_down && !s->at.is_held && s->at.instance < node_table_wanted(s->cell);

    if (is_wanted == s->at.is_wanted) {
        return;
    }
    s->at.is_wanted = is_wanted;
    if (is_wanted && s->at.state == NODE_DRAINING) {
        s->at.restart_after_exit = true; /* its end was asked for, so it will be no crash */
    }
    node_effects_dirty(n, s);
}

void node_plan_refresh(struct node *n, struct node_cell *c)
{
    for (uint32_t k = 0; k < c->slot_room; k++) {
        if (c->slot[k] != NULL) {
            refresh(n, c->slot[k]);
        }
    }
    node_plan_touch_below(n, c);
}

static void plan_slot(struct node *n, struct node_slot *s)
{
    if (node_instance_is_live(s)) {
        if (s->at.state != NODE_DRAINING && must_end(n, s)) {
            node_instance_end(n, s, s->at.is_wanted ? "restarts" : "told to stop");
        }
    } else if (s->at.is_wanted) {
        start(n, s);
    } else {
        rest(n, s);
    }
}

static void plan_spare(struct node *n, struct node_cell *c)
{
    struct tally t = c->has_spare ? tally_of(c) : (struct tally){0};

    /* Starting a twin takes the supervisor milliseconds: not while somebody waits for it to hear that
     * an instance is ready, for one least of all that was a twin itself. */
    if (t.serving > 0 && t.starting == 0 && !c->spare_is_asked) {
        c->spare_is_asked = c->spare_may_exist = true;
        node_effects_cell(n, NODE_FX_SPARE, c)->count = 1;
    } else if (t.wanted == 0 && c->spare_may_exist) {
        c->spare_is_asked = c->spare_may_exist = false;
        node_effects_cell(n, NODE_FX_SPARE, c)->count = 0;
    }
}

static void plan_cell(struct node *n, struct node_cell *c)
{
    for (uint32_t k = 0; k < c->slot_room; k++) {
        if (c->slot[k] != NULL) {
            plan_slot(n, c->slot[k]);
        }
    }
    roll(n, c);
    plan_spare(n, c);
}

/* A removed cell without instances goes, but not before those that require it: over it they require
 * what it required, which has to outlive them. Then those below it may have waited for this. */
static void drop_empty(struct node *n, struct node_cell *c)
{
    if (c->entry != NODE_NONE || c->slot_count > 0 || c->dependents_count > 0 || c->is_touched) {
        return;
    }
    for (uint32_t r = 0; r < c->requires_count; r++) {
        node_plan_touch(n, c->requires[r]);
    }
    node_table_drop_cell(n, c);
}

void node_plan_run(struct node *n)
{
    while (n->touched_count > 0) {
        struct node_cell *c = n->touched[--n->touched_count];
        c->is_touched = false;
        plan_cell(n, c);
        drop_empty(n, c);
    }
    if (n->is_down && n->live == 0 && !n->is_done) {
        n->is_done = true;
        (void)node_effects_add(n, NODE_FX_DONE);
    }
    assert(n->touched_count == 0);
}
