/* CON-3: percentiles within one bucket of the truth, the truth being the sorted list of values. */
#include "common/base/hist.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/macros.h"
#include "common/base/rng.h"
#include "tests/support/check.h"

#define TOP ((UINT64_C(1) << HIST_TOP_BITS) - 1)

static void buckets_are_adjacent_and_narrow(void)
{
    uint64_t low = 0;

    for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
        uint64_t top = hist_bucket_top(i);
        CHECK(hist_bucket_of(low) == i, "bucket %u begins at %" PRIu64, i, low);
        CHECK(hist_bucket_of(top) == i, "bucket %u ends at %" PRIu64, i, top);
        CHECK(top >= low && (top - low) * HIST_SUB <= low, "bucket %u is at most 1/32 wide", i);
        low = top + 1;
    }
    CHECK(low == TOP + 1, "the last bucket ends at the largest value");
    CHECK(hist_bucket_of(TOP + 1) == HIST_BUCKETS - 1, "one more counts in the last bucket");
    CHECK(hist_bucket_of(UINT64_MAX) == HIST_BUCKETS - 1, "so does the largest number");
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* Values of one drawn shape: few or many distinct, narrow or over all powers of two. */
static size_t draw_values(struct rng *r, uint64_t *value, size_t most)
{
    size_t count = 1 + rng_below(r, rng_below(r, 2) ? 20 : most);
    uint64_t shape = rng_below(r, 4);
    uint64_t base = rng_next(r) >> rng_below(r, 64);

    for (size_t i = 0; i < count; i++) {
        switch (shape) {
        case 0:
            value[i] = rng_below(r, 50);
            break;
        case 1:
            value[i] = rng_next(r) >> rng_below(r, 64);
            break;
        case 2:
            value[i] = base;
            break;
        default:
            value[i] = rng_below(r, 100) == 0 ? 1000000 + rng_below(r, 1000000)
                                              : 100 + rng_below(r, 50);
        }
    }
    return count;
}

static void percentiles_are_within_one_bucket_of_the_truth(void)
{
    static const uint32_t asked[] = {0, 1, 10, 250, 500, 900, 990, 999, 1000};
    enum { MOST = 5000 };
    static uint64_t value[MOST];
    static struct hist h;
    struct rng r;

    rng_init(&r, 3);
    for (unsigned run = 0; run < 400; run++) {
        size_t count = draw_values(&r, value, MOST);
        uint64_t sum = 0;
        hist_init(&h);
        for (size_t i = 0; i < count; i++) {
            hist_record(&h, value[i]);
            value[i] = value[i] > TOP ? TOP : value[i]; /* the truth saturates too */
            sum += value[i];
        }
        qsort(value, count, sizeof value[0], by_value);
        CHECK(h.count == count && h.sum == sum, "run %u: count and sum are exact", run);
        CHECK(h.min == value[0] && h.max == value[count - 1], "run %u: ends are exact", run);
        for (size_t k = 0; k < ARRAY_LEN(asked); k++) {
            size_t rank = (count * asked[k] + 999) / 1000;
            uint64_t truth = value[rank == 0 ? 0 : rank - 1];
            uint64_t got = hist_permille(&h, asked[k]);
            CHECK(hist_bucket_of(got) == hist_bucket_of(truth),
                  "run %u: permille %u of %zu: %" PRIu64 " for %" PRIu64, run, asked[k], count, got,
                  truth);
            CHECK(got >= truth && got <= h.max, "run %u: never below the truth nor above max", run);
        }
    }
}

static void an_empty_histogram_answers_zero(void)
{
    static struct hist h;

    hist_init(&h);
    CHECK(hist_permille(&h, 500) == 0 && h.count == 0 && h.max == 0, "nothing recorded");
    CHECK(h.min == UINT64_MAX, "so that any first value is smaller");
}

static void merging_equals_recording_both(void)
{
    static struct hist a, b, both;
    struct rng r;

    rng_init(&r, 4);
    hist_init(&a);
    hist_init(&b);
    hist_init(&both);
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t value = rng_next(&r) >> rng_below(&r, 64);
        hist_record(i % 3 == 0 ? &a : &b, value);
        hist_record(&both, value);
    }
    hist_merge(&a, &b);
    CHECK(memcmp(&a, &both, sizeof a) == 0, "merge is the sum");
    hist_init(&b);
    hist_merge(&a, &b);
    CHECK(memcmp(&a, &both, sizeof a) == 0, "merging nothing changes nothing");
    hist_merge(&b, &a);
    CHECK(memcmp(&b, &both, sizeof a) == 0, "merging into nothing copies");
}

static void counts_stick_at_their_ends(void)
{
    static struct hist h, other;

    hist_init(&h);
    hist_record(&h, 5);
    h.bucket[5] = UINT32_MAX;
    h.count = UINT64_MAX - 1;
    h.sum = UINT64_MAX - 5;
    hist_record(&h, 5);
    CHECK(h.bucket[5] == UINT32_MAX, "a bucket does not wrap to 0");
    CHECK(h.count == UINT64_MAX && h.sum == UINT64_MAX, "the last that fit");
    hist_record(&h, 5);
    CHECK(h.count == UINT64_MAX && h.sum == UINT64_MAX, "and one more");
    CHECK(hist_permille(&h, 1000) == 5, "a full bucket still answers with its values");
    hist_init(&other);
    hist_record(&other, 5);
    hist_merge(&h, &other);
    CHECK(h.bucket[5] == UINT32_MAX && h.count == UINT64_MAX, "merging sticks too");
}

static void odd_questions_have_answers(void)
{
    static struct hist h;

    hist_init(&h);
    for (uint64_t v = 1; v <= 1000; v++) {
        hist_record(&h, v);
    }
    CHECK(hist_permille(&h, 1001) == 1000, "more than all is all");
    CHECK(hist_permille(&h, UINT32_MAX) == 1000, "more than all is all");
    CHECK(hist_permille(&h, 0) == 1, "none is the first");
    CHECK(hist_permille(&h, 10) == 10, "small values are exact");
    hist_init(&h);
    hist_record(&h, UINT64_MAX);
    CHECK(h.max == TOP && hist_permille(&h, 500) == TOP, "too large counts as the largest");
}

int main(void)
{
    buckets_are_adjacent_and_narrow();
    percentiles_are_within_one_bucket_of_the_truth();
    an_empty_histogram_answers_zero();
    merging_equals_recording_both();
    counts_stick_at_their_ends();
    odd_questions_have_answers();
    return CHECK_RESULT();
}
