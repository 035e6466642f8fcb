/* The one door by which protobuf messages from outside become structs.
 *
 * protobuf-c makes a C string of a string field: what stands behind a NUL is gone without a word, and bytes that are
 * not UTF-8 stay, though proto3 forbids them. It also recurses as deep as a message is nested. So the bytes are looked
 * at first: one pass over them, no allocation, no recursion; the cost is far below that of unpacking.
 *
 * Source: protobuf.dev, "Language Guide (proto 3)" (string: UTF-8), "Encoding"; RFC 3629. */
#ifndef CELL_COMMON_RUN_UNPACK_H
#define CELL_COMMON_RUN_UNPACK_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"

struct ProtobufCAllocator;
struct ProtobufCMessage;
struct ProtobufCMessageDescriptor;

enum {
    UNPACK_DEPTH_MAX = 100, /* messages inside each other, the outermost counted: what other decoders take, and what
                             * `cell call` builds                                                                   */
    UNPACK_WHY_SIZE = 192,  /* bytes of an explanation; a longer path is cut                                       */
};

/* Whether data[0..size) may be unpacked as `type`, a NULL for nothing included. ERR_OK: every string in it is UTF-8
 * (no overlong form, no surrogate, nothing above U+10FFFF) without NUL, also one that a later occurrence replaces.
 * ERR_MALFORMED: one is not, or the bytes are no message; ERR_LIMIT: nested deeper than UNPACK_DEPTH_MAX.
 * `why` (NULL: not wanted) is then one printable line that names the field, as "records[2].name: holds a NUL"; it is
 * untouched on ERR_OK. Fields the type does not know are stepped over. Linear in `size`, on refusal too. */
enum err unpack_check(const struct ProtobufCMessageDescriptor *type, const uint8_t *data, size_t size,
                      char why[UNPACK_WHY_SIZE]) MUST_CHECK;

/* Check and unpack. allocator: NULL means malloc, and then the message is freed with
 * protobuf_c_message_free_unpacked(m, NULL). Errors as above; ERR_MALFORMED also where protobuf-c refuses, be it
 * because the allocator gave nothing. *ret is untouched on error. */
enum err unpack_message(const struct ProtobufCMessageDescriptor *type, struct ProtobufCAllocator *allocator,
                        const uint8_t *data, size_t size, struct ProtobufCMessage **ret,
                        char why[UNPACK_WHY_SIZE]) MUST_CHECK;

#endif
