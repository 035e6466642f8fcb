#include "common/run/sp_wire.h"

#include <assert.h>
#include <string.h>

#include "common/base/bytes.h"
#include "proto/envelope.pb-c.h"

/* Endpoint types are protocol number times 16 plus role (sp-protocol-ids-01). */
enum {
    ENDPOINT_REQ = 0x30,
    ENDPOINT_REP = 0x31,
    FRAME_IN_BAND = 1, /* the only frame type of the ipc mapping */
};

#define ID_END UINT32_C(0x80000000) /* marks the last word of the stack: the request id */

static void hello_put(uint8_t endpoint, uint8_t out[SP_WIRE_HELLO_LEN])
{
    const uint8_t hello[SP_WIRE_HELLO_LEN] = {0, 'S', 'P', 0, 0, endpoint, 0, 0};

    memcpy(out, hello, sizeof hello);
}

void sp_wire_hello_put(uint8_t out[SP_WIRE_HELLO_LEN])
{
    hello_put(ENDPOINT_REQ, out);
}

bool sp_wire_hello_is_rep(const uint8_t in[SP_WIRE_HELLO_LEN])
{
    uint8_t wanted[SP_WIRE_HELLO_LEN];

    hello_put(ENDPOINT_REP, wanted);
    return memcmp(in, wanted, sizeof wanted) == 0;
}

void sp_wire_head_put(uint32_t id, size_t size, uint8_t out[SP_WIRE_HEAD_LEN])
{
    assert(size <= SP_MESSAGE_MAX);
    out[0] = FRAME_IN_BAND;
    bytes_put_be64(out + 1, size + SP_WIRE_ID_LEN);
    bytes_put_be32(out + SP_WIRE_FRAME_LEN, id | ID_END);
}

enum err sp_wire_frame_get(const uint8_t in[SP_WIRE_FRAME_LEN], size_t *ret_size)
{
    uint64_t size = bytes_get_be64(in + 1);

    if (in[0] != FRAME_IN_BAND || size < SP_WIRE_ID_LEN) {
        return ERR_MALFORMED;
    }
    if (size > SP_MESSAGE_MAX + SP_WIRE_ID_LEN) {
        return ERR_LIMIT;
    }
    *ret_size = (size_t)size;
    return ERR_OK;
}

bool sp_wire_id_is(const uint8_t in[SP_WIRE_ID_LEN], uint32_t id)
{
    return bytes_get_be32(in) == (id | ID_END);
}

enum err sp_wire_request_pack(const char *route, uint32_t operation, uint64_t schema, const uint8_t *body,
                              size_t body_size, uint32_t timeout_ms, uint8_t **ret,
                              size_t *ret_size)
{
    Cell__Envelope__Request request = CELL__ENVELOPE__REQUEST__INIT;
    Cell__Envelope__Requests requests = CELL__ENVELOPE__REQUESTS__INIT;
    Cell__Envelope__Request *slot = &request;

    assert(body != NULL || body_size == 0);
    if (body_size > SP_MESSAGE_MAX) {
        return ERR_LIMIT; /* before the size is computed: protobuf-c counts lengths in 32 bits */
    }
    request.id = SP_WIRE_REQUEST_ID;
    request.operation = operation;
    request.schema = schema;
    request.route = (char *)route;
    request.deadline_ms = timeout_ms == 0 ? 1 : timeout_ms;
    request.body = (ProtobufCBinaryData){.len = body_size, .data = (uint8_t *)body};
    requests.version = SP_WIRE_VERSION;
    requests.n_requests = 1;
    requests.requests = &slot;

    size_t size = cell__envelope__requests__get_packed_size(&requests);
    if (size > SP_MESSAGE_MAX) {
        return ERR_LIMIT;
    }
    uint8_t *packed = malloc(size);
    if (packed == NULL) {
        return ERR_NOMEM;
    }
    *ret_size = cell__envelope__requests__pack(&requests, packed);
    *ret = packed;
    assert(*ret_size == size);
    return ERR_OK;
}

/* What unpacking may still take. Freed memory is not counted back: the sum is what a hostile
 * message controls. */
struct budget {
    size_t left;
    bool is_exceeded;
};

static void *budget_alloc(void *data, size_t size)
{
    struct budget *budget = data;

    if (size > budget->left) {
        budget->is_exceeded = true;
        return NULL;
    }
    budget->left -= size;
    return malloc(size);
}

static void budget_free(void *data, void *pointer)
{
    (void)data;
    free(pointer);
}

enum err sp_wire_unpack(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t size,
                        size_t most, ProtobufCMessage **ret, char why[UNPACK_WHY_SIZE])
{
    struct budget budget = {.left = most};
    ProtobufCAllocator allocator = {budget_alloc, budget_free, &budget};

    enum err e = unpack_message(type, &allocator, data, size, ret, why);
    return budget.is_exceeded ? ERR_LIMIT : e;
}

/* The explanation in one line for a person. It comes from another process: nothing in it may steer
 * a terminal. */
static void explain(const Cell__Envelope__Reply *reply, char text[SP_TEXT_SIZE])
{
    struct bytes_text t;

    bytes_text_init(&t, text, SP_TEXT_SIZE);
    bytes_text_add_printable(&t, reply->message, strlen(reply->message));
    if (reply->hint[0] != '\0') {
        bytes_text_add(&t, "%s(", reply->message[0] != '\0' ? " " : "");
        bytes_text_add_printable(&t, reply->hint, strlen(reply->hint));
        bytes_text_add(&t, ")");
    }
}

/* What the envelope says; `text` is set on an error status. */
static enum err judge(const Cell__Envelope__Replies *replies, char text[SP_TEXT_SIZE])
{
    if (replies->version != SP_WIRE_VERSION) {
        return ERR_INCOMPATIBLE;
    }
    if (replies->n_replies != 1) {
        return ERR_MALFORMED;
    }
    const Cell__Envelope__Reply *reply = replies->replies[0];
    enum err e = err_from_wire(reply->status);
    /* A callee that could not read the message cannot know our id: 0, and never with ok. */
    if (reply->id != SP_WIRE_REQUEST_ID && (reply->id != 0 || e == ERR_OK)) {
        return ERR_MALFORMED;
    }
    if (e != ERR_OK) {
        explain(reply, text);
    }
    return e == ERR_LATER ? ERR_FAULT : e;
}

static enum err copy_body(const ProtobufCBinaryData *body, uint8_t **ret, size_t *ret_size)
{
    uint8_t *copy = malloc(body->len + 1); /* + 1: an empty answer is an answer, not NULL */

    if (copy == NULL) {
        return ERR_NOMEM;
    }
    if (body->len > 0) {
        memcpy(copy, body->data, body->len);
    }
    *ret = copy;
    *ret_size = body->len;
    return ERR_OK;
}

enum err sp_wire_reply_parse(const uint8_t *data, size_t size, uint8_t **ret_body,
                             size_t *ret_body_size, char text[SP_TEXT_SIZE])
{
    ProtobufCMessage *message = NULL;

    text[0] = '\0';
    enum err e = sp_wire_unpack(&cell__envelope__replies__descriptor, data, size,
                                size + SP_WIRE_REPLIES_SLACK, &message, text);
    if (e != ERR_OK) {
        return e;
    }
    const Cell__Envelope__Replies *replies = (const Cell__Envelope__Replies *)message;
    e = judge(replies, text);
    if (e == ERR_OK) {
        e = copy_body(&replies->replies[0]->body, ret_body, ret_body_size);
    }
    protobuf_c_message_free_unpacked(message, NULL);
    return e;
}
