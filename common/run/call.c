#include "common/run/call.h"
#include "common/run/cell_call.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/run/unpack.h"

static void *allocate(void *arena, size_t size)
{
    return arena_alloc(arena, size);
}

static void free_nothing(void *arena, void *pointer)
{
    (void)arena; /* the arena is reset as a whole when the call is answered */
    (void)pointer;
}

ProtobufCAllocator call_allocator(struct arena *arena)
{
    return (ProtobufCAllocator){.alloc = allocate, .free = free_nothing, .allocator_data = arena};
}

enum err call_open_envelope(struct arena *arena, const uint8_t *data, size_t size, size_t limit,
                            Cell__Envelope__Requests **ret, const char **ret_text)
{
    ProtobufCAllocator allocator = call_allocator(arena);

    if (size > limit) {
        *ret_text = "the message is larger than limits.message";
        return ERR_LIMIT;
    }
    /* A bomb (many empty requests) meets the arena's limit and parses as little as garbage does. */
    char why[UNPACK_WHY_SIZE];
    ProtobufCMessage *message;
    enum err e = unpack_message(&cell__envelope__requests__descriptor, &allocator, data, size, &message, why);
    if (e != ERR_OK) {
        const char *text = call_text_dup(arena, why);
        *ret_text = text[0] != '\0' ? text : "not an envelope";
        return e;
    }
    Cell__Envelope__Requests *requests = (Cell__Envelope__Requests *)message;
    if (requests->version != CALL_ENVELOPE_VERSION) {
        *ret_text = "envelope version 1 is spoken here";
        return ERR_INCOMPATIBLE;
    }
    if (requests->n_requests > HOST_BATCH_MAX || requests->n_notes > CALL_NOTES_MAX ||
        requests->n_requests + requests->n_notes == 0) {
        *ret_text = "an envelope holds 1 to 1024 requests";
        return ERR_MALFORMED;
    }
    *ret = requests;
    return ERR_OK;
}

const char *call_text_dup(struct arena *arena, const char *text)
{
    if (text == NULL || text[0] == '\0') {
        return "";
    }
    size_t len = strlen(text);
    size_t room = bytes_is_utf8((const uint8_t *)text, len) ? len + 1 : 4 * len + 1;
    char *copy = arena_alloc(arena, room);
    if (copy == NULL) {
        return "";
    }
    struct bytes_text out;
    bytes_text_init(&out, copy, room);
    if (room == len + 1) {
        memcpy(copy, text, room);
    } else {
        bytes_text_add_escaped(&out, text, len);
    }
    return copy;
}

void call_take_context(struct cell_call *call, const Cell__Envelope__Request *request)
{
    call->has_trace = request->trace.len == CALL_TRACE_LEN;
    if (call->has_trace) {
        memcpy(call->trace, request->trace.data, CALL_TRACE_LEN);
    }
    call->key_size = request->idempotency_key.len;
    assert(call->key_size <= CALL_KEY_MAX); /* longer ones were refused */
    if (call->key_size > 0) {
        memcpy(call->key, request->idempotency_key.data, call->key_size);
    }
    /* A caller that takes one message as the answer cannot take parts of it. */
    call->credit = call->batch->is_apart && request->credit <= INT32_MAX ? request->credit : 0;
    call->takes_parts = call->credit > 0;
}

static enum err reply_with(struct cell_call *call, const struct call_body *body)
{
    if (call->is_expired) {
        enum err e = call_void_error(call);
        call_finish(call, e, NULL, NULL, NULL);
        return e;
    }
    if (body->size > call->batch->room) {
        call_finish(call, ERR_LIMIT, "the answer is larger than limits.message allows", NULL, NULL);
        return ERR_LIMIT;
    }
    call_finish(call, ERR_OK, NULL, NULL, body);
    return ERR_OK;
}

enum err cell_reply(struct cell_call *call, const void *message)
{
    const struct call_body body = {.message = message, .size = protobuf_c_message_get_packed_size(message)};

    return reply_with(call, &body);
}

enum err cell_reply_packed(struct cell_call *call, const void *packed, size_t size)
{
    const struct call_body body = {.packed = packed, .size = size};

    return reply_with(call, &body);
}

void cell_reply_error(struct cell_call *call, enum err e, const char *text, const char *hint)
{
    assert(e != ERR_OK && e != ERR_LATER);
    call_finish(call, e, text != NULL ? text : call->text, hint, NULL);
}

void cell_call_explain(struct cell_call *call, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(call->text, sizeof call->text, format, args);
    va_end(args);
}

uint64_t cell_call_now_ms(const struct cell_call *call)
{
    return call->arrived_us / 1000u;
}

uint64_t cell_call_deadline_ms(const struct cell_call *call)
{
    return call->deadline_ms;
}

uint32_t cell_call_remaining_ms(const struct cell_call *call)
{
    uint64_t now_ms = loop_now_ms();

    return call->deadline_ms <= now_ms ? 0 : (uint32_t)(call->deadline_ms - now_ms);
}

void cell_call_caller(const struct cell_call *call, struct cell_caller *ret)
{
    *ret = call->caller;
}

const uint8_t *cell_call_key(const struct cell_call *call, size_t *ret_size)
{
    *ret_size = call->key_size;
    return call->key;
}

const uint8_t *cell_call_trace(const struct cell_call *call, size_t *ret_size)
{
    *ret_size = call->has_trace ? CALL_TRACE_LEN : 0;
    return call->trace;
}

void cell_call_forget(struct cell_call *call)
{
    arena_fini(&call->arena);
}

void *cell_call_alloc(struct cell_call *call, size_t size)
{
    return arena_alloc(&call->arena, size);
}
