#include "datapath/live.h"

#include <assert.h>

uint32_t datapath_live_sets(uint32_t peers)
{
    uint32_t sets = 1;

    while (sets < peers) {
        sets *= 2;
    }
    return sets;
}

void datapath_live_init(struct datapath_live *l, struct datapath_shield_set *memory, uint32_t sets)
{
    assert(sets > 0 && (sets & (sets - 1)) == 0);
    *l = (struct datapath_live){.set = memory, .mask = sets - 1};
}

/* Not the low bits: a first byte is not uniform (index.h). */
static struct datapath_shield_set *set_of(const struct datapath_live *l, uint32_t id)
{
    return &l->set[id >> 8 & l->mask];
}

/* The place of an id, 0 being that of nobody; NULL: none. */
static uint32_t *place(struct datapath_shield_set *set, uint32_t id)
{
    for (uint32_t i = 0; i < DATAPATH_SHIELD_WAYS; i++) {
        if (set->id[i] == id) {
            return &set->id[i];
        }
    }
    return NULL;
}

/* Whole words, for another processor reads them. */
static void put(uint32_t *word, uint32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

void datapath_live_add(struct datapath_live *l, uint32_t id)
{
    struct datapath_shield_set *set = set_of(l, id);
    uint32_t *at = place(set, 0);

    assert(id != 0);
    if (at != NULL) {
        put(at, id);
        return;
    }
    put(&set->spilled, set->spilled + 1);
    l->spilled++;
}

void datapath_live_drop(struct datapath_live *l, uint32_t id)
{
    struct datapath_shield_set *set = set_of(l, id);
    uint32_t *at = place(set, id);

    if (at != NULL) {
        put(at, 0);
        return;
    }
    /* One of those that found no place. Which ids these are nobody keeps: the set is open as long as there is one. */
    assert(set->spilled > 0);
    put(&set->spilled, set->spilled - 1);
    l->spilled--;
}

bool datapath_live_has(const struct datapath_live *l, uint32_t id)
{
    struct datapath_shield_set *set = set_of(l, id);

    return set->spilled > 0 || (id != 0 && place(set, id) != NULL);
}
