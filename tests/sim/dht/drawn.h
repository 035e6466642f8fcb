/* A swarm that is there at once: tables drawn from the truth, as joins one after another would have filled them. 100,000 joins
 * are 70 million packets. */
#ifndef CELL_TESTS_SIM_DHT_DRAWN_H
#define CELL_TESTS_SIM_DHT_DRAWN_H

#include "tests/sim/dht/swarm.h"

/* Begin a life of all nodes, each with up to DHT_K peers of each bucket, drawn; what was looked up in a bucket was so within the
 * last refresh_ms. */
void drawn_start(struct swarm *s);

/* … and hostile nodes have as many places in all buckets of `besieged` as there are of them: they never left it. */
void drawn_besiege(struct swarm *s, uint32_t besieged);

#endif
