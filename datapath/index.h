/* Ids by which others address us: 32 bits, drawn, so that nobody guesses one; each belongs to one peer. A table with
 * open addressing in memory of the caller; the ids are uniform, so they are their own hash.
 *
 * The first byte of an id on the wire is never that of a message type (DAT-4): whoever reads an id where a type
 * stands, or at a wrong offset, sees that it is none. */
#ifndef CELL_DATAPATH_INDEX_H
#define CELL_DATAPATH_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "datapath/live.h"
#include "datapath/random.h"

enum {
    DATAPATH_INDEX_TYPES = 16, /* first bytes below this are types, of WireGuard (1 to 4) or ours */
    DATAPATH_INDEX_EACH = 4,   /* ids of one peer at most: three sessions and a handshake         */
    DATAPATH_INDEX_NONE = 0,   /* no id                                                           */
};

struct datapath_index_slot {
    uint32_t id; /* DATAPATH_INDEX_NONE: free */
    uint32_t peer;
};

struct datapath_index {
    uint32_t mask; /* slots - 1, a power of two less one */
    uint32_t used;
    struct datapath_index_slot *slot;
    struct datapath_live *live;  /* who else is to know which there are: set after init; NULL: nobody */
};

/* Slots for so many peers, at most half of them ever used. */
size_t datapath_index_slots(uint32_t peers);

/* memory: datapath_index_slots(peers) slots, borrowed for the table's life. */
void datapath_index_init(struct datapath_index *x, struct datapath_index_slot *memory, uint32_t peers);

/* A new id for `peer`. There must be room: no peer has more than DATAPATH_INDEX_EACH. */
uint32_t datapath_index_add(struct datapath_index *x, struct datapath_random *r, uint32_t peer);

/* Whose it is; false: nobody's. */
bool datapath_index_find(const struct datapath_index *x, uint32_t id, uint32_t *ret_peer);

/* Forget one; DATAPATH_INDEX_NONE is fine. */
void datapath_index_drop(struct datapath_index *x, uint32_t id);

/* Whether an id could have been given out. */
bool datapath_index_is_possible(uint32_t id);

#endif
