/* Heartbeats: who is healthy, unhealthy, dead; and who is spared. Period 1 s, dead after 3, if not
 * said otherwise; times are after the last beat. */
#include <stdio.h>
#include <string.h>

#include "nucleus/node_health.h"
#include "tests/unit/nucleus/node_kit.h"

static uint64_t ready(struct kit *k)
{
    kit_cell(k, "a", 1, "")->restart.first_ms = 60000;
    kit_entry(k, "a")->restart.max_ms = 60000;
    kit_apply(k);
    kit_up(k, "a.0");
    return k->now_ms;
}

static void look_at(struct kit *k, uint64_t at_ms)
{
    kit_clock(k, at_ms);
    CLAIM(k, kit_has(k, "SAMPLE a.0"), "it is looked at");
}

static void nobody_is_looked_at_who_beats(struct kit *k)
{
    ready(k);
    for (int i = 0; i < 100; i++) {
        kit_run(k, k->now_ms + 1000);
        CLAIM(k, kit_has(k, ""), "a beat in time costs nothing");
        kit_tell(k, NODE_EV_BEAT, "a.0");
        CLAIM(k, kit_has(k, ""), "and says nothing");
    }
}

static void the_first_look_comes_half_a_period_after_the_beat_was_due(struct kit *k)
{
    uint64_t t = ready(k);
    kit_clock(k, t + 1499);
    CLAIM(k, kit_has(k, ""), "one before: nothing");
    look_at(k, t + 1500);
    kit_clock(k, t + 1999);
    CLAIM(k, kit_has(k, ""), "half a period in between");
    look_at(k, t + 2000);
}

static void a_sleeping_hang_is_found_in_two_periods_and_ended_after_three(struct kit *k)
{
    uint64_t t = ready(k);
    look_at(k, t + 1500);
    kit_sample(k, "a.0", 10, 0, false);
    CLAIM(k, kit_has(k, ""), "one look has no past to compare with");
    look_at(k, t + 2000);
    kit_sample(k, "a.0", 10, 0, false);
    CLAIM(k, strcmp(k->said, "UNPUBLISH a.0, CHANGED a.0 ready") == 0, "unhealthy: no new calls");
    CLAIM(k, !kit_at(k, "a.0")->is_healthy, "and shown");
    CLAIM(k, strcmp(kit_at(k, "a.0")->reason, "unhealthy: no heartbeat for 2s") == 0, "with a reason");
    look_at(k, t + 2500);
    kit_sample(k, "a.0", 10, 0, false);
    CLAIM(k, kit_has(k, ""), "told once");
    look_at(k, t + 3000);
    kit_sample(k, "a.0", 10, 0, false);
    CLAIM(k, kit_has(k, "KILL a.0"), "ended at dead_after periods");
    kit_exit(k, "a.0", -1, 9);
    CLAIM(k, strcmp(kit_state(k, "a.0"), "failed") == 0, "and restarted as after any crash");
    CLAIM(k, strcmp(kit_at(k, "a.0")->reason, "unhealthy: no heartbeat for 3s") == 0,
          "for the hang, not for our SIGKILL");
}

static void a_beat_makes_healthy_again(struct kit *k)
{
    uint64_t t = ready(k);
    look_at(k, t + 1500);
    kit_sample(k, "a.0", 10, 0, false);
    look_at(k, t + 2000);
    kit_sample(k, "a.0", 10, 0, false);
    kit_tell(k, NODE_EV_BEAT, "a.0");
    CLAIM(k, strcmp(k->said, "PUBLISH a.0, CHANGED a.0 ready") == 0, "calls may come again");
    CLAIM(k, kit_at(k, "a.0")->is_healthy && kit_at(k, "a.0")->reason[0] == '\0', "forgiven");
}

static void the_starved_are_spared_as_long_as_patience_lasts(struct kit *k)
{
    uint64_t t = ready(k), delay_ms = 0;
    look_at(k, t + 1500);
    kit_sample(k, "a.0", 10, 0, false);
    /* Excused are 30 periods after the first look; the age at it is 1.5, so six periods, which is
     * dead_after twice, are reached at 30 + 6 periods. */
    for (uint64_t at_ms = 2000; at_ms < 36000; at_ms += 500) {
        look_at(k, t + at_ms);
        delay_ms += 480;
        kit_sample(k, "a.0", 10, delay_ms, false);
        CLAIM(k, !kit_has(k, "KILL a.0"), "runnable without CPU is no hang");
        CLAIM(k, kit_at(k, "a.0")->is_healthy == (at_ms < 33000), "unhealthy past all patience");
    }
    look_at(k, t + 36000);
    kit_sample(k, "a.0", 10, delay_ms + 480, false);
    CLAIM(k, kit_has(k, "KILL a.0"), "patience has an end");
}

static void partly_starved_counts_in_part(struct kit *k)
{
    uint64_t t = ready(k), seen_ms = t + 1500, delay_us = 0;
    look_at(k, seen_ms);
    kit_sample(k, "a.0", 0, 0, false);
    while (!kit_has(k, "KILL a.0") && k->now_ms < t + 10000) {
        look_at(k, node_next_ms(k->node));
        delay_us += (k->now_ms - seen_ms) * 400; /* 40 %: the rest it slept */
        seen_ms = k->now_ms;
        kit_feed(k, (struct node_event){.kind = NODE_EV_SAMPLE, .generation = 1,
                                        .delay_us = delay_us});
    }
    /* 1.5 periods before the first look, then 60 % of the time counts: 3 are full at 4. */
    CLAIM(k, k->now_ms >= t + 4000 && k->now_ms < t + 4050, "60 % of the time counts");
}

static void looks_come_when_a_limit_is_reached(struct kit *k)
{
    uint64_t t = ready(k);
    look_at(k, t + 1500);
    kit_sample(k, "a.0", 0, 0, false);
    look_at(k, t + 2000);
    kit_sample(k, "a.0", 0, 20, false); /* 20 ms without CPU: 1980 is not yet two periods */
    CLAIM(k, kit_at(k, "a.0")->is_healthy, "not yet");
    CLAIM(k, node_next_ms(k->node) <= t + 2040, "but not half a period later either");
    look_at(k, node_next_ms(k->node));
    kit_sample(k, "a.0", 0, 20, false);
    CLAIM(k, !kit_at(k, "a.0")->is_healthy, "found a few ms after the second period");
}

static void who_burns_cpu_gets_the_misses_twice(struct kit *k)
{
    uint64_t t = ready(k), cpu_ms = 0;
    for (uint64_t at_ms = 1500; at_ms < 6000; at_ms += 500) {
        look_at(k, t + at_ms);
        kit_sample(k, "a.0", cpu_ms += 490, 0, false);
        CLAIM(k, kit_at(k, "a.0")->is_healthy == (at_ms < 3000), "unhealthy after dead_after periods");
        CLAIM(k, !kit_has(k, "KILL a.0"), "perhaps a long computation");
    }
    CLAIM(k, strncmp(kit_at(k, "a.0")->reason, "unhealthy: busy, ", 17) == 0, "and says it is busy");
    look_at(k, t + 6000);
    kit_sample(k, "a.0", cpu_ms + 490, 0, false);
    CLAIM(k, kit_has(k, "KILL a.0"), "not for ever");
}

static void the_stopped_are_unhealthy_in_two_and_ended_in_six(struct kit *k)
{
    uint64_t t = ready(k);
    for (uint64_t at_ms = 1500; at_ms < 6000; at_ms += 500) {
        look_at(k, t + at_ms);
        kit_sample(k, "a.0", 10, 0, true);
        CLAIM(k, kit_at(k, "a.0")->is_healthy == (at_ms < 2000), "SIGSTOP: unhealthy at two periods");
        CLAIM(k, !kit_has(k, "KILL a.0"), "a person may have reasons");
    }
    look_at(k, t + 6000);
    kit_sample(k, "a.0", 10, 0, true);
    CLAIM(k, kit_has(k, "KILL a.0"), "after another dead_after it is replaced");
}

static void who_was_continued_gets_a_chance_to_beat(struct kit *k)
{
    uint64_t t = ready(k);
    for (uint64_t at_ms = 1500; at_ms < 5000; at_ms += 500) {
        look_at(k, t + at_ms);
        kit_sample(k, "a.0", 10, 0, true);
    }
    look_at(k, t + 5000);
    kit_sample(k, "a.0", 10, 0, false);
    CLAIM(k, kit_has(k, ""), "its sleep until now was not its own");
    kit_tell(k, NODE_EV_BEAT, "a.0");
    CLAIM(k, kit_at(k, "a.0")->is_healthy, "healthy again");
}

static void a_disk_wait_is_no_hang(struct kit *k)
{
    uint64_t t = ready(k);
    for (uint64_t at_ms = 1500; at_ms < 20000; at_ms += 500) {
        look_at(k, t + at_ms);
        kit_feed(k, (struct node_event){.kind = NODE_EV_SAMPLE, .generation = 1, .is_blocked = true});
        CLAIM(k, kit_has(k, ""), "uninterruptible sleep is not its choice");
    }
}

static void our_own_starvation_is_not_held_against_it(struct kit *k)
{
    uint64_t t = ready(k), own_ms = 7;
    for (uint64_t at_ms = 1500; at_ms < 20000; at_ms += 500) {
        look_at(k, t + at_ms);
        own_ms += 400;
        kit_feed(k, (struct node_event){.kind = NODE_EV_SAMPLE, .generation = 1,
                                        .own_delay_us = own_ms * 1000});
        CLAIM(k, kit_has(k, ""), "what we could not hear it may have said");
    }
}

static void a_late_clock_judges_nobody(struct kit *k)
{
    uint64_t t = ready(k);
    look_at(k, t + 1500);
    kit_sample(k, "a.0", 10, 0, false);
    kit_clock(k, t + 9000); /* we slept seven seconds */
    kit_sample(k, "a.0", 10, 0, false);
    CLAIM(k, !kit_has(k, "KILL a.0") && kit_at(k, "a.0")->is_healthy, "its beats wait in our queue");
    kit_tell(k, NODE_EV_BEAT, "a.0");
    CLAIM(k, kit_at(k, "a.0")->is_healthy, "and are read next");
}

static void a_late_clock_extends_a_deadline_once(struct kit *k)
{
    kit_cell(k, "a", 1, "")->deadlines.ready_ms = 5000;
    kit_apply(k);
    uint64_t limit_ms = k->now_ms + 5000;
    kit_tell(k, NODE_EV_SPAWNED, "a.0");
    kit_clock(k, limit_ms + 3000);
    CLAIM(k, kit_has(k, ""), "we were away: its Ready may wait in our queue");
    CLAIM(k, node_next_ms(k->node) == limit_ms + 3100, "100 ms to read it");
    kit_clock(k, limit_ms + 5000);
    CLAIM(k, kit_has(k, "KILL a.0"), "once, not for ever");
}

static void a_clock_late_by_the_limit_counts_one_past_is_excused(struct kit *k)
{
    kit_cell(k, "a", 1, "")->deadlines.ready_ms = 5000;
    kit_cell(k, "b", 1, "")->deadlines.ready_ms = 15000;
    kit_apply(k);
    uint64_t t = k->now_ms;
    kit_tell(k, NODE_EV_SPAWNED, "a.0");
    kit_tell(k, NODE_EV_SPAWNED, "b.0");
    kit_clock(k, t + 5020);
    CLAIM(k, kit_has(k, "KILL a.0"), "20 ms late is how timers are");
    kit_clock(k, t + 15021);
    CLAIM(k, !kit_has(k, "KILL b.0"), "21 ms late is a supervisor without CPU");
}

static void without_answers_the_clock_decides_after_all_patience(struct kit *k)
{
    uint64_t t = ready(k);
    kit_run(k, t + 32900);
    CLAIM(k, kit_has(k, "SAMPLE a.0") && !kit_has(k, "KILL a.0"), "asked again and again");
    kit_run(k, t + 33500);
    CLAIM(k, kit_has(k, "KILL a.0"), "30 periods of patience and dead_after");
}

static void dead_after_one_means_two(struct kit *k)
{
    kit_cell(k, "a", 1, "")->heartbeat.dead_after = 1;
    kit_apply(k);
    kit_up(k, "a.0");
    uint64_t t = k->now_ms;
    look_at(k, t + 1500);
    kit_sample(k, "a.0", 10, 0, false);
    look_at(k, t + 2000);
    kit_sample(k, "a.0", 10, 0, false);
    CLAIM(k, !kit_has(k, "KILL a.0") && !kit_at(k, "a.0")->is_healthy, "one look asleep is doubt");
    look_at(k, t + 2500);
    kit_sample(k, "a.0", 10, 0, false);
    CLAIM(k, kit_has(k, "KILL a.0"), "two are certainty");
}

static void booting_and_draining_owe_no_beats(struct kit *k)
{
    kit_cell(k, "a", 1, "")->deadlines.ready_ms = 60000;
    kit_entry(k, "a")->deadlines.drain_ms = 60000;
    kit_apply(k);
    kit_tell(k, NODE_EV_SPAWNED, "a.0");
    kit_tell(k, NODE_EV_BOOTING, "a.0");
    kit_run(k, k->now_ms + 50000);
    CLAIM(k, kit_has(k, ""), "a free pass while it initialises");
    kit_tell(k, NODE_EV_LISTENING, "a.0");
    kit_tell(k, NODE_EV_READY, "a.0");
    kit_order(k, NODE_EV_STOP, "a", -1, 0);
    kit_run(k, k->now_ms + 50000);
    CLAIM(k, kit_has(k, ""), "and while it finishes");
}

static void unhealthy_does_not_serve_its_dependents(struct kit *k)
{
    uint64_t t = ready(k);
    kit_cell(k, "b", 1, "a");
    kit_apply(k);
    look_at(k, t + 1500);
    kit_sample(k, "a.0", 0, 0, false);
    look_at(k, t + 2000);
    kit_sample(k, "a.0", 0, 0, false);
    kit_exit(k, "b.0", 1, 0); /* told for a spawn that is not answered: refused */
    kit_tell(k, NODE_EV_SPAWNED, "b.0");
    kit_exit(k, "b.0", 1, 0);
    CLAIM(k, !kit_has(k, "SPAWN b.0") && kit_has(k, "CHANGED b.0 waiting"), "b waits for a");
    kit_tell(k, NODE_EV_BEAT, "a.0");
    CLAIM(k, kit_has(k, "SPAWN b.0"), "and starts when a is well");
}

static void ages_saturate(struct kit *k)
{
    struct node_health_policy p = {.every_ms = 60000, .dead_after = 100};
    struct node_health h;
    node_health_begin(&h, &p, 1000, 5000);
    CLAIM(k, node_health_age_ms(&h, &p, 3000) == 0, "no age inside a free pass");
    h.excused_ms = UINT32_MAX;
    CLAIM(k, node_health_age_ms(&h, &p, 6000 + 1) == 0, "excused more than passed is no age");
    CLAIM(k, node_health_age_ms(&h, &p, 6000 + 30 * 60000) == 0, "30 periods are excused");
    CLAIM(k, node_health_age_ms(&h, &p, 6000 + 30 * 60000 + 1) == 1, "and not a millisecond more");
    node_health_begin(&h, &p, 1000, 0);
    node_health_excuse(&h, 40 * 60000);
    CLAIM(k, node_health_age_ms(&h, &p, 1000 + 40 * 60000) == 0, "our own absence has no limit");
}

int main(void)
{
    static const struct kit_test tests[] = {
        KIT_TEST(nobody_is_looked_at_who_beats),
        KIT_TEST(the_first_look_comes_half_a_period_after_the_beat_was_due),
        KIT_TEST(a_sleeping_hang_is_found_in_two_periods_and_ended_after_three),
        KIT_TEST(a_beat_makes_healthy_again),
        KIT_TEST(the_starved_are_spared_as_long_as_patience_lasts),
        KIT_TEST(partly_starved_counts_in_part),
        KIT_TEST(looks_come_when_a_limit_is_reached),
        KIT_TEST(who_burns_cpu_gets_the_misses_twice),
        KIT_TEST(the_stopped_are_unhealthy_in_two_and_ended_in_six),
        KIT_TEST(who_was_continued_gets_a_chance_to_beat),
        KIT_TEST(a_disk_wait_is_no_hang),
        KIT_TEST(our_own_starvation_is_not_held_against_it),
        KIT_TEST(a_late_clock_judges_nobody),
        KIT_TEST(a_late_clock_extends_a_deadline_once),
        KIT_TEST(a_clock_late_by_the_limit_counts_one_past_is_excused),
        KIT_TEST(without_answers_the_clock_decides_after_all_patience),
        KIT_TEST(dead_after_one_means_two),
        KIT_TEST(booting_and_draining_owe_no_beats),
        KIT_TEST(unhealthy_does_not_serve_its_dependents),
        KIT_TEST(ages_saturate),
    };

    return kit_main(tests, ARRAY_LEN(tests));
}
