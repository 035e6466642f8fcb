/* Two sorted lists side by side, again and again: services, operations, fields, values. Types that are compared under two names come up on
 * the way and wait in a list: a schema may be as deep as it likes. */
#include "codegen/compat.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "codegen/word.h"

static const struct {
    const char *name, *text;
    enum codegen_compat_level level;
} rules[] = {
#define X(name, level, text) {#name, text, CODEGEN_##level},
    CODEGEN_COMPAT_RULES(X)
#undef X
};

/* Two types of which one stands where the other stood. Those of one `before` are a list. */
struct pair {
    const void *before, *after;
    bool is_enum;
    struct pair *next;
};

struct checking {
    const struct codegen_schema *before, *after;
    struct arena *arena;
    struct codegen_findings found;
    struct pair **messages, **enums; /* of each `before`, by index: its pairs so far */
    struct pair *first, **last;      /* all of them: what is behind is done          */
    uint64_t steps;
    enum err e;
};

const char *codegen_compat_name(enum codegen_compat_rule rule)
{
    return (size_t)rule < ARRAY_LEN(rules) ? rules[rule].name : "";
}

enum codegen_compat_level codegen_compat_level(enum codegen_compat_rule rule)
{
    assert((size_t)rule < ARRAY_LEN(rules));
    return rules[rule].level;
}

const char *codegen_compat_level_name(enum codegen_compat_level level)
{
    static const char *const names[CODEGEN_LEVEL_END] = {"fine", "careful", "breaking"};

    return (unsigned)level < CODEGEN_LEVEL_END ? names[level] : "";
}

static void find(struct checking *c, enum codegen_compat_rule rule, const char *format, ...) PRINTF_LIKE(3, 4);

static void find(struct checking *c, enum codegen_compat_rule rule, const char *format, ...)
{
    char text[8 * CODEGEN_SCHEMA_NAME_MAX];
    va_list args;

    c->found.counts[rules[rule].level]++;
    if (c->found.count == CODEGEN_COMPAT_FINDINGS_MAX || c->e != ERR_OK) {
        return;
    }
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    assert(len > 0 && (size_t)len < sizeof text);
    snprintf(text + len, sizeof text - (size_t)len, ": %s", rules[rule].text);
    char *copy = arena_alloc(c->arena, strlen(text) + 1);
    struct codegen_finding *f = copy != NULL ? codegen_schema_grow(c->arena, (void **)&c->found.items, &c->found.count, &c->found.room, sizeof *f) : NULL;

    if (f == NULL) {
        c->e = ERR_NOMEM;
        return;
    }
    memcpy(copy, text, strlen(text) + 1);
    *f = (struct codegen_finding){rule, rules[rule].level, copy};
}

static bool step(struct checking *c)
{
    c->e = c->e == ERR_OK && ++c->steps > CODEGEN_COMPAT_STEPS_MAX ? ERR_LIMIT : c->e;
    return c->e == ERR_OK;
}

/* These two are compared once, soon. */
static void pair(struct checking *c, const void *before, const void *after, bool is_enum)
{
    struct pair **of = is_enum ? &c->enums[(const struct codegen_enum *)before - c->before->enums]
                               : &c->messages[(const struct codegen_message *)before - c->before->messages];

    for (const struct pair *p = *of; p != NULL; p = p->next) {
        if (p->after == after || !step(c)) {
            return;
        }
    }
    struct pair *made = arena_alloc(c->arena, 2 * sizeof *made);
    if (made == NULL) {
        c->e = ERR_NOMEM;
        return;
    }
    /* One that is looked up, one that is worked off: each is in one list. */
    made[0] = made[1] = (struct pair){before, after, is_enum, NULL};
    made[0].next = *of;
    *of = &made[0];
    *c->last = &made[1];
    c->last = &made[1].next;
}

/* ---- what may not come again ---------------------------------------------------------------- */

static bool is_reserved(const struct codegen_reserved *r, int64_t number)
{
    size_t low = 0, high = r->range_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (r->ranges[middle].last < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < r->range_count && r->ranges[low].first <= number;
}

static void check_reserved(struct checking *c, const struct codegen_reserved *a, const struct codegen_reserved *b, const char *where)
{
    size_t k = 0;

    for (size_t i = 0; i < a->range_count && step(c); i++) {
        int64_t at = a->ranges[i].first;

        while (k < b->range_count && b->ranges[k].last < at) {
            k++;
        }
        /* Ranges of both are apart and joined where they touch: one of b has all of it or it is not whole. */
        if (k == b->range_count || b->ranges[k].first > at || b->ranges[k].last < a->ranges[i].last) {
            find(c, CODEGEN_COMPAT_RESERVED_REMOVED, "reserved %" PRId32 " to %" PRId32 " of %s is not reserved any more", a->ranges[i].first,
                 a->ranges[i].last, where);
        }
    }
    k = 0;
    for (size_t i = 0; i < a->name_count && step(c); i++) {
        while (k < b->name_count && strcmp(b->names[k], a->names[i]) < 0) {
            k++;
        }
        if (k == b->name_count || strcmp(b->names[k], a->names[i]) != 0) {
            find(c, CODEGEN_COMPAT_RESERVED_REMOVED, "reserved name %s of %s is not reserved any more", a->names[i], where);
        }
    }
}

/* ---- enums ---------------------------------------------------------------------------------- */

static const struct codegen_value *value_named(const struct codegen_enum *e, const char *name)
{
    size_t low = 0, high = e->value_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(e->by_name[middle]->name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < e->value_count && strcmp(e->by_name[low]->name, name) == 0 ? e->by_name[low] : NULL;
}

static void check_values(struct checking *c, const struct codegen_enum *a, const struct codegen_enum *b)
{
    for (size_t i = 0; i < a->value_count && step(c); i++) {
        const struct codegen_value *v = &a->values[i], *same = value_named(b, v->name), *there = codegen_schema_value(b, v->number);

        if (same != NULL && same->number != v->number) {
            find(c, CODEGEN_COMPAT_VALUE_NUMBER, "value %s of %s was %" PRId32 " and is %" PRId32, v->name, b->name, v->number, same->number);
        } else if (same == NULL && there != NULL) {
            find(c, CODEGEN_COMPAT_VALUE_RENAMED, "value %" PRId32 " of %s was %s and is %s", v->number, b->name, v->name, there->name);
        } else if (same == NULL && is_reserved(&b->reserved, v->number)) {
            find(c, CODEGEN_COMPAT_VALUE_RETIRED, "value %" PRId32 " %s of %s is gone and reserved", v->number, v->name, b->name);
        } else if (same == NULL) {
            find(c, CODEGEN_COMPAT_VALUE_REMOVED, "value %" PRId32 " %s of %s is gone", v->number, v->name, b->name);
        }
    }
    for (size_t i = 0; i < b->value_count && step(c); i++) {
        const struct codegen_value *v = &b->values[i];

        if (is_reserved(&a->reserved, v->number)) {
            find(c, CODEGEN_COMPAT_VALUE_REUSED, "value %" PRId32 " %s of %s is new", v->number, v->name, b->name);
        } else if (codegen_schema_value(a, v->number) == NULL && value_named(a, v->name) == NULL) {
            find(c, a->is_closed || b->is_closed ? CODEGEN_COMPAT_VALUE_ADDED_CLOSED : CODEGEN_COMPAT_VALUE_ADDED, "value %" PRId32 " %s of %s is new", v->number,
                 v->name, b->name);
        }
    }
}

static void check_enum(struct checking *c, const struct codegen_enum *a, const struct codegen_enum *b)
{
    const struct codegen_value *first_a = value_named(a, a->first), *first_b = value_named(b, b->first);

    if (a->is_closed != b->is_closed) {
        find(c, b->is_closed ? CODEGEN_COMPAT_ENUM_CLOSED : CODEGEN_COMPAT_ENUM_OPEN, "enum %s was %s and is %s", b->name, a->is_closed ? "closed" : "open",
             b->is_closed ? "closed" : "open");
    }
    if (first_a->number != first_b->number) {
        find(c, CODEGEN_COMPAT_ENUM_FIRST, "enum %s began with %s and begins with %s", b->name, a->first, b->first);
    }
    check_values(c, a, b);
    check_reserved(c, &a->reserved, &b->reserved, b->name);
}

/* ---- fields --------------------------------------------------------------------------------- */

/* Types of one group have the same bytes for the same small values. protobuf.dev, "Updating A Message Type". */
static int group(enum codegen_type type)
{
    switch (type) {
    case CODEGEN_INT32:
    case CODEGEN_INT64:
    case CODEGEN_UINT32:
    case CODEGEN_UINT64:
    case CODEGEN_BOOL:
    case CODEGEN_ENUM:
        return 1;
    case CODEGEN_SINT32:
    case CODEGEN_SINT64:
        return 2;
    case CODEGEN_FIXED32:
    case CODEGEN_SFIXED32:
        return 3;
    case CODEGEN_FIXED64:
    case CODEGEN_SFIXED64:
        return 4;
    case CODEGEN_STRING:
    case CODEGEN_BYTES:
        return 5;
    case CODEGEN_DOUBLE:
    case CODEGEN_FLOAT:
    case CODEGEN_MESSAGE:
    case CODEGEN_TYPE_END:
        break;
    }
    return 100 + (int)type;
}

static const char *type_name(const struct codegen_field *f)
{
    return *f->type_name != '\0' ? f->type_name : codegen_word_type(f->type);
}

static void check_type(struct checking *c, const struct codegen_field *a, const struct codegen_field *b, const char *where)
{
    enum codegen_compat_rule rule = CODEGEN_COMPAT_FIELD_TYPE;
    bool is_same = a->type == b->type;

    if (is_same && a->message != NULL) {
        pair(c, a->message, b->message, false);
    } else if (is_same && a->values != NULL) {
        pair(c, a->values, b->values, true);
    }
    if (is_same && a->message != NULL && a->message->is_map_entry != b->message->is_map_entry) {
        rule = CODEGEN_COMPAT_FIELD_MAP;
    } else if (is_same && strcmp(a->type_name, b->type_name) == 0) {
        return;
    } else if (is_same) {
        rule = CODEGEN_COMPAT_FIELD_TYPE_NAME;
    } else if (group(a->type) == group(b->type) && a->type == CODEGEN_STRING) {
        rule = CODEGEN_COMPAT_FIELD_TYPE_TEXT;
    } else if (group(a->type) == group(b->type) && a->type != CODEGEN_BYTES) {
        rule = CODEGEN_COMPAT_FIELD_TYPE_WIDTH;
    }
    find(c, rule, "field %" PRIu32 " \"%s\" of %s was %s and is %s", b->number, b->name, where, type_name(a), type_name(b));
}

static void check_label(struct checking *c, const struct codegen_field *a, const struct codegen_field *b, const char *where)
{
    static const char *const words[CODEGEN_LABEL_END] = {"plain", "optional", "required", "repeated"};
    enum codegen_compat_rule rule = CODEGEN_COMPAT_FIELD_PRESENCE;

    if (a->label == b->label) {
        if (a->is_packed != b->is_packed) {
            find(c, CODEGEN_COMPAT_FIELD_PACKED, "field %" PRIu32 " \"%s\" of %s is %spacked", b->number, b->name, where, b->is_packed ? "" : "not ");
        }
        return;
    }
    if (a->label == CODEGEN_REPEATED || b->label == CODEGEN_REPEATED) {
        rule = CODEGEN_COMPAT_FIELD_REPEATED;
    } else if (a->label == CODEGEN_REQUIRED || b->label == CODEGEN_REQUIRED) {
        rule = CODEGEN_COMPAT_FIELD_REQUIRED;
    }
    find(c, rule, "field %" PRIu32 " \"%s\" of %s was %s and is %s", b->number, b->name, where, words[a->label], words[b->label]);
}

/* How many fields a oneof has. */
static size_t members(struct checking *c, const struct codegen_message *m, int32_t oneof)
{
    size_t count = 0;

    for (size_t i = 0; i < m->field_count && step(c); i++) {
        count += m->fields[i].oneof == oneof;
    }
    return count;
}

/* Whether a field that both have excludes, in one of them, another one that both have and that it does not exclude in the other. */
static void check_oneof(struct checking *c, const struct codegen_message *a, const struct codegen_message *b, const struct codegen_field *fa,
                        const struct codegen_field *fb)
{
    bool is_torn = false, is_held = false, has_moved = (fa->oneof < 0) != (fb->oneof < 0);

    if (fa->oneof < 0 && fb->oneof < 0) {
        return;
    }
    for (size_t i = 0, k = 0; i < a->field_count && k < b->field_count && step(c);) {
        const struct codegen_field *x = &a->fields[i], *y = &b->fields[k];

        if (x->number == y->number && x->number != fa->number) {
            bool was = fa->oneof >= 0 && x->oneof == fa->oneof, is = fb->oneof >= 0 && y->oneof == fb->oneof;

            /* One that comes or goes says so itself; those that stay need not say it again. */
            is_torn |= was != is && (has_moved || (x->oneof >= 0 && y->oneof >= 0));
            is_held |= was && is;
        }
        i += x->number <= y->number;
        k += y->number <= x->number;
    }
    bool was_alone = fa->oneof < 0 || members(c, a, fa->oneof) == 1, is_alone = fb->oneof < 0 || members(c, b, fb->oneof) == 1;

    /* Into or out of a oneof that has others, even others that are new or gone: they are sent by one side and clear it at the other. */
    is_torn |= has_moved && !(was_alone && is_alone);
    if (is_torn) {
        find(c, CODEGEN_COMPAT_FIELD_ONEOF, "field %" PRIu32 " \"%s\" of %s was in %s and is in %s", fb->number, fb->name, b->name,
             fa->oneof >= 0 ? a->oneofs[fa->oneof] : "no oneof", fb->oneof >= 0 ? b->oneofs[fb->oneof] : "no oneof");
    } else if (has_moved && !is_held) {
        find(c, CODEGEN_COMPAT_FIELD_ONEOF_ALONE, "field %" PRIu32 " \"%s\" of %s is %s", fb->number, fb->name, b->name,
             fb->oneof >= 0 ? "a oneof's only one" : "in no oneof any more");
    }
}

static void check_field(struct checking *c, const struct codegen_message *a, const struct codegen_message *b, const struct codegen_field *fa,
                        const struct codegen_field *fb)
{
    const char *default_a = fa->default_text != NULL ? fa->default_text : "", *default_b = fb->default_text != NULL ? fb->default_text : "";

    if (strcmp(fa->name, fb->name) != 0 && !b->is_map_entry) {
        find(c, CODEGEN_COMPAT_FIELD_RENAMED, "field %" PRIu32 " of %s was \"%s\" and is \"%s\"", fb->number, b->name, fa->name, fb->name);
    }
    check_type(c, fa, fb, b->name);
    check_label(c, fa, fb, b->name);
    check_oneof(c, a, b, fa, fb);
    if (strcmp(default_a, default_b) != 0) {
        find(c, CODEGEN_COMPAT_FIELD_DEFAULT, "field %" PRIu32 " \"%s\" of %s has another default", fb->number, fb->name, b->name);
    }
}

/* By name, of a message whose fields are by number: made once for each message that loses a field. */
static int by_name(const void *a, const void *b)
{
    return strcmp((*(const struct codegen_field *const *)a)->name, (*(const struct codegen_field *const *)b)->name);
}

static const struct codegen_field *field_named(struct checking *c, const struct codegen_message *m, const struct codegen_field ***names, const char *name)
{
    struct codegen_field key = {.name = name};
    const struct codegen_field *wanted = &key, **found;

    if (*names == NULL) {
        *names = arena_alloc(c->arena, (m->field_count + 1) * sizeof **names);
        if (*names == NULL) {
            c->e = ERR_NOMEM;
            return NULL;
        }
        for (size_t i = 0; i < m->field_count; i++) {
            (*names)[i] = &m->fields[i];
        }
        qsort(*names, m->field_count, sizeof **names, by_name);
    }
    found = bsearch(&wanted, *names, m->field_count, sizeof **names, by_name);
    return found != NULL ? *found : NULL;
}

static void check_gone(struct checking *c, const struct codegen_field *f, const struct codegen_message *b, const struct codegen_field *same)
{
    enum codegen_compat_rule rule = CODEGEN_COMPAT_FIELD_REMOVED;

    if (same != NULL) {
        find(c, CODEGEN_COMPAT_FIELD_NUMBER, "field \"%s\" of %s was %" PRIu32 " and is %" PRIu32, f->name, b->name, f->number, same->number);
        return;
    }
    if (f->label == CODEGEN_REQUIRED) {
        rule = CODEGEN_COMPAT_FIELD_REMOVED_REQUIRED;
    } else if (is_reserved(&b->reserved, f->number)) {
        rule = CODEGEN_COMPAT_FIELD_RETIRED;
    }
    find(c, rule, "field %" PRIu32 " \"%s\" of %s is gone%s", f->number, f->name, b->name, rule == CODEGEN_COMPAT_FIELD_RETIRED ? " and reserved" : "");
}

static void check_new(struct checking *c, const struct codegen_message *a, const struct codegen_field *f, const struct codegen_message *b)
{
    enum codegen_compat_rule rule = CODEGEN_COMPAT_FIELD_ADDED;
    bool has_others = false;

    if (is_reserved(&a->reserved, f->number)) {
        rule = CODEGEN_COMPAT_FIELD_REUSED;
    } else if (f->label == CODEGEN_REQUIRED) {
        rule = CODEGEN_COMPAT_FIELD_ADDED_REQUIRED;
    } else if (f->oneof >= 0) {
        for (size_t i = 0; i < b->field_count && !has_others && step(c); i++) {
            has_others = b->fields[i].oneof == f->oneof && codegen_schema_field(a, b->fields[i].number) != NULL;
        }
        rule = has_others ? CODEGEN_COMPAT_FIELD_ADDED_ONEOF : rule;
    }
    find(c, rule, "field %" PRIu32 " \"%s\" of %s is new", f->number, f->name, b->name);
}

static void check_message(struct checking *c, const struct codegen_message *a, const struct codegen_message *b)
{
    const struct codegen_field **names = NULL;
    size_t i = 0, k = 0;

    while ((i < a->field_count || k < b->field_count) && step(c)) {
        const struct codegen_field *fa = i < a->field_count ? &a->fields[i] : NULL, *fb = k < b->field_count ? &b->fields[k] : NULL;

        if (fb == NULL || (fa != NULL && fa->number < fb->number)) {
            check_gone(c, fa, b, field_named(c, b, &names, fa->name));
            i++;
        } else if (fa == NULL || fb->number < fa->number) {
            check_new(c, a, fb, b);
            k++;
        } else {
            check_field(c, a, b, fa, fb);
            i++;
            k++;
        }
    }
    check_reserved(c, &a->reserved, &b->reserved, b->name);
}

/* ---- services ------------------------------------------------------------------------------- */

static void check_operation(struct checking *c, const struct codegen_operation *a, const struct codegen_operation *b, const char *where)
{
    if (a->number != b->number) {
        find(c, CODEGEN_COMPAT_OPERATION_NUMBER, "operation %s of %s was %" PRIu32 " and is %" PRIu32, b->name, where, a->number, b->number);
    }
    if (strcmp(a->request_name, b->request_name) != 0) {
        find(c, CODEGEN_COMPAT_OPERATION_REQUEST, "operation %s of %s took %s and takes %s", b->name, where, a->request_name, b->request_name);
    }
    if (strcmp(a->reply_name, b->reply_name) != 0) {
        find(c, CODEGEN_COMPAT_OPERATION_REPLY, "operation %s of %s gave %s and gives %s", b->name, where, a->reply_name, b->reply_name);
    }
    if (a->takes_stream != b->takes_stream || a->gives_stream != b->gives_stream) {
        find(c, CODEGEN_COMPAT_OPERATION_STREAM, "operation %s of %s has another way of streaming", b->name, where);
    }
    if (a->idempotency != CODEGEN_ONCE && b->idempotency == CODEGEN_ONCE) {
        find(c, CODEGEN_COMPAT_OPERATION_ONCE, "operation %s of %s is not marked idempotent any more", b->name, where);
    } else if (a->idempotency == CODEGEN_NO_SIDE_EFFECTS && b->idempotency == CODEGEN_IDEMPOTENT) {
        find(c, CODEGEN_COMPAT_OPERATION_EFFECTS, "operation %s of %s has effects", b->name, where);
    } else if (a->idempotency != b->idempotency) {
        find(c, CODEGEN_COMPAT_OPERATION_REPEATABLE, "operation %s of %s may be repeated", b->name, where);
    }
    pair(c, a->request, b->request, false);
    pair(c, a->reply, b->reply, false);
}

struct numbered {
    uint32_t number;
    const char *service;
    const struct codegen_operation *operation;
};

static int by_number(const void *a, const void *b)
{
    const struct numbered *x = a, *y = b;

    return (x->number > y->number) - (x->number < y->number);
}

/* Numbers that another operation had. */
static void check_numbers(struct checking *c)
{
    const struct codegen_schema *s = c->before;
    size_t count = 0, at = 0;

    for (size_t i = 0; i < s->service_count; i++) {
        count += s->services[i].operation_count;
    }
    struct numbered *had = arena_alloc(c->arena, (count + 1) * sizeof *had);
    if (had == NULL) {
        c->e = ERR_NOMEM;
        return;
    }
    for (size_t i = 0; i < s->service_count; i++) {
        for (size_t k = 0; k < s->services[i].operation_count; k++) {
            const struct codegen_operation *o = &s->services[i].operations[k];

            had[at++] = (struct numbered){o->number, s->services[i].name, o};
        }
    }
    qsort(had, count, sizeof *had, by_number);
    for (size_t i = 0; i < c->after->service_count; i++) {
        const struct codegen_service *service = &c->after->services[i];

        for (size_t k = 0; k < service->operation_count && step(c); k++) {
            const struct codegen_operation *o = &service->operations[k];
            struct numbered key = {.number = o->number};
            const struct numbered *found = bsearch(&key, had, count, sizeof *had, by_number);

            if (found != NULL && (strcmp(found->operation->name, o->name) != 0 || strcmp(found->service, service->name) != 0)) {
                find(c, CODEGEN_COMPAT_OPERATION_NUMBER_REUSED, "operation %s of %s has %" PRIu32 ", which was %s of %s", o->name, service->name, o->number,
                     found->operation->name, found->service);
            }
        }
    }
}

static void check_service(struct checking *c, const struct codegen_service *a, const struct codegen_service *b)
{
    size_t i = 0, k = 0;

    while ((i < a->operation_count || k < b->operation_count) && step(c)) {
        int order = i == a->operation_count ? 1 : k == b->operation_count ? -1 : strcmp(a->operations[i].name, b->operations[k].name);

        if (order < 0) {
            find(c, CODEGEN_COMPAT_OPERATION_REMOVED, "operation %s of %s is gone", a->operations[i].name, b->name);
        } else if (order > 0) {
            find(c, CODEGEN_COMPAT_OPERATION_ADDED, "operation %s of %s is new", b->operations[k].name, b->name);
        } else {
            check_operation(c, &a->operations[i], &b->operations[k], b->name);
        }
        i += order <= 0;
        k += order >= 0;
    }
}

/* ---- the whole ------------------------------------------------------------------------------ */

/* Walk two tables that are sorted by the name they begin with. */
static void merge(struct checking *c, const void *a, size_t a_count, const void *b, size_t b_count, size_t size,
                  void (*both)(struct checking *c, const void *a, const void *b), enum codegen_compat_rule gone, enum codegen_compat_rule made,
                  const char *what)
{
    size_t i = 0, k = 0;

    while ((i < a_count || k < b_count) && step(c)) {
        const char *const *x = i < a_count ? (const void *)((const char *)a + i * size) : NULL;
        const char *const *y = k < b_count ? (const void *)((const char *)b + k * size) : NULL;
        int order = x == NULL ? 1 : y == NULL ? -1 : strcmp(*x, *y);

        if (order < 0) {
            find(c, gone, "%s %s is gone", what, *x);
        } else if (order > 0) {
            find(c, made, "%s %s is new", what, *y);
        } else {
            both(c, x, y);
        }
        i += order <= 0;
        k += order >= 0;
    }
}

static void both_services(struct checking *c, const void *a, const void *b)
{
    check_service(c, a, b);
}

static void both_messages(struct checking *c, const void *a, const void *b)
{
    pair(c, a, b, false);
}

static void both_enums(struct checking *c, const void *a, const void *b)
{
    pair(c, a, b, true);
}

static void both_limits(struct checking *c, const void *a, const void *b)
{
    const struct codegen_limit *x = a, *y = b;

    if (x->value != y->value) {
        find(c, y->value < x->value ? CODEGEN_COMPAT_LIMIT_LOWERED : CODEGEN_COMPAT_LIMIT_RAISED, "limit %s was %" PRIu64 " and is %" PRIu64, y->name, x->value,
             y->value);
    }
}

enum err codegen_compat_check(const struct codegen_schema *before, const struct codegen_schema *after, struct arena *arena, struct codegen_findings *ret)
{
    struct checking c = {.before = before, .after = after, .arena = arena, .e = ERR_OK};

    c.last = &c.first;
    c.messages = arena_alloc(arena, (before->message_count + 1) * sizeof *c.messages);
    c.enums = arena_alloc(arena, (before->enum_count + 1) * sizeof *c.enums);
    if (c.messages == NULL || c.enums == NULL) {
        return ERR_NOMEM;
    }
    memset(c.messages, 0, (before->message_count + 1) * sizeof *c.messages);
    memset(c.enums, 0, (before->enum_count + 1) * sizeof *c.enums);
    merge(&c, before->services, before->service_count, after->services, after->service_count, sizeof *after->services, both_services,
          CODEGEN_COMPAT_SERVICE_REMOVED, CODEGEN_COMPAT_SERVICE_ADDED, "service");
    check_numbers(&c);
    merge(&c, before->messages, before->message_count, after->messages, after->message_count, sizeof *after->messages, both_messages,
          CODEGEN_COMPAT_MESSAGE_REMOVED, CODEGEN_COMPAT_MESSAGE_ADDED, "message");
    merge(&c, before->enums, before->enum_count, after->enums, after->enum_count, sizeof *after->enums, both_enums, CODEGEN_COMPAT_ENUM_REMOVED,
          CODEGEN_COMPAT_ENUM_ADDED, "enum");
    for (const struct pair *p = c.first; p != NULL && c.e == ERR_OK; p = p->next) {
        if (p->is_enum) {
            check_enum(&c, p->before, p->after);
        } else {
            check_message(&c, p->before, p->after);
        }
    }
    merge(&c, before->limits, before->limit_count, after->limits, after->limit_count, sizeof *after->limits, both_limits, CODEGEN_COMPAT_LIMIT_REMOVED,
          CODEGEN_COMPAT_LIMIT_ADDED, "limit");
    if (c.e == ERR_OK) {
        *ret = c.found;
    }
    return c.e;
}
