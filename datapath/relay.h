/* Passing on for two peers who do not reach each other: only for who is known and asked, only when both did, only from
 * where each asked and to where each has shown that he hears us, and no more than is allowed. One datagram in, one of the same length out, so nothing is made larger;
 * what is in it is sealed between the two and none of ours. Pure, in memory of the caller: a client is a peer of the
 * overlay (his number), and what he asks for was authenticated.
 *
 * Source: RFC 8656 (TURN: that both ends' consent is needed is ours, instead of its permissions, section 9). */
#ifndef CELL_DATAPATH_RELAY_H
#define CELL_DATAPATH_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"
#include "datapath/index.h"
#include "datapath/message.h"

enum {
    DATAPATH_RELAY_PAIRS_MAX = 4096,
    DATAPATH_RELAY_EACH = 32,              /* pairs of one client: nobody has all places                     */
    DATAPATH_RELAY_RATE = 1250000,         /* bytes a second of one pair, both ways together: 10 Mbit/s      */
    DATAPATH_RELAY_BURST = 262144,         /* … and at once: four trains of 64 KiB                           */
    DATAPATH_RELAY_KEEP_MS = 120000,       /* who does not ask again within this is gone                     */
};

/* What became of a datagram. X(name, text) */
#define DATAPATH_RELAY_MAP(X)                                                                      \
    X(PASSED, "sent on")                                                                           \
    X(STRANGER, "to an id that nobody has")                                                        \
    X(ELSEWHERE, "not from where its client asked")                                                \
    X(HALF, "the other has not asked, or not lately, or not shown where he is")                                              \
    X(MUCH, "more than a pair may")

enum datapath_relay_verdict {
#define X(name, text) DATAPATH_RELAY_##name,
    DATAPATH_RELAY_MAP(X)
#undef X
};

#define X(name, text) +1
enum {
    DATAPATH_RELAY_VERDICTS = 0 DATAPATH_RELAY_MAP(X)
};
#undef X

struct datapath_relay_side {
    uint32_t who;
    bool has_asked;
    bool is_shown;                 /* he is where he asked from: a datagram with his id came from there */
    struct datapath_endpoint at;   /* where he asked from     */
    uint32_t id;                   /* that he sends to        */
    uint64_t asked_ms;             /* last                    */
};

struct datapath_relay_pair {
    bool is_used;
    struct datapath_relay_side side[2];
    uint64_t budget;               /* bytes, in thousandths   */
    uint64_t budget_ms;            /* as of then              */
    uint64_t passed_bytes;
};

struct datapath_relay {
    uint32_t pairs_max, pairs;
    struct datapath_relay_pair *pair;
    struct datapath_index index;   /* of ids: pair * 2 + side */
    uint64_t verdict[DATAPATH_RELAY_VERDICTS];
};

/* What a client who asked is told; `other` is told the same when both have asked now. */
struct datapath_relay_told {
    uint32_t id, other_id;         /* that each sends to                                  */
    bool is_whole;                 /* both asked: packets pass                            */
    struct datapath_endpoint other;
};

/* Bytes for so many pairs, 1 to DATAPATH_RELAY_PAIRS_MAX. */
size_t datapath_relay_size(uint32_t pairs);
/* memory: of that size, aligned as malloc does; borrowed. */
void datapath_relay_init(struct datapath_relay *r, void *memory, uint32_t pairs);

/* `who`, who is at `from`, wants to speak with `with`; said again to stay, and from elsewhere when he moved, which gives him
 * another id. Nothing goes to him before he used the id from there: a third party does not know it.
 * ERR_INVALID: with himself; ERR_LIMIT: he has DATAPATH_RELAY_EACH pairs, or there is no place. O(pairs). */
enum err datapath_relay_ask(struct datapath_relay *r, uint64_t now_ms, uint32_t who, uint32_t with,
                            const struct datapath_endpoint *from, struct datapath_random *random,
                            struct datapath_relay_told *ret) MUST_CHECK;

/* A client is no peer any more. */
void datapath_relay_forget(struct datapath_relay *r, uint32_t who);

/* A datagram of `size` bytes came from `from` to `id`. PASSED: it goes to *ret_to with *ret_id in its place. O(1). */
enum datapath_relay_verdict datapath_relay_pass(struct datapath_relay *r, uint64_t now_ms,
                                                const struct datapath_endpoint *from, uint32_t id, uint32_t size,
                                                struct datapath_endpoint *ret_to, uint32_t *ret_id);

#endif
