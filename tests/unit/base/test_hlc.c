#include "common/base/hlc.h"

#include <inttypes.h>
#include <stddef.h>

#include "common/base/rng.h"
#include "tests/support/check.h"

#define AT(ms, count) ((uint64_t)(ms) << HLC_COUNT_BITS | (count))

/* Rows share one clock, top to bottom. heard 0: an event here; else a stamp that arrives. */
static const struct {
    uint64_t wall_ms;
    uint64_t heard;
    enum err answer;
    uint64_t last; /* afterwards */
    const char *why;
} rows[] = {
    {1000, 0, ERR_OK, AT(1000, 0), "the first stamp is the wall clock"},
    {1000, 0, ERR_OK, AT(1000, 1), "a second one in the same millisecond is later"},
    {900, 0, ERR_OK, AT(1000, 2), "a wall clock that went back does not"},
    {1001, 0, ERR_OK, AT(1001, 0), "the count starts afresh with the millisecond"},
    {1001, AT(1000, 9), ERR_OK, AT(1001, 0), "an older stamp changes nothing"},
    {1001, AT(1500, 3), ERR_OK, AT(1500, 3), "a later one is taken over"},
    {1001, 0, ERR_OK, AT(1500, 4), "and what follows it is later still"},
    {1001, AT(2001, 0), ERR_OK, AT(2001, 0), "as far ahead as is allowed"},
    {1001, AT(2001, 65535), ERR_OK, AT(2001, 65535), "to the end of that millisecond"},
    {1001, AT(2002, 0), ERR_RANGE, AT(2001, 65535), "one millisecond more is refused"},
    {1001, UINT64_MAX, ERR_RANGE, AT(2001, 65535), "so is the end of time"},
    {1001, 0, ERR_OK, AT(2002, 0), "a full count carries into the next millisecond"},
    {HLC_MS_MAX, 0, ERR_OK, AT(HLC_MS_MAX, 0), "the last millisecond"},
    {HLC_MS_MAX, AT(HLC_MS_MAX + 1, 0), ERR_RANGE, AT(HLC_MS_MAX, 0), "there is none after it"},
};

static void stamps_grow_and_stay_near_the_wall(void)
{
    uint64_t last = 0;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum err e = ERR_OK;
        if (rows[i].heard == 0) {
            CHECK(hlc_next(&last, rows[i].wall_ms) == last, "row %zu: the stamp is the clock", i);
        } else {
            e = hlc_heard(&last, rows[i].heard, rows[i].wall_ms, 1000);
        }
        CHECK(e == rows[i].answer, "row %zu: %s: %s", i, rows[i].why, err_name(e));
        CHECK(last == rows[i].last, "row %zu: %s: %" PRIx64, i, rows[i].why, last);
    }
}

/* Two nodes with skewed clocks send each other stamps: an answer is always later than its cause,
 * and no clock runs away from the faster wall clock by more than the events in between. */
static void effects_are_later_than_causes(void)
{
    enum { STEPS = 100000, SKEW_MS = 500 };
    uint64_t last[2] = {0, 0}, wall = 1000000;
    struct rng r;

    rng_init(&r, 11);
    for (unsigned i = 0; i < STEPS; i++) {
        unsigned from = (unsigned)rng_below(&r, 2);
        wall += rng_below(&r, 3);
        uint64_t sent = hlc_next(&last[from], wall + (from ? SKEW_MS : 0));
        uint64_t here = wall + (from ? 0 : SKEW_MS);
        CHECK(hlc_heard(&last[1 - from], sent, here, SKEW_MS + 1) == ERR_OK, "step %u", i);
        CHECK(hlc_next(&last[1 - from], here) > sent, "step %u: later than its cause", i);
        CHECK(hlc_ms(last[1 - from]) <= wall + SKEW_MS, "step %u: no run-away", i);
    }
}

int main(void)
{
    stamps_grow_and_stay_near_the_wall();
    effects_are_later_than_causes();
    return CHECK_RESULT();
}
