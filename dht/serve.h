/* What others ask. */
#ifndef CELL_DHT_SERVE_H
#define CELL_DHT_SERVE_H

#include "dht/state.h"

/* Answer a PING, FIND, GET or STORE; room: bytes that an answer may have. */
void dht_serve_request(struct dht *d, const struct dht_contact *from, const struct dht_id *id,
                       const struct dht_message *m, size_t room);

#endif
