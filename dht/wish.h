/* What somebody wants: a find, a get or a put, from its beginning to its end. */
#ifndef CELL_DHT_WISH_H
#define CELL_DHT_WISH_H

#include "dht/call.h"
#include "dht/state.h"

/* A wish with its first candidates, run at the end of the step. name 0: the core's own. NULL: too many. */
struct dht_wish *dht_wish_begin(struct dht *d, enum dht_wish_kind kind, uint64_t name, const struct dht_id *target);

/* The candidate with this number; NULL: it gave way to a nearer one. Borrowed until candidates come. */
struct dht_candidate *dht_wish_candidate(struct dht_wish *w, uint16_t serial);

/* A request failed; is late; was answered. */
void dht_wish_failed(struct dht *d, struct dht_wish *w, const struct dht_call *call);
void dht_wish_late(struct dht *d, struct dht_wish *w, const struct dht_call *call);
void dht_wish_nodes(struct dht *d, struct dht_wish *w, const struct dht_call *call, const struct dht_message *m);
void dht_wish_values(struct dht *d, struct dht_wish *w, const struct dht_call *call, const struct dht_message *m);

/* Let all wishes go on as far as they can, and tell those that ended. */
void dht_wish_run(struct dht *d);
uint64_t dht_wish_due_us(const struct dht *d);

void dht_wish_free(struct dht *d, struct dht_wish *w);

/* ---- parts: search.c, put.c ---- */

/* Ask whoever is to be asked next; whether there is nobody left to ask or to wait for. */
bool dht_search_near(struct dht *d, struct dht_wish *w);
bool dht_search_holders(struct dht *d, struct dht_wish *w);

/* Step by step once more, on paths that begin with others than the first time; false: it was done before, or there are no others. */
bool dht_search_again(struct dht *d, struct dht_wish *w);

/* Whether those that answered, the nearest of them, are too far apart to be all that there is: some were not told of. */
bool dht_search_is_thin(const struct dht *d, const struct dht_wish *w);

/* Whether a put may begin: each path has come near, most of the nearest have answered, and they may be all that there is. */
bool dht_search_is_enough(const struct dht *d, const struct dht_wish *w);

/* Somebody named this contact: the candidate of serial `namer`, or DHT_NOTHING. */
void dht_search_add(struct dht *d, struct dht_wish *w, const struct dht_contact *who, uint32_t path, uint32_t hop, uint16_t namer);

/* The same of one that is no candidate yet and whose id is known: computing it for all that a wish begins with took 40 % of
 * a get of what the node itself holds. */
void dht_search_add_known(struct dht *d, struct dht_wish *w, const struct dht_contact *who, const struct dht_id *known,
                          uint32_t path, uint32_t hop, uint16_t namer);

/* Begin to bring the record to its holders; go on with it: whether nobody is left to ask or to wait for. */
void dht_put_begin(struct dht *d, struct dht_wish *w);
bool dht_put_run(struct dht *d, struct dht_wish *w);

/* A holder answered; whether enough have it. */
/* The date here is by so much ahead of that candidate's. */
void dht_wish_clock(struct dht_candidate *c, int64_t ahead_s);

void dht_put_stored(const struct dht *d, struct dht_wish *w, const struct dht_call *call, const struct dht_message *m);
bool dht_put_is_done(const struct dht *d, const struct dht_wish *w);

#endif
