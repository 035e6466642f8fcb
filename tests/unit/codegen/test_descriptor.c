/* Descriptor sets that no compiler writes. */
#include "codegen/descriptor.h"

#include <string.h>

#include "common/base/pbwire.h"
#include "kit.h"
#include "tests/support/check.h"

struct set {
    uint8_t bytes[1 << 16];
    size_t len;
};

static void put(struct set *s, uint32_t number, const void *data, size_t len)
{
    s->len += pbwire_put_varint(s->bytes + s->len, (uint64_t)number << 3 | 2);
    s->len += pbwire_put_varint(s->bytes + s->len, len);
    memcpy(s->bytes + s->len, data, len);
    s->len += len;
}

static void put_number(struct set *s, uint32_t number, uint64_t value)
{
    s->len += pbwire_put_varint(s->bytes + s->len, (uint64_t)number << 3);
    s->len += pbwire_put_varint(s->bytes + s->len, value);
}

static void inside(struct set *outer, uint32_t number, const struct set *inner)
{
    put(outer, number, inner->bytes, inner->len);
}

static enum err read(const struct set *file, struct codegen_schema *ret, struct arena *arena, char why[CODEGEN_WHY_SIZE])
{
    static struct set all;

    all.len = 0;
    inside(&all, 1, file);
    *why = '\0';
    enum err e = codegen_descriptor_read(all.bytes, all.len, arena, ret, why);
    CHECK(e == ERR_OK || (*why != '\0' && kit_is_line(why)), "%s says why: %s", err_name(e), why);
    return e;
}

static void a_name_is_an_identifier_or_refused(void)
{
    static const struct {
        const char *name;
        size_t len;
        enum err e;
    } names[] = {
        {"Good", 4, ERR_OK}, {"_x9", 3, ERR_OK}, {"", 0, ERR_INVALID}, {"9x", 2, ERR_INVALID}, {"a b", 3, ERR_INVALID}, {"a\"", 2, ERR_INVALID},
        {"a\n", 2, ERR_INVALID}, {"a;os.system('x')", 16, ERR_INVALID}, {"a\0b", 3, ERR_INVALID}, {"\xc3\xa4", 2, ERR_INVALID}, {"a.b", 3, ERR_INVALID},
        {"\xe2\x80\xae", 3, ERR_INVALID}, {"\xff", 1, ERR_INVALID}, {"a*/", 3, ERR_INVALID}, {"a\\", 2, ERR_INVALID}, {"-a", 2, ERR_INVALID},
    };
    static const enum { MESSAGE, FIELD, ENUM, VALUE, SERVICE, METHOD, PACKAGE, ONEOF, RESERVED, KINDS } kinds = KINDS;

    for (size_t i = 0; i < ARRAY_LEN(names) * kinds; i++) {
        static struct set file, outer, inner;
        const char *name = names[i / kinds].name;
        size_t len = names[i / kinds].len;
        int kind = (int)(i % kinds);
        struct arena arena;
        struct codegen_schema s;
        char why[CODEGEN_WHY_SIZE];

        file.len = outer.len = inner.len = 0;
        arena_init(&arena, 1 << 24);
        put(&file, 12, "proto3", 6);
        if (kind == PACKAGE) {
            put(&file, 2, name, len);
        }
        put(&outer, 1, kind == MESSAGE ? name : "M", kind == MESSAGE ? len : 1);
        put(&inner, 1, kind == FIELD ? name : "f", kind == FIELD ? len : 1);
        put_number(&inner, 3, 1);
        put_number(&inner, 4, 1);
        put_number(&inner, 5, 5);
        if (kind == ONEOF) {
            static struct set oneof;

            oneof.len = 0;
            put(&oneof, 1, name, len);
            inside(&outer, 8, &oneof);
            put_number(&inner, 9, 0);
        }
        inside(&outer, 2, &inner);
        if (kind == RESERVED) {
            put(&outer, 10, name, len);
        }
        inside(&file, 4, &outer);
        outer.len = inner.len = 0;
        put(&outer, 1, kind == ENUM ? name : "Op", kind == ENUM ? len : 2);
        put(&inner, 1, kind == VALUE ? name : "Z", kind == VALUE ? len : 1);
        put_number(&inner, 2, 0);
        inside(&outer, 2, &inner);
        inside(&file, 5, &outer);
        if (kind == SERVICE || kind == METHOD) {
            outer.len = inner.len = 0;
            put(&outer, 1, kind == SERVICE ? name : "S", kind == SERVICE ? len : 1);
            if (kind == METHOD) {
                put(&inner, 1, name, len);
                put(&inner, 2, ".M", 2);
                put(&inner, 3, ".M", 2);
                inside(&outer, 2, &inner);
            }
            inside(&file, 6, &outer);
        }
        enum err e = read(&file, &s, &arena, why);
        enum err expected = names[i / kinds].e;

        if (kind == PACKAGE && (len == 0 || strcmp(name, "a.b") == 0) && memchr(name, '\0', len) == NULL) {
            expected = ERR_OK; /* a package may be empty, or several words */
        } else if (kind == METHOD && expected == ERR_OK) {
            expected = ERR_INVALID; /* it has no number */
        }
        CHECK(e == expected, "kind %d, name %zu: %s %s", kind, i / kinds, err_name(e), why);
        arena_fini(&arena);
    }
}

/* 32 messages in each other are read, 33 are not, and 20,000 do not take the stack. */
static void depth_has_an_end(void)
{
    for (size_t deep = 31; deep <= 34; deep++) {
        static struct set in, out, file;
        struct arena arena;
        struct codegen_schema s;
        char why[CODEGEN_WHY_SIZE];

        arena_init(&arena, 1 << 24);
        in.len = file.len = 0;
        put(&in, 1, "M", 1);
        for (size_t i = 1; i < deep; i++) {
            out.len = 0;
            put(&out, 1, "M", 1);
            inside(&out, 3, &in);
            in = out;
        }
        inside(&file, 4, &in);
        CHECK(read(&file, &s, &arena, why) == (deep <= 32 ? ERR_OK : ERR_LIMIT), "%zu deep: %s", deep, why);
        arena_fini(&arena);
    }
}

static void a_name_has_a_longest(void)
{
    for (size_t len = CODEGEN_SCHEMA_WORD_MAX; len <= CODEGEN_SCHEMA_WORD_MAX + 1; len++) {
        static struct set file, m;
        char name[200];
        struct arena arena;
        struct codegen_schema s;
        char why[CODEGEN_WHY_SIZE];

        arena_init(&arena, 1 << 24);
        file.len = m.len = 0;
        memset(name, 'a', sizeof name);
        put(&m, 1, name, len);
        inside(&file, 4, &m);
        CHECK((read(&file, &s, &arena, why) == ERR_OK) == (len <= CODEGEN_SCHEMA_WORD_MAX), "%zu: %s", len, why);
        arena_fini(&arena);
    }
}

/* Comments are found by their place: of the field, of nothing else; cut between two characters, and only text. */
static void a_comment_is_of_its_place(void)
{
    static const struct {
        uint8_t path[6];
        size_t depth;
        const char *leading, *trailing, *doc;
    } rows[] = {
        {{4, 0, 2, 0}, 4, " of it\n", "behind", "of it"}, {{4, 0, 2, 0}, 4, "", " behind \n", "behind"},       {{4, 0, 2, 1}, 4, "another's", "", ""},
        {{4, 0}, 2, "the message's", "", ""},             {{4, 0, 2, 0, 5}, 5, "its type's", "", ""},         {{4, 1, 2, 0}, 4, "another's", "", ""},
        {{4, 0, 2, 0}, 4, "\xff\xfe", "", ""},            {{4, 0, 2, 0}, 4, "a\nb\n\n", "", "a\nb"},         {{0}, 0, "nobody's", "", ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        static struct set file, m, f, info, location;
        struct arena arena;
        struct codegen_schema s;
        char why[CODEGEN_WHY_SIZE];

        arena_init(&arena, 1 << 24);
        file.len = m.len = f.len = info.len = location.len = 0;
        put(&f, 1, "f", 1);
        put_number(&f, 3, 1);
        put_number(&f, 4, 1);
        put_number(&f, 5, 5);
        put(&m, 1, "M", 1);
        inside(&m, 2, &f);
        inside(&file, 4, &m);
        put(&location, 1, rows[i].path, rows[i].depth);
        put(&location, 3, rows[i].leading, strlen(rows[i].leading));
        put(&location, 4, rows[i].trailing, strlen(rows[i].trailing));
        inside(&info, 1, &location);
        inside(&file, 9, &info);
        REQUIRE(read(&file, &s, &arena, why) == ERR_OK, "row %zu: %s", i, why);
        CHECK(strcmp(s.messages[0].fields[0].doc, rows[i].doc) == 0, "row %zu: \"%s\"", i, s.messages[0].fields[0].doc);
        arena_fini(&arena);
    }
}

static void what_is_not_read_is_said(void)
{
    static struct set file, m, f;
    struct arena arena;
    struct codegen_schema s;
    char why[CODEGEN_WHY_SIZE];

    arena_init(&arena, 1 << 24);
    put(&file, 12, "editions", 8);
    CHECK(read(&file, &s, &arena, why) == ERR_INVALID && strstr(why, "neither proto2 nor proto3") != NULL, "%s", why);
    file.len = 0;
    put(&m, 1, "M", 1);
    put(&f, 1, "g", 1);
    put_number(&f, 3, 1);
    put_number(&f, 4, 1);
    put_number(&f, 5, 10);
    inside(&m, 2, &f);
    inside(&file, 4, &m);
    CHECK(read(&file, &s, &arena, why) == ERR_INVALID && strstr(why, "groups") != NULL, "%s", why);
    file.len = m.len = f.len = 0; /* a name that is none, told in a line all the same */
    put(&m, 1, "a\x1b[2J\n\xff", 7);
    put(&f, 1, "f", 1);
    put(&f, 8, "\xff", 1);
    inside(&m, 2, &f);
    inside(&file, 4, &m);
    CHECK(read(&file, &s, &arena, why) != ERR_OK, "no options");
    put(&f, 9, "", 0);
    m.len = file.len = 0;
    put(&m, 1, "a\x1b[2J\n\xff", 7);
    put_number(&m, 2, 3);
    inside(&file, 4, &m);
    CHECK(read(&file, &s, &arena, why) != ERR_OK, "a field that is a number");
    m.len = file.len = f.len = 0;
    put(&m, 1, "a\x1b[2J\n\xff", 7);
    put_number(&f, 3, 1);
    inside(&m, 2, &f);
    inside(&file, 4, &m);
    CHECK(read(&file, &s, &arena, why) == ERR_INVALID && strstr(why, "a field without a name in a?[2J??") != NULL, "%s", why);
    arena_fini(&arena);
    arena_init(&arena, 200);
    CHECK(read(&file, &s, &arena, why) == ERR_NOMEM, "little memory: %s", why);
    arena_fini(&arena);
}

int main(void)
{
    a_name_is_an_identifier_or_refused();
    depth_has_an_end();
    a_name_has_a_longest();
    a_comment_is_of_its_place();
    what_is_not_read_is_said();
    return CHECK_RESULT();
}
