/* Where Ethernet addresses are: behind the own interface or at which peer, learned from frames that came from there; and
 * so to whom a frame goes. The overlay is one cable with an end at each node: what came from a peer goes to no other peer
 * (split horizon). Pure: time comes in, tables are memory of the caller, and what is learned from one peer takes no more
 * than his share of them.
 *
 * Sources: IEEE 802.1Q, sections 8.6 to 8.8 (forwarding, learning, ageing); RFC 4762, section 4.4 (split horizon). Ours: an
 * address that speaks is not moved by who says that he has it. */
#ifndef CELL_DATAPATH_BRIDGE_H
#define CELL_DATAPATH_BRIDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DATAPATH_BRIDGE_HEAD = 14,       /* bytes of a frame at least: two addresses and a type                        */
    DATAPATH_BRIDGE_MACS = 4096,     /* addresses that are known: 192 KiB                                          */
    DATAPATH_BRIDGE_EACH = 1024,     /* … of one peer, and of the own side                                         */
    DATAPATH_BRIDGE_AGE_MS = 300000, /* an address that was silent so long is forgotten: 802.1Q, table 8-6         */
    DATAPATH_BRIDGE_STILL_MS = 1000, /* … so long may turn up at a peer: one that speaks stays where it is         */
    DATAPATH_BRIDGE_RATE = 1000,     /* frames for all that one sender may send in a second …                      */
    DATAPATH_BRIDGE_BURST = 256,     /* … and at once                                                              */
    DATAPATH_BRIDGE_AGAIN = 8,       /* times that one and the same frame for all goes out in …                    */
    DATAPATH_BRIDGE_AGAIN_MS = 1000, /* … this time: more often it goes round                                      */
    DATAPATH_BRIDGE_ROUNDS = 256,    /* frames that are looked at for this, of a power of two                      */
    DATAPATH_BRIDGE_KEY = 16,
};

/* What becomes of a frame. X(name, text) */
#define DATAPATH_BRIDGE_MAP(X)                                                                     \
    X(ONE, "frames to the peer where their address is")                                            \
    X(ALL, "frames to all who take some: for a group, or for an address that nobody knows")        \
    X(OURS, "frames of peers for the own interface")                                               \
    X(HERE, "frames for an address that is on this side anyway")                                   \
    X(STORM, "frames for all, more than one sender may send")                                      \
    X(ROUND, "frames for all that came again and again: they go round somewhere")                  \
    X(ELSEWHERE, "frames of peers from an address that spoke from elsewhere a moment ago")         \
    X(SOURCE, "frames from a group address, or from none")                                         \
    X(LINK, "flow control, which is for one link")                                                 \
    X(SHORT, "frames without a whole head")

enum datapath_bridge_verdict {
#define X(name, text) DATAPATH_BRIDGE_##name,
    DATAPATH_BRIDGE_MAP(X)
#undef X
};

#define X(name, text) +1
enum {
    DATAPATH_BRIDGE_VERDICTS = 0 DATAPATH_BRIDGE_MAP(X)
};
#undef X

/* An address; numbers of others are + 1, 0: none. */
struct datapath_bridge_mac {
    uint64_t key;              /* the address, and the number of its outermost tag */
    uint64_t seen_ms;
    uint32_t at;               /* a peer, or `peers`: the own side                 */
    uint32_t next;             /* of the same hash; of the free                    */
    uint32_t older, newer;     /* of the same place                                */
};

/* Of a peer, or of the own side. */
struct datapath_bridge_place {
    uint32_t oldest, newest, count;
    uint32_t tokens;           /* frames for all, in thousandths … */
    uint64_t tokens_ms;        /* … as of then                     */
};

/* A frame for all, by its hash. */
struct datapath_bridge_round {
    uint64_t hash, since_ms;
    uint32_t times;
};

struct datapath_bridge {
    uint32_t macs, each, peers;
    struct datapath_bridge_mac *mac;
    struct datapath_bridge_place *place;
    uint32_t *bucket;
    uint32_t bucket_mask;
    uint32_t free, count;
    uint8_t key[DATAPATH_BRIDGE_KEY];
    struct datapath_bridge_round round[DATAPATH_BRIDGE_ROUNDS];
    uint64_t verdict[DATAPATH_BRIDGE_VERDICTS];
    uint64_t learned, moved, aged, pushed; /* addresses: new; that were elsewhere; silent too long; gone for a newer one */
};

/* Bytes for so many addresses (at least 1) and peers. */
size_t datapath_bridge_size(uint32_t macs, uint32_t peers);
/* memory: of that size, aligned as malloc does; borrowed. each: of one place, 1 to macs. key: drawn, and nobody knows it. */
void datapath_bridge_init(struct datapath_bridge *b, void *memory, uint32_t macs, uint32_t each, uint32_t peers,
                          const uint8_t key[DATAPATH_BRIDGE_KEY], uint64_t now_ms);

/* A frame of the own interface. ONE: to *ret_peer; ALL: to all who take frames; anything else: to nobody. O(1), and
 * O(peers) for a new address when the table is full. */
enum datapath_bridge_verdict datapath_bridge_out(struct datapath_bridge *b, uint64_t now_ms, const uint8_t *frame, size_t size,
                                                 uint32_t *ret_peer);

/* A frame of `peer`. OURS: to the own interface; anything else: nowhere. The same cost. */
enum datapath_bridge_verdict datapath_bridge_in(struct datapath_bridge *b, uint64_t now_ms, uint32_t peer, const uint8_t *frame,
                                                size_t size);

/* Nothing is at this peer any more: it is no peer, takes no frames, or is another one. */
void datapath_bridge_forget(struct datapath_bridge *b, uint32_t peer);

/* What is too old is dropped; without it, when it is looked for. O(peers), and 1 for each. */
void datapath_bridge_clock(struct datapath_bridge *b, uint64_t now_ms);

/* The addresses of a place (a peer, or `peers`: the own side) from the one that spoke last on, at most `most`: an address in the
 * higher 48 bits, the number of its outermost tag in the lower 16. Returns how many there are. O(most). */
uint32_t datapath_bridge_list(const struct datapath_bridge *b, uint32_t place, uint64_t *ret, uint32_t most);

/* "FRAMES_ONE". Never NULL for a verdict. */
const char *datapath_bridge_verdict_name(enum datapath_bridge_verdict v);
const char *datapath_bridge_verdict_text(enum datapath_bridge_verdict v);

#endif
