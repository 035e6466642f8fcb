/* Keys of sealed datagrams: what is derived from what, and the two primitives that everything is made of:
 * keyed BLAKE2b (RFC 7693) and ChaCha20-Poly1305 (RFC 8439). Pure functions of their arguments.
 * docs/PROTOCOL.md, section 9, has the same derivations; tests/vectors/sealed.txt has values. */
#ifndef CELL_COMMON_NODE_SEALED_KEY_H
#define CELL_COMMON_NODE_SEALED_KEY_H

#include "common/base/err.h"
#include "common/base/macros.h"
#include "common/node/sealed_wire.h"

/* One cluster key, and what outsiders must not be able to make under it. */
struct sealed_epoch {
    uint32_t epoch;
    uint8_t cluster_key[NODE_KEY_LEN];
    uint8_t hello_key[NODE_KEY_LEN];  /* MACs of HELLO             */
    uint8_t answer_key[NODE_KEY_LEN]; /* … of COOKIE and WELCOME   */
    uint8_t notice_key[NODE_KEY_LEN]; /* … of NOTICE               */
};

/* One side of an acquaintance. */
struct sealed_side {
    const uint8_t *id;   /* NODE_ID_LEN */
    const uint8_t *salt; /* SEALED_SALT_LEN, fresh */
    uint32_t index;
};

struct sealed_session_keys {
    uint8_t to_responder[NODE_KEY_LEN];
    uint8_t to_initiator[NODE_KEY_LEN];
    uint8_t tag[SEALED_MAC_LEN]; /* the responder's proof, in WELCOME */
};

/* What one place is worth for one time. */
struct sealed_claim {
    const struct sealed_address *address;
    const uint8_t *id;
    const uint8_t *salt;
    uint64_t bucket; /* of time */
};

void sealed_key_epoch(uint32_t epoch, const uint8_t cluster_key[NODE_KEY_LEN],
                      const uint8_t cluster_id[NODE_CLUSTER_ID_LEN], struct sealed_epoch *ret);

/* BLAKE2b-128 under `key` of `size` bytes and then `salt` (NULL: without); together at most 144. */
void sealed_key_mac(const uint8_t key[NODE_KEY_LEN], const uint8_t *bytes, size_t size, const uint8_t *salt,
                    uint8_t ret[SEALED_MAC_LEN]);

void sealed_key_token(const uint8_t secret[NODE_KEY_LEN], const struct sealed_claim *claim,
                      uint8_t ret[SEALED_TOKEN_LEN]);

/* X25519 of our secret and the key that belongs to `id`. ERR_MALFORMED: no id that a node can have. 80 us. */
enum err sealed_key_shared(const uint8_t secret[NODE_KEY_LEN], const uint8_t id[NODE_ID_LEN],
                           uint8_t ret[NODE_KEY_LEN]) MUST_CHECK;

void sealed_key_session(const struct sealed_epoch *epoch, const uint8_t shared[NODE_KEY_LEN],
                        const struct sealed_side *initiator, const struct sealed_side *responder,
                        struct sealed_session_keys *ret);

/* `packet` begins with its header, which is authenticated; the payload (may be `packet`'s own place) is
 * encrypted behind it and the tag follows. Returns the datagram's length. */
size_t sealed_key_seal(const uint8_t key[NODE_KEY_LEN], uint64_t counter, const uint8_t *payload, size_t size,
                       uint8_t *packet);

/* Decrypt the payload of `packet` in place. ERR_FORGED: the tag is not its, and the payload is garbage. */
enum err sealed_key_open(const uint8_t key[NODE_KEY_LEN], uint64_t counter, uint8_t *packet, size_t size) MUST_CHECK;

#endif
