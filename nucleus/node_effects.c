#include <assert.h>
#include <string.h>

#include "nucleus/node_rooms.h"

enum err node_effects_reserve(const struct node *n, struct node_effects *fx, uint32_t more)
{
    size_t slots = (size_t)node_table_used(n) + more;
    size_t room = slots * NODE_EFFECTS_PER_SLOT + (size_t)n->cell_room * NODE_EFFECTS_PER_CELL + 1;

    if (fx->room < room) {
        struct node_effect *item = realloc(fx->item, room * sizeof *item);
        if (item == NULL) {
            return ERR_NOMEM;
        }
        fx->item = item;
        fx->room = room;
    }
    if (fx->record_room < slots) {
        struct node_instance *record = realloc(fx->record, slots * sizeof *record);
        if (record == NULL) {
            return ERR_NOMEM;
        }
        fx->record = record;
        fx->record_room = slots;
    }
    return ERR_OK;
}

struct node_effect *node_effects_add(struct node *n, enum node_effect_kind kind)
{
    struct node_effects *fx = n->fx;

    assert(fx != NULL && fx->count < fx->room);
    struct node_effect *e = &fx->item[fx->count++];
    *e = (struct node_effect){.kind = kind, .slot = UINT32_MAX, .cell = UINT32_MAX};
    return e;
}

static void fill_slot(struct node_effect *e, const struct node_slot *s)
{
    const struct node_instance *i = &s->at;

    e->slot = s->index;
    e->cell = i->cell;
    e->instance = i->instance;
    e->generation = i->generation;
    e->state = i->state;
    e->is_healthy = i->is_healthy;
    memcpy(e->space, i->space, sizeof e->space);
    memcpy(e->name, i->name, sizeof e->name);
    memcpy(e->reason, i->reason, sizeof e->reason);
}

struct node_effect *node_effects_slot(struct node *n, enum node_effect_kind kind,
                                      const struct node_slot *s)
{
    struct node_effect *e = node_effects_add(n, kind);

    fill_slot(e, s);
    return e;
}

struct node_effect *node_effects_cell(struct node *n, enum node_effect_kind kind,
                                      const struct node_cell *c)
{
    struct node_effect *e = node_effects_add(n, kind);

    e->cell = c->entry == NODE_NONE ? UINT32_MAX : (uint32_t)c->entry;
    memcpy(e->space, c->space, sizeof e->space);
    memcpy(e->name, c->name, sizeof e->name);
    return e;
}

void node_effects_dirty(struct node *n, struct node_slot *s)
{
    if (!s->is_dirty) {
        s->is_dirty = true;
        assert(n->dirty_count < NODE_INSTANCES_MAX);
        n->dirty[n->dirty_count++] = s->index;
    }
}

/* Numbers a person asked for come first of all: a successor that knows a record made for the new
 * number, but not the number, would bring back what was sent away. */
static uint32_t scales_first(struct node_effects *fx)
{
    uint32_t scales = 0;

    for (size_t i = 0; i < fx->count; i++) {
        if (fx->item[i].kind == NODE_FX_STORE_SCALE) {
            struct node_effect scale = fx->item[i];
            memmove(&fx->item[scales + 1], &fx->item[scales], (i - scales) * sizeof scale);
            fx->item[scales++] = scale;
        }
    }
    return scales;
}

/* Append the STOREs of dirty slots that are, or are not, live. Returns how many there are then. */
static uint32_t fill_stores(struct node *n, struct node_effect *store, uint32_t kept, bool is_live,
                            uint32_t count)
{
    for (uint32_t d = 0; d < kept; d++) {
        const struct node_slot *s = n->slot[n->dirty[d]];
        if (node_instance_is_live(s) == is_live) {
            n->fx->record[count] = s->at;
            store[count] = (struct node_effect){.kind = NODE_FX_STORE, .record = &n->fx->record[count]};
            fill_slot(&store[count++], s);
        }
    }
    return count;
}

void node_effects_finish(struct node *n)
{
    struct node_effects *fx = n->fx;
    uint32_t kept = 0, scales = scales_first(fx);

    for (uint32_t d = 0; d < n->dirty_count; d++) {
        struct node_slot *s = n->slot[n->dirty[d]];
        s->is_dirty = false;
        if (node_table_is_used(n, s->index)) { /* a forgotten one has no record to keep */
            n->dirty[kept++] = s->index;
        }
    }
    n->dirty_count = 0;
    assert(fx->count + kept <= fx->room && kept <= fx->record_room);
    struct node_effect *store = fx->item + scales;
    memmove(store + kept, store, (fx->count - scales) * sizeof *store);
    fx->count += kept;
    /* The living first: a successor that finds the crash on record, but not what it decided about
     * the others, would leave its group as it is. The other way round it finds the crash anew. */
    uint32_t stored = fill_stores(n, store, kept, false, fill_stores(n, store, kept, true, 0));
    assert(stored == kept);
}

void node_effects_fini(struct node_effects *fx)
{
    free(fx->item);
    free(fx->record);
    *fx = (struct node_effects){0};
}
