/* The bytes of the SP wire and of the envelope, without the socket: build what is sent, judge what
 * arrives. Everything that takes received bytes takes any bytes.
 * Source: nanomsg RFCs sp-ipc-mapping-01 and sp-request-reply-01; proto/envelope.proto. */
#ifndef CELL_COMMON_RUN_SP_WIRE_H
#define CELL_COMMON_RUN_SP_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"
#include "common/run/sp.h"
#include "common/run/unpack.h"

struct ProtobufCMessage;
struct ProtobufCMessageDescriptor;

enum {
    SP_WIRE_HELLO_LEN = 8,  /* connection header, both ways                     */
    SP_WIRE_FRAME_LEN = 9,  /* type and 64-bit length before each message       */
    SP_WIRE_ID_LEN = 4,     /* request id, first word of each message           */
    SP_WIRE_HEAD_LEN = SP_WIRE_FRAME_LEN + SP_WIRE_ID_LEN,
    SP_WIRE_VERSION = 1,    /* of the envelope                                  */
    SP_WIRE_REQUEST_ID = 1, /* in the envelope: there is one request a message  */
    SP_WIRE_REPLIES_SLACK = 4096, /* bytes that unpacking may take beyond the packed size: one
                                   * reply's structs are 136; many replies are no answer to us */
    SP_WIRE_UNPACKED_MAX = 4 * SP_MESSAGE_MAX, /* bytes of one unpacked reply: two bytes on the
                                   * wire can become a struct of a hundred                     */
};

/* The REQ side's connection header. */
void sp_wire_hello_put(uint8_t out[SP_WIRE_HELLO_LEN]);

/* Whether `in` is the header of a REP peer. */
bool sp_wire_hello_is_rep(const uint8_t in[SP_WIRE_HELLO_LEN]);

/* Frame and id of a request with `size` bytes to follow; size <= SP_MESSAGE_MAX. Bit 31 of id is
 * set on the wire whatever it is here. */
void sp_wire_head_put(uint32_t id, size_t size, uint8_t out[SP_WIRE_HEAD_LEN]);

/* Bytes that follow a frame header, id word included. ERR_MALFORMED: another type or no room for an
 * id; ERR_LIMIT: longer than SP_MESSAGE_MAX and an id. */
enum err sp_wire_frame_get(const uint8_t in[SP_WIRE_FRAME_LEN], size_t *ret_size) MUST_CHECK;

/* Whether the id word of a reply answers request `id`. */
bool sp_wire_id_is(const uint8_t in[SP_WIRE_ID_LEN], uint32_t id);

/* Pack an envelope with one request into fresh memory (free it). route: "" or a cell of another node.
 * timeout_ms 0 is sent as 1 ms, since 0 on the wire means the default. ERR_LIMIT: larger than
 * SP_MESSAGE_MAX. */
enum err sp_wire_request_pack(const char *route, uint32_t operation, uint64_t schema, const uint8_t *body,
                              size_t body_size, uint32_t timeout_ms, uint8_t **ret,
                              size_t *ret_size) MUST_CHECK;

/* Take a packed Replies apart. ERR_OK: the callee said ok and *ret_body is its packed answer (free
 * it; never NULL). Otherwise the callee's error, or ERR_MALFORMED: not a Replies or not one answer
 * to our request; ERR_INCOMPATIBLE: another envelope version; ERR_FAULT: a status that is 0,
 * unknown or never sent; ERR_LIMIT: it would unpack to far more than its size.
 * `text` is always set: the callee's explanation and hint, printable on one line, or what does not parse, or "". */
enum err sp_wire_reply_parse(const uint8_t *data, size_t size, uint8_t **ret_body,
                             size_t *ret_body_size, char text[SP_TEXT_SIZE]) MUST_CHECK;

/* Unpack a message with at most `most` bytes of memory; free it with
 * protobuf_c_message_free_unpacked(m, NULL). ERR_MALFORMED, ERR_LIMIT; `why` as unpack_message has it. */
enum err sp_wire_unpack(const struct ProtobufCMessageDescriptor *type, const uint8_t *data,
                        size_t size, size_t most, struct ProtobufCMessage **ret,
                        char why[UNPACK_WHY_SIZE]) MUST_CHECK;

#endif
