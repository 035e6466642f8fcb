/* One list of errors for every process: stable wire number, name, text and the canonical status
 * code it corresponds to (gRPC, "Status codes and their use in gRPC"). */
#ifndef CELL_COMMON_BASE_ERR_H
#define CELL_COMMON_BASE_ERR_H

#include <stdbool.h>
#include <stdint.h>

/* X(name, wire number, canonical number, canonical name, what an operator should read).
 * Wire numbers never change and 0 is never used on the wire, so that a reply whose author forgot
 * the status is not read as success. */
#define ERR_MAP(X)                                                                                 \
    X(OK, 1, 0, OK, "ok")                                                                          \
    X(NOMEM, 2, 8, RESOURCE_EXHAUSTED, "out of memory")                                            \
    X(LIMIT, 3, 8, RESOURCE_EXHAUSTED, "a configured limit was reached")                           \
    X(MALFORMED, 4, 3, INVALID_ARGUMENT, "the message does not parse")                             \
    X(NOT_FOUND, 5, 5, NOT_FOUND, "no such object")                                                \
    X(DENIED, 6, 7, PERMISSION_DENIED, "the manifest does not allow this call")                    \
    X(FORGED, 7, 16, UNAUTHENTICATED, "a signature, tag or token did not verify")                  \
    X(NOT_LEADER, 8, 9, FAILED_PRECONDITION, "ask the leader named in the reply")                  \
    X(TIMEOUT, 9, 4, DEADLINE_EXCEEDED, "no answer in time")                                       \
    X(IO, 10, 13, INTERNAL, "a system call failed")                                                \
    X(LATER, 11, 13, INTERNAL, "the answer follows; never on the wire")                            \
    X(CANCELLED, 12, 1, CANCELLED, "the caller gave up")                                           \
    X(INVALID, 13, 3, INVALID_ARGUMENT, "a value is out of its range")                             \
    X(EXISTS, 14, 6, ALREADY_EXISTS, "the object exists already")                                  \
    X(PRECONDITION, 15, 9, FAILED_PRECONDITION, "the state does not permit this now")              \
    X(ABORTED, 16, 10, ABORTED, "a concurrent change won; read again and retry")                   \
    X(RANGE, 17, 11, OUT_OF_RANGE, "past the valid end")                                           \
    X(UNIMPLEMENTED, 18, 12, UNIMPLEMENTED, "this cell does not serve that operation")             \
    X(INTERNAL, 19, 13, INTERNAL, "a fault in the callee")                                         \
    X(UNAVAILABLE, 20, 14, UNAVAILABLE, "not able to serve now; retry later")                      \
    X(DATA_LOSS, 21, 15, DATA_LOSS, "stored data is damaged")                                      \
    X(UNAUTHENTICATED, 22, 16, UNAUTHENTICATED, "the caller's identity is missing or unproven")    \
    X(PEER_DEAD, 23, 14, UNAVAILABLE, "the process that should answer has ended")                  \
    X(INCOMPATIBLE, 24, 9, FAILED_PRECONDITION, "the two sides were built from other schemas")     \
    X(UNSUPPORTED, 25, 12, UNIMPLEMENTED, "this kernel or host lacks what is needed")              \
    X(FAULT, 26, 2, UNKNOWN, "the peer answered with a status this side does not know")

enum err {
#define X(name, wire, code, canonical, text) ERR_##name,
    ERR_MAP(X)
#undef X
};

/* Not a member of the enum: a switch over errors lists errors, nothing else. */
#define X(name, wire, code, canonical, text) +1
enum {
    ERR_COUNT = 0 ERR_MAP(X)
};
#undef X

/* Return the stable name ("NOT_LEADER") used in logs and metrics. Never NULL. */
const char *err_name(enum err e);

/* Return what an operator should read. Never NULL. */
const char *err_text(enum err e);

/* Return the number that stands for `e` in a Reply. Never 0. */
uint32_t err_to_wire(enum err e);

/* Return the error a Reply's status stands for; 0 and unlisted numbers become ERR_FAULT. */
enum err err_from_wire(uint32_t wire);

/* Return the canonical (gRPC) code, 0 to 16, and its name. */
uint32_t err_canonical_code(enum err e);
const char *err_canonical_name(enum err e);

/* Map an errno value to the nearest error; unlisted values become ERR_IO. */
enum err err_from_errno(int errno_value);

/* Whether a caller may try again without changing anything, provided the operation is idempotent:
 * UNAVAILABLE, PEER_DEAD, TIMEOUT, ABORTED and LIMIT. */
bool err_is_transient(enum err e);

#endif
