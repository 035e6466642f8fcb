/* What is new for one node, as the issuer of its cluster signs it: keys, revocation list, certificate. Pure.
 *
 *   magic, version 1 (1), cluster id 16, node id 32,
 *   keys (1), each epoch (4) and key 32, the newest first; seconds that the second one stays (4),
 *   number of the revocation list (4), its length (4) and PEM, length (2) and PEM of the node's certificate,
 *   Ed25519 signature of the issuer 64
 *
 * Whoever carries it can neither make nor change it, nor give it to another node; and who takes it refuses to go back.
 * It holds secrets: it travels under a handshake (renew.h) or over sockets of one machine. */
#ifndef CELL_COMMON_NODE_UPDATE_H
#define CELL_COMMON_NODE_UPDATE_H

#include "common/node/cluster.h"

enum {
    UPDATE_CRL_MAX = 52 * 1024,    /* bytes of a revocation list as text: TICKETS_STALE_MAX entries fit       */
    UPDATE_CERTIFICATE_MAX = 2047, /* bytes of a certificate as text: PKI_PEM_MAX without its terminator      */
    UPDATE_SIGNATURE = 64,
    UPDATE_MAX = 8 + 1 + NODE_CLUSTER_ID_LEN + NODE_ID_LEN + 1 + NODE_CLUSTER_KEYS * (4 + NODE_KEY_LEN) + 4 + 4 + 4 +
                 UPDATE_CRL_MAX + 2 + UPDATE_CERTIFICATE_MAX + UPDATE_SIGNATURE,
};

struct update {
    uint8_t cluster_id[NODE_CLUSTER_ID_LEN];
    uint8_t node[NODE_ID_LEN]; /* for whom */
    uint32_t keys;             /* 1 or 2; as in struct cluster */
    uint32_t epoch[NODE_CLUSTER_KEYS];
    uint8_t key[NODE_CLUSTER_KEYS][NODE_KEY_LEN];
    uint32_t grace_s;
    uint32_t crl;              /* number of the list; 0: there is none                       */
    const char *list;          /* borrowed, not terminated                                   */
    size_t list_size;          /* 0: there is none, or the node has that of this number      */
    const char *certificate;   /* borrowed, not terminated */
    size_t certificate_size;   /* 0: none */
};

/* Write `u` for a node, signed with the issuer's seed; how many bytes. Everything in it is in its range. */
size_t update_write(const struct update *u, const uint8_t seed[NODE_SEED_LEN], uint8_t out[UPDATE_MAX]);

/* Read one: any bytes, which *ret borrows. ERR_MALFORMED: none, or not exactly one; ERR_INCOMPATIBLE: another version;
 * ERR_FORGED: not signed by `issuer`. On error *ret is untouched. One signature is verified, 60 us. */
enum err update_read(const uint8_t *bytes, size_t size, const uint8_t issuer[NODE_ID_LEN], struct update *ret)
    MUST_CHECK;

/* Put it into what the node `id` knows of its cluster. *ret_is_news: something is different. ERR_DENIED: for another
 * node or cluster; ERR_ABORTED: older than what is known, or another key of an epoch that is known. Then `c` is unchanged. A
 * second key that was forgotten stays so. ERR_MALFORMED: a list is new and left out. */
enum err update_merge(const struct update *u, const uint8_t id[NODE_ID_LEN], struct cluster *c, bool *ret_is_news)
    MUST_CHECK;

#endif
