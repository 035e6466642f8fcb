/* The bytes of sealed datagrams. Every length and offset stands here; integers are big-endian, salts and
 * ids byte strings. docs/PROTOCOL.md, section 9, has the same tables.
 *
 *     DATA     0 type | 1 epoch, low 8 bits | 2 counter 6 | 8 to 4 | 12 from 4 | 16 sealed payload | tag 16
 *     HELLO    0 type | 1 keys 1 | 2 zero 2 | 4 from 4 | 8 salt 16 | 24 id 32 | 56 target id 32 |
 *              88 cluster id 16 | 104 token 16 | 120 epochs 2 times 4, zero: none | 128 MACs, keys times 16
 *     COOKIE   0 type | 1 zero 3 | 4 to 4 | 8 epoch 4 | 12 zero 4 | 16 token 16 | 32 MAC 16
 *     WELCOME  0 type | 1 zero 3 | 4 to 4 | 8 from 4 | 12 epoch 4 | 16 salt 16 | 32 id 32 | 64 tag 16 | 80 MAC 16
 *     NOTICE   0 type | 1 epoch, low 8 bits | 2 counter 6 | 8 to 4 | 12 from 4 | 16 MAC 16
 *
 * `from` and `to` are indexes of sessions: each side chooses its own and names the other's. */
#ifndef CELL_COMMON_NODE_SEALED_WIRE_H
#define CELL_COMMON_NODE_SEALED_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/node/keys.h"

enum {
    SEALED_PACKET_MAX = 1200, /* with UDP's and IPv6's headers under 1,280 (RFC 8200, section 5) */
    SEALED_HEADER_LEN = 16,   /* what is authenticated and not encrypted                         */
    SEALED_MAC_LEN = 16,
    SEALED_SALT_LEN = 16,
    SEALED_TOKEN_LEN = 16,
    SEALED_DATA_MIN = SEALED_HEADER_LEN + SEALED_MAC_LEN,
    SEALED_PAYLOAD_MAX = SEALED_PACKET_MAX - SEALED_DATA_MIN,
    /* What the MACs of a HELLO cover: the epochs too, so that nobody on the way can talk two nodes into an
     * older key than both have. */
    SEALED_HELLO_BODY = 128,
    SEALED_HELLO_MIN = SEALED_HELLO_BODY + SEALED_MAC_LEN,
    SEALED_HELLO_MAX = SEALED_HELLO_BODY + NODE_CLUSTER_KEYS * SEALED_MAC_LEN,
    SEALED_COOKIE_BODY = 32,
    SEALED_COOKIE_LEN = 48,
    SEALED_WELCOME_TAG = 64,  /* where the new session's tag stands                              */
    SEALED_WELCOME_BODY = 80, /* what its MAC covers, with the asker's salt                      */
    SEALED_WELCOME_LEN = 96,
    SEALED_NOTICE_LEN = 32,
};

/* High half: the version, 1. */
enum sealed_type {
    SEALED_HELLO = 0x11,
    SEALED_COOKIE = 0x12,
    SEALED_WELCOME = 0x13,
    SEALED_DATA = 0x14,
    SEALED_NOTICE = 0x15,
};

#define SEALED_COUNTER_MAX ((UINT64_C(1) << 48) - 1)

/* IPv6, or IPv4 as ::ffff:a.b.c.d; port in the machine's order. */
struct sealed_address {
    uint8_t ip[16];
    uint16_t port;
};

/* Header of DATA and NOTICE. */
struct sealed_header {
    uint8_t epoch;
    uint64_t counter; /* at most SEALED_COUNTER_MAX */
    uint32_t to;
    uint32_t from;
};

struct sealed_hello {
    uint32_t from;
    uint8_t salt[SEALED_SALT_LEN];
    uint8_t id[NODE_ID_LEN];
    uint8_t target[NODE_ID_LEN];     /* zeros: whoever is there */
    uint8_t cluster[NODE_CLUSTER_ID_LEN];
    uint8_t token[SEALED_TOKEN_LEN]; /* zeros: none yet */
    uint32_t keys;                   /* 1 or 2 */
    struct {
        uint32_t epoch;
        uint8_t mac[SEALED_MAC_LEN];
    } key[NODE_CLUSTER_KEYS];
};

struct sealed_cookie {
    uint32_t to;
    uint32_t epoch;
    uint8_t token[SEALED_TOKEN_LEN];
    uint8_t mac[SEALED_MAC_LEN];
};

struct sealed_welcome {
    uint32_t to;
    uint32_t from;
    uint32_t epoch;
    uint8_t salt[SEALED_SALT_LEN];
    uint8_t id[NODE_ID_LEN];
    uint8_t tag[SEALED_MAC_LEN]; /* only who has the secret key of `id` can make it   */
    uint8_t mac[SEALED_MAC_LEN]; /* any member can, and check it without curve operations */
};

/* Writers. A HELLO's returns its length; its first SEALED_HELLO_BODY bytes do not depend on the MACs, and so
 * with the bodies of the others. */
void sealed_wire_put_header(enum sealed_type type, const struct sealed_header *h, uint8_t out[SEALED_HEADER_LEN]);
size_t sealed_wire_put_hello(const struct sealed_hello *h, uint8_t out[SEALED_HELLO_MAX]);
void sealed_wire_put_cookie(const struct sealed_cookie *c, uint8_t out[SEALED_COOKIE_LEN]);
void sealed_wire_put_welcome(const struct sealed_welcome *w, uint8_t out[SEALED_WELCOME_LEN]);

/* Whether a datagram of this length may be of its type; *ret_is_type: its first byte is one of ours. */
bool sealed_wire_fits(const uint8_t *bytes, size_t size, bool *ret_is_type);

/* Readers: of bytes that fit. Reserved bytes must be zero: false if they are not. */
void sealed_wire_get_header(const uint8_t *bytes, struct sealed_header *ret);
bool sealed_wire_get_hello(const uint8_t *bytes, struct sealed_hello *ret);
bool sealed_wire_get_cookie(const uint8_t *bytes, struct sealed_cookie *ret);
bool sealed_wire_get_welcome(const uint8_t *bytes, struct sealed_welcome *ret);

/* Equal ip and port. */
bool sealed_wire_same(const struct sealed_address *a, const struct sealed_address *b);

#endif
