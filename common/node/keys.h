/* What a process needs to know of its own node to speak with others: name, identity, cluster. Made
 * by the supervisor from the files of `cell init`, handed to a cell as a sealed memfd in the packed
 * form below, so that no cell sees the files. The Ed25519 seed is not in it; the X25519 secret is the
 * scalar of the id's point, and with it signatures of the id can be made, too (word.h). */
#ifndef CELL_COMMON_NODE_KEYS_H
#define CELL_COMMON_NODE_KEYS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"
#include "common/base/name.h"

enum {
    NODE_ID_LEN = 32,         /* bytes of an Ed25519 public key (RFC 8032)               */
    NODE_NAME_MAX = 64,       /* characters                                              */
    NODE_CLUSTER_ID_LEN = 16, /* random bytes                                            */
    NODE_KEY_LEN = 32,        /* bytes of any other key                                  */
    NODE_CLUSTER_KEYS = 2,    /* the one in force and the one before, while it changes   */
    NODE_SEED_LEN = 32,       /* bytes that an identity is made of                       */
    NODE_KEYS_PACKED = 324,   /* bytes of the packed form                                */
};
_Static_assert((int)NODE_NAME_MAX == (int)NAME_MAX_LEN, "a node's name is a name");

struct node_keys {
    char name[NODE_NAME_MAX + 1];    /* the node's, common/base/name grammar           */
    uint8_t id[NODE_ID_LEN];         /* Ed25519 public key: who the node is            */
    uint8_t dh_public[NODE_KEY_LEN]; /* X25519, derived from the identity              */
    uint8_t dh_secret[NODE_KEY_LEN];
    uint8_t cluster_id[NODE_CLUSTER_ID_LEN];
    uint8_t cluster_key[NODE_CLUSTER_KEYS][NODE_KEY_LEN]; /* newest first              */
    uint32_t cluster_epoch[NODE_CLUSTER_KEYS];            /* of each key, falling, > 0 */
    uint32_t cluster_keys;                                /* 1 or 2                    */
    uint32_t crl; /* number of the revocation list that goes with them; 0: none        */
};

/* Fill id, dh_public and dh_secret from an identity's seed: Ed25519 (RFC 8032) and the X25519 key
 * pair that birationally belongs to it (RFC 7748, section 4.1), so that whoever knows a node's id
 * knows its X25519 key. The other members are left alone. Any 32 bytes are a seed. */
void keys_derive(const uint8_t seed[NODE_SEED_LEN], struct node_keys *ret);

/* The X25519 public key of the node `id`. ERR_MALFORMED: `id` is no point of the curve, or one of
 * small order, which no honest node has; then ret is untouched. */
enum err keys_dh_of_id(const uint8_t id[NODE_ID_LEN], uint8_t ret[NODE_KEY_LEN]) MUST_CHECK;

/* Whether everything in `k` fits together: the name's grammar, keys that belong to each other and
 * to the id, no key of zeros, one or two cluster keys with falling epochs, zeros in an unused
 * second place. ERR_MALFORMED otherwise. About 100 us: two curve operations. */
enum err keys_check(const struct node_keys *k) MUST_CHECK;

/* Write the packed form of `k`, which passes keys_check. Layout, integers big-endian (PROTOCOL.md,
 * section 8): "CELLKEYS" 8, version 1 (4), cluster keys (4), epochs 2 x 4, name 64 padded with
 * zeros, id 32, dh public 32, dh secret 32, cluster id 16, cluster keys 2 x 32, number of the
 * revocation list (4), reserved zeros 24,
 * BLAKE2b-256 of all before (32). */
void keys_pack(const struct node_keys *k, uint8_t out[NODE_KEYS_PACKED]);

/* Read a packed form: any bytes. ERR_MALFORMED: not exactly one, or one that keys_check refuses;
 * ERR_INCOMPATIBLE: another version; ERR_DATA_LOSS: the hash differs. On error *ret is untouched.
 */
enum err keys_unpack(const void *bytes, size_t size, struct node_keys *ret) MUST_CHECK;

/* The same from a file's beginning, whatever its offset. fd is borrowed. Errors of keys_unpack, or
 * as errno says. Blocks as reading a memfd does. System calls: pread. */
enum err keys_load(int fd, struct node_keys *ret) MUST_CHECK;

/* The same from what a cell was handed (closed; -1: nothing), or else from the file at `path` ("": none), which must be no
 * link. *ret_why is a literal to log with the error. ERR_PRECONDITION: neither is there; errors of open and keys_load. */
enum err keys_take(int given, const char *path, struct node_keys *ret, const char **ret_why) MUST_CHECK;

/* Wipe `k`. */
void keys_forget(struct node_keys *k);

#endif
