/* Signing this node's records, and judging those of others: Ed25519 (RFC 8032). */
#ifndef CELL_DHT_SIGN_H
#define CELL_DHT_SIGN_H

#include "common/node/keys.h"
#include "dht/record.h"

struct dht_signer {
    uint8_t owner[DHT_OWNER_SIZE];
    uint8_t secret[64];
};

/* The key of a node for its records. It follows from the node's X25519 secret, for no cell has the seed of its identity;
 * so it is the same in every life of the node, and nothing of it needs a disk. */
void dht_sign_init(struct dht_signer *s, const struct node_keys *keys);

/* Set r's owner and signature; `signature` is where the latter goes, and lives as long as r. */
void dht_sign_record(const struct dht_signer *s, struct dht_record *r, uint8_t signature[DHT_SIGNATURE_SIZE]);

/* A dht_verify. context: not used. */
bool dht_sign_verify(void *context, const uint8_t *owner, const uint8_t *message, size_t size, const uint8_t *signature);

/* Wipe it. */
void dht_sign_forget(struct dht_signer *s);

#endif
