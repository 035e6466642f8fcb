/* The SP wire without the socket: a stream of bytes in, whole messages out, requests at a server,
 * answers at a requester. Takes any bytes. Memory grows with what has arrived, never with what was announced.
 * Source: nanomsg RFCs sp-ipc-mapping-01, sp-tcp-mapping-01 and sp-request-reply-01. */
#ifndef CELL_COMMON_RUN_SP_FRAME_H
#define CELL_COMMON_RUN_SP_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"
#include "common/run/sp_wire.h"

enum {
    SP_FRAME_HOPS_MAX = 8, /* routers between a requester and us, as nng counts them */
    SP_FRAME_TRACE_MAX = (SP_FRAME_HOPS_MAX + 1) * SP_WIRE_ID_LEN,
    SP_FRAME_HEAD_MAX = SP_WIRE_FRAME_LEN + SP_FRAME_TRACE_MAX, /* before an answer's body */
};

/* One connection's unfinished bytes. Zeroed with `most` set is a new one. */
struct sp_frame {
    size_t most;       /* bytes of one message, id words included, 1 to SP_MESSAGE_MAX + 64 */
    bool is_requester; /* we are REQ and the peer is REP; false: the other way round */
    bool is_tcp;       /* sp-tcp-mapping-01: no type byte before a message's length */
    bool has_hello;
    uint8_t *partial;  /* owned: the beginning of a message; NULL: none */
    size_t have;
    size_t room;
};

/* A whole message: its backtrace (id words, the last with the top bit set) and what follows. Borrowed
 * until the call returns. */
typedef void (*sp_frame_take)(void *context, const uint8_t *trace, size_t trace_len,
                              const uint8_t *body, size_t size);

/* Take in `size` bytes; `take` is called for each message they complete. A message with more than
 * SP_FRAME_HOPS_MAX hops is dropped and added to *dropped. ERR_MALFORMED: not the greeting of such a
 * peer, not a frame, or a message without an id; ERR_LIMIT: longer than `most`; ERR_NOMEM. After an
 * error the connection is of no more use; messages before it were taken. */
enum err sp_frame_feed(struct sp_frame *f, const uint8_t *data, size_t size, sp_frame_take take,
                       void *context, uint64_t *dropped) MUST_CHECK;

void sp_frame_fini(struct sp_frame *f);

/* The REP side's greeting. */
void sp_frame_hello_put(uint8_t out[SP_WIRE_HELLO_LEN]);

/* What precedes an answer of `size` bytes: frame and backtrace (at most SP_FRAME_TRACE_MAX bytes).
 * Returns its length. */
size_t sp_frame_head_put(const uint8_t *trace, size_t trace_len, size_t size,
                         uint8_t out[SP_FRAME_HEAD_MAX]);

#endif
