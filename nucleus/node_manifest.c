/* A new manifest comes into force: first everything that can fail, on the side; then the change
 * itself, which cannot. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "nucleus/node_rooms.h"

struct draft {
    const struct manifest *manifest;
    struct node_cell **entry;     /* by manifest index: the cell, new or known     */
    struct node_cell ***requires; /* by manifest index: its new list, until taken  */
    struct node_cell **fresh;     /* cells this manifest brings, until taken       */
    uint32_t fresh_count;
    struct node_cell **edges;
    uint32_t *order, *level;      /* by place in the order; by manifest index      */
    uint32_t new_slots;
};

static void draft_fini(struct draft *d)
{
    for (size_t i = 0; d->requires != NULL && i < d->manifest->cell_count; i++) {
        free(d->requires[i]);
    }
    for (uint32_t i = 0; i < d->fresh_count; i++) {
        node_table_free_cell(d->fresh[i]);
    }
    free(d->entry);
    free(d->requires);
    free(d->fresh);
    free(d->edges);
    free(d->order);
    free(d->level);
}

/* Values manifest_check has refused already: checked again because a machine that supervises with
 * a period of 0 would spin, and one that counts past its ring would never give up. */
static bool is_sane(const struct manifest_cell *e)
{
    return e->instances <= MANIFEST_INSTANCES_MAX && e->restart.give_up_count <= NODE_CRASHES_MAX &&
           e->heartbeat.every_ms > 0 && e->heartbeat.dead_after > 0 && e->deadlines.ready_ms > 0 &&
           e->requires_count <= MANIFEST_LIST_MAX && strnlen(e->name, NAME_SIZE) < NAME_SIZE &&
           strnlen(e->space, NAME_SIZE) < NAME_SIZE;
}

/* Instances wanted once `e` is in force: a person's number holds until the manifest's changes. */
static uint32_t wanted_after(const struct node_cell *c, const struct manifest_cell *e)
{
    return c->is_scaled && c->of == e->instances ? c->scale : e->instances;
}

static enum err draft_cell(const struct node *n, struct draft *d, size_t index)
{
    const struct manifest_cell *e = &d->manifest->cells[index];
    struct node_cell *c = node_table_cell(n, e->space, e->name);

    if (c == NULL) {
        c = node_table_new_cell(e->space, e->name);
        if (c == NULL) {
            return ERR_NOMEM;
        }
        d->fresh[d->fresh_count++] = c;
    }
    d->entry[index] = c;
    uint32_t wanted = wanted_after(c, e);
    for (uint32_t k = 0; k < wanted; k++) {
        d->new_slots += k >= c->slot_room || c->slot[k] == NULL;
    }
    return node_table_grow_cell(c, wanted);
}

static enum err draft_requires(struct draft *d, size_t index)
{
    const struct manifest_cell *e = &d->manifest->cells[index];

    d->requires[index] = calloc(e->requires_count + 1, sizeof(struct node_cell *));
    if (d->requires[index] == NULL) {
        return ERR_NOMEM;
    }
    for (size_t r = 0; r < e->requires_count; r++) {
        int other = manifest_resolve(d->manifest, e->space, &e->requires[r]);
        if (other < 0 || (size_t)other == index) {
            return ERR_INVALID;
        }
        d->requires[index][r] = d->entry[other];
    }
    return ERR_OK;
}

static bool is_in(const struct draft *d, const struct node_cell *c)
{
    for (size_t i = 0; i < d->manifest->cell_count; i++) {
        if (d->entry[i] == c) {
            return true;
        }
    }
    return false;
}

/* Room for one pointer per requirement: those of the manifest and those of cells that go away. */
static enum err draft_edges(const struct node *n, struct draft *d)
{
    size_t count = 1;

    for (size_t i = 0; i < d->manifest->cell_count; i++) {
        count += d->manifest->cells[i].requires_count;
    }
    for (uint32_t c = 0; c < n->cell_count; c++) {
        count += is_in(d, n->cell[c]) ? 0 : n->cell[c]->requires_count;
    }
    d->edges = calloc(count, sizeof(struct node_cell *));
    return d->edges != NULL ? ERR_OK : ERR_NOMEM;
}

/* How deep the requirements below each entry go. manifest_check has refused cycles; should one get
 * this far it is refused here, because its cells would wait for each other for ever. */
static enum err draft_levels(struct draft *d)
{
    const struct manifest *m = d->manifest;

    manifest_order(m, d->order);
    for (size_t i = 0; i < m->cell_count; i++) {
        const struct manifest_cell *e = &m->cells[d->order[i]];
        uint32_t level = 1;
        for (size_t r = 0; r < e->requires_count; r++) {
            int other = manifest_resolve(m, e->space, &e->requires[r]);
            if (other < 0 || d->level[other] == 0) {
                return ERR_INVALID;
            }
            level = d->level[other] >= level ? d->level[other] + 1 : level;
        }
        d->level[d->order[i]] = level;
    }
    return ERR_OK;
}

static enum err draft_make(const struct node *n, struct draft *d)
{
    size_t count = d->manifest->cell_count;
    enum err e = ERR_OK;

    d->entry = calloc(count + 1, sizeof *d->entry);
    d->requires = calloc(count + 1, sizeof *d->requires);
    d->fresh = calloc(count + 1, sizeof *d->fresh);
    d->order = calloc(count + 1, sizeof *d->order);
    d->level = calloc(count + 1, sizeof *d->level);
    if (d->entry == NULL || d->requires == NULL || d->fresh == NULL || d->order == NULL ||
        d->level == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < count && e == ERR_OK; i++) {
        e = is_sane(&d->manifest->cells[i]) ? draft_cell(n, d, i) : ERR_INVALID;
    }
    for (size_t i = 0; i < count && e == ERR_OK; i++) {
        e = draft_requires(d, i);
    }
    if (e == ERR_OK) {
        e = draft_levels(d);
    }
    return e == ERR_OK ? draft_edges(n, d) : e;
}

/* ---- the change ----------------------------------------------------------------------------------- */

static void take_policy(struct node_cell *c, const struct manifest_cell *e)
{
    c->is_trivial = e->trivial;
    c->has_spare = e->spare;
    c->on_demand = e->on_demand;
    c->strategy = e->restart.strategy;
    c->backoff = (struct node_backoff){
        .first_ms = e->restart.first_ms,
        .max_ms = e->restart.max_ms,
        .give_up_count = e->restart.give_up_count,
        .give_up_ms = e->restart.give_up_ms,
        .stable_ms = e->restart.stable_ms,
    };
    c->heartbeat = (struct node_health_policy){e->heartbeat.every_ms, e->heartbeat.dead_after};
    c->ready_ms = e->deadlines.ready_ms;
    c->drain_ms = e->deadlines.drain_ms;
    c->term_ms = e->deadlines.term_ms;
}

/* An instance of a cell whose entry is in the new manifest. */
static void take_instance(struct node *n, struct node_slot *s, bool is_changed)
{
    struct node_instance *i = &s->at;

    if (is_changed || i->state == NODE_CRASH_LOOP) {
        node_backoff_reset(i); /* what is applied is tried */
        if (i->state == NODE_CRASH_LOOP || i->state == NODE_FAILED) {
            i->deadline_ms = 0;
            node_instance_move(n, s, NODE_WAITING, "applied again");
        }
    }
    if (is_changed) {
        i->was_ready = false;
    }
    if (node_instance_is_live(s) && (is_changed || i->hash != s->cell->hash) &&
        !node_plan_is_in_group(s)) { /* which restarts it anyway */
        i->restart_after_exit = i->hash != s->cell->hash; /* a change taken back needs nothing */
        s->at.turn = NODE_TURN_ROLL;
    }
    node_effects_dirty(n, s);
}

static void take_entry(struct node *n, struct draft *d, size_t index)
{
    const struct manifest_cell *e = &d->manifest->cells[index];
    struct node_cell *c = d->entry[index];
    bool is_changed = c->hash != e->hash;

    c->entry = (int32_t)index;
    c->is_orphan = false;
    c->level = d->level[index];
    c->epoch = n->epoch;
    if (c->is_scaled && c->of != e->instances) {
        c->is_scaled = false;
        struct node_effect *x = node_effects_cell(n, NODE_FX_STORE_SCALE, c);
        x->count = x->of = e->instances;
    }
    c->of = e->instances;
    c->hash = e->hash;
    c->spare_is_asked = c->spare_is_asked && !is_changed;
    bool is_released = c->on_demand && !e->on_demand; /* nobody has to ask for it any more */
    take_policy(c, e);
    free(c->requires);
    c->requires = take_ptr(&d->requires[index]);
    c->requires_count = (uint32_t)e->requires_count;
    for (uint32_t k = 0; k < c->slot_room; k++) {
        if (c->slot[k] != NULL) {
            c->slot[k]->at.cell = (uint32_t)index;
            c->slot[k]->at.level = c->level;
            c->slot[k]->at.epoch = c->epoch;
            c->slot[k]->at.is_held = c->slot[k]->at.is_held && !is_released;
            if (n->has_manifest) { /* a recovery is no apply */
                take_instance(n, c->slot[k], is_changed);
            }
        }
    }
}

/* A person who stopped all of a cell stopped the cell: it does not run again because it grew. */
static bool is_all_held(const struct node_cell *c)
{
    bool any = false;

    for (uint32_t k = 0; k < c->slot_room; k++) {
        if (c->slot[k] != NULL && c->slot[k]->at.instance < node_table_wanted(c)) {
            any = true;
            if (!c->slot[k]->at.is_held) {
                return false;
            }
        }
    }
    return any;
}

void node_manifest_fill(struct node *n, struct node_cell *c)
{
    bool is_first = c->on_demand && c->slot_count == 0;
    bool is_held = is_first || is_all_held(c);

    assert(c->entry == NODE_NONE || node_table_wanted(c) <= c->slot_room);
    for (uint32_t k = 0; k < node_table_wanted(c); k++) {
        if (c->slot[k] == NULL) {
            struct node_instance *i = &node_table_add(n, c, k)->at;
            i->is_held = is_held;
            if (is_first) {
                (void)snprintf(i->reason, sizeof i->reason, "starts when it is asked for");
            }
        }
    }
}

/* Who requires a cell, from what each requires. Counts first, then one block is shared out. */
static void link_dependents(struct node *n, struct draft *d)
{
    struct node_cell **free_edge = d->edges;

    for (uint32_t c = 0; c < n->cell_count; c++) {
        n->cell[c]->dependents_count = 0;
    }
    for (uint32_t c = 0; c < n->cell_count; c++) {
        for (uint32_t r = 0; r < n->cell[c]->requires_count; r++) {
            n->cell[c]->requires[r]->dependents_count++;
        }
    }
    for (uint32_t c = 0; c < n->cell_count; c++) {
        n->cell[c]->dependents = free_edge;
        free_edge += n->cell[c]->dependents_count;
        n->cell[c]->dependents_count = 0;
    }
    for (uint32_t c = 0; c < n->cell_count; c++) {
        for (uint32_t r = 0; r < n->cell[c]->requires_count; r++) {
            struct node_cell *below = n->cell[c]->requires[r];
            below->dependents[below->dependents_count++] = n->cell[c];
        }
    }
    free(n->edges);
    n->edges = take_ptr(&d->edges);
}

static void let_go(struct node_cell *c)
{
    c->entry = NODE_NONE;
    c->is_scaled = false;
    for (uint32_t k = 0; k < c->slot_room; k++) {
        if (c->slot[k] != NULL) {
            c->slot[k]->at.cell = UINT32_MAX;
        }
    }
}

static void commit(struct node *n, struct draft *d)
{
    size_t count = d->manifest->cell_count;

    n->epoch++;
    for (uint32_t c = 0; c < n->cell_count; c++) {
        if (!is_in(d, n->cell[c])) {
            let_go(n->cell[c]);
        }
    }
    for (uint32_t i = 0; i < d->fresh_count; i++) {
        assert(n->cell_count < n->cell_room);
        n->cell[n->cell_count++] = d->fresh[i];
    }
    d->fresh_count = 0;
    for (size_t i = 0; i < count; i++) {
        take_entry(n, d, i);
    }
    free(n->entry);
    n->entry = take_ptr(&d->entry);
    n->entry_count = (uint32_t)count;
    link_dependents(n, d);
    for (uint32_t c = 0; c < n->cell_count; c++) {
        node_manifest_fill(n, n->cell[c]);
    }
    for (uint32_t c = n->cell_count; c > 0; c--) {
        node_plan_refresh(n, n->cell[c - 1]);
    }
    if (!n->has_manifest) {
        n->has_manifest = true;
        struct node_slot *s = node_table_next(n, 0);
        for (; s != NULL; s = node_table_next(n, s->index + 1)) {
            node_adopt_resume(n, s);
        }
    }
}

enum err node_manifest_take(struct node *n, const struct manifest *m, struct node_effects *fx)
{
    struct draft d = {.manifest = m};
    enum err e;

    if (m == NULL || m->cell_count > MANIFEST_CELLS_MAX) {
        return m == NULL ? ERR_INVALID : ERR_LIMIT;
    }
    e = draft_make(n, &d);
    if (e == ERR_OK) {
        e = node_table_reserve_cells(n, n->cell_count + d.fresh_count);
    }
    if (e == ERR_OK) {
        e = node_table_reserve(n, d.new_slots);
    }
    if (e == ERR_OK) {
        e = node_effects_reserve(n, fx, d.new_slots);
    }
    if (e == ERR_OK) {
        commit(n, &d);
    }
    draft_fini(&d);
    return e;
}
