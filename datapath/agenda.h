/* Who is due next: a heap of peers by time, in memory of the caller. */
#ifndef CELL_DATAPATH_AGENDA_H
#define CELL_DATAPATH_AGENDA_H

#include <stdint.h>

struct datapath_agenda_item {
    uint64_t at_ms;    /* of the peer of this number */
    uint32_t place;    /* … its place in the heap, + 1; 0: it has none */
    uint32_t who;      /* of the heap's place of this number */
};

struct datapath_agenda {
    struct datapath_agenda_item *item;
    uint32_t count, max;
};

/* memory: one item for each peer, borrowed. */
void datapath_agenda_init(struct datapath_agenda *a, struct datapath_agenda_item *memory, uint32_t peers);

/* `who` is due then, and not when he was to be before; UINT64_MAX: not at all. O(log peers). */
void datapath_agenda_set(struct datapath_agenda *a, uint32_t who, uint64_t at_ms);

/* When `who` is due; UINT64_MAX: not at all. */
uint64_t datapath_agenda_of(const struct datapath_agenda *a, uint32_t who);

/* When the first is due, and who that is; UINT64_MAX: nobody. */
uint64_t datapath_agenda_first(const struct datapath_agenda *a, uint32_t *ret_who);

#endif
