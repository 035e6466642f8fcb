/* A word of a node about itself that others pass on: signed by who its id says, so that nobody else can have said it. A cell has
 * the X25519 secret of its node and not the seed of its identity (keys.h); that secret is the scalar of the id's point, too, so
 * it makes signatures that any Ed25519 verifies (RFC 8032, section 5.1.7), as in Perrin, "The XEdDSA and VXEdDSA Signature
 * Schemes", 2016. Pure functions of their arguments. */
#ifndef CELL_COMMON_NODE_WORD_H
#define CELL_COMMON_NODE_WORD_H

#include <stdbool.h>

#include "common/node/keys.h"

enum { WORD_LEN = 64 /* bytes of an Ed25519 signature */ };

/* What it says of its membership in this cluster. */
enum word_kind {
    WORD_LEFT,  /* that it has left, in this incarnation         */
    WORD_LIVES, /* that it is there, in this and in none that is far above it */
};

/* The word of the node of `k`, of this incarnation. The same bytes each time. About 60 us. */
void word_say(const struct node_keys *k, enum word_kind kind, uint64_t incarnation, uint8_t ret[WORD_LEN]);

/* Whether `word` is that of node `id` in this cluster and incarnation. Any bytes; about 80 us. */
bool word_is_said(const uint8_t cluster_id[NODE_CLUSTER_ID_LEN], const uint8_t id[NODE_ID_LEN], enum word_kind kind, uint64_t incarnation,
                  const uint8_t word[WORD_LEN]);

#endif
