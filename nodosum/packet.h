/* Packets between members: a version byte, then messages one after another, each a byte of kind and a body.
 * Integers are big-endian. A packet is refused whole or read whole; nothing in it is believed because of
 * its form. Who sent it is known from the seal around it (common/run), and not part of it.
 *
 *   PING      seq 4, attempt 1                     ACK       seq 4, attempt 1 (the top bit of either: its flag)
 *   PING_REQ  seq 4, id 32                         NACK      seq 4
 *   ALIVE     id 32, incarnation 8, meta version 8, ip 16, port 2, name (1 + n), metadata (2 + n), offers (2 + n)
 *   SUSPECT   id 32, incarnation 8, count 1, accusers 8 each     DEAD  id 32, incarnation 8, accuser 8
 *   LEFT      id 32, incarnation 8, word 64: that it leaves, signed by it (common/node/word), whoever passes it on
 *   LIVES     the same: that it lives in this incarnation, and in none that is further above than a leap (word.h)
 *   DIGEST    count 1, ranges of (first 8, last 8, members 2, hash 8)
 *   ROWS      first 8, last 8, count 1, rows of (short id 8, incarnation 8, state 1, check 2)
 *   WANT      count 1, short ids 8 each
 *   PLACE     1 + n: where the sender is, to coordinates; opaque here
 *   PUSH      last 8: what follows in this packet is to be passed on to members after the receiver on the ring
 *             of short ids, up to this one
 *
 * A short id is the first 8 bytes of an id; it orders members as the whole does. */
#ifndef CELL_NODOSUM_PACKET_H
#define CELL_NODOSUM_PACKET_H

#include <stddef.h>

#include "common/base/err.h"
#include "common/base/macros.h"
#include "nodosum/meta.h"
#include "nodosum/types.h"

enum {
    NODOSUM_PACKET_VERSION = 4,
    NODOSUM_RANGES_MAX = 16,
    NODOSUM_ROWS_MAX = 60,     /* 1,159 bytes: the most that leave room for a ping                 */
    NODOSUM_WANT_MAX = 60,     /* as many as rows there are to want                                */
    NODOSUM_ROW_STALE = 0x80,  /* bit of a row's state: incarnation known, the rest older          */
    NODOSUM_ATTEMPTS = 2,      /* of a direct ping                                                 */
    NODOSUM_RELAYED = 2,       /* attempt of an ACK that a helper passes on                        */
    NODOSUM_ACK_STRANGER = 1,  /* flag: the pinged does not know the pinger. An ACK is no longer than a PING */
    NODOSUM_PING_PLACE = 1,    /* flag: a PLACE follows, and the ACK is to bring one                */
};

enum nodosum_packet_kind {
    NODOSUM_PACKET_PING = 1,
    NODOSUM_PACKET_ACK,
    NODOSUM_PACKET_PING_REQ,
    NODOSUM_PACKET_NACK,
    NODOSUM_PACKET_ALIVE,
    NODOSUM_PACKET_SUSPECT,
    NODOSUM_PACKET_DEAD,
    NODOSUM_PACKET_LEFT,
    NODOSUM_PACKET_DIGEST,
    NODOSUM_PACKET_ROWS,
    NODOSUM_PACKET_WANT,
    NODOSUM_PACKET_PUSH,
    NODOSUM_PACKET_PLACE,
    NODOSUM_PACKET_LIVES,
};

/* Where a member is, as who makes coordinates packs it. size 0: it does not say. */
struct nodosum_place {
    uint8_t size;
    uint8_t bytes[NODOSUM_META_PLACE_MAX];
};

/* Members of first <= short id <= last: how many live, and a hash of these. */
struct nodosum_range {
    uint64_t first, last, hash;
    uint16_t members;
};

struct nodosum_row {
    uint64_t short_id, incarnation;
    uint16_t check; /* of what the member says about itself */
    uint8_t state;  /* enum nodosum_state, perhaps with NODOSUM_ROW_STALE */
};

struct nodosum_message {
    enum nodosum_packet_kind kind;
    uint32_t seq;
    uint8_t attempt, flags;
    struct nodosum_id id;
    uint64_t incarnation;
    uint64_t first, last;      /* of ROWS; of PUSH `last` alone */
    uint32_t count;            /* of what follows */
    union {
        struct nodosum_about about;                    /* of ALIVE                          */
        struct nodosum_place place;                    /* of PLACE: 1 byte or more          */
        uint64_t accuser[NODOSUM_ACCUSERS_MAX];        /* short ids, of SUSPECT and DEAD    */
        uint8_t word[NODOSUM_WORD_SIZE];               /* of LEFT and LIVES                 */
        struct nodosum_range range[NODOSUM_RANGES_MAX];
        struct nodosum_row row[NODOSUM_ROWS_MAX];      /* ascending, all between first and last */
        uint64_t want[NODOSUM_WANT_MAX];
    };
};

/* A packet under construction; size 0: nothing in it yet. */
struct nodosum_packet {
    uint16_t size;
    uint8_t bytes[NODOSUM_PACKET_MAX];
};

uint64_t nodosum_packet_short(const struct nodosum_id *id);

/* Append a message; false, and the packet is as before, when it does not fit. */
bool nodosum_packet_add(struct nodosum_packet *p, const struct nodosum_message *m);

/* ALIVE without a copy of what it says. */
bool nodosum_packet_add_alive(struct nodosum_packet *p, const struct nodosum_id *id, uint64_t incarnation,
                              const struct nodosum_about *about);

/* Whether bytes[0..size) are a packet: version, kinds, lengths, and every value in its range. ERR_LIMIT:
 * longer than a packet may be; ERR_INCOMPATIBLE: another version; ERR_MALFORMED. */
enum err nodosum_packet_check(const uint8_t *bytes, size_t size) MUST_CHECK;

/* The message at *at of a checked packet, and *at behind it; false at the end. Begin with *at = 1. */
bool nodosum_packet_next(const uint8_t *bytes, size_t size, size_t *at, struct nodosum_message *ret);

#endif
