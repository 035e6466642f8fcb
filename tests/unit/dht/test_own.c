/* Claims about what a node says again: when, until when, and how many things. */
#include <string.h>

#include "dht/own.h"
#include "tests/support/check.h"

enum { NOW_US = 5000000, MS_US = 1000 };

static struct dht_own_item *add(struct dht_own *o, enum dht_record_kind kind, const char *name, uint32_t ttl_ms)
{
    struct dht_own_item *item = NULL;

    REQUIRE(dht_own_add(o, kind, name, kind == DHT_IMMUTABLE ? 0 : strlen(name), &item) == ERR_OK, "%s is taken", name);
    dht_own_set(item, "value", 5);
    item->ttl_ms = ttl_ms;
    return item;
}

static void things_are_said_in_time(void)
{
    static const struct {
        enum dht_record_kind kind;
        uint32_t ttl_ms;
        bool is_held;
        uint32_t next_ms;
        const char *why;
    } rows[] = {
        {DHT_MUTABLE, 60000, true, 30000, "half of its life: one telling may be lost"},
        {DHT_SERVICE, 60000, true, 20000, "a third: two may"},
        {DHT_IMMUTABLE, 1000, true, 500, "the shortest life"},
        {DHT_MUTABLE, 60000, false, DHT_OWN_TRY_MS, "it did not reach its holders: soon again"},
        {DHT_MUTABLE, 1000, false, 500, "a short life is said no later than it would be anyhow"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dht_own o = {0};
        struct dht_own_item *item = add(&o, rows[i].kind, "name", rows[i].ttl_ms);
        CHECK(dht_own_due(&o, 0) == item && dht_own_due_us(&o) == 0, "row %zu: new: at once", i);
        dht_own_go(item);
        CHECK(dht_own_due(&o, NOW_US) == NULL && dht_own_due_us(&o) == UINT64_MAX, "row %zu: not while it is on its way", i);
        CHECK(!dht_own_said(item, NOW_US, rows[i].is_held, 7) && item->seq == 7, "row %zu", i);
        uint64_t next_us = NOW_US + (uint64_t)rows[i].next_ms * MS_US;
        CHECK(dht_own_due_us(&o) == next_us && dht_own_due(&o, next_us - 1) == NULL && dht_own_due(&o, next_us) == item,
              "row %zu: %s", i, rows[i].why);
        dht_own_go(item);
        CHECK(!dht_own_said(item, NOW_US, true, 3) && item->seq == 7, "row %zu: a sequence does not fall", i);
        dht_own_free(&o);
        CHECK(o.first == NULL && o.count == 0, "row %zu: nothing is left", i);
    }
}

static void what_lapses_is_taken_back(void)
{
    struct dht_own o = {0};
    struct dht_own_item *item = add(&o, DHT_SERVICE, "thing", 60000);

    item->lapse_us = NOW_US + 10;
    dht_own_go(item);
    CHECK(!dht_own_said(item, NOW_US, true, 1) && dht_own_due_us(&o) == item->lapse_us, "it lapses before it is said again");
    CHECK(dht_own_due(&o, NOW_US + 9) == NULL && item->value_size == 5, "not yet");
    CHECK(dht_own_due(&o, NOW_US + 10) == item && item->value_size == 0, "said as taken back");
    dht_own_go(item);
    CHECK(dht_own_due(&o, NOW_US + 10) == NULL, "once");
    CHECK(dht_own_said(item, NOW_US + 20, false, 2), "then it is over, heard or not");
    dht_own_remove(&o, item);
    CHECK(dht_own_due_us(&o) == UINT64_MAX, "nothing is left to say");
}

/* An offer that is on its way while it lapses, and a withdrawal that is while it is offered again. */
static void what_changes_on_its_way_is_said_at_once(void)
{
    struct dht_own o = {0};
    struct dht_own_item *item = add(&o, DHT_SERVICE, "thing", 60000);

    dht_own_go(item);
    item->lapse_us = NOW_US;
    CHECK(dht_own_due(&o, NOW_US) == NULL && item->value_size == 0, "it lapses, and the offer has not arrived yet");
    CHECK(!dht_own_said(item, NOW_US + 50, true, 1), "the offer arrived: nobody was told that it is over");
    CHECK(dht_own_due(&o, NOW_US + 50) == item, "so that is said now");
    dht_own_go(item);
    dht_own_set(item, "again", 5);
    item->lapse_us = NOW_US + 1000 * MS_US;
    item->next_us = NOW_US + 60;
    CHECK(dht_own_due(&o, NOW_US + 60) == NULL, "while that is on its way it is offered again");
    CHECK(!dht_own_said(item, NOW_US + 70, true, 2) && dht_own_due(&o, NOW_US + 70) == item, "which is said at once, too");
    dht_own_go(item);
    CHECK(!dht_own_said(item, NOW_US + 80, true, 3) && dht_own_due(&o, NOW_US + 80) == NULL, "and then in its time");
    dht_own_remove(&o, item);
}

static void things_are_found_by_kind_and_name(void)
{
    struct dht_own o = {0};
    struct dht_own_item *named = add(&o, DHT_MUTABLE, "a", 1000), *service = add(&o, DHT_SERVICE, "a", 1000);
    struct dht_own_item *plain = add(&o, DHT_IMMUTABLE, "", 1000), *more;

    CHECK(dht_own_find(&o, DHT_MUTABLE, "a", 1) == named && dht_own_find(&o, DHT_SERVICE, "a", 1) == service, "by kind");
    CHECK(dht_own_find(&o, DHT_MUTABLE, "ab", 2) == NULL && dht_own_find(&o, DHT_MUTABLE, "", 0) == NULL, "by the whole name");
    CHECK(dht_own_find(&o, DHT_IMMUTABLE, "value", 5) == plain && dht_own_find(&o, DHT_IMMUTABLE, "valu", 4) == NULL, "by its value");
    CHECK(dht_own_serial(&o, service->serial) == service && dht_own_serial(&o, 99) == NULL, "by its serial");
    while (o.count < DHT_OWN_MAX) {
        CHECK(dht_own_add(&o, DHT_MUTABLE, "x", 1, &more) == ERR_OK, "room for DHT_OWN_MAX");
    }
    CHECK(dht_own_add(&o, DHT_MUTABLE, "x", 1, &more) == ERR_LIMIT && o.count == DHT_OWN_MAX, "and no more");
    dht_own_free(&o);
}

int main(void)
{
    things_are_said_in_time();
    what_lapses_is_taken_back();
    what_changes_on_its_way_is_said_at_once();
    things_are_found_by_kind_and_name();
    return CHECK_RESULT();
}
