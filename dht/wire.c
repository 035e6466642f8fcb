#include "dht/wire.h"

#include <string.h>

#include "dht/net.h"

enum { HOUR_MS = 3600000 };

/* A message of the call's own; NULL: there is no memory. */
#define MAKE(call, type, init)                                                                     \
    ({                                                                                             \
        type *made_ = cell_call_alloc(call, sizeof *made_);                                        \
        if (made_ != NULL) {                                                                       \
            *made_ = (type)init;                                                                   \
        }                                                                                          \
        made_;                                                                                     \
    })

enum err dht_wire_node(const ProtobufCBinaryData *bytes, struct dht_node *ret)
{
    if (bytes->len != sizeof ret->byte) {
        return ERR_MALFORMED;
    }
    memcpy(ret->byte, bytes->data, sizeof ret->byte);
    return ERR_OK;
}

enum err dht_wire_place(struct cell_call *call, const Cell__Dht__Place *place, const uint8_t owner[DHT_OWNER_SIZE],
                        struct dht_id *ret)
{
    size_t name = place == NULL ? 0 : strlen(place->name);

    if (place == NULL || (place->key.len > 0) == (name > 0)) {
        cell_call_explain(call, "a place has a key or a name");
        return ERR_INVALID;
    }
    if (name > DHT_SALT_MAX || (name == 0 && place->key.len != DHT_ID_SIZE) ||
        (place->owner.len != 0 && place->owner.len != DHT_OWNER_SIZE)) {
        cell_call_explain(call, "a key has %d bytes, a name at most %d, an owner %d", DHT_ID_SIZE, DHT_SALT_MAX, DHT_OWNER_SIZE);
        return ERR_INVALID;
    }
    if (name == 0) {
        memcpy(ret->byte, place->key.data, sizeof ret->byte);
    } else {
        dht_record_owner_key(place->owner.len > 0 ? place->owner.data : owner, (const uint8_t *)place->name, name, ret);
    }
    return ERR_OK;
}

enum err dht_wire_life(struct cell_call *call, uint64_t ttl_ms, uint32_t *ret_ms)
{
    ttl_ms = ttl_ms == 0 ? HOUR_MS : ttl_ms;
    if (ttl_ms < DHT_TTL_LEAST_MS || ttl_ms > DHT_TTL_MOST_MS) {
        cell_call_explain(call, "a value lives for %d ms to %d ms", DHT_TTL_LEAST_MS, DHT_TTL_MOST_MS);
        return ERR_INVALID;
    }
    *ret_ms = (uint32_t)ttl_ms;
    return ERR_OK;
}

bool dht_wire_bytes(struct cell_call *call, const void *bytes, size_t size, ProtobufCBinaryData *ret)
{
    *ret = (ProtobufCBinaryData){size, size == 0 ? NULL : cell_call_alloc(call, size)};
    if (size > 0 && ret->data != NULL) {
        memcpy(ret->data, bytes, size);
    }
    return size == 0 || ret->data != NULL;
}

Cell__Dht__Peer *dht_wire_peer(struct cell_call *call, const struct dht_contact *who, bool is_self)
{
    Cell__Dht__Peer *to = MAKE(call, Cell__Dht__Peer, CELL__DHT__PEER__INIT);
    struct dht_id id = dht_core_id(&who->node);

    if (to == NULL || !dht_wire_bytes(call, id.byte, sizeof id.byte, &to->id) ||
        !dht_wire_bytes(call, who->node.byte, sizeof who->node.byte, &to->node) ||
        (to->address = cell_call_alloc(call, ADDRESS_SIZE)) == NULL) {
        return NULL;
    }
    dht_net_format(&who->at, to->address);
    to->is_self = is_self;
    return to;
}

Cell__Dht__Step *dht_wire_step(struct cell_call *call, const struct dht_step *step)
{
    static const char *const states[] = {"known", "answered", "late", "failed"};
    Cell__Dht__Step *to = MAKE(call, Cell__Dht__Step, CELL__DHT__STEP__INIT);

    if (to == NULL || (to->peer = dht_wire_peer(call, &step->who, false)) == NULL) {
        return NULL;
    }
    to->hop = step->hop;
    to->state = (char *)states[step->state]; /* a literal: packing only reads */
    return to;
}

Cell__Dht__Count *dht_wire_count(struct cell_call *call, const char *name, uint64_t value)
{
    Cell__Dht__Count *to = MAKE(call, Cell__Dht__Count, CELL__DHT__COUNT__INIT);

    if (to != NULL) {
        to->name = (char *)name;
        to->value = value;
    }
    return to;
}
