/* Claims about policies: each contradiction is named with its field, and a schedule holds at the hours it says. */
#include "autoscaler/policy.h"

#include <math.h>
#include <string.h>

#include "autoscaler/rules.h"
#include "tests/support/check.h"

enum { HOUR = 60, MONDAY = 4 * 24 * 3600 /* 1970-01-05, UTC */, SUNDAY = MONDAY + 6 * 24 * 3600 };

static struct autoscaler_policy good(void)
{
    struct autoscaler_policy p = autoscaler_policy_usual(1, 10);

    p.signals = 2;
    p.signal[0] = (struct autoscaler_policy_signal){AUTOSCALER_POLICY_CPU_SHARE, "", .7};
    p.signal[1] = (struct autoscaler_policy_signal){AUTOSCALER_POLICY_ARRIVALS, "", 10};
    p.slots = 2;
    p.slot[0] = (struct autoscaler_policy_slot){0x1f, 9 * HOUR, 18 * HOUR, 4, 20};
    p.slot[1] = (struct autoscaler_policy_slot){0x10, 23 * HOUR, 2 * HOUR, 2, 5}; /* Friday to Saturday */
    return p;
}

#define MAX AUTOSCALER_POLICY_WINDOW_MAX_S
/* X(change to a good policy, field, part of why) */
#define BAD(X)                                                                                                                             \
    X(p.max = 0, "max", "is 0")                                                                                                            \
    X(p.max = AUTOSCALER_RULES_INSTANCES_MAX + 1, "max", "10001")                                                                          \
    X(p.min = 11, "min", "more than max")                                                                                                  \
    X(p.tolerance = 1, "tolerance", "less than 1")                                                                                         \
    X(p.tolerance = NAN, "tolerance", "nan")                                                                                               \
    X(p.tolerance = -.1, "tolerance", "-0.1")                                                                                              \
    X(p.up.window_s = MAX + 1, "up.window_s", "remembered")                                                                                \
    X(p.down.window_s = MAX + 1, "down.window_s", "remembered")                                                                            \
    X(p.down.cooldown_s = MAX + 1, "down.cooldown_s", "remembered")                                                                        \
    X(p.up.period_s = MAX + 1, "up.period_s", "remembered")                                                                                \
    X(p.up.period_s = 0, "up.period_s", "is 0")                                                                                            \
    X(p.down.period_s = 5, "down.period_s", "no limit")                                                                                    \
    X(p.up.share = NAN, "up.share", "no share")                                                                                            \
    X(p.stale_s = 0, "stale_s", "is 0")                                                                                                    \
    X(p.stale_s = MAX + 1, "stale_s", "3601")                                                                                              \
    X(p.heard_least = 1.01, "heard_least", "1.01")                                                                                         \
    X(p.heard_least = NAN, "heard_least", "nan")                                                                                           \
    X(p.ready_within_s = 0, "ready_within_s", "is 0")                                                                                      \
    X(p.idle_s = MAX + 1, "idle_s", "remembered")                                                                                          \
    X(p.signals = AUTOSCALER_POLICY_SIGNALS_MAX + 1, "signals", "more")                                                                    \
    X(p.slots = AUTOSCALER_POLICY_SLOTS_MAX + 1, "slots", "more")                                                                          \
    X(p.signal[0].target = 0, "signals[0].target", "is 0")                                                                                 \
    X(p.signal[1].target = NAN, "signals[1].target", "nan")                                                                                \
    X(p.signal[1].target = INFINITY, "signals[1].target", "inf")                                                                           \
    X(p.signal[0].target = 1.1, "signals[0].target", "never reached")                                                                      \
    X(p.signal[0].kind = 99, "signals[0].kind", "none")                                                                                    \
    X(p.signal[1].kind = AUTOSCALER_POLICY_CUSTOM_EACH, "signals[1].name", "missing")                                                      \
    X(p.signal[0].name[0] = 'x', "signals[0].name", "custom signals alone")                                                                \
    X(memset(p.signal[0].name, 'x', 32), "signals[0].name", "longer than 31")                                                              \
    X(p.signal[0].name[0] = '\n', "signals[0].name", "printed")                                                                            \
    X(p.signal[1] = p.signal[0], "signals[1]", "signals[0]")                                                                               \
    X(p.wait_s = 0, "wait_s", "arrivals")                                                                                                  \
    X(p.start_s = AUTOSCALER_RULES_START_MAX_S + 1, "start_s", "arrivals")                                                                 \
    X(p.slot[0].days = 0, "slots[0].days", "no set")                                                                                       \
    X(p.slot[0].days = 0x80, "slots[0].days", "no set")                                                                                    \
    X(p.slot[0].from_min = 24 * HOUR, "slots[0].from_min", "1440")                                                                         \
    X(p.slot[0].to_min = 24 * HOUR + 1, "slots[0].from_min", "1441")                                                                       \
    X(p.slot[0].to_min = 9 * HOUR, "slots[0].from_min", "540 to 540")                                                                      \
    X(p.slot[0].min = 21, "slots[0].min", "21 to 20")                                                                                      \
    X(p.slot[0].min = p.slot[0].max = 0, "slots[0].min", "0 to 0")                                                                         \
    X(p.slot[1].from_min = 18 * HOUR - 1, "slots[1]", "overlaps slots[0]")                                                                 \
    X((p.slot[0] = (struct autoscaler_policy_slot){0x20, 2 * HOUR - 1, 3 * HOUR, 1, 2}), "slots[1]", "overlaps slots[0]")                  \
    X((p.slot[0] = (struct autoscaler_policy_slot){0x01, 0, 1, 1, 2}, p.slot[1].days = 0x40), "slots[1]", "overlaps slots[0]")             \
    X((p.min = 0, p.signals = 1), "min", "no signal is heard")                                                                             \
    X((p.slot[1].min = 0, p.signals = 1), "min", "no signal is heard")                                                                     \
    X((p.signals = 0, p.slots = 0), "signals", "none")

static void faults_are_named(void)
{
    struct autoscaler_policy p = good();
    struct autoscaler_policy_fault f = {"untouched", ""};
    size_t row = 0;

    CHECK(autoscaler_policy_check(&p, &f) == ERR_OK && strcmp(f.field, "untouched") == 0, "it is good: %s %s", f.field, f.why);
#define X(change, where, what)                                                                                                             \
    p = good();                                                                                                                            \
    (void)(change);                                                                                                                        \
    CHECK(autoscaler_policy_check(&p, NULL) == ERR_INVALID && autoscaler_policy_check(&p, &f) == ERR_INVALID, "row %zu: %s", row, #change); \
    CHECK(strcmp(f.field, where) == 0 && strstr(f.why, what) != NULL, "row %zu: %s: %s %s", row, #change, f.field, f.why);                 \
    row++;
    BAD(X)
#undef X
}

/* The other side of each edge. */
static void edges_are_allowed(void)
{
    struct autoscaler_policy p = good();

    p.min = p.max = AUTOSCALER_RULES_INSTANCES_MAX;
    p.tolerance = 0;
    p.up.window_s = p.down.window_s = p.down.cooldown_s = p.up.period_s = p.stale_s = p.idle_s = MAX;
    p.heard_least = 1;
    p.signal[0].target = 1;
    p.slot[1].from_min = 18 * HOUR; /* begins as the other one ends */
    CHECK(autoscaler_policy_check(&p, NULL) == ERR_OK, "all at their ends");
    p = autoscaler_policy_usual(3, 3);
    CHECK(autoscaler_policy_check(&p, NULL) == ERR_OK, "a number needs no signal");
    p = autoscaler_policy_usual(0, 3);
    p.signals = 1;
    p.signal[0] = (struct autoscaler_policy_signal){AUTOSCALER_POLICY_CUSTOM_ALL, "jobs", 5};
    CHECK(autoscaler_policy_check(&p, NULL) == ERR_OK, "zero, and something that is heard there");
}

static void schedules_hold_at_their_hours(void)
{
    static const struct {
        uint64_t wall_s;
        int32_t offset_s;
        uint32_t max;
        const char *why;
    } rows[] = {
        {MONDAY + 9 * 3600 - 1, 0, 10, "a second before nine"},
        {MONDAY + 9 * 3600, 0, 20, "nine"},
        {MONDAY + 18 * 3600 - 1, 0, 20, "a second before six"},
        {MONDAY + 18 * 3600, 0, 10, "six is excluded"},
        {SUNDAY + 12 * 3600, 0, 10, "not on Sunday"},
        {MONDAY + 8 * 3600, 3600, 20, "nine an hour to the east"},
        {MONDAY + 9 * 3600, -3600, 10, "eight an hour to the west"},
        {MONDAY + 4 * 86400 + 23 * 3600, 0, 5, "Friday's night begins"},
        {MONDAY + 5 * 86400 + 2 * 3600 - 1, 0, 5, "… and lasts into Saturday"},
        {MONDAY + 5 * 86400 + 2 * 3600, 0, 10, "… and ends"},
        {MONDAY + 5 * 86400 + 23 * 3600, 0, 10, "Saturday has none"},
        {MONDAY - 3600, 10 * 3600, 20, "Sunday evening in Greenwich is Monday morning elsewhere"},
        {2, -14 * 3600, 20, "before 1970: Wednesday"},
    };
    struct autoscaler_policy p = good();

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct autoscaler_policy_bounds b = autoscaler_policy_at(&p, rows[i].wall_s, rows[i].offset_s);
        CHECK(b.max == rows[i].max && (b.slot < 0) == (b.max == 10), "row %zu: %s: %u", i, rows[i].why, b.max);
    }
    p.slots = 1;
    p.slot[0] = (struct autoscaler_policy_slot){0x40, 12 * HOUR, 24 * HOUR, 1, 2};
    CHECK(autoscaler_policy_at(&p, SUNDAY + 86399, 0).max == 2 && autoscaler_policy_at(&p, SUNDAY + 86400, 0).max == 10, "to midnight");
}

int main(void)
{
    faults_are_named();
    edges_are_allowed();
    schedules_hold_at_their_hours();
    return CHECK_RESULT();
}
