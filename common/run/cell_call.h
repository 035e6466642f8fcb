/* More about one request while it is served: callers that give up, answers in several parts. Public;
 * cell.h has the plain answer. */
#ifndef CELL_COMMON_RUN_CELL_CALL_H
#define CELL_COMMON_RUN_CELL_CALL_H

#include "common/run/cell.h"

/* Call `fire` once when nobody waits for the answer any more: e is ERR_CANCELLED (the caller took it
 * back) or ERR_TIMEOUT (its deadline has passed). The call must still be ended, there or later, with
 * cell_reply_error(); what it says goes nowhere. A later registration replaces an earlier one. */
void cell_call_on_cancel(struct cell_call *call, void (*fire)(void *context, enum err e),
                         void *context);

/* Send `message`, of the operation's reply type, as one part of the answer. The call goes on: more
 * parts may follow, and cell_reply() or cell_reply_error() ends it.
 * ERR_UNAVAILABLE: the caller has no use for more yet (cell_call_on_credit); ERR_UNSUPPORTED:
 * it takes no parts at all; ERR_LIMIT: larger than limits.message; ERR_CANCELLED, ERR_TIMEOUT: nobody
 * waits any more; ERR_NOMEM. */
enum err cell_reply_part(struct cell_call *call, const void *message) MUST_CHECK;

/* A request for a cell of another node (cell_def.forward). Untrusted but for its route, which is a well-formed
 * reference with a node that the caller's may_call reaches. Everything dies with the call. */
struct cell_forward {
    const char *route;     /* "[namespace/]cell[.instance]@node", or "[namespace/]cell@*" */
    bool is_repeatable;    /* it may be carried out twice */
    bool is_urgent;        /* it is not to wait behind others */
    uint32_t operation;
    uint64_t schema;       /* the caller's fingerprint of it; 0: unchecked */
    const uint8_t *body;   /* packed */
    size_t size;
};

/* cell_reply with a message that is packed already: `size` bytes, copied. */
enum err cell_reply_packed(struct cell_call *call, const void *body, size_t size) MUST_CHECK;

/* cell_reply_part with a message that is packed already. */
enum err cell_reply_part_packed(struct cell_call *call, const void *body, size_t size) MUST_CHECK;

/* With the error this call will end with, tell the caller that nobody has begun with it. */
void cell_call_unread(struct cell_call *call);

/* The request, and all that cell_call_alloc gave, is needed no more: for calls that wait long for their answer. */
void cell_call_forget(struct cell_call *call);

/* The caller's trace context, W3C: 16 bytes trace id, 8 span id, 1 flags; *ret_size 0 when there is none. */
const uint8_t *cell_call_trace(const struct cell_call *call, size_t *ret_size);

/* Parts that may be sent now. */
uint32_t cell_call_credit(const struct cell_call *call);

/* Call `fire` whenever the caller wants more parts. */
void cell_call_on_credit(struct cell_call *call, void (*fire)(void *context), void *context);

/* With the error this call will end with, tell the caller to come back after so many ms (UNAVAILABLE,
 * LIMIT): callers keep to it. */
void cell_call_retry_after(struct cell_call *call, uint32_t after_ms);

#endif
