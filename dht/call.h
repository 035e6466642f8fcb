/* Requests under way: to whom, until when, for which wish. */
#ifndef CELL_DHT_CALL_H
#define CELL_DHT_CALL_H

#include "dht/state.h"

/* An empty packet, sent at the end of the step. NULL: the step has sent as much as it may (counted). */
struct dht_packet *dht_call_packet(struct dht *d, bool has_node, const struct dht_contact *to);

/* Send a message that is no request, or an answer; false as above. */
bool dht_call_send(struct dht *d, const struct dht_contact *to, const struct dht_message *m, size_t room);

/* Ask whether a peer is there. */
void dht_call_ping(struct dht *d, const struct dht_peer *peer);

/* Ask an address for the way to the own place. */
void dht_call_enter(struct dht *d, const struct dht_contact *at, bool has_node);

/* Ask a candidate of a wish; kind: FIND, GET or STORE. False: too many requests are under way, or sent in this step. */
bool dht_call_ask(struct dht *d, struct dht_wish *w, const struct dht_candidate *c, enum dht_packet_kind kind);

/* The request that an answer belongs to, which ends; *ret a copy of it. False: nobody waits for this. */
bool dht_call_answered(struct dht *d, const struct dht_contact *from, const struct dht_id *id,
                       const struct dht_message *m, struct dht_call *ret);

/* Requests that are late are sent again, or fail. */
void dht_call_clock(struct dht *d);
uint64_t dht_call_due_us(const struct dht *d);

/* Forget all of a wish, or what one candidate was asked for it. */
void dht_call_drop(struct dht *d, const struct dht_wish *w, const struct dht_candidate *to);

#endif
