/* Packets that somebody looks at: a ring of fixed size, from which they are taken in the order in which they came. */
#ifndef CELL_DATAPATH_CAPTURE_H
#define CELL_DATAPATH_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "datapath/types.h"

enum {
    DATAPATH_CAPTURE_SNAP = 256,       /* bytes of a packet that are kept when nobody says how many: its heads and a little */
    DATAPATH_CAPTURE_SNAP_MAX = 65535, /* all of the largest that an interface gives                                        */
    DATAPATH_CAPTURE_RECORD = 56,      /* bytes of the ring that a packet takes besides its own                             */
};

struct datapath_capture_packet {
    uint64_t time_us;             /* since 1970                                     */
    const uint8_t *bytes;
    uint32_t kept, size;          /* of bytes; and how long it was                  */
    uint8_t public[DATAPATH_NOISE_KEY]; /* of the peer; zeros: nobody's             */
    bool is_out;                  /* of this host, for the peer; else the other way */
};

/* first to end, or first to wrap and 0 to end when what is in it goes round; empty: both 0. */
struct datapath_capture {
    uint8_t *memory;              /* borrowed; NULL: none is on */
    uint32_t room, snap;
    uint32_t first, end, wrap, count;
    uint64_t taken, dropped;      /* packets since the beginning; of these found no room */
};

/* A place among the packets of a ring, and how many lie before it. */
struct datapath_capture_place {
    uint32_t at, count;
};

/* memory: `room` bytes, a multiple of 8, that live as long as it; snap: 1 to DATAPATH_CAPTURE_SNAP_MAX. A packet of `snap`
 * bytes must fit: snap + DATAPATH_CAPTURE_RECORD + 8 <= room. */
void datapath_capture_init(struct datapath_capture *c, uint8_t *memory, uint32_t room, uint32_t snap);

/* Copy packet->size bytes of it, or the first `snap` of them; packet->kept means nothing here. False: it found no room, and
 * is counted as dropped: what came first stays. O(kept). */
bool datapath_capture_put(struct datapath_capture *c, const struct datapath_capture_packet *packet);

/* From the oldest on: the packet at *place, which moves to the next. False: there is none. *ret's bytes are in the ring, and
 * hold until the next put or drop. */
struct datapath_capture_place datapath_capture_begin(const struct datapath_capture *c);
bool datapath_capture_next(const struct datapath_capture *c, struct datapath_capture_place *place,
                           struct datapath_capture_packet *ret);

/* Forget all packets before `place`, which comes from next since the last drop. */
void datapath_capture_drop(struct datapath_capture *c, const struct datapath_capture_place *place);

#endif
