/* What of others' words gets into a program: comments, quoted bytes, names. */
#include <string.h>

#include "codegen/names.h"
#include "codegen/out.h"
#include "kit.h"
#include "tests/support/check.h"

static const struct {
    const char *text, *out;
} comments[] = {
    {"", ""},
    {"one", "# one\n"},
    {"one\n two\n\n  three \r\n", "# one\n# two\n# \n#  three\n"},
    {"a */ b", "# a *? b\n"},
    {"a /* b", "# a /? b\n"},
    {"\"\"\" ''' \\ \\u000a", "# ''' ''' / /u000a\n"},
    {"a\fb\vc\x7f\x1b[31m\bd", "# a?b?c??[31m?d\n"},
    {"a\rimport os", "# a?import os\n"},
    {"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "# caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\n"},
    {"a\xc2\x85" "b", "# a?b\n"},
    {"a\xe2\x80\xa8" "b\xe2\x80\xa9" "c", "# a?b?c\n"},
    {"a\xe2\x80\xae" "b\xe2\x81\xa6" "c\xe2\x80\x8b" "d\xef\xbb\xbf" "e\xd8\x9c" "f", "# a?b?c?d?e?f\n"},
    {"what\?\?/", "# what?!/\n"},
};

static void a_comment_stays_one(void)
{
    for (size_t i = 0; i < ARRAY_LEN(comments); i++) {
        struct arena arena;
        struct codegen_out out;

        arena_init(&arena, 1 << 20);
        codegen_out_init(&out, &arena);
        codegen_out_comment(&out, comments[i].text, "# ");
        const char *got = out.at != NULL ? out.at : "";
        CHECK(!out.failed && strcmp(got, comments[i].out) == 0, "row %zu: %s", i, got);
        arena_fini(&arena);
    }
}

static void quoted_bytes_end_no_string(void)
{
    struct arena arena;
    struct codegen_out out;

    arena_init(&arena, 1 << 20);
    codegen_out_init(&out, &arena);
    codegen_out_quoted(&out, "a\"'\\?\n\0" "1\xff`$%z", 13, false);
    CHECK(strcmp(out.at, "a\\x22\\x27\\x5c\\x3f\\x0a\\x001\\xff\\x60\\x24\\x25z") == 0, "%s", out.at);
    out.len = 0;
    codegen_out_quoted(&out, "\"\n1", 3, true);
    CHECK(strcmp(out.at, "\\042\\0121") == 0, "%s", out.at);
    arena_fini(&arena);
}

static void text_that_does_not_fit_fails_for_good(void)
{
    struct arena arena;
    struct codegen_out out;

    arena_init(&arena, 10000);
    codegen_out_init(&out, &arena);
    for (int i = 0; i < 2000; i++) {
        codegen_out_add(&out, "%s", "twelve signs");
    }
    CHECK(out.failed && out.len < 10000, "%zu", out.len);
    arena_fini(&arena);
}

static void a_name_is_there_once(void)
{
    static const char *const avoid[] = {"class", "list"};
    static const char *const wanted[][2] = {{"a", "a"}, {"a", "a_"}, {"a_", "a__"}, {"class", "class_"}, {"class_", "class__"}, {"List", "List"}, {"a", "a___"}};
    struct arena arena;
    struct codegen_names names, inner;

    arena_init(&arena, 1 << 24);
    codegen_names_init(&names, &arena, avoid, ARRAY_LEN(avoid));
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        const char *got = codegen_names_take(&names, wanted[i][0]);

        CHECK(strcmp(got, wanted[i][1]) == 0, "row %zu: %s", i, got);
    }
    codegen_names_init(&inner, &arena, NULL, 0);
    inner.outer = &names;
    CHECK(strcmp(codegen_names_take(&inner, "a"), "a____") == 0 && strcmp(codegen_names_take(&inner, "b"), "b") == 0, "what is outside is taken");
    CHECK(strcmp(codegen_names_take(&inner, "list"), "list") == 0, "what is avoided there is not");
    for (int i = 0; i < 5000; i++) {
        char text[16];

        snprintf(text, sizeof text, "n%d", i);
        CHECK(strcmp(codegen_names_take(&names, text), text) == 0, "%s", text);
    }
    for (int i = 0; i < 5000; i++) {
        char text[16], twice[24];

        snprintf(text, sizeof text, "n%d", i);
        snprintf(twice, sizeof twice, "n%d_", i);
        CHECK(strcmp(codegen_names_take(&names, text), twice) == 0, "%s is kept", text);
    }
    arena_fini(&arena);
}

/* What a service does not reach is left out; those of its own package keep their names. */
static void types_have_names_of_their_own(void)
{
    static const char body[] = "enum a/E open Z\nvalue 0 Z\nenum p/Alone open Z\nvalue 0 Z\nmessage a/M\nfield 1 plain enum:a.E e\nmessage p/Alone2\n"
                               "message p/M\nfield 1 optional message:a.M a\nfield 2 repeated message:p.M.XEntry x\nmessage p/M.N\nmessage p/M.XEntry map\n"
                               "field 1 plain string key\nfield 2 optional message:p.M_N value\nmessage p/M_N\nfield 1 optional message:p.M.N n\nmessage p/_q\n"
                               "service p/S\noperation 1 Do p.M p._q once\n";
    static const char *const expected[] = {"M_", NULL, "M", "M_N", "", "M_N_", "M_q"};
    struct arena arena;
    struct codegen_schema s;
    struct codegen_names names;
    struct codegen_used used;
    char why[CODEGEN_WHY_SIZE], cell[CODEGEN_SCHEMA_WORD_MAX + 1];

    arena_init(&arena, 1 << 20);
    REQUIRE(kit_read(&arena, body, &s, why) == ERR_OK, "%s", why);
    codegen_names_init(&names, &arena, NULL, 0);
    REQUIRE(codegen_names_of(&s, &s.services[0], &names, &used) == ERR_OK, "there is memory");
    for (size_t i = 0; i < s.message_count; i++) {
        bool is_same = (used.messages[i] == NULL) == (expected[i] == NULL) && (expected[i] == NULL || strcmp(used.messages[i], expected[i]) == 0);

        CHECK(is_same, "%s is called %s", s.messages[i].name, used.messages[i] != NULL ? used.messages[i] : "nothing");
    }
    CHECK(used.enums[0] != NULL && strcmp(used.enums[0], "E") == 0 && used.enums[1] == NULL, "enums, too");
    codegen_names_cell(&s.services[0], cell);
    CHECK(strcmp(cell, "p") == 0, "%s", cell);
    arena_fini(&arena);
}

int main(void)
{
    a_comment_stays_one();
    quoted_bytes_end_no_string();
    text_that_does_not_fit_fails_for_good();
    a_name_is_there_once();
    types_have_names_of_their_own();
    return CHECK_RESULT();
}
