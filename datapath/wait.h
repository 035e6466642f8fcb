/* Packets that wait for their peer's session. A pool for all, of fixed size: nobody who is silent costs memory, and no
 * peer has more than his part. When that is full the oldest goes: what waits is worth less the longer it has waited. */
#ifndef CELL_DATAPATH_WAIT_H
#define CELL_DATAPATH_WAIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DATAPATH_WAIT_MAX = 64,  /* packets of all peers together */
    DATAPATH_WAIT_EACH = 16, /* … of one: about what a connection sends at once when it begins */
};

/* Of one peer; places + 1, 0: none. */
struct datapath_wait_queue {
    uint32_t first, last, count;
};

struct datapath_wait {
    uint8_t *bytes;  /* DATAPATH_WAIT_MAX times `room` */
    size_t room;
    uint32_t free;
    uint32_t next[DATAPATH_WAIT_MAX];
    uint32_t size[DATAPATH_WAIT_MAX];
};

/* memory: DATAPATH_WAIT_MAX * room bytes, borrowed. */
void datapath_wait_init(struct datapath_wait *w, uint8_t *memory, size_t room);

/* Keep a copy of a packet, at most `room` bytes. Returns how many were lost for it: 0 or 1 of the same queue, or this
 * one, when others have all places. */
uint32_t datapath_wait_put(struct datapath_wait *w, struct datapath_wait_queue *q, const uint8_t *bytes, size_t size);

/* The oldest, and off it; false: none is left. *ret_bytes is good until the next call. */
bool datapath_wait_take(struct datapath_wait *w, struct datapath_wait_queue *q, const uint8_t **ret_bytes,
                        size_t *ret_size);

#endif
