/* Message types known only at run time: a serialized FileDescriptorSet, as a cell hands it out by
 * Inspect.Schema, checked and made into lookup tables.
 *
 * The bytes come from another process and are hostile until they have passed schema_parse. What
 * passed is safe to print: every name is a plain identifier.
 *
 * Source: google/protobuf/descriptor.proto (the subset in proto/descriptor.proto). */
#ifndef CELL_COMMON_REFLECT_SCHEMA_H
#define CELL_COMMON_REFLECT_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"

enum {
    SCHEMA_BYTES_MAX = 1024 * 1024, /* serialized; the largest known set with comments has 60 KiB */
    SCHEMA_DEPTH_MAX = 32,          /* messages declared inside each other, as protoc allows      */
    SCHEMA_NAME_MAX = 255,          /* characters of a full name; keeps error lines readable      */
    SCHEMA_NUMBER_MAX = 536870911,  /* highest field number, 2^29 - 1 (protobuf encoding)         */
    SCHEMA_WHY_SIZE = 320,
};

/* Numbers as on the wire of a descriptor set; groups (10) are refused. */
enum schema_type {
    SCHEMA_DOUBLE = 1,
    SCHEMA_FLOAT = 2,
    SCHEMA_INT64 = 3,
    SCHEMA_UINT64 = 4,
    SCHEMA_INT32 = 5,
    SCHEMA_FIXED64 = 6,
    SCHEMA_FIXED32 = 7,
    SCHEMA_BOOL = 8,
    SCHEMA_STRING = 9,
    SCHEMA_MESSAGE = 11,
    SCHEMA_BYTES = 12,
    SCHEMA_UINT32 = 13,
    SCHEMA_ENUM = 14,
    SCHEMA_SFIXED32 = 15,
    SCHEMA_SFIXED64 = 16,
    SCHEMA_SINT32 = 17,
    SCHEMA_SINT64 = 18,
};

struct schema;
struct schema_message;

struct schema_enum_value {
    const char *name;
    int32_t number;
    uint32_t order; /* of declaration: decides between names of one number */
};

struct schema_enum {
    const char *name;                       /* full                                        */
    const struct schema_enum_value *values; /* by number; those that share one as declared */
    size_t value_count;                     /* at least 1                                  */
};

struct schema_field {
    const char *name;      /* as in the .proto                                                   */
    const char *json_name; /* lowerCamelCase or the author's choice; UTF-8, unescaped            */
    uint32_t number;
    uint32_t index;        /* in message->fields                                                 */
    enum schema_type type;
    bool is_repeated;      /* maps too                                                           */
    bool is_packed;        /* how it is written; both ways are read                              */
    bool is_map;           /* repeated entry message with key 1 and value 2                      */
    bool has_presence;     /* unset differs from default: messages, oneofs, `optional`, proto2   */
    int32_t oneof;         /* index into the message's oneofs, or -1; synthetic ones count as -1 */
    const struct schema_message *message; /* SCHEMA_MESSAGE only */
    const struct schema_enum *values;     /* SCHEMA_ENUM only    */
};

struct schema_message {
    const char *name;                  /* full, "cell.greeter.GreetRequest" */
    const struct schema_field *fields; /* by number */
    size_t field_count;
    size_t oneof_count;
    const char *const *oneofs; /* names */
    bool is_map_entry;
};

struct schema_method {
    const char *name;
    const struct schema_message *request;
    const struct schema_message *reply;
    bool is_idempotent; /* marked NO_SIDE_EFFECTS or IDEMPOTENT */
};

struct schema_service {
    const char *name; /* full */
    const struct schema_method *methods;
    size_t method_count; /* methods are by name */
};

/* Parse and check data[0..size), which is copied. On ERR_OK *ret lives until schema_free.
 * ERR_LIMIT: larger or deeper than the limits; ERR_MALFORMED: not a descriptor set; ERR_INVALID: a
 * name, number, duplicate or reference that no compiler writes; ERR_NOMEM. `why` is one printable
 * line then, and *ret is untouched. O(n log n) in the number of types and fields. */
enum err schema_parse(const uint8_t *data, size_t size, struct schema **ret,
                      char why[SCHEMA_WHY_SIZE]) MUST_CHECK;
void schema_free(struct schema *schema); /* NULL is fine */

/* By full name without leading dot; NULL: none. O(log n). */
const struct schema_message *schema_find_message(const struct schema *schema, const char *name);
const struct schema_enum *schema_find_enum(const struct schema *schema, const char *name);
const struct schema_service *schema_find_service(const struct schema *schema, const char *name);

/* The services by name: index 0, 1, … until NULL. */
const struct schema_service *schema_service_at(const struct schema *schema, size_t index);

const struct schema_method *schema_find_method(const struct schema_service *service,
                                               const char *name);

/* By number or by either name; NULL: none. O(log n). */
const struct schema_field *schema_field_by_number(const struct schema_message *message,
                                                  uint32_t number);
const struct schema_field *schema_field_by_name(const struct schema_message *message,
                                                const char *name);

/* The first declared value with this number, O(log n), or of this name, O(n). NULL: none. */
const struct schema_enum_value *schema_value_by_number(const struct schema_enum *values,
                                                       int32_t number);
const struct schema_enum_value *schema_value_by_name(const struct schema_enum *values,
                                                     const char *name);

/* "string", "uint32", "cell.greeter.Mood": what a person calls the field's type. */
const char *schema_type_name(const struct schema_field *field);

/* Whether several values of this type may be written as one length-delimited run. */
bool schema_type_packable(enum schema_type type);

#endif
