#include "common/base/rate.h"

#include <inttypes.h>
#include <stddef.h>

#include "common/base/macros.h"
#include "common/base/rng.h"
#include "tests/support/check.h"

/* Rows share one limit of 2 events in 1000 us, top to bottom. */
static const struct {
    uint64_t now_us;
    bool may_pass;
    uint64_t held; /* reported when it may */
    const char *why;
} rows[] = {
    {5000, true, 0, "the first opens a window"},
    {5000, true, 0, "the second, at the same time"},
    {5000, false, 0, "one more than the limit"},
    {5999, false, 0, "the window's last microsecond"},
    {6000, true, 2, "the next window: the two are reported"},
    {6001, true, 0, "reported once"},
    {6002, false, 0, "full again"},
    {9000, true, 1, "windows open with an event, not by the clock"},
    {9999, true, 0, "still in it"},
    {9999, false, 0, "full"},
    {100, true, 1, "a clock that went back does not silence for ever"},
    {101, true, 0, "the window is the new one"},
    {102, false, 0, "and limits as before"},
    {UINT64_MAX, true, 1, "the end of time"},
};

static void windows_hold_back_and_report(void)
{
    struct rate rate = {0};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t held = 4711;
        bool may = rate_pass(&rate, 2, 1000, rows[i].now_us, &held);
        CHECK(may == rows[i].may_pass, "row %zu: %s", i, rows[i].why);
        CHECK(held == (rows[i].may_pass ? rows[i].held : 4711), "row %zu: held %" PRIu64, i, held);
    }
}

static void every_event_is_passed_or_reported(void)
{
    enum { MOST = 10, PERIOD = 500, EVENTS = 100000 };
    struct rng r;
    struct rate rate = {0};
    uint64_t now = 1, passed = 0, reported = 0, held = 0;
    static uint64_t at[EVENTS];

    rng_init(&r, 5);
    for (unsigned i = 0; i < EVENTS; i++) {
        now += rng_below(&r, 40);
        if (rate_pass(&rate, MOST, PERIOD, now, &held)) {
            at[passed++] = now;
            reported += held;
        }
    }
    CHECK(passed + reported + rate.held == EVENTS, "none is lost");
    CHECK(passed < EVENTS && passed > EVENTS / 10, "the draw is about at the limit");
    for (size_t i = 2 * MOST; i < passed; i++) {
        CHECK(at[i] - at[i - 2 * MOST] >= PERIOD, "no period sees more than twice the limit");
    }
}

int main(void)
{
    windows_hold_back_and_report();
    every_event_is_passed_or_reported();
    return CHECK_RESULT();
}
