/* Neighbours on the local network, without configuration: who asks the group is answered, who comes is announced.
 * A step function: packets and time in, packets out; no clock, socket, randomness or allocation. What is found is
 * an address to try, never a member: that is proved by the seal.
 *
 * Every packet is tagged under the cluster's key, so strangers neither learn to be heard nor are answered.
 * Each bears its sender's life and a number that grows within it; they are compared with those of the same
 * sender alone, so no node's clock is trusted. A sender is believed where it is when it answers a fresh number
 * that was sent there: a replay, or a packet with another's address, answers nothing. Answers are smaller
 * than questions, and a question is never larger than what caused it, so nothing is amplified.
 *
 * Sources: delays of answers and repeated questions: RFC 6762 (mDNS), sections 6 and 8.1, in shorter times; the
 * return path as proof: RFC 9000, section 8. */
#ifndef CELL_NODOSUM_LAN_H
#define CELL_NODOSUM_LAN_H

#include "common/base/err.h"
#include "common/base/macros.h"
#include "nodosum/types.h"

enum {
    NODOSUM_LAN_PORT = 7407,
    NODOSUM_LAN_QUESTION = 200,        /* bytes of a question and of an announcement                    */
    NODOSUM_LAN_ANSWER = 168,          /* bytes of an answer and of a farewell                          */
    NODOSUM_LAN_KEYS_MAX = 2,          /* the cluster's key, and the one before while it changes        */
    NODOSUM_LAN_KEY_SIZE = 32,
    NODOSUM_LAN_PEERS_MAX = 65536,     /* that a cache can be made for                                  */
    NODOSUM_LAN_SENDS_MAX = 8,         /* packets of one step                                           */
    NODOSUM_LAN_WAITING_MAX = 64,      /* packets that wait for their moment; more are not sent         */
    NODOSUM_LAN_ASKED_MAX = 64,        /* fresh numbers that are out; the oldest is forgotten           */
    NODOSUM_LAN_JITTER_MS = 20,        /* answers of many do not come at once: 0 to this, drawn         */
    NODOSUM_LAN_DOUBT_JITTER_MS = 200, /* … and questions of many to one who was announced              */
    NODOSUM_LAN_FIRST_MS = 2000,       /* from the start to the first announcement                      */
    NODOSUM_LAN_ASKED_MS = 2000,       /* an answer later than that is none                             */
    NODOSUM_LAN_ANNOUNCE_MS = 30000,   /* between announcements, less or more by a fifth                */
    NODOSUM_LAN_EXPIRE_MS = 100000,    /* three announcements were not heard: it is gone                */
    NODOSUM_LAN_DOUBT_MS = 5000,       /* between questions to one sender whose place is doubted        */
    NODOSUM_LAN_SOURCE_RATE = 20,      /* packets a second and address whose tag is looked at           */
    NODOSUM_LAN_TOTAL_RATE = 2000,     /* … of all: two milliseconds of work                            */
    NODOSUM_LAN_SEND_RATE = 200,       /* answers and questions sent a second: 40 KB                    */
    NODOSUM_LAN_SOURCES = 256,         /* addresses told apart for their rate; others share by chance   */
};

struct nodosum_lan_key {
    uint32_t epoch;                     /* > 0; newest first */
    uint8_t key[NODOSUM_LAN_KEY_SIZE];
};

struct nodosum_lan_config {
    struct nodosum_id id;
    char name[NAME_SIZE];
    uint16_t port;                      /* of its socket for members, > 0                               */
    uint64_t life;                      /* higher in every life of the node: its incarnation            */
    uint64_t seed;                      /* of numbers that nobody can guess: random                     */
    uint32_t peers_max;                 /* 1 to NODOSUM_LAN_PEERS_MAX; the longest unheard makes room   */
    uint32_t keys;                      /* 1 or 2                                                       */
    struct nodosum_lan_key key[NODOSUM_LAN_KEYS_MAX];
};

struct nodosum_lan_send {
    bool is_group;                      /* to all, or to `to` */
    struct nodosum_address to;
    uint16_t size;
    uint8_t bytes[NODOSUM_LAN_QUESTION];
};

struct nodosum_lan_effects {
    uint32_t sends;
    struct nodosum_lan_send send[NODOSUM_LAN_SENDS_MAX];
    bool has_changed;                   /* who is there, or where         */
    uint64_t due_us;                    /* step nodosum_lan_clock then    */
};

struct nodosum_lan_peer {
    struct nodosum_id id;
    char name[NAME_SIZE];
    struct nodosum_address address;     /* its packets' address, with its port for members */
};

/* By reason; every packet is one of taken, own and the refused. Never reset. */
struct nodosum_lan_counters {
    uint64_t taken, own;                /* own: heard back from the group                              */
    uint64_t oversized, malformed;      /* longer than any; not of this form                           */
    uint64_t busy;                      /* over a rate, unread                                         */
    uint64_t strange, forged;           /* another epoch's; a tag that does not verify                 */
    uint64_t replayed, unasked;         /* not newer than what was heard; an answer to no question     */
    uint64_t questions, answers;        /* sent                                                        */
    uint64_t unsent, evicted;           /* over a limit of sending; forgotten to make room             */
};

struct nodosum_lan;

size_t nodosum_lan_size(uint32_t peers_max);

/* memory: nodosum_lan_size bytes, aligned for any type, the core's until it is given up. ERR_INVALID: out of
 * range. now_us: monotonic, here and below. */
enum err nodosum_lan_init(void *memory, const struct nodosum_lan_config *config, uint64_t now_us,
                          struct nodosum_lan **ret) MUST_CHECK;

/* Other cluster keys, 1 to NODOSUM_LAN_KEYS_MAX, the newest first: it speaks under that one and hears all. */
void nodosum_lan_rekey(struct nodosum_lan *l, const struct nodosum_lan_key *keys, uint32_t count);

/* This node is at another address, perhaps among others: it asks and announces itself as at its start. */
void nodosum_lan_move(struct nodosum_lan *l, uint64_t now_us, struct nodosum_lan_effects *fx);

/* Time passed; the first asks. */
void nodosum_lan_clock(struct nodosum_lan *l, uint64_t now_us, struct nodosum_lan_effects *fx);

/* A packet arrived from `from` (its address and port). Returns ERR_OK, ERR_LIMIT (oversized, or over a rate),
 * ERR_MALFORMED, ERR_INCOMPATIBLE (another version or epoch), ERR_FORGED, ERR_DENIED (replayed, or unasked). */
enum err nodosum_lan_packet(struct nodosum_lan *l, uint64_t now_us, const struct nodosum_address *from,
                            const uint8_t *bytes, size_t size, struct nodosum_lan_effects *fx) MUST_CHECK;

/* Say farewell to the group. */
void nodosum_lan_bye(struct nodosum_lan *l, uint64_t now_us, struct nodosum_lan_effects *fx);

/* Those who are there, the last heard first, at most `most`. Returns how many. */
uint32_t nodosum_lan_list(const struct nodosum_lan *l, struct nodosum_lan_peer *to, uint32_t most);

/* How many are there; how many more are remembered, so that replays of theirs are known. */
uint32_t nodosum_lan_count(const struct nodosum_lan *l, uint32_t *ret_remembered);
const struct nodosum_lan_counters *nodosum_lan_counters(const struct nodosum_lan *l);

#endif
