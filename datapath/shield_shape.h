/* What the shield's programs in the kernel and the cell share: the maps, and why a packet went no further. Compiled
 * for both, so it is plain C. What is in the maps is written by the cell through mappings of its own: without a call
 * into the kernel, and without a privilege. */
#ifndef CELL_DATAPATH_SHIELD_SHAPE_H
#define CELL_DATAPATH_SHIELD_SHAPE_H

#include <stdint.h>

/* What became of a packet. X(name, text). Those from MALFORMED on were dropped. */
#define DATAPATH_SHIELD_MAP(X)                                                                     \
    X(FOREIGN, "not for the overlay")                                                              \
    X(UNREAD, "behind more headers than are followed: let through")                                \
    X(DATA, "of a session that lives")                                                             \
    X(INITIATION, "its sender knows our key")                                                      \
    X(RESPONSE, "to a handshake of ours")                                                          \
    X(COOKIE, "to a handshake of ours")                                                            \
    X(OWN, "not WireGuard's: of our own kinds")                                                    \
    X(MALFORMED, "its lengths disagree")                                                           \
    X(KIND, "no message of this protocol")                                                         \
    X(INDEX, "no such session")                                                                    \
    X(MAC1, "its sender does not know our key")                                                    \
    X(SOURCE, "too many handshakes from there")                                                    \
    X(ALL, "too many handshakes from everywhere")                                                  \
    X(STRANGER, "of our own kinds, and of nobody that we know")                                    \
    X(MUCH, "too many signals of one peer, or from one place")                                     \
    X(FLOOD, "too many signals from where nobody has shown himself")

enum datapath_shield_verdict {
#define X(name, text) DATAPATH_SHIELD_##name,
    DATAPATH_SHIELD_MAP(X)
#undef X
};

#define X(name, text) +1
enum {
    DATAPATH_SHIELD_VERDICTS = 0 DATAPATH_SHIELD_MAP(X)
};
#undef X

enum {
    DATAPATH_SHIELD_WAYS = 15,           /* ids of one set: with their count one line of the cache           */
    DATAPATH_SHIELD_OWN_MAX = 16,        /* addresses that are ours                                          */
    DATAPATH_SHIELD_SLOTS = 8192,        /* budgets of sources; those whose hash is equal share one          */
    DATAPATH_SHIELD_SOURCE_RATE = 20,    /* handshakes a second from one address, as in limit.h              */
    DATAPATH_SHIELD_SOURCE_BURST = 5,
    DATAPATH_SHIELD_ALL_RATE = 20000,    /* … from all that have shown no cookie. Above what limit.h calls   *
                                          * load, so that the cell still sees that it is under load and      *
                                          * gives cookies; they cost it a tenth of a core then               */
    DATAPATH_SHIELD_ALL_BURST = 256,
    /* Signals whose peer is known. From where one of late opened (a place): far more than a rendezvous says to anybody. */
    DATAPATH_SHIELD_PLACE_RATE = 4000,
    DATAPATH_SHIELD_PLACE_BURST = 1024,
    DATAPATH_SHIELD_PLACE_S = 180,       /* a relay hears its clients again within 120 s                     */
    /* … from elsewhere: of one peer, for whoever heard one can say it from anywhere, and he himself asks 12 places five
     * times a second; from one address, which may be that of a house of peers; of all, a thirtieth of a core. */
    DATAPATH_SHIELD_PEER_RATE = 100,
    DATAPATH_SHIELD_PEER_BURST = 200,
    DATAPATH_SHIELD_HOUSE_RATE = 256,
    DATAPATH_SHIELD_HOUSE_BURST = 512,
    DATAPATH_SHIELD_SIGNALS_RATE = 5000,
    DATAPATH_SHIELD_SIGNALS_BURST = 1024,
    DATAPATH_SHIELD_PLACES = 8,          /* of one set                                                       */
    DATAPATH_SHIELD_EXTENSIONS = 8,      /* headers of IPv6 that are followed: RFC 8504, section 5.3         */
    DATAPATH_SHIELD_TAGS = 2,            /* of VLANs: 802.1ad in 802.1Q                                      */
    DATAPATH_SHIELD_SEGMENTS = 64,       /* datagrams in one buffer of the kernel: UDP_MAX_SEGMENTS          */
    DATAPATH_SHIELD_QUEUES = 8,          /* of an interface that can have a socket past the host's stack     */
    DATAPATH_SHIELD_FRAME = 1792,        /* bytes of a frame that fits there: xsk.h                          */
    /* messages: message.h */
    DATAPATH_SHIELD_HEAD = 16,
    DATAPATH_SHIELD_DATA_SIZE = 32,
    DATAPATH_SHIELD_COOKIE_SIZE = 64,
    DATAPATH_SHIELD_RESPONSE_SIZE = 92,
    DATAPATH_SHIELD_INITIATION_SIZE = 148,
    DATAPATH_SHIELD_MACS_SIZE = 32,
    DATAPATH_SHIELD_MAC_SIZE = 16,
    DATAPATH_SHIELD_SIGNAL = 0x6c656305,  /* first words of our own, "cel" after a byte                      */
    DATAPATH_SHIELD_RELAYED = 0x6c656306,
    DATAPATH_SHIELD_SIGNAL_SIZE = 192,   /* at least                                                         */
    DATAPATH_SHIELD_RELAYED_HEAD = 8,
    DATAPATH_SHIELD_OWN_WORDS = 5,       /* of a message of our own: whose it is, and what is in a relayed one */
};

/* Which budget is where; those of a kind have DATAPATH_SHIELD_SLOTS / 2 each, but those of all. */
enum {
    DATAPATH_SHIELD_AT_SOURCE = 0,
    DATAPATH_SHIELD_AT_COOKIE = DATAPATH_SHIELD_SLOTS / 2,
    DATAPATH_SHIELD_AT_PLACE = DATAPATH_SHIELD_SLOTS,
    DATAPATH_SHIELD_AT_PEER = DATAPATH_SHIELD_SLOTS * 3 / 2,
    DATAPATH_SHIELD_AT_HOUSE = DATAPATH_SHIELD_SLOTS * 2,
    DATAPATH_SHIELD_AT_ALL = DATAPATH_SHIELD_SLOTS * 5 / 2,
    DATAPATH_SHIELD_AT_SIGNALS,
    DATAPATH_SHIELD_BUDGETS,
};

enum datapath_shield_mode {
    DATAPATH_SHIELD_OFF,    /* everything passes                                                  */
    DATAPATH_SHIELD_FILTER, /* kinds, lengths and ids                                             */
    DATAPATH_SHIELD_GUARD,  /* … and who sends handshakes, and how many                           */
};

/* Where a program hangs. Both may hang at once; the one that is named judges, the other lets everything pass. */
enum datapath_shield_hook {
    DATAPATH_SHIELD_TC,
    DATAPATH_SHIELD_XDP,
};

/* What is the overlay's: written by whoever loads the programs, and by nobody who has the other maps. So whatever a cell
 * writes into those, others' packets pass. */
struct datapath_shield_place {
    uint32_t port;                       /* ours, 1 to 65535                                      */
    uint32_t own_count;                  /* 0: every address is ours                              */
    uint64_t own[DATAPATH_SHIELD_OWN_MAX][2]; /* as bytes of the wire; IPv4 as ::ffff:a.b.c.d     */
};

/* Written by the cell while programs read: each word is whole, they may be of two times. One packet is judged wrongly
 * then, at worst, as any may be lost. */
struct datapath_shield_config {
    uint32_t mode;
    uint32_t hook;
    uint32_t takes_own;                  /* messages of our own kinds pass                        */
    uint32_t takes_frames;               /* what passes XDP goes past the host's stack            */
    uint32_t mac1[8];                    /* BLAKE2s when it has taken in the key of mac1          */
    uint32_t cookie_count;               /* secrets of cookies in use, 0 to 2                     */
    uint32_t cookie[2][8];               /* … BLAKE2s when it has taken them in                   */
    uint64_t source_key[2];              /* of SipHash: nobody chooses whom he shares a budget with */
};

/* Ids whose low bits (>> 8) are equal. */
struct datapath_shield_set {
    uint32_t spilled;                    /* ids that found no room: while there are, all pass here */
    uint32_t id[DATAPATH_SHIELD_WAYS];   /* 0: free                                               */
};

/* Where signals came from that opened: half a hash of address and port in the high half, and until when that counts, in
 * seconds of the kernel's monotonic clock, in the low one. */
struct datapath_shield_places {
    uint64_t place[DATAPATH_SHIELD_PLACES];
};

/* The number by which a message of our own says whose it is, as it is among those that are known: 0 is a free place there. */
static inline uint32_t datapath_shield_caller(uint32_t first)
{
    return first == 0 ? 1 : first;
}

/* What one processor saw: two lines of the cache, written by it alone. */
struct datapath_shield_counts {
    uint64_t verdict[16];
};

/* When a budget is used up until, in ns of the kernel's clock (the generic cell rate algorithm of ITU-T I.371, annex A:
 * one word, so that two processors need no lock). */
struct datapath_shield_budget {
    uint64_t until_ns;
};

#endif
