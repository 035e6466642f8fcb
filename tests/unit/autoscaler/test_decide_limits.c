/* Claims about what bounds a decision: windows, pauses, steps, bounds, the clock; what a restart remembers and what damage does. */
#include <math.h>

#include "tests/unit/autoscaler/kit.h"

#define JOBS AUTOSCALER_POLICY_CUSTOM_ALL

enum { SIZE = AUTOSCALER_DECIDE_IMAGE_SIZE };

static uint8_t image[SIZE];

/* Jobs are ten an instance: so many are wanted. */
static uint32_t want(uint32_t instances)
{
    kit_say(0, 10 * instances);
    return kit_step();
}

static uint32_t want_for(uint32_t instances, uint32_t seconds)
{
    for (uint32_t i = 0; i < seconds; i++) {
        (void)want(instances);
    }
    return kit_last.wanted;
}

static void windows_hold(void)
{
    struct autoscaler_policy p = kit_quick(JOBS, 10);
    struct autoscaler_window w = {0};
    uint32_t wrong = 0;

    p.up.window_s = 20;
    p.down.window_s = 30;
    kit_begin(&p, 10);
    kit_seen.serving = 10;
    (void)want_for(10, 60);
    CHECK(want_for(20, 19) == 10, "a peak of 19 s is none: %u", kit_last.wanted);
    SAYS("held: the least wished in the window up");
    CHECK(want(20) == 20, "one of 20 s is: %u", kit_last.wanted);
    CHECK(want_for(5, 29) == 20, "a dip of 29 s is none: %u", kit_last.wanted);
    SAYS("held: the most wished in the window down");
    CHECK(want(5) == 5, "one of 30 s is: %u", kit_last.wanted);
    for (uint32_t i = 1; i <= 3 * AUTOSCALER_WINDOW_S; i++) { /* beside a look at all of it */
        autoscaler_window_push(&w, (uint16_t)(i * 7919 % 10007));
        static const uint32_t lengths[] = {0, 1, 2, 300, AUTOSCALER_WINDOW_S - 1, AUTOSCALER_WINDOW_S, UINT32_MAX};
        uint32_t length = lengths[i % 7], most = 0, least = UINT16_MAX, there = i < AUTOSCALER_WINDOW_S ? i : AUTOSCALER_WINDOW_S;
        length = length == 0 ? 1 : length < there ? length : there;
        for (uint32_t k = i; i % 13 == 0 && k > i - length; k--) {
            uint32_t v = k * 7919 % 10007;
            most = v > most ? v : most;
            least = v < least ? v : least;
        }
        wrong += i % 13 == 0 && (autoscaler_window_most(&w, lengths[i % 7]) != most || autoscaler_window_least(&w, lengths[i % 7]) != least);
        wrong += autoscaler_window_back(&w, length - 1) != (i - (length - 1)) * 7919 % 10007;
    }
    CHECK(wrong == 0, "%u wrong", wrong);
}

static void cooldowns_hold(void)
{
    struct autoscaler_policy p = kit_quick(JOBS, 10);

    p.up.cooldown_s = 30;
    p.down.cooldown_s = 60;
    kit_begin(&p, 10);
    CHECK(want(12) == 12, "the first change waits for nothing");
    CHECK(want_for(15, 30) == 12, "30 s after a change: %u", kit_last.wanted);
    SAYS("held: the last change is too recent");
    CHECK(want(15) == 15, "31 s: %u", kit_last.wanted);
    CHECK(want_for(5, 60) == 15 && want(5) == 5, "and down after 61: %u", kit_last.wanted);
}

/* Ten are there, 1000 are wanted, or 1. */
static void steps_hold(void)
{
    static const struct {
        uint32_t count;
        double share;
        uint32_t period_s;
        bool is_least;
        uint32_t after_1, after_10, after_11, after_21;
        bool is_up;
        const char *why;
    } rows[] = {
        {4, 0, 10, false, 14, 14, 18, 22, true, "4 in 10 s"},
        {0, 1, 10, false, 20, 20, 40, 80, true, "as many again"},
        {4, 1, 10, false, 20, 20, 40, 80, true, "whichever is more"},
        {4, 1, 10, true, 14, 14, 18, 22, true, "both"},
        {0, .01, 10, false, 11, 11, 12, 13, true, "a share of less than one is one"},
        {1, 0, 1, false, 11, 20, 21, 31, true, "one a second"},
        {2, 0, 10, false, 8, 8, 6, 4, false, "2 in 10 s"},
        {0, .5, 10, false, 5, 5, 3, 2, false, "half"},
        {3, .1, 10, true, 9, 9, 8, 7, false, "both"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct autoscaler_policy p = kit_quick(JOBS, 10);
        p.down.window_s = 0;
        *(rows[i].is_up ? &p.up : &p.down) = (struct autoscaler_policy_side){
            .count = rows[i].count, .share = rows[i].share, .period_s = rows[i].period_s, .is_least = rows[i].is_least};
        kit_begin(&p, 10);
        (void)want_for(10, 30);
        uint32_t goal = rows[i].is_up ? 1000 : 1, a = want(goal), b = want_for(goal, 9), c = want(goal), e = want_for(goal, 10);
        CHECK(a == rows[i].after_1 && b == rows[i].after_10 && c == rows[i].after_11 && e == rows[i].after_21, "row %zu: %s: %u %u %u %u", i,
              rows[i].why, a, b, c, e);
    }
}

static void bounds_are_orders(void)
{
    struct autoscaler_policy p = kit_quick(JOBS, 10);

    p.min = 2;
    p.up.window_s = 3600;
    p.up.cooldown_s = 3600;
    kit_begin(&p, 0);
    CHECK(kit_step() == 2 && kit_last.start == 2, "none there, nothing known, min 2: %u", kit_last.wanted);
    SAYS("; min");
    p = kit_quick(JOBS, 10);
    kit_begin(&p, 30);
    CHECK(want(30) == 30, "thirty");
    p.max = 12;
    p.down.window_s = 3600;
    CHECK(autoscaler_decide_change(&kit_d, &p) == ERR_OK, "max is lowered");
    CHECK(want(30) == 12 && kit_last.drain == 18, "below what is there: %u", kit_last.wanted);
    SAYS("wants 30; max");
    p.max = 0;
    CHECK(autoscaler_decide_change(&kit_d, &p) == ERR_INVALID && want(30) == 12, "a wrong policy changes nothing");
    p = autoscaler_policy_usual(7, 7);
    kit_begin(&p, 3);
    CHECK(kit_steps(10) == 7 && kit_last.start == 4, "min = max: %u", kit_last.wanted);
    kit_seen.serving = 9;
    CHECK(kit_steps(10) == 7 && kit_last.drain == 2, "min = max, from above: %u", kit_last.wanted);
}

static void nothing_comes_for_long(void)
{
    struct autoscaler_policy p = kit_quick(AUTOSCALER_POLICY_ARRIVALS, 10);

    p.min = 0;
    p.idle_s = 300;
    p.up.window_s = 60;
    p.up.cooldown_s = 600;
    kit_begin(&p, 2);
    kit_say(0, 3);
    (void)kit_steps(200);
    kit_say(0, 0);
    kit_seen.queued = 1;
    CHECK(kit_steps(1000) == 1, "one waits still: %u", kit_last.wanted);
    kit_seen.queued = 0;
    CHECK(kit_steps(299) == 1, "idle for 299 s: %u", kit_last.wanted);
    CHECK(kit_step() == 0 && kit_last.drain == 2, "for 300: %u", kit_last.wanted);
    kit_seen.serving = 0;
    CHECK(kit_steps(100) == 0 && kit_last.start == 0, "and stays so: %u", kit_last.wanted);
    kit_seen.heard[0].is_there = false;
    CHECK(kit_steps(100) == 0, "unheard: %u", kit_last.wanted);
    kit_say(0, 1);
    CHECK(kit_step() == 1 && kit_last.start == 1, "the first request: at once, whatever window and pause: %u", kit_last.wanted);
    SAYS("from zero");
    kit_say(0, 0);
    CHECK(kit_steps(299) == 1 && kit_step() == 0, "and again");
    kit_begin(&p, 1);
    kit_say(0, 0);
    kit_seen.heard[0].is_there = false;
    CHECK(kit_steps(1000) == 1, "unheard is not idle: %u", kit_last.wanted);
}

static void clocks_jump(void)
{
    struct autoscaler_policy p = kit_quick(JOBS, 10);

    p.slots = 1;
    p.slot[0] = (struct autoscaler_policy_slot){0x7f, 0, 12 * 60, 1, 5}; /* few in the morning */
    kit_begin(&p, 5);
    kit_seen.wall_s = KIT_MONDAY + 12 * 3600 - 30;
    CHECK(want_for(20, 30) == 5, "the last second of the morning: %u", kit_last.wanted);
    SAYS("max of the schedule");
    CHECK(want(20) == 20, "noon: %u", kit_last.wanted);
    kit_seen.wall_s -= 2 * 3600;
    CHECK(want_for(20, 60) == 20, "the clock went back to the morning: not believed yet: %u", kit_last.wanted);
    SAYS("the clock jumped");
    CHECK(want(20) == 5, "after a minute it is: %u", kit_last.wanted);
    kit_seen.wall_s += 4 * 3600;
    (void)want_for(20, 30);
    kit_seen.wall_s -= 4 * 3600;
    CHECK(want_for(20, 200) == 5, "there and back is nothing: %u", kit_last.wanted);
    kit_seen.wall_s = UINT64_MAX;
    kit_seen.utc_offset_s = INT32_MIN;
    CHECK(want(20) == 5, "any number");
    kit_seen.passed_s = UINT32_MAX;
    kit_seen.wall_s = 0;
    CHECK(want(20) <= 20, "any number");
}

static void restarts_remember(void)
{
    struct autoscaler_policy p = kit_quick(JOBS, 10);

    p.down.window_s = 300;
    kit_begin(&p, 30);
    CHECK(want_for(3, 299) == 30, "nothing is known of before: %u", kit_last.wanted);
    SAYS("held: no window was seen whole since the start");
    CHECK(want(3) == 3, "the window is whole: %u", kit_last.wanted);
    for (uint32_t gap_s = 1; gap_s <= 1000; gap_s += 1 + gap_s) {
        kit_begin(&p, 30);
        (void)want_for(30, 400);
        (void)want_for(3, 200);
        uint64_t wall_s = kit_seen.wall_s + gap_s - 1;
        autoscaler_decide_write(&kit_d, image);
        kit_begin(&p, 25); /* five were on their way, and are not there now */
        CHECK(autoscaler_decide_read(&kit_d, image, SIZE) == ERR_OK, "it is read");
        kit_seen.wall_s = wall_s;
        bool is_short = gap_s <= AUTOSCALER_DECIDE_GRACE_S + 1;
        CHECK(want(3) == (is_short ? 30 : 25), "gap of %u s: what was asked for: %u", gap_s, kit_last.wanted);
        uint32_t left = is_short ? 100 - gap_s : 299;
        CHECK(want_for(3, left - 1) > 3, "gap of %u s: not sooner than its window: %u", gap_s, kit_last.wanted);
        CHECK(want(3) == 3, "gap of %u s: and not later: %u, %s", gap_s, kit_last.wanted, kit_line(0));
    }
    kit_begin(&p, 30);
    (void)want_for(3, 290);
    autoscaler_decide_write(&kit_d, image);
    kit_begin(&p, 30);
    CHECK(autoscaler_decide_read(&kit_d, image, SIZE) == ERR_OK, "it is read");
    kit_seen.wall_s = KIT_MONDAY - 86400;
    CHECK(want_for(3, 299) == 30 && want(3) == 3, "the clock went back: as if nothing had been seen: %u", kit_last.wanted);
}

static void damage_is_refused(void)
{
    static struct autoscaler_decide before;
    static uint8_t bad[SIZE + 1];
    struct autoscaler_policy p = kit_quick(JOBS, 10);
    uint32_t taken = 0;

    kit_begin(&p, 30);
    (void)want_for(17, 5000);
    autoscaler_decide_write(&kit_d, image);
    kit_begin(&p, 1);
    before = kit_d;
    for (size_t at = 0; at < SIZE; at += at < 200 || at > SIZE - 50 ? 1 : 97) {
        memcpy(bad, image, SIZE);
        bad[at] ^= (uint8_t)(1u << at % 8);
        taken += autoscaler_decide_read(&kit_d, bad, SIZE) == ERR_OK;
    }
    for (size_t size = 0; size <= SIZE + 1; size += size < 64 || size > SIZE - 64 ? 1 : 61) {
        taken += size != SIZE && autoscaler_decide_read(&kit_d, image, size) != ERR_MALFORMED;
    }
    CHECK(taken == 0 && memcmp(&before, &kit_d, sizeof before) == 0, "%u were taken, or changed something", taken);
    CHECK(autoscaler_decide_read(&kit_d, image, SIZE) == ERR_OK, "the whole one is");
    autoscaler_decide_write(&kit_d, bad);
    CHECK(memcmp(bad, image, SIZE) == 0, "and comes out as it went in");
}

static double morning(uint64_t wall_s)
{
    uint64_t second = wall_s % 86400;

    return second < 6 * 3600 ? 20 : second < 12 * 3600 ? 20 + (double)(second - 6 * 3600) / 180 : 140 - (double)(second - 12 * 3600) / 360;
}

static void live_until(uint64_t wall_s)
{
    while (kit_seen.wall_s < wall_s) {
        (void)want((uint32_t)morning(kit_seen.wall_s));
    }
}

/* Nothing is heard for so long; instances serve as soon as they are asked for. */
static uint32_t blind_for(uint32_t seconds)
{
    for (uint32_t i = 0; i < seconds; i++) {
        kit_seen.heard[0].is_there = false;
        kit_seen.serving = kit_step();
    }
    return kit_last.wanted;
}

static void what_days_were_like_is_a_floor(void)
{
    const uint64_t dark = KIT_MONDAY + 2 * 86400 + 9 * 3600;
    struct autoscaler_policy p = kit_quick(JOBS, 10);

    p.max = 120;
    kit_begin(&p, 20);
    live_until(dark);
    uint32_t before = kit_last.wanted;
    autoscaler_decide_write(&kit_d, image);
    CHECK(blind_for(900) >= morning(dark + 900) && kit_last.wanted < 1.2 * morning(dark + 900), "as yesterday: %u of %g, from %u", kit_last.wanted,
          morning(dark + 900), before);
    CHECK(strstr(kit_line(1), "as at this time of a day before") != NULL, "%s", kit_line(1));
    CHECK(blind_for(10000) == 120, "not above max: %u", kit_last.wanted);
    CHECK(kit_d.season.judged * AUTOSCALER_SEASON_SLOT_S < dark, "what is held is not learned");
    kit_begin(&p, before);
    CHECK(autoscaler_decide_read(&kit_d, image, SIZE) == ERR_OK, "it is read");
    kit_seen.wall_s = dark;
    CHECK(blind_for(900) >= morning(dark + 900), "days before a restart count: %u", kit_last.wanted);
    kit_begin(&p, before);
    CHECK(autoscaler_decide_read(&kit_d, image, SIZE) == ERR_OK, "again");
    kit_seen.wall_s = dark;
    (void)want(before);
    kit_seen.wall_s += 1800;
    CHECK(blind_for(AUTOSCALER_DECIDE_TRUST_S - 1) == before, "a clock that has just jumped says nothing: %u of %u", kit_last.wanted, before);
    CHECK(blind_for(2) > before, "then it does: %u", kit_last.wanted);
    kit_begin(&p, before);
    kit_seen.wall_s = dark;
    CHECK(want(before) == before && blind_for(900) == before, "without days before it is held: %u", kit_last.wanted);
}

static void policies_change(void)
{
    struct autoscaler_policy p = kit_quick(JOBS, 10), q = kit_quick(AUTOSCALER_POLICY_CPU_SHARE, .5);

    q.signals = 2;
    q.signal[1] = p.signal[0];
    kit_begin(&p, 30);
    for (uint32_t i = 0; i < 50; i++) {
        (void)want(30 + i % 2);
    }
    uint32_t changes = kit_d.signal[0].changes;
    CHECK(autoscaler_decide_change(&kit_d, &q) == ERR_OK, "another signal before it");
    CHECK(changes > 40 && kit_d.signal[1].changes == changes && kit_d.signal[0].changes == 0, "what is known of a signal goes with it");
}

static void lines_are_bounded(void)
{
    struct autoscaler_record r = {.wall_s = UINT64_MAX, .from = 10000, .to = 10000, .wish = 10000, .signal = 7, .kind = AUTOSCALER_POLICY_ARRIVALS,
                                  .value = -1.234e-300, .target = -1.234e-300, .limit = AUTOSCALER_EXPLAIN_IDLE, .doubted = 7,
                                  .doubted_kind = AUTOSCALER_POLICY_LATENCY, .doubted_value = -1.234e-300, .doubted_target = -1.234e-300,
                                  .trust = AUTOSCALER_SIGNAL_STUCK, .replaced = UINT16_MAX,
                                  .rules = {.window_s = 3700, .margin = .8, .is_ahead = true, .most = 12345.6, .queue = 10000, .held = 10000}};
    static struct autoscaler_explain e;
    char text[AUTOSCALER_EXPLAIN_LINE_SIZE];

    memset(r.name, 'x', sizeof r.name - 1);
    autoscaler_explain_line(&r, text);
    CHECK(strlen(text) < sizeof text - 1 && strstr(text, "not counted") != NULL, "the longest is whole, %zu bytes: %s", strlen(text), text);
    for (uint16_t i = 0; i < 3 * AUTOSCALER_EXPLAIN_KEPT; i++) {
        r.from = i;
        r.to = (uint16_t)(i + 1);
        autoscaler_explain_add(&e, &r);
        r.from = r.to;
        autoscaler_explain_add(&e, &r); /* says nothing new */
    }
    CHECK(e.count == 3 * AUTOSCALER_EXPLAIN_KEPT, "%u kept", (unsigned)e.count);
    CHECK(autoscaler_explain_back(&e, AUTOSCALER_EXPLAIN_KEPT - 1)->from == 2 * AUTOSCALER_EXPLAIN_KEPT &&
              autoscaler_explain_back(&e, AUTOSCALER_EXPLAIN_KEPT) == NULL, "so many are kept, and no more");
}

int main(void)
{
    windows_hold();
    cooldowns_hold();
    steps_hold();
    bounds_are_orders();
    nothing_comes_for_long();
    clocks_jump();
    restarts_remember();
    damage_is_refused();
    what_days_were_like_is_a_floor();
    policies_change();
    lines_are_bounded();
    return CHECK_RESULT();
}
