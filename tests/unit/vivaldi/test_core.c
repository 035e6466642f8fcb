/* Claims about the steps: what is refused changes nothing, what is taken is kept, and who is told where it is. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "tests/support/check.h"
#include "vivaldi/core.h"

enum { SELF = 1000, PEERS = 64, NOW_S = 100000, LOST_PEERS = 8, TURNS_HOME = 240 };

static struct vivaldi make(void *memory, uint32_t dims)
{
    struct vivaldi v;
    struct vivaldi_config config = {.self = SELF, .seed = 5, .dims = dims, .has_height = true, .peers_max = PEERS};

    REQUIRE(vivaldi_core_init(&v, &config, memory) == ERR_OK, "it begins");
    return v;
}

static void configs_have_limits(void)
{
    static const struct {
        uint32_t dims, peers_max;
        enum err e;
    } rows[] = {
        {3, 1, ERR_OK}, {7, 64, ERR_OK}, {2, 64, ERR_INVALID}, {8, 64, ERR_INVALID}, {3, 0, ERR_INVALID},
        {3, 8192, ERR_INVALID}, {3, 8191, ERR_OK},
    };
    AUTO_FREE void *memory = malloc(vivaldi_core_size(8191));
    struct vivaldi v;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct vivaldi_config c = {.self = SELF, .dims = rows[i].dims, .peers_max = rows[i].peers_max};
        CHECK(vivaldi_core_init(&v, &c, memory) == rows[i].e, "row %zu", i);
    }
}

static void what_is_refused_changes_nothing(void)
{
    static uint64_t memory[PEERS * VIVALDI_PEERS_BYTES / 8];
    struct vivaldi_coord good = {.at = {10, 20, 30}, .height = 1, .error = 0.2f}, nan = good, far = good, deep = good,
                         sure = good;
    struct vivaldi v = make(memory, 7);

    nan.at[6] = NAN;
    far.at[0] = INFINITY;
    deep.height = -1;
    sure.error = -0.1f;
    const struct {
        uint64_t id, rtt_us;
        const struct vivaldi_coord *c;
        enum err e;
        const char *why;
    } rows[] = {
        {1, 0, &good, ERR_INVALID, "no time at all"},
        {1, 60000001, &good, ERR_INVALID, "a microsecond more than a minute"},
        {1, 3600000000, &good, ERR_INVALID, "an hour"},
        {1, UINT64_MAX, &good, ERR_INVALID, "-1"},
        {SELF, 1000, &good, ERR_INVALID, "of itself"},
        {1, 1000, &nan, ERR_MALFORMED, "no number"},
        {1, 1000, &far, ERR_MALFORMED, "infinitely far"},
        {1, 1000, &deep, ERR_MALFORMED, "below the ground"},
        {1, 1000, &sure, ERR_MALFORMED, "more than sure"},
        {1, 60000000, &good, ERR_OK, "a minute"},
        {1, 1, &good, ERR_OK, "a microsecond counts as fifty"},
    };

    for (uint64_t id = 2; id < 20; id++) {
        REQUIRE(vivaldi_core_sample(&v, NOW_S, id, 1000 * id, &good) == ERR_OK, "a peer");
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct vivaldi before = v;
        enum err e = vivaldi_core_sample(&v, NOW_S, rows[i].id, rows[i].rtt_us, rows[i].c);
        CHECK(e == rows[i].e, "row %zu: %s: %s", i, rows[i].why, err_name(e));
        struct vivaldi_counters c = v.counters, b = before.counters;
        CHECK(c.samples + c.bad_rtt + c.bad_coord + c.own == b.samples + b.bad_rtt + b.bad_coord + b.own + 1,
              "row %zu: counted once", i);
        if (e != ERR_OK) {
            v.counters = before.counters;
            CHECK(memcmp(&v, &before, sizeof v) == 0, "row %zu: nothing changed", i);
        }
    }
    CHECK(vivaldi_core_heard(&v, NOW_S, 2, &nan) == ERR_MALFORMED && vivaldi_core_heard(&v, NOW_S, SELF, &good) == ERR_INVALID,
          "the same without a round trip");
    CHECK(fabsf(vivaldi_core_estimate(&v, NOW_S, 1, NULL).rtt_ms - VIVALDI_RTT_MIN_MS) < 1e-4f, "fifty: the smaller of two");
}

static void estimates_say_what_they_come_from(void)
{
    static uint64_t memory[PEERS * VIVALDI_PEERS_BYTES / 8];
    struct vivaldi_coord place = {.at = {30}, .error = 0.1f}, other = {.at = {0, 500}, .error = 0.1f};
    struct vivaldi v = make(memory, 3);

    CHECK(vivaldi_core_estimate(&v, NOW_S, SELF, NULL).source == VIVALDI_SELF, "itself");
    CHECK(vivaldi_core_estimate(&v, NOW_S, 7, NULL).source == VIVALDI_UNKNOWN, "nobody knows it");
    CHECK(vivaldi_core_estimate(&v, NOW_S, 7, &place).source == VIVALDI_UNKNOWN, "this node knows not where it is itself");
    REQUIRE(vivaldi_core_sample(&v, NOW_S, 7, 30000, NULL) == ERR_OK, "measured");
    CHECK(v.usual_ms <= 0, "of who does not say where it is nothing follows");
    struct vivaldi_estimate e = vivaldi_core_estimate(&v, NOW_S, 7, NULL);
    CHECK(e.source == VIVALDI_MEASURED && fabsf(e.rtt_ms - 30) < 0.02f && e.confidence == 0.8f, "once");
    REQUIRE(vivaldi_core_sample(&v, NOW_S, 7, 30000, &place) == ERR_OK, "it says where it is");
    e = vivaldi_core_estimate(&v, NOW_S + VIVALDI_STALE_S, 7, &other);
    CHECK(e.source == VIVALDI_MEASURED && e.confidence > 0.88f, "twice, and it counts for an hour");
    e = vivaldi_core_estimate(&v, NOW_S + VIVALDI_STALE_S + 1, 7, NULL);
    CHECK(e.source == VIVALDI_PREDICTED && e.confidence < 0.8f, "then its place does");
    e = vivaldi_core_estimate(&v, NOW_S + VIVALDI_STALE_S + 1, 7, &other);
    CHECK(e.source == VIVALDI_PREDICTED && e.rtt_ms > 400, "the one that is given");
    REQUIRE(vivaldi_core_heard(&v, NOW_S, 7, &other) == ERR_OK, "heard");
    e = vivaldi_core_estimate(&v, NOW_S + VIVALDI_STALE_S + 1, 7, NULL);
    CHECK(e.rtt_ms > 400, "or the one that was heard last");
    REQUIRE(vivaldi_core_heard(&v, NOW_S, 8, &other) == ERR_OK && v.peers.count == 1, "who was not measured is not kept");
}

/* Nine members, of which each says here where it is, and tells all. */
static void who_tells_all_something_else_is_doubted(void)
{
    enum { LAST = 9, LIAR = 5, SILENT = 6, TURNS = 200, LOOKS = 30 };
    static uint64_t memory[PEERS * VIVALDI_PEERS_BYTES / 8];
    struct vivaldi_coord place = {.at = {30}, .error = 0.1f}, moved = {.at = {31}, .error = 0.1f}, other = {.at = {-30}, .error = 0.1f};
    struct vivaldi v = make(memory, 3);

    vivaldi_core_told(&v, NOW_S, 1, &place);
    CHECK(v.peers.count == 0, "who was not measured is not kept");
    for (uint64_t t = 0; t < TURNS; t++) {
        uint64_t id = 1 + t % LAST;
        REQUIRE(vivaldi_core_sample(&v, NOW_S, id, 30000, &place) == ERR_OK, "measured");
        vivaldi_core_told(&v, NOW_S, id, &other);
    }
    CHECK(vivaldi_core_doubted(&v) == 0, "all are far from what they told: they have moved, or it is old");
    for (uint64_t t = 0; t < TURNS; t++) {
        uint64_t id = 1 + t % LAST;
        vivaldi_core_told(&v, NOW_S, id, id == LIAR ? &other : id == SILENT ? NULL : &moved);
    }
    CHECK(vivaldi_core_doubted(&v) == 2, "one tells all something else, one nothing: %u", vivaldi_core_doubted(&v));
    for (int i = 0; i < LOOKS; i++) {
        vivaldi_core_told(&v, NOW_S, LIAR, &place);
        vivaldi_core_told(&v, NOW_S, SILENT, &place);
    }
    CHECK(vivaldi_core_doubted(&v) == 0, "until they tell the same for a while");
}

/* Whoever has left is in no list and answers nothing; whoever lives is heard each minute. */
static void who_is_not_heard_is_forgotten(void)
{
    enum { DEAD = 7, HEARD, MEASURED, MUTE, MINUTE_S = 60, DAY_S = 24 * 3600 };
    static uint64_t memory[PEERS * VIVALDI_PEERS_BYTES / 8];
    struct vivaldi_coord place = {.at = {30}, .error = 0.1f};
    struct vivaldi v = make(memory, 3);

    for (uint64_t id = DEAD; id <= MUTE; id++) {
        REQUIRE(vivaldi_core_sample(&v, NOW_S, id, 30000, id == MUTE ? NULL : &place) == ERR_OK, "measured");
    }
    vivaldi_core_forget(&v, NOW_S + VIVALDI_STALE_S);
    CHECK(v.peers.count == MUTE - DEAD + 1 && vivaldi_peers_is_placed(vivaldi_peers_find(&v.peers, DEAD)), "an hour is not too long");
    vivaldi_core_forget(&v, NOW_S + VIVALDI_STALE_S + 1);
    CHECK(v.peers.count == 0 && vivaldi_core_estimate(&v, NOW_S, DEAD, NULL).source == VIVALDI_UNKNOWN, "longer is");
    for (uint64_t id = DEAD; id <= MUTE; id++) {
        REQUIRE(vivaldi_core_sample(&v, NOW_S, id, 30000, id == MUTE ? NULL : &place) == ERR_OK, "measured again");
    }
    for (uint32_t t = MINUTE_S; t <= DAY_S; t += MINUTE_S) {
        REQUIRE(vivaldi_core_heard(&v, NOW_S + t, HEARD, &place) == ERR_OK, "one is heard");
        REQUIRE(vivaldi_core_sample(&v, NOW_S + t, MEASURED, 30000, NULL) == ERR_OK, "one is measured, and says not where it is");
        vivaldi_core_forget(&v, NOW_S + t);
        struct vivaldi_peer *measured = vivaldi_peers_find(&v.peers, MEASURED);
        CHECK(vivaldi_peers_is_placed(measured) == (t <= VIVALDI_STALE_S), "its place holds for an hour: after %u s, also when its age begins anew", t);
        CHECK((vivaldi_peers_find(&v.peers, DEAD) != NULL) == (t <= VIVALDI_STALE_S), "who is dead is there for an hour: after %u s", t);
    }
    CHECK(v.peers.count == 2 && vivaldi_peers_is_placed(vivaldi_peers_find(&v.peers, HEARD)), "two are left: %u", v.peers.count);
    CHECK(vivaldi_core_estimate(&v, NOW_S + DAY_S, HEARD, NULL).source == VIVALDI_PREDICTED, "by where it is");
    CHECK(vivaldi_core_estimate(&v, NOW_S + DAY_S, MEASURED, NULL).source == VIVALDI_MEASURED, "by what was measured");
}

/* Nodes of a true space of 3 dimensions and heights, each fitted to the others. */
static float world_error(uint32_t dims, uint32_t nodes, uint32_t rounds, float *ret_stable_moved)
{
    static uint64_t memory[PEERS][PEERS * VIVALDI_PEERS_BYTES / 8];
    static struct vivaldi v[PEERS];
    struct vivaldi_coord truth[PEERS] = {0};
    struct rng rng;
    float sum = 0, moved = 0;
    uint32_t pairs = 0;

    rng_init(&rng, 9);
    for (uint32_t i = 0; i < nodes; i++) {
        struct vivaldi_config c = {.self = i, .seed = i, .dims = dims, .has_height = true, .peers_max = PEERS};
        REQUIRE(vivaldi_core_init(&v[i], &c, memory[i]) == ERR_OK, "it begins");
        for (uint32_t k = 0; k < 3; k++) {
            truth[i].at[k] = 100 * (float)rng_unit(&rng);
        }
        truth[i].height = 10 * (float)rng_unit(&rng);
    }
    for (uint32_t t = 0; t < rounds; t++) {
        for (uint32_t i = 0; i < nodes; i++) {
            uint32_t j = (i + 1 + (uint32_t)rng_below(&rng, nodes - 1)) % nodes;
            uint64_t rtt_us = (uint64_t)(1000 * vivaldi_coord_rtt_ms(&truth[i], &truth[j]));
            struct vivaldi_coord before = *vivaldi_core_stable(&v[i]);
            REQUIRE(vivaldi_core_sample(&v[i], NOW_S + t, j, rtt_us, vivaldi_core_live(&v[j])) == ERR_OK, "a sample");
            moved += t > rounds / 2 ? vivaldi_coord_moved_ms(&before, vivaldi_core_stable(&v[i])) : 0;
        }
    }
    for (uint32_t i = 0; i < nodes; i++) {
        for (uint32_t j = 0; j < i; j++, pairs++) {
            float rtt = vivaldi_coord_rtt_ms(&truth[i], &truth[j]);
            sum += fabsf(vivaldi_coord_rtt_ms(vivaldi_core_live(&v[i]), vivaldi_core_live(&v[j])) - rtt) / rtt;
        }
    }
    *ret_stable_moved = moved / (float)(nodes * rounds / 2);
    return sum / (float)pairs;
}

static void nodes_find_their_places(void)
{
    static const struct {
        uint32_t dims, nodes, rounds;
        float error, moved;
        const char *why;
    } rows[] = {
        {3, 40, 200, 0.04f, 0.15f, "three dimensions"},
        {7, 40, 200, 0.04f, 0.15f, "seven where three would do"},
        {3, 5, 200, 0.05f, 0.15f, "a small cluster"},
        {3, 2, 100, 0.02f, 0.15f, "two alone"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        float moved, error = world_error(rows[i].dims, rows[i].nodes, rows[i].rounds, &moved);
        CHECK(error < rows[i].error, "%s: mean error %f", rows[i].why, (double)error);
        CHECK(moved < rows[i].moved, "%s: the stable one moves %f ms a round", rows[i].why, (double)moved);
    }
}

/* Who has been wrong for long, and who remembers that it was, is not calm: what is usual is no excuse. */
static void who_is_lost_moves(void)
{
    static uint64_t memory[PEERS * VIVALDI_PEERS_BYTES / 8];
    const struct vivaldi_coord far = {.at = {600, 600, 600}, .height = 400, .error = VIVALDI_COORD_ERROR_MAX};
    struct vivaldi v = make(memory, 7);
    float sum = 0;

    vivaldi_core_restore(&v, &far, 20);
    for (uint32_t t = 0; t < TURNS_HOME; t++) {
        uint64_t id = 1 + t % LOST_PEERS;
        struct vivaldi_coord there = {.at = {id & 1 ? 10 : -10, id & 2 ? 10 : -10, id & 4 ? 10 : -10}, .error = 0.1f};
        REQUIRE(vivaldi_core_sample(&v, NOW_S + t / 4, id, 17321, &there) == ERR_OK, "from the middle of a cube to its corners");
    }
    for (uint32_t k = 0; k < VIVALDI_DIMS_MAX; k++) {
        sum += v.live.at[k] * v.live.at[k];
    }
    CHECK(sqrtf(sum) + v.live.height < 5 && v.live.error < 0.2f, "%.1f ms from the middle, %.1f high, off by %.3f",
          (double)sqrtf(sum), (double)v.live.height, (double)v.live.error);
}

static void the_same_seed_gives_the_same_node(void)
{
    static uint64_t memory[2][PEERS * VIVALDI_PEERS_BYTES / 8];
    struct vivaldi a = make(memory[0], 7), b = make(memory[1], 7);

    for (uint64_t id = 1; id < 200; id++) {
        struct vivaldi_coord c = {.at = {(float)id, 3}, .height = 1, .error = 0.3f};
        REQUIRE(vivaldi_core_sample(&a, NOW_S, id, id * 100, &c) == vivaldi_core_sample(&b, NOW_S, id, id * 100, &c), "both");
    }
    CHECK(memcmp(&a.live, &b.live, sizeof a.live) == 0 && a.peers.evicted == 199 - PEERS, "to the last bit");
}

/* What was told to all counts where nothing newer or surer was said with a ping. */
static void what_was_told_counts_when_it_is_newer(void)
{
    const struct vivaldi_coord there = {.at = {5}, .error = 0.1f}, sure = {.at = {6}, .error = 0.19f}, lost = {.at = {0}, .error = 0.21f};
    static uint64_t memory[PEERS * VIVALDI_PEERS_BYTES / 8];
    struct vivaldi v = make(memory, 7);

    CHECK(vivaldi_core_is_news(&v, 1000, 7, &lost), "unknown");
    CHECK(vivaldi_core_sample(&v, 1000, 7, 5000, NULL) == ERR_OK && vivaldi_core_is_news(&v, 1000, 7, &lost), "measured, not placed");
    CHECK(vivaldi_core_heard(&v, 1000, 7, &there) == ERR_OK && !vivaldi_core_is_news(&v, 1000, 7, &there), "heard");
    CHECK(!vivaldi_core_is_news(&v, 1000 + VIVALDI_OLD_S, 7, &there) && vivaldi_core_is_news(&v, 1001 + VIVALDI_OLD_S, 7, &there),
          "a minute");
    CHECK(vivaldi_core_is_news(&v, 1001 + VIVALDI_OLD_S, 7, &sure) && !vivaldi_core_is_news(&v, 1001 + VIVALDI_OLD_S, 7, &lost),
          "what it told when it did not know yet is none");
}

int main(void)
{
    who_tells_all_something_else_is_doubted();
    what_was_told_counts_when_it_is_newer();
    configs_have_limits();
    what_is_refused_changes_nothing();
    estimates_say_what_they_come_from();
    who_is_not_heard_is_forgotten();
    nodes_find_their_places();
    who_is_lost_moves();
    the_same_seed_gives_the_same_node();
    return CHECK_RESULT();
}
