/* Protobuf messages as JSON and back, by a schema known only at run time.
 *
 * Mapping: protobuf.dev, "ProtoJSON Format". Where it leaves a choice: members are written under
 * their .proto names and read under both names; fields without presence are written even when they
 * have their default; an enum number nobody named is written as a number.
 * Not covered: the special forms of google.protobuf's own types (Timestamp, Duration, Any, wrappers,
 * Struct); they are read and written field by field like any other message.
 * Both directions take hostile input: the schema from another process, the message from the wire,
 * the JSON from a user. */
#ifndef CELL_COMMON_REFLECT_JSONPB_H
#define CELL_COMMON_REFLECT_JSONPB_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "common/base/err.h"
#include "common/base/macros.h"
#include "common/reflect/jsonout.h"
#include "common/reflect/schema.h"

enum {
    JSONPB_DEPTH_MAX = 100,               /* messages inside each other; protobuf's own limit     */
    JSONPB_BYTES_MAX = 16 * 1024 * 1024,  /* of one message; the limit of the wire                */
    JSONPB_WHY_SIZE = 512,
};

/* Make the wire form of a `type` from `value`, which must be an object. On ERR_OK *ret owns the
 * bytes (free them; never NULL). ERR_INVALID: a member does not fit, `why` says which and what is
 * known, "items[3].nmae: unknown field; did you mean \"name\"? known: count, name"; ERR_LIMIT:
 * deeper or larger than the limits; ERR_NOMEM. On error both outputs are untouched. */
enum err jsonpb_encode(const struct schema_message *type, const json_t *value, uint8_t **ret,
                       size_t *ret_size, char why[JSONPB_WHY_SIZE]) MUST_CHECK;

/* Write the `type` in data[0..size) as one JSON object. ERR_MALFORMED: not well-formed, or a string
 * is not UTF-8, `why` says where; ERR_LIMIT, ERR_NOMEM. On error what was written is incomplete. */
enum err jsonpb_decode(const struct schema_message *type, const uint8_t *data, size_t size,
                       struct jsonout *out, char why[JSONPB_WHY_SIZE]) MUST_CHECK;

/* Parse one JSON document for jsonpb_encode: no duplicate names, at most JSONPB_BYTES_MAX bytes. Text
 * may hold NUL, the name of a member may not (jansson), so of all that jsonpb_decode writes only a
 * map key with NUL cannot be read back. json_decref(*ret). ERR_MALFORMED with line and column in `why`; ERR_LIMIT. */
enum err jsonpb_parse(const char *text, size_t size, json_t **ret, char why[JSONPB_WHY_SIZE])
    MUST_CHECK;

/* An example of the type, every field with a value of its kind, for a person to start from. At most
 * three messages deep. */
void jsonpb_example(const struct schema_message *type, struct jsonout *out);

#endif
