/* The ids of sessions as the shield reads them while they change: sets of a few places, no locks, no moving about. An id
 * is there before anybody is told of it and goes after it is of no use, so that whoever reads too early or too late does
 * no harm. Pure: the memory is a map of the kernel's, or a test's. */
#ifndef CELL_DATAPATH_LIVE_H
#define CELL_DATAPATH_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "datapath/shield_shape.h"

struct datapath_live {
    struct datapath_shield_set *set;
    uint32_t mask;      /* sets - 1 */
    uint32_t spilled;   /* ids without a place; while a set has one, all ids of that set are let through */
};

/* Sets for ids of so many peers, a power of two: four ids for each (index.h), in sets of DATAPATH_SHIELD_WAYS, so that
 * one of a million has no place. */
uint32_t datapath_live_sets(uint32_t peers);

/* memory: `sets` sets, a power of two, zeros; borrowed for its life. */
void datapath_live_init(struct datapath_live *l, struct datapath_shield_set *memory, uint32_t sets);

/* An id that is given out next. Never 0; one that is there already is there twice then. */
void datapath_live_add(struct datapath_live *l, uint32_t id);

/* An id that is out of use; it was added. */
void datapath_live_drop(struct datapath_live *l, uint32_t id);

/* What the shield would say. */
bool datapath_live_has(const struct datapath_live *l, uint32_t id);

#endif
