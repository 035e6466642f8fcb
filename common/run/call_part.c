/* What may happen to a call between its beginning and its answer: parts of the answer go out, the
 * caller wants more of them or nothing at all any more. */
#include <assert.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/run/cell_call.h"
#include "common/run/door_core.h"

enum {
    PART_OVERHEAD = 2 * CALL_REPLY_OVERHEAD, /* bytes around a part: the reply and its envelope */
};

/* ---- nobody waits any more --------------------------------------------------------------------- */

void call_tell_void(struct door *door)
{
    struct cell_call *call = door->live;

    while (call != NULL) {
        if (!call->is_expired || call->on_cancel == NULL) {
            call = call->next;
            continue;
        }
        void (*fire)(void *context, enum err e) = call->on_cancel;
        call->on_cancel = NULL;
        fire(call->cancel_context, call->is_cancelled ? ERR_CANCELLED : ERR_TIMEOUT);
        call = door->live; /* it may have ended this call, and any other */
    }
}

void cell_call_on_cancel(struct cell_call *call, void (*fire)(void *context, enum err e),
                         void *context)
{
    call->on_cancel = fire;
    call->cancel_context = context;
    if (call->is_expired) { /* it is late: told by the next turn's timer */
        loop_timer_again(call->cell->door->deadline_timer, 0, 0);
    }
}

enum err call_void_error(const struct cell_call *call)
{
    return call->is_cancelled ? ERR_CANCELLED : ERR_TIMEOUT;
}

/* ---- notes ------------------------------------------------------------------------------------- */

/* Whether `call` came in the message that a note from `header` means. The header routes answers back:
 * all but its last word, the message's own id, names the connection, so that a caller reaches its own
 * calls and no others. */
static bool is_meant(const struct cell_call *call, const struct call_batch *from,
                     const Cell__Envelope__Note *note)
{
    const struct call_batch *b = call->batch;
    size_t route = from->header_len - sizeof(uint32_t);

    return b->header_len == from->header_len && memcmp(b->header, from->header, route) == 0 &&
           (bytes_get_be32(b->header + route) & INT32_MAX) == note->message &&
           b->replies[call->index].id == note->id;
}

static struct cell_call *find(struct door *door, const struct call_batch *from,
                              const Cell__Envelope__Note *note)
{
    for (struct cell_call *call = door->live; call != NULL; call = call->next) {
        if (!call->is_expired && is_meant(call, from, note)) {
            return call;
        }
    }
    return NULL;
}

void call_take_note(const struct call_batch *from, const Cell__Envelope__Note *note)
{
    struct door *door = from->cell->door;
    struct cell_call *call = find(door, from, note);

    if (call == NULL) {
        return; /* answered in the meantime */
    }
    switch (note->what_case) {
    case CELL__ENVELOPE__NOTE__WHAT_CANCEL:
        call->is_cancelled = true;
        door_void(call, ERR_CANCELLED, "the caller gave up");
        call_tell_void(door);
        break;
    case CELL__ENVELOPE__NOTE__WHAT_CREDIT:
        if (call->takes_parts && note->credit <= INT32_MAX - call->credit) {
            call->credit += note->credit;
            if (call->on_credit != NULL) {
                call->on_credit(call->credit_context);
            }
        }
        break;
    case CELL__ENVELOPE__NOTE__WHAT__NOT_SET:
    case _CELL__ENVELOPE__NOTE__WHAT__CASE_IS_INT_SIZE:
        break; /* of a later version */
    }
}

/* ---- parts ------------------------------------------------------------------------------------- */

/* Why no part of this size can be sent now, or ERR_OK. */
static enum err judge_part(const struct cell_call *call, size_t size)
{
    if (call->is_expired) {
        return call_void_error(call);
    }
    if (!call->takes_parts) {
        return ERR_UNSUPPORTED;
    }
    if (call->credit == 0) {
        return ERR_UNAVAILABLE;
    }
    return size > call->cell->birth.message_bytes || size > SP_MESSAGE_MAX - PART_OVERHEAD ? ERR_LIMIT : ERR_OK;
}

enum err cell_reply_part(struct cell_call *call, const void *message)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    enum err e = judge_part(call, size);

    if (e != ERR_OK) {
        return e;
    }
    AUTO_FREE uint8_t *body = malloc(size + 1);
    if (body == NULL) {
        return ERR_NOMEM;
    }
    return cell_reply_part_packed(call, body, protobuf_c_message_pack(message, body));
}

enum err cell_reply_part_packed(struct cell_call *call, const void *body, size_t size)
{
    struct call_batch *batch = call->batch;
    enum err e = judge_part(call, size);

    if (e != ERR_OK) {
        return e;
    }
    Cell__Envelope__Reply reply = CELL__ENVELOPE__REPLY__INIT, *slot = &reply;
    Cell__Envelope__Replies replies = CELL__ENVELOPE__REPLIES__INIT;
    reply.id = batch->replies[call->index].id;
    reply.status = err_to_wire(ERR_OK);
    reply.more = true;
    reply.body.data = (uint8_t *)body;
    reply.body.len = size;
    replies.version = CALL_ENVELOPE_VERSION;
    replies.replies = &slot;
    replies.n_replies = 1;
    call->credit--;
    batch->send(call->cell, batch->header, batch->header_len, &replies);
    return ERR_OK;
}

uint32_t cell_call_credit(const struct cell_call *call)
{
    return call->is_expired ? 0 : call->credit;
}

void cell_call_on_credit(struct cell_call *call, void (*fire)(void *context), void *context)
{
    call->on_credit = fire;
    call->credit_context = context;
}

void cell_call_unread(struct cell_call *call)
{
    if (!call->is_expired) {
        call->batch->replies[call->index].unread = true;
    }
}

void cell_call_retry_after(struct cell_call *call, uint32_t after_ms)
{
    if (!call->is_expired) {
        call->batch->replies[call->index].retry_after_ms = after_ms;
    }
}
