/* From untrusted bytes to tables, in four steps: measure (depth and counts), unpack, name every
 * type, link fields and methods to the types they mean. Nothing is allocated in proportion to a
 * number the sender merely claims. */
#include "common/reflect/schema.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/base/pbwire.h"
#include "common/run/unpack.h"
#include "proto/descriptor.pb-c.h"

typedef Cell__Descriptor__FileDescriptorSet proto_set;
typedef Cell__Descriptor__FileDescriptorProto proto_file;
typedef Cell__Descriptor__DescriptorProto proto_message;
typedef Cell__Descriptor__FieldDescriptorProto proto_field;
typedef Cell__Descriptor__EnumDescriptorProto proto_enum;
typedef Cell__Descriptor__ServiceDescriptorProto proto_service;
typedef Cell__Descriptor__MethodDescriptorProto proto_method;

enum {
    FIELD_SET_FILE = 1,     /* numbers in proto/descriptor.proto that carry messages, needed */
    FIELD_FILE_MESSAGE = 4, /* before anything is unpacked                                   */
    FIELD_MESSAGE_NESTED = 3,
    LABEL_REPEATED = CELL__DESCRIPTOR__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED,
};

struct name_entry { /* a field under one of its two names */
    const char *name;
    const struct schema_field *field;
};

/* The public part comes first, so that a pointer to it is a pointer to the entry. */
struct message_entry {
    struct schema_message pub;
    const proto_message *source;
    bool is_proto3;
    struct name_entry *names; /* sorted */
    size_t name_count;
};

struct enum_entry {
    struct schema_enum pub;
    const proto_enum *source;
};

struct service_entry {
    struct schema_service pub;
    const proto_service *source;
};

struct counts {
    size_t messages, fields, oneofs, enums, values, services, methods;
};

struct schema {
    proto_set *set; /* owns the short names */
    struct message_entry *messages;
    struct enum_entry *enums;
    struct service_entry *services;
    struct schema_field *fields;
    struct name_entry *names;
    const char **oneofs;
    struct schema_enum_value *values;
    struct schema_method *methods;
    char **full_names;
    struct counts used;
    size_t full_name_count;
    size_t name_count;
    char *why;
};

/* ---- measure -------------------------------------------------------------------------------- */

/* What follows recurses as deep as messages are declared in each other: the depth is looked at first. */
static bool nesting_fits(const uint8_t *data, size_t size, uint32_t follow, int depth)
{
    struct pbwire w = pbwire_over(data, size);
    struct pbwire_field f;

    if (depth > SCHEMA_DEPTH_MAX + 2) { /* set and file are two levels of their own */
        return false;
    }
    while (w.at < w.end) {
        if (!pbwire_next(&w, &f)) {
            return true; /* malformed: the unpacker says so */
        }
        if (f.number == follow && f.type == PBWIRE_BYTES) {
            uint32_t next = follow == FIELD_SET_FILE ? FIELD_FILE_MESSAGE : FIELD_MESSAGE_NESTED;

            if (!nesting_fits(f.data, f.size, next, depth + 1)) {
                return false;
            }
        }
    }
    return true;
}

static void count_enums(struct counts *c, proto_enum *const *enums, size_t n)
{
    c->enums += n;
    for (size_t i = 0; i < n; i++) {
        c->values += enums[i]->n_value;
    }
}

static void count_messages(struct counts *c, proto_message *const *messages, size_t n)
{
    c->messages += n;
    for (size_t i = 0; i < n; i++) {
        const proto_message *m = messages[i];

        c->fields += m->n_field;
        c->oneofs += m->n_oneof_decl;
        count_enums(c, m->enum_type, m->n_enum_type);
        count_messages(c, m->nested_type, m->n_nested_type);
    }
}

static struct counts count_all(const proto_set *set)
{
    struct counts c = {0};

    for (size_t i = 0; i < set->n_file; i++) {
        const proto_file *f = set->file[i];

        count_messages(&c, f->message_type, f->n_message_type);
        count_enums(&c, f->enum_type, f->n_enum_type);
        c.services += f->n_service;
        for (size_t s = 0; s < f->n_service; s++) {
            c.methods += f->service[s]->n_method;
        }
    }
    return c;
}

static bool reserve(struct schema *s, const struct counts *c)
{
    /* + 1: an empty set is a valid schema, and calloc(0) may answer NULL. */
    s->messages = calloc(c->messages + 1, sizeof *s->messages);
    s->enums = calloc(c->enums + 1, sizeof *s->enums);
    s->services = calloc(c->services + 1, sizeof *s->services);
    s->fields = calloc(c->fields + 1, sizeof *s->fields);
    s->names = calloc(2 * c->fields + 1, sizeof *s->names);
    s->oneofs = calloc(c->oneofs + 1, sizeof *s->oneofs);
    s->values = calloc(c->values + 1, sizeof *s->values);
    s->methods = calloc(c->methods + 1, sizeof *s->methods);
    s->full_names = calloc(c->messages + c->enums + c->services + 1, sizeof *s->full_names);
    return s->messages && s->enums && s->services && s->fields && s->names && s->oneofs &&
           s->values && s->methods && s->full_names;
}

/* ---- names ---------------------------------------------------------------------------------- */

static enum err refuse(struct schema *s, enum err e, const char *what, const char *where)
{
    snprintf(s->why, SCHEMA_WHY_SIZE, "schema: %s%s%s", what, *where != '\0' ? " in " : "", where);
    return e;
}

/* [A-Za-z_][A-Za-z0-9_]*, what the .proto grammar allows and any terminal can show. */
static bool is_identifier(const char *text)
{
    if (text == NULL || *text == '\0' || (*text >= '0' && *text <= '9')) {
        return false;
    }
    size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");

    return text[len] == '\0' && len <= SCHEMA_NAME_MAX;
}

static bool is_package(const char *text)
{
    char part[SCHEMA_NAME_MAX + 1];

    if (strlen(text) > SCHEMA_NAME_MAX) {
        return false;
    }
    while (true) {
        size_t len = strcspn(text, ".");

        memcpy(part, text, len);
        part[len] = '\0';
        if (!is_identifier(part)) {
            return false;
        }
        if (text[len] == '\0') {
            return true;
        }
        text += len + 1;
    }
}

/* "scope.name", owned by the schema. */
static enum err full_name(struct schema *s, const char *scope, const char *name, const char **ret)
{
    char text[SCHEMA_NAME_MAX + 1];

    if (!is_identifier(name)) {
        return refuse(s, ERR_INVALID, "a name is not an identifier", scope);
    }
    int len = snprintf(text, sizeof text, "%s%s%s", scope, *scope != '\0' ? "." : "", name);
    if (len < 0 || (size_t)len >= sizeof text) {
        return refuse(s, ERR_LIMIT, "a full name is too long", scope);
    }
    char *copy = strdup(text);
    if (copy == NULL) {
        return ERR_NOMEM;
    }
    s->full_names[s->full_name_count++] = copy;
    *ret = copy;
    return ERR_OK;
}

static enum err name_enums(struct schema *s, const char *scope, proto_enum *const *enums, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct enum_entry *entry = &s->enums[s->used.enums++];
        enum err e = full_name(s, scope, enums[i]->name, &entry->pub.name);

        if (e != ERR_OK) {
            return e;
        }
        entry->source = enums[i];
    }
    return ERR_OK;
}

static enum err name_messages(struct schema *s, const char *scope, bool is_proto3,
                              proto_message *const *messages, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const proto_message *m = messages[i];
        struct message_entry *entry = &s->messages[s->used.messages++];
        enum err e = full_name(s, scope, m->name, &entry->pub.name);

        if (e != ERR_OK) {
            return e;
        }
        entry->source = m;
        entry->is_proto3 = is_proto3;
        entry->pub.is_map_entry = m->options != NULL && m->options->has_map_entry &&
                                  m->options->map_entry;
        const char *name = entry->pub.name;
        e = name_enums(s, name, m->enum_type, m->n_enum_type);
        if (e == ERR_OK) {
            e = name_messages(s, name, is_proto3, m->nested_type, m->n_nested_type);
        }
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}

static enum err name_file(struct schema *s, const proto_file *f)
{
    const char *scope = f->package != NULL ? f->package : "";
    bool is_proto3 = f->syntax != NULL && strcmp(f->syntax, "proto3") == 0;

    if (*scope != '\0' && !is_package(scope)) {
        return refuse(s, ERR_INVALID, "a package is not a name", "");
    }
    enum err e = name_messages(s, scope, is_proto3, f->message_type, f->n_message_type);
    if (e == ERR_OK) {
        e = name_enums(s, scope, f->enum_type, f->n_enum_type);
    }
    for (size_t i = 0; e == ERR_OK && i < f->n_service; i++) {
        struct service_entry *entry = &s->services[s->used.services++];

        entry->source = f->service[i];
        e = full_name(s, scope, entry->source->name, &entry->pub.name);
    }
    return e;
}

/* Every table below starts with `const char *name`, so one comparison sorts and searches all. */
static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The name two neighbours of a sorted table share, or NULL. */
static const char *first_duplicate(const void *table, size_t n, size_t size)
{
    for (size_t i = 1; i < n; i++) {
        const char *at = (const char *)table + i * size;

        if (by_name(at - size, at) == 0) {
            return *(const char *const *)at;
        }
    }
    return NULL;
}

static enum err sort_types(struct schema *s)
{
    struct counts *n = &s->used;
    const char *twice;

    qsort(s->messages, n->messages, sizeof *s->messages, by_name);
    qsort(s->enums, n->enums, sizeof *s->enums, by_name);
    qsort(s->services, n->services, sizeof *s->services, by_name);
    twice = first_duplicate(s->messages, n->messages, sizeof *s->messages);
    if (twice == NULL) {
        twice = first_duplicate(s->enums, n->enums, sizeof *s->enums);
    }
    if (twice == NULL) {
        twice = first_duplicate(s->services, n->services, sizeof *s->services);
    }
    return twice == NULL ? ERR_OK : refuse(s, ERR_INVALID, "declared twice", twice);
}

/* ---- links ---------------------------------------------------------------------------------- */

/* References are written ".full.name" by every compiler; relative ones are refused. */
static const struct schema_message *message_of(const struct schema *s, const char *reference)
{
    bool is_full = reference != NULL && reference[0] == '.';

    return is_full ? schema_find_message(s, reference + 1) : NULL;
}

static const struct schema_enum *enum_of(const struct schema *s, const char *reference)
{
    bool is_full = reference != NULL && reference[0] == '.';

    return is_full ? schema_find_enum(s, reference + 1) : NULL;
}

static bool type_known(int type)
{
    return type >= SCHEMA_DOUBLE && type <= SCHEMA_SINT64 &&
           type != CELL__DESCRIPTOR__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_GROUP;
}

bool schema_type_packable(enum schema_type type)
{
    return type != SCHEMA_STRING && type != SCHEMA_BYTES && type != SCHEMA_MESSAGE;
}

static bool json_name_ok(const char *name)
{
    size_t len = strlen(name);

    return len > 0 && len <= SCHEMA_NAME_MAX;
}

static enum err link_type(struct schema *s, const proto_field *p, struct schema_field *f,
                          const char *where)
{
    if (!p->has_type || !type_known((int)p->type)) {
        return refuse(s, ERR_INVALID, "a field has no type that can be read", where);
    }
    f->type = (enum schema_type)p->type;
    if (f->type == SCHEMA_MESSAGE) {
        f->message = message_of(s, p->type_name);
    } else if (f->type == SCHEMA_ENUM) {
        f->values = enum_of(s, p->type_name);
    }
    if ((f->type == SCHEMA_MESSAGE && f->message == NULL) ||
        (f->type == SCHEMA_ENUM && f->values == NULL)) {
        return refuse(s, ERR_INVALID, "a field's type is not declared", where);
    }
    return ERR_OK;
}

static enum err link_field(struct schema *s, const struct message_entry *m, const proto_field *p,
                           struct schema_field *f)
{
    const char *where = m->pub.name;

    if (!is_identifier(p->name)) {
        return refuse(s, ERR_INVALID, "a field's name is not an identifier", where);
    }
    if (!p->has_number || p->number < 1 || p->number > SCHEMA_NUMBER_MAX) {
        return refuse(s, ERR_INVALID, "a field's number is out of range", where);
    }
    if (p->json_name != NULL && !json_name_ok(p->json_name)) {
        return refuse(s, ERR_INVALID, "a field's JSON name is not printable", where);
    }
    f->name = p->name;
    f->json_name = p->json_name != NULL ? p->json_name : p->name;
    f->number = (uint32_t)p->number;
    f->is_repeated = p->has_label && (int)p->label == LABEL_REPEATED;
    enum err e = link_type(s, p, f, where);
    if (e != ERR_OK) {
        return e;
    }
    f->is_map = f->is_repeated && f->type == SCHEMA_MESSAGE && f->message->is_map_entry;
    f->oneof = -1;
    bool is_optional = p->has_proto3_optional && p->proto3_optional;
    if (p->has_oneof_index && !is_optional) {
        if (p->oneof_index < 0 || (size_t)p->oneof_index >= m->pub.oneof_count || f->is_repeated) {
            return refuse(s, ERR_INVALID, "a field's oneof is not declared", where);
        }
        f->oneof = p->oneof_index;
    }
    f->has_presence = !f->is_repeated && (f->type == SCHEMA_MESSAGE || f->oneof >= 0 ||
                                          is_optional || !m->is_proto3);
    f->is_packed = p->options != NULL && p->options->has_packed ? p->options->packed : m->is_proto3;
    f->is_packed = f->is_packed && f->is_repeated && schema_type_packable(f->type);
    return ERR_OK;
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = ((const struct schema_field *)a)->number;
    uint32_t y = ((const struct schema_field *)b)->number;

    return (x > y) - (x < y);
}

/* Both names of every field in one sorted table: JSON may use either. */
static enum err index_names(struct schema *s, struct message_entry *m)
{
    m->names = s->names + s->name_count;
    for (size_t i = 0; i < m->pub.field_count; i++) {
        const struct schema_field *f = &m->pub.fields[i];

        m->names[m->name_count++] = (struct name_entry){f->name, f};
        if (strcmp(f->name, f->json_name) != 0) {
            m->names[m->name_count++] = (struct name_entry){f->json_name, f};
        }
    }
    s->name_count += m->name_count;
    qsort(m->names, m->name_count, sizeof *m->names, by_name);
    if (first_duplicate(m->names, m->name_count, sizeof *m->names) != NULL) {
        return refuse(s, ERR_INVALID, "two fields share a name", m->pub.name);
    }
    return ERR_OK;
}

static enum err link_oneofs(struct schema *s, struct message_entry *m)
{
    const proto_message *p = m->source;
    const char **names = s->oneofs + s->used.oneofs;

    s->used.oneofs += p->n_oneof_decl;
    m->pub.oneofs = names;
    m->pub.oneof_count = p->n_oneof_decl;
    for (size_t i = 0; i < p->n_oneof_decl; i++) {
        if (!is_identifier(p->oneof_decl[i]->name)) {
            return refuse(s, ERR_INVALID, "a oneof's name is not an identifier", m->pub.name);
        }
        names[i] = p->oneof_decl[i]->name;
    }
    return ERR_OK;
}

static enum err link_message(struct schema *s, struct message_entry *m)
{
    const proto_message *p = m->source;
    struct schema_field *fields = s->fields + s->used.fields;
    enum err e = link_oneofs(s, m);

    s->used.fields += p->n_field;
    m->pub.fields = fields;
    m->pub.field_count = p->n_field;
    for (size_t i = 0; e == ERR_OK && i < p->n_field; i++) {
        e = link_field(s, m, p->field[i], &fields[i]);
    }
    if (e != ERR_OK) {
        return e;
    }
    qsort(fields, p->n_field, sizeof *fields, by_number);
    for (size_t i = 0; i < p->n_field; i++) {
        fields[i].index = (uint32_t)i;
        if (i > 0 && fields[i].number == fields[i - 1].number) {
            return refuse(s, ERR_INVALID, "two fields share a number", m->pub.name);
        }
    }
    return index_names(s, m);
}

/* Exactly `key = 1` and `value = 2`, neither repeated; keys are what JSON can use as a name
 * (protobuf.dev, "Maps"). */
static enum err check_map_entry(struct schema *s, const struct schema_message *m)
{
    const struct schema_field *key = schema_field_by_number(m, 1);
    const struct schema_field *value = schema_field_by_number(m, 2);

    if (m->field_count != 2 || key == NULL || value == NULL || key->is_repeated ||
        value->is_repeated || key->oneof >= 0 || value->oneof >= 0 ||
        key->type == SCHEMA_DOUBLE || key->type == SCHEMA_FLOAT || key->type == SCHEMA_BYTES ||
        key->type == SCHEMA_MESSAGE || key->type == SCHEMA_ENUM) {
        return refuse(s, ERR_INVALID, "not a map entry", m->name);
    }
    return ERR_OK;
}

static int by_value(const void *a, const void *b)
{
    const struct schema_enum_value *x = a, *y = b;

    if (x->number != y->number) {
        return x->number < y->number ? -1 : 1;
    }
    return (x->order > y->order) - (x->order < y->order);
}

static enum err link_enum(struct schema *s, struct enum_entry *entry)
{
    const proto_enum *p = entry->source;
    struct schema_enum_value *values = s->values + s->used.values;

    if (p->n_value == 0) {
        return refuse(s, ERR_INVALID, "an enum without values", entry->pub.name);
    }
    s->used.values += p->n_value;
    entry->pub.values = values;
    entry->pub.value_count = p->n_value;
    for (size_t i = 0; i < p->n_value; i++) {
        if (!is_identifier(p->value[i]->name) || !p->value[i]->has_number) {
            return refuse(s, ERR_INVALID, "an enum value without name or number", entry->pub.name);
        }
        values[i] = (struct schema_enum_value){p->value[i]->name, p->value[i]->number, (uint32_t)i};
    }
    qsort(values, p->n_value, sizeof *values, by_value);
    return ERR_OK;
}

static enum err link_service(struct schema *s, struct service_entry *entry)
{
    const proto_service *p = entry->source;
    struct schema_service *service = &entry->pub;
    struct schema_method *methods = s->methods + s->used.methods;

    s->used.methods += p->n_method;
    service->methods = methods;
    service->method_count = p->n_method;
    for (size_t i = 0; i < p->n_method; i++) {
        const proto_method *m = p->method[i];

        methods[i].name = m->name;
        methods[i].request = message_of(s, m->input_type);
        methods[i].reply = message_of(s, m->output_type);
        methods[i].is_idempotent = m->options != NULL && m->options->has_idempotency_level &&
                                   m->options->idempotency_level != 0;
        if (!is_identifier(m->name) || methods[i].request == NULL || methods[i].reply == NULL) {
            return refuse(s, ERR_INVALID, "a method without name or types", service->name);
        }
    }
    qsort(methods, p->n_method, sizeof *methods, by_name);
    if (first_duplicate(methods, p->n_method, sizeof *methods) != NULL) {
        return refuse(s, ERR_INVALID, "two methods share a name", service->name);
    }
    return ERR_OK;
}

static enum err link_all(struct schema *s)
{
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < s->used.enums; i++) {
        e = link_enum(s, &s->enums[i]);
    }
    for (size_t i = 0; e == ERR_OK && i < s->used.messages; i++) {
        e = link_message(s, &s->messages[i]);
    }
    for (size_t i = 0; e == ERR_OK && i < s->used.messages; i++) {
        if (s->messages[i].pub.is_map_entry) {
            e = check_map_entry(s, &s->messages[i].pub);
        }
    }
    for (size_t i = 0; e == ERR_OK && i < s->used.services; i++) {
        e = link_service(s, &s->services[i]);
    }
    return e;
}

/* ---- the whole ------------------------------------------------------------------------------ */

static enum err build(struct schema *s)
{
    struct counts total = count_all(s->set);

    if (!reserve(s, &total)) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < s->set->n_file; i++) {
        enum err e = name_file(s, s->set->file[i]);

        if (e != ERR_OK) {
            return e;
        }
    }
    enum err e = sort_types(s);
    if (e == ERR_OK) {
        e = link_all(s);
    }
    assert(s->used.messages <= total.messages && s->used.fields <= total.fields);
    assert(s->used.enums <= total.enums && s->used.methods <= total.methods);
    return e;
}

static enum err unpack_set(struct schema *s, const uint8_t *data, size_t size)
{
    char bad[UNPACK_WHY_SIZE];
    ProtobufCMessage *set;

    if (unpack_message(&cell__descriptor__file_descriptor_set__descriptor, NULL, data, size, &set, bad) != ERR_OK) {
        return refuse(s, ERR_MALFORMED, "the bytes are no descriptor set", bad);
    }
    s->set = (proto_set *)set;
    return ERR_OK;
}

enum err schema_parse(const uint8_t *data, size_t size, struct schema **ret,
                      char why[SCHEMA_WHY_SIZE])
{
    struct schema *s = calloc(1, sizeof *s);

    if (s == NULL) {
        snprintf(why, SCHEMA_WHY_SIZE, "schema: out of memory");
        return ERR_NOMEM;
    }
    s->why = why;
    snprintf(why, SCHEMA_WHY_SIZE, "schema: out of memory");
    enum err e = ERR_OK;
    if (size > SCHEMA_BYTES_MAX) {
        e = refuse(s, ERR_LIMIT, "larger than 1 MiB", "");
    } else if (!nesting_fits(data, size, FIELD_SET_FILE, 1)) {
        e = refuse(s, ERR_LIMIT, "messages are declared more than 32 deep", "");
    } else {
        e = unpack_set(s, data, size);
        e = e == ERR_OK ? build(s) : e;
    }
    if (e != ERR_OK) {
        schema_free(s);
        return e;
    }
    s->why = NULL;
    *ret = s;
    return ERR_OK;
}

void schema_free(struct schema *s)
{
    if (s == NULL) {
        return;
    }
    for (size_t i = 0; i < s->full_name_count; i++) {
        free(s->full_names[i]);
    }
    free(s->full_names);
    free(s->messages);
    free(s->enums);
    free(s->services);
    free(s->fields);
    free(s->names);
    free(s->oneofs);
    free(s->values);
    free(s->methods);
    if (s->set != NULL) {
        cell__descriptor__file_descriptor_set__free_unpacked(s->set, NULL);
    }
    free(s);
}

/* ---- lookups -------------------------------------------------------------------------------- */

static const void *find(const char *name, const void *table, size_t n, size_t size)
{
    return bsearch(&name, table, n, size, by_name);
}

const struct schema_message *schema_find_message(const struct schema *s, const char *name)
{
    return find(name, s->messages, s->used.messages, sizeof *s->messages);
}

const struct schema_enum *schema_find_enum(const struct schema *s, const char *name)
{
    return find(name, s->enums, s->used.enums, sizeof *s->enums);
}

const struct schema_service *schema_find_service(const struct schema *s, const char *name)
{
    return find(name, s->services, s->used.services, sizeof *s->services);
}

const struct schema_service *schema_service_at(const struct schema *s, size_t index)
{
    return index < s->used.services ? &s->services[index].pub : NULL;
}

const struct schema_method *schema_find_method(const struct schema_service *service,
                                               const char *name)
{
    return find(name, service->methods, service->method_count, sizeof *service->methods);
}

const struct schema_field *schema_field_by_number(const struct schema_message *m, uint32_t number)
{
    struct schema_field key = {.number = number};

    return bsearch(&key, m->fields, m->field_count, sizeof *m->fields, by_number);
}

const struct schema_field *schema_field_by_name(const struct schema_message *m, const char *name)
{
    const struct message_entry *entry = (const void *)m;
    const struct name_entry *found = find(name, entry->names, entry->name_count,
                                          sizeof *entry->names);

    return found != NULL ? found->field : NULL;
}

const struct schema_enum_value *schema_value_by_number(const struct schema_enum *e, int32_t number)
{
    size_t low = 0, high = e->value_count;

    /* Not bsearch: among values that share the number the first declared is wanted. */
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (e->values[middle].number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < e->value_count && e->values[low].number == number ? &e->values[low] : NULL;
}

const struct schema_enum_value *schema_value_by_name(const struct schema_enum *e, const char *name)
{
    for (size_t i = 0; i < e->value_count; i++) {
        if (strcmp(e->values[i].name, name) == 0) {
            return &e->values[i];
        }
    }
    return NULL;
}

const char *schema_type_name(const struct schema_field *f)
{
    switch (f->type) {
    case SCHEMA_DOUBLE: return "double";
    case SCHEMA_FLOAT: return "float";
    case SCHEMA_INT64: return "int64";
    case SCHEMA_UINT64: return "uint64";
    case SCHEMA_INT32: return "int32";
    case SCHEMA_FIXED64: return "fixed64";
    case SCHEMA_FIXED32: return "fixed32";
    case SCHEMA_BOOL: return "bool";
    case SCHEMA_STRING: return "string";
    case SCHEMA_MESSAGE: return f->message->name;
    case SCHEMA_BYTES: return "bytes";
    case SCHEMA_UINT32: return "uint32";
    case SCHEMA_ENUM: return f->values->name;
    case SCHEMA_SFIXED32: return "sfixed32";
    case SCHEMA_SFIXED64: return "sfixed64";
    case SCHEMA_SINT32: return "sint32";
    case SCHEMA_SINT64: return "sint64";
    }
    return "?";
}
