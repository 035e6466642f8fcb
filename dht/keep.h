/* Keeping records at their holders while nodes come and go: whoever is nearest offers what a change concerns to all who
 * should have it, who ask for what they lack; and from time to time two holders compare sums of what both should have.
 * Sources: Kademlia, section 2.5; comparison: Demers et al., "Epidemic Algorithms for Replicated Database
 * Maintenance", PODC 1987 (checksums before contents). */
#ifndef CELL_DHT_KEEP_H
#define CELL_DHT_KEEP_H

#include "dht/state.h"

/* Somebody came into the table or left it. */
void dht_keep_changed(struct dht *d, const struct dht_contact *who, const struct dht_id *id);

/* A SUM, OFFER or WANT of a node that is known; m of a WANT only if its address is proved. */
void dht_keep_heard(struct dht *d, const struct dht_contact *from, const struct dht_id *id, const struct dht_message *m);

/* Whether this node lately asked that one for records: what comes is a repair, and not of its own accord. */
bool dht_keep_wanted(const struct dht *d, const struct dht_id *id);

void dht_keep_clock(struct dht *d);
uint64_t dht_keep_due_us(const struct dht *d);

/* The date of a WANT, by this node's own clock: the STORE that follows repeats it. */
uint32_t dht_keep_date(const struct dht *d);

/* What is left of the life in a STORE of REPAIR, after the way here: 0: it was asked for too long ago to say. So a record
 * that goes from holder to holder lives no longer for it, however long each way takes. */
uint32_t dht_keep_left_ms(const struct dht *d, const struct dht_id *id, const struct dht_message *m);

#endif
