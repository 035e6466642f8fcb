/* The peers: who is known, who of them holds what, how long they take to answer. Source: Kademlia, sections 2.2 and
 * 2.4; table of a cluster's members: core.h. */
#ifndef CELL_DHT_TABLE_H
#define CELL_DHT_TABLE_H

#include "dht/state.h"

enum {
    DHT_TABLE_LINK = DHT_K * 3 / 4, /* peers of one private address or link in a bucket: others there have the rest */
};

/* A peer by its id; NULL: it is not in the table. Borrowed until the table changes. O(log n). */
struct dht_peer *dht_table_find(const struct dht *d, const struct dht_id *id);

/* A packet of `who` came in a session, so its address is proved: it is there. A stranger gets a place when its bucket has one, or
 * waits while the one heard of least lately is asked (section 2.2). */
void dht_table_heard(struct dht *d, const struct dht_contact *who, const struct dht_id *id, uint64_t session);

/* Membership knows it. False: there is no room, and nobody without membership to give way. */
bool dht_table_member(struct dht *d, const struct dht_contact *who, const struct dht_id *id);

/* A request to it had no answer. Whoever is no member is forgotten after DHT_FAILS_MAX of them, or at once if its
 * place is wanted. */
void dht_table_failed(struct dht *d, const struct dht_id *id);
void dht_table_remove(struct dht *d, const struct dht_id *id);

/* Whom what a stranger sends is counted for, both in the form of a node: its site, for keys cost nothing, is what its owner has of
 * addresses: one, or a /48 of IPv6, or a private link; the source is one of those there that share it: a key, or a /64 of a /48. On
 * this host, where whoever is there may be anybody, both are its key. */
void dht_table_source(const struct dht_contact *who, struct dht_node *ret_site, struct dht_node *ret_source);

/* Whether the first word with it waits for an acquaintance that the shell makes: it was never heard, or so long ago that
 * none is left (sealed.h). Never where that costs nothing. */
bool dht_table_is_stranger(const struct dht *d, const struct dht_id *id);

/* Whether it is a peer that did not answer the last request, or owes an answer, or of which membership is not sure. */
bool dht_table_is_doubted(const struct dht *d, const struct dht_id *id);

void dht_table_rtt(struct dht *d, struct dht_peer *peer, uint32_t rtt_us);

/* How long an answer of `id` was on its way that came elapsed_us after its question left: no longer than that, less the
 * question's own way as round trips have it. */
uint64_t dht_table_way_us(const struct dht *d, const struct dht_id *id, uint64_t elapsed_us);

/* How long to wait for an answer until it is asked again, and until somebody else is; peer NULL: a stranger. */
uint64_t dht_table_timeout_us(const struct dht *d, const struct dht_peer *peer);
uint64_t dht_table_late_us(const struct dht *d, const struct dht_peer *peer);

/* The peers nearest to target that are there as far as is known, nearest first. */
uint32_t dht_table_nearest(const struct dht *d, const struct dht_id *target, uint16_t *to, uint32_t most);

/* Whether this node itself is nearer to key than all but `most` - 1 of its peers: whether it should hold it. */
bool dht_table_is_holder(const struct dht *d, const struct dht_id *key, uint32_t most);

/* Whether the bucket of an id has no room: there may be others in it than those that are known. */
bool dht_table_is_full(const struct dht *d, const struct dht_id *id);

/* Its own number of the bucket that the fewest ids share with it: buckets beyond have nobody. */
uint32_t dht_table_depth(const struct dht *d);

#endif
