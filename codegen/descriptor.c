/* Descriptors are messages inside messages: one reader for each kind, each with a switch over field numbers of descriptor.proto. Where it
 * stands is a path of numbers, by which comments are found. */
#include "codegen/descriptor.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "codegen/comment.h"
#include "codegen/word.h"
#include "common/base/bytes.h"
#include "common/base/pbwire.h"

enum {
    SET_FILE = 1,
    FILE_NAME = 1, FILE_PACKAGE = 2, FILE_MESSAGE = 4, FILE_ENUM = 5, FILE_SERVICE = 6, FILE_SOURCE = 9, FILE_SYNTAX = 12,
    MESSAGE_NAME = 1, MESSAGE_FIELD = 2, MESSAGE_NESTED = 3, MESSAGE_ENUM = 4, MESSAGE_OPTIONS = 7, MESSAGE_ONEOF = 8,
    MESSAGE_RESERVED_RANGE = 9, MESSAGE_RESERVED_NAME = 10, OPTIONS_MAP_ENTRY = 7,
    FIELD_NAME = 1, FIELD_NUMBER = 3, FIELD_LABEL = 4, FIELD_TYPE = 5, FIELD_TYPE_NAME = 6, FIELD_DEFAULT = 7, FIELD_OPTIONS = 8,
    FIELD_ONEOF = 9, FIELD_PROTO3_OPTIONAL = 17, OPTIONS_PACKED = 2, LABEL_REQUIRED = 2, LABEL_REPEATED = 3,
    ENUM_NAME = 1, ENUM_VALUE = 2, ENUM_RESERVED_RANGE = 4, ENUM_RESERVED_NAME = 5, VALUE_NAME = 1, VALUE_NUMBER = 2,
    SERVICE_NAME = 1, SERVICE_METHOD = 2,
    METHOD_NAME = 1, METHOD_REQUEST = 2, METHOD_REPLY = 3, METHOD_OPTIONS = 4, METHOD_TAKES = 5, METHOD_GIVES = 6, OPTIONS_IDEMPOTENCY = 34,
    RANGE_FIRST = 1, RANGE_END = 2, ONEOF_NAME = 1,
};

/* Where the reader is. */
struct reading {
    struct codegen_schema *schema;
    struct codegen_comments comments; /* of this file */
    uint32_t path[CODEGEN_COMMENT_PATH_MAX];
    size_t depth;
    bool is_proto3;
    const char *package;
};

static enum err malformed(struct reading *r, const char *where)
{
    return codegen_schema_refuse(r->schema, ERR_MALFORMED, "the bytes are no descriptor set", where);
}

/* Field number and index into it, as comments' places have them. false: too deep for any place. */
static bool enter(struct reading *r, uint32_t field, size_t index)
{
    if (r->depth + 2 > CODEGEN_COMMENT_PATH_MAX) {
        return false;
    }
    r->path[r->depth++] = field;
    r->path[r->depth++] = (uint32_t)index;
    return true;
}

static void leave(struct reading *r)
{
    assert(r->depth >= 2);
    r->depth -= 2;
}

static enum err doc(struct reading *r, const char **ret)
{
    *ret = codegen_comment_at(&r->comments, r->path, r->depth, r->schema);
    return *ret != NULL ? ERR_OK : ERR_NOMEM;
}

/* A text of the set that is or may become a name: terminated, in the arena. What holds a NUL or is longer than any name is refused. */
static enum err text(struct reading *r, const struct pbwire_field *f, const char **ret)
{
    if (f->type != PBWIRE_BYTES) {
        return malformed(r, "");
    }
    if (f->size > CODEGEN_SCHEMA_NAME_MAX) {
        return codegen_schema_refuse(r->schema, ERR_LIMIT, "a name is longer than 255 characters", "");
    }
    if (f->size > 0 && memchr(f->data, '\0', f->size) != NULL) {
        return codegen_schema_refuse(r->schema, ERR_INVALID, "a name holds a NUL", "");
    }
    *ret = codegen_schema_text(r->schema, (const char *)f->data, f->size);
    return *ret != NULL ? ERR_OK : ERR_NOMEM;
}

/* ".full.name" as every compiler writes it; relative ones are refused. */
static enum err reference(struct reading *r, const struct pbwire_field *f, const char **ret)
{
    enum err e = text(r, f, ret);

    if (e == ERR_OK && (*ret)[0] != '.') {
        return codegen_schema_refuse(r->schema, ERR_INVALID, "a type is named without its package", "");
    }
    *ret = e == ERR_OK ? *ret + 1 : *ret;
    return e;
}

/* "scope.name" for what was read as "name". */
static enum err full_name(struct reading *r, const char *scope, const char **name)
{
    char full[2 * CODEGEN_SCHEMA_NAME_MAX + 2];

    if (*name == NULL || !codegen_word_valid(*name, strlen(*name))) {
        return codegen_schema_refuse(r->schema, ERR_INVALID, "a name is no identifier", scope);
    }
    int len = snprintf(full, sizeof full, "%s%s%s", scope, *scope != '\0' ? "." : "", *name);
    if (len < 0 || len > CODEGEN_SCHEMA_NAME_MAX) {
        return codegen_schema_refuse(r->schema, ERR_LIMIT, "a full name is longer than 255 characters", scope);
    }
    *name = codegen_schema_text(r->schema, full, (size_t)len);
    return *name != NULL ? ERR_OK : ERR_NOMEM;
}

/* One value of an options message: the last one, as protobuf has it. false: not well-formed. */
static bool option(const struct pbwire_field *options, uint32_t number, uint64_t *ret)
{
    struct pbwire w = pbwire_over(options->data, options->size);
    struct pbwire_field f;

    if (options->type != PBWIRE_BYTES) {
        return false;
    }
    while (w.at < w.end) {
        if (!pbwire_next(&w, &f)) {
            return false;
        }
        if (f.number == number && f.type == PBWIRE_VARINT) {
            *ret = f.value;
        }
    }
    return true;
}

/* `end` of a message's range is one past the last, of an enum's the last: descriptor.proto. */
static enum err range(struct reading *r, const struct pbwire_field *field, bool is_open, struct codegen_reserved *to, size_t *room)
{
    struct codegen_range *at = codegen_schema_grow(r->schema->arena, (void **)&to->ranges, &to->range_count, room, sizeof *at);
    uint64_t first = 0, end = 0;

    if (at == NULL) {
        return ERR_NOMEM;
    }
    if (!option(field, RANGE_FIRST, &first) || !option(field, RANGE_END, &end)) {
        return malformed(r, "");
    }
    at->first = (int32_t)first;
    at->last = is_open ? (int32_t)((uint32_t)end - 1) : (int32_t)end;
    return ERR_OK;
}

static enum err reserved_name(struct reading *r, const struct pbwire_field *f, struct codegen_reserved *to, size_t *room)
{
    const char **at = codegen_schema_grow(r->schema->arena, (void **)&to->names, &to->name_count, room, sizeof *at);

    return at == NULL ? ERR_NOMEM : text(r, f, at);
}

/* ---- enums ---------------------------------------------------------------------------------- */

static enum err read_value(struct reading *r, const struct pbwire_field *field, struct codegen_value *v)
{
    struct pbwire w = pbwire_over(field->data, field->size);
    struct pbwire_field f;
    enum err e = doc(r, &v->doc);

    while (e == ERR_OK && w.at < w.end) {
        if (!pbwire_next(&w, &f)) {
            return malformed(r, "");
        }
        if (f.number == VALUE_NAME) {
            e = text(r, &f, &v->name);
        } else if (f.number == VALUE_NUMBER) {
            v->number = (int32_t)f.value;
        }
    }
    if (e == ERR_OK && v->name == NULL) {
        return codegen_schema_refuse(r->schema, ERR_INVALID, "a value without a name", "");
    }
    return e;
}

static enum err read_enum(struct reading *r, const struct pbwire_field *field, const char *scope)
{
    struct codegen_schema *s = r->schema;
    struct codegen_enum *to = codegen_schema_grow(s->arena, (void **)&s->enums, &s->enum_count, &s->enum_room, sizeof *to);
    struct pbwire w = pbwire_over(field->data, field->size);
    struct pbwire_field f;
    size_t values = 0, ranges = 0, names = 0;
    enum err e = to != NULL ? doc(r, &to->doc) : ERR_NOMEM;

    while (e == ERR_OK && w.at < w.end) {
        if (!pbwire_next(&w, &f)) {
            return malformed(r, scope);
        }
        if (f.number == ENUM_NAME) {
            e = text(r, &f, &to->name);
        } else if (f.number == ENUM_VALUE) {
            struct codegen_value *v = NULL;

            if (enter(r, ENUM_VALUE, to->value_count)) {
                v = codegen_schema_grow(s->arena, (void **)&to->values, &to->value_count, &values, sizeof *v);
                e = v == NULL ? ERR_NOMEM : f.type != PBWIRE_BYTES ? malformed(r, scope) : read_value(r, &f, v);
                leave(r);
            }
            to->first = e == ERR_OK && to->value_count == 1 ? v->name : to->first;
        } else if (f.number == ENUM_RESERVED_RANGE) {
            e = range(r, &f, false, &to->reserved, &ranges);
        } else if (f.number == ENUM_RESERVED_NAME) {
            e = reserved_name(r, &f, &to->reserved, &names);
        }
    }
    if (e == ERR_OK) {
        to->package_len = strlen(r->package);
        to->is_closed = !r->is_proto3;
        e = full_name(r, scope, &to->name);
    }
    return e;
}

/* ---- messages ------------------------------------------------------------------------------- */

static enum err default_of(struct reading *r, const struct pbwire_field *f, struct codegen_field *to)
{
    if (f->type != PBWIRE_BYTES) {
        return malformed(r, "");
    }
    if (f->size > CODEGEN_SCHEMA_DEFAULT_MAX) {
        return codegen_schema_refuse(r->schema, ERR_LIMIT, "a default is longer than 4,096 bytes", "");
    }
    if (!bytes_is_utf8(f->data, f->size)) {
        return codegen_schema_refuse(r->schema, ERR_INVALID, "a default is no text", "");
    }
    to->default_text = codegen_schema_text(r->schema, (const char *)f->data, f->size);
    return to->default_text != NULL ? ERR_OK : ERR_NOMEM;
}

/* What a field's own numbers say, before it is known what they mean together. */
struct raw_field {
    uint64_t label, packed, proto3_optional;
    int64_t oneof;
    bool has_packed;
};

static enum err read_field_part(struct reading *r, const struct pbwire_field *f, struct codegen_field *to, struct raw_field *raw)
{
    switch (f->number) {
    case FIELD_NAME:
        return text(r, f, &to->name);
    case FIELD_NUMBER:
        to->number = (uint32_t)f->value;
        break;
    case FIELD_LABEL:
        raw->label = f->value;
        break;
    case FIELD_TYPE:
        to->type = f->value < CODEGEN_TYPE_END ? (enum codegen_type)f->value : (enum codegen_type)0;
        break;
    case FIELD_TYPE_NAME:
        return reference(r, f, &to->type_name);
    case FIELD_DEFAULT:
        return default_of(r, f, to);
    case FIELD_OPTIONS: {
        uint64_t packed = UINT64_MAX;

        if (!option(f, OPTIONS_PACKED, &packed)) {
            return malformed(r, "");
        }
        raw->has_packed = packed != UINT64_MAX;
        raw->packed = packed;
        break;
    }
    case FIELD_ONEOF:
        raw->oneof = (int32_t)f->value;
        break;
    case FIELD_PROTO3_OPTIONAL:
        raw->proto3_optional = f->value;
        break;
    }
    return ERR_OK;
}

static enum err read_field(struct reading *r, const struct pbwire_field *field, struct codegen_field *to, const char *where)
{
    struct pbwire w = pbwire_over(field->data, field->size);
    struct raw_field raw = {.oneof = -1};
    struct pbwire_field f;
    enum err e = doc(r, &to->doc);

    to->type_name = "";
    while (e == ERR_OK && w.at < w.end) {
        e = pbwire_next(&w, &f) ? read_field_part(r, &f, to, &raw) : malformed(r, where);
    }
    if (e == ERR_OK && to->name == NULL) {
        return codegen_schema_refuse(r->schema, ERR_INVALID, "a field without a name", where);
    }
    if (e == ERR_OK && raw.oneof < -1) {
        return codegen_schema_refuse(r->schema, ERR_INVALID, "a field's oneof is not declared", where);
    }
    bool is_packable = to->type != CODEGEN_STRING && to->type != CODEGEN_BYTES && to->type != CODEGEN_MESSAGE;

    to->oneof = raw.proto3_optional != 0 ? -1 : (int32_t)raw.oneof;
    if (raw.label == LABEL_REPEATED) {
        to->label = CODEGEN_REPEATED;
    } else if (raw.label == LABEL_REQUIRED) {
        to->label = CODEGEN_REQUIRED;
    } else {
        bool has_presence = !r->is_proto3 || raw.proto3_optional != 0 || to->oneof >= 0 || to->type == CODEGEN_MESSAGE;

        to->label = has_presence ? CODEGEN_OPTIONAL : CODEGEN_PLAIN;
    }
    to->is_packed = to->label == CODEGEN_REPEATED && is_packable && (raw.has_packed ? raw.packed != 0 : r->is_proto3);
    return e;
}

/* What a message is made of beside its name: how much room each list has. */
struct message_room {
    size_t fields, oneofs, ranges, names;
};

static enum err read_oneof(struct reading *r, const struct pbwire_field *field, struct codegen_message *to, struct message_room *room)
{
    const char **name = codegen_schema_grow(r->schema->arena, (void **)&to->oneofs, &to->oneof_count, &room->oneofs, sizeof *name);
    struct pbwire w = pbwire_over(field->data, field->size);
    struct pbwire_field f;
    enum err e = name == NULL ? ERR_NOMEM : field->type != PBWIRE_BYTES ? malformed(r, "") : ERR_OK;

    while (e == ERR_OK && w.at < w.end) {
        if (!pbwire_next(&w, &f)) {
            return malformed(r, "");
        }
        e = f.number == ONEOF_NAME ? text(r, &f, name) : ERR_OK;
    }
    if (e == ERR_OK && *name == NULL) {
        return codegen_schema_refuse(r->schema, ERR_INVALID, "a oneof without a name", "");
    }
    return e;
}

static enum err read_message_part(struct reading *r, const struct pbwire_field *f, struct codegen_message *to, struct message_room *room)
{
    enum err e = ERR_OK;

    switch (f->number) {
    case MESSAGE_NAME:
        return text(r, f, &to->name);
    case MESSAGE_FIELD: {
        size_t index = to->field_count;
        struct codegen_field *field = codegen_schema_grow(r->schema->arena, (void **)&to->fields, &to->field_count, &room->fields, sizeof *field);

        if (field == NULL || !enter(r, MESSAGE_FIELD, index)) {
            return field == NULL ? ERR_NOMEM : ERR_LIMIT;
        }
        e = f->type == PBWIRE_BYTES ? read_field(r, f, field, to->name != NULL ? to->name : "") : malformed(r, "");
        leave(r);
        return e;
    }
    case MESSAGE_OPTIONS: {
        uint64_t is_entry = 0;

        e = option(f, OPTIONS_MAP_ENTRY, &is_entry) ? ERR_OK : malformed(r, "");
        to->is_map_entry = is_entry != 0;
        return e;
    }
    case MESSAGE_ONEOF:
        return read_oneof(r, f, to, room);
    case MESSAGE_RESERVED_RANGE:
        return range(r, f, true, &to->reserved, &room->ranges);
    case MESSAGE_RESERVED_NAME:
        return reserved_name(r, f, &to->reserved, &room->names);
    }
    return ERR_OK;
}

/* Types that are declared in a message, once its name is known. */
static enum err read_message(struct reading *r, const struct pbwire_field *field, const char *scope, unsigned depth)
{
    struct codegen_schema *s = r->schema;
    struct codegen_message to = {.package_len = strlen(r->package)};
    struct message_room room = {0};
    struct pbwire w = pbwire_over(field->data, field->size);
    struct pbwire_field f;
    enum err e = doc(r, &to.doc);

    if (depth > CODEGEN_SCHEMA_DEPTH_MAX) {
        return codegen_schema_refuse(s, ERR_LIMIT, "messages are declared more than 32 deep", scope);
    }
    while (e == ERR_OK && w.at < w.end) {
        e = pbwire_next(&w, &f) ? read_message_part(r, &f, &to, &room) : malformed(r, scope);
    }
    e = e == ERR_OK ? full_name(r, scope, &to.name) : e;
    struct codegen_message *slot = e != ERR_OK ? NULL : codegen_schema_grow(s->arena, (void **)&s->messages, &s->message_count, &s->message_room, sizeof *slot);
    if (slot == NULL) {
        return e != ERR_OK ? e : ERR_NOMEM;
    }
    *slot = to;
    size_t messages = 0, enums = 0;

    w = pbwire_over(field->data, field->size);
    while (e == ERR_OK && w.at < w.end && pbwire_next(&w, &f)) {
        bool is_message = f.number == MESSAGE_NESTED;

        if (!is_message && f.number != MESSAGE_ENUM) {
            continue;
        }
        if (f.type != PBWIRE_BYTES || !enter(r, f.number, is_message ? messages++ : enums++)) {
            return f.type != PBWIRE_BYTES ? malformed(r, to.name) : codegen_schema_refuse(s, ERR_LIMIT, "messages are declared more than 32 deep", scope);
        }
        e = is_message ? read_message(r, &f, to.name, depth + 1) : read_enum(r, &f, to.name);
        leave(r);
    }
    return e;
}

/* ---- services ------------------------------------------------------------------------------- */

static enum err read_method(struct reading *r, const struct pbwire_field *field, struct codegen_operation *to)
{
    struct pbwire w = pbwire_over(field->data, field->size);
    struct pbwire_field f;
    enum err e = doc(r, &to->doc);
    uint64_t idempotency = 0;

    while (e == ERR_OK && w.at < w.end) {
        if (!pbwire_next(&w, &f)) {
            return malformed(r, "");
        }
        if (f.number == METHOD_NAME) {
            e = text(r, &f, &to->name);
        } else if (f.number == METHOD_REQUEST) {
            e = reference(r, &f, &to->request_name);
        } else if (f.number == METHOD_REPLY) {
            e = reference(r, &f, &to->reply_name);
        } else if (f.number == METHOD_OPTIONS) {
            e = option(&f, OPTIONS_IDEMPOTENCY, &idempotency) ? ERR_OK : malformed(r, "");
        } else if (f.number == METHOD_TAKES) {
            to->takes_stream = f.value != 0;
        } else if (f.number == METHOD_GIVES) {
            to->gives_stream = f.value != 0;
        }
    }
    to->idempotency = idempotency < CODEGEN_IDEMPOTENCY_END ? (enum codegen_idempotency)idempotency : CODEGEN_IDEMPOTENCY_END;
    if (e == ERR_OK && (to->name == NULL || to->request_name == NULL || to->reply_name == NULL)) {
        return codegen_schema_refuse(r->schema, ERR_INVALID, "an operation without name, request or reply", "");
    }
    return e;
}

static enum err read_service(struct reading *r, const struct pbwire_field *field)
{
    struct codegen_schema *s = r->schema;
    struct codegen_service *to = codegen_schema_grow(s->arena, (void **)&s->services, &s->service_count, &s->service_room, sizeof *to);
    struct pbwire w = pbwire_over(field->data, field->size);
    struct pbwire_field f;
    size_t room = 0;
    enum err e = to != NULL ? doc(r, &to->doc) : ERR_NOMEM;

    while (e == ERR_OK && w.at < w.end) {
        if (!pbwire_next(&w, &f)) {
            return malformed(r, "");
        }
        if (f.number == SERVICE_NAME) {
            e = text(r, &f, &to->name);
        } else if (f.number == SERVICE_METHOD && enter(r, SERVICE_METHOD, to->operation_count)) {
            struct codegen_operation *o = codegen_schema_grow(s->arena, (void **)&to->operations, &to->operation_count, &room, sizeof *o);

            e = o == NULL ? ERR_NOMEM : f.type != PBWIRE_BYTES ? malformed(r, "") : read_method(r, &f, o);
            leave(r);
        }
    }
    if (e == ERR_OK) {
        to->package_len = strlen(r->package);
        e = full_name(r, r->package, &to->name);
    }
    return e;
}

/* ---- files ---------------------------------------------------------------------------------- */

/* Package and syntax stand behind what they are about, and comments behind everything: they are read first. */
static enum err read_head(struct reading *r, const struct pbwire_field *file)
{
    struct pbwire w = pbwire_over(file->data, file->size);
    struct pbwire_field f;
    const char *syntax = "";
    enum err e = ERR_OK;

    r->package = "";
    codegen_comment_init(&r->comments);
    while (e == ERR_OK && w.at < w.end) {
        if (!pbwire_next(&w, &f)) {
            return malformed(r, "");
        }
        if (f.number == FILE_PACKAGE) {
            e = text(r, &f, &r->package);
        } else if (f.number == FILE_SYNTAX) {
            e = text(r, &f, &syntax);
        } else if (f.number == FILE_SOURCE && f.type == PBWIRE_BYTES) {
            e = codegen_comment_read(&r->comments, f.data, f.size, r->schema->arena);
            e = e == ERR_MALFORMED ? malformed(r, "comments") : e;
        }
    }
    if (e == ERR_OK && *r->package != '\0' && !codegen_word_full_valid(r->package, strlen(r->package))) {
        return codegen_schema_refuse(r->schema, ERR_INVALID, "a package is no name", "");
    }
    r->is_proto3 = strcmp(syntax, "proto3") == 0;
    if (e == ERR_OK && !r->is_proto3 && *syntax != '\0' && strcmp(syntax, "proto2") != 0) {
        return codegen_schema_refuse(r->schema, ERR_INVALID, "a file is neither proto2 nor proto3", "");
    }
    return e;
}

static enum err read_file(struct reading *r, const struct pbwire_field *file)
{
    struct pbwire w = pbwire_over(file->data, file->size);
    struct pbwire_field f;
    size_t count[FILE_SERVICE + 1] = {0};
    enum err e = read_head(r, file);

    r->depth = 0;
    while (e == ERR_OK && w.at < w.end && pbwire_next(&w, &f)) {
        if (f.number != FILE_MESSAGE && f.number != FILE_ENUM && f.number != FILE_SERVICE) {
            continue;
        }
        if (f.type != PBWIRE_BYTES) {
            return malformed(r, "");
        }
        bool has_entered = enter(r, f.number, count[f.number]++);

        assert(has_entered);
        switch (f.number) {
        case FILE_MESSAGE:
            e = read_message(r, &f, r->package, 1);
            break;
        case FILE_ENUM:
            e = read_enum(r, &f, r->package);
            break;
        case FILE_SERVICE:
            e = read_service(r, &f);
            break;
        }
        leave(r);
    }
    return e;
}

/* ---- the whole ------------------------------------------------------------------------------ */

enum err codegen_descriptor_read(const uint8_t *data, size_t size, struct arena *arena, struct codegen_schema *ret, char why[CODEGEN_WHY_SIZE])
{
    struct codegen_schema s;
    struct reading r = {.schema = &s, .package = ""};
    struct pbwire w = pbwire_over(data, size);
    struct pbwire_field f;
    enum err e = ERR_OK;

    codegen_schema_init(&s, arena, why);
    if (size > CODEGEN_DESCRIPTOR_BYTES_MAX) {
        return codegen_schema_refuse(&s, ERR_LIMIT, "the descriptor set is larger than 4 MiB", "");
    }
    while (e == ERR_OK && w.at < w.end) {
        if (!pbwire_next(&w, &f)) {
            return malformed(&r, "");
        }
        if (f.number == SET_FILE) {
            e = f.type == PBWIRE_BYTES ? read_file(&r, &f) : malformed(&r, "");
        }
    }
    e = e == ERR_OK ? codegen_schema_seal(&s) : e;
    if (e == ERR_OK) {
        s.why = NULL;
        *ret = s;
    }
    return e;
}
