/* Claims about coordinates: what is predicted, what is valid, what is told reads back. */
#include <math.h>
#include <string.h>

#include "tests/support/check.h"
#include "common/base/rng.h"
#include "vivaldi/coord.h"

static const float nan_ = NAN, inf_ = INFINITY;

static bool is_near(float a, float b)
{
    return fabsf(a - b) <= 1e-4f * (1 + fabsf(b));
}

static void predictions_follow_from_distance_and_heights(void)
{
    static const struct {
        struct vivaldi_coord a, b;
        float rtt_ms;
        const char *why;
    } rows[] = {
        {{{0}, 0, 1}, {{0}, 0, 1}, 0, "the same place"},
        {{{0}, 5, 1}, {{0}, 5, 1}, 0, "the same place behind one router"},
        {{{3}, 0, 0}, {{0, 4}, 0, 0}, 5, "without heights the distance"},
        {{{1, 2, 3, 4, 5, 6, 7}, 0, 0}, {{0}, 0, 0}, 11.832160f, "all seven count"},
        {{{1000}, 2, 0}, {{0}, 3, 0}, 1000 + 5 * 1000 * 1000 / (1000 * 1000 + 1.0f), "far apart both heights are nearly whole"},
        {{{1}, 20, 0}, {{0}, 29, 0}, 1 + 49 * 1 / (1 + 9.8f * 9.8f), "neighbours do not climb down"},
        {{{10}, 20, 0}, {{0}, 30, 0}, 10 + 50 / 2.0f, "at a fifth of both heights half of them"},
        {{{20}, 20, 0}, {{0}, 20, 0}, 20 + 40 * 400 / (400 + 64.0f), "homes of one city climb nearly all"},
        {{{1e-25f}, 0, 0}, {{0}, 0, 0}, 1e-25f, "so near that the square is none"},
        {{{10000}, 10000, 0}, {{-10000}, 10000, 0}, 20000 + 20000 * 400.0f / (400 + 16), "the ends of the world"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        float there = vivaldi_coord_rtt_ms(&rows[i].a, &rows[i].b), back = vivaldi_coord_rtt_ms(&rows[i].b, &rows[i].a);
        CHECK(is_near(there, rows[i].rtt_ms) && there == back, "row %zu: %s: %f", i, rows[i].why, (double)there);
    }
}

static struct vivaldi_coord any(struct rng *rng, float side)
{
    struct vivaldi_coord c = {.height = (float)rng_unit(rng) * side, .error = 0.5f};

    for (uint32_t k = 0; k < VIVALDI_DIMS_MAX; k++) {
        c.at[k] = ((float)rng_unit(rng) - 0.5f) * 2 * side;
    }
    return c;
}

/* Four at a time and one at a time are the same, at every length, also for those at one place. */
static void many_at_once_are_as_one_by_one(void)
{
    struct vivaldi_coord to[11], from;
    struct rng rng;
    float ret[12];

    rng_init(&rng, 7);
    for (uint32_t round = 0; round < 200; round++) {
        from = any(&rng, 300);
        for (uint32_t i = 0; i < ARRAY_LEN(to); i++) {
            to[i] = rng_below(&rng, 8) == 0 ? from : any(&rng, round % 2 == 0 ? 300 : 0.01f);
        }
        for (uint32_t count = 0; count <= ARRAY_LEN(to); count++) {
            ret[count] = -1;
            vivaldi_coord_rtts_ms(&from, to, count, ret);
            CHECK(ret[count] == -1, "no more than %u", count);
            for (uint32_t i = 0; i < count; i++) {
                float alone = vivaldi_coord_rtt_ms(&from, &to[i]);
                CHECK(fabsf(ret[i] - alone) <= 1e-5f * (1 + alone), "%u of %u: %f, not %f", i, count, (double)ret[i], (double)alone);
            }
        }
    }
}

static void what_is_out_of_range_is_invalid(void)
{
    struct vivaldi_coord good = {.at = {1, -2, 3}, .height = 4, .error = 0.5f};
    const struct {
        float *field;
        float value;
        bool is_valid;
        const char *why;
    } rows[] = {
        {&good.at[0], 10000, true, "the largest side"},
        {&good.at[6], -10000, true, "the smallest side"},
        {&good.at[6], 10000.002f, false, "a little more"},
        {&good.at[3], -10000.002f, false, "a little less"},
        {&good.at[2], nan_, false, "no number"},
        {&good.at[1], inf_, false, "infinite"},
        {&good.at[1], -inf_, false, "infinite the other way"},
        {&good.at[1], 3e38f, false, "as large as a float gets"},
        {&good.height, 0, true, "no height"},
        {&good.height, 10000, true, "the largest height"},
        {&good.height, -1e-6f, false, "a negative height"},
        {&good.height, nan_, false, "no number"},
        {&good.error, 0, true, "knows it exactly"},
        {&good.error, 1.5f, true, "knows nothing"},
        {&good.error, 1.5001f, false, "less than nothing"},
        {&good.error, -0.001f, false, "better than exact"},
        {&good.error, nan_, false, "no number"},
    };

    CHECK(vivaldi_coord_is_valid(&good), "as it is");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        float before = *rows[i].field;
        *rows[i].field = rows[i].value;
        CHECK(vivaldi_coord_is_valid(&good) == rows[i].is_valid, "row %zu: %s", i, rows[i].why);
        *rows[i].field = before;
    }
}

static void what_is_told_reads_back(void)
{
    struct rng rng;
    uint8_t bytes[VIVALDI_COORD_BYTES];

    rng_init(&rng, 3);
    for (uint32_t dims = 1; dims <= VIVALDI_DIMS_MAX; dims++) {
        for (uint32_t i = 0; i < 100; i++) {
            struct vivaldi_coord c = any(&rng, i == 0 ? 10000 : 400), again;
            size_t size = vivaldi_coord_pack(&c, dims, bytes);
            CHECK(size == 7 + 3 * dims, "%zu bytes of %u dimensions", size, dims);
            REQUIRE(vivaldi_coord_unpack(bytes, size, &again) == ERR_OK, "%u dimensions", dims);
            for (uint32_t k = 0; k < VIVALDI_DIMS_MAX; k++) {
                CHECK(fabsf(again.at[k] - (k < dims ? c.at[k] : 0)) <= 0.002f, "side %u of %u", k, dims);
            }
            CHECK(fabsf(again.height - c.height) <= 0.002f && fabsf(again.error - c.error) < 1e-4f, "the rest");
        }
    }
}

static void what_is_made_up_is_refused(void)
{
    struct vivaldi_coord c = {.at = {1, 2, 3}, .height = 1, .error = 0.1f}, ret = {.error = 9};
    uint8_t good[VIVALDI_COORD_BYTES], bytes[VIVALDI_COORD_BYTES + 1] = {0};
    size_t size = vivaldi_coord_pack(&c, 3, good);
    const struct {
        size_t at;
        uint8_t byte;
        enum err e;
        const char *why;
    } rows[] = {
        {0, 1, ERR_OK, "as it is"},
        {0, 0, ERR_INCOMPATIBLE, "no version"},
        {0, 2, ERR_INCOMPATIBLE, "the next version"},
        {1, 0, ERR_MALFORMED, "no dimensions"},
        {1, 2, ERR_MALFORMED, "fewer than there are bytes"},
        {1, 8, ERR_MALFORMED, "more than there may be"},
        {1, 255, ERR_MALFORMED, "many more"},
        {2, 0x4c, ERR_OK, "a side within 10 s"},
        {2, 0x4d, ERR_MALFORMED, "a side beyond 10 s"},
        {11, 0x80, ERR_MALFORMED, "a negative height"},
        {14, 0xe9, ERR_OK, "an error of just below 1.5"},
        {14, 0xea, ERR_MALFORMED, "an error above 1.5"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        memcpy(bytes, good, size);
        bytes[rows[i].at] = rows[i].byte;
        ret.error = 9;
        enum err e = vivaldi_coord_unpack(bytes, size, &ret);
        CHECK(e == rows[i].e, "row %zu: %s: %s", i, rows[i].why, err_name(e));
        CHECK(e == ERR_OK || ret.error == 9, "row %zu: untouched", i);
    }
    memcpy(bytes, good, size);
    for (size_t cut = 0; cut < size; cut++) {
        CHECK(vivaldi_coord_unpack(bytes, cut, &ret) != ERR_OK, "cut at %zu", cut);
    }
    CHECK(vivaldi_coord_unpack(bytes, size + 1, &ret) == ERR_MALFORMED, "a byte more");
}

int main(void)
{
    predictions_follow_from_distance_and_heights();
    many_at_once_are_as_one_by_one();
    what_is_out_of_range_is_invalid();
    what_is_told_reads_back();
    what_is_made_up_is_refused();
    return CHECK_RESULT();
}
