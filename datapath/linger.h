/* Whether to wait awake for the next packet: for an answer that is on its way, being woken takes longer than all that is
 * done with it. Learned from the packets themselves, so that whoever is idle sleeps: a gap that was short promises
 * another; one that was not, or many packets at once, which gain nothing, promise none. Where others want the processor
 * nobody waits awake for a while, and longer each time: whoever sleeps is served before them, who waits is not. Pure. */
#ifndef CELL_DATAPATH_LINGER_H
#define CELL_DATAPATH_LINGER_H

#include <stdint.h>

enum {
    DATAPATH_LINGER_US = 100,              /* waited awake at most, and what a short gap is: a round trip in a rack        */
    DATAPATH_LINGER_SHORTS = 2,            /* short gaps, one after the other, before it is worth it                       */
    DATAPATH_LINGER_FEW = 2,               /* packets of one turn: those of a question and its answer                      */
    DATAPATH_LINGER_BULK_US = 2000,        /* after a turn of more there is no waiting: batches are what makes those fast  */
    DATAPATH_LINGER_CROWDED_US = 200000,   /* … after a processor that somebody else had, doubled each time …             */
    DATAPATH_LINGER_CROWDED_US_MAX = 12800000,
    DATAPATH_LINGER_FREE = 2000,           /* … until so many waits went without that                                      */
};

struct datapath_linger {
    uint64_t done_us;       /* the last turn ended; 0: there was none              */
    uint64_t not_before_us; /* no waiting until then                               */
    uint64_t crowded_us;    /* as told last                                        */
    uint64_t backoff_us;    /* 0: it was not crowded lately                        */
    uint32_t waits;         /* since it was, DATAPATH_LINGER_FREE at most          */
    uint64_t waited;        /* in all                                              */
    uint32_t shorts;        /* gaps, one after the other, DATAPATH_LINGER_SHORTS at most */
};

/* A turn with packets begins. */
void datapath_linger_begin(struct datapath_linger *l, uint64_t now_us);

/* It ends, with so many packets; crowded_us: when the processor was last somebody else's while we waited awake, 0: never.
 * Returns until when to wait awake; 0: sleep. */
uint64_t datapath_linger_end(struct datapath_linger *l, uint64_t now_us, uint64_t packets, uint64_t crowded_us);

#endif
