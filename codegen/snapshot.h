/* A schema as text that is kept beside the sources, to compare the next one with, and its fingerprint.
 *
 * One schema has one text: files, their order and formatting, comments and the order of declaration are not in it. Lines end with a newline,
 * words are one blank apart; types, fields, values, operations are sorted; what is written otherwise is refused.
 *
 *   cell-schema 1
 *   limit NAME NUMBER
 *   enum PACKAGE/NAME open|closed FIRST          FIRST: the value that was declared first
 *   value NUMBER NAME                            of the enum before
 *   reserved FIRST LAST   reserved NAME          of the enum or message before, at its end
 *   message PACKAGE/NAME [map]                   an inner message: PACKAGE/OUTER.INNER
 *   field NUMBER plain|optional|required|repeated TYPE NAME [packed] [oneof NAME] [default HEX]
 *   service PACKAGE/NAME
 *   operation NUMBER NAME REQUEST REPLY once|no-side-effects|idempotent [takes-stream] [gives-stream]
 *   hash HEX                                     BLAKE2b-256 of every byte before this line
 *
 * TYPE is a word of protobuf, or message:FULL.NAME, enum:FULL.NAME. */
#ifndef CELL_CODEGEN_SNAPSHOT_H
#define CELL_CODEGEN_SNAPSHOT_H

#include "codegen/out.h"
#include "codegen/schema.h"

enum {
    CODEGEN_SNAPSHOT_BYTES_MAX = 16 * 1024 * 1024, /* four times what it can be made of */
    CODEGEN_SNAPSHOT_HASH_SIZE = 32,
};

/* Append the text of a sealed schema to `out`; out->failed: no memory. */
void codegen_snapshot_write(const struct codegen_schema *s, struct codegen_out *out);

/* The hash that ends the text: equal for equal schemas, whatever they were read from. ERR_NOMEM, then ret is untouched. Uses `arena`. */
enum err codegen_snapshot_fingerprint(const struct codegen_schema *s, struct arena *arena, uint8_t ret[CODEGEN_SNAPSHOT_HASH_SIZE]) MUST_CHECK;

/* What an operation's callers send as Request.schema (docs/PROTOCOL.md, section 3): by its names and number alone. */
uint64_t codegen_snapshot_operation(const struct codegen_service *service, const struct codegen_operation *o);

/* Read text[0..size), borrowed until return, and seal. On ERR_OK *ret lives in `arena`. ERR_LIMIT, ERR_MALFORMED (not in the one form),
 * ERR_DATA_LOSS (the hash is not that of the text), ERR_INVALID, ERR_NOMEM: *ret is untouched and `why` one printable line. */
enum err codegen_snapshot_read(const char *text, size_t size, struct arena *arena, struct codegen_schema *ret,
                               char why[CODEGEN_WHY_SIZE]) MUST_CHECK;

#endif
