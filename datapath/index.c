#include "datapath/index.h"

#include <assert.h>
#include <string.h>

size_t datapath_index_slots(uint32_t peers)
{
    size_t slots = 16;

    while (slots < 2 * (size_t)peers * DATAPATH_INDEX_EACH) {
        slots *= 2;
    }
    return slots;
}

void datapath_index_init(struct datapath_index *x, struct datapath_index_slot *memory, uint32_t peers)
{
    size_t slots = datapath_index_slots(peers);

    memset(memory, 0, slots * sizeof *memory);
    *x = (struct datapath_index){.mask = (uint32_t)(slots - 1), .slot = memory};
}

bool datapath_index_is_possible(uint32_t id)
{
    return (id & 0xff) >= DATAPATH_INDEX_TYPES;
}

/* Where it begins to look. Not the low bits: a first byte is not uniform. */
static uint32_t home(const struct datapath_index *x, uint32_t id)
{
    return id >> 8 & x->mask;
}

/* Its slot, or the free one where it would be. */
static uint32_t place(const struct datapath_index *x, uint32_t id)
{
    uint32_t at = home(x, id);

    while (x->slot[at].id != DATAPATH_INDEX_NONE && x->slot[at].id != id) {
        at = (at + 1) & x->mask;
    }
    return at;
}

uint32_t datapath_index_add(struct datapath_index *x, struct datapath_random *r, uint32_t peer)
{
    uint32_t id, at;

    assert(x->used <= x->mask / 2);
    do {
        datapath_random_draw(r, &id, sizeof id);
        at = place(x, id);
    } while (!datapath_index_is_possible(id) || x->slot[at].id != DATAPATH_INDEX_NONE);
    x->slot[at] = (struct datapath_index_slot){.id = id, .peer = peer};
    x->used++;
    if (x->live != NULL) {
        datapath_live_add(x->live, id); /* before anybody is told of it */
    }
    return id;
}

bool datapath_index_find(const struct datapath_index *x, uint32_t id, uint32_t *ret_peer)
{
    if (!datapath_index_is_possible(id)) {
        return false;
    }
    uint32_t at = place(x, id);
    if (x->slot[at].id == DATAPATH_INDEX_NONE) {
        return false;
    }
    *ret_peer = x->slot[at].peer;
    return true;
}

void datapath_index_drop(struct datapath_index *x, uint32_t id)
{
    if (id == DATAPATH_INDEX_NONE) {
        return;
    }
    uint32_t hole = place(x, id);
    assert(x->slot[hole].id == id);
    x->used--;
    if (x->live != NULL) {
        datapath_live_drop(x->live, id);
    }
    /* Those behind it that would no longer be found move up. */
    for (uint32_t at = (hole + 1) & x->mask; x->slot[at].id != DATAPATH_INDEX_NONE; at = (at + 1) & x->mask) {
        if (((at - home(x, x->slot[at].id)) & x->mask) >= ((at - hole) & x->mask)) {
            x->slot[hole] = x->slot[at];
            hole = at;
        }
    }
    x->slot[hole] = (struct datapath_index_slot){0};
}
