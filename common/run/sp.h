/* A plain client of the SP wire (nng's REQ over ipc) on a blocking socket: what a short-lived
 * command needs without the 14 threads that opening an nng socket starts.
 * Source: nanomsg RFCs sp-ipc-mapping-01 and sp-request-reply-01; docs/PROTOCOL.md. */
#ifndef CELL_COMMON_RUN_SP_H
#define CELL_COMMON_RUN_SP_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"

struct ProtobufCMessage;
struct ProtobufCMessageDescriptor;

enum {
    SP_PATH_MAX = 107,              /* characters of a Unix socket's path (sun_path)   */
    SP_MESSAGE_MAX = 16 * 1024 * 1024,
    SP_TEXT_SIZE = 512,
};

/* Connect to the rep0 listener at `path` and shake hands, within timeout_ms. *ret_fd is the
 * caller's. ERR_NOT_FOUND: no socket there; ERR_UNAVAILABLE: nobody listens; ERR_DENIED: no right;
 * ERR_TIMEOUT; ERR_PEER_DEAD: closed before the header was there; ERR_MALFORMED: not an SP REP
 * peer, or the path is empty or too long. */
enum err sp_connect(const char *path, uint32_t timeout_ms, int *ret_fd) MUST_CHECK;

/* Send one request message and wait for its reply: raw bytes on both sides. Replies to other ids
 * are skipped. *ret is fresh memory (free it), never NULL. ERR_LIMIT: the request or the announced
 * reply is longer than SP_MESSAGE_MAX; ERR_MALFORMED: no SP frame; ERR_PEER_DEAD when the
 * connection ends; ERR_TIMEOUT. After any error the connection is of no more use. */
enum err sp_exchange(int fd, const uint8_t *data, size_t size, uint32_t timeout_ms, uint8_t **ret,
                     size_t *ret_size) MUST_CHECK;

/* One enveloped request: packs `request`, sends it as `operation`, checks the reply's status and
 * unpacks it as `reply_type`. *ret is to be freed with protobuf_c_message_free_unpacked. `text` is
 * always set: on an error status to the callee's explanation and hint, printable on one line
 * (possibly empty), otherwise to "". On an error *ret is untouched. A status that is 0 or unknown
 * is ERR_FAULT; a reply that unpacks to more than four times SP_MESSAGE_MAX is ERR_LIMIT. The
 * connection may be used again after an error that the callee sent, and after no other. */
enum err sp_ask(int fd, uint32_t operation, uint64_t schema, const struct ProtobufCMessage *request,
                const struct ProtobufCMessageDescriptor *reply_type, uint32_t timeout_ms,
                struct ProtobufCMessage **ret, char text[SP_TEXT_SIZE]) MUST_CHECK;

/* The same with a body that is packed already and a reply that stays packed (free *ret_body). */
enum err sp_ask_packed(int fd, uint32_t operation, uint64_t schema, const uint8_t *body,
                       size_t body_size, uint32_t timeout_ms, uint8_t **ret_body,
                       size_t *ret_body_size, char text[SP_TEXT_SIZE]) MUST_CHECK;

/* Both for a cell of another node: fd leads to this node's gateway, `route` names the cell
 * ("greeter@db-2"). "": whoever fd leads to is meant. */
enum err sp_ask_routed(int fd, const char *route, uint32_t operation, uint64_t schema,
                       const struct ProtobufCMessage *request, const struct ProtobufCMessageDescriptor *reply_type,
                       uint32_t timeout_ms, struct ProtobufCMessage **ret, char text[SP_TEXT_SIZE]) MUST_CHECK;
enum err sp_ask_packed_routed(int fd, const char *route, uint32_t operation, uint64_t schema, const uint8_t *body,
                              size_t body_size, uint32_t timeout_ms, uint8_t **ret_body, size_t *ret_body_size,
                              char text[SP_TEXT_SIZE]) MUST_CHECK;

/* Fingerprint of an operation, Request.schema: first 8 bytes (little-endian) of BLAKE2b-256 over
 * "service\nOperation\nnumber\nrequest type\nreply type\n" with full names, for example
 * "cell.greeter.Greeter\nGreet\n10000\ncell.greeter.GreetRequest\ncell.greeter.GreetReply\n". */
uint64_t sp_fingerprint(const char *service, const char *operation, uint32_t number,
                        const char *request, const char *reply);

/* The same hash over any bytes: identifies a whole schema (Inspect.Schema). */
uint64_t sp_fingerprint_bytes(const void *data, size_t size);

#endif
