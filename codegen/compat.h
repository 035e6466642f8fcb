/* What a change of a schema does to whoever was built with the one before: programs of both are alive at one time, and either may be the
 * one that asks.
 *
 * Compared is what crosses the wire: operations by name, fields and values by number. A message or enum that has another name now is
 * compared with what it was, so renaming an inner type breaks nothing, and changing it under a new name does not pass.
 * Source: protobuf.dev, "Updating A Message Type"; buf's breaking rules (categories WIRE and WIRE_JSON): docs/decisions/0034. */
#ifndef CELL_CODEGEN_COMPAT_H
#define CELL_CODEGEN_COMPAT_H

#include "codegen/schema.h"

enum codegen_compat_level {
    CODEGEN_FINE,     /* nobody notices                                                               */
    CODEGEN_CAREFUL,  /* the bytes are read; values or names may not be what somebody takes them for  */
    CODEGEN_BREAKING, /* somebody is refused, misunderstood or loses data                             */
    CODEGEN_LEVEL_END
};

/* X(name, level, what it means for the other side). The name is stable: scripts may look for it. */
#define CODEGEN_COMPAT_RULES(X)                                                                                                      \
    X(SERVICE_ADDED, FINE, "nobody asks for it yet")                                                                                 \
    X(SERVICE_REMOVED, BREAKING, "its callers are refused")                                                                          \
    X(OPERATION_ADDED, FINE, "nobody asks for it yet")                                                                               \
    X(OPERATION_REMOVED, BREAKING, "its callers are refused")                                                                        \
    X(OPERATION_NUMBER, BREAKING, "callers ask by the number that they know")                                                        \
    X(OPERATION_NUMBER_REUSED, BREAKING, "callers who know the number mean the other operation")                                     \
    X(OPERATION_REQUEST, BREAKING, "callers' fingerprints have the other type")                                                      \
    X(OPERATION_REPLY, BREAKING, "callers' fingerprints have the other type")                                                        \
    X(OPERATION_STREAM, BREAKING, "one side waits for parts that the other does not send")                                           \
    X(OPERATION_ONCE, BREAKING, "callers who know the mark still send it twice")                                                     \
    X(OPERATION_EFFECTS, CAREFUL, "callers who know that it changes nothing may ask for no reason")                                  \
    X(OPERATION_REPEATABLE, FINE, "callers may send it twice from now on")                                                           \
    X(MESSAGE_ADDED, FINE, "nothing has it yet")                                                                                     \
    X(MESSAGE_REMOVED, CAREFUL, "what was stored of it is not read any more")                                                        \
    X(ENUM_ADDED, FINE, "nothing has it yet")                                                                                        \
    X(ENUM_REMOVED, CAREFUL, "what was stored of it is not read any more")                                                           \
    X(FIELD_ADDED, FINE, "who does not know it passes it over")                                                                      \
    X(FIELD_ADDED_REQUIRED, BREAKING, "messages of who does not know it are refused")                                                \
    X(FIELD_ADDED_ONEOF, CAREFUL, "who does not know it sees none of the oneof's fields")                                            \
    X(FIELD_REMOVED, BREAKING, "its number is not reserved: another field may get it and be misread")                                \
    X(FIELD_RETIRED, CAREFUL, "who knows it does not get it any more, and what it sends is passed over")                             \
    X(FIELD_REMOVED_REQUIRED, BREAKING, "who knows it refuses messages without it")                                                  \
    X(FIELD_REUSED, BREAKING, "the number was reserved: it had another meaning before")                                              \
    X(FIELD_NUMBER, BREAKING, "what is sent under the number before is not this field any more")                                     \
    X(FIELD_RENAMED, CAREFUL, "JSON and sources have the other name")                                                                \
    X(FIELD_TYPE, BREAKING, "the bytes of one are not read as the other")                                                            \
    X(FIELD_TYPE_WIDTH, CAREFUL, "the bytes are read, values that do not fit are cut")                                               \
    X(FIELD_TYPE_TEXT, CAREFUL, "bytes that are no text are refused by who knows it as one")                                         \
    X(FIELD_TYPE_NAME, CAREFUL, "sources have the other name")                                                                       \
    X(FIELD_MAP, CAREFUL, "of entries with one key a map keeps one")                                                                 \
    X(FIELD_REPEATED, BREAKING, "who takes one of what is sent repeatedly loses the others")                                         \
    X(FIELD_REQUIRED, BREAKING, "messages without it are refused by who requires it")                                                \
    X(FIELD_PRESENCE, FINE, "the bytes are the same")                                                                                \
    X(FIELD_PACKED, FINE, "both ways are read")                                                                                      \
    X(FIELD_DEFAULT, BREAKING, "what is not sent means two things")                                                                  \
    X(FIELD_ONEOF, BREAKING, "fields that were sent together exclude each other, or the other way round")                            \
    X(FIELD_ONEOF_ALONE, FINE, "a oneof of one field is that field")                                                                 \
    X(VALUE_ADDED, FINE, "who does not know it keeps its number")                                                                    \
    X(VALUE_ADDED_CLOSED, CAREFUL, "who does not know it takes the field for unset")                                                 \
    X(VALUE_REMOVED, BREAKING, "its number is not reserved: another value may get it and be misread")                                \
    X(VALUE_RETIRED, CAREFUL, "who knows it may still send it")                                                                      \
    X(VALUE_REUSED, BREAKING, "the number was reserved: it had another meaning before")                                              \
    X(VALUE_NUMBER, BREAKING, "what is sent under the number before is not this value any more")                                     \
    X(VALUE_RENAMED, CAREFUL, "JSON and sources have the other name")                                                                \
    X(ENUM_FIRST, BREAKING, "what is not sent means two things")                                                                     \
    X(ENUM_CLOSED, BREAKING, "numbers that it does not name are no values any more")                                                 \
    X(ENUM_OPEN, CAREFUL, "who knows it as closed takes new numbers for unset")                                                      \
    X(RESERVED_REMOVED, BREAKING, "what had a meaning before may get another")                                                       \
    X(LIMIT_ADDED, BREAKING, "what was taken before is refused")                                                                     \
    X(LIMIT_LOWERED, BREAKING, "what was taken before is refused")                                                                   \
    X(LIMIT_RAISED, FINE, "more is taken")                                                                                           \
    X(LIMIT_REMOVED, FINE, "more is taken")

enum codegen_compat_rule {
#define X(name, level, text) CODEGEN_COMPAT_##name,
    CODEGEN_COMPAT_RULES(X)
#undef X
};

enum {
    CODEGEN_COMPAT_FINDINGS_MAX = 1000,      /* more than anybody reads; the others are counted     */
    CODEGEN_COMPAT_STEPS_MAX = 20 * 1000000, /* fields and values looked at; two sets of 4,000 need 20,000 */
};

struct codegen_finding {
    enum codegen_compat_rule rule;
    enum codegen_compat_level level;
    const char *text; /* "field 3 \"name\" of cell.x.M was string and is int32: the bytes …", one printable line */
};

struct codegen_findings {
    struct codegen_finding *items; /* in the order of services, operations, messages, enums, limits; in the arena */
    size_t count, room;
    size_t counts[CODEGEN_LEVEL_END]; /* of each level, those that are left out too */
};

/* Compare two sealed schemas. Findings live in `arena`. ERR_OK whatever they say: counts[CODEGEN_BREAKING] decides. ERR_LIMIT past
 * CODEGEN_COMPAT_STEPS_MAX, ERR_NOMEM. */
enum err codegen_compat_check(const struct codegen_schema *before, const struct codegen_schema *after, struct arena *arena,
                              struct codegen_findings *ret) MUST_CHECK;

const char *codegen_compat_name(enum codegen_compat_rule rule);
enum codegen_compat_level codegen_compat_level(enum codegen_compat_rule rule);
const char *codegen_compat_level_name(enum codegen_compat_level level); /* "fine", "careful", "breaking" */

#endif
