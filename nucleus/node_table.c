/* Slots (an instance each) and cells. A slot's memory stays where it is and is used again. */
#include <assert.h>
#include <string.h>

#include "nucleus/node_rooms.h"

static uint64_t bit(uint32_t index)
{
    return UINT64_C(1) << (index % 64);
}

bool node_table_is_used(const struct node *n, uint32_t index)
{
    return index < NODE_INSTANCES_MAX && (n->used[index / 64] & bit(index)) != 0;
}

uint32_t node_table_used(const struct node *n)
{
    return n->used_count;
}

struct node_slot *node_table_next(const struct node *n, uint32_t from)
{
    while (from < NODE_INSTANCES_MAX) {
        uint64_t word = n->used[from / 64] & ~(bit(from) - 1);
        if (word != 0) {
            return n->slot[from / 64 * 64 + (uint32_t)__builtin_ctzll(word)];
        }
        from = (from / 64 + 1) * 64;
    }
    return NULL;
}

enum err node_table_reserve_at(struct node *n, uint32_t index)
{
    assert(index < NODE_INSTANCES_MAX);
    if (n->slot[index] == NULL) {
        n->slot[index] = calloc(1, sizeof *n->slot[index]);
    }
    return n->slot[index] != NULL ? ERR_OK : ERR_NOMEM;
}

/* Free slots, lowest first, are given memory until `slots` of them have it. */
enum err node_table_reserve(struct node *n, uint32_t slots)
{
    for (uint32_t index = 0; index < NODE_INSTANCES_MAX && slots > 0; index++) {
        if (((n->used[index / 64] | n->resting[index / 64]) & bit(index)) == 0) {
            enum err e = node_table_reserve_at(n, index);
            if (e != ERR_OK) {
                return e;
            }
            slots--;
        }
    }
    return slots == 0 ? ERR_OK : ERR_LIMIT;
}

static enum err grow(struct node_cell ***list, uint32_t room)
{
    struct node_cell **bigger = realloc(*list, room * sizeof *bigger);

    if (bigger == NULL) {
        return ERR_NOMEM;
    }
    *list = bigger;
    return ERR_OK;
}

/* Room for `count` cells in every list of cells. */
enum err node_table_reserve_cells(struct node *n, uint32_t count)
{
    if (count > n->cell_room) {
        if (grow(&n->cell, count) != ERR_OK || grow(&n->touched, count) != ERR_OK ||
            grow(&n->walk, count) != ERR_OK) {
            return ERR_NOMEM;
        }
        n->cell_room = count;
    }
    return ERR_OK;
}

/* A cell no manifest has: enough to let its instances go. */
struct node_cell *node_table_new_cell(const char space[NAME_SIZE], const char name[NAME_SIZE])
{
    struct node_cell *c = calloc(1, sizeof *c);

    if (c != NULL) {
        memcpy(c->space, space, sizeof c->space);
        memcpy(c->name, name, sizeof c->name);
        c->entry = NODE_NONE;
        c->ready_ms = c->drain_ms = c->term_ms = NODE_ORPHAN_MS;
    }
    return c;
}

enum err node_table_grow_cell(struct node_cell *c, uint32_t instances)
{
    if (instances > c->slot_room) {
        struct node_slot **slot = realloc(c->slot, instances * sizeof *slot);
        if (slot == NULL) {
            return ERR_NOMEM;
        }
        memset(slot + c->slot_room, 0, (instances - c->slot_room) * sizeof *slot);
        c->slot = slot;
        c->slot_room = instances;
    }
    return ERR_OK;
}

struct node_slot *node_table_take(struct node *n, uint32_t index)
{
    struct node_slot *s = n->slot[index];

    assert(s != NULL && !node_table_is_used(n, index));
    n->used[index / 64] |= bit(index);
    n->used_count++;
    *s = (struct node_slot){.index = index};
    return s;
}

static uint32_t lowest_free(const struct node *n)
{
    for (uint32_t w = 0; w < NODE_WORDS; w++) {
        uint64_t taken = n->used[w] | n->resting[w];
        if (taken != UINT64_MAX) {
            return w * 64 + (uint32_t)__builtin_ctzll(~taken);
        }
    }
    return NODE_INSTANCES_MAX;
}

void node_table_attach(struct node_slot *s, struct node_cell *c)
{
    uint32_t instance = s->at.instance;

    assert(instance < c->slot_room && c->slot[instance] == NULL);
    s->cell = c;
    s->at.cell = c->entry == NODE_NONE ? UINT32_MAX : (uint32_t)c->entry;
    s->at.level = c->level;
    s->at.epoch = c->epoch;
    c->slot[instance] = s;
    c->slot_count++;
}

struct node_slot *node_table_add(struct node *n, struct node_cell *c, uint32_t instance)
{
    uint32_t index = lowest_free(n);

    assert(index < NODE_INSTANCES_MAX); /* reserved before */
    struct node_slot *s = node_table_take(n, index);
    s->at.instance = instance;
    s->at.state = NODE_STOPPED;
    memcpy(s->at.space, c->space, sizeof s->at.space);
    memcpy(s->at.name, c->name, sizeof s->at.name);
    node_table_attach(s, c);
    node_effects_dirty(n, s);
    return s;
}

void node_table_forget(struct node *n, struct node_slot *s)
{
    assert(!s->at.is_alive && !s->at.is_spawning && s->cell != NULL && n->used_count > 0);
    s->cell->slot[s->at.instance] = NULL;
    s->cell->slot_count--;
    n->used[s->index / 64] &= ~bit(s->index);
    n->used_count--;
    n->resting[s->index / 64] |= bit(s->index);
}

struct node_cell *node_table_cell(const struct node *n, const char *space, const char *name)
{
    for (uint32_t c = 0; c < n->cell_count; c++) {
        if (strcmp(n->cell[c]->name, name) == 0 && strcmp(n->cell[c]->space, space) == 0) {
            return n->cell[c];
        }
    }
    return NULL;
}

void node_table_free_cell(struct node_cell *c)
{
    if (c != NULL) {
        free(c->requires);
        free(c->slot);
        free(c);
    }
}

static void drop_from(struct node_cell **list, uint32_t *count, const struct node_cell *c)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < *count; i++) {
        if (list[i] != c) {
            list[kept++] = list[i];
        }
    }
    *count = kept;
}

/* A removed cell whose last instance is forgotten, and which nothing requires any more. */
void node_table_drop_cell(struct node *n, struct node_cell *c)
{
    assert(c->entry == NODE_NONE && c->slot_count == 0 && c->dependents_count == 0 && !c->is_touched);
    drop_from(n->cell, &n->cell_count, c);
    for (uint32_t i = 0; i < c->requires_count; i++) {
        drop_from(c->requires[i]->dependents, &c->requires[i]->dependents_count, c);
    }
    node_table_free_cell(c);
}

uint32_t node_table_wanted(const struct node_cell *c)
{
    if (c->entry == NODE_NONE) {
        return 0;
    }
    return c->is_scaled ? c->scale : c->of;
}
