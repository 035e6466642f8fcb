/* The generator: deterministic, forgetful, different after every stir. */
#include "datapath/random.h"

#include <string.h>

#include "tests/support/check.h"

int main(void)
{
    static const uint8_t seed[DATAPATH_RANDOM_SEED] = {1, 2, 3}, more[DATAPATH_RANDOM_SEED] = {9};
    struct datapath_random a, b;
    uint8_t x[DATAPATH_RANDOM_MAX], y[DATAPATH_RANDOM_MAX];
    uint32_t seen[7] = {0};

    datapath_random_init(&a, seed);
    datapath_random_init(&b, seed);
    datapath_random_draw(&a, x, sizeof x);
    datapath_random_draw(&b, y, sizeof y);
    CHECK(memcmp(x, y, sizeof x) == 0, "one seed, one stream");
    CHECK(memcmp(a.key, seed, sizeof seed) != 0, "the key of that draw is gone");
    CHECK(memcmp(a.key, x, sizeof a.key) != 0, "and the new one was not given out");
    datapath_random_draw(&a, y, sizeof y);
    CHECK(memcmp(x, y, sizeof x) != 0, "never twice");
    datapath_random_draw(&b, y, 1);
    datapath_random_stir(&b, more);
    datapath_random_draw(&a, x, 32);
    datapath_random_draw(&b, y, 32);
    CHECK(memcmp(x, y, 32) != 0, "stirred");
    for (int i = 0; i < 7000; i++) {
        uint32_t n = datapath_random_below(&a, 7);
        REQUIRE(n < 7, "in range");
        seen[n]++;
    }
    for (int i = 0; i < 7; i++) {
        CHECK(seen[i] > 850 && seen[i] < 1150, "%d: %u", i, seen[i]);
    }
    return CHECK_RESULT();
}
