/* A schema out of a serialized FileDescriptorSet: what `protoc --include_imports --descriptor_set_out` writes and a running cell answers to
 * Inspect.Schema. The bytes are another's and may be anything.
 *
 * Read by a reader of our own, field by field over common/base/pbwire.h: docs/decisions/0034. */
#ifndef CELL_CODEGEN_DESCRIPTOR_H
#define CELL_CODEGEN_DESCRIPTOR_H

#include "codegen/schema.h"

enum {
    CODEGEN_DESCRIPTOR_BYTES_MAX = 4 * 1024 * 1024, /* serialized; common/reflect takes a quarter of it from a cell */
};

/* Read data[0..size), which is borrowed until return, and seal. On ERR_OK *ret is sealed, lives in `arena` and stands alone; on any other
 * `why` is one printable line and *ret untouched. ERR_LIMIT, ERR_MALFORMED (no descriptor set), ERR_INVALID (what no compiler writes, and
 * groups, editions, operations without a number), ERR_NOMEM. O(n log n). */
enum err codegen_descriptor_read(const uint8_t *data, size_t size, struct arena *arena, struct codegen_schema *ret,
                                 char why[CODEGEN_WHY_SIZE]) MUST_CHECK;

#endif
