/* Claims about decisions: what each signal says, what nobody believes, what holds a number back, and what a restart remembers. */
#include <math.h>
#include <string.h>

#include "tests/unit/autoscaler/kit.h"

enum { HOUR = 3600 };

/* Ten serve, and so much is read for 30 s by who does what is decided. */
static void signals_want(void)
{
    static const struct {
        enum autoscaler_policy_kind kind;
        double target, value;
        uint32_t of, wanted;
        const char *why;
    } rows[] = {
        {AUTOSCALER_POLICY_CPU_SHARE, .5, .75, 10, 15, "half too busy"},
        {AUTOSCALER_POLICY_CPU_SHARE, .5, .549, 10, 10, "within a tenth above"},
        {AUTOSCALER_POLICY_CPU_SHARE, .5, .56, 10, 12, "and past it"},
        {AUTOSCALER_POLICY_CPU_SHARE, .5, .451, 10, 10, "within a tenth below"},
        {AUTOSCALER_POLICY_CPU_SHARE, .5, .39, 10, 8, "and past it"},
        {AUTOSCALER_POLICY_CPU_SHARE, .5, .9, 7, 13, "three that were not heard count as idle when there are to be more"},
        {AUTOSCALER_POLICY_CPU_SHARE, .5, .25, 6, 7, "and as full when less"},
        {AUTOSCALER_POLICY_CPU_SHARE, .5, .25, 4, 10, "of less than half nothing is said"},
        {AUTOSCALER_POLICY_CPU_CORES, 2, 4, 10, 20, "in cores"},
        {AUTOSCALER_POLICY_MEMORY, .8, .4, 10, 5, "memory"},
        {AUTOSCALER_POLICY_QUEUE, 10, 12, 10, 12, "who waits"},
        {AUTOSCALER_POLICY_CUSTOM_EACH, 10, 15, 10, 15, "of each"},
        {AUTOSCALER_POLICY_CUSTOM_ALL, 10, 470, 0, 47, "of all, however much more that is"},
        {AUTOSCALER_POLICY_CUSTOM_ALL, 10, 31, 0, 4, "… or less"},
        {AUTOSCALER_POLICY_LATENCY, .25, .3, 10, 12, "a little too slow"},
        {AUTOSCALER_POLICY_LATENCY, .25, 60, 10, 20, "how slow does not say how many are missing"},
        {AUTOSCALER_POLICY_LATENCY, .25, .15, 10, 10, "fast enough"},
        {AUTOSCALER_POLICY_LATENCY, .25, .1, 10, 9, "very fast: a tenth may go"},
        {AUTOSCALER_POLICY_CPU_SHARE, .5, NAN, 10, 10, "no number"},
        {AUTOSCALER_POLICY_CPU_SHARE, .5, -1, 10, 10, "less than nothing"},
        {AUTOSCALER_POLICY_CUSTOM_ALL, 10, INFINITY, 0, 10, "no number"},
        {AUTOSCALER_POLICY_MEMORY, .8, 0, 10, 10, "whoever serves has memory"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct autoscaler_policy p = kit_quick(rows[i].kind, rows[i].target);
        kit_begin(&p, 10);
        kit_say(0, rows[i].value);
        kit_seen.heard[0].of = rows[i].of;
        if (rows[i].wanted < 10) {
            CHECK(kit_steps(9) == 10, "row %zu: it waits for a whole window", i);
        }
        CHECK(kit_steps(1) == rows[i].wanted, "row %zu: %s: %u", i, rows[i].why, kit_last.wanted);
    }
}

/* cpu and jobs; jobs want as many as there are unless said otherwise. */
static struct autoscaler_policy two(void)
{
    struct autoscaler_policy p = kit_quick(AUTOSCALER_POLICY_CPU_SHARE, .5);

    p.signals = 2;
    p.signal[1] = (struct autoscaler_policy_signal){AUTOSCALER_POLICY_CUSTOM_ALL, "jobs", 10};
    return p;
}

static void the_most_wins_and_what_is_unknown_holds(void)
{
    struct autoscaler_policy p = two();

    kit_begin(&p, 10);
    kit_say(0, .75);
    kit_say(1, 130);
    CHECK(kit_step() == 15, "15 by cpu, 13 by jobs: %u", kit_last.wanted);
    CHECK(strcmp(kit_line(0), "345600 10 -> 15: cpu 0.75 of the limit, target 0.5, wants 15") == 0, "%s", kit_line(0));
    kit_say(1, 180);
    CHECK(kit_step() == 18, "now jobs want more: %u", kit_last.wanted);
    CHECK(strcmp(kit_line(0), "345601 15 -> 18: custom jobs 180 in all, target 10, wants 18") == 0, "%s", kit_line(0));
}

static void what_is_not_known_holds(void)
{
    static const struct {
        const char *name;
        struct autoscaler_heard cpu;
    } rows[] = {
        {"not heard", {.25, 0, 10, false}},
        {"of nobody", {.25, 0, 0, true}},
        {"old", {.25, 31, 10, true}},
        {"of four of ten", {.25, 0, 4, true}},
        {"no number", {NAN, 0, 10, true}},
        {"old and much", {5, 31, 10, true}},
    };
    struct autoscaler_policy p = two();

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        kit_begin(&p, 10);
        kit_say(1, 20);
        kit_seen.heard[0] = rows[i].cpu;
        CHECK(kit_steps(100) == 10, "%s: it does not lower, though jobs want 2, nor raise: %u", rows[i].name, kit_last.wanted);
        SAYS("held: a signal is not believed; cpu ");
        kit_say(1, 200);
        CHECK(kit_step() == 20, "%s: nor is it in the way of who wants more: %u", rows[i].name, kit_last.wanted);
        kit_say(1, 20);
        kit_seen.serving = 20;
        CHECK(kit_steps(50) == 20, "%s: held", rows[i].name);
        kit_say(0, .05);
        CHECK(kit_steps(9) == 20, "%s: when it is heard, a window more: %u", rows[i].name, kit_last.wanted);
        CHECK(kit_steps(1) == 2, "%s: and it is over when it is heard: %u", rows[i].name, kit_last.wanted);
        kit_seen.heard[0].is_there = kit_seen.heard[1].is_there = false;
        CHECK(kit_steps(50) == 2, "nothing at all is known");
        SAYS("no signal is believed");
    }
}

static void a_sudden_zero_is_doubted(void)
{
    struct autoscaler_policy p = kit_quick(AUTOSCALER_POLICY_ARRIVALS, 10);

    p.signals = 2;
    p.signal[1] = (struct autoscaler_policy_signal){AUTOSCALER_POLICY_CPU_SHARE, "", .7};
    for (int busy = 0; busy < 3; busy++) {
        kit_begin(&p, 20);
        for (int i = 0; i < 400; i++) {
            kit_say(0, 100 + i % 7);
            kit_say(1, .5 + i % 5 * .01);
            kit_seen.serving = kit_step();
        }
        uint32_t before = kit_seen.serving;
        kit_say(0, 0);
        kit_say(1, busy == 2 ? .5 : .01);
        kit_seen.heard[1].is_there = busy > 0;
        for (uint32_t i = 0; i < AUTOSCALER_SIGNAL_DOUBT_S; i++) {
            kit_seen.heard[1].value += i % 2 == 0 ? .001 : -.001;
            (void)kit_step();
        }
        CHECK(busy == 1 ? kit_last.wanted < before : kit_last.wanted == before, "20 minutes, cpu %d: %u of %u", busy, kit_last.wanted, before);
        (void)kit_steps(4000);
        CHECK(busy == 2 ? kit_last.wanted == before : busy == 0 || kit_last.wanted == 1, "and later, cpu %d: %u", busy, kit_last.wanted);
    }
    p.signals = 1; /* nobody else to ask: in the end it is believed */
    kit_begin(&p, 20);
    for (int i = 0; i < 400; i++) {
        kit_say(0, 100 + i % 7);
        kit_seen.serving = kit_step();
    }
    kit_say(0, 0);
    CHECK(kit_steps(AUTOSCALER_SIGNAL_DOUBT_S) == kit_seen.serving, "doubted: %u", kit_last.wanted);
    SAYS("arrivals 0 requests/s, target 10: 0 of a sudden, from a busy service");
    CHECK(kit_steps(5000) == 1, "believed: %u", kit_last.wanted);
    kit_begin(&p, 20); /* three a second: no second without any is a surprise */
    for (int i = 0; i < 400; i++) {
        kit_say(0, 3 + i % 2);
        (void)kit_step();
    }
    kit_say(0, 0);
    CHECK(kit_steps(5000) == 1, "chance: %u", kit_last.wanted);
}

static void what_is_stuck_is_doubted(void)
{
    struct autoscaler_policy p = kit_quick(AUTOSCALER_POLICY_CUSTOM_ALL, 10);

    for (uint32_t every = 1; every <= 61; every += 20) { /* seconds between measurements */
        p.down.window_s = 20 * every;
        kit_begin(&p, 20);
        for (uint32_t i = 0; i < 43 * every; i++) {
            kit_say(0, 100 + i / every % 3 + 90 * (i < 40 * every));
            (void)kit_step();
        }
        uint32_t held = kit_steps(20 * every);
        CHECK(held == (every < 60 ? 20 : 11), "changed each %u s: %u; %s", every, held, kit_line(0));
        (void)kit_steps(2500);
        const struct autoscaler_record *r = autoscaler_explain_back(&kit_d.explain, 0);
        CHECK((r->trust == AUTOSCALER_SIGNAL_STUCK) == (every < 60), "changed each %u s: %s", every, kit_line(0));
        kit_say(0, 101.5);
        (void)kit_step();
        r = autoscaler_explain_back(&kit_d.explain, 0);
        CHECK(r->trust != AUTOSCALER_SIGNAL_STUCK, "it moves again: %s", kit_line(0));
    }
    p.down.window_s = 10;
    kit_begin(&p, 20); /* one that never changes is what it is */
    kit_say(0, 100);
    CHECK(kit_steps(3000) == 10, "constant: %u", kit_last.wanted);
    p = two(); /* and when nothing else moves either the service itself stands still */
    kit_begin(&p, 20);
    for (int i = 0; i < 300; i++) {
        kit_say(0, .4 + .01 * (i % 2));
        kit_say(1, 150 + i % 2);
        (void)kit_step();
    }
    kit_say(0, .2);
    kit_say(1, 80);
    CHECK(kit_steps(300) == 8, "both stand still: %u", kit_last.wanted);
}

static void growth_that_helps_nothing_is_bounded(void)
{
    struct autoscaler_policy p = kit_quick(AUTOSCALER_POLICY_LATENCY, .25);

    kit_begin(&p, 10);
    uint32_t at_minute = 0, at_hour; /* a database that is slow: no instance makes it faster */
    for (uint32_t i = 0; i < HOUR; i++) {
        kit_say(0, 2);
        kit_seen.serving = kit_step();
        at_minute = i == 60 ? kit_last.wanted : at_minute;
    }
    at_hour = kit_last.wanted;
    CHECK(at_minute == 20, "twice as many, and no more: %u", at_minute);
    CHECK(at_hour <= 33, "an eighth more after each pause: %u", at_hour);
    SAYS("p99 latency 2 s, target 0.25");
    SAYS(": no lower though there are more instances");
    kit_begin(&p, 10); /* work that instances share is followed all the way, as fast as they show that they help */
    for (uint32_t i = 0; i < 120; i++) {
        kit_say(0, 20. / kit_seen.serving);
        kit_seen.serving = kit_step();
    }
    CHECK(kit_last.wanted >= 73 && kit_last.wanted <= 100, "to a latency of %g: %u", .25, kit_last.wanted);
    p = kit_quick(AUTOSCALER_POLICY_CPU_SHARE, .5); /* a processor that is busy to its end cannot fall */
    kit_begin(&p, 10);
    for (uint32_t i = 0; i < 60; i++) {
        kit_say(0, 1);
        kit_seen.serving = kit_step();
    }
    CHECK(kit_last.wanted == 1000, "to max: %u", kit_last.wanted);
}

static void those_that_never_get_ready_do_not_count(void)
{
    struct autoscaler_policy p = kit_quick(AUTOSCALER_POLICY_CPU_SHARE, .5);

    kit_begin(&p, 10);
    kit_say(0, .9);
    CHECK(kit_step() == 18 && kit_last.start == 8 && kit_last.drain == 0, "eight more");
    kit_seen.starting = 8;
    for (uint32_t s = 1; s <= 120; s++) {
        for (uint32_t i = 0; i < 8; i++) {
            kit_ages[i] = s;
        }
        CHECK(kit_step() == 18 && kit_last.start == 0 && kit_last.replaced == 0, "they start, %u s", s);
    }
    kit_ages[0] = kit_ages[1] = 121;
    kit_say(0, .99);
    (void)kit_step();
    CHECK(kit_last.wanted == 20 && kit_last.replaced == 2 && kit_last.start == 4, "two late: others for them, and growth goes on: %u %u %u",
          kit_last.wanted, kit_last.replaced, kit_last.start);
    SAYS("2 not ready in time");
    (void)kit_step();
    CHECK(kit_last.wanted == 20 && kit_last.replaced == 2 && kit_last.start == 4, "until they are gone: %u", kit_last.replaced);
    kit_ages[0] = kit_ages[1] = 1;
    (void)kit_step();
    kit_ages[0] = kit_ages[1] = 121;
    (void)kit_step();
    CHECK(kit_last.replaced == 0, "those after them have longer");
    kit_ages[0] = 241;
    (void)kit_step();
    CHECK(kit_last.replaced == 1, "but not for ever");
    kit_seen.serving = 16;
    kit_seen.starting = 4;
    kit_ages[0] = 121;
    (void)kit_step();
    CHECK(kit_last.replaced == 2, "one got ready: as at first");
    kit_seen.failed = 3;
    kit_seen.starting = 0;
    (void)kit_step();
    CHECK(kit_last.replaced == 3 && kit_last.start == kit_last.wanted - 16, "those that failed are started elsewhere: %u", kit_last.start);
}

int main(void)
{
    signals_want();
    the_most_wins_and_what_is_unknown_holds();
    what_is_not_known_holds();
    a_sudden_zero_is_doubted();
    what_is_stuck_is_doubted();
    growth_that_helps_nothing_is_bounded();
    those_that_never_get_ready_do_not_count();
    return CHECK_RESULT();
}
