/* At most so many events in a stretch of time, and a count of those held back. Pure: time comes in
 * as an argument. */
#ifndef CELL_COMMON_BASE_RATE_H
#define CELL_COMMON_BASE_RATE_H

#include <stdbool.h>
#include <stdint.h>

/* A window opens with an event and lasts period_us; the first event after it opens the next one.
 * So no stretch of period_us sees more than twice `most` events, and none is refused twice for one
 * burst. Zero-initialised: no window yet. */
struct rate {
    uint64_t start_us; /* of the current window               */
    uint32_t used;     /* events let through in it; 0: none   */
    uint64_t held;     /* held back since the last one passed */
};

/* Whether an event at now_us (monotonic) may pass. most >= 1, period_us >= 1. When it may,
 * *ret_held says how many were held back since the last one that passed; otherwise *ret_held is
 * untouched. O(1). */
bool rate_pass(struct rate *r, uint32_t most, uint64_t period_us, uint64_t now_us,
               uint64_t *ret_held);

#endif
