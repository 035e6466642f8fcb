/* Messages as core types, and back. Everything a message borrows lives as long as the call it answers. */
#ifndef CELL_VIVALDI_WIRE_H
#define CELL_VIVALDI_WIRE_H

#include "common/run/cell.h"
#include "proto/nodosum.pb-c.h"
#include "proto/vivaldi.pb-c.h"
#include "vivaldi/route.h"

/* What the core calls a node: the first bytes of its public key. ERR_MALFORMED: it has another length. */
enum err vivaldi_wire_id(const ProtobufCBinaryData *id, uint64_t *ret) MUST_CHECK;

/* Where somebody says it is. *ret_is_there is false for no bytes and for another version's, which is no error;
 * ERR_MALFORMED: bytes that are no coordinate. */
enum err vivaldi_wire_place(const ProtobufCBinaryData *place, bool *ret_is_there, struct vivaldi_coord *ret) MUST_CHECK;

/* A candidate that membership found. ERR_MALFORMED: its id is none; a place that is none is left out. */
enum err vivaldi_wire_candidate(const Cell__Nodosum__Found *found, struct vivaldi_candidate *ret) MUST_CHECK;

/* As messages. NULL: over the request's memory. */
Cell__Vivaldi__Coordinate *vivaldi_wire_coord(struct cell_call *call, const struct vivaldi_coord *c, uint32_t dims);
Cell__Vivaldi__Estimate *vivaldi_wire_estimate(struct cell_call *call, const struct vivaldi_estimate *e);

/* found: borrowed until the answer is packed. */
Cell__Vivaldi__Hop *vivaldi_wire_hop(struct cell_call *call, const Cell__Nodosum__Found *found,
                                     const struct vivaldi_choice *choice);
Cell__Vivaldi__Count *vivaldi_wire_count(struct cell_call *call, const char *name, uint64_t value);

#endif
