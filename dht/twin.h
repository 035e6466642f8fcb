/* Two nodes with one key: a file that was copied, a machine that was cloned. To all others they are one node that is now
 * here, now there, so what is meant for one reaches either. Whoever hears one id by turns at two addresses, and in sessions that
 * different lives of it agreed on, knows, and tells each of them where the other one is; they make sure of it themselves
 * (common/node/datagram.h, `twin`). One node that has two addresses goes on in one session at both. */
#ifndef CELL_DHT_TWIN_H
#define CELL_DHT_TWIN_H

#include "dht/core.h"

enum {
    DHT_TWINS = 8,              /* nodes that lately were elsewhere: others have moved, or are forgotten               */
    DHT_TWIN_RETURNS = 3,       /* so often back where it was before: who moves is not so restless                     */
    DHT_TWIN_PACE_MS = 1000,    /* … each so long after the one before: what one was still sending is there by then     */
    DHT_TWIN_LATELY_MS = 60000, /* … each time within this                                                             */
    DHT_TWIN_SOON_MS = 10000,   /* … and within this where the session is new: who moved needs longer to miss an answer */
};

/* One that was at another address before. */
struct dht_twin {
    struct dht_node node;
    struct dht_address here, there; /* now, and before                                                  */
    uint64_t here_in, there_in;     /* the sessions in which it was heard there last; 0: not known      */
    uint32_t tick;                  /* of the change; 0: nobody is in this place                        */
    uint32_t counted;               /* of the last return                                                */
    uint8_t returns;
    bool is_told;                   /* dht_twin_take has had it                                          */
};

/* A packet of a node came from `at` in a session, the one before it from `before`. */
void dht_twin_heard(struct dht *d, const struct dht_node *node, const struct dht_address *before, const struct dht_address *at,
                    uint64_t session);

/* Where the other one of a node's key was last. False: it has none, as far as is known. */
bool dht_twin_other(const struct dht *d, const struct dht_contact *who, struct dht_address *ret);

/* Somebody says that this node is at `at`. */
void dht_twin_named(struct dht *d, const struct dht_address *at);

/* ---- for the shell --------------------------------------------------------------------------------- */

/* One that was noticed and not taken yet, once a DHT_TWIN_LATELY_MS at most. */
bool dht_twin_take(struct dht *d, struct dht_twin *ret);

/* Where this node is said to be, since it was asked last; others may lie, and it may be true. */
bool dht_twin_take_own(struct dht *d, struct dht_address *ret);

#endif
