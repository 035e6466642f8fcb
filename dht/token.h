/* What only this node can have made: tokens that prove an address, and short names of long things that nobody can
 * choose to collide. SipHash (Aumasson and Bernstein, 2012) under the secret of this life. */
#ifndef CELL_DHT_TOKEN_H
#define CELL_DHT_TOKEN_H

#include "dht/state.h"

/* The token of who asks from there, good in this period and the next one (BEP 5: 5 and 10 minutes). Not 0. */
uint64_t dht_token_make(const struct dht *d, const struct dht_contact *who);
bool dht_token_is_good(const struct dht *d, const struct dht_contact *who, uint64_t token);

/* Not 0. */
uint64_t dht_token_tag(const struct dht *d, const void *bytes, size_t size);

/* The name of a source and of the site it belongs to, whose sources all have the upper half of it. Not 0. */
uint64_t dht_token_source(const struct dht *d, const struct dht_node *site, const struct dht_node *source);

#endif
