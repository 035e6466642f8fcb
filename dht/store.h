/* The records this node holds, in memory made once: by key, by end, and counted by who owns and who sent them. */
#ifndef CELL_DHT_STORE_H
#define CELL_DHT_STORE_H

#include "dht/state.h"

enum {
    DHT_STORE_HELD = 128, /* beside a packet's flags: an earlier life of this node held it, within the quotas of its senders */
};

/* Give all memory of the store, which is zero, its first shape. */
void dht_store_init(struct dht *d);

/* Hold a record, whose bytes (as dht_record_write makes them) and left_ms were checked and which is genuine.
 * source: of whom (dht_token_source). flags: of enum dht_packet_flag, or DHT_STORE_HELD. *ret_seq: the sequence held afterwards; 0: none.
 *
 * OK also if exactly this is held already; its life is then the longer of both. A signed record gives way to one with a
 * higher sequence, never to another with the same. When there is no room, copies on the way go first, then what is farthest
 * from this node of whoever has most (dht_account_payer), of the same source if it is farther than the new one. Where all places of
 * a service are taken one of the site's gives way that has most. */
enum dht_status dht_store_put(struct dht *d, const struct dht_record *r, const uint8_t *bytes, size_t size,
                              uint64_t source, uint8_t flags, uint64_t expected, uint64_t *ret_seq);

/* The places [*first, *end) of the records of `key`, in the order of their tags. */
void dht_store_places(const struct dht *d, const struct dht_id *key, uint32_t *first, uint32_t *end);

/* The record at a place of the order; bytes: DHT_RECORD_MAX, which *ret borrows. Returns its size. */
size_t dht_store_read(const struct dht *d, uint32_t place, uint8_t *bytes, struct dht_record *ret);
const struct dht_entry *dht_store_entry(const struct dht *d, uint32_t place);

/* What is left of a record's life. */
uint32_t dht_store_left_ms(const struct dht *d, const struct dht_entry *e);

/* Drop whatever has come to its end. */
void dht_store_expire(struct dht *d);

/* When the next one does; UINT64_MAX: none will. */
uint64_t dht_store_due_us(const struct dht *d);

uint32_t dht_store_used(const struct dht *d);

#endif
