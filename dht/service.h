/* The operations: proto/dht.proto. */
#ifndef CELL_DHT_SERVICE_H
#define CELL_DHT_SERVICE_H

#include "common/run/cell.h"

enum {
    DHT_SERVICE_OFFERS_MAX = 32,       /* cells that one node announces: as many as membership takes            */
    DHT_SERVICE_VALID_LEAST_MS = 500,
    DHT_SERVICE_VALID_MOST_MS = 60000,
    DHT_SERVICE_OFFER_TTL_MS = 60000,  /* a node that died is found for no longer                               */
    DHT_SERVICE_READS = 3,             /* holders that Find hears: between them they have every offer that is held */
};

enum err dht_service_put(void *state, struct cell_call *call, const void *request) MUST_CHECK;
enum err dht_service_get(void *state, struct cell_call *call, const void *request) MUST_CHECK;
enum err dht_service_remove(void *state, struct cell_call *call, const void *request) MUST_CHECK;
enum err dht_service_stats(void *state, struct cell_call *call, const void *request) MUST_CHECK;
enum err dht_service_lookup(void *state, struct cell_call *call, const void *request) MUST_CHECK;
enum err dht_service_bootstrap(void *state, struct cell_call *call, const void *request) MUST_CHECK;
enum err dht_service_announce(void *state, struct cell_call *call, const void *request) MUST_CHECK; /* service_names.c */
enum err dht_service_find(void *state, struct cell_call *call, const void *request) MUST_CHECK;     /* … */

/* What to answer when a wish was not taken; LIMIT comes with a time to come back. */
enum err dht_service_refuse(struct cell_call *call, enum err e);

#endif
