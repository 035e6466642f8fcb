/* Semantic Versioning 2.0.0, section by section. */
#include "registry/version.h"

#include <string.h>

#include "common/base/rng.h"
#include "tests/support/check.h"

#define SIXTY "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij"
#define N64 SIXTY "abcd"

#define BYTES(text) (text), sizeof(text) - 1

static const struct {
    const char *text;
    size_t len;
    enum err e;
    const char *why;
} versions[] = {
    {BYTES("0.0.0"), ERR_OK, "the first"},
    {BYTES("1.2.3"), ERR_OK, "usual"},
    {BYTES("1.0.0-alpha"), ERR_OK, "a pre-release"},
    {BYTES("1.0.0-0.3.7"), ERR_OK, "numbers"},
    {BYTES("1.0.0-x.7.z.92"), ERR_OK, "both"},
    {BYTES("1.0.0-x-y-z.--"), ERR_OK, "hyphens are letters"},
    {BYTES("1.0.0+20130313144700"), ERR_OK, "build metadata"},
    {BYTES("1.0.0-beta+exp.sha.5114f85"), ERR_OK, "both"},
    {BYTES("1.0.0+21AF26D3---117B344092BD"), ERR_OK, "hyphens in metadata"},
    {BYTES("1.0.0+001"), ERR_OK, "leading zeros are fine in metadata"},
    {BYTES("1.0.0-01a"), ERR_OK, "no number"},
    {BYTES("1.0.0-0"), ERR_OK, "a zero alone"},
    {BYTES("1.0.0-01"), ERR_MALFORMED, "a leading zero of a pre-release's number"},
    {BYTES("1.0.0-a.01"), ERR_MALFORMED, "behind a dot, too"},
    {BYTES("01.0.0"), ERR_MALFORMED, "a leading zero"},
    {BYTES("1.01.0"), ERR_MALFORMED, "of the second"},
    {BYTES("1.0.00"), ERR_MALFORMED, "of the third"},
    {BYTES(""), ERR_MALFORMED, "none"},
    {BYTES("1"), ERR_MALFORMED, "one number"},
    {BYTES("1.2"), ERR_MALFORMED, "two"},
    {BYTES("1.2.3.4"), ERR_MALFORMED, "four"},
    {BYTES("1.2."), ERR_MALFORMED, "a dot at the end"},
    {BYTES(".1.2"), ERR_MALFORMED, "a dot at the begin"},
    {BYTES("1..2"), ERR_MALFORMED, "nothing between"},
    {BYTES("v1.2.3"), ERR_MALFORMED, "a tag's name"},
    {BYTES("=1.2.3"), ERR_MALFORMED, "a range"},
    {BYTES("-1.2.3"), ERR_MALFORMED, "an option"},
    {BYTES("+1.2.3"), ERR_MALFORMED, "a sign"},
    {BYTES(" 1.2.3"), ERR_MALFORMED, "a blank before"},
    {BYTES("1.2.3 "), ERR_MALFORMED, "a blank behind"},
    {BYTES("1.2.3\n"), ERR_MALFORMED, "a line's end"},
    {BYTES("1.2.3\0"), ERR_MALFORMED, "a NUL"},
    {BYTES("1.2.3-"), ERR_MALFORMED, "an empty pre-release"},
    {BYTES("1.2.3+"), ERR_MALFORMED, "empty metadata"},
    {BYTES("1.2.3-+a"), ERR_MALFORMED, "an empty pre-release before metadata"},
    {BYTES("1.2.3-a..b"), ERR_MALFORMED, "an empty identifier"},
    {BYTES("1.2.3-a."), ERR_MALFORMED, "at the end"},
    {BYTES("1.2.3-.a"), ERR_MALFORMED, "at the begin"},
    {BYTES("1.2.3+a+b"), ERR_MALFORMED, "metadata twice"},
    {BYTES("1.2.3+a_b"), ERR_MALFORMED, "no identifier's character"},
    {BYTES("1.2.3-\xc3\xa9"), ERR_MALFORMED, "beyond ASCII"},
    {BYTES("1.2.3/../x"), ERR_MALFORMED, "a path"},
    {BYTES("1.2.3;id"), ERR_MALFORMED, "a command"},
    {BYTES("1.2.x"), ERR_MALFORMED, "a range"},
    {BYTES("9007199254740991.0.0"), ERR_OK, "the largest number"},
    {BYTES("9007199254740992.0.0"), ERR_LIMIT, "one more"},
    {BYTES("1.18446744073709551616.0"), ERR_LIMIT, "2^64"},
    {BYTES("1.0.99999999999999999999999999999999999"), ERR_LIMIT, "far past it"},
    {BYTES("99999999999999999999.0"), ERR_MALFORMED, "malformed and too large is malformed"},
    {BYTES("99999999999999999999.0.0-"), ERR_MALFORMED, "to the end"},
    {BYTES("1.0.0-99999999999999999999999"), ERR_OK, "a pre-release's number may be any"},
    {BYTES("1.0.0-" N64), ERR_OK, "the longest tag"},
    {BYTES("1.0.0-" N64 "e"), ERR_LIMIT, "one more"},
    {BYTES("1.0.0+" N64), ERR_OK, "the longest metadata"},
    {BYTES("1.0.0+" N64 "e"), ERR_LIMIT, "one more"},
    {BYTES("9007199254740991.9007199254740991.9007199254740991-" N64 "+" N64), ERR_OK, "the longest of all"},
};

static void a_version_is_what_the_specification_says(void)
{
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        struct registry_version v = {.major = 77}, same;
        char text[REGISTRY_VERSION_SIZE];
        enum err e = registry_version_parse(versions[i].text, versions[i].len, &v);

        CHECK(e == versions[i].e, "row %zu: %s: %s", i, versions[i].why, err_name(e));
        if (e != ERR_OK) {
            CHECK(v.major == 77, "row %zu: untouched", i);
            continue;
        }
        size_t len = registry_version_print(&v, text);
        CHECK(len == versions[i].len && memcmp(text, versions[i].text, len) == 0, "row %zu: printed as %s", i, text);
        CHECK(registry_version_parse(text, len, &same) == ERR_OK && memcmp(&v, &same, sizeof v) == 0, "row %zu: the same again", i);
    }
}

static struct registry_version parsed(const char *text)
{
    struct registry_version v;

    REQUIRE(registry_version_parse(text, strlen(text), &v) == ERR_OK, "%s", text);
    return v;
}

/* Ascending; what has "=" before it is as its neighbour above. */
static const char *const ascending[] = {
    "0.0.0-0", "0.0.0", "0.0.1", "0.1.0", "0.9.0", "0.10.0", "1.0.0-0", "1.0.0-0.0", "1.0.0-1", "1.0.0-2", "1.0.0-10",
    "1.0.0-9007199254740993", "1.0.0-18446744073709551616", "1.0.0-18446744073709551617", "1.0.0--", "1.0.0--1", "1.0.0-1a", "1.0.0-A",
    "1.0.0-a", "1.0.0-a-b", "1.0.0-aa",
    "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0",
    "=1.0.0+a", "=1.0.0+b.1", "1.0.1-a", "=1.0.1-a+b", "1.0.1", "2.0.0", "2.1.0", "2.1.1", "9007199254740991.0.0",
};

static void precedence_is_that_of_section_11(void)
{
    for (size_t i = 0, rank_i = 0; i < ARRAY_LEN(ascending); i++) {
        struct registry_version a = parsed(ascending[i] + (ascending[i][0] == '='));

        rank_i = ascending[i][0] == '=' ? rank_i : i;
        for (size_t j = 0, rank_j = 0; j < ARRAY_LEN(ascending); j++) {
            struct registry_version b = parsed(ascending[j] + (ascending[j][0] == '='));
            int c = registry_version_compare(&a, &b);

            rank_j = ascending[j][0] == '=' ? rank_j : j;
            CHECK((c > 0) - (c < 0) == (rank_i > rank_j) - (rank_i < rank_j), "%s and %s: %d", ascending[i], ascending[j], c);
        }
    }
}

/* What is drawn from few letters has a total order: the three ways round agree, and what is equal prints alike without metadata. */
static void the_order_is_total(void)
{
    static const char letters[] = "0019aA-.";
    struct registry_version v[3];
    char text[3][REGISTRY_VERSION_SIZE];
    unsigned good = 0;
    struct rng r;

    rng_init(&r, 3);
    for (unsigned i = 0; i < 400000; i++) {
        char drawn[] = "1.0.0-......";
        size_t len = 7 + rng_below(&r, sizeof drawn - 7);

        for (size_t k = 6; k < len; k++) {
            drawn[k] = letters[rng_below(&r, sizeof letters - 1)];
        }
        if (registry_version_parse(drawn, len, &v[good % 3]) != ERR_OK) {
            continue;
        }
        (void)registry_version_print(&v[good % 3], text[good % 3]);
        if (good++ < 2) {
            continue;
        }
        int ab = registry_version_compare(&v[0], &v[1]), ba = registry_version_compare(&v[1], &v[0]);
        int bc = registry_version_compare(&v[1], &v[2]), ac = registry_version_compare(&v[0], &v[2]);
        CHECK((ab > 0) == (ba < 0) && (ab == 0) == (ba == 0), "%s and %s", text[0], text[1]);
        CHECK((ab == 0) == (strcmp(text[0], text[1]) == 0), "%s and %s", text[0], text[1]);
        CHECK(!(ab < 0 && bc < 0) || ac < 0, "%s, %s and %s", text[0], text[1], text[2]);
    }
    CHECK(good > 100000, "enough were drawn: %u", good);
}

int main(void)
{
    a_version_is_what_the_specification_says();
    precedence_is_that_of_section_11();
    the_order_is_total();
    return CHECK_RESULT();
}
