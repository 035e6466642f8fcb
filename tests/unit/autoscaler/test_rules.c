/* Claims about rules: what is there suffices, what is asked for has a reason, and no number that comes in makes anything else of it. */
#include "autoscaler/rules.h"

#include <float.h>
#include <math.h>

#include "tests/support/check.h"

static struct autoscaler_rules rules; /* 90 KB */

static struct autoscaler_rules_config usual(uint32_t start_s)
{
    return autoscaler_rules_usual(10, .25, start_s);
}

static void begin(const struct autoscaler_rules_config *config, uint32_t instances)
{
    REQUIRE(autoscaler_rules_init(&rules, config, instances) == ERR_OK, "it begins");
}

/* What is asked for after `seconds` of so much a second, by a service that has what was asked for at once. */
static uint32_t after(uint32_t seconds, double arrivals, uint32_t serving)
{
    for (uint32_t i = 0; i < seconds; i++) {
        serving = autoscaler_rules_step(&rules, &(struct autoscaler_rules_seen){.arrivals = arrivals, .serving = serving});
    }
    return serving;
}

static void configs_are_checked(void)
{
    static const struct {
        const char *what;
        struct autoscaler_rules_config c;
    } bad[] = {
        {"no rate", {0, 1, 1, 1, 1, 1}},
        {"a rate that is none", {NAN, 1, 1, 1, 1, 1}},
        {"any rate", {INFINITY, 1, 1, 1, 1, 1}},
        {"nobody may wait", {1, 0, 1, 1, 1, 1}},
        {"a wait that is none", {1, NAN, 1, 1, 1, 1}},
        {"at once", {1, 1, 0, 1, 1, 1}},
        {"later than is remembered", {1, 1, AUTOSCALER_RULES_START_MAX_S + 1, 1, 1, 1}},
        {"bad service is good", {1, 1, 1, -1, 1, 1}},
        {"changes are good", {1, 1, 1, 1, -1, 1}},
        {"for ever", {1, 1, 1, INFINITY, 1, 1}},
        {"nothing is remembered", {1, 1, 1, 1, 1, 0}},
    };
    struct autoscaler_rules_config c = usual(1);

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        CHECK(autoscaler_rules_init(&rules, &bad[i].c, 1) == ERR_INVALID, "%s", bad[i].what);
    }
    CHECK(autoscaler_rules_init(&rules, &c, AUTOSCALER_RULES_INSTANCES_MAX + 1) == ERR_INVALID, "more than there may be");
    CHECK(autoscaler_rules_init(&rules, &c, 0) == ERR_OK, "none yet");
    CHECK(autoscaler_rules_step(&rules, &(struct autoscaler_rules_seen){0}) >= 1, "one at least");
}

/* The share of seconds in which more comes than is served in it and wait_s more, by the Poisson distribution itself. */
static double tail(double mean, double most)
{
    double p = exp(-mean), sum = p;

    for (double k = 1; k <= most; k++) {
        p *= mean / k;
        sum += p;
    }
    return 1 - sum;
}

static void staff_suffices(void)
{
    static const double load[] = {.1, .5, 1, 2, 4, 8, 16, 30, 60};
    struct autoscaler_rules_config c = usual(1);
    uint32_t before = 0;

    for (size_t i = 0; i < ARRAY_LEN(load); i++) {
        uint32_t n = autoscaler_rules_staff(&c, load[i]);
        CHECK(tail(load[i] * c.rate, n * c.rate * (1 + c.wait_s)) < 2e-4, "%g: %u", load[i], n);
        CHECK(n >= load[i] && n >= before, "%g: %u", load[i], n);
        CHECK(n <= 1.05 * load[i] + 1.1 * sqrt(load[i]) + 1.2, "and is no more than that takes: %g: %u", load[i], n);
        before = n;
    }
    CHECK(autoscaler_rules_staff(&c, 0) == 1 && autoscaler_rules_staff(&c, DBL_MAX) == AUTOSCALER_RULES_INSTANCES_MAX, "at its ends");
}

/* A reason says all that the number follows from. */
static void numbers_have_reasons(void)
{
    struct autoscaler_rules_config c = usual(30);
    uint32_t before = 5;

    begin(&c, before);
    for (uint32_t i = 0; i < 5000; i++) {
        struct autoscaler_rules_seen seen = {.arrivals = 40 + 30 * sin(i / 50.), .queued = i % 700 < 20 ? 80 : 0, .serving = 6};
        uint32_t n = autoscaler_rules_step(&rules, &seen);
        const struct autoscaler_rules_reason *why = &rules.reason;
        CHECK(n == autoscaler_rules_staff(&c, why->most * (1 + why->margin)) + why->queue + why->held, "second %u", i);
        CHECK(why->held == 0 || (n == before && why->held <= sqrt(n)), "second %u: %u held of %u", i, why->held, n);
        CHECK(n >= before || n < before - .5 * sqrt(before), "second %u: from %u to %u, which chance may undo", i, before, n);
        before = n;
        CHECK((why->queue > 0) == (seen.queued > 0) && why->most >= why->load, "second %u", i);
    }
}

static void a_step_is_followed(void)
{
    for (uint32_t start_s = 1; start_s <= 120; start_s += 17) {
        struct autoscaler_rules_config c = usual(start_s);
        begin(&c, 12);
        (void)after(3600, 100, 12);
        CHECK(after(1, 1000, 12) > 30 && after(13, 1000, 12) >= 100, "ten times as much, start %u", start_s);
    }
}

static void what_is_not_needed_goes(void)
{
    struct autoscaler_rules_config c = usual(1);

    begin(&c, 100);
    CHECK(after(4 * 3600, 100, 100) <= 16, "the work of ten: %u", after(1, 100, 16));
    CHECK(after(2 * 3600, 0, 16) == 1, "nothing comes: %u", after(1, 0, 1));
}

/* A wave of ten minutes' height each half hour: after some of them its height is held, or foreseen, and instances that take a minute
 * to start are there. */
static void waves_are_learned(void)
{
    struct autoscaler_rules_config c = usual(60);
    uint32_t short_of[2] = {0, 0};

    begin(&c, 20);
    for (uint32_t i = 0; i < 24 * 1800; i++) {
        double arrivals = i % 1800 < 600 ? 600 : 100;
        uint16_t least = UINT16_MAX; /* what serves: asked for a minute ago and ever since */
        static uint16_t asked[60];
        for (uint32_t k = 0; k < 60; k++) {
            least = asked[k] < least ? asked[k] : least;
        }
        asked[i % 60] = (uint16_t)autoscaler_rules_step(&rules, &(struct autoscaler_rules_seen){.arrivals = arrivals, .serving = least});
        short_of[i >= 12 * 1800] += least * c.rate < arrivals;
    }
    CHECK(short_of[0] > 60, "the first ones surprise it: %u", short_of[0]);
    CHECK(short_of[1] == 0, "the last ones do not: %u", short_of[1]);
}

/* Half a day in which the work is nearly twice as much for two minutes, every two hours: more than any window remembers, so there is
 * headroom for it. Then it is calm: what that was worth is not for ever. Of what happened an eighth as long ago as usually a third
 * counts, for the test's sake. */
static void what_is_over_is_forgotten(void)
{
    struct autoscaler_rules_config c = usual(60);
    uint32_t n = 20;

    c.memory_s /= 8;
    begin(&c, n);
    for (uint32_t i = 0; i < 12 * 3600; i++) {
        n = after(1, i % 7200 < 120 ? 170 : 100, n);
    }
    CHECK(n >= 17, "there is headroom: %u", n);
    CHECK(after(5 * 3600, 100, n) <= 15, "and none is left: %u", after(1, 100, 15));
}

/* Of an hour's window the most leaves it, and the next most is it from then on: not what comes in that second, at whose place in the
 * memory it was. */
static void the_second_most_follows(void)
{
    struct autoscaler_rules_config c = usual(1);
    uint32_t w = AUTOSCALER_RULES_WINDOWS - 1, n = 20, wrong = 0;

    begin(&c, n);
    for (uint32_t i = 0; i < 2 * AUTOSCALER_RULES_BACK_S; i++) {
        n = after(1, i == 100 ? 400 : i == 2000 ? 300 : 100, n);
        double most = (double)rules.past[rules.most[w] % AUTOSCALER_RULES_BACK_S], least = i < 100 + AUTOSCALER_RULES_BACK_S ? 18.9 : 15.9;
        wrong += i >= 100 && i < 2000 + AUTOSCALER_RULES_BACK_S && most < least;
        wrong += i > 2020 + AUTOSCALER_RULES_BACK_S && most > 10.1; /* smoothed, it is over some seconds later */
    }
    CHECK(wrong == 0, "%u seconds", wrong);
}

/* Of what a rule asked for in the last start_s seconds the least serves: found again by looking at all of them. */
static void the_least_of_a_start_serves(void)
{
    static const uint32_t start_s[] = {1, 2, 30, 120};
    uint32_t wrong = 0, less = 0;

    for (size_t i = 0; i < ARRAY_LEN(start_s); i++) {
        struct autoscaler_rules_config c = usual(start_s[i]);
        begin(&c, 20);
        for (uint32_t k = 0; k < 1500; k++) {
            (void)after(1, k % 400 < 100 + k / 8 ? 100 + (k * 37) % 50 : 300 - k / 10, 20);
            for (uint32_t rule = 0; rule < AUTOSCALER_RULES; rule += 7) {
                uint32_t now = rules.now_s - 1 + AUTOSCALER_RULES_START_MAX_S;
                uint16_t least = UINT16_MAX, last = rules.asked[rule][(now - 1) % AUTOSCALER_RULES_START_MAX_S];
                for (uint32_t back = 1; back <= start_s[i]; back++) {
                    uint16_t then = rules.asked[rule][(now - back) % AUTOSCALER_RULES_START_MAX_S];
                    least = then < least ? then : least;
                }
                wrong += rules.asked[rule][rules.least[rule] % AUTOSCALER_RULES_START_MAX_S] != least;
                less += least < last;
            }
        }
    }
    CHECK(wrong == 0 && less > 1000, "%u wrong, of %u that differ from the last", wrong, less);
}

static void nonsense_is_nothing(void)
{
    static const double odd[] = {NAN, INFINITY, -INFINITY, -1, -DBL_MAX, DBL_MIN, 0, 1e300, DBL_MAX};
    struct autoscaler_rules_config c = usual(5);

    begin(&c, 20);
    uint32_t usually = after(3600, 100, 20);
    for (size_t i = 0; i < 5; i++) {
        CHECK(after(1, odd[i], usually) <= usually, "what is no number is no work: %zu", i);
        usually = after(60, 100, usually);
    }
    begin(&c, 3);
    for (uint32_t i = 0; i < 9 * 9 * 50; i++) {
        struct autoscaler_rules_seen seen = {.arrivals = odd[i % 9], .queued = odd[i / 9 % 9], .serving = i % 7 == 0 ? UINT32_MAX : i};
        uint32_t n = autoscaler_rules_step(&rules, &seen);
        CHECK(n >= 1 && n <= AUTOSCALER_RULES_INSTANCES_MAX, "second %u", i);
    }
    for (uint32_t i = 0; i < AUTOSCALER_RULES; i++) {
        CHECK(isfinite(rules.life[i].cost) && isfinite(rules.life[i].queued), "rule %u", i);
    }
    CHECK(after(3 * 3600, 100, 10) <= 20, "and it is over when they are over: %u", after(1, 100, 10));
}

int main(void)
{
    configs_are_checked();
    staff_suffices();
    numbers_have_reasons();
    a_step_is_followed();
    what_is_not_needed_goes();
    waves_are_learned();
    what_is_over_is_forgotten();
    the_second_most_follows();
    the_least_of_a_start_serves();
    nonsense_is_nothing();
    return CHECK_RESULT();
}
