/* What all nodes of a cluster share, as the file `cluster` keeps it. Pure; vault.h reads and writes
 * files.
 *
 *   cell-cluster 1
 *   id 5f0c…                        32 hex digits: which cluster
 *   issuer d75a…                    64 hex digits: the id of the node that answers joins
 *   key 2 a7a7…                     epoch and 64 hex digits, the newest first
 *   key 1 a6a6…                     the one before it, until the next rotation
 *   grace 300                       … or so many seconds from when the node took this; absent: until the next
 *   crl 12                          number of the revocation list beside this file; absent: none
 *   seed 10.0.0.1:7402              where other nodes are found; at most 8
 *   hash …                          lines.h */
#ifndef CELL_COMMON_NODE_CLUSTER_H
#define CELL_COMMON_NODE_CLUSTER_H

#include <stdbool.h>

#include "common/node/contact.h"
#include "common/node/keys.h"

enum {
    CLUSTER_SEEDS_MAX = 8,    /* more would not find anybody sooner */
    CLUSTER_TEXT_MAX = 1536,  /* bytes of the file                  */
    CLUSTER_GRACE_MAX_S = 86400, /* the key before is good no longer than a day after the next one came  */
};

struct cluster {
    uint8_t id[NODE_CLUSTER_ID_LEN];
    uint8_t issuer[NODE_ID_LEN];
    uint8_t key[NODE_CLUSTER_KEYS][NODE_KEY_LEN]; /* newest first */
    uint32_t epoch[NODE_CLUSTER_KEYS];
    uint32_t keys; /* 1 or 2 */
    uint32_t grace_s; /* how long the second key stays; 0: until the next rotation, or there is none */
    uint32_t crl;     /* number of the revocation list, 0: none                                      */
    uint32_t seeds;
    char seed[CLUSTER_SEEDS_MAX][CONTACT_SIZE];
};

/* Whether it fits together: an id, one or two keys with falling epochs, seeds that are contacts.
 * ERR_MALFORMED otherwise. */
enum err cluster_check(const struct cluster *c) MUST_CHECK;

/* As identity_format and identity_parse. `c` passes cluster_check. */
size_t cluster_format(const struct cluster *c, char out[CLUSTER_TEXT_MAX]);
enum err cluster_parse(const char *text, size_t size, struct cluster *ret) MUST_CHECK;

/* Put `key` in force, of the next epoch; the one that was stays valid beside it, without an end, the one before that
 * is forgotten. ERR_RANGE: there is no next epoch; then nothing has changed. */
enum err cluster_rotate(struct cluster *c, const uint8_t key[NODE_KEY_LEN]) MUST_CHECK;

/* Forget the second key; false: there was none. */
bool cluster_drop(struct cluster *c);

/* The keys of the node that has this seed and name in this cluster. */
void cluster_keys(const struct cluster *c, const char *name, const uint8_t seed[NODE_SEED_LEN],
                  struct node_keys *ret);

/* Wipe it. */
void cluster_forget(struct cluster *c);

#endif
