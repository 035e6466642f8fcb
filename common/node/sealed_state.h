/* What the files of the sealed core share: peers, their sessions, and what waits. Not for others: sealed.h. */
#ifndef CELL_COMMON_NODE_SEALED_STATE_H
#define CELL_COMMON_NODE_SEALED_STATE_H

#include "common/base/rate.h"
#include "common/node/sealed.h"
#include "common/node/sealed_key.h"
#include "common/node/sealed_link.h"
#include "common/node/sealed_window.h"

/* What a session is to its peer. Each role has a place of its own at any time, so a session changes its
 * role without moving, and its index with it. */
enum sealed_role {
    SEALED_CURRENT,  /* sent under, once it is confirmed                      */
    SEALED_PREVIOUS, /* the one before: for what is still on its way          */
    SEALED_NEXT,     /* we are the responder and have not heard under it yet  */
    SEALED_ATTEMPT,  /* we are the initiator and wait for WELCOME; no keys    */
    SEALED_ROLES,
};

struct sealed_session {
    bool is_live; /* it has keys                                     */
    uint32_t local; /* index: 16 random bits, 14 of the peer, 2 of the place; 0: none was given yet */
    uint32_t remote;
    uint32_t epoch;
    uint8_t send_key[NODE_KEY_LEN];
    uint8_t receive_key[NODE_KEY_LEN];
    uint64_t counter; /* of the next datagram */
    uint64_t forgeries;
    struct sealed_window window;
    /* Of the responder, to know a HELLO that comes again and to answer it with the same. */
    uint8_t asker_salt[SEALED_SALT_LEN];
    uint8_t own_salt[SEALED_SALT_LEN];
    uint8_t tag[SEALED_MAC_LEN];
    struct sealed_address asker; /* where it has proved to receive */
};

/* A question that is asked until it is answered. */
struct sealed_attempt {
    bool is_on;
    struct sealed_address to;
    uint8_t salt[SEALED_SALT_LEN];
    uint8_t token[SEALED_TOKEN_LEN];
    uint32_t tries;
    uint64_t due_ms;
};

struct sealed_wait {
    struct sealed_wait *next;
    struct sealed_address to;
    uint64_t until_ms;
    size_t size;
    uint8_t bytes[SEALED_PAYLOAD_MAX];
};

struct sealed_peer {
    struct sealed_link used;  /* of all peers, the longest unused first      */
    struct sealed_link busy;  /* with an attempt or something waiting        */
    struct sealed_link ready; /* to be looked at by sealed_next              */
    struct sealed_peer *chain;
    uint32_t slot;
    bool has_id; /* false: an address where we have asked who is there       */
    bool has_shared;
    bool is_doubted;      /* it says that it does not know our session       */
    bool wants_meeting;   /* the session in use is to be renewed             */
    bool wants_newer;     /* keys have changed since: the next payload asks for a session under the newest */
    bool wants_confirm;   /* it does not know yet that we have its WELCOME   */
    uint8_t id[NODE_ID_LEN];
    uint8_t shared[NODE_KEY_LEN];
    uint8_t place[SEALED_ROLES];
    struct sealed_session session[SEALED_ROLES];
    struct sealed_attempt attempt;
    struct sealed_address path[SEALED_PATHS_MAX]; /* the newest first */
    uint32_t paths;
    struct sealed_wait *first;
    uint32_t waiting;
    uint64_t used_ms;  /* when something was sent to it or taken from it last         */
    uint64_t asked_ms; /* when we sent what nothing has followed yet; 0: never */
    uint64_t met_ms;   /* when the session in use was made                     */
    struct sealed_peer_numbers numbers;
};

enum {
    SEALED_ASKED_PLACES = 1024, /* questions of this second that are told apart: 12 KiB */
};

/* How often a question was answered in a second. */
struct sealed_asked {
    uint32_t print; /* of its salt */
    uint32_t second;
    uint32_t count;
};

struct sealed {
    struct node_keys keys;
    struct sealed_epoch epoch[NODE_CLUSTER_KEYS];
    uint8_t seed[SEALED_SEED_LEN];
    uint64_t drawn;
    uint8_t token_secret[NODE_KEY_LEN];
    uint8_t hash_key[16];
    uint32_t peers_max, strangers;
    uint32_t free_count;
    uint32_t slots_touched;    /* those before were in use at some time                */
    uint32_t *free_slot;       /* a stack: of those                                    */
    struct sealed_peer **slot; /* peers_max; NULL: free                                */
    struct sealed_peer **bucket;
    uint32_t bucket_mask;
    struct sealed_link used, busy, ready;
    uint64_t due_ms;           /* of the busy              */
    uint64_t idle_ms;          /* somebody may be unused for SEALED_IDLE_MS then */
    struct sealed_wait *free_wait; /* … of those before wait_touched: the others were never written, and so cost nothing */
    struct sealed_wait *wait_pool;
    uint32_t wait_touched;
    struct rate cookies, meetings, notices;
    struct sealed_asked *asked; /* SEALED_ASKED_PLACES     */
    struct sealed_numbers numbers;
};

/* ---- sealed_peer.c: who is remembered ----------------------------------------------------------- */

struct sealed_peer *sealed_peer_find(const struct sealed *s, const uint8_t id[NODE_ID_LEN]);
/* Whom we are asking who is there. */
struct sealed_peer *sealed_peer_stranger(const struct sealed *s, const struct sealed_address *at);
/* A new one, instead of the longest unused if need be. id NULL: a stranger. NULL without memory, or if there
 * are SEALED_STRANGERS_MAX already. */
struct sealed_peer *sealed_peer_make(struct sealed *s, const uint8_t *id, uint64_t now_ms);
/* A stranger has said who it is: from now on it is that peer, also for what waits for it under that name. */
void sealed_peer_name(struct sealed *s, struct sealed_peer *p, const uint8_t id[NODE_ID_LEN]);
void sealed_peer_forget(struct sealed *s, struct sealed_peer *p);
/* It was of use. */
void sealed_peer_touch(struct sealed *s, struct sealed_peer *p, uint64_t now_ms);
/* Forget who was of no use for SEALED_IDLE_MS. */
void sealed_peer_forget_idle(struct sealed *s, uint64_t now_ms);
/* The session with index `local`, and whose; NULL: there is none. It need not be live. */
struct sealed_session *sealed_peer_session(const struct sealed *s, uint32_t local, struct sealed_peer **ret);
struct sealed_session *sealed_peer_role(struct sealed_peer *p, enum sealed_role role);
/* Wipe the session of this role and give it a new index. */
struct sealed_session *sealed_peer_renew(struct sealed *s, struct sealed_peer *p, enum sealed_role role);
/* `role`'s session is the current one, the current one the previous, the previous one is wiped. */
void sealed_peer_promote(struct sealed *s, struct sealed_peer *p, enum sealed_role role);
bool sealed_peer_has_path(const struct sealed_peer *p, const struct sealed_address *at);
void sealed_peer_add_path(struct sealed_peer *p, const struct sealed_address *at);
/* Random bytes that nobody else knows; size up to 64. */
void sealed_peer_draw(struct sealed *s, uint8_t *out, size_t size);

/* ---- sealed_wait.c: what waits, and what is due -------------------------------------------------- */

/* sealed_next is to look at `p` now. */
void sealed_wait_rouse(struct sealed *s, struct sealed_peer *p);
/* Keep a payload. ERR_LIMIT. */
enum err sealed_wait_put(struct sealed *s, struct sealed_peer *p, uint64_t now_ms, const struct sealed_address *to,
                         const uint8_t *bytes, size_t size) MUST_CHECK;
/* Everything that waits for `p` has expired, as far as it goes to `to` (NULL: anywhere). */
void sealed_wait_drop(struct sealed *s, struct sealed_peer *p, const struct sealed_address *to);
/* Seal under the current session, which there is. */
void sealed_wait_seal(struct sealed *s, struct sealed_peer *p, uint64_t now_ms, const uint8_t *bytes, size_t size,
                      struct sealed_packet *out);
/* Whether something may be sent to `to` under a session now. */
bool sealed_wait_may_send(struct sealed_peer *p, const struct sealed_address *to);

/* ---- sealed_meet.c: making acquaintance ---------------------------------------------------------- */

/* Begin to ask `to`. */
void sealed_meet_begin(struct sealed *s, struct sealed_peer *p, uint64_t now_ms, const struct sealed_address *to);
/* The HELLO of the attempt that is on. */
void sealed_meet_ask(struct sealed *s, struct sealed_peer *p, uint64_t now_ms, struct sealed_packet *out);
/* Answers of sealed_receive. */
unsigned sealed_meet_hello(struct sealed *s, uint64_t now_ms, const struct sealed_address *from,
                           const uint8_t *bytes, struct sealed_packet *out);
unsigned sealed_meet_cookie(struct sealed *s, uint64_t now_ms, const uint8_t *bytes);
unsigned sealed_meet_welcome(struct sealed *s, uint64_t now_ms, const uint8_t *bytes);
unsigned sealed_meet_notice(struct sealed *s, const uint8_t *bytes);
/* Tell whoever sent the DATA `bytes` that we know no such session, if the budget allows. */
void sealed_meet_tell(struct sealed *s, uint64_t now_ms, const struct sealed_address *from, const uint8_t *bytes,
                      struct sealed_packet *out);

/* It has proved itself just now. */
void sealed_meet_heard(struct sealed *s, struct sealed_peer *p, uint64_t now_ms);

#endif
