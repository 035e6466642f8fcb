/* NOD-8: one grammar of names, and nothing that means something to a path, a shell, a terminal, a
 * command line or a log passes it. */
#include <regex.h>
#include <string.h>

#include "common/base/name.h"
#include "common/base/rng.h"
#include "tests/support/check.h"

#define TEN "abcdefghij"
#define SIXTY TEN TEN TEN TEN TEN TEN
#define N64 SIXTY "abcd"
#define N65 SIXTY "abcde"

#define BYTES(text) (text), sizeof(text) - 1

static const struct {
    const char *text;
    size_t len;
    bool is_valid;
    const char *why;
} names[] = {
    {BYTES("raft"), true, "a cell"},
    {BYTES("a"), true, "the shortest"},
    {BYTES(""), false, "one shorter than the shortest"},
    {BYTES(N64), true, "NAME_MAX_LEN characters"},
    {BYTES(N65), false, "one more"},
    {BYTES("0"), true, "digits alone are a name"},
    {BYTES("_x"), true, "an underscore may lead"},
    {BYTES("a-b"), true, "a dash inside"},
    {BYTES("a-"), true, "a dash at the end"},
    {BYTES("-a"), false, "an option"},
    {BYTES("--help"), false, "a long option"},
    {BYTES("-"), false, "standard input, to many programs"},
    {BYTES("."), false, "this directory"},
    {BYTES(".."), false, "the parent directory"},
    {BYTES("../../etc/passwd"), false, "path traversal"},
    {BYTES("a/b"), false, "a slash"},
    {BYTES("a\\b"), false, "a backslash"},
    {BYTES("a.b"), false, "a dot separates cell and instance"},
    {BYTES("a@b"), false, "an at separates the node"},
    {BYTES("A"), false, "upper case: two spellings of one name"},
    {BYTES("a\n"), false, "a line end at the end, where $ of a regular expression allows it"},
    {BYTES("a\nb"), false, "a line end inside"},
    {BYTES("a\0b"), false, "a NUL inside: two lengths of one name"},
    {BYTES("\0"), false, "only a NUL"},
    {BYTES("a b"), false, "a blank"},
    {BYTES("a\tb"), false, "a tab"},
    {BYTES("a;reboot"), false, "a shell's separator"},
    {BYTES("$(id)"), false, "a shell's substitution"},
    {BYTES("a%s"), false, "a format"},
    {BYTES("*"), false, "a wildcard belongs to patterns only"},
    {BYTES("\x1b[2J"), false, "a terminal's escape"},
    {BYTES("na\xc3\xafve"), false, "a letter beyond ASCII"},
    {BYTES("\xd1\x80\xd0\xb0\xd1\x81\xd0\xb5"), false, "letters that look like ASCII"},
    {BYTES("a\x80"), false, "a byte that is no character"},
    {BYTES("\xff"), false, "a byte that is negative as a char"},
    {BYTES("a`"), false, "the neighbour of 'a'"},
    {BYTES("z{"), false, "the neighbour of 'z'"},
    {BYTES("9:"), false, "the neighbour of '9'"},
};

static void a_name_is_what_the_grammar_says(void)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        CHECK(name_valid(names[i].text, names[i].len) == names[i].is_valid, "row %zu: %s", i,
              names[i].why);
        if (memchr(names[i].text, '\0', names[i].len) == NULL) {
            CHECK(name_valid_str(names[i].text) == names[i].is_valid, "row %zu: %s", i,
                  names[i].why);
        }
    }
    CHECK(!name_valid_str(NULL), "no text is no name");
    char *huge = malloc(1 << 20);
    REQUIRE(huge != NULL, "memory for a test");
    memset(huge, 'a', (1 << 20) - 1);
    huge[(1 << 20) - 1] = '\0';
    CHECK(!name_valid_str(huge), "a megabyte is refused");
    free(huge);
}

static void an_operation_is_camel_case(void)
{
    static const struct {
        const char *text;
        size_t len;
        bool is_valid;
        const char *why;
    } rows[] = {
        {BYTES("Get"), true, "an operation"},
        {BYTES("G"), true, "the shortest"},
        {BYTES(""), false, "one shorter"},
        {BYTES("A" SIXTY "abc"), true, "NAME_MAX_LEN characters"},
        {BYTES("A" SIXTY "abcd"), false, "one more"},
        {BYTES("get"), false, "a small letter leads"},
        {BYTES("0Get"), false, "a digit leads"},
        {BYTES("Get2"), true, "a digit inside"},
        {BYTES("Get_It"), false, "an underscore"},
        {BYTES("Get-It"), false, "a dash"},
        {BYTES("Get\n"), false, "a line end"},
        {BYTES("Get\0X"), false, "a NUL"},
        {BYTES("*"), false, "the wildcard is a pattern's"},
        {BYTES("G\xc3\xa9t"), false, "beyond ASCII"},
        {BYTES("@Get"), false, "the neighbour of 'A'"},
        {BYTES("[Get"), false, "the neighbour of 'Z'"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK(name_operation_valid(rows[i].text, rows[i].len) == rows[i].is_valid, "row %zu: %s", i,
              rows[i].why);
    }
}

static void a_reference_is_taken_apart(void)
{
    static const struct {
        const char *text;
        const char *space, *cell, *node;
        int32_t instance;
        const char *why;
    } rows[] = {
        {"raft", "", "raft", "", -1, "a cell alone: any instance"},
        {"raft.0", "", "raft", "", 0, "the first instance"},
        {"raft.9999", "", "raft", "", 9999, "the last one"},
        {"lab/raft", "lab", "raft", "", -1, "with namespace"},
        {"raft@n1", "", "raft", "n1", -1, "with node"},
        {"lab/raft.12@n1", "lab", "raft", "n1", 12, "all parts"},
        {"raft@*", "", "raft", "*", -1, "any other node"},
        {"lab/raft@*", "lab", "raft", "*", -1, "with its namespace"},
        {"7.7", "", "7", "", 7, "digits are a name before the dot"},
        {N64 "/" N64 ".9999@" N64, N64, N64, N64, 9999, "the longest there is"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct name_ref ref;
        char text[NAME_REF_SIZE];
        memset(&ref, 0x55, sizeof ref);
        REQUIRE(name_ref_parse(rows[i].text, &ref) == ERR_OK, "row %zu: %s", i, rows[i].why);
        CHECK(strcmp(ref.space, rows[i].space) == 0, "row %zu: namespace %s", i, ref.space);
        CHECK(strcmp(ref.cell, rows[i].cell) == 0, "row %zu: cell %s", i, ref.cell);
        CHECK(strcmp(ref.node, rows[i].node) == 0, "row %zu: node %s", i, ref.node);
        CHECK(ref.instance == rows[i].instance, "row %zu: instance %d", i, (int)ref.instance);
        name_ref_format(&ref, text);
        CHECK(strcmp(text, rows[i].text) == 0, "row %zu: formatted as %s", i, text);
    }
}

static void what_is_no_reference_is_refused(void)
{
    static const struct {
        const char *text;
        const char *why;
    } rows[] = {
        {"", "nothing"},
        {NULL, "no text"},
        {"raft.10000", "one past the last instance"},
        {"raft.00", "a second spelling of 0"},
        {"raft.01", "a second spelling of 1"},
        {"raft.-1", "a sign"},
        {"raft.+1", "a sign"},
        {"raft. 1", "a blank that strtol would skip"},
        {"raft.1x", "more than a number"},
        {"raft.", "an empty instance"},
        {".1", "an instance of nothing"},
        {"raft.1.2", "two instances"},
        {"/raft", "an empty namespace, and an absolute path"},
        {"lab/", "an empty cell"},
        {"a/b/c", "two namespaces"},
        {"../raft", "a parent directory"},
        {"raft@", "an empty node"},
        {"@n1", "a node without a cell"},
        {"a@b@c", "two nodes"},
        {"raft@n1.2", "an instance after the node"},
        {"raft.2@*", "the number of an instance of no node"},
        {"raft@*.2", "the same behind it"},
        {"raft@**", "two stars"},
        {"raft@n*", "a star stands alone"},
        {"*@n1", "a star for the cell"},
        {"*/raft", "a star for the namespace"},
        {"*", "a star alone"},
        {"raft@lab/n1", "a namespace after the node"},
        {"-raft", "an option"},
        {"lab/-raft", "an option after a slash"},
        {"raft@-n", "an option after an at"},
        {"raft\n", "a line end"},
        {"raft@n1\n", "a line end after the node"},
        {"Raft", "upper case"},
        {N65, "a cell of 65 characters"},
        {N65 "/raft", "a namespace of 65 characters"},
        {"raft@" N65, "a node of 65 characters"},
        {N64 "/" N64 ".9999@" N65 N65 N65, "longer than any reference"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct name_ref ref, before;
        memset(&ref, 0x55, sizeof ref);
        before = ref;
        CHECK(name_ref_parse(rows[i].text, &ref) == ERR_MALFORMED, "row %zu: %s", i, rows[i].why);
        CHECK(memcmp(&ref, &before, sizeof ref) == 0, "row %zu: the output is untouched", i);
    }
}

static void a_granted_operation_is_taken_apart(void)
{
    static const struct {
        const char *text;
        enum err e;
        const char *cell, *operation;
        const char *why;
    } rows[] = {
        {"raft.Get", ERR_OK, "raft", "Get", "one operation"},
        {"raft.*", ERR_OK, "raft", "*", "all of a cell"},
        {"*.Health", ERR_OK, "*", "Health", "one of all cells"},
        {"raft@n1.*", ERR_OK, "raft", "*", "all of a cell of another node"},
        {"raft@*.*", ERR_OK, "raft", "*", "of any other node"},
        {"*@n1.*", ERR_OK, "*", "*", "all cells of one other node"},
        {N64 "@" N64 ".*", ERR_OK, N64, "*", "the longest of these"},
        {"*@*.*", ERR_MALFORMED, "", "", "would grant every other node's everything"},
        {"raft@n1.Get", ERR_MALFORMED, "", "", "one operation of another node's cell is not ours to know"},
        {"*@n1.Get", ERR_MALFORMED, "", "", "nor one of all"},
        {"raft@.*", ERR_MALFORMED, "", "", "an empty node"},
        {"@n1.*", ERR_MALFORMED, "", "", "an empty cell of a node"},
        {"raft@n1@n2.*", ERR_MALFORMED, "", "", "two nodes"},
        {"raft@n*.*", ERR_MALFORMED, "", "", "a star stands alone, in nodes too"},
        {"raft.*@n1", ERR_MALFORMED, "", "", "the node goes with the cell"},
        {"raft@" N65 ".*", ERR_MALFORMED, "", "", "a node of 65 characters"},
        {N64 ".A" SIXTY "abc", ERR_OK, N64, "A" SIXTY "abc", "the longest"},
        {"*.*", ERR_MALFORMED, "", "", "would grant everything"},
        {"*", ERR_MALFORMED, "", "", "would grant everything in short"},
        {"raft", ERR_MALFORMED, "", "", "no operation"},
        {"raft.", ERR_MALFORMED, "", "", "an empty operation"},
        {".Get", ERR_MALFORMED, "", "", "an empty cell"},
        {"raft.get", ERR_MALFORMED, "", "", "operations begin with a capital"},
        {"Raft.Get", ERR_MALFORMED, "", "", "cells do not"},
        {"raft.Get.Put", ERR_MALFORMED, "", "", "two operations"},
        {"raft.G*", ERR_MALFORMED, "", "", "a star stands alone"},
        {"r*.Get", ERR_MALFORMED, "", "", "a star stands alone"},
        {"**.Get", ERR_MALFORMED, "", "", "one star"},
        {"-raft.Get", ERR_MALFORMED, "", "", "an option"},
        {"raft.Get\n", ERR_MALFORMED, "", "", "a line end"},
        {"../raft.Get", ERR_MALFORMED, "", "", "a path"},
        {N65 ".Get", ERR_MALFORMED, "", "", "a cell of 65 characters"},
        {"raft.A" SIXTY "abcd", ERR_MALFORMED, "", "", "an operation of 65 characters"},
        {N65 N65 "." N65, ERR_MALFORMED, "", "", "longer than any"},
        {"", ERR_MALFORMED, "", "", "nothing"},
        {NULL, ERR_MALFORMED, "", "", "no text"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct name_op op, before;
        memset(&op, 0x55, sizeof op);
        before = op;
        CHECK(name_op_parse(rows[i].text, &op) == rows[i].e, "row %zu: %s", i, rows[i].why);
        if (rows[i].e == ERR_OK) {
            CHECK(strcmp(op.cell, rows[i].cell) == 0, "row %zu: cell", i);
            CHECK(strcmp(op.operation, rows[i].operation) == 0, "row %zu: operation", i);
        } else {
            CHECK(memcmp(&op, &before, sizeof op) == 0, "row %zu: the output is untouched", i);
        }
    }
}

static void a_grant_covers_what_it_says_and_no_more(void)
{
    static const struct {
        struct name_op grant;
        const char *cell, *operation;
        bool is_covered;
    } rows[] = {
        {{"raft", "", "Get"}, "raft", "Get", true},    {{"raft", "", "Get"}, "raft", "Put", false},
        {{"raft", "", "Get"}, "dht", "Get", false},    {{"raft", "", "Get"}, "raf", "Get", false},
        {{"raft", "", "Get"}, "raft2", "Get", false},  {{"raft", "", "Get"}, "raft", "GetAll", false},
        {{"raft", "", "*"}, "raft", "Put", true},      {{"raft", "", "*"}, "dht", "Put", false},
        {{"*", "", "Health"}, "dht", "Health", true},  {{"*", "", "Health"}, "dht", "Get", false},
        {{"raft", "", "Get"}, "*", "Get", false},      {{"raft", "", "Get"}, "raft", "*", false},
        {{"raft", "n1", "*"}, "raft", "Get", false},   {{"raft", "*", "*"}, "raft", "Get", false},
        {{"*", "n1", "*"}, "raft", "Get", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK(name_op_covers(&rows[i].grant, rows[i].cell, rows[i].operation) == rows[i].is_covered,
              "row %zu: %s.%s for %s.%s", i, rows[i].grant.cell, rows[i].grant.operation,
              rows[i].cell, rows[i].operation);
    }
}

static void a_grant_reaches_the_nodes_it_names_and_no_others(void)
{
    static const struct {
        struct name_op grant;
        const char *cell, *node;
        bool is_reached;
    } rows[] = {
        {{"raft", "n1", "*"}, "raft", "n1", true},  {{"raft", "n1", "*"}, "raft", "n2", false},
        {{"raft", "n1", "*"}, "dht", "n1", false},  {{"raft", "*", "*"}, "raft", "n2", true},
        {{"raft", "*", "*"}, "dht", "n2", false},   {{"*", "n1", "*"}, "dht", "n1", true},
        {{"*", "n1", "*"}, "dht", "n2", false},     {{"raft", "", "*"}, "raft", "n1", false},
        {{"*", "", "Get"}, "raft", "n1", false},    {{"raft", "n1", "*"}, "raft", "*", false},
        {{"raft", "*", "*"}, "raft", "*", true},    {{"*", "n1", "*"}, "raft", "*", false},
        {{"raft", "*", "*"}, "dht", "*", false},    {{"raft", "", "*"}, "raft", "*", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK(name_op_reaches(&rows[i].grant, rows[i].cell, rows[i].node) == rows[i].is_reached,
              "row %zu: %s@%s for %s@%s", i, rows[i].grant.cell, rows[i].grant.node, rows[i].cell, rows[i].node);
    }
}

/* ---- the grammar again, by the C library's regular expressions ---------------------------------- */

#define NAME "[a-z0-9_][a-z0-9_-]{0,63}"

static bool matches(const regex_t *re, const char *text)
{
    return regexec(re, text, 0, NULL, 0) == 0;
}

/* Texts from an alphabet of what matters, so that a good part of them is valid. */
static void draw_text(struct rng *r, char *out, size_t most)
{
    static const char letter[] = "aabz09__--.../@@*AZG\n \xc3";
    size_t len = rng_below(r, 8) == 0 ? rng_below(r, most) : rng_below(r, 12);

    for (size_t i = 0; i < len; i++) {
        out[i] = letter[rng_below(r, sizeof letter - 1)];
    }
    out[len] = '\0';
}

static void drawn_texts_are_judged_as_by_the_regular_expression(void)
{
    struct rng r;
    regex_t name, operation, ref, op;
    size_t valid = 0;

    rng_init(&r, 8);
    REQUIRE(regcomp(&name, "^" NAME "$", REG_EXTENDED | REG_NOSUB) == 0, "compiles");
    REQUIRE(regcomp(&operation, "^[A-Z][A-Za-z0-9]{0,63}$", REG_EXTENDED | REG_NOSUB) == 0, "too");
    REQUIRE(regcomp(&ref, "^(" NAME "/)?" NAME "(([.](0|[1-9][0-9]{0,3}))?(@" NAME ")?|@[*])$",
                    REG_EXTENDED | REG_NOSUB) == 0, "too");
    REQUIRE(regcomp(&op, "^(" NAME "[.]([A-Z][A-Za-z0-9]{0,63}|[*])|[*][.][A-Z][A-Za-z0-9]{0,63}|"
                    NAME "@(" NAME "|[*])[.][*]|[*]@" NAME "[.][*])$",
                    REG_EXTENDED | REG_NOSUB) == 0, "too");
    for (size_t i = 0; i < 200000; i++) {
        char text[400], again[NAME_REF_SIZE];
        struct name_ref parsed;
        struct name_op parsed_op;
        draw_text(&r, text, sizeof text);
        CHECK(name_valid_str(text) == matches(&name, text), "draw %zu: <%s>", i, text);
        CHECK(name_operation_valid(text, strlen(text)) == matches(&operation, text),
              "draw %zu: <%s>", i, text);
        CHECK((name_op_parse(text, &parsed_op) == ERR_OK) == matches(&op, text), "draw %zu: <%s>",
              i, text);
        bool is_ref = name_ref_parse(text, &parsed) == ERR_OK;
        CHECK(is_ref == matches(&ref, text), "draw %zu: <%s>", i, text);
        if (is_ref) {
            valid++;
            name_ref_format(&parsed, again);
            CHECK(strcmp(again, text) == 0, "draw %zu: <%s> came back as <%s>", i, text, again);
        }
    }
    CHECK(valid > 2000, "only %zu drawn texts were references: the draw tests nothing", valid);
    regfree(&name);
    regfree(&operation);
    regfree(&ref);
    regfree(&op);
}

int main(void)
{
    a_name_is_what_the_grammar_says();
    an_operation_is_camel_case();
    a_reference_is_taken_apart();
    what_is_no_reference_is_refused();
    a_granted_operation_is_taken_apart();
    a_grant_covers_what_it_says_and_no_more();
    a_grant_reaches_the_nodes_it_names_and_no_others();
    drawn_texts_are_judged_as_by_the_regular_expression();
    return CHECK_RESULT();
}
