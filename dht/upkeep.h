/* Keeping the table true where no membership tells of everybody: buckets are looked through and peers are asked whether they are
 * there, the more rarely the longer nothing has changed. Source: Kademlia, section 2.3 (refreshing). */
#ifndef CELL_DHT_UPKEEP_H
#define CELL_DHT_UPKEEP_H

#include "dht/types.h"

struct dht;

/* A bucket beyond is part of the own place in any swarm of less than 2^63 nodes. */
enum { DHT_UPKEEP_PLACES = 64 };

/* The last of each row is of the own place, and of all buckets that it covers. */
struct dht_upkeep {
    uint64_t look_us, ping_us;  /* when somebody is to be looked for, and asked, next            */
    uint32_t looked[DHT_UPKEEP_PLACES]; /* tick of the last lookup there; 0: there was none     */
    uint8_t quiet[DHT_UPKEEP_PLACES];   /* so many looks have begun since something changed     */
};

/* At the beginning of a life. */
void dht_upkeep_init(struct dht *d);

/* A lookup of `target` begins: its bucket need not be looked through for that long. */
void dht_upkeep_looked(struct dht *d, const struct dht_id *target);

/* Somebody who was not there is there, or was and is not, or did not answer: its bucket is looked through thoroughly, and soon. */
void dht_upkeep_stirred(struct dht *d, const struct dht_id *id);

/* Somebody told of the way in: look whether there is more. */
void dht_upkeep_entered(struct dht *d);

/* Do what is due. Nothing is while nobody is known, or everybody. */
void dht_upkeep_clock(struct dht *d);
uint64_t dht_upkeep_due_us(const struct dht *d);

#endif
