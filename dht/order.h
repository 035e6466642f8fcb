/* Things with ids in the order of ids. The things are rows of memory that begin with their id; the order is a list of
 * their numbers. One prefix of ids is one stretch of it, so a bucket is two searches, and the nearest to any id
 * are found by going down its bits. */
#ifndef CELL_DHT_ORDER_H
#define CELL_DHT_ORDER_H

#include "dht/id.h"

struct dht_order {
    const uint8_t *base;
    size_t stride;
    uint16_t *index;
    uint32_t count;
};

const struct dht_id *dht_order_id(const struct dht_order *o, uint32_t place);

/* The first place whose id is not less; count: none. O(log n). */
uint32_t dht_order_lower(const struct dht_order *o, const struct dht_id *id);

/* Insert thing `index` before `place`, remove the one at `place`. O(n) of two bytes each. */
void dht_order_insert(struct dht_order *o, uint32_t place, uint16_t index);
void dht_order_remove(struct dht_order *o, uint32_t place);

/* The stretch [*first, *end) of ids that begin with the first `bits` bits of id and, if is_flipped, go on with the other
 * value of the bit after them; bits < DHT_BITS then. */
void dht_order_stretch(const struct dht_order *o, const struct dht_id *id, uint32_t bits, bool is_flipped,
                       uint32_t *first, uint32_t *end);

/* Up to `most` things nearest to target, nearest first, or the farthest, farthest first. `wants` says which count; NULL:
 * all. Returns how many. O(most + log n) lookups where most are wanted. */
uint32_t dht_order_nearest(const struct dht_order *o, const struct dht_id *target, bool is_farthest,
                           bool (*wants)(const void *context, uint16_t index), const void *context, uint16_t *to,
                           uint32_t most);

#endif
