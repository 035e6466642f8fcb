/* Claims about offers: what is told reads back, what a stranger made up is refused, who is better; and about the
 * catalogue: what is told when. */
#include <stdio.h>
#include <string.h>

#include "nodosum/catalogue.h"
#include "tests/support/check.h"

enum { AT_LEN = 1, AT_NAME, AT_READY = AT_NAME + 7, AT_SCORE = AT_READY + 2, AT_END = AT_SCORE + 5 };

static struct nodosum_offer offer(const char *name, uint32_t ready, uint32_t score, uint32_t latency_us)
{
    struct nodosum_offer o = {.ready = ready, .score = score, .latency_us = latency_us};

    (void)snprintf(o.name, sizeof o.name, "%s", name);
    return o;
}

static struct nodosum_offers one(const char *name, uint32_t ready, uint32_t score, uint32_t latency_us)
{
    struct nodosum_offers o = {0};
    struct nodosum_offer item = offer(name, ready, score, latency_us);

    REQUIRE(nodosum_offers_add(&o, &item) == ERR_OK, "%s", name);
    return o;
}

static void what_is_told_reads_back(void)
{
    struct nodosum_offers o = {0}, again;
    struct nodosum_offer found, rows[] = {offer("greeter", 3, 90, 1200), offer("blue/greeter", 65535, 100, 0),
                                          offer("a", 1, 0, UINT32_MAX)};
    uint8_t bytes[NODOSUM_OFFERS_BYTES];
    uint16_t size = 99;

    CHECK(nodosum_offers_pack(&o, bytes, &size) == ERR_OK && size == 0, "nothing has no bytes");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK(nodosum_offers_add(&o, &rows[i]) == ERR_OK, "%s", rows[i].name);
    }
    CHECK(strcmp(o.item[0].name, "a") == 0 && strcmp(o.item[2].name, "greeter") == 0, "in the order of names");
    CHECK(nodosum_offers_pack(&o, bytes, &size) == ERR_OK, "they fit");
    CHECK(nodosum_offers_unpack(bytes, size, &again) == ERR_OK && memcmp(&o, &again, sizeof o) == 0, "as they were");
    for (size_t cut = 1; cut < size; cut++) {
        CHECK(nodosum_offers_unpack(bytes, cut, &again) == ERR_MALFORMED, "cut at %zu", cut);
    }
    CHECK(nodosum_offers_find(bytes, size, "blue/greeter", &found) && found.ready == 65535, "found");
    found.ready = 7;
    CHECK(!nodosum_offers_find(bytes, size, "greet", &found) && found.ready == 7, "not by its beginning");
}

static void what_is_made_up_is_refused(void)
{
    static const struct {
        size_t at;
        uint8_t byte;
        bool is_good;
        const char *why;
    } rows[] = {
        {0, 1, true, "as it is"},
        {0, 0, false, "none, in bytes"},
        {0, 2, false, "more than there are"},
        {0, NODOSUM_OFFERS_MAX + 1, false, "more than there may be"},
        {AT_LEN, 0, false, "no name"},
        {AT_LEN, 255, false, "a name past the end"},
        {AT_NAME, '-', false, "a name like an option"},
        {AT_NAME, '.', false, "a name like a path"},
        {AT_NAME + 3, '/', true, "a namespace"},
        {AT_NAME + 6, '/', false, "a namespace without a cell"},
        {AT_NAME + 3, 0, false, "a name that ends early"},
        {AT_READY + 1, 0, false, "nobody is ready"},
        {AT_SCORE, 100, true, "the best"},
        {AT_SCORE, 101, false, "better than the best"},
    };
    struct nodosum_offers o = one("greeter", 1, 50, 7);

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t bytes[NODOSUM_OFFERS_BYTES];
        uint16_t size = 0;
        struct nodosum_offers ret = {.count = 99};
        REQUIRE(nodosum_offers_pack(&o, bytes, &size) == ERR_OK && size == AT_END, "it fits");
        bytes[rows[i].at] = rows[i].byte;
        enum err e = nodosum_offers_unpack(bytes, size, &ret);
        CHECK(e == (rows[i].is_good ? ERR_OK : ERR_MALFORMED), "row %zu: %s", i, rows[i].why);
        CHECK(e == ERR_OK || ret.count == 99, "row %zu: untouched", i);
    }
    uint8_t twice[] = {2, 1, 'a', 0, 1, 0, 0, 0, 0, 0, 1, 'a', 0, 1, 0, 0, 0, 0, 0};
    struct nodosum_offers ret;
    CHECK(nodosum_offers_unpack(twice, sizeof twice, &ret) == ERR_MALFORMED, "the same twice");
    twice[11] = 'b';
    CHECK(nodosum_offers_unpack(twice, sizeof twice, &ret) == ERR_OK, "in order");
    twice[2] = 'c';
    CHECK(nodosum_offers_unpack(twice, sizeof twice, &ret) == ERR_MALFORMED, "out of order");
}

/* As many as there may be and one more; as many bytes as there may be and one more. */
static void lists_have_limits(void)
{
    struct nodosum_offers o = {0};
    struct nodosum_offer item;
    uint8_t bytes[NODOSUM_OFFERS_BYTES];
    uint16_t size = 7;
    char name[NODOSUM_OFFERS_NAME_SIZE];

    for (uint32_t i = 0; i <= NODOSUM_OFFERS_MAX; i++) {
        (void)snprintf(name, sizeof name, "cell-%02u", i);
        item = offer(name, 1, 1, 1);
        CHECK(nodosum_offers_add(&o, &item) == (i < NODOSUM_OFFERS_MAX ? ERR_OK : ERR_LIMIT), "%u", i);
    }
    CHECK(nodosum_offers_pack(&o, bytes, &size) == ERR_OK && size == 1 + NODOSUM_OFFERS_MAX * 15, "%u bytes", size);
    o.count = 0;
    for (uint32_t i = 0; i < 5; i++) {
        /* 639 bytes are 5 times 8, and 4 names of 129 and one of 83 */
        (void)snprintf(name, sizeof name, "%064d/%0*u", 0, i < 4 ? 64 : 18, i);
        item = offer(name, 1, 1, 1);
        CHECK(nodosum_offers_add(&o, &item) == ERR_OK, "a long name, %zu", strlen(name));
    }
    CHECK(nodosum_offers_pack(&o, bytes, &size) == ERR_OK && size == NODOSUM_OFFERS_BYTES, "full: %u", size);
    for (uint32_t i = 0; i < o.count; i++) {
        if (strlen(o.item[i].name) < 129) {
            strcat(o.item[i].name, "x");
        }
    }
    size = 7;
    CHECK(nodosum_offers_pack(&o, bytes, &size) == ERR_LIMIT && size == 7, "a character more");
}

static void only_offers_are_added(void)
{
    static const struct {
        const char *name;
        uint32_t ready, score;
        enum err e;
    } rows[] = {
        {"a", 1, 0, ERR_OK}, {"a/b", 65535, 100, ERR_OK}, {"a", 0, 0, ERR_INVALID}, {"a", 65536, 0, ERR_INVALID},
        {"a", 1, 101, ERR_INVALID}, {"", 1, 1, ERR_INVALID}, {"/a", 1, 1, ERR_INVALID}, {"a/", 1, 1, ERR_INVALID},
        {"a/b/c", 1, 1, ERR_INVALID}, {"../a", 1, 1, ERR_INVALID}, {"there", 1, 1, ERR_INVALID},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct nodosum_offers o = one("there", 1, 1, 1);
        struct nodosum_offer item = offer(rows[i].name, rows[i].ready, rows[i].score, 0);
        enum err e = nodosum_offers_add(&o, &item);
        CHECK(e == rows[i].e && o.count == (e == ERR_OK ? 2 : 1), "row %zu: %s", i, err_name(e));
    }
}

static void what_changed_enough_is_told(void)
{
    static const struct {
        const char *name;
        uint32_t ready, score, latency_us;
        enum nodosum_offers_change change;
        const char *why;
    } rows[] = {
        {"a", 2, 80, 1000, NODOSUM_OFFERS_SAME, "nothing changed"},
        {"a", 3, 80, 1000, NODOSUM_OFFERS_OTHER, "one more is ready"},
        {"b", 2, 80, 1000, NODOSUM_OFFERS_OTHER, "another cell"},
        {"a", 2, 60, 1000, NODOSUM_OFFERS_SAME, "a quarter less"},
        {"a", 2, 59, 1000, NODOSUM_OFFERS_MOVED, "and a little more"},
        {"a", 2, 100, 1000, NODOSUM_OFFERS_SAME, "a quarter better"},
        {"a", 2, 80, 1250, NODOSUM_OFFERS_SAME, "a quarter slower"},
        {"a", 2, 80, 1251, NODOSUM_OFFERS_MOVED, "and a little more"},
        {"a", 2, 80, 0, NODOSUM_OFFERS_MOVED, "not known any more"},
    };
    struct nodosum_offers told = one("a", 2, 80, 1000), none = {0};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct nodosum_offers now = one(rows[i].name, rows[i].ready, rows[i].score, rows[i].latency_us);
        CHECK(nodosum_offers_compare(&told, &now) == rows[i].change, "%s", rows[i].why);
    }
    CHECK(nodosum_offers_compare(&told, &none) == NODOSUM_OFFERS_OTHER, "nothing any more");
}

static void the_better_one_costs_less(void)
{
    struct nodosum_offer well = offer("a", 1, 100, 500), ill = offer("a", 1, 50, 500), worst = offer("a", 1, 0, 500);

    CHECK(nodosum_offers_cost(&well, 1400) == 2000, "the way there and the time inside");
    CHECK(nodosum_offers_cost(&ill, 1400) == 4000, "half as good counts twice");
    CHECK(nodosum_offers_cost(&worst, 1400) == 200000, "a score of nothing counts as 1");
    worst.latency_us = UINT32_MAX;
    CHECK(nodosum_offers_cost(&worst, UINT32_MAX) == 100 * (2 * (uint64_t)UINT32_MAX + 100), "no overflow");
    struct nodosum_offer here = offer("a", 1, 1, 0);
    CHECK(nodosum_offers_cost(&here, 0) > nodosum_offers_cost(&well, 1400), "who is here and ill is no better");
}

/* ---- the catalogue ----------------------------------------------------------------------------------- */

static void who_is_ready_is_told_at_once(void)
{
    struct nodosum_offers a = one("a", 1, 100, 1000), b = one("a", 2, 100, 1000), c = one("a", 3, 100, 1000);
    struct nodosum_catalogue k;

    nodosum_catalogue_init(&k);
    CHECK(nodosum_catalogue_due_ms(&k, 5) == UINT64_MAX && !nodosum_catalogue_clock(&k, 1000, 5), "nothing to tell");
    CHECK(nodosum_catalogue_say(&k, 1000, &a, 60000) == ERR_OK && nodosum_catalogue_due_ms(&k, 5) == 0, "now");
    CHECK(nodosum_catalogue_clock(&k, 1000, 5) && k.told.count == 1, "told");
    CHECK(!nodosum_catalogue_clock(&k, 1000, 5), "once");
    CHECK(nodosum_catalogue_say(&k, 1005, &b, 60000) == ERR_OK, "another is ready soon after");
    CHECK(nodosum_catalogue_due_ms(&k, 5) == 1000 + NODOSUM_CATALOGUE_GAP_MS, "in a round of its own");
    CHECK(!nodosum_catalogue_clock(&k, 999 + NODOSUM_CATALOGUE_GAP_MS, 5), "not before");
    CHECK(nodosum_catalogue_say(&k, 1006, &c, 60000) == ERR_OK, "and one more");
    CHECK(nodosum_catalogue_clock(&k, 1000 + NODOSUM_CATALOGUE_GAP_MS, 5) && k.told.item[0].ready == 3, "both at once");
}

static void how_well_is_told_at_leisure(void)
{
    struct nodosum_offers a = one("a", 1, 100, 1000), b = one("a", 1, 100, 2000);
    struct nodosum_catalogue k;

    nodosum_catalogue_init(&k);
    CHECK(nodosum_catalogue_say(&k, 1000, &a, 60000) == ERR_OK && nodosum_catalogue_clock(&k, 1000, 5), "told");
    CHECK(nodosum_catalogue_say(&k, 1100, &b, 60000) == ERR_OK, "slower now");
    CHECK(!nodosum_catalogue_clock(&k, 999 + NODOSUM_CATALOGUE_SLOW_MS, 5), "not before five seconds");
    CHECK(nodosum_catalogue_due_ms(&k, 5) == 1000 + NODOSUM_CATALOGUE_SLOW_MS, "then");
    CHECK(nodosum_catalogue_due_ms(&k, 100) == 1000 + 100 * NODOSUM_CATALOGUE_SLOW_EACH_MS, "among a hundred later");
    CHECK(nodosum_catalogue_clock(&k, 1000 + NODOSUM_CATALOGUE_SLOW_MS, 5), "told");
}

static void what_nobody_says_again_lapses(void)
{
    struct nodosum_offers a = one("a", 1, 100, 1000);
    struct nodosum_catalogue k;

    nodosum_catalogue_init(&k);
    CHECK(nodosum_catalogue_say(&k, 1000, &a, 500) == ERR_OK && nodosum_catalogue_clock(&k, 1000, 5), "told");
    CHECK(nodosum_catalogue_say(&k, 1400, &a, 500) == ERR_OK && !nodosum_catalogue_clock(&k, 1600, 5), "said again");
    CHECK(nodosum_catalogue_due_ms(&k, 5) == 1900 && !nodosum_catalogue_clock(&k, 1899, 5), "valid to the last");
    CHECK(nodosum_catalogue_clock(&k, 1900, 5) && k.told.count == 0, "taken back");
    CHECK(nodosum_catalogue_due_ms(&k, 5) == UINT64_MAX, "and that is all");
}

static void validity_has_limits(void)
{
    static const struct {
        uint32_t valid_ms;
        enum err e;
    } rows[] = {{499, ERR_INVALID}, {500, ERR_OK}, {60000, ERR_OK}, {60001, ERR_INVALID}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct nodosum_offers a = one("a", 1, 100, 1000);
        struct nodosum_catalogue k;
        nodosum_catalogue_init(&k);
        CHECK(nodosum_catalogue_say(&k, 1, &a, rows[i].valid_ms) == rows[i].e, "%u ms", rows[i].valid_ms);
        CHECK((k.now.count == 1) == (rows[i].e == ERR_OK), "%u ms: nothing else is changed", rows[i].valid_ms);
    }
}

int main(void)
{
    what_is_told_reads_back();
    what_is_made_up_is_refused();
    lists_have_limits();
    only_offers_are_added();
    what_changed_enough_is_told();
    the_better_one_costs_less();
    who_is_ready_is_told_at_once();
    how_well_is_told_at_leisure();
    what_nobody_says_again_lapses();
    validity_has_limits();
    return CHECK_RESULT();
}
