/* Many nodes in the order of their ids, and which of them are nearest to a key: swarms are too large for looking at each. */
#ifndef CELL_TESTS_SIM_DHT_NEAR_H
#define CELL_TESTS_SIM_DHT_NEAR_H

#include "dht/types.h"

struct near_node {
    struct dht_id id;
    uint32_t node;
};

/* Zero-initialised: nobody. */
struct near {
    struct near_node *at;
    uint32_t count, room;
    bool is_sorted;
};

/* Nobody is added twice. */
void near_add(struct near *n, const struct dht_id *id, uint32_t node);

/* Up to `most` of them, the nearest first; returns how many. */
uint32_t near_find(struct near *n, const struct dht_id *target, uint32_t *ret_node, uint32_t most);
void near_free(struct near *n);

#endif
