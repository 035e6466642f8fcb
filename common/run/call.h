/* One request while it is being served; shared by the runtime's rooms only. Not installed. */
#ifndef CELL_COMMON_RUN_CALL_H
#define CELL_COMMON_RUN_CALL_H

#include <protobuf-c/protobuf-c.h>

#include "common/base/arena.h"
#include "common/run/host.h"
#include "proto/envelope.pb-c.h"

enum {
    CALL_ENVELOPE_VERSION = 1,
    CALL_HEADER_MAX = 64,      /* pipe id and at most 8 hops and the request id: 40 bytes        */
    CALL_TRACE_LEN = 25,       /* W3C trace context: 16 trace id, 8 span id, 1 flags             */
    CALL_KEY_MAX = 32,         /* idempotency key                                                */
    CALL_TEXT_SIZE = 256,
    CALL_FROM_SIZE = 2 * NAME_SIZE, /* "namespace/cell"                                          */
    CALL_NOTES_MAX = 256,      /* words about earlier requests in one envelope                   */
    CALL_REPLY_OVERHEAD = 48,  /* bytes of a reply around body and texts: tags, lengths, id      */
    CALL_OVERFLOW_UID = 65534, /* what an unmapped user looks like inside a user namespace       */
};

/* The requests of one message. They are answered together, or each when it is ready if the caller
 * takes that (Requests.apart). */
struct call_batch {
    struct call_batch *next;    /* of those that wait for their next message                    */
    struct cell *cell;
    struct arena arena;         /* the packed answers                                           */
    struct arena envelope;      /* the parsed envelope, where a call looks at it later; else empty */
    uint32_t references;        /* calls not freed yet, and the dispatcher                      */
    uint32_t waiting;           /* answers still missing                                        */
    uint32_t count;
    bool is_apart;
    bool is_dispatching;        /* its requests are being handed out                            */
    bool keeps_envelope;
    size_t room;                /* bytes of answers that still fit limits.message               */
    Cell__Envelope__Reply *replies;
    Cell__Envelope__Reply **slots;
    void (*send)(struct cell *cell, const uint8_t *header, size_t header_len,
                 const Cell__Envelope__Replies *replies); /* never NULL                          */
    size_t header_len;
    uint8_t header[CALL_HEADER_MAX]; /* of the request: routes the answer back                   */
};

struct cell_call {
    struct cell_call *next;
    struct cell_call **back;
    struct cell *cell;
    struct host_op *op;
    struct call_batch *batch;
    uint32_t index;
    struct arena arena;
    struct cell_caller caller;
    uint64_t arrived_us;
    uint64_t deadline_ms;
    uint8_t trace[CALL_TRACE_LEN];
    bool has_trace;
    uint8_t key[CALL_KEY_MAX];
    size_t key_size;
    bool in_handler;
    bool is_answered;
    bool is_expired;   /* answered for its handler: nobody waits */
    bool is_cancelled; /* … because the caller gave up           */
    bool takes_parts;
    uint32_t credit;   /* parts that may be sent                 */
    void (*on_cancel)(void *context, enum err e);
    void *cancel_context;
    void (*on_credit)(void *context);
    void *credit_context;
    char text[CALL_TEXT_SIZE];
};

/* Take a message apart, in memory of `arena`. ERR_LIMIT: longer than `limit` bytes; ERR_MALFORMED: no
 * envelope, not 1 to HOST_BATCH_MAX requests (or none and notes), too many notes; ERR_INCOMPATIBLE: another version. *ret_text then
 * says so to a person, as long as the arena is not reset. */
enum err call_open_envelope(struct arena *arena, const uint8_t *data, size_t size, size_t limit,
                            Cell__Envelope__Requests **ret, const char **ret_text) MUST_CHECK;

/* The body of an answer: a message, or one that is packed already; neither: there is none. */
struct call_body {
    const struct ProtobufCMessage *message;
    const void *packed;
    size_t size;
};

/* End `call` with this answer; what is passed is copied. `body` may be NULL. */
void call_finish(struct cell_call *call, enum err e, const char *text, const char *hint,
                 const struct call_body *body);

/* Copy trace context and idempotency key from the request; a trace of a wrong length is dropped. */
void call_take_context(struct cell_call *call, const Cell__Envelope__Request *request);

/* What cell_reply returns for a call that nobody waits for: ERR_CANCELLED or ERR_TIMEOUT. */
enum err call_void_error(const struct cell_call *call);

/* Tell the handlers of calls that nobody waits for. */
struct door;
void call_tell_void(struct door *door);

/* A word from the caller of `from` about one of its earlier requests. */
void call_take_note(const struct call_batch *from, const Cell__Envelope__Note *note);

/* protobuf-c memory that comes from an arena and is never freed singly. */
ProtobufCAllocator call_allocator(struct arena *arena);

/* A copy in the arena with anything that is not UTF-8 replaced (protobuf strings must be);
 * "" for NULL and when the arena is full. */
const char *call_text_dup(struct arena *arena, const char *text);

#endif
