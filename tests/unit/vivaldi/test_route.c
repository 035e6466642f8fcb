/* Claims about choosing: the nearest comes first, by what is measured before what is predicted, and the ill come later. */
#include <stdio.h>

#include "tests/support/check.h"
#include "vivaldi/route.h"

enum { PEERS = 16, NOW_S = 100000, SELF = 99 };

static uint64_t memory[PEERS * VIVALDI_PEERS_BYTES / 8];

/* A node at about the origin that has measured 1 (10 ms) and 2 (50 ms). */
static struct vivaldi make(void)
{
    struct vivaldi_config c = {.self = SELF, .dims = 3, .peers_max = PEERS};
    struct vivaldi_coord ten = {.at = {10}, .error = 0.1f}, fifty = {.at = {0, 50}, .error = 0.1f};
    struct vivaldi v;

    REQUIRE(vivaldi_core_init(&v, &c, memory) == ERR_OK, "it begins");
    for (uint32_t i = 0; i < 20; i++) {
        REQUIRE(vivaldi_core_sample(&v, NOW_S, 1, 10000, &ten) == ERR_OK && vivaldi_core_sample(&v, NOW_S, 2, 50000, &fifty) == ERR_OK,
                "measured");
    }
    v.live = (struct vivaldi_coord){.error = 0.1f};
    v.usual_ms = 30;
    return v;
}

static struct vivaldi_candidate at(uint64_t id, float x)
{
    return (struct vivaldi_candidate){.id = id, .has_coord = true, .coord = {.at = {x}, .error = 0.1f}, .is_alive = true,
                                      .score = 100};
}

static void the_best_comes_first(void)
{
    struct vivaldi v = make();
    struct vivaldi_candidate list[] = {
        at(7, 40),      /* predicted 40 ms */
        at(1, 9000),    /* measured 10 ms, wherever it says it is */
        at(2, 1),       /* measured 50 ms, however near it claims to be */
        at(8, 5),       /* predicted 5 ms, but suspected */
        {.id = 9, .is_alive = true, .score = 100},  /* never placed: as far as half of all, 30 ms */
        at(10, 12),     /* predicted 12 ms, but so ill that it counts as 120 */
        at(11, 8),      /* predicted 8 ms and 20 ms inside */
        at(SELF, 70),   /* itself: nothing to go */
    };
    static const struct {
        uint64_t id;
        enum vivaldi_source source;
        bool is_doubted;
    } expected[] = {
        {SELF, VIVALDI_SELF, false}, {1, VIVALDI_MEASURED, false}, {11, VIVALDI_PREDICTED, true},
        {9, VIVALDI_UNKNOWN, false}, {7, VIVALDI_PREDICTED, false}, {2, VIVALDI_MEASURED, false},
        {10, VIVALDI_PREDICTED, false}, {8, VIVALDI_PREDICTED, false},
    };
    struct vivaldi_choice ret[ARRAY_LEN(list)];

    list[3].is_alive = false;
    list[5].score = 10;
    list[6].latency_us = 20000;
    for (uint32_t k = 0; k <= ARRAY_LEN(list) + 1; k++) {
        uint32_t count = vivaldi_route_choose(&v, NOW_S, NULL, list, ARRAY_LEN(list), k, ret);
        CHECK(count == (k < ARRAY_LEN(list) ? k : ARRAY_LEN(list)), "%u of %u", count, k);
        for (uint32_t i = 0; i < count; i++) {
            CHECK(list[ret[i].candidate].id == expected[i].id, "of %u, place %u: %lu", k, i, (unsigned long)list[ret[i].candidate].id);
            CHECK(ret[i].estimate.source == expected[i].source && ret[i].is_doubted == expected[i].is_doubted, "place %u", i);
        }
    }
    CHECK(ret[0].cost_us == VIVALDI_ROUTE_LEAST_US && ret[2].cost_us == 28100, "what it costs: %lu", (unsigned long)ret[2].cost_us);
}

static void others_see_it_from_elsewhere(void)
{
    struct vivaldi v = make();
    struct vivaldi_candidate list[] = {at(7, 40), at(1, 100), {.id = 2, .is_alive = true, .score = 100}};
    struct vivaldi_coord there = {.at = {95}, .error = 0.1f};
    struct vivaldi_choice ret[3];

    CHECK(vivaldi_route_choose(&v, NOW_S, &there, list, 3, 3, ret) == 3, "all");
    CHECK(ret[0].candidate == 1 && ret[0].estimate.source == VIVALDI_PREDICTED, "what this node measured says nothing of another");
    CHECK(ret[1].candidate == 2 && ret[1].estimate.source == VIVALDI_UNKNOWN && ret[2].candidate == 0, "the rest");
    CHECK(!ret[0].is_doubted, "nor can it probe for it");
}

/* All begin in the middle, and say so: whoever is told of it is not 0 ms from others who have just begun. */
static void who_knows_nothing_is_nowhere(void)
{
    struct vivaldi v = make();
    struct vivaldi_candidate list[] = {at(20, 0), at(7, 40)};
    struct vivaldi_coord middle = {.error = VIVALDI_COORD_ERROR_MAX}, there = {.at = {95}, .error = 0.1f};
    struct vivaldi_choice ret[2];

    list[0].coord = middle;
    CHECK(vivaldi_route_choose(&v, NOW_S, NULL, list, 2, 2, ret) == 2, "both");
    CHECK(ret[0].candidate != 0 || ret[0].estimate.source == VIVALDI_UNKNOWN, "from here");
    CHECK(ret[1].candidate != 0 || ret[1].estimate.source == VIVALDI_UNKNOWN, "from here, as the second");
    CHECK(vivaldi_core_predict(&there, &middle).source == VIVALDI_UNKNOWN, "from elsewhere");
    CHECK(vivaldi_core_predict(&middle, &middle).source == VIVALDI_UNKNOWN, "from one that has just begun");
    CHECK(vivaldi_core_predict(&middle, &middle).rtt_ms == 0 && vivaldi_core_predict(&middle, &middle).confidence == 0, "nothing is said");
    CHECK(vivaldi_core_predict(&there, &there).source == VIVALDI_PREDICTED, "others are somewhere");
}

static void equals_keep_their_order(void)
{
    struct vivaldi v = make();
    struct vivaldi_candidate list[VIVALDI_ROUTE_MAX + 1];
    struct vivaldi_choice ret[VIVALDI_ROUTE_MAX + 1];

    for (uint32_t i = 0; i <= VIVALDI_ROUTE_MAX; i++) {
        list[i] = at(100 + i, 7);
    }
    list[VIVALDI_ROUTE_MAX] = at(SELF, 0); /* past the limit: not looked at */
    uint32_t count = vivaldi_route_choose(&v, NOW_S, NULL, list, VIVALDI_ROUTE_MAX + 1, VIVALDI_ROUTE_MAX + 1, ret);
    CHECK(count == VIVALDI_ROUTE_MAX, "%u", count);
    for (uint32_t i = 0; i < count; i++) {
        CHECK(ret[i].candidate == i, "place %u has %u", i, ret[i].candidate);
    }
    CHECK(vivaldi_route_choose(&v, NOW_S, NULL, NULL, 0, 3, ret) == 0, "nobody to choose from");
}

int main(void)
{
    the_best_comes_first();
    others_see_it_from_elsewhere();
    who_knows_nothing_is_nowhere();
    equals_keep_their_order();
    return CHECK_RESULT();
}
