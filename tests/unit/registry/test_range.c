/* Ranges: what each sign means, and what is in it. */
#include "registry/range.h"

#include <string.h>

#include "common/base/rng.h"
#include "tests/support/check.h"

#define BYTES(text) (text), sizeof(text) - 1
#define TEN "abcdefghij"
#define SIXTY TEN TEN TEN TEN TEN TEN

static const struct {
    const char *text, *means; /* NULL: refused as malformed; "": past a limit */
} ranges[] = {
    {"^1.2.3", ">=1.2.3 <2.0.0-0"},   {"^0.2.3", ">=0.2.3 <0.3.0-0"},      {"^0.0.3", ">=0.0.3 <0.0.4-0"},   {"^0.0.0", ">=0.0.0 <0.0.1-0"},
    {"^1.2", ">=1.2.0 <2.0.0-0"},     {"^1", ">=1.0.0 <2.0.0-0"},          {"^0.0", ">=0.0.0 <0.1.0-0"},     {"^0", ">=0.0.0 <1.0.0-0"},
    {"^1.2.x", ">=1.2.0 <2.0.0-0"},   {"^1.2.3-beta.2", ">=1.2.3-beta.2 <2.0.0-0"}, {"^0.0.3-beta", ">=0.0.3-beta <0.0.4-0"},
    {"^*", "*"},                      {"1.2.3", ">=1.2.3 <2.0.0-0"},       {"0.2.3", ">=0.2.3 <0.3.0-0"},    {"1.2", ">=1.2.0 <2.0.0-0"},
    {"~1.2.3", ">=1.2.3 <1.3.0-0"},   {"~1.2", ">=1.2.0 <1.3.0-0"},        {"~1", ">=1.0.0 <2.0.0-0"},       {"~0", ">=0.0.0 <1.0.0-0"},
    {"~1.2.3-beta", ">=1.2.3-beta <1.3.0-0"},                              {"=1.2.3", "=1.2.3"},             {"=1.2", ">=1.2.0 <1.3.0-0"},
    {"=1", ">=1.0.0 <2.0.0-0"},       {"=1.2.3-a", "=1.2.3-a"},            {"1.2.x", ">=1.2.0 <1.3.0-0"},    {"1.2.*", ">=1.2.0 <1.3.0-0"},
    {"1.X", ">=1.0.0 <2.0.0-0"},      {"1.x.x", ">=1.0.0 <2.0.0-0"},       {"*", "*"},                       {"x", "*"},
    {"*.*.*", "*"},                   {">1.2.3", ">1.2.3"},                {">1.2", ">=1.3.0"},              {">1", ">=2.0.0"},
    {">=1.2", ">=1.2.0"},             {">=*", "*"},                        {"<=*", "*"},                     {"<1.2.3", "<1.2.3"},
    {"<1.2", "<1.2.0-0"},             {"<=1.2.3", "<=1.2.3"},              {"<=1.2", "<1.3.0-0"},            {"<=1", "<2.0.0-0"},
    {"1.2.3 - 2.3.4", ">=1.2.3 <=2.3.4"}, {"1.2 - 2.3.4", ">=1.2.0 <=2.3.4"}, {"1.2.3 - 2.3", ">=1.2.3 <2.4.0-0"}, {"1.2.3 - 2", ">=1.2.3 <3.0.0-0"},
    {"* - 2", "<3.0.0-0"},            {"1 - *", ">=1.0.0"},                {"* - *", "*"},                   {"1.0.0-a - 2.0.0", ">=1.0.0-a <=2.0.0"},
    {">=1.2.3 <2", ">=1.2.3 <2.0.0-0"}, {">=1.2.3, <2", ">=1.2.3 <2.0.0-0"}, {">=1.2.3,<2", ">=1.2.3 <2.0.0-0"}, {"  >=  1.2.3\t<  2 ", ">=1.2.3 <2.0.0-0"},
    {">=1.2.3<2", ">=1.2.3 <2.0.0-0"}, {"^1 || ^2", ">=1.0.0 <2.0.0-0 || >=2.0.0 <3.0.0-0"}, {"=1.0.0||=2.0.0", "=1.0.0 || =2.0.0"},
    {"* || 1", "* || >=1.0.0 <2.0.0-0"}, {"1.0.0 - 1.1.0 || 2.0.0 - 2.1.0", ">=1.0.0 <=1.1.0 || >=2.0.0 <=2.1.0"},
    {"=1.2.3+build", "=1.2.3"},       {"^1.2.3-a+b.01", ">=1.2.3-a <2.0.0-0"},
    {"^9007199254740991.1.2", ">=9007199254740991.1.2"}, {"~1.9007199254740991.0", ">=1.9007199254740991.0 <2.0.0-0"},
    {">9007199254740991", ""},        {"^9007199254740992.0.0", ""},       {"=1||=1||=1||=1||=1||=1||=1||=1", ">=1.0.0 <2.0.0-0 || >=1.0.0 <2.0.0-0 || >=1.0.0 <2.0.0-0 || >=1.0.0 <2.0.0-0"
     " || >=1.0.0 <2.0.0-0 || >=1.0.0 <2.0.0-0 || >=1.0.0 <2.0.0-0 || >=1.0.0 <2.0.0-0"},
    {"*||*||*||*||*||*||*||*||*", ""}, {">1.0.0,>1.0.0,>1.0.0,>1.0.0,>1.0.0,>1.0.0,>1.0.0,>1.0.0,>1.0.0,>1.0.0,>1.0.0,>1.0.0,>1.0.0,>1.0.0,>1.0.0,>1.0.0,>1.0.0", ""},
    {"", NULL},                       {" ", NULL},                         {"||", NULL},                     {"1 ||", NULL},
    {"|| 1", NULL},                   {"1 | 2", NULL},                     {"1 ||| 2", NULL},                {",1", NULL},
    {"1,", NULL},                     {"1,,2", NULL},                      {">*", NULL},                     {"<*", NULL},
    {"^^1", NULL},                    {"=>1", NULL},                       {"==1", NULL},                    {"!1", NULL},
    {"~>1", NULL},                    {"v1", NULL},                        {"1.2.3.4", NULL},                {"1.x.3", NULL},
    {"x.1", NULL},                    {"1.2-a", NULL},                     {"1.x-a", NULL},                  {"1.2.3-", NULL},
    {"01.2.3", NULL},                 {"1.2.3-01", NULL},                  {"1. 2", NULL},                   {"1 -2", NULL},
    {"1- 2", NULL},                   {"1 - 2 - 3", NULL},                 {"1 - 2 3", NULL},                {">1 - 2", NULL},
    {"3 1 - 2", NULL},                {"1 - >2", NULL},                    {"latest", NULL},                 {"1xx", NULL},
    {"xx", NULL},                     {"1.2.3x", NULL},                    {"-1", NULL},                     {";id", NULL},
    {"1\n", NULL},                    {"1.2.3-\xc3\xa9", NULL},            {"^", NULL},                      {"1.", NULL},
};

static void a_range_means_what_is_written(void)
{
    for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
        struct registry_range r = {.sets = 77}, again;
        char text[REGISTRY_RANGE_SIZE], twice[REGISTRY_RANGE_SIZE];
        enum err e = registry_range_parse(ranges[i].text, strlen(ranges[i].text), &r);

        if (ranges[i].means == NULL || ranges[i].means[0] == '\0') {
            CHECK(e == (ranges[i].means == NULL ? ERR_MALFORMED : ERR_LIMIT), "\"%s\": %s", ranges[i].text, err_name(e));
            CHECK(r.sets == 77, "\"%s\": untouched", ranges[i].text);
            continue;
        }
        CHECK(e == ERR_OK, "\"%s\": %s", ranges[i].text, err_name(e));
        if (e != ERR_OK) {
            continue;
        }
        (void)registry_range_print(&r, text);
        CHECK(strcmp(text, ranges[i].means) == 0, "\"%s\" is \"%s\", not \"%s\"", ranges[i].text, text, ranges[i].means);
        CHECK(registry_range_parse(text, strlen(text), &again) == ERR_OK, "\"%s\" parses", text);
        (void)registry_range_print(&again, twice);
        CHECK(strcmp(text, twice) == 0, "\"%s\" and \"%s\"", text, twice);
    }
}

static void bytes_that_end_no_text_are_refused(void)
{
    struct registry_range r;
    char longest[REGISTRY_RANGE_MAX + 1];

    CHECK(registry_range_parse(BYTES("1\0"), &r) == ERR_MALFORMED, "a NUL behind");
    CHECK(registry_range_parse(BYTES("1\0 2"), &r) == ERR_MALFORMED, "a NUL inside");
    CHECK(registry_range_parse(BYTES("1 \0"), &r) == ERR_MALFORMED, "a NUL behind a blank");
    memset(longest, ' ', sizeof longest);
    longest[0] = '1';
    CHECK(registry_range_parse(longest, REGISTRY_RANGE_MAX, &r) == ERR_OK, "the longest");
    CHECK(registry_range_parse(longest, REGISTRY_RANGE_MAX + 1, &r) == ERR_LIMIT, "one more");
    static const char tag[] = "=1.0.0-" SIXTY "abcd";
    CHECK(registry_range_parse(tag, sizeof tag - 1, &r) == ERR_OK, "the longest tag");
    static const char tag_more[] = "=1.0.0-" SIXTY "abcde";
    CHECK(registry_range_parse(tag_more, sizeof tag_more - 1, &r) == ERR_LIMIT, "one more");
}

static const struct {
    const char *range, *in, *out; /* versions with blanks between */
} members[] = {
    {"^1.2.3", "1.2.3 1.2.4 1.3.0 1.99.99 1.2.3+b", "1.2.2 2.0.0 0.9.0 1.2.3-a 1.2.4-a 1.3.0-rc.1 2.0.0-0 2.0.0-a"},
    {"^1.2.3-b", "1.2.3-b 1.2.3-c 1.2.3 1.9.9", "1.2.3-a 1.2.4-c 1.3.0-b 2.0.0-b 2.0.0-0"},
    {"^0.2.3", "0.2.3 0.2.9", "0.2.2 0.3.0 1.0.0 0.3.0-0"},
    {"^0.0.3", "0.0.3 0.0.3+a", "0.0.4 0.0.2 0.1.0"},
    {"*", "0.0.0 1.2.3 99.0.0", "1.2.3-a 0.0.0-0"},
    {"* || =1.0.0-a", "2.0.0 1.0.0-a", "1.0.0-b 2.0.0-a"},
    {"=1.0.0-a || *", "2.0.0 1.0.0-a", "1.0.0-b 2.0.0-a"},
    {">=1.0.0-a", "1.0.0-a 1.0.0-b 1.0.0 2.0.0", "2.0.0-a 0.9.0 1.0.0-0"},
    {"<2.0.0", "1.9.9 0.0.0", "2.0.0 2.0.0-a 1.0.0-a"},
    {"<2.0.0-b", "2.0.0-a 1.9.9", "2.0.0-b 2.0.0 1.9.9-a"},
    {">1.0.0 <1.0.2", "1.0.1", "1.0.0 1.0.2 1.0.1-a"},
    {">2 <1", "", "1.0.0 1.5.0 2.0.0 3.0.0"},
    {"1.0.0-a - 1.0.0", "1.0.0-a 1.0.0-z 1.0.0", "1.0.1 1.0.1-a 0.9.9"},
    {"=1.0.0", "1.0.0 1.0.0+x", "1.0.0-a 1.0.1"},
    {">=1.0.0-a <1.0.0-c || >=2.0.0 <2.0.0-z", "1.0.0-a 1.0.0-b", "1.0.0-c 1.0.0 2.0.0 2.0.0-a"},
    {">1", "2.0.0 2.0.1", "1.0.0 1.9.9 2.0.0-a"},
    {"<=1.2", "1.2.9 1.0.0", "1.3.0 1.3.0-0"},
};

static void count_members(const char *range, const char *versions, bool is_in)
{
    char copy[256], *rest = NULL;
    struct registry_range r;

    REQUIRE(registry_range_parse(range, strlen(range), &r) == ERR_OK, "%s", range);
    snprintf(copy, sizeof copy, "%s", versions);
    for (char *v = strtok_r(copy, " ", &rest); v != NULL; v = strtok_r(NULL, " ", &rest)) {
        struct registry_version version;

        REQUIRE(registry_version_parse(v, strlen(v), &version) == ERR_OK, "%s", v);
        CHECK(registry_range_has(&r, &version) == is_in, "%s is %sin %s", v, is_in ? "not " : "", range);
    }
}

static void a_version_is_in_a_range_or_not(void)
{
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        count_members(members[i].range, members[i].in, true);
        count_members(members[i].range, members[i].out, false);
    }
}

/* What ^, ~ and = with one to three small numbers mean, said once more by the words of Cargo's book: a version (no pre-release) is in
 * it when it is not before it and the numbers that may not change are the same. */
static bool is_in_by_words(char sign, const unsigned said[3], unsigned given, const unsigned v[3])
{
    unsigned keep = 0;

    if (sign == '^') {
        while (keep + 1 < given && said[keep] == 0) {
            keep++;
        }
        keep++;
    } else {
        keep = sign == '~' ? (given == 1 ? 1 : 2) : given;
    }
    for (unsigned i = 0; i < keep; i++) {
        if (v[i] != said[i]) {
            return false;
        }
    }
    for (unsigned i = keep; i < 3; i++) {
        if (v[i] != said[i]) {
            return v[i] > said[i];
        }
    }
    return true;
}

static void signs_mean_what_their_book_says(void)
{
    for (unsigned n = 0; n < 3 * 3 * 27; n++) {
        const char sign = "^~="[n % 3];
        const unsigned given = n / 3 % 3 + 1, digits = n / 9, said_all[3] = {digits % 3, digits / 3 % 3, digits / 9 % 3};
        unsigned said[3] = {0};
        struct registry_range r;
        char text[16];
        int len = snprintf(text, sizeof text, "%c%u.%u.%u", sign, said_all[0], said_all[1], said_all[2]) - 2 * (int)(3 - given);

        memcpy(said, said_all, given * sizeof said[0]);
        REQUIRE(registry_range_parse(text, (size_t)len, &r) == ERR_OK, "%s", text);
        for (unsigned k = 0; k < 64; k++) {
            const unsigned v[3] = {k % 4, k / 4 % 4, k / 16};
            const struct registry_version version = {.major = v[0], .minor = v[1], .patch = v[2]};

            CHECK(registry_range_has(&r, &version) == is_in_by_words(sign, said, given, v), "%u.%u.%u and %.*s", v[0], v[1], v[2], len, text);
        }
    }
}

/* Drawn texts: whatever parses prints as something that has the same members. */
static void what_is_printed_has_the_same_members(void)
{
    static const char *const word[] = {"1", "0", ".", "2", "-a", "x", "*", "^", "~", ">", "<", "=", " ", " - ", " || ", ",", "-0", "1.0.0"};
    unsigned good = 0;
    struct rng rng;

    rng_init(&rng, 11);
    for (unsigned i = 0; i < 300000; i++) {
        char text[128] = "", printed[REGISTRY_RANGE_SIZE];
        struct registry_range r, again;

        for (uint64_t n = rng_below(&rng, 9) + 1; n > 0; n--) {
            strcat(text, word[rng_below(&rng, ARRAY_LEN(word))]);
        }
        if (registry_range_parse(text, strlen(text), &r) != ERR_OK) {
            continue;
        }
        size_t len = registry_range_print(&r, printed);
        REQUIRE(registry_range_parse(printed, len, &again) == ERR_OK, "\"%s\" as \"%s\"", text, printed);
        for (unsigned k = 0; k < 81; k++) {
            struct registry_version v = {.major = k % 3, .minor = k / 3 % 3, .patch = k / 9 % 3};

            strcpy(v.pre, k / 27 == 0 ? "" : k / 27 == 1 ? "0" : "a");
            CHECK(registry_range_has(&r, &v) == registry_range_has(&again, &v), "\"%s\" as \"%s\"", text, printed);
        }
        good++;
    }
    CHECK(good > 10000, "enough were drawn: %u", good);
}

int main(void)
{
    a_range_means_what_is_written();
    bytes_that_end_no_text_are_refused();
    a_version_is_in_a_range_or_not();
    signs_mean_what_their_book_says();
    what_is_printed_has_the_same_members();
    return CHECK_RESULT();
}
