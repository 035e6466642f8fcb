/* Back-off and giving up: a table of edges, a scripted crasher, and drawn traces against a naive
 * model that keeps every crash and counts. `test_node_backoff TRACES [SEED]` runs more of them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nucleus/node_backoff.h"
#include "tests/unit/nucleus/node_kit.h"

enum { TRACES = 1000 * 1000, TRACE_CRASHES = 40 };

/* ---- the model -------------------------------------------------------------------------------------- */

struct model {
    uint64_t crash_ms[TRACE_CRASHES];
    uint32_t count; /* all of them, since the last reset by a person */
    uint32_t row;   /* in a row */
};

/* The wait without jitter, by walking the row from its beginning; -1: give up. */
static int64_t model_crash(struct model *m, const struct node_backoff *p, uint64_t now_ms,
                           uint64_t ran_ms, bool was_ready)
{
    if (was_ready && ran_ms >= p->stable_ms) {
        m->row = 0;
    }
    m->row++;
    m->crash_ms[m->count++] = now_ms;
    uint32_t recent = 0;
    for (uint32_t i = 0; i < m->count; i++) {
        recent += now_ms - m->crash_ms[i] <= p->give_up_ms;
    }
    if (p->give_up_count > 0 && recent >= p->give_up_count) {
        return -1;
    }
    double wait = p->first_ms;
    for (uint32_t i = 2; i <= m->row; i++) {
        wait = wait == 0 ? 100 : wait * 2;
        wait = wait > p->max_ms ? p->max_ms : wait;
    }
    return (int64_t)(wait > p->max_ms ? p->max_ms : wait);
}

static struct node_backoff draw_policy(struct rng *rng)
{
    return (struct node_backoff){
        .first_ms = rng_below(rng, 3) == 0 ? 0 : (uint32_t)rng_below(rng, 5000),
        .max_ms = (uint32_t)(1 + rng_below(rng, rng_below(rng, 2) ? 20000 : 200)),
        .give_up_count = (uint32_t)rng_below(rng, NODE_CRASHES_MAX + 1),
        .give_up_ms = rng_below(rng, 100000),
        .stable_ms = rng_below(rng, 20000),
    };
}

/* One trace: crashes at drawn times until it gives up. Returns whether the two agree. */
static bool trace(uint64_t seed)
{
    struct rng rng, jitter;
    struct model m = {0};
    struct node_instance i = {0};
    uint64_t now_ms = 1 + rng_below((rng_init(&rng, seed), &rng), 1000000);
    struct node_backoff p = draw_policy(&rng);

    rng_init(&jitter, seed + 1);
    for (int k = 0; k < TRACE_CRASHES; k++) {
        bool was_ready = rng_below(&rng, 2) == 0;
        uint64_t ran_ms = rng_below(&rng, rng_below(&rng, 4) ? 3000 : 40000);
        now_ms += ran_ms;
        i.ready_at_ms = was_ready ? now_ms - ran_ms : 0;
        uint32_t wait_ms = UINT32_MAX;
        int64_t plain = model_crash(&m, &p, now_ms, ran_ms, was_ready && i.ready_at_ms != 0);
        bool goes_on = node_backoff_crash(&p, &i, now_ms, &jitter, &wait_ms);
        if (goes_on != (plain >= 0)) {
            return false;
        }
        if (!goes_on) {
            return true;
        }
        int64_t spread = plain / 10;
        if (wait_ms > p.max_ms || (int64_t)wait_ms < plain - spread || (int64_t)wait_ms > plain + spread) {
            return false;
        }
        now_ms += wait_ms;
    }
    return true;
}

static int traces(uint64_t count, uint64_t seed)
{
    for (uint64_t t = 0; t < count; t++) {
        if (!trace(seed + t)) {
            fprintf(stderr, "trace %" PRIu64 " differs from the model\n", seed + t);
            return 1;
        }
    }
    printf("%" PRIu64 " traces from seed %" PRIu64 " agree with the model\n", count, seed);
    return 0;
}

/* ---- edges ------------------------------------------------------------------------------------------ */

static void waits_double_from_first_to_max(struct kit *k)
{
    static const struct {
        uint32_t first, max;
        uint32_t wait[7];
        const char *why;
    } rows[] = {
        {0, 10000, {0, 100, 200, 400, 800, 1600, 3200}, "0 is at once, then from 100"},
        {100, 10000, {100, 200, 400, 800, 1600, 3200, 6400}, "doubling"},
        {300, 1000, {300, 600, 1000, 1000, 1000, 1000, 1000}, "capped"},
        {5000, 1000, {1000, 1000, 1000, 1000, 1000, 1000, 1000}, "a first above the cap"},
        {0, 50, {0, 50, 50, 50, 50, 50, 50}, "a cap below 100"},
        {1, 3, {1, 2, 3, 3, 3, 3, 3}, "tiny: no room for jitter"},
    };
    struct rng rng;

    rng_init(&rng, 3);
    for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
        struct node_backoff p = {.first_ms = rows[r].first, .max_ms = rows[r].max};
        struct node_instance i = {0};
        for (size_t n = 0; n < ARRAY_LEN(rows[r].wait); n++) {
            uint32_t wait, plain = rows[r].wait[n];
            bool goes_on = node_backoff_crash(&p, &i, 1000, &rng, &wait);
            CLAIM(k, goes_on && wait >= plain - plain / 10 && wait <= plain + plain / 10 &&
                         wait <= rows[r].max, rows[r].why);
        }
    }
}

static void a_very_long_row_stays_at_the_cap(struct kit *k)
{
    struct node_backoff p = {.first_ms = 1, .max_ms = 3600 * 1000};
    struct node_instance i = {.fails = UINT32_MAX - 1};
    struct rng rng;
    uint32_t wait = 0;

    rng_init(&rng, 1);
    CLAIM(k, node_backoff_crash(&p, &i, 5, &rng, &wait) && wait >= 3240 * 1000, "no overflow");
    CLAIM(k, node_backoff_crash(&p, &i, 5, &rng, &wait) && i.fails == UINT32_MAX, "the count saturates");
}

static void a_stable_run_resets_one_millisecond_less_does_not(struct kit *k)
{
    struct node_backoff p = {.first_ms = 100, .max_ms = 10000, .stable_ms = 5000};
    struct rng rng;
    uint32_t wait;

    rng_init(&rng, 1);
    for (uint64_t ran_ms = 4999; ran_ms <= 5000; ran_ms++) {
        struct node_instance i = {.fails = 4, .ready_at_ms = 1000};
        CLAIM(k, node_backoff_crash(&p, &i, 1000 + ran_ms, &rng, &wait), "goes on");
        CLAIM(k, i.fails == (ran_ms < 5000 ? 5 : 1), "exactly stable_ms is stable");
    }
    struct node_instance never = {.fails = 4};
    CLAIM(k, node_backoff_crash(&p, &never, 1000000, &rng, &wait), "goes on");
    CLAIM(k, never.fails == 5, "who was never ready never ran");
}

static void five_in_sixty_seconds_give_up_one_millisecond_more_do_not(struct kit *k)
{
    struct node_backoff p = {.max_ms = 10, .give_up_count = 5, .give_up_ms = 60000};
    struct rng rng;
    uint32_t wait;

    rng_init(&rng, 1);
    for (uint64_t last_ms = 61000; last_ms <= 61001; last_ms++) {
        struct node_instance i = {0};
        bool goes_on = true;
        for (uint64_t at_ms = 1000; at_ms <= 4000; at_ms += 1000) {
            goes_on = node_backoff_crash(&p, &i, at_ms, &rng, &wait);
            CLAIM(k, goes_on, "four are fine");
        }
        goes_on = node_backoff_crash(&p, &i, last_ms, &rng, &wait);
        CLAIM(k, goes_on == (last_ms > 61000), "the fifth within 60 s, ends included");
    }
}

static void the_largest_count_is_kept(struct kit *k)
{
    struct node_backoff p = {.max_ms = 1, .give_up_count = NODE_CRASHES_MAX, .give_up_ms = 1000000};
    struct node_instance i = {0};
    struct rng rng;
    uint32_t wait, crashes = 1;

    rng_init(&rng, 1);
    while (node_backoff_crash(&p, &i, 1000 * crashes, &rng, &wait)) {
        crashes++;
    }
    CLAIM(k, crashes == NODE_CRASHES_MAX, "the ring is as long as the largest count");
}

static void jitter_spreads_over_ten_percent_both_ways(struct kit *k)
{
    struct node_backoff p = {.first_ms = 1000, .max_ms = 10000};
    uint32_t low = UINT32_MAX, high = 0;
    struct rng rng;

    rng_init(&rng, 11);
    for (int n = 0; n < 10000; n++) {
        struct node_instance i = {0};
        uint32_t wait = 0;
        CLAIM(k, node_backoff_crash(&p, &i, 1, &rng, &wait), "goes on");
        low = wait < low ? wait : low;
        high = wait > high ? wait : high;
    }
    CLAIM(k, low == 900 && high == 1100, "from 900 to 1100, both reached");
}

/* ---- in the machine ------------------------------------------------------------------------------------ */

static void a_scripted_crasher_shows_the_intervals(struct kit *k)
{
    static const uint32_t plain[] = {0, 100, 200, 400};
    uint64_t at_ms = 0;

    kit_cell(k, "a", 1, ""); /* product defaults: 5 in 60 s, from 0 to 10 s */
    kit_apply(k);
    for (size_t n = 0; n < ARRAY_LEN(plain); n++) {
        kit_tell(k, NODE_EV_SPAWNED, "a.0");
        at_ms = k->now_ms;
        kit_exit(k, "a.0", 3, 0);
        while (!kit_at(k, "a.0")->is_spawning) {
            CLAIM(k, strcmp(kit_state(k, "a.0"), "failed") == 0, "visible while it backs off");
            kit_clock(k, node_next_ms(k->node));
        }
        uint64_t waited = k->now_ms - at_ms;
        CLAIM(k, waited >= plain[n] - plain[n] / 10 && waited <= plain[n] + plain[n] / 10, "interval");
        CLAIM(k, kit_at(k, "a.0")->restarts == n + 1, "counted");
    }
    kit_tell(k, NODE_EV_SPAWNED, "a.0");
    kit_exit(k, "a.0", 3, 0);
    CLAIM(k, strcmp(k->said, "CHANGED a.0 crash-loop") == 0, "the fifth gives up, visibly");
    CLAIM(k, strcmp(kit_at(k, "a.0")->reason,
                    "5 crashes in 1m, last: exit status 3 before it was ready") == 0, "with the reason");
    kit_run(k, k->now_ms + 24 * 3600 * 1000);
    CLAIM(k, kit_has(k, ""), "and stays so for a day");
    kit_order(k, NODE_EV_START, "a", -1, 0);
    CLAIM(k, kit_has(k, "SPAWN a.0") && kit_at(k, "a.0")->crash_count == 0, "a person resets it");
}

static void a_stable_run_resets_in_the_machine(struct kit *k)
{
    kit_cell(k, "a", 1, "")->restart.give_up_ms = 1000;
    kit_apply(k);
    for (int n = 0; n < 2; n++) {
        kit_tell(k, NODE_EV_SPAWNED, "a.0");
        kit_exit(k, "a.0", 1, 0);
        while (!kit_at(k, "a.0")->is_spawning) {
            kit_clock(k, node_next_ms(k->node));
        }
    }
    CLAIM(k, kit_at(k, "a.0")->fails == 2, "two in a row");
    kit_up(k, "a.0");
    for (int second = 0; second < 10; second++) {
        kit_run(k, k->now_ms + 1000);
        kit_tell(k, NODE_EV_BEAT, "a.0");
    }
    kit_exit(k, "a.0", 1, 0);
    CLAIM(k, kit_at(k, "a.0")->fails == 1 && kit_has(k, "SPAWN a.0"), "at once again, as the first time");
}

static void an_exit_status_may_say_that_there_is_no_use(struct kit *k)
{
    static const struct {
        int code, signal;
        bool was_ready, is_trivial;
        const char *state, *why;
    } rows[] = {
        {NODE_EXIT_USAGE, 0, false, false, "crash-loop", "wrong usage stays wrong"},
        {NODE_EXIT_CONFIG, 0, false, false, "crash-loop", "so does a wrong configuration"},
        {NODE_EXIT_USAGE - 1, 0, false, false, "failed", "one below"},
        {NODE_EXIT_CONFIG + 1, 0, false, false, "failed", "one above"},
        {0, 0, false, false, "failed", "an end that nobody asked for is a crash, whatever it says"},
        {1, 0, false, false, "failed", "any other"},
        {-1, 0, false, false, "failed", "nobody knows: tried again"},
        {-1, 9, false, false, "failed", "killed from outside"},
        {NODE_EXIT_CONFIG, 0, true, false, "failed", "it has served with this configuration"},
        {NODE_EXIT_CONFIG, 0, false, true, "crash-loop", "who does not speak never said that it served"},
    };

    (void)k;
    for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
        struct kit own;
        kit_init(&own);
        struct manifest_cell *c = kit_cell(&own, "a", 1, "");
        c->trivial = rows[r].is_trivial;
        c->restart.first_ms = 1000;
        kit_apply(&own);
        if (rows[r].was_ready) {
            kit_up(&own, "a.0");
        } else {
            kit_tell(&own, NODE_EV_SPAWNED, "a.0");
        }
        kit_exit(&own, "a.0", rows[r].code, rows[r].signal);
        CLAIM(&own, strcmp(kit_state(&own, "a.0"), rows[r].state) == 0, rows[r].why);
        k->failed |= own.failed;
        kit_fini(&own);
    }
}

static void who_is_of_no_use_takes_nobody_along_and_is_tried_by_a_person(struct kit *k)
{
    kit_cell(k, "a", 2, "")->restart.strategy = MANIFEST_ONE_FOR_ALL;
    kit_apply(k);
    kit_up(k, "a.0");
    kit_tell(k, NODE_EV_SPAWNED, "a.1");
    kit_exit(k, "a.1", NODE_EXIT_CONFIG, 0);
    CLAIM(k, strcmp(k->said, "CHANGED a.1 crash-loop") == 0, "its sibling goes on");
    CLAIM(k, strcmp(kit_at(k, "a.1")->reason, "not tried again: exit status 78 (wrong configuration) "
                                              "before it was ready") == 0, "and it is said why");
    kit_order(k, NODE_EV_START, "a", 1, 0);
    CLAIM(k, kit_has(k, "SPAWN a.1"), "a person has mended it");
    kit_tell(k, NODE_EV_SPAWNED, "a.1");
    kit_exit(k, "a.1", NODE_EXIT_CONFIG, 0);
    kit_apply(k);
    CLAIM(k, kit_has(k, "SPAWN a.1"), "or applies again");
}

int main(int argc, char **argv)
{
    static const struct kit_test tests[] = {
        KIT_TEST(waits_double_from_first_to_max),
        KIT_TEST(a_very_long_row_stays_at_the_cap),
        KIT_TEST(a_stable_run_resets_one_millisecond_less_does_not),
        KIT_TEST(five_in_sixty_seconds_give_up_one_millisecond_more_do_not),
        KIT_TEST(the_largest_count_is_kept),
        KIT_TEST(jitter_spreads_over_ten_percent_both_ways),
        KIT_TEST(a_scripted_crasher_shows_the_intervals),
        KIT_TEST(a_stable_run_resets_in_the_machine),
        KIT_TEST(an_exit_status_may_say_that_there_is_no_use),
        KIT_TEST(who_is_of_no_use_takes_nobody_along_and_is_tried_by_a_person),
    };
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : TRACES;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;

    return kit_main(tests, ARRAY_LEN(tests)) | traces(count, seed);
}
