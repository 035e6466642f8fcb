/* Core types as messages, and what requests ask for as core types. Everything a message borrows lives as long
 * as the call it answers. */
#ifndef CELL_NODOSUM_WIRE_H
#define CELL_NODOSUM_WIRE_H

#include "nodosum/shell.h"
#include "proto/nodosum.pb-c.h"

/* An id in a request: *ret_is_given says whether there is one. ERR_MALFORMED: of another length. */
enum err nodosum_wire_id(const ProtobufCBinaryData *bytes, bool *ret_is_given, struct nodosum_id *ret) MUST_CHECK;

/* A member as a message. NULL: over the request's memory. */
Cell__Nodosum__Member *nodosum_wire_member(struct cell_call *call, const struct nodosum_view *view, bool is_self);

/* Its change, with what is known of it now. */
Cell__Nodosum__Event *nodosum_wire_event(struct cell_call *call, const struct nodosum *core,
                                         const struct nodosum_event *event);

/* view: the member that was measured; NULL: it is not known any more. */
Cell__Nodosum__Rtt *nodosum_wire_rtt(struct cell_call *call, const struct nodosum_sample *sample,
                                     const struct nodosum_view *view, uint64_t sequence, uint64_t now_ms);
/* Where a member has told all that it is. */
Cell__Nodosum__Located *nodosum_wire_located(struct cell_call *call, const struct nodosum_view *view);
Cell__Nodosum__Seed *nodosum_wire_seed(struct cell_call *call, const struct nodosum_found *found);
Cell__Nodosum__Near *nodosum_wire_near(struct cell_call *call, const struct nodosum_view *view);

/* A member that has what was asked for: `offer` says how, NULL: it is the node itself. */
Cell__Nodosum__Found *nodosum_wire_found(struct cell_call *call, const struct nodosum_view *view,
                                         const struct nodosum_offer *offer, bool is_self);
Cell__Nodosum__Count *nodosum_wire_count(struct cell_call *call, const char *name, uint64_t value);

/* "alive", "suspect", "dead", "left". */
const char *nodosum_wire_state(enum nodosum_state state);

/* An address or an id in memory of the call; NULL: there is none left. */
char *nodosum_wire_address(struct cell_call *call, const struct nodosum_address *address);
bool nodosum_wire_bytes(struct cell_call *call, const struct nodosum_id *id, ProtobufCBinaryData *ret);

#endif
