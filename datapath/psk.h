/* The pre-shared key of a pair of nodes, from the secret that all nodes of a cluster have (DAT-2).
 * Source: Argon2id, RFC 9106: a secret that people chose is worth what guessing it costs. */
#ifndef CELL_DATAPATH_PSK_H
#define CELL_DATAPATH_PSK_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"

enum {
    DATAPATH_PSK_SIZE = 32,
    DATAPATH_PSK_FIELD_MAX = 1024,          /* bytes of each field */
    DATAPATH_PSK_PASSES = 3,                /* Argon2id's t, and … */
    DATAPATH_PSK_MEMORY = 64 * 1024 * 1024, /* … m in bytes: the second recommendation of RFC 9106, section 4,
                                             * with one lane, which is libsodium's */
};

/* One field; bytes of any kind. */
struct datapath_psk_field {
    const void *bytes;
    size_t size; /* 0 to DATAPATH_PSK_FIELD_MAX */
};

/* What the cluster has in common. The fields are told apart by their lengths: ("a:b", "c") is not ("a", "b:c").
 * ERR_INVALID: a field is too long, or the secret is empty; ERR_NOMEM: Argon2id's memory. A tenth of a second. */
enum err datapath_psk_cluster(const struct datapath_psk_field *cluster, const struct datapath_psk_field *secret,
                              const struct datapath_psk_field *context, uint8_t ret[DATAPATH_PSK_SIZE]) MUST_CHECK;

/* What one pair of it has: the same for both, another for each pair. a, b: their static public keys, in any order. */
void datapath_psk_pair(const uint8_t cluster[DATAPATH_PSK_SIZE], const uint8_t a[32], const uint8_t b[32],
                       uint8_t ret[DATAPATH_PSK_SIZE]);

#endif
