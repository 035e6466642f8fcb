/* What a service says and is told, without the files that it was written in: messages, enums, operations and limits, sorted, checked and
 * linked. Two readers make it, of descriptor sets (descriptor.h) and of snapshots (snapshot.h); what compares and what writes code takes
 * nothing else. Whatever is in a sealed schema is safe to write into a program: every name is a plain identifier.
 *
 * Source: google/protobuf/descriptor.proto; protobuf.dev, "Language Guide". */
#ifndef CELL_CODEGEN_SCHEMA_H
#define CELL_CODEGEN_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/macros.h"

enum {
    CODEGEN_SCHEMA_NAME_MAX = 255,         /* characters of a full name                                       */
    CODEGEN_SCHEMA_WORD_MAX = 128,         /* of one part of it: twice what protoc's own rules of style have  */
    CODEGEN_SCHEMA_NUMBER_MAX = 536870911, /* highest field number, 2^29 - 1 (protobuf encoding)              */
    CODEGEN_SCHEMA_DEPTH_MAX = 32,         /* messages declared inside each other, as protoc allows           */
    CODEGEN_SCHEMA_ITEMS_MAX = 100000,     /* of each kind; the largest known set has 4,000 fields            */
    CODEGEN_SCHEMA_ONEOFS_MAX = 256,       /* of a message, with a field in each                              */
    CODEGEN_SCHEMA_DEFAULT_MAX = 4096,     /* bytes of a field's default                                      */
    CODEGEN_SCHEMA_DOC_MAX = 4096,         /* bytes of a comment; what is longer is cut                       */
    CODEGEN_SCHEMA_MEMORY = 256 << 20,     /* bytes of the arena that the largest schema needs: 100,000 items */
    CODEGEN_WHY_SIZE = 640,                /* two full names and a sentence                                   */
};

/* As on the wire of a descriptor set; groups (10) are refused. */
enum codegen_type {
    CODEGEN_DOUBLE = 1,
    CODEGEN_FLOAT = 2,
    CODEGEN_INT64 = 3,
    CODEGEN_UINT64 = 4,
    CODEGEN_INT32 = 5,
    CODEGEN_FIXED64 = 6,
    CODEGEN_FIXED32 = 7,
    CODEGEN_BOOL = 8,
    CODEGEN_STRING = 9,
    CODEGEN_MESSAGE = 11,
    CODEGEN_BYTES = 12,
    CODEGEN_UINT32 = 13,
    CODEGEN_ENUM = 14,
    CODEGEN_SFIXED32 = 15,
    CODEGEN_SFIXED64 = 16,
    CODEGEN_SINT32 = 17,
    CODEGEN_SINT64 = 18,
    CODEGEN_TYPE_END
};

enum codegen_label {
    CODEGEN_PLAIN,    /* proto3 without a word: unset and default are one */
    CODEGEN_OPTIONAL, /* presence is known                                */
    CODEGEN_REQUIRED, /* proto2                                           */
    CODEGEN_REPEATED, /* maps, too                                        */
    CODEGEN_LABEL_END
};

enum codegen_idempotency {
    CODEGEN_ONCE,            /* not marked                  */
    CODEGEN_NO_SIDE_EFFECTS, /* numbers of descriptor.proto */
    CODEGEN_IDEMPOTENT,
    CODEGEN_IDEMPOTENCY_END
};

/* Numbers that nothing may have again: both ends are in it. */
struct codegen_range {
    int32_t first, last;
};

struct codegen_reserved {
    struct codegen_range *ranges; /* sorted, apart from each other */
    size_t range_count;
    const char **names; /* sorted */
    size_t name_count;
};

struct codegen_value {
    const char *name;
    const char *doc; /* a comment of the .proto, UTF-8 with any characters; "": none. So everywhere */
    int32_t number;
};

struct codegen_enum {
    const char *name; /* full                       */
    const char *doc;
    size_t package_len; /* of name, without the dot */
    const char *first; /* the value that was declared first: the default */
    struct codegen_value *values; /* by number, those of one number by name */
    const struct codegen_value **by_name; /* the same, sealed only */
    size_t value_count;           /* at least 1 */
    struct codegen_reserved reserved;
    bool is_closed; /* proto2: a number that it does not name is no value */
};

struct codegen_field {
    const char *name;
    const char *doc;
    const char *type_name; /* full, of MESSAGE and ENUM; else "" */
    const char *default_text; /* proto2, as descriptor.proto has it; NULL: the type's own */
    uint32_t number;
    enum codegen_type type;
    enum codegen_label label;
    bool is_packed;
    int32_t oneof; /* in the message's oneofs; -1: none. A proto3 `optional` is in none */
    const struct codegen_message *message;
    const struct codegen_enum *values;
};

struct codegen_message {
    const char *name; /* full */
    const char *doc;
    size_t package_len;
    struct codegen_field *fields; /* by number */
    size_t field_count;
    const char **oneofs; /* sealed: sorted, and each has a field */
    size_t oneof_count;
    struct codegen_reserved reserved;
    bool is_map_entry;
};

struct codegen_operation {
    const char *name;
    const char *doc;
    uint32_t number; /* 0 until sealed: OP_<NAME> of the package's enum Op */
    enum codegen_idempotency idempotency;
    bool takes_stream, gives_stream;
    const char *request_name, *reply_name; /* full */
    const struct codegen_message *request, *reply;
};

struct codegen_service {
    const char *name; /* full */
    const char *doc;
    size_t package_len;
    struct codegen_operation *operations; /* by name */
    size_t operation_count;
};

/* What a callee takes at most, from whoever knows: the manifest's limits are no part of a .proto. */
struct codegen_limit {
    const char *name; /* [a-z][a-z0-9_]*, "message_bytes" */
    uint64_t value;
};

/* Everything, names too, lives in one arena of the caller. Filled by a reader, in any order, then sealed. */
struct codegen_schema {
    struct arena *arena; /* borrowed */
    struct codegen_message *messages; /* sealed: each by full name */
    size_t message_count, message_room;
    struct codegen_enum *enums;
    size_t enum_count, enum_room;
    struct codegen_service *services;
    size_t service_count, service_room;
    struct codegen_limit *limits;
    size_t limit_count, limit_room;
    char *why; /* CODEGEN_WHY_SIZE, borrowed: the reader's, while it reads */
};

/* An empty one. `why` gets one printable line whenever something below refuses. */
void codegen_schema_init(struct codegen_schema *s, struct arena *arena, char why[CODEGEN_WHY_SIZE]);

/* Room for one more item of `size` bytes, zeroed, at the end of a list in `arena`: NULL without memory or past CODEGEN_SCHEMA_ITEMS_MAX.
 * *list moves; pointers into it end. */
void *codegen_schema_grow(struct arena *arena, void **list, size_t *count, size_t *room, size_t size);

/* text[0..len), terminated, in the arena; NULL without memory. */
const char *codegen_schema_text(struct codegen_schema *s, const char *text, size_t len);

/* Say why, with where ("" for nowhere), and return e. */
enum err codegen_schema_refuse(struct codegen_schema *s, enum err e, const char *what, const char *where);

/* Sort, look for what is there twice, and link every name of a type. ERR_INVALID: something that no compiler writes; ERR_LIMIT. The
 * schema is not to be used then. O(n log n). */
enum err codegen_schema_seal(struct codegen_schema *s) MUST_CHECK;

/* By full name; NULL: none. Sealed only. O(log n). */
const struct codegen_message *codegen_schema_message(const struct codegen_schema *s, const char *name);
const struct codegen_enum *codegen_schema_enum(const struct codegen_schema *s, const char *name);
const struct codegen_service *codegen_schema_service(const struct codegen_schema *s, const char *name);

/* A message's field by its number, an enum's first value of a number; NULL: none. O(log n). */
const struct codegen_field *codegen_schema_field(const struct codegen_message *m, uint32_t number);
const struct codegen_value *codegen_schema_value(const struct codegen_enum *e, int32_t number);

#endif
