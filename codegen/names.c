#include "codegen/names.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum {
    ROOM_FIRST = 64,
};

void codegen_names_init(struct codegen_names *n, struct arena *arena, const char *const *avoid, size_t avoid_count)
{
    *n = (struct codegen_names){.arena = arena, .avoid = avoid, .avoid_count = avoid_count};
    for (size_t i = 1; i < avoid_count; i++) {
        assert(strcmp(avoid[i - 1], avoid[i]) < 0);
    }
}

/* FNV-1a. A schema that is made to collide costs its own author time. */
static size_t hash(const char *text)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (; *text != '\0'; text++) {
        h = (h ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
    }
    return (size_t)(h ^ h >> 32);
}

/* Where it is, or would be. */
static const char **slot(const struct codegen_names *n, const char *text)
{
    size_t at = hash(text) & (n->room - 1);

    while (n->taken[at] != NULL && strcmp(n->taken[at], text) != 0) {
        at = (at + 1) & (n->room - 1);
    }
    return &n->taken[at];
}

static bool grow(struct codegen_names *n)
{
    struct codegen_names larger = *n;

    larger.room = n->room == 0 ? ROOM_FIRST : 2 * n->room;
    larger.taken = arena_alloc(n->arena, larger.room * sizeof *larger.taken);
    if (larger.taken == NULL) {
        return false;
    }
    memset(larger.taken, 0, larger.room * sizeof *larger.taken);
    for (size_t i = 0; i < n->room; i++) {
        if (n->taken[i] != NULL) {
            *slot(&larger, n->taken[i]) = n->taken[i];
        }
    }
    *n = larger;
    return true;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Whether nothing may have it. */
static bool is_taken(const struct codegen_names *n, const char *name)
{
    bool is_outside = n->outer != NULL && n->outer->room > 0 && *slot(n->outer, name) != NULL;

    return *slot(n, name) != NULL || is_outside || (n->avoid_count > 0 && bsearch(&name, n->avoid, n->avoid_count, sizeof *n->avoid, by_text) != NULL);
}

const char *codegen_names_take(struct codegen_names *n, const char *wanted)
{
    size_t len = strlen(wanted), room = len + 4;
    char *name = NULL;

    if (n->failed || (2 * n->count >= n->room && !grow(n))) {
        n->failed = true;
        return "";
    }
    for (size_t more = 0; name == NULL || is_taken(n, name); more++) {
        if (name == NULL || len + more >= room) {
            char *larger;

            room = name == NULL ? room : 2 * room;
            larger = arena_alloc(n->arena, room);
            if (larger == NULL) {
                n->failed = true;
                return "";
            }
            memcpy(larger, wanted, len);
            memset(larger + len, '_', more);
            name = larger;
        }
        /* The first time round it is as wanted. */
        if (more > 0) {
            name[len + more - 1] = '_';
        }
        name[len + more] = '\0';
    }
    *slot(n, name) = name;
    n->count++;
    return name;
}

/* ---- what is needed ------------------------------------------------------------------------- */

struct reaching {
    const struct codegen_schema *s;
    const struct codegen_message **todo;
    size_t count;
    struct codegen_used used;
};

static void need(struct reaching *r, const struct codegen_message *m)
{
    const char **slot_of = &r->used.messages[m - r->s->messages];

    if (*slot_of == NULL) {
        *slot_of = "";
        r->todo[r->count++] = m; /* each once: there is room for all */
    }
}

static enum err reach(struct reaching *r, const struct codegen_service *service, struct arena *arena)
{
    const struct codegen_schema *s = r->s;

    r->used.messages = arena_alloc(arena, (s->message_count + 1) * sizeof *r->used.messages);
    r->used.enums = arena_alloc(arena, (s->enum_count + 1) * sizeof *r->used.enums);
    r->todo = arena_alloc(arena, (s->message_count + 1) * sizeof *r->todo);
    if (r->used.messages == NULL || r->used.enums == NULL || r->todo == NULL) {
        return ERR_NOMEM;
    }
    memset(r->used.messages, 0, (s->message_count + 1) * sizeof *r->used.messages);
    memset(r->used.enums, 0, (s->enum_count + 1) * sizeof *r->used.enums);
    for (size_t i = 0; i < service->operation_count; i++) {
        need(r, service->operations[i].request);
        need(r, service->operations[i].reply);
    }
    while (r->count > 0) {
        const struct codegen_message *m = r->todo[--r->count];

        for (size_t i = 0; i < m->field_count; i++) {
            if (m->fields[i].message != NULL) {
                need(r, m->fields[i].message);
            } else if (m->fields[i].values != NULL) {
                r->used.enums[m->fields[i].values - s->enums] = "";
            }
        }
    }
    return ERR_OK;
}

const char *codegen_names_short(const char *name, size_t package_len)
{
    return name + package_len + (package_len > 0);
}

static bool is_own(const char *name, size_t package_len, const struct codegen_service *service)
{
    return package_len == service->package_len && memcmp(name, service->name, package_len) == 0;
}

/* Of the own package or of others, in order of full names. */
static void name_all(const struct codegen_schema *s, const struct codegen_service *service, bool own, struct codegen_names *names, struct codegen_used *used)
{
    char text[CODEGEN_SCHEMA_NAME_MAX + 2];

    for (size_t i = 0; i < s->enum_count + s->message_count; i++) {
        bool is_enum = i < s->enum_count;
        size_t at = is_enum ? i : i - s->enum_count;
        const char *name = is_enum ? s->enums[at].name : s->messages[at].name;
        size_t package_len = is_enum ? s->enums[at].package_len : s->messages[at].package_len;
        const char **to = is_enum ? &used->enums[at] : &used->messages[at];

        if (*to == NULL || is_own(name, package_len, service) != own || (!is_enum && s->messages[at].is_map_entry)) {
            continue;
        }
        const char *own_name = codegen_names_short(name, package_len);
        snprintf(text, sizeof text, "%s%s", own_name[0] == '_' ? "M" : "", own_name);
        if (names->is_capital && text[0] >= 'a' && text[0] <= 'z') {
            text[0] = (char)(text[0] - 'a' + 'A');
        }
        for (char *dot = text; (dot = strchr(dot, '.')) != NULL;) {
            *dot = '_';
        }
        *to = codegen_names_take(names, text);
    }
}

enum err codegen_names_of(const struct codegen_schema *s, const struct codegen_service *service, struct codegen_names *names, struct codegen_used *ret)
{
    struct reaching r = {.s = s};
    enum err e = reach(&r, service, names->arena);

    if (e == ERR_OK) {
        name_all(s, service, true, names, &r.used);
        name_all(s, service, false, names, &r.used);
        *ret = r.used;
        e = names->failed ? ERR_NOMEM : ERR_OK;
    }
    return e;
}

void codegen_names_cell(const struct codegen_service *service, char out[CODEGEN_SCHEMA_WORD_MAX + 1])
{
    char package[CODEGEN_SCHEMA_NAME_MAX + 1];

    memcpy(package, service->name, service->package_len);
    package[service->package_len] = '\0';
    const char *dot = strrchr(package, '.');
    const char *word = dot != NULL ? dot + 1 : *package != '\0' ? package : service->name;

    assert(strlen(word) <= CODEGEN_SCHEMA_WORD_MAX);
    memcpy(out, word, strlen(word) + 1);
}
