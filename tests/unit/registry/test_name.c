/* REG-3: one spelling, and nothing in a name that means something to anybody else. */
#include "registry/name.h"

#include <regex.h>
#include <string.h>

#include "common/base/rng.h"
#include "tests/support/check.h"

#define TEN "abcdefghij"
#define SIXTY TEN TEN TEN TEN TEN TEN
#define N64 SIXTY "abcd"

#define BYTES(text) (text), sizeof(text) - 1

static const struct {
    const char *text;
    size_t len;
    bool is_valid;
    const char *why;
} names[] = {
    {BYTES("greeter"), true, "a name"},
    {BYTES("acme/greeter"), true, "in somebody's space"},
    {BYTES("a"), true, "the shortest"},
    {BYTES("a0-b_c"), true, "words with one joint between"},
    {BYTES(N64), true, "64 characters"},
    {BYTES(N64 "e"), false, "one more"},
    {BYTES(N64 "/" N64), true, "the longest"},
    {BYTES(N64 "/" N64 "e"), false, "one more"},
    {BYTES(""), false, "none"},
    {BYTES("/"), false, "two empty parts"},
    {BYTES("a/"), false, "an empty part behind"},
    {BYTES("/a"), false, "an absolute path"},
    {BYTES("a//b"), false, "an empty part between"},
    {BYTES("a/b/c"), false, "three parts"},
    {BYTES("../x"), false, "the parent"},
    {BYTES("a/.."), false, "the parent, behind"},
    {BYTES("."), false, "this folder"},
    {BYTES(".git"), false, "git's folder"},
    {BYTES("a.git"), false, "a repository's name"},
    {BYTES("-x"), false, "an option"},
    {BYTES("a/-x"), false, "an option behind a space"},
    {BYTES("--upload-pack=id"), false, "an option of git"},
    {BYTES(";rm"), false, "a shell's separator"},
    {BYTES("a;rm"), false, "the same, inside"},
    {BYTES("$(id)"), false, "a shell's substitution"},
    {BYTES("a|b"), false, "a pipe"},
    {BYTES("ext::sh"), false, "a transport that runs commands"},
    {BYTES("file:a"), false, "a transport that reads files"},
    {BYTES("c:"), false, "a drive"},
    {BYTES("a\\b"), false, "a path on other hosts"},
    {BYTES("a b"), false, "a blank"},
    {BYTES("a\n"), false, "a line's end at the end, where $ of a regular expression allows it"},
    {BYTES("a\nb"), false, "a line's end inside"},
    {BYTES("a\0"), false, "a NUL: two lengths of one name"},
    {BYTES("\0"), false, "only a NUL"},
    {BYTES("a%s"), false, "a format"},
    {BYTES("a%2f"), false, "a slash in other words"},
    {BYTES("*"), false, "a wildcard"},
    {BYTES("a@1"), false, "a version"},
    {BYTES("Greeter"), false, "upper case: two names that are one file on other hosts"},
    {BYTES("gr\xd0\xb5" "eter"), false, "a letter of another alphabet that looks like e"},
    {BYTES("gr\xc3\xa9"), false, "a letter with two spellings in Unicode"},
    {BYTES("a\x80"), false, "a byte that is no character"},
    {BYTES("\xff"), false, "a byte that is negative as a char"},
    {BYTES("a\x1b[2J"), false, "a terminal's escape"},
    {BYTES("\xe2\x80\xae" "a"), false, "a sign that turns the direction of reading"},
    {BYTES("0a"), false, "a digit first: a commit's hash could be a name"},
    {BYTES("_a"), false, "a joint first"},
    {BYTES("a-"), false, "a joint last"},
    {BYTES("a--b"), false, "two joints"},
    {BYTES("a-_b"), false, "two joints of two kinds"},
    {BYTES("a-/b"), false, "a joint at a part's end"},
    {BYTES("a`"), false, "the neighbour of a"},
    {BYTES("az{"), false, "the neighbour of z"},
    {BYTES("a9:"), false, "the neighbour of 9"},
    {BYTES("con"), false, "a device"},
    {BYTES("acme/nul"), false, "a device in a space"},
    {BYTES("com1"), false, "a device with a number"},
    {BYTES("coma"), true, "no device"},
    {BYTES("com10"), true, "no device either"},
    {BYTES("cone"), true, "begins as one"},
    {BYTES("all"), false, "reserved"},
    {BYTES("default/a"), false, "a reserved space"},
    {BYTES("latest"), false, "reserved: it is read as a version"},
    {BYTES("latests"), true, "not reserved"},
};

static void a_name_is_what_the_grammar_says(void)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *fault = registry_name_fault(names[i].text, names[i].len);

        CHECK((fault == NULL) == names[i].is_valid, "row %zu: %s (%s)", i, names[i].why, fault == NULL ? "valid" : fault);
    }
}

/* A regular expression says the same of drawn texts, but for the lists. */
static void drawn_names_are_judged_as_by_a_regular_expression(void)
{
    static const char letters[] = "aazz09-_/.;\n";
    static const char part[] = "[a-z][a-z0-9]*([-_][a-z0-9]+)*";
    char pattern[128];
    unsigned valid = 0;
    struct rng r;
    regex_t e;

    rng_init(&r, 7);
    snprintf(pattern, sizeof pattern, "^(%s/)?%s$", part, part);
    REQUIRE(regcomp(&e, pattern, REG_EXTENDED | REG_NOSUB) == 0, "the pattern");
    for (unsigned i = 0; i < 200000; i++) {
        char text[10];
        size_t len = (size_t)rng_below(&r, sizeof text);

        for (size_t k = 0; k < len; k++) {
            text[k] = letters[rng_below(&r, sizeof letters - 1)];
        }
        text[len] = '\0';
        bool is_valid = regexec(&e, text, 0, NULL, 0) == 0;
        valid += is_valid;
        CHECK((registry_name_fault(text, len) == NULL) == is_valid, "\"%s\"", text);
    }
    CHECK(valid > 5000, "both sides were drawn: %u", valid);
    regfree(&e);
}

static const struct {
    const char *a, *b;
    bool is_alike;
    const char *why;
} alike[] = {
    {"greeter", "greeter", false, "the same"},
    {"my-cell", "my_cell", true, "another joint"},
    {"my-cell", "mycell", true, "no joint"},
    {"acme/log", "acme/l0g", true, "a zero"},
    {"all1", "alll", true, "a one"},
    {"modern", "modem", true, "rn is m to the eye"},
    {"vvidget", "widget", true, "vv is w to the eye"},
    {"greeter", "greter", true, "a letter less"},
    {"greeter", "greeeter", true, "a letter more"},
    {"greeter", "greetor", true, "another letter"},
    {"greeter", "greetre", true, "two letters swapped"},
    {"greeter", "greerte", false, "farther away"},
    {"greeter", "gretter", true, "another letter inside"},
    {"greeter", "reeterg", false, "turned"},
    {"cat", "car", false, "short names are many"},
    {"cats", "cars", false, "four characters"},
    {"catss", "carss", true, "five"},
    {"greeter", "greeters", true, "one more at the end"},
    {"greeter", "greeterss", false, "two more"},
    {"acme/greeter", "acne/greeter", true, "the space counts"},
    {"acme/greeter", "greeter", false, "a space is no step"},
};

static void names_that_a_person_mistakes_are_alike(void)
{
    for (size_t i = 0; i < ARRAY_LEN(alike); i++) {
        CHECK(registry_name_is_alike(alike[i].a, alike[i].b) == alike[i].is_alike, "row %zu: %s", i, alike[i].why);
        CHECK(registry_name_is_alike(alike[i].b, alike[i].a) == alike[i].is_alike, "row %zu, turned: %s", i, alike[i].why);
    }
}

int main(void)
{
    a_name_is_what_the_grammar_says();
    drawn_names_are_judged_as_by_a_regular_expression();
    names_that_a_person_mistakes_are_alike();
    return CHECK_RESULT();
}
