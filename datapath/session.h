/* The sessions of a peer: the one in use, the one before it (packets are still on their way), and one that we answered
 * and whose initiator has not shown yet that he has it. Pure.
 * Source: Donenfeld, "WireGuard", NDSS 2017, sections 5.1, 6.1 to 6.3. */
#ifndef CELL_DATAPATH_SESSION_H
#define CELL_DATAPATH_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "datapath/aead.h"
#include "datapath/index.h"
#include "datapath/pace.h"
#include "datapath/replay.h"

/* Keys of one handshake. */
struct datapath_pair {
    uint32_t local;       /* id by which the peer addresses it; DATAPATH_INDEX_NONE: there is no such pair */
    uint32_t remote;      /* … and we                                                                      */
    bool is_initiator;    /* we began                                                                      */
    uint64_t born_ms;
    uint64_t counter;     /* of the next packet that we send */
    uint8_t send[DATAPATH_AEAD_KEY];
    uint8_t receive[DATAPATH_AEAD_KEY];
    bool has_offer;       /* the peer said what he opens under it: own.h …          */
    bool opens_aes;       /* … and AES is of it, and of ours …                      */
    bool takes_sums;      /* … and unfinished checksums under it                    */
    uint8_t offers;       /* so often we told him what we open                      */
    uint8_t own_send[DATAPATH_AEAD_KEY], own_receive[DATAPATH_AEAD_KEY];
    struct datapath_replay window;
};

struct datapath_session {
    struct datapath_pair current, previous, next;
};

/* Ids that are free again. */
struct datapath_freed {
    uint32_t count;
    uint32_t id[3];
};

/* A handshake is complete. Who began may send at once; who answered waits for the first packet under it. `pair` is
 * wiped. */
void datapath_session_add(struct datapath_session *s, struct datapath_pair *pair, struct datapath_freed *ret);

/* The pair of this id of ours; NULL: none. */
struct datapath_pair *datapath_session_find(struct datapath_session *s, uint32_t local);

/* A packet came under `pair`. True: it was the one that waited for this, and is in use from now on. Pointers to pairs
 * are void afterwards. */
bool datapath_session_confirm(struct datapath_session *s, const struct datapath_pair *pair,
                              struct datapath_freed *ret);

/* Counters from here on are never sent: between nodes of ours the upper two bits are marks (own.h). */
uint64_t datapath_session_end(const struct datapath_pair *pair);

/* Whether a pair is young enough, and has nonces left, to send or receive with. */
bool datapath_session_may_send(const struct datapath_pair *pair, const struct datapath_pace *pace, uint64_t now_ms);
bool datapath_session_may_receive(const struct datapath_pair *pair, const struct datapath_pace *pace,
                                  uint64_t now_ms);

/* Whether it is time for a new handshake: after sending, and after receiving. Only who began a session renews it for
 * its age, so that the two do not do so at once. */
bool datapath_session_is_old_to_send(const struct datapath_pair *pair, const struct datapath_pace *pace,
                                     uint64_t now_ms);
bool datapath_session_is_old_to_receive(const struct datapath_pair *pair, const struct datapath_pace *pace,
                                        uint64_t now_ms);

/* Wipe all keys. */
void datapath_session_erase(struct datapath_session *s, struct datapath_freed *ret);

#endif
