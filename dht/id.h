/* Ids: where they come from, and how far apart they are. */
#ifndef CELL_DHT_ID_H
#define CELL_DHT_ID_H

#include <string.h>

#include "dht/types.h"

/* SHA-1 (RFC 3174) of bytes. For places in a space of 160 bits that the protocol prescribes, not for signatures: who
 * finds two keys with one id has two nodes at one place, no more. */
void dht_id_sha1(const void *bytes, size_t size, uint8_t ret[DHT_ID_SIZE]);

/* Bits that a and b begin with together: 0 to DHT_BITS (the same). Bucket of b in a's table (Kademlia, section 2.2). */
uint32_t dht_id_common(const struct dht_id *a, const struct dht_id *b);

/* Whether a is nearer to target than b: less by XOR as big-endian numbers. */
bool dht_id_is_nearer(const struct dht_id *target, const struct dht_id *a, const struct dht_id *b);

static inline bool dht_id_equal(const struct dht_id *a, const struct dht_id *b)
{
    return memcmp(a->byte, b->byte, DHT_ID_SIZE) == 0;
}

static inline bool dht_id_bit(const struct dht_id *id, uint32_t bit)
{
    return (id->byte[bit / 8] >> (7 - bit % 8) & 1) != 0;
}

static inline bool dht_id_same_node(const struct dht_node *a, const struct dht_node *b)
{
    return memcmp(a->byte, b->byte, DHT_NODE_SIZE) == 0;
}

#endif
