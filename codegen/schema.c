/* From what a reader has filled in, in any order, to one order and links: two sources of the same schema are equal afterwards. */
#include "codegen/schema.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "codegen/word.h"

enum {
    OWN_FIRST = 19000, /* field numbers that protobuf keeps for itself */
    OWN_LAST = 19999,
    ROOM_FIRST = 8,
};

void codegen_schema_init(struct codegen_schema *s, struct arena *arena, char why[CODEGEN_WHY_SIZE])
{
    *s = (struct codegen_schema){.arena = arena, .why = why};
    snprintf(why, CODEGEN_WHY_SIZE, "schema: no more memory than this");
}

void *codegen_schema_grow(struct arena *arena, void **list, size_t *count, size_t *room, size_t size)
{
    assert(*count <= *room);
    if (*count == CODEGEN_SCHEMA_ITEMS_MAX) {
        return NULL;
    }
    if (*count == *room) {
        size_t more = *room == 0 ? ROOM_FIRST : 2 * *room;
        void *larger = arena_alloc(arena, more * size);

        if (larger == NULL) {
            return NULL;
        }
        if (*count > 0) {
            memcpy(larger, *list, *count * size);
        }
        *list = larger;
        *room = more;
    }
    void *item = (char *)*list + *count * size;

    memset(item, 0, size);
    (*count)++;
    return item;
}

const char *codegen_schema_text(struct codegen_schema *s, const char *text, size_t len)
{
    char *copy = arena_alloc(s->arena, len + 1);

    if (copy != NULL) {
        if (len > 0) {
            memcpy(copy, text, len);
        }
        copy[len] = '\0';
    }
    return copy;
}

enum err codegen_schema_refuse(struct codegen_schema *s, enum err e, const char *what, const char *where)
{
    snprintf(s->why, CODEGEN_WHY_SIZE, "schema: %s%s%s", what, *where != '\0' ? " in " : "", where);
    for (char *c = s->why; *c != '\0'; c++) { /* a name that was not looked at yet may be anything */
        *c = *c < 0x20 || *c > 0x7e ? '?' : *c;
    }
    return e;
}

/* Every table begins with `const char *name`, so one comparison sorts and searches all. */
static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int by_field(const void *a, const void *b)
{
    uint32_t x = ((const struct codegen_field *)a)->number, y = ((const struct codegen_field *)b)->number;

    return (x > y) - (x < y);
}

static int by_value(const void *a, const void *b)
{
    const struct codegen_value *x = a, *y = b;

    return x->number != y->number ? (x->number > y->number) - (x->number < y->number) : strcmp(x->name, y->name);
}

static int by_value_name(const void *a, const void *b)
{
    return strcmp((*(const struct codegen_value *const *)a)->name, (*(const struct codegen_value *const *)b)->name);
}

static int by_range(const void *a, const void *b)
{
    const struct codegen_range *x = a, *y = b;

    return (x->first > y->first) - (x->first < y->first);
}

/* Sort by name and return the name that is there twice, or NULL. */
static const char *sort_names(void *table, size_t n, size_t size)
{
    if (n > 1) {
        qsort(table, n, size, by_name);
    }
    for (size_t i = 1; i < n; i++) {
        const char *at = (const char *)table + i * size;

        if (by_name(at - size, at) == 0) {
            return *(const char *const *)at;
        }
    }
    return NULL;
}

static const void *find(const void *table, size_t n, size_t size, const char *name)
{
    return n > 0 ? bsearch(&name, table, n, size, by_name) : NULL;
}

/* The name that two items of a table have whose order is another one. */
static enum err shared_name(struct codegen_schema *s, const void *table, size_t n, size_t size, const char **ret)
{
    const char **names = arena_alloc(s->arena, n * sizeof *names);

    if (names == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        names[i] = *(const char *const *)((const char *)table + i * size);
    }
    *ret = sort_names(names, n, sizeof *names);
    return ERR_OK;
}

/* ---- what may not come again ---------------------------------------------------------------- */

static enum err seal_reserved(struct codegen_schema *s, struct codegen_reserved *r, const char *where)
{
    size_t kept = 0;

    if (r->range_count > 1) {
        qsort(r->ranges, r->range_count, sizeof *r->ranges, by_range);
    }
    for (size_t i = 0; i < r->range_count; i++) {
        struct codegen_range range = r->ranges[i];

        if (range.first > range.last || (kept > 0 && range.first <= r->ranges[kept - 1].last)) {
            return codegen_schema_refuse(s, ERR_INVALID, "reserved numbers are no ranges apart from each other", where);
        }
        if (kept > 0 && range.first == r->ranges[kept - 1].last + 1) {
            r->ranges[kept - 1].last = range.last; /* "2, 3" is "2 to 3" */
        } else {
            r->ranges[kept++] = range;
        }
    }
    r->range_count = kept;
    for (size_t i = 0; i < r->name_count; i++) {
        if (!codegen_word_valid(r->names[i], strlen(r->names[i]))) {
            return codegen_schema_refuse(s, ERR_INVALID, "a reserved name is no identifier", where);
        }
    }
    if (sort_names(r->names, r->name_count, sizeof *r->names) != NULL) {
        return codegen_schema_refuse(s, ERR_INVALID, "a name is reserved twice", where);
    }
    return ERR_OK;
}

static bool is_reserved(const struct codegen_reserved *r, int64_t number, const char *name)
{
    size_t low = 0, high = r->range_count;

    while (low < high) { /* the first that does not end before it */
        size_t middle = low + (high - low) / 2;

        if (r->ranges[middle].last < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return (low < r->range_count && r->ranges[low].first <= number) || find(r->names, r->name_count, sizeof *r->names, name) != NULL;
}

/* ---- enums ---------------------------------------------------------------------------------- */

static enum err seal_enum(struct codegen_schema *s, struct codegen_enum *e)
{
    bool has_first = false;

    if (e->value_count == 0) {
        return codegen_schema_refuse(s, ERR_INVALID, "an enum without values", e->name);
    }
    enum err error = seal_reserved(s, &e->reserved, e->name);
    for (size_t i = 0; error == ERR_OK && i < e->value_count; i++) {
        const struct codegen_value *v = &e->values[i];

        if (!codegen_word_valid(v->name, strlen(v->name))) {
            return codegen_schema_refuse(s, ERR_INVALID, "a value's name is no identifier", e->name);
        }
        if (is_reserved(&e->reserved, v->number, v->name)) {
            return codegen_schema_refuse(s, ERR_INVALID, "a value has what is reserved", e->name);
        }
        if (e->first != NULL && strcmp(v->name, e->first) == 0) {
            has_first |= e->is_closed || v->number == 0;
        }
    }
    if (error == ERR_OK && !has_first) {
        return codegen_schema_refuse(s, ERR_INVALID, "the first value is not there, or is not 0", e->name);
    }
    if (error != ERR_OK) {
        return error;
    }
    qsort(e->values, e->value_count, sizeof *e->values, by_value);
    e->by_name = arena_alloc(s->arena, e->value_count * sizeof *e->by_name);
    if (e->by_name == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < e->value_count; i++) {
        e->by_name[i] = &e->values[i];
    }
    qsort(e->by_name, e->value_count, sizeof *e->by_name, by_value_name);
    for (size_t i = 1; i < e->value_count; i++) {
        if (strcmp(e->by_name[i]->name, e->by_name[i - 1]->name) == 0) {
            return codegen_schema_refuse(s, ERR_INVALID, "two values have one name", e->name);
        }
    }
    return ERR_OK;
}

/* ---- messages ------------------------------------------------------------------------------- */

static bool is_packable(enum codegen_type type)
{
    return type != CODEGEN_STRING && type != CODEGEN_BYTES && type != CODEGEN_MESSAGE;
}

static enum err link_type(struct codegen_schema *s, struct codegen_field *f, const char *where)
{
    if (*codegen_word_type(f->type) == '\0') {
        return codegen_schema_refuse(s, ERR_INVALID, "a field has no type that is known here (groups are not)", where);
    }
    f->message = f->type == CODEGEN_MESSAGE ? codegen_schema_message(s, f->type_name) : NULL;
    f->values = f->type == CODEGEN_ENUM ? codegen_schema_enum(s, f->type_name) : NULL;
    if (f->type != CODEGEN_MESSAGE && f->type != CODEGEN_ENUM && *f->type_name != '\0') {
        return codegen_schema_refuse(s, ERR_INVALID, "a field has a type and another one's name", where);
    }
    if ((f->type == CODEGEN_MESSAGE) != (f->message != NULL) || (f->type == CODEGEN_ENUM) != (f->values != NULL)) {
        return codegen_schema_refuse(s, ERR_INVALID, "a field's type is not declared", where);
    }
    if (f->message != NULL && f->message->is_map_entry && f->label != CODEGEN_REPEATED) {
        return codegen_schema_refuse(s, ERR_INVALID, "a map's entry is not repeated", where);
    }
    return ERR_OK;
}

static enum err seal_field(struct codegen_schema *s, const struct codegen_message *m, struct codegen_field *f)
{
    const char *fault = NULL;

    if (!codegen_word_valid(f->name, strlen(f->name))) {
        fault = "a field's name is no identifier";
    } else if (f->number < 1 || f->number > CODEGEN_SCHEMA_NUMBER_MAX || (f->number >= OWN_FIRST && f->number <= OWN_LAST)) {
        fault = "a field's number is out of range";
    } else if ((unsigned)f->label >= CODEGEN_LABEL_END) {
        fault = "a field has no label that is known";
    } else if (f->oneof >= 0 && ((size_t)f->oneof >= m->oneof_count || f->label != CODEGEN_OPTIONAL)) {
        fault = "a field's oneof is not declared, or it is repeated";
    } else if (f->is_packed && (f->label != CODEGEN_REPEATED || !is_packable(f->type))) {
        fault = "a field cannot be packed";
    } else if (f->default_text != NULL && (f->label == CODEGEN_REPEATED || f->type == CODEGEN_MESSAGE)) {
        fault = "a field cannot have a default";
    } else if (is_reserved(&m->reserved, f->number, f->name)) {
        fault = "a field has what is reserved";
    }
    return fault != NULL ? codegen_schema_refuse(s, ERR_INVALID, fault, m->name) : link_type(s, f, m->name);
}

/* Those that have a field, in order of names; the fields follow. */
static enum err seal_oneofs(struct codegen_schema *s, struct codegen_message *m)
{
    const char **kept = arena_alloc(s->arena, (m->oneof_count + 1) * sizeof *kept);
    size_t count = 0;

    if (kept == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < m->oneof_count; i++) {
        if (!codegen_word_valid(m->oneofs[i], strlen(m->oneofs[i]))) {
            return codegen_schema_refuse(s, ERR_INVALID, "a oneof's name is no identifier", m->name);
        }
    }
    bool *used = arena_alloc(s->arena, m->oneof_count + 1);
    if (used == NULL) {
        return ERR_NOMEM;
    }
    memset(used, 0, m->oneof_count + 1);
    for (size_t i = 0; i < m->field_count; i++) {
        if (m->fields[i].oneof >= 0) {
            used[m->fields[i].oneof] = true;
        }
    }
    for (size_t i = 0; i < m->oneof_count; i++) {
        if (used[i]) {
            kept[count++] = m->oneofs[i];
        }
    }
    if (count > CODEGEN_SCHEMA_ONEOFS_MAX) {
        return codegen_schema_refuse(s, ERR_LIMIT, "more than 256 oneofs", m->name);
    }
    if (sort_names(kept, count, sizeof *kept) != NULL) {
        return codegen_schema_refuse(s, ERR_INVALID, "two oneofs have one name", m->name);
    }
    for (size_t i = 0; i < m->field_count; i++) {
        struct codegen_field *f = &m->fields[i];

        if (f->oneof >= 0) {
            const char *const *at = find(kept, count, sizeof *kept, m->oneofs[f->oneof]);

            f->oneof = (int32_t)(at - kept);
        }
    }
    m->oneofs = kept;
    m->oneof_count = count;
    return ERR_OK;
}

static enum err seal_message(struct codegen_schema *s, struct codegen_message *m)
{
    const char *twice = NULL;
    enum err e = seal_reserved(s, &m->reserved, m->name);

    for (size_t i = 0; e == ERR_OK && i < m->field_count; i++) {
        e = seal_field(s, m, &m->fields[i]);
    }
    if (e == ERR_OK) {
        e = seal_oneofs(s, m);
    }
    if (e == ERR_OK && m->field_count > 0) {
        qsort(m->fields, m->field_count, sizeof *m->fields, by_field);
        e = shared_name(s, m->fields, m->field_count, sizeof *m->fields, &twice);
    }
    if (e == ERR_OK && twice != NULL) {
        return codegen_schema_refuse(s, ERR_INVALID, "two fields have one name", m->name);
    }
    for (size_t i = 1; e == ERR_OK && i < m->field_count; i++) {
        if (m->fields[i].number == m->fields[i - 1].number) {
            return codegen_schema_refuse(s, ERR_INVALID, "two fields have one number", m->name);
        }
    }
    return e;
}

/* `key = 1` and `value = 2`, of a key that JSON can name (protobuf.dev, "Maps"). */
static enum err check_map_entry(struct codegen_schema *s, const struct codegen_message *m)
{
    if (m->field_count != 2 || m->oneof_count > 0) {
        return codegen_schema_refuse(s, ERR_INVALID, "no map's entry", m->name);
    }
    const struct codegen_field *key = &m->fields[0], *value = &m->fields[1];

    if (key->number != 1 || value->number != 2 || strcmp(key->name, "key") != 0 ||
        strcmp(value->name, "value") != 0 || key->label == CODEGEN_REPEATED || value->label == CODEGEN_REPEATED || key->type == CODEGEN_DOUBLE ||
        key->type == CODEGEN_FLOAT || key->type == CODEGEN_BYTES || key->type == CODEGEN_MESSAGE || key->type == CODEGEN_ENUM ||
        (value->message != NULL && value->message->is_map_entry)) {
        return codegen_schema_refuse(s, ERR_INVALID, "no map's entry", m->name);
    }
    return ERR_OK;
}

/* ---- services ------------------------------------------------------------------------------- */

/* OP_<NAME> of the package's enum Op; 0: none. */
static uint32_t number_of(const struct codegen_schema *s, const struct codegen_service *service, const char *operation)
{
    char name[CODEGEN_SCHEMA_NAME_MAX + 8], word[2 * CODEGEN_SCHEMA_WORD_MAX + 1], constant[sizeof word + 4];
    struct codegen_value key = {.name = constant};
    const struct codegen_value *wanted = &key, *const *found;

    snprintf(name, sizeof name, "%.*s%sOp", (int)service->package_len, service->name, service->package_len > 0 ? "." : "");
    const struct codegen_enum *op = codegen_schema_enum(s, name);
    codegen_word_split(operation, true, word);
    snprintf(constant, sizeof constant, "OP_%s", word);
    found = op != NULL ? bsearch(&wanted, op->by_name, op->value_count, sizeof *op->by_name, by_value_name) : NULL;
    return found != NULL && (*found)->number > 0 ? (uint32_t)(*found)->number : 0;
}

static enum err seal_operation(struct codegen_schema *s, const struct codegen_service *service, struct codegen_operation *o)
{
    const char *fault = NULL;

    if (!codegen_word_valid(o->name, strlen(o->name))) {
        return codegen_schema_refuse(s, ERR_INVALID, "an operation's name is no identifier", service->name);
    }
    o->number = o->number != 0 ? o->number : number_of(s, service, o->name);
    o->request = codegen_schema_message(s, o->request_name);
    o->reply = codegen_schema_message(s, o->reply_name);
    if (o->request == NULL || o->reply == NULL || o->request->is_map_entry || o->reply->is_map_entry) {
        fault = "an operation's request or reply is not declared";
    } else if ((unsigned)o->idempotency >= CODEGEN_IDEMPOTENCY_END) {
        fault = "an operation has no idempotency that is known";
    } else if (o->number == 0) {
        char word[2 * CODEGEN_SCHEMA_WORD_MAX + 1];

        codegen_word_split(o->name, true, word);
        snprintf(s->why, CODEGEN_WHY_SIZE, "schema: %s of %s has no number: the package's enum Op has no OP_%s above 0", o->name, service->name, word);
        return ERR_INVALID;
    }
    return fault != NULL ? codegen_schema_refuse(s, ERR_INVALID, fault, service->name) : ERR_OK;
}

static enum err seal_service(struct codegen_schema *s, struct codegen_service *service)
{
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < service->operation_count; i++) {
        e = seal_operation(s, service, &service->operations[i]);
    }
    if (e == ERR_OK && sort_names(service->operations, service->operation_count, sizeof *service->operations) != NULL) {
        return codegen_schema_refuse(s, ERR_INVALID, "two operations have one name", service->name);
    }
    return e;
}

struct numbered {
    uint32_t number;
    const char *service;
};

static int by_number(const void *a, const void *b)
{
    const struct numbered *x = a, *y = b;

    return (x->number > y->number) - (x->number < y->number);
}

/* A number means one operation, whoever is asked. */
static enum err check_numbers(struct codegen_schema *s)
{
    size_t count = 0, at = 0;

    for (size_t i = 0; i < s->service_count; i++) {
        count += s->services[i].operation_count;
    }
    struct numbered *all = arena_alloc(s->arena, (count + 1) * sizeof *all);
    if (all == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < s->service_count; i++) {
        for (size_t k = 0; k < s->services[i].operation_count; k++) {
            all[at++] = (struct numbered){s->services[i].operations[k].number, s->services[i].name};
        }
    }
    qsort(all, count, sizeof *all, by_number);
    for (size_t i = 1; i < count; i++) {
        if (all[i].number == all[i - 1].number) {
            return codegen_schema_refuse(s, ERR_INVALID, "two operations have one number", all[i].service);
        }
    }
    return ERR_OK;
}

static enum err seal_limits(struct codegen_schema *s)
{
    for (size_t i = 0; i < s->limit_count; i++) {
        const char *name = s->limits[i].name;

        if (!codegen_word_valid(name, strlen(name)) || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(name)) {
            return codegen_schema_refuse(s, ERR_INVALID, "a limit's name is no word of small letters", "");
        }
    }
    if (sort_names(s->limits, s->limit_count, sizeof *s->limits) != NULL) {
        return codegen_schema_refuse(s, ERR_INVALID, "a limit is there twice", "");
    }
    return ERR_OK;
}

/* ---- the whole ------------------------------------------------------------------------------ */

static enum err check_types(struct codegen_schema *s, const void *table, size_t n, size_t size)
{
    for (size_t i = 0; i < n; i++) {
        const char *name = *(const char *const *)((const char *)table + i * size);

        if (!codegen_word_full_valid(name, strlen(name))) {
            return codegen_schema_refuse(s, ERR_INVALID, "a type's name is no name", "");
        }
    }
    return ERR_OK;
}

static enum err sort_types(struct codegen_schema *s)
{
    enum err e = check_types(s, s->messages, s->message_count, sizeof *s->messages);
    const char *twice;

    e = e == ERR_OK ? check_types(s, s->enums, s->enum_count, sizeof *s->enums) : e;
    e = e == ERR_OK ? check_types(s, s->services, s->service_count, sizeof *s->services) : e;
    if (e != ERR_OK) {
        return e;
    }
    twice = sort_names(s->messages, s->message_count, sizeof *s->messages);
    twice = twice == NULL ? sort_names(s->enums, s->enum_count, sizeof *s->enums) : twice;
    twice = twice == NULL ? sort_names(s->services, s->service_count, sizeof *s->services) : twice;
    for (size_t i = 0; twice == NULL && i < s->enum_count; i++) {
        twice = codegen_schema_message(s, s->enums[i].name) != NULL ? s->enums[i].name : NULL;
    }
    for (size_t i = 0; twice == NULL && i < s->service_count; i++) {
        const char *name = s->services[i].name;

        twice = codegen_schema_message(s, name) != NULL || codegen_schema_enum(s, name) != NULL ? name : NULL;
    }
    return twice == NULL ? ERR_OK : codegen_schema_refuse(s, ERR_INVALID, "declared twice", twice);
}

enum err codegen_schema_seal(struct codegen_schema *s)
{
    enum err e = sort_types(s);

    for (size_t i = 0; e == ERR_OK && i < s->enum_count; i++) {
        e = seal_enum(s, &s->enums[i]);
    }
    for (size_t i = 0; e == ERR_OK && i < s->message_count; i++) {
        e = seal_message(s, &s->messages[i]);
    }
    for (size_t i = 0; e == ERR_OK && i < s->message_count; i++) {
        e = s->messages[i].is_map_entry ? check_map_entry(s, &s->messages[i]) : ERR_OK;
    }
    for (size_t i = 0; e == ERR_OK && i < s->service_count; i++) {
        e = seal_service(s, &s->services[i]);
    }
    e = e == ERR_OK ? check_numbers(s) : e;
    return e == ERR_OK ? seal_limits(s) : e;
}

const struct codegen_message *codegen_schema_message(const struct codegen_schema *s, const char *name)
{
    return find(s->messages, s->message_count, sizeof *s->messages, name);
}

const struct codegen_enum *codegen_schema_enum(const struct codegen_schema *s, const char *name)
{
    return find(s->enums, s->enum_count, sizeof *s->enums, name);
}

const struct codegen_service *codegen_schema_service(const struct codegen_schema *s, const char *name)
{
    return find(s->services, s->service_count, sizeof *s->services, name);
}

const struct codegen_field *codegen_schema_field(const struct codegen_message *m, uint32_t number)
{
    struct codegen_field key = {.number = number};

    return m->field_count > 0 ? bsearch(&key, m->fields, m->field_count, sizeof key, by_field) : NULL;
}

const struct codegen_value *codegen_schema_value(const struct codegen_enum *e, int32_t number)
{
    size_t low = 0, high = e->value_count;

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
