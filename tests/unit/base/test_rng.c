#include "common/base/rng.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "common/base/macros.h"
#include "tests/support/check.h"

/* Outputs of the authors' reference code (xoshiro256starstar.c) from state 1, 2, 3, 4. */
static void the_published_vector_is_reproduced(void)
{
    static const uint64_t wanted[] = {
        UINT64_C(11520), UINT64_C(0), UINT64_C(1509978240), UINT64_C(1215971899390074240),
        UINT64_C(1216172134540287360), UINT64_C(607988272756665600),
        UINT64_C(16172922978634559625), UINT64_C(8476171486693032832),
        UINT64_C(10595114339597558777), UINT64_C(2904607092377533576),
    };
    struct rng r = {{1, 2, 3, 4}};

    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        uint64_t got = rng_next(&r);
        CHECK(got == wanted[i], "output %zu is %" PRIu64, i, got);
    }
}

/* Outputs of the authors' splitmix64.c. */
static void a_seed_is_spread_by_splitmix64(void)
{
    static const struct {
        uint64_t seed;
        uint64_t word[4];
    } rows[] = {
        {0, {0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f, 0xf88bb8a8724c81ec}},
        {1234567, {UINT64_C(6457827717110365317), UINT64_C(3203168211198807973),
                   UINT64_C(9817491932198370423), UINT64_C(4593380528125082431)}},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rng r;
        rng_init(&r, rows[i].seed);
        CHECK(memcmp(r.word, rows[i].word, sizeof r.word) == 0, "seed %" PRIu64, rows[i].seed);
    }
}

static void a_seed_replays_and_its_neighbour_differs(void)
{
    struct rng a, b, c;
    unsigned same = 0;

    rng_init(&a, 42);
    rng_init(&b, 42);
    rng_init(&c, 43);
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t x = rng_next(&a);
        CHECK(x == rng_next(&b), "a failure is a seed");
        same += x == rng_next(&c);
    }
    CHECK(same == 0, "%u of 1000 outputs agree with the next seed's", same);
}

/* 3 * 2^62 of 2^64: by plain modulo the lower third would come up half of the time. */
static void below_has_no_modulo_bias(void)
{
    struct rng r;
    unsigned low = 0;

    rng_init(&r, 1);
    for (unsigned i = 0; i < 30000; i++) {
        uint64_t x = rng_below(&r, UINT64_C(3) << 62);
        CHECK(x < UINT64_C(3) << 62, "in range");
        low += x < UINT64_C(1) << 62;
    }
    /* 10,000 expected, standard deviation 82; biased: 15,000. */
    CHECK(low > 9500 && low < 10500, "%u of 30000 in the lower third", low);
}

static void below_reaches_every_value_and_no_other(void)
{
    struct rng r;
    unsigned seen[7] = {0};

    rng_init(&r, 2);
    for (unsigned i = 0; i < 70000; i++) {
        uint64_t x = rng_below(&r, 7);
        REQUIRE(x < 7, "in range");
        seen[x]++;
    }
    for (unsigned i = 0; i < 7; i++) {
        CHECK(seen[i] > 9500 && seen[i] < 10500, "%u came up %u times", i, seen[i]);
    }
    for (unsigned i = 0; i < 100; i++) {
        CHECK(rng_below(&r, 1) == 0, "a bound of one leaves one value");
        CHECK(rng_below(&r, UINT64_MAX) < UINT64_MAX, "the largest bound");
    }
}

/* The state's second word alone makes the output: chosen to give the two extreme ones. */
static void unit_starts_at_zero_and_never_reaches_one(void)
{
    const uint64_t inverse_of_9 = UINT64_C(0x8e38e38e38e38e39);
    const uint64_t inverse_of_5 = UINT64_C(0xcccccccccccccccd);
    uint64_t word = UINT64_MAX * inverse_of_9;

    word = ((word >> 7) | (word << 57)) * inverse_of_5;
    struct rng top = {{1, word, 1, 1}}, probe = top, zero = {{1, 0, 1, 1}}, r;
    REQUIRE(rng_next(&probe) == UINT64_MAX, "the state gives the largest output");
    CHECK(rng_unit(&top) < 1.0, "1 is excluded");
    CHECK(rng_unit(&zero) == 0.0, "0 is included");

    double sum = 0;
    rng_init(&r, 3);
    for (unsigned i = 0; i < 100000; i++) {
        sum += rng_unit(&r);
    }
    CHECK(sum > 49500 && sum < 50500, "mean %f", sum / 100000); /* deviation of the sum: 91 */
}

int main(void)
{
    the_published_vector_is_reproduced();
    a_seed_is_spread_by_splitmix64();
    a_seed_replays_and_its_neighbour_differs();
    below_has_no_modulo_bias();
    below_reaches_every_value_and_no_other();
    unit_starts_at_zero_and_never_reaches_one();
    return CHECK_RESULT();
}
