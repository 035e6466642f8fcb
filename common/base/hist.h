/* A histogram of durations with bounded relative error, after HdrHistogram (Tene): buckets are
 * linear within each power of two. Fixed size, no allocation, exact counts. */
#ifndef CELL_COMMON_BASE_HIST_H
#define CELL_COMMON_BASE_HIST_H

#include <stdint.h>

enum {
    HIST_SUB_BITS = 5,                /* 32 buckets per power of two: error at most 1/32 */
    HIST_SUB = 1 << HIST_SUB_BITS,
    HIST_TOP_BITS = 40,               /* values saturate at 2^40 - 1 (us: 12.7 days)     */
    HIST_BUCKETS = (HIST_TOP_BITS - HIST_SUB_BITS + 1) * HIST_SUB,
};

struct hist {
    uint32_t bucket[HIST_BUCKETS]; /* saturating counts */
    uint64_t count;
    uint64_t sum; /* of the recorded values, saturating */
    uint64_t min; /* UINT64_MAX when empty */
    uint64_t max;
};

void hist_init(struct hist *h);

/* Record one value; larger than 2^40 - 1 counts in the last bucket. O(1). */
void hist_record(struct hist *h, uint64_t value);

/* The smallest recorded value v such that at least `permille`/1000 of all values are <= v, to
 * within one bucket (upper bound of the bucket, never above max). 0 when empty. */
uint64_t hist_permille(const struct hist *h, uint32_t permille);

/* Index of the bucket that counts `value`, and the largest value a bucket counts. */
uint32_t hist_bucket_of(uint64_t value);
uint64_t hist_bucket_top(uint32_t index);

/* Add b into a. */
void hist_merge(struct hist *a, const struct hist *b);

#endif
