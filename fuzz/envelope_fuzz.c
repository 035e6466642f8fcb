/* Any bytes as a message at a cell's door: refused by name or taken apart within its memory, and what
 * is answered parses at the other end. */
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/run/call.h"
#include "proto/inspect.pb-c.h"
#include "proto/nucleus.pb-c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    LIMIT = 65536,              /* limits.message                    */
    MEMORY = 16 * LIMIT,        /* as a door gives a message         */
    BODY_MEMORY = 1 << 20,
};

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* The body as a few of the requests it may claim to be. */
static void open_body(const ProtobufCBinaryData *body)
{
    static const ProtobufCMessageDescriptor *const types[] = {
        &cell__inspect__log_request__descriptor,
        &cell__nucleus__apply_request__descriptor,
        &cell__nucleus__heartbeat_request__descriptor,
        &cell__envelope__requests__descriptor, /* has lists of messages */
    };
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct arena arena;
        arena_init(&arena, BODY_MEMORY);
        ProtobufCAllocator allocator = call_allocator(&arena);
        (void)protobuf_c_message_unpack(types[i], &allocator, body->len, body->data);
        must(arena.used_bytes <= BODY_MEMORY);
        arena_fini(&arena);
    }
}

/* Trace and key as a call keeps them. */
static void take_context(const Cell__Envelope__Request *request, bool is_apart)
{
    static struct call_batch batch;
    static struct cell_call call;

    batch.is_apart = is_apart;
    call.batch = &batch;

    if (request->idempotency_key.len <= CALL_KEY_MAX) { /* the door refuses longer ones */
        call_take_context(&call, request);
        must(call.has_trace == (request->trace.len == CALL_TRACE_LEN));
        must(call.key_size == request->idempotency_key.len);
        must(call.takes_parts == (is_apart && request->credit > 0 && request->credit <= INT32_MAX));
    }
}

/* Answer every request with its own body as explanation, as a careless handler might. */
static void answer(struct arena *arena, const Cell__Envelope__Requests *requests)
{
    size_t count = requests->n_requests;
    Cell__Envelope__Replies replies = CELL__ENVELOPE__REPLIES__INIT;
    Cell__Envelope__Reply *item = calloc(count, sizeof *item);
    Cell__Envelope__Reply **slot = calloc(count, sizeof *slot);

    must(item != NULL && slot != NULL);
    for (size_t i = 0; i < count; i++) {
        const Cell__Envelope__Request *r = requests->requests[i];
        char text[64];
        size_t len = r->body.len < sizeof text - 1 ? r->body.len : sizeof text - 1;
        if (len > 0) {
            memcpy(text, r->body.data, len);
        }
        text[len] = '\0';
        item[i] = (Cell__Envelope__Reply)CELL__ENVELOPE__REPLY__INIT;
        item[i].id = r->id;
        item[i].status = err_to_wire(ERR_INVALID);
        item[i].message = (char *)call_text_dup(arena, text);
        must(bytes_is_utf8((uint8_t *)item[i].message, strlen(item[i].message)));
        slot[i] = &item[i];
    }
    replies.version = CALL_ENVELOPE_VERSION;
    replies.replies = slot;
    replies.n_replies = count;
    size_t size = cell__envelope__replies__get_packed_size(&replies);
    uint8_t *packed = malloc(size + 1);
    must(packed != NULL && cell__envelope__replies__pack(&replies, packed) == size);
    Cell__Envelope__Replies *back = cell__envelope__replies__unpack(NULL, size, packed);
    must(back != NULL && back->n_replies == count);
    for (size_t i = 0; i < count; i++) {
        must(back->replies[i]->id == requests->requests[i]->id);
    }
    cell__envelope__replies__free_unpacked(back, NULL);
    free(packed);
    free(slot);
    free(item);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    Cell__Envelope__Requests *requests = NULL;
    const char *text = NULL;

    arena_init(&arena, MEMORY);
    enum err e = call_open_envelope(&arena, data, size, LIMIT, &requests, &text);
    must(arena.used_bytes <= MEMORY);
    if (e == ERR_OK) {
        must(requests->version == CALL_ENVELOPE_VERSION && requests->n_requests >= 1 &&
             requests->n_requests <= HOST_BATCH_MAX && size <= LIMIT);
        for (size_t i = 0; i < requests->n_requests; i++) {
            open_body(&requests->requests[i]->body);
            take_context(requests->requests[i], requests->apart);
        }
        answer(&arena, requests);
    } else {
        must(text != NULL && requests == NULL);
        must(e == ERR_MALFORMED || e == ERR_INCOMPATIBLE || (e == ERR_LIMIT && size > LIMIT));
    }
    arena_fini(&arena);
    return 0;
}
