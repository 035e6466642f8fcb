/* REG-1: what is looked for is found, the nearest first, whatever stands in the index. */
#include "registry/search.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "registry/name.h"
#include "registry/record.h"
#include "tests/support/check.h"

#define HEAD "cell-registry-index-1\norigin example.org/cells\n"
#define TEN "abcdefghij"
#define SIXTY TEN TEN TEN TEN TEN TEN
#define LONGEST SIXTY SIXTY SIXTY TEN TEN

static struct registry_slice slice(const char *text)
{
    return (struct registry_slice){.at = text, .len = strlen(text)};
}

static const struct {
    const char *text;
    bool is_good;
    const char *why;
} indexes[] = {
    {HEAD, true, "of nothing"},
    {HEAD "acme/greeter 1.2.3 Says hello.\ngreeter 1.0.0\n", true, "two, one without a summary"},
    {HEAD "greeter 1.0.0\nacme/greeter 1.2.3\n", false, "descending"},
    {HEAD "greeter 1.0.0\ngreeter 1.0.1\n", false, "twice"},
    {HEAD "greeter 1.0.0 \n", false, "an empty summary"},
    {HEAD "greeter 1.0.0  a\n", false, "a summary that begins with a blank"},
    {HEAD "greeter 1.0.0 a \n", false, "one that ends with a blank"},
    {HEAD "greeter 1.0.0 " LONGEST "\n", true, "the longest summary"},
    {HEAD "greeter 1.0.0 " LONGEST "k\n", false, "one more"},
    {HEAD "greeter 1.0.0 \x1b[2J\n", false, "a terminal's escape"},
    {HEAD "greeter 1.0.0 \xc3\xa9\n", false, "beyond ASCII"},
    {HEAD "greeter 1.0\n", false, "no version"},
    {HEAD "greeter\n", false, "without a version"},
    {HEAD "../a 1.0.0\n", false, "no name"},
    {HEAD "greeter 1.0.0", false, "without its end"},
    {HEAD "\n", false, "an empty line"},
    {"cell-registry-index-1\norigin -x\n", false, "no origin"},
    {"cell-registry-index-2\norigin example.org/cells\n", false, "of a later form"},
    {"", false, "nothing"},
};

static void an_index_has_one_form(void)
{
    for (size_t i = 0; i < ARRAY_LEN(indexes); i++) {
        struct registry_search s;
        CHECK(registry_search_read(indexes[i].text, strlen(indexes[i].text), &s) == indexes[i].is_good, "row %zu: %s", i, indexes[i].why);
    }
}

static const struct {
    const char *text;
    enum err e;
    unsigned count;
    const char *why;
} questions[] = {
    {"greeter", ERR_OK, 1, "a word"},
    {"  says   HELLO ", ERR_OK, 2, "two, with any blanks"},
    {"", ERR_RANGE, 0, "none"},
    {"   ", ERR_RANGE, 0, "blanks"},
    {"a b c d e f g h", ERR_OK, 8, "eight"},
    {"a b c d e f g h i", ERR_LIMIT, 0, "nine"},
    {SIXTY "abcd", ERR_OK, 1, "the longest"},
    {SIXTY "abcde", ERR_LIMIT, 0, "one more"},
    {"a\tb", ERR_MALFORMED, 0, "a tab"},
    {"a\nb", ERR_MALFORMED, 0, "a line's end"},
    {"\x7f", ERR_MALFORMED, 0, "a control character"},
    {"\xc3\xa9", ERR_MALFORMED, 0, "beyond ASCII"},
    {"-x;rm *", ERR_OK, 2, "signs like others"},
};

static void questions_are_bounded(void)
{
    for (size_t i = 0; i < ARRAY_LEN(questions); i++) {
        struct registry_search_question q = {.count = 77};
        enum err e = registry_search_parse(questions[i].text, strlen(questions[i].text), &q);
        CHECK(e == questions[i].e && q.count == (e == ERR_OK ? questions[i].count : 77), "row %zu: %s: %s, %u", i, questions[i].why, err_name(e), q.count);
    }
}

static const struct {
    const char *line, *question;
    int distance; /* -1: not found */
    const char *why;
} matches[] = {
    {"greeter 1.0.0", "greeter", 0, "its name"},
    {"greeter 1.0.0", "GREETER", 0, "in any case"},
    {"acme/greeter 1.0.0", "acme/greeter", 0, "its whole name"},
    {"acme/greeter 1.0.0", "greeter", 1, "its last part"},
    {"acme/greeter 1.0.0", "acme", 2, "its space"},
    {"http-server 1.0.0", "server", 2, "a word of its name"},
    {"http-server 1.0.0", "http", 2, "the first, which is more than a begin"},
    {"acme/greeter 1.0.0", "greet", 3, "the begin of its last part"},
    {"http-server 1.0.0", "ht", 3, "of its only one"},
    {"acme/http-server 1.0.0", "acm", 4, "the begin of a word"},
    {"acme/http-server 1.0.0", "serv", 4, "of another"},
    {"acme/http-server 1.0.0", "tp-se", 5, "within it"},
    {"a 1.0.0 Says hello.", "hello", 6, "a word of the summary"},
    {"a 1.0.0 Says Hello.", "says", 6, "another"},
    {"a 1.0.0 Says HELLO.", "hello", 6, "all in capitals"},
    {"a 1.0.0 Says [b @c.", "{b", -1, "a bracket is no capital"},
    {"a 1.0.0 Says [b @c.", "`c", -1, "nor is this"},
    {"a 1.0.0 Says hello.", "hel", 7, "the begin of one"},
    {"a 1.0.0 Says hello.", "ello", 8, "within it"},
    {"a 1.0.0 ello hello", "hello ello", 12, "each word counts"},
    {"a 1.0.0 hello, ello", "ello", 6, "the best place counts, not the first"},
    {"say 1.0.0 Says hello.", "say hello", 6, "one in the name, one in the summary"},
    {"say 1.0.0 Says hello.", "say nothing", -1, "one is nowhere"},
    {"a 1.0.0 Says hello.", "1.0.0", -1, "versions are not looked for"},
    {"a 1.0.0 Says hello.", "oh", -1, "a word does not go on behind a blank"},
    {"a 1.0.0 Says hello.", "hello..", -1, "longer than what is there"},
    {"a 1.0.0", "ab", -1, "longer than all that is there"},
};

static void the_nearest_place_counts(void)
{
    for (size_t i = 0; i < ARRAY_LEN(matches); i++) {
        struct registry_search_found f[2] = {{.distance = 99}};
        struct registry_search_question q;
        struct registry_search s;
        char index[512];

        (void)snprintf(index, sizeof index, HEAD "%s\n", matches[i].line);
        REQUIRE(registry_search_read(index, strlen(index), &s), "row %zu", i);
        REQUIRE(registry_search_parse(matches[i].question, strlen(matches[i].question), &q) == ERR_OK, "row %zu", i);
        size_t found = registry_search_ask(&s, &q, f, 2);
        CHECK(found == (matches[i].distance >= 0), "row %zu: %s: %zu found", i, matches[i].why, found);
        CHECK(found == 0 || f[0].distance == (unsigned)matches[i].distance, "row %zu: %s: %u", i, matches[i].why, f[0].distance);
    }
}

/* ---- drawn indexes against looking at everything ---------------------------------------------------- */

enum { PACKAGES = 200, ROUNDS = 200 };

static const char *const words[] = {"a", "ab", "aba", "b", "ba", "bab", "log", "logger"};

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int by_distance(const void *a, const void *b)
{
    const struct registry_search_found *x = a, *y = b;

    return x->distance != y->distance ? (x->distance > y->distance) - (x->distance < y->distance) : registry_text_compare(x->name, y->name);
}

static void all_are_found_in_order(void)
{
    static char line[PACKAGES][64], text[PACKAGES * 64 + 128];
    struct rng rng;

    rng_init(&rng, 7);
    for (int round = 0; round < ROUNDS; round++) {
        struct registry_search_found one, some[PACKAGES], all[PACKAGES];
        struct registry_search_question q;
        struct registry_search s;
        struct bytes_text t;
        char *at[PACKAGES];
        size_t count = 0, room = rng_below(&rng, 20);

        for (size_t i = 0; i < PACKAGES; i++) {
            (void)snprintf(line[i], sizeof line[i], "%s/%s-%s", words[rng_below(&rng, 8)], words[rng_below(&rng, 8)], words[rng_below(&rng, 8)]);
            at[i] = line[i];
        }
        qsort(at, PACKAGES, sizeof at[0], by_name);
        bytes_text_init(&t, text, sizeof text);
        registry_search_add_head(&t, slice("example.org/cells"));
        for (size_t i = 0; i < PACKAGES; i++) {
            if (i == 0 || strcmp(at[i], at[i - 1]) != 0) {
                registry_search_add(&t, &(struct registry_search_found){.name = slice(at[i]), .version = slice("1.0.0"),
                                                                        .summary = slice(i % 3 == 0 ? "" : words[i % 8])});
            }
        }
        REQUIRE(!t.cut && registry_search_read(text, t.len, &s), "round %d", round);
        const char *asked = words[rng_below(&rng, 8)];
        REQUIRE(registry_search_parse(asked, strlen(asked), &q) == ERR_OK, "round %d", round);
        for (size_t i = 0; i < PACKAGES; i++) { /* one at a time: an index of its own each */
            if (i > 0 && strcmp(at[i], at[i - 1]) == 0) {
                continue;
            }
            bool is_there = registry_search_find(&s, slice(at[i]), &one);
            CHECK(is_there && registry_text_same(one.name, at[i]), "round %d: %s is found by name", round, at[i]);
            const char *end = memchr(one.name.at, '\n', (size_t)(text + t.len - one.name.at));
            struct registry_search alone = {.list = {.at = one.name.at, .len = (size_t)(end + 1 - one.name.at)}};
            count += is_there ? registry_search_ask(&alone, &q, &all[count], 1) : 0;
        }
        CHECK(!registry_search_find(&s, slice("a/zz"), &one) && !registry_search_find(&s, slice("a"), &one) && !registry_search_find(&s, slice("z"), &one),
              "round %d: names that are not there", round);
        qsort(all, count, sizeof all[0], by_distance);
        size_t told = registry_search_ask(&s, &q, some, room);
        CHECK(told == count, "round %d: %zu of %zu", round, told, count);
        for (size_t i = 0; i < count && i < room; i++) {
            CHECK(some[i].name.at == all[i].name.at && some[i].distance == all[i].distance, "round %d: place %zu of %zu", round, i, room);
        }
    }
}

static void who_is_meant_is_told(void)
{
    static const char index[] = HEAD "acme/greeter 1.0.0\ngreeter 1.0.0\ngreeter2 1.0.0\ngreter 1.0.0\nlogger 1.0.0\n";
    struct registry_search_found f[8];
    struct registry_search s;

    REQUIRE(registry_search_read(index, sizeof index - 1, &s), "an index");
    CHECK(registry_search_alike(&s, slice("greeter"), f, 8) == 2 && registry_text_same(f[0].name, "greeter2") && registry_text_same(f[1].name, "greter"),
          "a letter more, a letter less; not itself");
    CHECK(registry_search_alike(&s, slice("greeter"), f, 1) == 1, "no more than there is room for");
    CHECK(registry_search_alike(&s, slice("l0gger"), f, 8) == 1, "a look-alike");
    CHECK(registry_search_alike(&s, slice("other"), f, 8) == 0, "nobody");
}

int main(void)
{
    an_index_has_one_form();
    questions_are_bounded();
    the_nearest_place_counts();
    all_are_found_in_order();
    who_is_meant_is_told();
    return CHECK_RESULT();
}
