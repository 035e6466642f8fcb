/* Whether a record is who it says, remembering what was found out: a signature costs 50 us and more to verify, and a
 * record that is repaired, offered and asked for comes again and again. */
#ifndef CELL_DHT_PROOF_H
#define CELL_DHT_PROOF_H

#include "dht/state.h"

/* bytes: of r, all of it. */
bool dht_proof_is_genuine(struct dht *d, const struct dht_record *r, const uint8_t *bytes, size_t size);

/* Whether its signed end allows that it is kept for left_ms from now on; what is left of that in *ret_ms. */
bool dht_proof_is_living(const struct dht *d, const struct dht_record *r, uint32_t left_ms, uint32_t *ret_ms);

#endif
