/* A word of a node about itself that others pass on: signed by who its id says, so that nobody else can have said it. A cell has
 * the X25519 secret of its node and not the seed of its identity (keys.h); that secret is the scalar of the id's point, too, so
 * it makes signatures that any Ed25519 verifies (RFC 8032, section 5.1.7), as in Perrin, "The XEdDSA and VXEdDSA Signature
 * Schemes", 2016. Pure functions of their arguments. */
#ifndef CELL_COMMON_NODE_WORD_H
#define CELL_COMMON_NODE_WORD_H

#include <stdbool.h>

#include "common/node/keys.h"

enum { WORD_LEN = 64 /* bytes of an Ed25519 signature */ };

/* The word of the node of `k` that it has left its cluster, in this incarnation of its membership. The same bytes each time.
 * About 60 us. */
void word_left(const struct node_keys *k, uint64_t incarnation, uint8_t ret[WORD_LEN]);

/* Whether `word` is that of node `id` in this cluster and incarnation. Any bytes; about 80 us. */
bool word_is_left(const uint8_t cluster_id[NODE_CLUSTER_ID_LEN], const uint8_t id[NODE_ID_LEN], uint64_t incarnation,
                  const uint8_t word[WORD_LEN]);

#endif
