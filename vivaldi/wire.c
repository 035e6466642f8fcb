#include "vivaldi/wire.h"

#include <string.h>

#include "common/base/bytes.h"

enum { ID_SIZE = 32 };

/* A message of the call's own; `fill` runs when there is memory. */
#define MAKE(call, type, init)                                                                     \
    ({                                                                                             \
        type *made_ = cell_call_alloc(call, sizeof *made_);                                        \
        if (made_ != NULL) {                                                                       \
            *made_ = (type)init;                                                                   \
        }                                                                                          \
        made_;                                                                                     \
    })

enum err vivaldi_wire_id(const ProtobufCBinaryData *id, uint64_t *ret)
{
    if (id->len != ID_SIZE) {
        return ERR_MALFORMED;
    }
    *ret = bytes_get_be64(id->data);
    return ERR_OK;
}

enum err vivaldi_wire_place(const ProtobufCBinaryData *place, bool *ret_is_there, struct vivaldi_coord *ret)
{
    enum err e = place->len == 0 ? ERR_INCOMPATIBLE : vivaldi_coord_unpack(place->data, place->len, ret);

    if (e == ERR_MALFORMED) {
        return e;
    }
    *ret_is_there = e == ERR_OK;
    return ERR_OK;
}

enum err vivaldi_wire_candidate(const Cell__Nodosum__Found *found, struct vivaldi_candidate *ret)
{
    struct vivaldi_candidate c = {.is_alive = strcmp(found->state, "alive") == 0, .latency_us = found->latency_us,
                                  .score = found->score < VIVALDI_ROUTE_SCORE_ONE ? found->score : VIVALDI_ROUTE_SCORE_ONE};
    enum err e = vivaldi_wire_id(&found->id, &c.id);

    if (e != ERR_OK) {
        return e;
    }
    if (vivaldi_wire_place(&found->place, &c.has_coord, &c.coord) != ERR_OK) {
        c.has_coord = false; /* a member that says nonsense of itself is reached all the same */
    }
    *ret = c;
    return ERR_OK;
}

Cell__Vivaldi__Coordinate *vivaldi_wire_coord(struct cell_call *call, const struct vivaldi_coord *c, uint32_t dims)
{
    Cell__Vivaldi__Coordinate *to = MAKE(call, Cell__Vivaldi__Coordinate, CELL__VIVALDI__COORDINATE__INIT);

    if (to == NULL || (to->sides_ms = cell_call_alloc(call, dims * sizeof *to->sides_ms)) == NULL) {
        return NULL;
    }
    for (; to->n_sides_ms < dims; to->n_sides_ms++) {
        to->sides_ms[to->n_sides_ms] = c->at[to->n_sides_ms];
    }
    to->height_ms = c->height;
    to->error = c->error;
    return to;
}

Cell__Vivaldi__Estimate *vivaldi_wire_estimate(struct cell_call *call, const struct vivaldi_estimate *e)
{
    static const char *const sources[] = {"unknown", "predicted", "measured", "self"};
    Cell__Vivaldi__Estimate *to = MAKE(call, Cell__Vivaldi__Estimate, CELL__VIVALDI__ESTIMATE__INIT);

    if (to != NULL) {
        to->source = (char *)sources[e->source]; /* literals: packing only reads */
        to->rtt_ms = e->rtt_ms;
        to->confidence = e->confidence;
    }
    return to;
}

Cell__Vivaldi__Hop *vivaldi_wire_hop(struct cell_call *call, const Cell__Nodosum__Found *found,
                                     const struct vivaldi_choice *choice)
{
    Cell__Vivaldi__Hop *to = MAKE(call, Cell__Vivaldi__Hop, CELL__VIVALDI__HOP__INIT);

    if (to == NULL || (to->estimate = vivaldi_wire_estimate(call, &choice->estimate)) == NULL) {
        return NULL;
    }
    to->node = found->node;
    to->id = found->id;
    to->address = found->address;
    to->kind = found->kind;
    to->state = found->state;
    to->ready = found->ready;
    to->score = found->score;
    to->latency_us = found->latency_us;
    to->cost_us = choice->cost_us;
    to->is_self = found->is_self;
    to->is_doubted = choice->is_doubted;
    return to;
}

Cell__Vivaldi__Count *vivaldi_wire_count(struct cell_call *call, const char *name, uint64_t value)
{
    Cell__Vivaldi__Count *to = MAKE(call, Cell__Vivaldi__Count, CELL__VIVALDI__COUNT__INIT);

    if (to != NULL) {
        to->name = (char *)name;
        to->value = value;
    }
    return to;
}
