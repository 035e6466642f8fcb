#include "common/base/hist.h"

#include <assert.h>
#include <string.h>

#define VALUE_MAX ((UINT64_C(1) << HIST_TOP_BITS) - 1)

void hist_init(struct hist *h)
{
    memset(h, 0, sizeof *h);
    h->min = UINT64_MAX;
}

uint32_t hist_bucket_of(uint64_t value)
{
    if (value < HIST_SUB) {
        return (uint32_t)value; /* small values have a bucket each */
    }
    if (value > VALUE_MAX) {
        value = VALUE_MAX;
    }
    unsigned exponent = 63 - (unsigned)__builtin_clzll(value);
    unsigned shift = exponent - HIST_SUB_BITS;
    uint32_t index = (uint32_t)(shift * HIST_SUB + (value >> shift));
    assert(index >= HIST_SUB && index < HIST_BUCKETS);
    return index;
}

uint64_t hist_bucket_top(uint32_t index)
{
    assert(index < HIST_BUCKETS);
    if (index < HIST_SUB) {
        return index;
    }
    unsigned shift = index / HIST_SUB - 1;
    uint64_t slot = index % HIST_SUB + HIST_SUB;
    return ((slot + 1) << shift) - 1;
}

static uint64_t add_saturating(uint64_t a, uint64_t b)
{
    uint64_t sum;

    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static uint32_t add_count(uint32_t a, uint32_t b)
{
    uint32_t sum;

    return __builtin_add_overflow(a, b, &sum) ? UINT32_MAX : sum;
}

void hist_record(struct hist *h, uint64_t value)
{
    if (value > VALUE_MAX) {
        value = VALUE_MAX;
    }
    uint32_t index = hist_bucket_of(value);
    h->bucket[index] = add_count(h->bucket[index], 1);
    h->count = add_saturating(h->count, 1);
    h->sum = add_saturating(h->sum, value);
    h->min = value < h->min ? value : h->min;
    h->max = value > h->max ? value : h->max;
    assert(h->min <= h->max);
}

uint64_t hist_permille(const struct hist *h, uint32_t permille)
{
    uint64_t seen = 0;

    if (h->count == 0) {
        return 0;
    }
    if (permille > 1000) {
        permille = 1000;
    }
    /* ceil(count * permille / 1000) in an order that cannot overflow; the first value at least. */
    uint64_t rank = h->count / 1000 * permille + (h->count % 1000 * permille + 999) / 1000;
    if (rank == 0) {
        rank = 1;
    }
    assert(rank <= h->count);
    for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
        seen += h->bucket[i];
        if (seen >= rank) {
            uint64_t top = hist_bucket_top(i);
            return top < h->max ? top : h->max;
        }
    }
    return h->max; /* a bucket's count has saturated: what it lost lies at or below the maximum */
}

void hist_merge(struct hist *a, const struct hist *b)
{
    for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
        a->bucket[i] = add_count(a->bucket[i], b->bucket[i]);
    }
    a->count = add_saturating(a->count, b->count);
    a->sum = add_saturating(a->sum, b->sum);
    a->min = b->min < a->min ? b->min : a->min;
    a->max = b->max > a->max ? b->max : a->max;
    assert(a->count == 0 || a->min <= a->max);
}
