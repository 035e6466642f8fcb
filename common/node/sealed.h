/* Sealed datagrams without the socket: who is met how, what is sealed with which key, and what is refused.
 * A step function: datagrams, payloads and time in, datagrams and payloads out; no clock, socket or
 * randomness of its own (a seed comes in). Memory is bounded by peers_max and taken as peers come.
 *
 * The life of a pair of nodes (sealed_wire.h has the bytes, docs/PROTOCOL.md section 9 the reasons):
 *
 *     initiator                                    responder
 *     HELLO(id, salt, no token)         ->         checks the cluster's MAC; keeps nothing
 *                                       <-         COOKIE(token of address, id and salt)
 *     HELLO(the same salt, token)       ->         proved: awake now, receives there. X25519
 *                                       <-         WELCOME(id, salt, tag of the new session)
 *     DATA(counter 0 …)                 ->         the session is confirmed: both may send under it
 *
 * Session keys come from the static X25519 secret of the two, a cluster key, both ids and a fresh salt of 16
 * random bytes of each side; counters begin at 0 and go up. So no key and nonce come twice, whatever a node
 * forgets when it restarts, and no datagram of an earlier session is taken again. An answer is never
 * larger than its question. Cookies: RFC 9000, section 8.1; roles of three sessions (previous,
 * current, next) and key confirmation: Donenfeld, "WireGuard", NDSS 2017, sections 5 and 6; replay window:
 * RFC 4303, section 3.4.3.
 *
 * Not provided: forward secrecy against somebody who later learns a node's identity and the cluster key; and
 * a member that turns against the cluster cannot speak or read as another, but can keep two others from
 * becoming acquainted while it goes on asking in the name of one of them. */
#ifndef CELL_COMMON_NODE_SEALED_H
#define CELL_COMMON_NODE_SEALED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"
#include "common/node/keys.h"
#include "common/node/sealed_wire.h"

enum {
    SEALED_PEERS_MAX = 16384,     /* a session's index has 14 bits for its peer                           */
    SEALED_SEED_LEN = 32,
    SEALED_PATHS_MAX = 4,         /* addresses at which a peer has proved to receive                      */
    SEALED_WAIT_PEER_MAX = 4,     /* payloads that wait for acquaintance with one peer: probes are stale soon */
    SEALED_WAIT_MAX = 256,        /* … with all: 300 KiB                                                  */
    SEALED_STRANGERS_MAX = 16,    /* addresses being asked who is there: as many as there are seeds       */
    SEALED_WAIT_MS = 3000,        /* a payload waits no longer                                            */
    SEALED_TRY_MS = 250,          /* first wait for an answer to a HELLO; doubles, with jitter of a quarter */
    SEALED_TRIES_MAX = 5,         /* 250 ms to 4 s: 8 s in all                                            */
    SEALED_TOKEN_MS = 15000,      /* a token is good for one to two times that: time for every try        */
    SEALED_IDLE_MS = 60000,       /* nothing sent or taken for so long: the peer is forgotten, keys and all */
    SEALED_SILENCE_MS = 15000,    /* sent and nothing heard for so long: the acquaintance is made anew    */
    SEALED_COOKIES_MAX = 4000,    /* COOKIEs a second: 1.5 us each                                        */
    SEALED_COOKIES_EACH = 4,      /* … to one and the same question: who has caught some cannot use up all */
    SEALED_MEETINGS_MAX = 1000,   /* WELCOMEs a second: each may cost two curve operations, 80 us         */
    SEALED_NOTICES_MAX = 100,     /* NOTICEs a second                                                     */
    SEALED_RENEW_MS = 60000,      /* a session under an older key is renewed at the change of keys, then no more often:
                                   * the peer may lack the newer                                          */
};

/* Sessions are renewed at 2^40 datagrams (a million a second for 12 days) and end at 2^48. One that saw 2^36
 * forgeries ends: RFC 9001, section 6.6. */
#define SEALED_RENEW_AT (UINT64_C(1) << 40)
#define SEALED_FORGERIES_MAX (UINT64_C(1) << 36)

/* Why a datagram was refused. X(name, text) */
#define SEALED_REFUSAL_MAP(X)                                                                      \
    X(LENGTH, "no datagram of ours has this length")                                               \
    X(TYPE, "unknown kind or version")                                                             \
    X(CLUSTER, "another cluster")                                                                  \
    X(EPOCH, "no cluster key in common")                                                           \
    X(FORGED, "a MAC or tag did not verify")                                                \
    X(INDEX, "no such session")                                                                    \
    X(ADDRESS, "from an address where this session's peer has not proved to receive")              \
    X(REPLAYED, "seen before")                                                                     \
    X(STALE, "older than the replay window")                                                       \
    X(UNASKED, "an answer to no question")                                                         \
    X(IDENTITY, "meant for another node, or from one that cannot be")                              \
    X(BUSY, "over a budget of this second")

enum sealed_refusal {
#define X(name, text) SEALED_REFUSED_##name,
    SEALED_REFUSAL_MAP(X)
#undef X
};

/* Not members of the enum: a switch over refusals lists refusals. */
#define X(name, text) +1
enum {
    SEALED_REFUSALS = 0 SEALED_REFUSAL_MAP(X),
    SEALED_TAKEN = SEALED_REFUSALS, /* sealed_receive: it was not refused */
};
#undef X

struct sealed_numbers {
    uint64_t sent, sent_bytes;           /* payloads sealed                                     */
    uint64_t received, received_bytes;   /* payloads delivered                                  */
    uint64_t refused[SEALED_REFUSALS];   /* datagrams, one reason each                          */
    uint64_t hellos, cookies, welcomes, notices; /* of ours                                     */
    uint64_t meetings;                   /* sessions confirmed                                  */
    uint64_t failures;                   /* acquaintances given up after SEALED_TRIES_MAX       */
    uint64_t expired;                    /* payloads that waited too long or for nobody         */
    uint64_t full;                       /* payloads refused: too many waited                   */
    uint64_t evicted;                    /* peers forgotten to make room                        */
    uint64_t idle;                       /* peers forgotten after SEALED_IDLE_MS                */
    uint64_t twins;                      /* HELLOs of others, awake, under this node's own id   */
    uint32_t peers, waiting;             /* now                                                 */
};

struct sealed_peer_numbers {
    uint8_t id[NODE_ID_LEN];
    struct sealed_address address;       /* newest proved one; port 0: none                     */
    uint64_t sent, sent_bytes, received, received_bytes;
    uint64_t refused[SEALED_REFUSALS];   /* of its sessions: FORGED, ADDRESS, REPLAYED, STALE   */
    uint64_t heard_ms;                   /* when it last proved itself; 0: never                */
    uint32_t epoch;                      /* of the key in use; 0: no session                    */
    uint32_t waiting;                    /* payloads                                            */
};

/* Room for one datagram, and where it goes. */
struct sealed_packet {
    struct sealed_address to;
    size_t size;    /* 0: there is none */
    uint8_t *bytes; /* the caller's, SEALED_PACKET_MAX */
};

/* A payload that was taken. */
struct sealed_payload {
    const uint8_t *id;    /* of its true sender; borrowed until the next call */
    const uint8_t *bytes; /* inside the datagram                              */
    size_t size;          /* 0: none came with it                             */
    uint64_t session;     /* its number: two of one peer are in use at a time for lives, or clones, of it; not 0 */
};

struct sealed; /* opaque */

/* seed: random, never the same in two lives of a node. peers_max: 1 to SEALED_PEERS_MAX. now_ms: monotonic,
 * here and below; another node's clock plays no part. ERR_INVALID: out of range, or ids and keys that
 * cannot be; ERR_NOMEM. */
enum err sealed_new(const struct node_keys *keys, const uint8_t seed[SEALED_SEED_LEN], uint32_t peers_max,
                    uint64_t now_ms, struct sealed **ret) MUST_CHECK;

/* Wipe and free; NULL is fine. */
void sealed_free(struct sealed *s);

/* As datagram_rekey says. */
enum err sealed_rekey(struct sealed *s, const struct node_keys *keys) MUST_CHECK;

/* Seal a payload of 1 to SEALED_PAYLOAD_MAX bytes for `id` (NULL: whoever is at the address) into *out.
 * out->size 0: it waits, and sealed_next has what is to be sent first. Errors: datagram_send. */
enum err sealed_send(struct sealed *s, uint64_t now_ms, const uint8_t *id, const struct sealed_address *to,
                     const uint8_t *bytes, size_t size, struct sealed_packet *out) MUST_CHECK;

/* Take a datagram, which is opened in place. Returns SEALED_TAKEN or the reason against it; *ret has its
 * payload, if any, *out the answer to it, if any. */
unsigned sealed_receive(struct sealed *s, uint64_t now_ms, const struct sealed_address *from, uint8_t *bytes,
                        size_t size, struct sealed_payload *ret, struct sealed_packet *out);

/* The next datagram that is due: payloads that need wait no longer, questions to be asked (again). False: none
 * is, until sealed_due_ms or the next call of another function. */
bool sealed_next(struct sealed *s, uint64_t now_ms, struct sealed_packet *out);

/* When sealed_next has something, or somebody to forget; UINT64_MAX: not before something happens. */
uint64_t sealed_due_ms(const struct sealed *s);

const struct sealed_numbers *sealed_count(const struct sealed *s);
bool sealed_count_peer(const struct sealed *s, const uint8_t id[NODE_ID_LEN], struct sealed_peer_numbers *ret);
void sealed_each_peer(const struct sealed *s,
                      void (*each)(void *context, const struct sealed_peer_numbers *peer), void *context);

/* "FORGED". Never NULL for a refusal. */
const char *sealed_refusal_name(enum sealed_refusal refusal);

#endif
