/* One breaker as a trace: what happens, whether a request may pass then, and in which state. */
#include "common/base/macros.h"
#include "common/client/breaker.h"
#include "tests/support/check.h"

enum what { PASS, OLD_PASS, ANSWER, PROBE_ANSWER, FAIL, OLD_FAIL, PROBE_FAIL, PROBE_LEFT, PAST_ANSWER, PAST_FAIL, PAST_LEFT,
            CONNECT, HEARD, WAIT };

static const struct {
    enum what what;
    uint64_t wait_ms;
    bool admits;
    enum breaker_state state;
    const char *why;
} rows[] = {
    {FAIL, 0, true, BREAKER_CLOSED, "one failure"},
    {OLD_FAIL, 0, true, BREAKER_CLOSED, "a request that was under way then says nothing new"},
    {FAIL, 0, true, BREAKER_CLOSED, "two"},
    {FAIL, 0, true, BREAKER_CLOSED, "three"},
    {FAIL, 0, true, BREAKER_CLOSED, "four"},
    {ANSWER, 0, true, BREAKER_CLOSED, "an answer: not in a row"},
    {FAIL, 0, true, BREAKER_CLOSED, "one"},
    {FAIL, 0, true, BREAKER_CLOSED, "two"},
    {FAIL, 0, true, BREAKER_CLOSED, "three"},
    {FAIL, 0, true, BREAKER_CLOSED, "four: one short"},
    {FAIL, 0, false, BREAKER_OPEN, "five in a row"},
    {WAIT, BREAKER_FIRST_MS / 2 - 1, false, BREAKER_OPEN, "half of the interval is certain"},
    {WAIT, BREAKER_FIRST_MS / 2 + 1, true, BREAKER_OPEN, "all of it is enough"},
    {PASS, 0, false, BREAKER_HALF_OPEN, "the probe passes, nobody else"},
    {OLD_FAIL, 0, false, BREAKER_HALF_OPEN, "an old failure decides nothing"},
    {ANSWER, 0, false, BREAKER_HALF_OPEN, "an old answer neither"},
    {PROBE_LEFT, 0, true, BREAKER_HALF_OPEN, "cancelled: the next one may try"},
    {PASS, 0, false, BREAKER_HALF_OPEN, "it does"},
    {PROBE_FAIL, 0, false, BREAKER_OPEN, "and fails"},
    {CONNECT, 0, false, BREAKER_OPEN, "it has failed a probe: a connection is not enough"},
    {WAIT, BREAKER_FIRST_MS - 1, false, BREAKER_OPEN, "twice as long"},
    {WAIT, BREAKER_FIRST_MS + 1, true, BREAKER_OPEN, "at most"},
    {PASS, 0, false, BREAKER_HALF_OPEN, "another probe"},
    {PROBE_ANSWER, 0, true, BREAKER_CLOSED, "is answered"},
    {FAIL, 0, true, BREAKER_CLOSED, "it begins anew: one"},
    {FAIL, 0, true, BREAKER_CLOSED, "two"},
    {FAIL, 0, true, BREAKER_CLOSED, "three"},
    {FAIL, 0, true, BREAKER_CLOSED, "four"},
    {FAIL, 0, false, BREAKER_OPEN, "five"},
    {CONNECT, 0, true, BREAKER_HALF_OPEN, "the first time a connection is reason enough to try"},
    {PASS, 0, false, BREAKER_HALF_OPEN, "one"},
    {PROBE_ANSWER, 0, true, BREAKER_CLOSED, "it is back"},
    {FAIL, 0, true, BREAKER_CLOSED, "once more: one"},
    {FAIL, 0, true, BREAKER_CLOSED, "two"},
    {FAIL, 0, true, BREAKER_CLOSED, "three"},
    {FAIL, 0, true, BREAKER_CLOSED, "four"},
    {FAIL, BREAKER_FIRST_MS, true, BREAKER_OPEN, "five, and its time is over"},
    {PASS, 0, false, BREAKER_HALF_OPEN, "the probe is a question that is answered in an hour"},
    {WAIT, BREAKER_PROBE_MS - 1, false, BREAKER_HALF_OPEN, "it is waited for"},
    {WAIT, 1, true, BREAKER_HALF_OPEN, "and no longer"},
    {PASS, 0, false, BREAKER_HALF_OPEN, "another takes its place"},
    {PAST_LEFT, 0, false, BREAKER_HALF_OPEN, "the end of the first says nothing"},
    {PAST_FAIL, 0, false, BREAKER_HALF_OPEN, "nor its failure"},
    {PAST_ANSWER, 0, false, BREAKER_HALF_OPEN, "nor its answer"},
    {PROBE_ANSWER, 0, true, BREAKER_CLOSED, "the second decides"},
    {PAST_LEFT, 0, true, BREAKER_CLOSED, "and the first may end when it likes"},
    {PAST_ANSWER, 0, true, BREAKER_CLOSED, "so or so"},
    {HEARD, 0, true, BREAKER_CLOSED, "that it speaks is no news"},
    {FAIL, 0, true, BREAKER_CLOSED, "for the last time: one"},
    {FAIL, 0, true, BREAKER_CLOSED, "two"},
    {FAIL, 0, true, BREAKER_CLOSED, "three"},
    {FAIL, 0, true, BREAKER_CLOSED, "four"},
    {FAIL, BREAKER_FIRST_MS, true, BREAKER_OPEN, "five, and its time is over"},
    {PASS, 0, false, BREAKER_HALF_OPEN, "a probe"},
    {PROBE_FAIL, 0, false, BREAKER_OPEN, "fails"},
    {HEARD, 0, true, BREAKER_HALF_OPEN, "but it speaks: the next one tries"},
    {PASS, 0, false, BREAKER_HALF_OPEN, "one only"},
    {HEARD, 0, false, BREAKER_HALF_OPEN, "whatever more it says"},
    {PROBE_ANSWER, 0, true, BREAKER_CLOSED, "it is back"},
};

static void happen(struct breaker *b, enum what what, uint64_t now_ms, struct rng *rng, size_t row)
{
    switch (what) {
    case PASS:
    case OLD_PASS:
        CHECK((breaker_enter(b, now_ms) != 0) == (what == PASS), "row %zu: it is the probe", row);
        break;
    case ANSWER:
    case PROBE_ANSWER:
    case PAST_ANSWER:
        breaker_answered(b, what == ANSWER ? 0 : b->probe - (what == PAST_ANSWER));
        break;
    case FAIL:
    case OLD_FAIL:
    case PROBE_FAIL:
    case PAST_FAIL: {
        uint32_t probe = what == PROBE_FAIL ? b->probe : what == PAST_FAIL ? b->probe - 1 : 0;
        bool opened = breaker_failed(b, b->epoch - (what == OLD_FAIL), probe, now_ms, rng);
        CHECK(opened == (what != OLD_FAIL && b->state == BREAKER_OPEN), "row %zu: told", row);
        break;
    }
    case PROBE_LEFT:
    case PAST_LEFT:
        breaker_left(b, b->probe - (what == PAST_LEFT));
        break;
    case CONNECT:
        breaker_connected(b);
        break;
    case HEARD:
        breaker_heard(b);
        break;
    case WAIT:
        break;
    }
}

/* However often it opens, it stays open no longer than the limit, and no two callers alike. */
static void it_opens_longer_and_longer(void)
{
    struct breaker b = {.state = BREAKER_HALF_OPEN};
    uint64_t now_ms = 1, longest_ms = 0, drawn[2];
    struct rng rng;

    for (int caller = 0; caller < 2; caller++) {
        rng_init(&rng, (uint64_t)caller);
        b = (struct breaker){.state = BREAKER_HALF_OPEN};
        for (int i = 0; i < 40; i++) {
            uint32_t probe = breaker_enter(&b, now_ms);
            CHECK(probe != 0, "a probe");
            CHECK(breaker_failed(&b, b.epoch, probe, now_ms, &rng), "opens it again");
            uint64_t wait_ms = b.until_ms - now_ms;
            longest_ms = wait_ms > longest_ms ? wait_ms : longest_ms;
            drawn[caller] = wait_ms;
            now_ms = b.until_ms;
        }
        CHECK(drawn[caller] >= BREAKER_MAX_MS / 2 && longest_ms <= BREAKER_MAX_MS,
              "up to the limit: %u ms", (unsigned)longest_ms);
    }
    CHECK(drawn[0] != drawn[1], "two callers do not come back together");
}

int main(void)
{
    struct breaker b = {0};
    struct rng rng;
    uint64_t now_ms = 1;

    rng_init(&rng, 1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        happen(&b, rows[i].what, now_ms, &rng, i);
        now_ms += rows[i].wait_ms;
        CHECK(breaker_admits(&b, now_ms) == rows[i].admits, "row %zu: %s", i, rows[i].why);
        CHECK(b.state == rows[i].state, "row %zu: %s: %s", i, rows[i].why, breaker_name(&b));
    }
    it_opens_longer_and_longer();
    return CHECK_RESULT();
}
