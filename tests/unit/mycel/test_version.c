/* Claims about versions and counters, and their laws by chance. */
#include <inttypes.h>
#include <string.h>

#include "common/base/hlc.h"
#include "common/base/rng.h"
#include "mycel/counter.h"
#include "tests/support/check.h"

/* Ascending: each is later than all before it. */
static const struct mycel_version_copy order[] = {
    {.version = {0, 0}},
    {.version = {1, 0}, .bytes = (const uint8_t *)"a", .size = 1},
    {.version = {1, 0}, .bytes = (const uint8_t *)"b", .size = 1},
    {.version = {1, 0}, .bytes = (const uint8_t *)"aa", .size = 2},
    {.version = {1, 0}, .is_tombstone = true},
    {.version = {1, 1}},
    {.version = {1, UINT32_MAX}},
    {.version = {2, 0}, .is_tombstone = true},
    {.version = {UINT64_MAX, 0}},
};

static void copies_have_one_order(void)
{
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        for (size_t j = 0; j < ARRAY_LEN(order); j++) {
            int got = mycel_version_compare(&order[i], &order[j]);
            CHECK(i == j ? got == 0 : i < j ? got < 0 : got > 0, "%zu beside %zu", i, j);
        }
    }
}

static void wrong_clocks_drag_nobody(void)
{
    struct mycel_version_clock c = {.writer = 7};
    uint64_t wall = 1000000;
    struct mycel_version far = {.stamp = (wall + MYCEL_VERSION_AHEAD_MS + 1) << HLC_COUNT_BITS, .writer = 1}, none = {0};
    struct mycel_version near = {.stamp = (wall + MYCEL_VERSION_AHEAD_MS) << HLC_COUNT_BITS, .writer = 1};

    struct mycel_version first = mycel_version_next(&c, wall);
    CHECK(first.writer == 7 && hlc_ms(first.stamp) == wall, "a write here is of now");
    CHECK(mycel_version_heard(&c, &far, wall) == ERR_RANGE && c.refused == 1, "a millisecond too far ahead");
    CHECK(hlc_ms(mycel_version_next(&c, wall).stamp) == wall, "… moves nothing");
    CHECK(mycel_version_heard(&c, &none, wall) == ERR_INVALID, "no stamp is no copy");
    CHECK(mycel_version_heard(&c, &near, wall) == ERR_OK, "as far as may be");
    CHECK(mycel_version_next(&c, wall).stamp > near.stamp, "what is written here is later than what was seen");
    CHECK(mycel_version_next(&c, wall - 500000).stamp > near.stamp, "though the wall clock goes back");
}

static void writes_get_what_they_expect(void)
{
    static const struct {
        bool is_there, is_tombstone;
        enum mycel_version_wish wish;
        uint64_t stamp;
        enum err want;
    } rows[] = {
        {false, false, MYCEL_VERSION_ANY, 0, ERR_OK},      {true, false, MYCEL_VERSION_ANY, 0, ERR_OK},
        {false, false, MYCEL_VERSION_NONE, 0, ERR_OK},     {true, true, MYCEL_VERSION_NONE, 0, ERR_OK},
        {true, false, MYCEL_VERSION_NONE, 0, ERR_EXISTS},  {true, false, MYCEL_VERSION_SOME, 0, ERR_OK},
        {true, true, MYCEL_VERSION_SOME, 0, ERR_NOT_FOUND}, {true, false, MYCEL_VERSION_THIS, 5, ERR_OK},
        {true, false, MYCEL_VERSION_THIS, 4, ERR_ABORTED}, {true, true, MYCEL_VERSION_THIS, 5, ERR_NOT_FOUND},
        {false, false, MYCEL_VERSION_THIS, 0, ERR_NOT_FOUND},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct mycel_version_copy there = {.version = {rows[i].is_there ? 5 : 0, 1}, .is_tombstone = rows[i].is_tombstone};
        struct mycel_version v = {.stamp = rows[i].stamp, .writer = 1};
        CHECK(mycel_version_expect(&there, rows[i].wish, &v) == rows[i].want, "row %zu", i);
    }
    struct mycel_version_copy there = {.version = {5, 1}};
    struct mycel_version other = {.stamp = 5, .writer = 2};
    CHECK(mycel_version_expect(&there, MYCEL_VERSION_THIS, &other) == ERR_ABORTED, "the writer counts, too");
}

static void tombstones_outlive_what_they_deleted(void)
{
    uint64_t made = 1000000, end = made + MYCEL_VERSION_TOMBSTONE_MS + MYCEL_VERSION_AHEAD_MS;
    struct mycel_version t = {.stamp = made << HLC_COUNT_BITS, .writer = 1};

    CHECK(!mycel_version_is_forgettable(&t, true, end), "its time is not over");
    CHECK(mycel_version_is_forgettable(&t, true, end + 1), "now it is");
    CHECK(!mycel_version_is_forgettable(&t, false, end + 1), "but somebody has not heard of it");
    CHECK(!mycel_version_is_forgettable(&t, true, made - 1), "a wall clock that went back");
}

static void same(const struct mycel_counter *a, const struct mycel_counter *b, uint64_t seed, const char *law)
{
    uint8_t x[MYCEL_COUNTER_BYTES_MAX], y[MYCEL_COUNTER_BYTES_MAX];
    size_t size = mycel_counter_write(a, x);

    CHECK(size == mycel_counter_write(b, y) && memcmp(x, y, size) == 0, "seed %" PRIu64 ": %s", seed, law);
}

static void counters_count(void)
{
    struct mycel_counter c = {0}, d;
    struct mycel_version one = {.stamp = 1, .writer = 1}, two = {.stamp = 2, .writer = 1};
    uint8_t bytes[MYCEL_COUNTER_BYTES_MAX];

    CHECK(mycel_counter_add(&c, 1, 5) == ERR_OK && mycel_counter_add(&c, 2, -7) == ERR_OK && mycel_counter_value(&c) == -2, "5 - 7");
    CHECK(mycel_counter_set(&c, &two, INT64_MAX - 1) == ERR_OK && mycel_counter_value(&c) == INT64_MAX - 1, "set");
    CHECK(mycel_counter_add(&c, 1, 2) == ERR_RANGE && mycel_counter_add(&c, 1, 1) == ERR_OK && mycel_counter_add(&c, 1, 1) == ERR_RANGE, "the end");
    CHECK(mycel_counter_set(&c, &one, 0) == ERR_PRECONDITION && mycel_counter_set(&c, &two, 0) == ERR_PRECONDITION, "not later");
    CHECK(mycel_counter_add(&c, 3, INT64_MIN) == ERR_OK && mycel_counter_value(&c) == -1, "the least there is");
    size_t size = mycel_counter_write(&c, bytes);
    CHECK(size == 60 && mycel_counter_read(&d, bytes, size) == ERR_OK && mycel_counter_value(&d) == -1, "to bytes …");
    same(&c, &d, 0, "… and back");
    CHECK(mycel_counter_read(&d, bytes, size - 1) == ERR_MALFORMED && mycel_counter_read(&d, bytes, 0) == ERR_MALFORMED, "cut");
    memset(bytes + 40, 0, 4);
    CHECK(mycel_counter_read(&d, bytes, size) == ERR_MALFORMED, "writers out of order");
    memset(&c, 0, sizeof c);
    for (uint32_t w = 0; w < MYCEL_COUNTER_WRITERS_MAX; w++) {
        CHECK(mycel_counter_add(&c, w, 1) == ERR_OK, "writer %" PRIu32, w);
    }
    CHECK(mycel_counter_add(&c, 1000, 1) == ERR_LIMIT && mycel_counter_add(&c, 3, 1) == ERR_OK && mycel_counter_value(&c) == 65, "no more");
}

/* Three replicas add, set and hear of each other by chance; then all hear of all, in different orders. Nothing added since the last set is
 * lost: the sum is known here. */
static void concurrent_additions_are_kept(void)
{
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct mycel_counter r[3] = {0}, ab, ba, left, right;
        int64_t added[4] = {0}; /* since each of the sets, of which there are three at most */
        uint32_t sets = 0;
        struct rng rng;
        rng_init(&rng, seed);
        for (uint32_t i = 0; i < 60; i++) {
            uint32_t n = (uint32_t)rng_below(&rng, 3);
            if (rng_below(&rng, 30) == 0 && sets < 3) {
                struct mycel_version v = {.stamp = ++sets, .writer = n};
                CHECK(mycel_counter_set(&r[n], &v, 100) == ERR_OK, "set");
            } else if (rng_below(&rng, 3) > 0) {
                int64_t amount = (int64_t)rng_below(&rng, 1000) - 500;
                CHECK(mycel_counter_add(&r[n], n, amount) == ERR_OK, "add");
                added[r[n].set.stamp] += amount;
            } else {
                CHECK(mycel_counter_merge(&r[n], &r[rng_below(&rng, 3)]) == ERR_OK, "merge");
            }
        }
        ab = r[0];
        ba = r[1];
        (void)!mycel_counter_merge(&ab, &r[1]);
        (void)!mycel_counter_merge(&ba, &r[0]);
        same(&ab, &ba, seed, "commutative");
        left = ab;
        (void)!mycel_counter_merge(&left, &r[2]);
        right = r[1];
        (void)!mycel_counter_merge(&right, &r[2]);
        (void)!mycel_counter_merge(&right, &r[0]);
        same(&left, &right, seed, "associative");
        right = left;
        (void)!mycel_counter_merge(&left, &left);
        (void)!mycel_counter_merge(&left, &r[0]);
        same(&left, &right, seed, "idempotent");
        CHECK(mycel_counter_value(&left) == added[sets] + (sets > 0 ? 100 : 0), "seed %" PRIu64 ": what was added is there", seed);
    }
}

int main(void)
{
    copies_have_one_order();
    wrong_clocks_drag_nobody();
    writes_get_what_they_expect();
    tombstones_outlive_what_they_deleted();
    counters_count();
    concurrent_additions_are_kept();
    return CHECK_RESULT();
}
