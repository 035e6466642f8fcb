/* Messages as core types, and back. Everything a message borrows lives as long as the call it answers. */
#ifndef CELL_DHT_WIRE_H
#define CELL_DHT_WIRE_H

#include "common/run/cell.h"
#include "dht/core.h"
#include "proto/dht.pb-c.h"

/* A node's public key. ERR_MALFORMED: it has another length. */
enum err dht_wire_node(const ProtobufCBinaryData *bytes, struct dht_node *ret) MUST_CHECK;

/* Where a value is; owner: this node's key for records. ERR_INVALID: it says neither a key nor a name, or both, or one
 * of a wrong length; `call` is told what. */
enum err dht_wire_place(struct cell_call *call, const Cell__Dht__Place *place, const uint8_t owner[DHT_OWNER_SIZE],
                        struct dht_id *ret) MUST_CHECK;

/* A life in a request: 0 is an hour. ERR_INVALID: out of its range; `call` is told so. */
enum err dht_wire_life(struct cell_call *call, uint64_t ttl_ms, uint32_t *ret_ms) MUST_CHECK;

/* NULL: over the request's memory. */
Cell__Dht__Peer *dht_wire_peer(struct cell_call *call, const struct dht_contact *who, bool is_self);
Cell__Dht__Step *dht_wire_step(struct cell_call *call, const struct dht_step *step);
Cell__Dht__Count *dht_wire_count(struct cell_call *call, const char *name, uint64_t value);

/* Bytes in the request's memory; false: over it. */
bool dht_wire_bytes(struct cell_call *call, const void *bytes, size_t size, ProtobufCBinaryData *ret);

#endif
