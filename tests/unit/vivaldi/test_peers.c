/* Claims about the table of peers: what their round trips say, who makes room, and that it is a naive map's equal. */
#include <math.h>

#include "common/base/rng.h"
#include "tests/support/check.h"
#include "vivaldi/peers.h"

enum { IDS = 40 };

static void a_few_round_trips_say_one(void)
{
    static const struct {
        float rtt_ms[6];
        uint32_t count;
        float usual_ms;
        const char *why;
    } rows[] = {
        {{10}, 1, 10, "one is all there is"},
        {{10, 12}, 2, 11, "two that agree are averaged"},
        {{10, 15}, 2, 12.5f, "half as long again still agrees"},
        {{10, 15.1f}, 2, 10, "a little more is a spike"},
        {{90, 10}, 2, 10, "also when it came first"},
        {{10, 90, 11}, 3, 11, "of three the middle"},
        {{10, 90, 11, 12}, 4, 11, "of four the second"},
        {{90, 80, 11, 12}, 4, 12, "two spikes of four do no harm"},
        {{1, 20, 21, 22, 23}, 5, 21, "what is older than four is forgotten: the way has changed"},
        {{VIVALDI_RTT_MIN_MS}, 1, VIVALDI_RTT_MIN_MS, "the shortest"},
        {{VIVALDI_RTT_MAX_MS}, 1, VIVALDI_RTT_MAX_MS, "the longest"},
        {{VIVALDI_RTT_MAX_MS, VIVALDI_RTT_MAX_MS}, 2, VIVALDI_RTT_MAX_MS, "the longest twice"},
    };
    uint64_t memory[128 / 8 * VIVALDI_PEERS_BYTES / 8];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct vivaldi_peers p;
        vivaldi_peers_init(&p, memory, 8);
        struct vivaldi_peer *peer = vivaldi_peers_make(&p, 1, 0, 0);
        for (uint32_t k = 0; k < rows[i].count; k++) {
            vivaldi_peers_sample(peer, rows[i].rtt_ms[k], k);
        }
        float ms = vivaldi_peers_usual(peer);
        CHECK(fabsf(ms - rows[i].usual_ms) <= 0.0005f * rows[i].usual_ms, "row %zu: %s: %f", i, rows[i].why, (double)ms);
        CHECK(vivaldi_peers_samples(peer) == (rows[i].count < 4 ? rows[i].count : 4), "row %zu", i);
    }
}

static void another_round_trip_is_told_from_the_rest(void)
{
    static const struct {
        float rtt_ms, times;
        const char *why;
    } rows[] = {
        {10, 1, "the shortest there was"}, {30, 1, "the longest"}, {20, 1, "between them"},
        {60, 2, "twice the longest"}, {5, 2, "half of the shortest"},
    };
    uint64_t memory[128 / 8 * VIVALDI_PEERS_BYTES / 8];
    struct vivaldi_peers p;

    vivaldi_peers_init(&p, memory, 8);
    struct vivaldi_peer *peer = vivaldi_peers_make(&p, 1, 0, 0);
    CHECK(vivaldi_peers_other(peer, 10) == 1, "there are none");
    vivaldi_peers_sample(peer, 30, 0);
    vivaldi_peers_sample(peer, 10, 1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        float times = vivaldi_peers_other(peer, rows[i].rtt_ms);
        CHECK(fabsf(times - rows[i].times) < 0.01f, "row %zu: %s: %f", i, rows[i].why, (double)times);
    }
    vivaldi_peers_again(peer);
    vivaldi_peers_sample(peer, 90, 2);
    CHECK(vivaldi_peers_samples(peer) == 1 && fabsf(vivaldi_peers_usual(peer) - 90) < 0.1f, "what was before is forgotten");
    CHECK(vivaldi_peers_find(&p, 1) == peer, "it is still there");
}

static void doubts_fade(void)
{
    uint64_t memory[128 / 8 * VIVALDI_PEERS_BYTES / 8];
    struct vivaldi_coord c = {.at = {1}, .error = 0.05f};
    struct vivaldi_peers p;

    vivaldi_peers_init(&p, memory, 8);
    struct vivaldi_peer *peer = vivaldi_peers_make(&p, 1, 0, 0);
    CHECK(vivaldi_peers_doubted(peer) <= 0, "nobody is doubted who was not looked at");
    for (float error = 0; error <= VIVALDI_COORD_ERROR_MAX; error += 0.001f) {
        c.error = error;
        vivaldi_peers_place(peer, &c, 0);
        CHECK(vivaldi_peers_is_placed(peer) && fabsf(vivaldi_peers_error(peer) - error) <= 0.005f * sqrtf(error) + 1e-4f, "claims are kept: %f", (double)error);
    }
    vivaldi_peers_doubt(peer, 400);
    CHECK(vivaldi_peers_is_placed(peer) && fabsf(vivaldi_peers_doubted(peer) - VIVALDI_COORD_ERROR_MAX) < 1e-4f, "as far as can be");
    vivaldi_peers_doubt(peer, 0);
    float left = vivaldi_peers_doubted(peer);
    CHECK(left > 0.1f && left < 0.9f, "who contradicted itself and does not now is doubted a while: %f", (double)left);
    for (int i = 0; i < 5; i++) {
        vivaldi_peers_doubt(peer, 0.02f);
    }
    CHECK(fabsf(vivaldi_peers_doubted(peer) - 0.02f) < 0.002f, "and no longer");
}

/* Against a map that is plainly right, through random makes and drops. */
static void it_is_a_map(void)
{
    uint64_t memory[IDS * VIVALDI_PEERS_BYTES / 8 + 8];
    bool is_there[IDS] = {false};
    struct vivaldi_peers p;
    struct rng rng;
    uint32_t count = 0;

    rng_init(&rng, 11);
    vivaldi_peers_init(&p, memory, IDS);
    for (uint32_t step = 0; step < 20000; step++) {
        uint64_t n = rng_below(&rng, IDS), id = n << 58 | n; /* ids that differ in few bits */
        if (rng_below(&rng, 2) == 0) {
            struct vivaldi_peer *peer = vivaldi_peers_make(&p, id, step, 0);
            CHECK(vivaldi_peers_samples(peer) == (is_there[n] ? 1 : 0), "step %u: new or not", step);
            count += !is_there[n];
            is_there[n] = true;
            peer->link = (uint16_t)(peer->link & VIVALDI_PEERS_MAX);
            vivaldi_peers_sample(peer, (float)(n + 1), step);
        } else {
            CHECK(vivaldi_peers_drop(&p, id) == is_there[n], "step %u: was it there", step);
            count -= is_there[n];
            is_there[n] = false;
        }
        CHECK(p.count == count, "step %u: %u are there, not %u", step, p.count, count);
        n = rng_below(&rng, IDS);
        struct vivaldi_peer *peer = vivaldi_peers_find(&p, n << 58 | n);
        CHECK((peer != NULL) == is_there[n], "step %u: find", step);
        CHECK(peer == NULL || fabsf(vivaldi_peers_usual(peer) - (float)(n + 1)) < 0.05f, "step %u: its own round trip", step);
    }
    CHECK(p.evicted == 0, "nobody had to make room");
}

static void the_oldest_makes_room(void)
{
    enum { ROOM = 256, LIVES = 20 };
    static uint64_t memory[ROOM * VIVALDI_PEERS_BYTES / 8];
    struct vivaldi_peers p;
    struct rng rng;
    uint32_t young = 0;

    rng_init(&rng, 5);
    vivaldi_peers_init(&p, memory, ROOM);
    for (uint32_t i = 0; i < ROOM * LIVES; i++) {
        vivaldi_peers_sample(vivaldi_peers_make(&p, i, UINT32_MAX - 100 + i, rng_next(&rng)), 1, UINT32_MAX - 100 + i);
        CHECK(p.count == (i < ROOM ? i + 1 : ROOM), "never more than there is room for");
    }
    for (uint32_t i = ROOM * (LIVES - 1); i < ROOM * LIVES; i++) {
        young += vivaldi_peers_find(&p, i) != NULL;
    }
    CHECK(p.evicted == ROOM * (LIVES - 1), "one for one: %lu", (unsigned long)p.evicted);
    CHECK(young > ROOM * 3 / 4, "those that stay are mostly the newest, also past the end of the clock: %u", young);
}

static void memory_is_bounded(void)
{
    static const uint32_t sizes[] = {1, 2, 3, 4, 5, 64, 1000, 1024, VIVALDI_PEERS_MAX};

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        CHECK(vivaldi_peers_size(sizes[i]) <= (size_t)VIVALDI_PEERS_BYTES * sizes[i], "%u peers", sizes[i]);
    }
}

static void places_are_kept(void)
{
    uint64_t memory[VIVALDI_PEERS_BYTES / 8];
    struct vivaldi_coord c = {.at = {1, -2, 3, 4, 5, 6, 7}, .height = 8, .error = 1.5f}, again;
    struct vivaldi_peers p;

    vivaldi_peers_init(&p, memory, 1);
    struct vivaldi_peer *peer = vivaldi_peers_make(&p, 9, 100000, 0);
    CHECK(!vivaldi_peers_is_placed(peer), "nobody said where it is");
    vivaldi_peers_place(peer, &c, 100000);
    again = vivaldi_peers_coord(peer);
    CHECK(vivaldi_peers_is_placed(peer) && again.at[6] == 7 && again.height == 8 && again.error == 1.5f, "as it was said");
    CHECK(vivaldi_peers_age_s(peer, 100000) == 0 && vivaldi_peers_age_s(peer, 100000 + 65535) == 65535, "its age");
    CHECK(vivaldi_peers_make(&p, 10, 100001, 0) == peer && vivaldi_peers_id(peer) == 10, "one place, the next one has it");
    CHECK(!vivaldi_peers_is_placed(peer) && vivaldi_peers_find(&p, 9) == NULL, "and nothing of the former");
}

int main(void)
{
    another_round_trip_is_told_from_the_rest();
    doubts_fade();
    a_few_round_trips_say_one();
    it_is_a_map();
    the_oldest_makes_room();
    memory_is_bounded();
    places_are_kept();
    return CHECK_RESULT();
}
