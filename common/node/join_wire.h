/* What both sides of a join share: labels, and reading fields in order. Inside of join.h's rooms. */
#ifndef CELL_COMMON_NODE_JOIN_WIRE_H
#define CELL_COMMON_NODE_JOIN_WIRE_H

#include "common/node/join.h"

enum {
    JOIN_MAGIC = 8,
    JOIN_PROLOGUE = JOIN_MAGIC + 1 + TOKEN_ID, /* what a HELLO begins with is the prologue of its handshake */
};

extern const uint8_t join_wire_magic[JOIN_MAGIC];

/* The last field of HELLO, over what stands before it. */
void join_wire_mac(const uint8_t psk[TOKEN_PSK], const uint8_t hello[JOIN_HELLO_LEN], uint8_t ret[JOIN_MAC]);

/* What a node signs, 64 bytes: the handshake (so the signature is good for this session alone), its name and
 * what it asks a certificate for. by: who signs, 'n' the node, 'p' the former identity of it. */
void join_wire_claim(const struct noise *noise, char by, const char *name, const uint8_t id[NODE_ID_LEN],
                     const uint8_t *request, size_t request_size, uint8_t ret[64]);

/* A walk through bytes that a peer wrote. Past the end everything is zero and `is_short` stays set. */
struct join_wire {
    const uint8_t *at, *end;
    bool is_short;
};
const uint8_t *join_wire_bytes(struct join_wire *w, size_t size); /* NULL: short */
uint32_t join_wire_number(struct join_wire *w, size_t bytes);     /* big-endian, 1 to 4 bytes */
/* Whether everything was there and nothing is left. */
bool join_wire_is_done(const struct join_wire *w);

#endif
