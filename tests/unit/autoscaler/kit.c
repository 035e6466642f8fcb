#include "tests/unit/autoscaler/kit.h"

struct autoscaler_decide kit_d;
struct autoscaler_decide_seen kit_seen;
struct autoscaler_decision kit_last;
uint32_t kit_ages[KIT_AGES];

const char *kit_line(uint64_t back)
{
    static char text[AUTOSCALER_EXPLAIN_LINE_SIZE];
    const struct autoscaler_record *r = autoscaler_explain_back(&kit_d.explain, back);

    text[0] = '\0';
    if (r != NULL) {
        autoscaler_explain_line(r, text);
    }
    return text;
}

struct autoscaler_policy kit_quick(enum autoscaler_policy_kind kind, double target)
{
    struct autoscaler_policy p = autoscaler_policy_usual(1, 1000);

    p.up = (struct autoscaler_policy_side){0};
    p.down = (struct autoscaler_policy_side){.window_s = 10};
    p.signals = 1;
    p.signal[0] = (struct autoscaler_policy_signal){kind, "", target};
    if (kind == AUTOSCALER_POLICY_CUSTOM_ALL || kind == AUTOSCALER_POLICY_CUSTOM_EACH) {
        (void)snprintf(p.signal[0].name, sizeof p.signal[0].name, "jobs");
    }
    return p;
}

void kit_begin(const struct autoscaler_policy *p, uint32_t serving)
{
    REQUIRE(autoscaler_decide_init(&kit_d, p) == ERR_OK, "it begins");
    memset(&kit_seen, 0, sizeof kit_seen);
    kit_seen.passed_s = 1;
    kit_seen.wall_s = KIT_MONDAY;
    kit_seen.serving = serving;
    kit_seen.starting_for_s = kit_ages;
}

void kit_say(size_t i, double value)
{
    kit_seen.heard[i] = (struct autoscaler_heard){.value = value, .of = kit_seen.serving, .is_there = true};
}

uint32_t kit_step(void)
{
    kit_last = autoscaler_decide_step(&kit_d, &kit_seen);
    kit_seen.wall_s += kit_seen.passed_s;
    return kit_last.wanted;
}

uint32_t kit_steps(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        (void)kit_step();
    }
    return kit_last.wanted;
}
