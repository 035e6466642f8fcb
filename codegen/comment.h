/* Comments of a .proto, found by their place: SourceCodeInfo of descriptor.proto. They are others' words with any characters in them;
 * whoever writes one into a program looks after that (out.h). */
#ifndef CELL_CODEGEN_COMMENT_H
#define CELL_CODEGEN_COMMENT_H

#include "codegen/schema.h"

enum {
    CODEGEN_COMMENT_PATH_MAX = 2 * (CODEGEN_SCHEMA_DEPTH_MAX + 2), /* a field number and an index for each level */
};

struct codegen_comment;

/* Those of one file. */
struct codegen_comments {
    struct codegen_comment *items; /* in an arena */
    size_t count, room;
};

void codegen_comment_init(struct codegen_comments *c);

/* Read a SourceCodeInfo; what is kept borrows data[0..size). ERR_MALFORMED, ERR_NOMEM. Places deeper than any declaration are passed over,
 * and comments past CODEGEN_SCHEMA_ITEMS_MAX. O(n log n). */
enum err codegen_comment_read(struct codegen_comments *c, const uint8_t *data, size_t size, struct arena *arena) MUST_CHECK;

/* The comment before, or else behind, what stands at path[0..depth): in the schema's arena, without blanks at either end, cut at
 * CODEGEN_SCHEMA_DOC_MAX between two characters, "" for none and for what is not UTF-8. NULL without memory. O(log n). */
const char *codegen_comment_at(const struct codegen_comments *c, const uint32_t *path, size_t depth, struct codegen_schema *s);

#endif
