/* Inside of the core: its struct, and what its files do for each other. */
#ifndef CELL_DATAPATH_STATE_H
#define CELL_DATAPATH_STATE_H

#include "datapath/agenda.h"
#include "datapath/cookie.h"
#include "datapath/core.h"
#include "datapath/index.h"
#include "datapath/limit.h"
#include "datapath/own.h"
#include "datapath/session.h"
#include "datapath/timers.h"

struct datapath_peer {
    bool is_used;
    uint32_t next;                  /* of the same hash, + 1; of those free, + 1 */
    struct datapath_peer_config config;
    uint8_t shared[DATAPATH_NOISE_KEY]; /* of the two static keys */
    uint64_t who;                   /* that his signals say */
    uint32_t next_who;              /* of the same hash, + 1 */
    uint32_t serial;                /* another one when another peer has this number */
    uint32_t changes;               /* of his inner addresses */
    struct datapath_cookie_peer cookie;
    struct datapath_noise shake;    /* of our initiation …                                     */
    uint32_t shake_id;              /* … which has this id; DATAPATH_INDEX_NONE: none is open  */
    uint64_t shake_ms;              /* … and was sent last then                                */
    uint64_t initiated_ms;          /* when we last sent one, answered or not; 0: never        */
    uint64_t asked_ms;              /* when we last answered one of his; 0: never              */
    uint64_t stamp_ns;              /* of our newest initiation                                */
    bool was_renewed;               /* this session was renewed because its end came near      */
    uint8_t unanswered;             /* offers of ours since his last …                         */
    uint64_t offered_ms;            /* … and when the newest was made                          */
    struct datapath_session session;
    struct datapath_timers timers;
    struct datapath_wait_queue waiting;
    bool takes_frames;              /* as he said in the newest session in which he said something */
    struct datapath_view numbers;   /* but for config and what can be seen elsewhere           */
};

struct datapath {
    struct datapath_noise_self self;
    struct datapath_noise begun;    /* what a handshake that somebody begins with us is before his message */
    uint32_t peers_max, mtu;
    struct datapath_pace pace;
    const struct datapath_aead *aead, *own;
    uint32_t kinds;                 /* that are offered in sessions: own.h */
    struct datapath_random random;
    struct datapath_cookie_gate gate;
    struct datapath_limit limit;
    struct datapath_index index;
    struct datapath_allowed allowed;
    struct datapath_agenda agenda;
    struct datapath_wait wait;
    struct datapath_peer *peer;
    uint32_t free;                  /* peers that are not used: index + 1, through next        */
    uint32_t *bucket;               /* first peer of a hash, + 1                               */
    uint32_t *who_bucket;           /* the same, of who signals say they are from              */
    uint32_t bucket_mask;
    struct datapath_live *callers;  /* who else is to know these numbers; NULL: nobody         */
    uint32_t serial;                /* of the peer that was made last                          */
    uint32_t routed;                /* the peer that a packet was for last                     */
    uint8_t hash_key[16];
    uint64_t floor_ns, stamp_ns;    /* config.stamp_ns; our newest                             */
    struct datapath_numbers numbers;
};

/* ---- effects.c -------------------------------------------------------------------------------------- */

void datapath_effects_clear(struct datapath_effects *fx);
/* Room for a datagram of at most `size` bytes to a peer's endpoint; fx->used grows by what is committed. */
uint8_t *datapath_effects_room(struct datapath_effects *fx, size_t size);
void datapath_effects_send(struct datapath_effects *fx, const struct datapath_endpoint *to, uint32_t peer, size_t size);
void datapath_effects_note(struct datapath_effects *fx, enum datapath_note_kind kind, uint32_t peer);

/* ---- shake.c: handshakes ---------------------------------------------------------------------------- */

/* Once d->self is known. */
void datapath_shake_init(struct datapath *d);

enum datapath_verdict datapath_shake_initiation(struct datapath *d, struct datapath_time now,
                                                const struct datapath_endpoint *from, const uint8_t *bytes,
                                                uint32_t *ret_peer, struct datapath_effects *fx);
enum datapath_verdict datapath_shake_response(struct datapath *d, struct datapath_time now,
                                              const struct datapath_endpoint *from, const uint8_t *bytes,
                                              uint32_t *ret_peer, struct datapath_effects *fx);
enum datapath_verdict datapath_shake_cookie(struct datapath *d, struct datapath_time now, const uint8_t *bytes,
                                            uint32_t *ret_peer);

/* Begin a handshake, or go on with one (is_retry), unless one was sent just now. False: there is nowhere to send to. */
bool datapath_shake_begin(struct datapath *d, struct datapath_time now, uint32_t peer, bool is_retry,
                          struct datapath_effects *fx);
void datapath_shake_forget(struct datapath *d, struct datapath_peer *p);

/* ---- transfer.c: what goes through sessions ---------------------------------------------------------- */

enum datapath_verdict datapath_transfer_open(struct datapath *d, struct datapath_time now,
                                             const struct datapath_endpoint *from, uint8_t *bytes, size_t size,
                                             const uint8_t **ret_packet, size_t *ret_size, uint32_t *ret_peer,
                                             struct datapath_effects *fx);

/* A session is in use from now on: what waited goes, or else a keepalive if the peer waits for a sign (is_ours). */
void datapath_transfer_begin(struct datapath *d, struct datapath_time now, uint32_t peer, bool is_ours,
                             struct datapath_effects *fx);

/* A keepalive, or what it takes to be able to send one. */
void datapath_transfer_keepalive(struct datapath *d, struct datapath_time now, uint32_t peer,
                                 struct datapath_effects *fx);

/* ---- guide.c: peers by what their signals say of them -------------------------------------------------- */

void datapath_guide_enter(struct datapath *d, uint32_t peer);
void datapath_guide_leave(struct datapath *d, uint32_t peer);

/* ---- core.c ------------------------------------------------------------------------------------------- */

/* An authenticated message came from there: that is where the peer is. */
void datapath_core_moved(struct datapath *d, uint32_t peer, const struct datapath_endpoint *from,
                         struct datapath_effects *fx);
void datapath_core_free_ids(struct datapath *d, const struct datapath_freed *freed);
/* The timers of a peer changed. */
void datapath_core_schedule(struct datapath *d, uint32_t peer);

#endif
