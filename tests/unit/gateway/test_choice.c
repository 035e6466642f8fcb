/* Which node gets the next request for a cell that several have. */
#include <stdio.h>
#include <string.h>

#include "gateway/choice.h"
#include "tests/support/check.h"

enum {
    NOW_MS = 1000000,
};

static const bool none_tried[GATEWAY_CHOICE_MAX];

static struct gateway_offer offer(const char *node, uint32_t rtt_us, uint32_t latency_us, uint32_t score)
{
    struct gateway_offer o = {.is_alive = true, .ready = 1, .score = score, .latency_us = latency_us, .rtt_us = rtt_us};

    (void)snprintf(o.node, sizeof o.node, "%s", node);
    return o;
}

/* Who would be asked, in this order, until nobody is left: "b a c". */
static const char *order(struct gateway_choice *c, uint64_t now_ms)
{
    static char text[64 * NAME_SIZE];
    bool is_tried[GATEWAY_CHOICE_MAX] = {false};
    size_t len = 0;

    text[0] = '\0';
    for (;;) {
        uint32_t at = gateway_choice_pick(c, is_tried, now_ms);
        if (at == GATEWAY_CHOICE_NONE) {
            return text;
        }
        is_tried[at] = true;
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", len == 0 ? "" : " ", c->item[at].said.node);
    }
}

static void whoever_is_told_to_be_best_is_first(void)
{
    static const struct {
        struct gateway_offer offer[3];
        const char *order;
        const char *why;
    } rows[] = {
        {{{"a", true, 1, 100, 0, 900}, {"b", true, 1, 100, 0, 300}, {"c", true, 1, 100, 0, 600}}, "b c a", "the nearest"},
        {{{"a", true, 1, 100, 900, 300}, {"b", true, 1, 100, 0, 600}, {"c", true, 1, 100, 100, 300}}, "c b a",
         "with the time inside"},
        {{{"a", true, 1, 20, 0, 300}, {"b", true, 1, 100, 0, 900}, {"c", true, 1, 50, 0, 300}}, "c b a",
         "who fails often takes longer"},
        {{{"a", false, 1, 100, 0, 100}, {"b", true, 1, 100, 0, 900}, {"c", true, 1, 100, 0, 5000}}, "b c a",
         "a suspected one after those that live"},
        {{{"a", true, 1, 0, 0, 300}, {"b", true, 1, 100, 0, 900}, {"c", true, 1, 100, 0, 2000}}, "b c a",
         "one that always fails last, and without a division by nothing"},
        {{{"a", true, 1, 100, 0, 0}, {"b", true, 1, 100, 0, 900}, {"c", true, 1, 100, 0, 90000}}, "b a c",
         "of whom nothing is known: between the near and the far"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct gateway_choice c = {0};
        gateway_choice_learn(&c, rows[i].offer, 3);
        const char *got = order(&c, NOW_MS);
        CHECK(strcmp(got, rows[i].order) == 0, "row %zu: %s: %s", i, rows[i].why, got);
    }
}

/* Round trips that nobody measured: predicted ones stand for them until somebody does. */
static void predictions_stand_in(void)
{
    struct gateway_offer first[] = {{"a", true, 1, 100, 0, 0}, {"b", true, 1, 100, 0, 900}};
    struct gateway_choice c = {0};

    gateway_choice_learn(&c, first, 2);
    CHECK(strcmp(order(&c, NOW_MS), "b a") == 0, "nothing is known of a");
    c.item[0].estimated_us = 500;
    CHECK(strcmp(order(&c, NOW_MS), "a b") == 0 && gateway_choice_latency_us(&c.item[0], NOW_MS) == 500, "it is predicted to be near");
    gateway_choice_learn(&c, first, 2);
    CHECK(gateway_choice_latency_us(&c.item[0], NOW_MS) == 500, "that stays when membership says the same again");
    first[0].rtt_us = 2000;
    gateway_choice_learn(&c, first, 2);
    CHECK(gateway_choice_latency_us(&c.item[0], NOW_MS) == 2000, "what was measured counts before it");
}

static void calls_show_the_way(void)
{
    static const struct {
        uint32_t inside_us, took_us[3], way_us;
        const char *why;
    } rows[] = {
        {1000, {0}, 0, "no call"},
        {1000, {9000, 6000, 7000}, 5000, "the shortest, without the time inside"},
        {1000, {5000, 5000, 5000}, 4000, "a fifth is inside"},
        {1001, {5000, 5000, 5000}, 0, "more than that"},
        {0, {5000, 5000, 5000}, 0, "nobody knows how long it takes inside"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct gateway_candidate k = {.said = offer("a", 0, rows[i].inside_us, 100)};
        for (uint32_t j = 0; j < 3 && rows[i].took_us[j] != 0; j++) {
            gateway_choice_took(&k, rows[i].took_us[j], NOW_MS);
        }
        CHECK(gateway_choice_way_us(&k) == rows[i].way_us, "row %zu: %s", i, rows[i].why);
    }
}

static void nobody_is_no_one(void)
{
    struct gateway_choice c = {0};

    CHECK(gateway_choice_pick(&c, none_tried, NOW_MS) == GATEWAY_CHOICE_NONE, "of nobody");
    gateway_choice_learn(&c, NULL, 0);
    CHECK(gateway_choice_pick(&c, none_tried, NOW_MS) == GATEWAY_CHOICE_NONE, "nor after hearing so");
}

static void what_is_measured_counts_instead(void)
{
    const struct gateway_offer said[] = {offer("near", 100, 0, 100), offer("far", 5000, 0, 100)};
    struct gateway_choice c = {0};

    gateway_choice_learn(&c, said, 2);
    CHECK(gateway_choice_measured_us(&c.item[0], NOW_MS) == 0, "nothing yet");
    CHECK(gateway_choice_latency_us(&c.item[0], NOW_MS) == 100, "then what is said");
    for (int i = 0; i < GATEWAY_CHOICE_SAMPLES; i++) {
        gateway_choice_took(&c.item[0], 80000, NOW_MS); /* it is near, and busy */
        gateway_choice_took(&c.item[1], 6000, NOW_MS);
    }
    CHECK(strcmp(order(&c, NOW_MS), "far near") == 0, "who answers faster: %s", order(&c, NOW_MS));
    CHECK(gateway_choice_latency_us(&c.item[1], NOW_MS) == 6000, "the median");
    gateway_choice_took(&c.item[1], 9000000, NOW_MS);
    CHECK(gateway_choice_measured_us(&c.item[1], NOW_MS) == 6000, "one slow call does not move it");
    uint64_t later_ms = NOW_MS + GATEWAY_CHOICE_FRESH_MS;
    CHECK(gateway_choice_measured_us(&c.item[1], later_ms) == 6000, "for as long as it is fresh");
    CHECK(gateway_choice_measured_us(&c.item[1], later_ms + 1) == 0, "and no longer");
    CHECK(strcmp(order(&c, later_ms + 1), "near far") == 0, "then a slow one is tried again");
    gateway_choice_took(&c.item[0], UINT64_MAX, later_ms + 1);
    gateway_choice_took(&c.item[0], 0, later_ms + 1);
    CHECK(gateway_choice_measured_us(&c.item[0], later_ms + 1) > 0, "times of any size are borne");
}

static void the_median_is_a_sorted_lists(void)
{
    struct gateway_candidate k = {.success = 1000};
    static const uint32_t us[] = {7, 3, 9, 1, 5};

    for (size_t i = 0; i < ARRAY_LEN(us); i++) {
        gateway_choice_took(&k, us[i], NOW_MS);
    }
    CHECK(gateway_choice_measured_us(&k, NOW_MS) == 5, "%u", gateway_choice_measured_us(&k, NOW_MS));
    for (int i = 0; i < 100; i++) {
        gateway_choice_took(&k, 40, NOW_MS);
    }
    CHECK(gateway_choice_measured_us(&k, NOW_MS) == 40, "the old ones are forgotten");
}

static void who_fails_is_left_alone_for_longer_and_longer(void)
{
    const struct gateway_offer said[] = {offer("a", 100, 0, 100), offer("b", 5000, 0, 100)};
    struct gateway_choice c = {0};
    uint64_t now_ms = NOW_MS;
    uint32_t rest_ms = GATEWAY_CHOICE_REST_MS;

    gateway_choice_learn(&c, said, 2);
    for (int i = 0; i < 12; i++) {
        gateway_choice_failed(&c.item[0], now_ms);
        gateway_choice_failed(&c.item[0], now_ms); /* another that was on its way */
        CHECK(strcmp(order(&c, now_ms + rest_ms - 1), "b a") == 0, "time %d: last, and still there", i);
        CHECK(strcmp(order(&c, now_ms + rest_ms), "a b") == 0 || gateway_choice_score(&c.item[0]) < 3,
              "time %d: first again after %u ms", i, rest_ms);
        now_ms += rest_ms;
        rest_ms = 2 * rest_ms < GATEWAY_CHOICE_REST_MAX_MS ? 2 * rest_ms : GATEWAY_CHOICE_REST_MAX_MS;
    }
    CHECK(gateway_choice_score(&c.item[0]) < 10, "its score has dropped: %u", gateway_choice_score(&c.item[0]));
    for (int i = 0; i < 64; i++) {
        gateway_choice_took(&c.item[0], 100, now_ms);
    }
    CHECK(gateway_choice_score(&c.item[0]) == 100, "and comes back: %u", gateway_choice_score(&c.item[0]));
    gateway_choice_failed(&c.item[0], now_ms);
    CHECK(c.item[0].rest_until_ms == now_ms + GATEWAY_CHOICE_REST_MS, "a failure after success is a first one");
}

static void those_that_cost_the_same_take_turns(void)
{
    const struct gateway_offer said[] = {offer("a", 1000, 0, 100), offer("b", 1190, 0, 100), offer("c", 1300, 0, 100)};
    struct gateway_choice c = {0};
    unsigned got[3] = {0};

    gateway_choice_learn(&c, said, 3);
    for (int i = 0; i < 100; i++) {
        got[gateway_choice_pick(&c, none_tried, NOW_MS)]++;
    }
    CHECK(got[0] == 50 && got[1] == 50 && got[2] == 0, "%u %u %u", got[0], got[1], got[2]);
}

static void who_stays_keeps_what_was_seen_of_him(void)
{
    const struct gateway_offer first[] = {offer("a", 100, 0, 100), offer("b", 200, 0, 100)};
    const struct gateway_offer then[] = {offer("c", 300, 0, 100), offer("b", 250, 0, 90)};
    struct gateway_offer many[GATEWAY_CHOICE_MAX + 1];
    struct gateway_choice c = {0};

    gateway_choice_learn(&c, first, 2);
    gateway_choice_took(&c.item[1], 777, NOW_MS);
    gateway_choice_learn(&c, then, 2);
    CHECK(gateway_choice_find(&c, "a") == GATEWAY_CHOICE_NONE, "a has gone");
    uint32_t b = gateway_choice_find(&c, "b");
    REQUIRE(b != GATEWAY_CHOICE_NONE && c.count == 2, "b is there, and c");
    CHECK(c.item[b].said.score == 90 && gateway_choice_measured_us(&c.item[b], NOW_MS) == 777, "new words, old deeds");
    for (uint32_t i = 0; i < ARRAY_LEN(many); i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "n%u", i);
        many[i] = offer(name, 100 + i, 0, 100);
    }
    gateway_choice_learn(&c, many, GATEWAY_CHOICE_MAX);
    CHECK(c.count == GATEWAY_CHOICE_MAX, "as many as there is room for");
    gateway_choice_learn(&c, many, GATEWAY_CHOICE_MAX + 1);
    CHECK(c.count == GATEWAY_CHOICE_MAX && gateway_choice_find(&c, "n32") == GATEWAY_CHOICE_NONE, "and not one more");
}

int main(void)
{
    whoever_is_told_to_be_best_is_first();
    predictions_stand_in();
    calls_show_the_way();
    nobody_is_no_one();
    what_is_measured_counts_instead();
    the_median_is_a_sorted_lists();
    who_fails_is_left_alone_for_longer_and_longer();
    those_that_cost_the_same_take_turns();
    who_stays_keeps_what_was_seen_of_him();
    return CHECK_RESULT();
}
