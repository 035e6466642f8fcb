/* Schemas: what a compiler writes is understood, what no compiler writes is refused. */
#include "common/reflect/schema.h"

#include <stdio.h>
#include <string.h>

#include "proto/descriptor.pb-c.h"
#include "proto/inspect.schema.h"
#include "proto/nucleus.schema.h"
#include "tests/unit/cli/all.schema.h"
#include "tests/unit/cli/all2.schema.h"

static int failed;

static void claim(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "claim fails: %s\n", what);
        failed = 1;
    }
}

/* ---- what compilers write --------------------------------------------------------------------- */

static struct schema *must_parse(const uint8_t *data, size_t size, const char *name)
{
    struct schema *s = NULL;
    char why[SCHEMA_WHY_SIZE];

    if (schema_parse(data, size, &s, why) != ERR_OK) {
        fprintf(stderr, "%s: %s\n", name, why);
        failed = 1;
    }
    return s;
}

static void fields_are_as_written(const struct schema_message *all)
{
    /* name, number, repeated, packed, map, presence, oneof */
    static const struct {
        const char *name;
        const char *json;
        uint32_t number;
        enum schema_type type;
        bool repeated, packed, map, presence;
        int oneof;
    } rows[] = {
        {"a_double", "aDouble", 1, SCHEMA_DOUBLE, 0, 0, 0, 0, -1},
        {"mood", "mood", 16, SCHEMA_ENUM, 0, 0, 0, 0, -1},
        {"leaf", "leaf", 17, SCHEMA_MESSAGE, 0, 0, 0, 1, -1},
        {"packed", "packed", 20, SCHEMA_INT32, 1, 1, 0, 0, -1},
        {"unpacked", "unpacked", 21, SCHEMA_INT32, 1, 0, 0, 0, -1},
        {"strings", "strings", 23, SCHEMA_STRING, 1, 0, 0, 0, -1},
        {"by_string", "byString", 30, SCHEMA_MESSAGE, 1, 0, 1, 0, -1},
        {"text_choice", "textChoice", 40, SCHEMA_STRING, 0, 0, 0, 1, 0},
        {"leaf_choice", "leafChoice", 42, SCHEMA_MESSAGE, 0, 0, 0, 1, 0},
        {"maybe", "maybe", 50, SCHEMA_INT32, 0, 0, 0, 1, -1},
        {"renamed", "otherName", 52, SCHEMA_INT32, 0, 0, 0, 0, -1},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct schema_field *f = schema_field_by_name(all, rows[i].name);

        claim(f != NULL && f == schema_field_by_name(all, rows[i].json) &&
              f == schema_field_by_number(all, rows[i].number), rows[i].name);
        claim(f != NULL && f->type == rows[i].type && f->is_repeated == rows[i].repeated &&
              f->is_packed == rows[i].packed && f->is_map == rows[i].map &&
              f->has_presence == rows[i].presence && f->oneof == rows[i].oneof &&
              strcmp(f->json_name, rows[i].json) == 0, rows[i].name);
    }
    claim(schema_field_by_name(all, "nothing") == NULL, "an unknown name is not found");
    claim(schema_field_by_number(all, 60) == NULL, "a reserved number is no field");
}

static void all_is_understood(void)
{
    struct schema *s = must_parse(all_schema, sizeof all_schema, "all.proto");
    const struct schema_message *all = schema_find_message(s, "test.all.All");
    const struct schema_enum *mood = schema_find_enum(s, "test.all.Mood");
    const struct schema_enum *alias = schema_find_enum(s, "test.all.Alias");
    const struct schema_service *tester = schema_find_service(s, "test.all.Tester");

    claim(all != NULL && mood != NULL && tester != NULL, "types are found by their full names");
    claim(schema_find_message(s, ".test.all.All") == NULL, "a leading dot is not part of a name");
    claim(schema_find_message(s, "test.all.Mood") == NULL, "an enum is no message");
    fields_are_as_written(all);
    claim(all->oneof_count == 3 && strcmp(all->oneofs[0], "choice") == 0,
          "the real oneof comes first, then those of `optional`");
    claim(schema_field_by_name(all, "self")->message == all, "a message may hold itself");
    claim(strcmp(schema_value_by_number(mood, -1)->name, "MOOD_BAD") == 0, "negative enum values");
    claim(schema_value_by_number(mood, 2) == NULL, "an unnamed number is not found");
    claim(strcmp(schema_value_by_number(alias, 7)->name, "ALIAS_FIRST") == 0,
          "of two names for a number the first declared is printed");
    claim(schema_value_by_name(alias, "ALIAS_SECOND")->number == 7, "both names are read");
    claim(!schema_find_method(tester, "Plain")->is_idempotent &&
          schema_find_method(tester, "Safe")->is_idempotent &&
          schema_find_method(tester, "Again")->is_idempotent, "only marked methods may be repeated");
    claim(schema_find_method(tester, "None") == NULL, "an unknown method is not found");
    claim(schema_service_at(s, 0) == tester && schema_service_at(s, 1) == NULL, "one service");
    schema_free(s);
}

static void proto2_is_understood(void)
{
    struct schema *s = must_parse(all2_schema, sizeof all2_schema, "all2.proto");
    const struct schema_message *old = schema_find_message(s, "test.two.Old");

    claim(old != NULL && schema_field_by_name(old, "may")->has_presence, "proto2 tracks presence");
    claim(!schema_field_by_name(old, "numbers")->is_packed &&
          schema_field_by_name(old, "packed")->is_packed, "proto2 packs only when asked");
    claim(schema_find_message(s, "test.two.Old.Inner") != NULL, "nested types have nested names");
    claim(schema_find_enum(s, "test.two.Old.Kind") != NULL, "nested enums too");
    schema_free(s);
}

/* ---- what no compiler writes ------------------------------------------------------------------ */

typedef Cell__Descriptor__FileDescriptorSet proto_set;
typedef Cell__Descriptor__FileDescriptorProto proto_file;
typedef Cell__Descriptor__DescriptorProto proto_message;
typedef Cell__Descriptor__FieldDescriptorProto proto_field;
typedef Cell__Descriptor__EnumDescriptorProto proto_enum;
typedef Cell__Descriptor__EnumValueDescriptorProto proto_value;
typedef Cell__Descriptor__ServiceDescriptorProto proto_service;
typedef Cell__Descriptor__MethodDescriptorProto proto_method;
typedef Cell__Descriptor__OneofDescriptorProto proto_oneof;
typedef Cell__Descriptor__MessageOptions proto_options;

/* A small sound file that each row spoils in one way. */
struct sample {
    proto_set set;
    proto_file file, *files[1];
    proto_message message[2], *messages[2];
    proto_field field[2], *fields[2];
    proto_enum kind, *kinds[1];
    proto_value value, *values[1];
    proto_service service, *services[1];
    proto_method method[2], *methods[2];
    proto_oneof oneof, *oneofs[1];
    proto_options options;
};

static void init_field(proto_field *f, const char *name, int number)
{
    *f = (proto_field)CELL__DESCRIPTOR__FIELD_DESCRIPTOR_PROTO__INIT;
    f->name = (char *)name;
    f->has_number = true;
    f->number = number;
    f->has_type = true;
    f->type = CELL__DESCRIPTOR__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_STRING;
}

static void init_types(struct sample *s)
{
    s->message[0] = s->message[1] =
        (proto_message)CELL__DESCRIPTOR__DESCRIPTOR_PROTO__INIT;
    s->message[0].name = (char *)"M";
    s->message[1].name = (char *)"N";
    init_field(&s->field[0], "first", 1);
    init_field(&s->field[1], "second", 2);
    s->message[0].field = s->fields;
    s->message[0].n_field = 2;
    s->oneof = (proto_oneof)CELL__DESCRIPTOR__ONEOF_DESCRIPTOR_PROTO__INIT;
    s->oneof.name = (char *)"choice";
    s->message[0].oneof_decl = s->oneofs;
    s->message[0].n_oneof_decl = 1;
    s->kind = (proto_enum)CELL__DESCRIPTOR__ENUM_DESCRIPTOR_PROTO__INIT;
    s->kind.name = (char *)"Kind";
    s->value = (proto_value)CELL__DESCRIPTOR__ENUM_VALUE_DESCRIPTOR_PROTO__INIT;
    s->value.name = (char *)"KIND_ZERO";
    s->value.has_number = true;
    s->kind.value = s->values;
    s->kind.n_value = 1;
}

static void init_service(struct sample *s)
{
    s->service = (proto_service)CELL__DESCRIPTOR__SERVICE_DESCRIPTOR_PROTO__INIT;
    s->service.name = (char *)"S";
    for (int i = 0; i < 2; i++) {
        s->method[i] = (proto_method)CELL__DESCRIPTOR__METHOD_DESCRIPTOR_PROTO__INIT;
        s->method[i].name = (char *)(i == 0 ? "Do" : "Undo");
        s->method[i].input_type = (char *)".p.M";
        s->method[i].output_type = (char *)".p.N";
    }
    s->service.method = s->methods;
    s->service.n_method = 2;
}

static void init(struct sample *s)
{
    memset(s, 0, sizeof *s);
    s->set = (proto_set)CELL__DESCRIPTOR__FILE_DESCRIPTOR_SET__INIT;
    s->file = (proto_file)CELL__DESCRIPTOR__FILE_DESCRIPTOR_PROTO__INIT;
    s->options = (proto_options)CELL__DESCRIPTOR__MESSAGE_OPTIONS__INIT;
    for (int i = 0; i < 2; i++) {
        s->messages[i] = &s->message[i];
        s->fields[i] = &s->field[i];
        s->methods[i] = &s->method[i];
    }
    s->files[0] = &s->file;
    s->kinds[0] = &s->kind;
    s->values[0] = &s->value;
    s->services[0] = &s->service;
    s->oneofs[0] = &s->oneof;
    init_types(s);
    init_service(s);
    s->file.package = (char *)"p";
    s->file.syntax = (char *)"proto3";
    s->file.message_type = s->messages;
    s->file.n_message_type = 2;
    s->file.enum_type = s->kinds;
    s->file.n_enum_type = 1;
    s->file.service = s->services;
    s->file.n_service = 1;
    s->set.file = s->files;
    s->set.n_file = 1;
}

static enum err parse_sample(const struct sample *s, char why[SCHEMA_WHY_SIZE])
{
    static uint8_t bytes[64 * 1024];
    struct schema *parsed = NULL;
    size_t size = cell__descriptor__file_descriptor_set__get_packed_size(&s->set);

    if (size > sizeof bytes) {
        snprintf(why, SCHEMA_WHY_SIZE, "sample too large");
        return ERR_LIMIT;
    }
    cell__descriptor__file_descriptor_set__pack(&s->set, bytes);
    enum err e = schema_parse(bytes, size, &parsed, why);
    schema_free(parsed);
    return e;
}

#define TYPE(name) CELL__DESCRIPTOR__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name

static void bad_message_name(struct sample *s) { s->message[0].name = (char *)"M-"; }
static void no_message_name(struct sample *s) { s->message[0].name = NULL; }
static void escape_in_name(struct sample *s) { s->field[0].name = (char *)"a\x1b[2J"; }
static void digit_first(struct sample *s) { s->field[0].name = (char *)"1a"; }
static void empty_name(struct sample *s) { s->field[0].name = (char *)""; }
static void bad_package(struct sample *s) { s->file.package = (char *)"p..q"; }
static void dot_at_end(struct sample *s) { s->file.package = (char *)"p."; }
static void same_message(struct sample *s) { s->message[1].name = (char *)"M"; }
static void same_number(struct sample *s) { s->field[1].number = 1; }
static void same_field(struct sample *s) { s->field[1].name = (char *)"first"; }
static void same_json(struct sample *s) { s->field[1].json_name = (char *)"first"; }
static void bad_json(struct sample *s) { s->field[1].json_name = (char *)"\xff"; }
static void number_zero(struct sample *s) { s->field[0].number = 0; }
static void number_negative(struct sample *s) { s->field[0].number = -1; }
static void number_last(struct sample *s) { s->field[0].number = SCHEMA_NUMBER_MAX; }
static void number_beyond(struct sample *s) { s->field[0].number = SCHEMA_NUMBER_MAX + 1; }
static void no_number(struct sample *s) { s->field[0].has_number = false; }
static void no_type(struct sample *s) { s->field[0].has_type = false; }
static void a_group(struct sample *s) { s->field[0].type = TYPE(GROUP); }
static void type_unknown(struct sample *s) { s->field[0].type = (int)19; }
static void type_zero(struct sample *s) { s->field[0].type = (int)0; }
static void no_reference(struct sample *s) { s->field[0].type = TYPE(MESSAGE); }
static void relative(struct sample *s)
{
    s->field[0].type = TYPE(MESSAGE);
    s->field[0].type_name = (char *)"p.N";
}
static void dangling(struct sample *s)
{
    s->field[0].type = TYPE(MESSAGE);
    s->field[0].type_name = (char *)".p.Nowhere";
}
static void enum_as_message(struct sample *s)
{
    s->field[0].type = TYPE(MESSAGE);
    s->field[0].type_name = (char *)".p.Kind";
}
static void good_message(struct sample *s)
{
    s->field[0].type = TYPE(MESSAGE);
    s->field[0].type_name = (char *)".p.N";
}
static void good_oneof(struct sample *s) { s->field[0].has_oneof_index = true; }
static void oneof_beyond(struct sample *s)
{
    s->field[0].has_oneof_index = true;
    s->field[0].oneof_index = 1;
}
static void oneof_negative(struct sample *s)
{
    s->field[0].has_oneof_index = true;
    s->field[0].oneof_index = -1;
}
static void oneof_unnamed(struct sample *s) { s->oneof.name = NULL; }
static void enum_empty(struct sample *s) { s->kind.n_value = 0; }
static void enum_unnamed(struct sample *s) { s->value.name = (char *)"a b"; }
static void method_dangling(struct sample *s) { s->method[0].input_type = (char *)".p.X"; }
static void method_untyped(struct sample *s) { s->method[0].output_type = NULL; }
static void method_twice(struct sample *s) { s->method[1].name = (char *)"Do"; }
static void make_map(struct sample *s)
{
    s->options.has_map_entry = true;
    s->options.map_entry = true;
    s->message[0].options = &s->options;
    s->field[0].name = (char *)"key";
    s->field[1].name = (char *)"value";
    s->message[0].n_oneof_decl = 0;
}
static void map_of_one(struct sample *s)
{
    make_map(s);
    s->message[0].n_field = 1;
}
static void map_by_double(struct sample *s)
{
    make_map(s);
    s->field[0].type = TYPE(DOUBLE);
}
static void map_of_lists(struct sample *s)
{
    make_map(s);
    s->field[1].has_label = true;
    s->field[1].label = CELL__DESCRIPTOR__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED;
}
static void long_name(struct sample *s) /* "p." and 253 letters: the longest there may be */
{
    static char text[SCHEMA_NAME_MAX];

    memset(text, 'a', SCHEMA_NAME_MAX - 2);
    s->message[1].name = text;
    s->service.n_method = 0;
}
static void longer_name(struct sample *s)
{
    static char text[SCHEMA_NAME_MAX + 1];

    memset(text, 'a', SCHEMA_NAME_MAX - 1);
    s->message[1].name = text;
    s->service.n_method = 0;
}
static void nothing(struct sample *s) { (void)s; }
static void empty_set(struct sample *s) { s->set.n_file = 0; }

static const struct {
    void (*spoil)(struct sample *);
    enum err expected;
    const char *why;
} rows[] = {
    {nothing, ERR_OK, "the sample is sound"},
    {empty_set, ERR_OK, "no file at all is a set too"},
    {bad_message_name, ERR_INVALID, "a name is an identifier"},
    {no_message_name, ERR_INVALID, "a message has a name"},
    {escape_in_name, ERR_INVALID, "a name cannot act on a terminal"},
    {digit_first, ERR_INVALID, "a name does not begin with a digit"},
    {empty_name, ERR_INVALID, "a name is not empty"},
    {bad_package, ERR_INVALID, "an empty part of a package"},
    {dot_at_end, ERR_INVALID, "a package does not end in a dot"},
    {same_message, ERR_INVALID, "two messages of one name"},
    {same_number, ERR_INVALID, "two fields of one number"},
    {same_field, ERR_INVALID, "two fields of one name"},
    {same_json, ERR_INVALID, "a JSON name that is another field's name"},
    {bad_json, ERR_MALFORMED, "a JSON name is text"},
    {number_zero, ERR_INVALID, "numbers begin at 1"},
    {number_negative, ERR_INVALID, "numbers are positive"},
    {number_last, ERR_OK, "the last number there is"},
    {number_beyond, ERR_INVALID, "one past the last number"},
    {no_number, ERR_INVALID, "a field has a number"},
    {no_type, ERR_INVALID, "a field has a type"},
    {a_group, ERR_INVALID, "groups are not read"},
    {type_unknown, ERR_INVALID, "one past the last type"},
    {type_zero, ERR_INVALID, "one before the first type"},
    {no_reference, ERR_INVALID, "a message field names its type"},
    {relative, ERR_INVALID, "a reference is a full name"},
    {dangling, ERR_INVALID, "a reference leads somewhere"},
    {enum_as_message, ERR_INVALID, "a reference leads to the right kind"},
    {good_message, ERR_OK, "a message field"},
    {good_oneof, ERR_OK, "the first oneof"},
    {oneof_beyond, ERR_INVALID, "one past the last oneof"},
    {oneof_negative, ERR_INVALID, "a negative oneof"},
    {oneof_unnamed, ERR_INVALID, "a oneof has a name"},
    {enum_empty, ERR_INVALID, "an enum has a value"},
    {enum_unnamed, ERR_INVALID, "an enum's value is an identifier"},
    {method_dangling, ERR_INVALID, "a method's request leads somewhere"},
    {method_untyped, ERR_INVALID, "a method has a reply"},
    {method_twice, ERR_INVALID, "two methods of one name"},
    {make_map, ERR_OK, "a map entry"},
    {map_of_one, ERR_INVALID, "a map entry has key and value"},
    {map_by_double, ERR_INVALID, "a double is no key"},
    {map_of_lists, ERR_INVALID, "a map has no lists as values"},
    {long_name, ERR_OK, "a full name of 255 characters"},
    {longer_name, ERR_LIMIT, "a full name of 256 characters"},
};

static void spoiled_schemas_are_refused(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sample s;
        char why[SCHEMA_WHY_SIZE] = "";

        init(&s);
        rows[i].spoil(&s);
        enum err e = parse_sample(&s, why);
        if (e != rows[i].expected) {
            fprintf(stderr, "row %zu: %s: got %s (%s)\n", i, rows[i].why, err_name(e), why);
            failed = 1;
        }
        for (const char *c = why; *c != '\0'; c++) {
            claim((unsigned char)*c >= 0x20 && *c != 0x7f, "a reason is printable");
        }
    }
}

/* A set with `depth` messages declared inside each other, written by hand. */
static size_t nest(uint8_t *out, int depth)
{
    static uint8_t inner[4096];
    size_t size = 0;

    inner[size++] = 0x0a; /* name */
    inner[size++] = 1;
    inner[size++] = 'm';
    for (int i = 1; i <= depth + 1; i++) {
        /* message_type 4 of the file, file 1 of the set, nested_type 3 of a message */
        uint8_t tag = i < depth ? 0x1a : i == depth ? 0x22 : 0x0a;
        uint8_t head[8] = {tag, (uint8_t)(size | 0x80), (uint8_t)(size >> 7)};
        static const uint8_t name[] = {0x0a, 1, 'm'};
        size_t extra = i < depth ? sizeof name : 0;

        memcpy(out, head, 3);
        memcpy(out + 3, inner, size);
        memcpy(out + 3 + size, name, extra);
        size += 3 + extra;
        memcpy(inner, out, size);
    }
    return size;
}

static void depth_and_size_are_limited(void)
{
    static uint8_t bytes[SCHEMA_BYTES_MAX + 1];
    struct schema *s = NULL;
    char why[SCHEMA_WHY_SIZE];

    size_t size = nest(bytes, SCHEMA_DEPTH_MAX);
    claim(schema_parse(bytes, size, &s, why) == ERR_OK, "32 declarations deep");
    schema_free(s);
    size = nest(bytes, SCHEMA_DEPTH_MAX + 1);
    claim(schema_parse(bytes, size, &s, why) == ERR_LIMIT, "33 declarations deep");

    /* One unknown field of the right length makes any size. */
    memset(bytes, 0, sizeof bytes);
    memcpy(bytes, (uint8_t[]){0x7a, 0xfb, 0xff, 0x3f}, 4); /* field 15, 2^20 - 5 bytes */
    bytes[SCHEMA_BYTES_MAX - 1] = 0;
    claim(schema_parse(bytes, SCHEMA_BYTES_MAX - 1, &s, why) == ERR_OK, "nearly 1 MiB");
    schema_free(s);
    memcpy(bytes, (uint8_t[]){0x7a, 0xfc, 0xff, 0x3f}, 4);
    claim(schema_parse(bytes, SCHEMA_BYTES_MAX, &s, why) == ERR_OK, "1 MiB");
    schema_free(s);
    memcpy(bytes, (uint8_t[]){0x7a, 0xfd, 0xff, 0x3f}, 4);
    claim(schema_parse(bytes, SCHEMA_BYTES_MAX + 1, &s, why) == ERR_LIMIT, "1 MiB and one byte");
    claim(schema_parse((const uint8_t *)"\x0a\x05xx", 4, &s, why) == ERR_MALFORMED, "cut off");
    claim(schema_parse(NULL, 0, &s, why) == ERR_OK, "no bytes are an empty set");
    schema_free(s);
}

int main(void)
{
    schema_free(must_parse(inspect_schema, sizeof inspect_schema, "inspect.proto"));
    schema_free(must_parse(nucleus_schema, sizeof nucleus_schema, "nucleus.proto"));
    schema_free(NULL);
    all_is_understood();
    proto2_is_understood();
    spoiled_schemas_are_refused();
    depth_and_size_are_limited();
    return failed;
}
