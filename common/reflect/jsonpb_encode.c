/* JSON to wire form. Every nested message is written in place and its length put in front of it
 * afterwards; moving the bytes up costs less than measuring them first. */
#include <assert.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/reflect/jsonnum.h"
#include "common/reflect/jsonpath.h"
#include "common/reflect/jsonpb.h"
#include "common/reflect/near.h"
#include "common/base/pbwire.h"

enum {
    ROOM_FIRST = 256,
    KNOWN_SIZE = 256, /* of the list of known names in an error */
};

struct encoder {
    uint8_t *at;
    size_t len;
    size_t room;
    struct jsonpath path;
};

static enum err encode_message(struct encoder *enc, const struct schema_message *type,
                               const json_t *value);

static enum err out_of_room(struct encoder *enc, enum err e)
{
    return jsonpath_refuse(&enc->path, e, "%s",
                           e == ERR_LIMIT ? "the message is larger than 16 MiB" : "out of memory");
}

static enum err reserve(struct encoder *enc, size_t more)
{
    if (more > JSONPB_BYTES_MAX - enc->len) {
        return out_of_room(enc, ERR_LIMIT);
    }
    size_t need = enc->len + more, room = enc->room;
    while (room < need) {
        room *= 2;
    }
    if (room == enc->room) {
        return ERR_OK;
    }
    uint8_t *at = realloc(enc->at, room);
    if (at == NULL) {
        return out_of_room(enc, ERR_NOMEM);
    }
    enc->at = at;
    enc->room = room;
    return ERR_OK;
}

static enum err put(struct encoder *enc, const void *data, size_t size)
{
    enum err e = reserve(enc, size);

    if (e == ERR_OK && size > 0) {
        memcpy(enc->at + enc->len, data, size);
        enc->len += size;
    }
    return e;
}

static enum err put_varint(struct encoder *enc, uint64_t value)
{
    uint8_t bytes[PBWIRE_VARINT_MAX];

    return put(enc, bytes, pbwire_put_varint(bytes, value));
}

static enum err put_tag(struct encoder *enc, uint32_t number, enum pbwire_type type)
{
    return put_varint(enc, (uint64_t)number << 3 | (uint32_t)type);
}

/* Put the length of what was written since `start` in front of it. */
static enum err close_run(struct encoder *enc, size_t start)
{
    uint8_t bytes[PBWIRE_VARINT_MAX];
    size_t size = enc->len - start, n = pbwire_put_varint(bytes, size);
    enum err e = reserve(enc, n);

    if (e == ERR_OK) {
        memmove(enc->at + start + n, enc->at + start, size);
        memcpy(enc->at + start, bytes, n);
        enc->len += n;
    }
    return e;
}

/* ---- scalars -------------------------------------------------------------------------------- */

static enum err put_bits(struct encoder *enc, enum schema_type type, uint64_t bits)
{
    uint8_t bytes[8];

    if (jsonnum_wire_type(type) == PBWIRE_VARINT) {
        return put_varint(enc, bits);
    }
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(bits >> (8 * i));
    }
    return put(enc, bytes, jsonnum_wire_type(type) == PBWIRE_FIXED64 ? 8 : 4);
}

static enum err wrong_kind(struct encoder *enc, const struct schema_field *f)
{
    return jsonpath_refuse(&enc->path, ERR_INVALID, "expected %s", jsonnum_expected(f->type));
}

static enum err unknown_value(struct encoder *enc, const struct schema_enum *values,
                              const char *given)
{
    char known[KNOWN_SIZE], shown[NEAR_WORD_MAX + 1];
    struct bytes_text list, word;
    struct near near;

    near_begin(&near, given);
    bytes_text_init(&list, known, sizeof known);
    for (size_t i = 0; i < values->value_count; i++) {
        near_try(&near, values->values[i].name);
        bytes_text_add(&list, "%s%s", i > 0 ? ", " : "", values->values[i].name);
    }
    bytes_text_init(&word, shown, sizeof shown);
    bytes_text_add_escaped(&word, given, strlen(given));
    return jsonpath_refuse(&enc->path, ERR_INVALID, "\"%s\" is no value of %s%s%s; known: %s", shown,
                           values->name, near.best != NULL ? ", did you mean " : "",
                           near.best != NULL ? near.best : "", known);
}

static enum err enum_bits(struct encoder *enc, const struct schema_field *f, const json_t *value,
                          uint64_t *ret)
{
    if (json_is_string(value)) {
        const struct schema_enum_value *v =
            schema_value_by_name(f->values, json_string_value(value));

        if (v == NULL) {
            return unknown_value(enc, f->values, json_string_value(value));
        }
        *ret = (uint64_t)(int64_t)v->number;
        return ERR_OK;
    }
    /* A number nobody named is fine: enums are open, a newer peer may know it. */
    return jsonnum_bits(SCHEMA_INT32, value, ret) ? ERR_OK : wrong_kind(enc, f);
}

static enum err number_bits(struct encoder *enc, const struct schema_field *f, const json_t *value,
                            uint64_t *ret)
{
    if (f->type == SCHEMA_ENUM) {
        return enum_bits(enc, f, value, ret);
    }
    return jsonnum_bits(f->type, value, ret) ? ERR_OK : wrong_kind(enc, f);
}

static enum err put_run(struct encoder *enc, const struct schema_field *f, const void *data,
                        size_t size)
{
    enum err e = put_tag(enc, f->number, PBWIRE_BYTES);

    if (e == ERR_OK) {
        e = put_varint(enc, size);
    }
    return e == ERR_OK ? put(enc, data, size) : e;
}

/* `keep_empty`: the value is written even when it is the default. */
static enum err encode_text(struct encoder *enc, const struct schema_field *f, const json_t *value,
                            bool keep_empty)
{
    AUTO_FREE uint8_t *decoded = NULL;
    const void *data = json_string_value(value);
    size_t size = json_string_length(value);

    if (!json_is_string(value)) {
        return wrong_kind(enc, f);
    }
    if (f->type == SCHEMA_BYTES) {
        if (!jsonnum_from_base64(data, size, &decoded, &size)) {
            return wrong_kind(enc, f);
        }
        data = decoded;
    }
    return size == 0 && !keep_empty ? ERR_OK : put_run(enc, f, data, size);
}

static enum err encode_number(struct encoder *enc, const struct schema_field *f,
                              const json_t *value, bool keep_zero)
{
    uint64_t bits;
    enum err e = number_bits(enc, f, value, &bits);

    if (e != ERR_OK || (bits == 0 && !keep_zero)) {
        return e;
    }
    e = put_tag(enc, f->number, jsonnum_wire_type(f->type));
    return e == ERR_OK ? put_bits(enc, f->type, bits) : e;
}

/* ---- one field ------------------------------------------------------------------------------ */

static enum err encode_nested(struct encoder *enc, const struct schema_field *f,
                              const json_t *value)
{
    enum err e = put_tag(enc, f->number, PBWIRE_BYTES);
    size_t start = enc->len;

    if (e == ERR_OK) {
        e = encode_message(enc, f->message, value);
    }
    return e == ERR_OK ? close_run(enc, start) : e;
}

static enum err encode_one(struct encoder *enc, const struct schema_field *f, const json_t *value,
                           bool keep_default)
{
    if (f->type == SCHEMA_MESSAGE) {
        return encode_nested(enc, f, value);
    }
    if (f->type == SCHEMA_STRING || f->type == SCHEMA_BYTES) {
        return encode_text(enc, f, value, keep_default);
    }
    return encode_number(enc, f, value, keep_default);
}

static enum err encode_packed(struct encoder *enc, const struct schema_field *f,
                              const json_t *list, struct jsonpath_step *step)
{
    enum err e = put_tag(enc, f->number, PBWIRE_BYTES);
    size_t start = enc->len, i;
    const json_t *item;

    json_array_foreach(list, i, item) {
        uint64_t bits;

        step->index = (long)i;
        if (e == ERR_OK) {
            e = number_bits(enc, f, item, &bits);
        }
        if (e == ERR_OK) {
            e = put_bits(enc, f->type, bits);
        }
        if (e != ERR_OK) {
            return e;
        }
    }
    return e == ERR_OK ? close_run(enc, start) : e;
}

static enum err encode_list(struct encoder *enc, const struct schema_field *f, const json_t *list,
                            struct jsonpath_step *step)
{
    size_t i;
    const json_t *item;

    if (!json_is_array(list)) {
        return jsonpath_refuse(&enc->path, ERR_INVALID, "expected a list: [%s, …]",
                               f->type == SCHEMA_MESSAGE ? "{…}" : schema_type_name(f));
    }
    if (json_array_size(list) == 0) {
        return ERR_OK;
    }
    if (f->is_packed) {
        return encode_packed(enc, f, list, step);
    }
    json_array_foreach(list, i, item) {
        step->index = (long)i;
        enum err e = encode_one(enc, f, item, true);
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}

static enum err encode_key(struct encoder *enc, const struct schema_field *f, const char *key)
{
    uint64_t bits;

    if (f->type == SCHEMA_STRING) {
        return put_run(enc, f, key, strlen(key));
    }
    if (!jsonnum_bits_from_text(f->type, key, &bits)) {
        return jsonpath_refuse(&enc->path, ERR_INVALID, "a key must be %s",
                               jsonnum_expected(f->type));
    }
    enum err e = put_tag(enc, f->number, jsonnum_wire_type(f->type));
    return e == ERR_OK ? put_bits(enc, f->type, bits) : e;
}

static enum err encode_map(struct encoder *enc, const struct schema_field *f, const json_t *map)
{
    const struct schema_field *key = &f->message->fields[0], *value = &f->message->fields[1];
    const char *name;
    json_t *item;

    if (!json_is_object(map)) {
        return jsonpath_refuse(&enc->path, ERR_INVALID, "expected an object: {\"key\": %s, …}",
                               value->type == SCHEMA_MESSAGE ? "{…}" : schema_type_name(value));
    }
    json_object_foreach((json_t *)map, name, item) {
        enum err e = put_tag(enc, f->number, PBWIRE_BYTES);
        size_t start = enc->len;

        if (e == ERR_OK) {
            e = encode_key(enc, key, name);
        }
        if (e == ERR_OK) {
            e = encode_one(enc, value, item, true);
        }
        if (e == ERR_OK) {
            e = close_run(enc, start);
        }
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}

static enum err encode_field(struct encoder *enc, const struct schema_field *f,
                             const json_t *value)
{
    struct jsonpath_step *step = &enc->path.steps[enc->path.depth++];
    enum err e;

    *step = (struct jsonpath_step){f->name, JSONPATH_NONE};
    if (f->is_map) {
        e = encode_map(enc, f, value);
    } else if (f->is_repeated) {
        e = encode_list(enc, f, value, step);
    } else {
        e = encode_one(enc, f, value, f->has_presence);
    }
    enc->path.depth--;
    return e;
}

/* ---- one message ---------------------------------------------------------------------------- */

static enum err unknown_field(struct encoder *enc, const struct schema_message *type,
                              const char *given)
{
    char known[KNOWN_SIZE], shown[NEAR_WORD_MAX + 1];
    struct bytes_text list, word;
    struct near near;

    near_begin(&near, given);
    bytes_text_init(&list, known, sizeof known);
    for (size_t i = 0; i < type->field_count; i++) {
        near_try(&near, type->fields[i].name);
        bytes_text_add(&list, "%s%s", i > 0 ? ", " : "", type->fields[i].name);
    }
    bytes_text_init(&word, shown, sizeof shown);
    bytes_text_add_escaped(&word, given, strlen(given));
    return jsonpath_refuse(&enc->path, ERR_INVALID, "%s has no field \"%s\"%s%s; known: %s",
                           type->name, shown, near.best != NULL ? ", did you mean " : "",
                           near.best != NULL ? near.best : "",
                           type->field_count > 0 ? known : "none");
}

/* Sort the members of `object` by field. null stands for "not given" (ProtoJSON). */
static enum err assign(struct encoder *enc, const struct schema_message *type,
                       const json_t *object, const json_t **slots)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)object, name, value) {
        const struct schema_field *f = schema_field_by_name(type, name);

        if (f == NULL) {
            return unknown_field(enc, type, name);
        }
        if (slots[f->index] != NULL) {
            return jsonpath_refuse(&enc->path, ERR_INVALID, "field %s is given under both its names",
                                   f->name);
        }
        if (!json_is_null(value)) {
            slots[f->index] = value;
        }
    }
    return ERR_OK;
}

static enum err check_oneofs(struct encoder *enc, const struct schema_message *type,
                             const json_t *const *slots)
{
    AUTO_FREE const struct schema_field **chosen = calloc(type->oneof_count + 1, sizeof *chosen);

    if (chosen == NULL) {
        return out_of_room(enc, ERR_NOMEM);
    }
    for (size_t i = 0; i < type->field_count; i++) {
        const struct schema_field *f = &type->fields[i];

        if (slots[i] == NULL || f->oneof < 0) {
            continue;
        }
        if (chosen[f->oneof] != NULL) {
            return jsonpath_refuse(&enc->path, ERR_INVALID,
                                   "%s and %s exclude each other (oneof %s)",
                                   chosen[f->oneof]->name, f->name, type->oneofs[f->oneof]);
        }
        chosen[f->oneof] = f;
    }
    return ERR_OK;
}

static enum err encode_message(struct encoder *enc, const struct schema_message *type,
                               const json_t *value)
{
    if (!json_is_object(value)) {
        return jsonpath_refuse(&enc->path, ERR_INVALID, "expected an object of type %s",
                               type->name);
    }
    if (enc->path.depth >= JSONPB_DEPTH_MAX) {
        return jsonpath_refuse(&enc->path, ERR_LIMIT, "messages are more than %d deep",
                               JSONPB_DEPTH_MAX);
    }
    AUTO_FREE const json_t **slots = calloc(type->field_count + 1, sizeof *slots);
    if (slots == NULL) {
        return out_of_room(enc, ERR_NOMEM);
    }
    enum err e = assign(enc, type, value, slots);
    if (e == ERR_OK) {
        e = check_oneofs(enc, type, slots);
    }
    for (size_t i = 0; e == ERR_OK && i < type->field_count; i++) {
        if (slots[i] != NULL) {
            e = encode_field(enc, &type->fields[i], slots[i]);
        }
    }
    return e;
}

enum err jsonpb_encode(const struct schema_message *type, const json_t *value, uint8_t **ret,
                       size_t *ret_size, char why[JSONPB_WHY_SIZE])
{
    AUTO_FREE struct encoder *enc = calloc(1, sizeof *enc);

    if (enc == NULL || (enc->at = malloc(ROOM_FIRST)) == NULL) {
        strcpy(why, "out of memory");
        return ERR_NOMEM;
    }
    enc->room = ROOM_FIRST;
    enc->path.why = why;
    enc->path.why_size = JSONPB_WHY_SIZE;
    enum err e = encode_message(enc, type, value);
    if (e != ERR_OK) {
        free(enc->at);
        return e;
    }
    assert(enc->path.depth == 0 && enc->len <= JSONPB_BYTES_MAX);
    *ret = enc->at;
    *ret_size = enc->len;
    return ERR_OK;
}

enum err jsonpb_parse(const char *text, size_t size, json_t **ret, char why[JSONPB_WHY_SIZE])
{
    json_error_t error;
    struct bytes_text t;

    bytes_text_init(&t, why, JSONPB_WHY_SIZE);
    if (size > JSONPB_BYTES_MAX) {
        bytes_text_add(&t, "the JSON is larger than 16 MiB");
        return ERR_LIMIT;
    }
    json_t *parsed = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY |
                                JSON_ALLOW_NUL, &error);
    if (parsed != NULL) {
        *ret = parsed;
        return ERR_OK;
    }
    bytes_text_add(&t, "JSON line %d column %d: ", error.line, error.column);
    bytes_text_add_escaped(&t, error.text, strlen(error.text));
    if (json_error_code(&error) == json_error_numeric_overflow) {
        bytes_text_add(&t, " (write 64-bit integers as text)");
    }
    return json_error_code(&error) == json_error_out_of_memory ? ERR_NOMEM : ERR_MALFORMED;
}
