/* Heartbeats: who is healthy, unhealthy, dead; and who is spared. Period 1 s, dead after 3, if not
 * said otherwise; times are after the last beat. The first look is at 1375 ms, the next, which may call
 * it unhealthy, at 1875, then every 500 ms and when a limit is reached. */
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

/* The next look, late_ms after it is due; returns how long after `t` that is. A clock set for what
 * has been settled meanwhile may come first. */
static uint64_t late_look(struct kit *k, uint64_t t, uint32_t late_ms)
{
    kit_clock(k, node_next_ms(k->node) + late_ms);
    if (!kit_has(k, "SAMPLE a.0")) {
        look_at(k, node_next_ms(k->node) + late_ms);
    }
    return k->now_ms - t;
}

static uint64_t look(struct kit *k, uint64_t t)
{
    return late_look(k, t, 0);
}

static void the_first_looks_leave_an_eighth_of_two_periods(struct kit *k)
{
    uint64_t t = ready(k);
    kit_clock(k, t + 1374);
    CLAIM(k, kit_has(k, ""), "one before: nothing");
    look_at(k, t + 1375);
    kit_clock(k, t + 1874);
    CLAIM(k, kit_has(k, ""), "half a period in between");
    look_at(k, t + 1875);
}

static void a_sleeping_hang_is_found_in_two_periods_and_ended_after_three(struct kit *k)
{
    uint64_t t = ready(k);
    look_at(k, t + 1375);
    kit_sample(k, "a.0", 10, 0, false);
    CLAIM(k, kit_has(k, ""), "one look has no past to compare with");
    look_at(k, t + 1875);
    kit_sample(k, "a.0", 10, 0, false);
    CLAIM(k, strcmp(k->said, "UNPUBLISH a.0, CHANGED a.0 ready") == 0, "unhealthy: no new calls");
    CLAIM(k, !kit_at(k, "a.0")->is_healthy, "and shown");
    CLAIM(k, strcmp(kit_at(k, "a.0")->reason, "unhealthy: no heartbeat for 1.8s") == 0, "with a reason");
    for (uint64_t at_ms = 2375; at_ms <= 2875; at_ms += 500) {
        look_at(k, t + at_ms);
        kit_sample(k, "a.0", 10, 0, false);
        CLAIM(k, kit_has(k, ""), "told once");
    }
    look_at(k, t + 3000);
    kit_sample(k, "a.0", 10, 0, false);
    CLAIM(k, kit_has(k, "KILL a.0"), "ended at dead_after periods, not a look later");
    kit_exit(k, "a.0", -1, 9);
    CLAIM(k, strcmp(kit_state(k, "a.0"), "failed") == 0, "and restarted as after any crash");
    CLAIM(k, strcmp(kit_at(k, "a.0")->reason, "unhealthy: no heartbeat for 3s") == 0,
          "for the hang, not for our SIGKILL");
}

/* What the manifest may say, each looked at a little late, and hung right after a beat. */
static void every_hang_is_unhealthy_within_its_periods(struct kit *k)
{
    static const struct {
        uint32_t every_ms, dead_after, late_ms;
        bool is_busy, is_stopped;
        uint32_t periods;
        const char *why;
    } rows[] = {
        {500, 2, 5, false, false, 2, "asleep"},
        {500, 2, 5, false, true, 2, "stopped"},
        {500, 2, 5, true, false, 2, "busy: dead_after is two"},
        {1000, 3, 20, false, false, 2, "asleep, whatever dead_after is"},
        {1000, 3, 20, true, false, 3, "busy gets its dead_after"},
        {10, 1, 0, false, false, 2, "the shortest period and count"},
        {60000, 100, 20, false, true, 2, "the longest"},
    };

    (void)k;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kit own;
        kit_init(&own);
        kit_cell(&own, "a", 1, "")->heartbeat.every_ms = rows[i].every_ms;
        kit_entry(&own, "a")->heartbeat.dead_after = rows[i].dead_after;
        kit_apply(&own);
        kit_up(&own, "a.0");
        uint64_t t = own.now_ms;
        while (kit_at(&own, "a.0")->is_healthy && own.now_ms < t + 1000000) {
            late_look(&own, t, rows[i].late_ms);
            kit_sample(&own, "a.0", rows[i].is_busy ? own.now_ms - t : 10, 0, rows[i].is_stopped);
        }
        CLAIM(&own, own.now_ms - t <= (uint64_t)rows[i].periods * rows[i].every_ms, rows[i].why);
        CLAIM(&own, own.now_ms - t > (uint64_t)(rows[i].periods - 1) * rows[i].every_ms,
              "and not for one beat");
        k->failed |= own.failed;
        kit_fini(&own);
    }
}

static void a_beat_makes_healthy_again(struct kit *k)
{
    uint64_t t = ready(k);
    look_at(k, t + 1375);
    kit_sample(k, "a.0", 10, 0, false);
    look_at(k, t + 1875);
    kit_sample(k, "a.0", 10, 0, false);
    kit_tell(k, NODE_EV_BEAT, "a.0");
    CLAIM(k, strcmp(k->said, "PUBLISH a.0, CHANGED a.0 ready") == 0, "calls may come again");
    CLAIM(k, kit_at(k, "a.0")->is_healthy && kit_at(k, "a.0")->reason[0] == '\0', "forgiven");
}

static void the_starved_are_spared_as_long_as_patience_lasts(struct kit *k)
{
    uint64_t t = ready(k), delay_ms = 0, seen_ms;
    look_at(k, t + 1375);
    kit_sample(k, "a.0", 10, 0, false);
    /* Excused are 30 periods after the first look, so the age is the time less 30 periods; six, which
     * is dead_after twice, are full at 36. */
    while ((seen_ms = look(k, t)) < 36000) {
        delay_ms += 480;
        kit_sample(k, "a.0", 10, delay_ms, false);
        CLAIM(k, !kit_has(k, "KILL a.0"), "runnable without CPU is no hang");
        CLAIM(k, kit_at(k, "a.0")->is_healthy == (seen_ms < 32875), "unhealthy past all patience");
    }
    kit_sample(k, "a.0", 10, delay_ms + 480, false);
    CLAIM(k, seen_ms == 36000 && kit_has(k, "KILL a.0"), "patience has an end");
}

static void who_waits_for_a_cpu_at_the_look_is_no_sleeper(struct kit *k)
{
    uint64_t t = ready(k);
    look_at(k, t + 1375);
    kit_sample(k, "a.0", 10, 0, false);
    while (look(k, t) < 30000) { /* one wait: the kernel counts it when it is over */
        kit_feed(k, (struct node_event){.kind = NODE_EV_SAMPLE, .generation = 1, .is_runnable = true});
        CLAIM(k, kit_has(k, ""), "its delay does not grow, its state tells");
    }
    kit_sample(k, "a.0", 10, 28500, false);
    CLAIM(k, kit_has(k, ""), "now it does");
    kit_tell(k, NODE_EV_BEAT, "a.0");
    t = k->now_ms;
    for (uint64_t cpu_ms = 10; !kit_has(k, "KILL a.0") && look(k, t) < 10000; cpu_ms += 490) {
        kit_feed(k, (struct node_event){.kind = NODE_EV_SAMPLE, .generation = 1, .is_runnable = true,
                                        .cpu_us = cpu_ms * 1000, .delay_us = 28500 * 1000});
    }
    CLAIM(k, k->now_ms == t + 6000, "who runs all the time is runnable, and busy");
}

static void partly_starved_counts_in_part(struct kit *k)
{
    uint64_t t = ready(k), seen_ms = t + 1375, delay_us = 0;
    look_at(k, seen_ms);
    kit_sample(k, "a.0", 0, 0, false);
    while (!kit_has(k, "KILL a.0") && look(k, t) < 10000) {
        delay_us += (k->now_ms - seen_ms) * 400; /* 40 %: the rest it slept */
        seen_ms = k->now_ms;
        kit_feed(k, (struct node_event){.kind = NODE_EV_SAMPLE, .generation = 1,
                                        .delay_us = delay_us});
    }
    /* 1375 before the first look, then 60 % of the time counts: 3000 are full at 4084. */
    CLAIM(k, k->now_ms >= t + 4084 && k->now_ms < t + 4120, "60 % of the time counts");
}

static void looks_come_when_a_limit_is_reached(struct kit *k)
{
    uint64_t t = ready(k);
    look_at(k, t + 1375);
    kit_sample(k, "a.0", 0, 0, false);
    look_at(k, t + 1875);
    kit_sample(k, "a.0", 0, 20, false); /* 20 ms without CPU: not yet silent for long enough */
    CLAIM(k, kit_at(k, "a.0")->is_healthy, "not yet");
    CLAIM(k, look(k, t) <= 1915, "but not half a period later either");
    kit_sample(k, "a.0", 0, 20, false);
    CLAIM(k, !kit_at(k, "a.0")->is_healthy, "found a few ms later, before the second period is over");
}

static void who_burns_cpu_gets_the_misses_twice(struct kit *k)
{
    uint64_t t = ready(k), cpu_ms = 0, seen_ms;
    while ((seen_ms = look(k, t)) < 6000) {
        kit_sample(k, "a.0", cpu_ms += 490, 0, false);
        CLAIM(k, kit_at(k, "a.0")->is_healthy == (seen_ms < 2875), "unhealthy after dead_after periods");
        CLAIM(k, !kit_has(k, "KILL a.0"), "perhaps a long computation");
    }
    CLAIM(k, strncmp(kit_at(k, "a.0")->reason, "unhealthy: busy, ", 17) == 0, "and says it is busy");
    kit_sample(k, "a.0", cpu_ms + 490, 0, false);
    CLAIM(k, seen_ms == 6000 && kit_has(k, "KILL a.0"), "not for ever");
}

static void the_stopped_are_unhealthy_in_two_and_ended_in_six(struct kit *k)
{
    uint64_t t = ready(k), seen_ms;
    while ((seen_ms = look(k, t)) < 6000) {
        kit_sample(k, "a.0", 10, 0, true);
        CLAIM(k, kit_at(k, "a.0")->is_healthy == (seen_ms < 1875), "SIGSTOP: unhealthy in two periods");
        CLAIM(k, !kit_has(k, "KILL a.0"), "a person may have reasons");
    }
    kit_sample(k, "a.0", 10, 0, true);
    CLAIM(k, seen_ms == 6000 && kit_has(k, "KILL a.0"), "after another dead_after it is replaced");
}

static void who_was_continued_gets_a_chance_to_beat(struct kit *k)
{
    uint64_t t = ready(k);
    while (look(k, t) < 4875) {
        kit_sample(k, "a.0", 10, 0, true);
    }
    kit_sample(k, "a.0", 10, 0, false);
    CLAIM(k, kit_has(k, ""), "its sleep until now was not its own");
    kit_tell(k, NODE_EV_BEAT, "a.0");
    CLAIM(k, kit_at(k, "a.0")->is_healthy, "healthy again");
}

/* Stopped for 4 s, continued, and then the beats it sends are lost: dead_after of them have to be. */
static void the_misses_of_the_continued_count_anew(struct kit *k)
{
    uint64_t t = ready(k), seen_ms;
    while (look(k, t) < 4000) {
        kit_sample(k, "a.0", 10, 0, true);
    }
    kit_sample(k, "a.0", 10, 0, false); /* continued between these two looks */
    uint64_t continued_ms = k->now_ms;
    while ((seen_ms = look(k, continued_ms)) < 3000) {
        kit_sample(k, "a.0", 10, 0, false);
        CLAIM(k, kit_has(k, "") && !kit_at(k, "a.0")->is_healthy, "unhealthy, but not given up");
    }
    kit_sample(k, "a.0", 10, 0, false);
    CLAIM(k, seen_ms == 3000 && kit_has(k, "KILL a.0"), "three periods of its own sleep");
}

static void a_long_computation_is_no_sleep_either(struct kit *k)
{
    uint64_t t = ready(k), cpu_ms = 0, seen_ms;
    while (look(k, t) < 4000) {
        kit_sample(k, "a.0", cpu_ms += 490, 0, false);
    }
    uint64_t over_ms = k->now_ms;
    kit_sample(k, "a.0", cpu_ms += 490, 0, false);
    while ((seen_ms = look(k, over_ms)) < 3000) {
        kit_sample(k, "a.0", cpu_ms, 0, false);
        CLAIM(k, !kit_has(k, "KILL a.0"), "its first beat may have been lost, its second comes");
    }
    kit_sample(k, "a.0", cpu_ms, 0, false);
    CLAIM(k, seen_ms == 3000 && kit_has(k, "KILL a.0"), "after dead_after periods of sleep");
}

/* A look at one that slept since the last, but waits for a CPU at this very moment. */
static void sample_waiting(struct kit *k, uint64_t cpu_ms)
{
    kit_feed(k, (struct node_event){.kind = NODE_EV_SAMPLE, .generation = 1, .cpu_us = cpu_ms * 1000,
                                    .is_runnable = true});
}

/* The second beat after it was continued comes; one look before finds it waiting for a CPU, six periods
 * after the last one that was heard. */
static void a_wait_for_a_cpu_does_not_end_the_continued(struct kit *k)
{
    uint64_t t = ready(k);
    while (look(k, t) < 4500) {
        kit_sample(k, "a.0", 10, 0, true);
    }
    kit_sample(k, "a.0", 10, 0, false);
    while (look(k, t) < 6500) {
        kit_sample(k, "a.0", 10, 0, false);
    }
    sample_waiting(k, 10);
    CLAIM(k, !kit_has(k, "KILL a.0"), "most of this silence it was stopped");
    while (!kit_has(k, "KILL a.0") && look(k, t) < 60000) {
        sample_waiting(k, 10);
    }
    CLAIM(k, k->now_ms == t + 36000, "the patience with one that never runs has the end it always had");
}

static void a_wait_for_a_cpu_does_not_end_who_computed(struct kit *k)
{
    uint64_t t = ready(k), cpu_ms = 0;
    while (look(k, t) < 4500) {
        kit_sample(k, "a.0", cpu_ms += 490, 0, false);
    }
    while (look(k, t) < 6500) {
        kit_sample(k, "a.0", cpu_ms, 0, false);
    }
    sample_waiting(k, cpu_ms);
    CLAIM(k, !kit_has(k, "KILL a.0"), "most of this silence it computed, which is over");
}

/* We are stopped ourselves while we watch one that was continued: its beats wait in our queue. */
static void our_absence_is_no_sleep_of_the_continued(struct kit *k)
{
    uint64_t t = ready(k);
    while (look(k, t) < 4000) {
        kit_sample(k, "a.0", 10, 0, true);
    }
    kit_sample(k, "a.0", 10, 0, false);
    look(k, t);
    kit_sample(k, "a.0", 10, 0, false);
    kit_clock(k, k->now_ms + 20000);
    kit_sample(k, "a.0", 10, 0, false);
    CLAIM(k, !kit_has(k, "KILL a.0"), "twenty seconds of our sleep, not of its");
}

static void a_disk_wait_is_no_hang(struct kit *k)
{
    uint64_t t = ready(k);
    while (look(k, t) < 20000) {
        kit_feed(k, (struct node_event){.kind = NODE_EV_SAMPLE, .generation = 1, .is_blocked = true});
        CLAIM(k, kit_has(k, ""), "uninterruptible sleep is not its choice");
    }
}

static void our_own_starvation_is_not_held_against_it(struct kit *k)
{
    uint64_t t = ready(k), own_ms = 7;
    while (look(k, t) < 20000) {
        own_ms += 400;
        kit_feed(k, (struct node_event){.kind = NODE_EV_SAMPLE, .generation = 1,
                                        .own_delay_us = own_ms * 1000});
        CLAIM(k, kit_has(k, ""), "what we could not hear it may have said");
    }
}

static void a_late_clock_judges_nobody(struct kit *k)
{
    uint64_t t = ready(k);
    look_at(k, t + 1375);
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

static void one_lost_beat_is_no_death_whatever_dead_after_says(struct kit *k)
{
    kit_cell(k, "a", 1, "")->heartbeat.dead_after = 1;
    kit_apply(k);
    kit_up(k, "a.0");
    uint64_t t = k->now_ms, seen_ms;
    while ((seen_ms = look(k, t)) < 2875) {
        kit_sample(k, "a.0", 10, 0, false);
        CLAIM(k, !kit_has(k, "KILL a.0"), "its next one may be on the way");
        CLAIM(k, kit_at(k, "a.0")->is_healthy == (seen_ms < 1875), "unhealthy it is");
    }
    kit_sample(k, "a.0", 10, 0, false);
    CLAIM(k, seen_ms == 2875 && kit_has(k, "KILL a.0"), "asleep for a period and a half is certain");
}

/* Only the last look before the end finds it there: what was before nobody saw. */
static void one_sample_is_no_certainty(struct kit *k)
{
    uint64_t t = ready(k);
    while (look(k, t) < 2875) {
    }
    kit_sample(k, "a.0", 10, 0, false);
    CLAIM(k, look(k, t) == 3375, "the samples before were lost: this one has no past");
    kit_sample(k, "a.0", 10, 0, false);
    CLAIM(k, !kit_has(k, "KILL a.0") && !kit_at(k, "a.0")->is_healthy, "unhealthy, but not yet dead");
    while (look(k, t) < 4375) {
        kit_sample(k, "a.0", 10, 0, false);
    }
    kit_sample(k, "a.0", 10, 0, false);
    CLAIM(k, kit_has(k, "KILL a.0"), "a period and a half after the first that was seen");
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
    look_at(k, t + 1375);
    kit_sample(k, "a.0", 0, 0, false);
    look_at(k, t + 1875);
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
        KIT_TEST(the_first_looks_leave_an_eighth_of_two_periods),
        KIT_TEST(a_sleeping_hang_is_found_in_two_periods_and_ended_after_three),
        KIT_TEST(every_hang_is_unhealthy_within_its_periods),
        KIT_TEST(a_beat_makes_healthy_again),
        KIT_TEST(the_starved_are_spared_as_long_as_patience_lasts),
        KIT_TEST(who_waits_for_a_cpu_at_the_look_is_no_sleeper),
        KIT_TEST(partly_starved_counts_in_part),
        KIT_TEST(looks_come_when_a_limit_is_reached),
        KIT_TEST(who_burns_cpu_gets_the_misses_twice),
        KIT_TEST(the_stopped_are_unhealthy_in_two_and_ended_in_six),
        KIT_TEST(who_was_continued_gets_a_chance_to_beat),
        KIT_TEST(the_misses_of_the_continued_count_anew),
        KIT_TEST(a_long_computation_is_no_sleep_either),
        KIT_TEST(a_wait_for_a_cpu_does_not_end_the_continued),
        KIT_TEST(a_wait_for_a_cpu_does_not_end_who_computed),
        KIT_TEST(our_absence_is_no_sleep_of_the_continued),
        KIT_TEST(a_disk_wait_is_no_hang),
        KIT_TEST(our_own_starvation_is_not_held_against_it),
        KIT_TEST(a_late_clock_judges_nobody),
        KIT_TEST(a_late_clock_extends_a_deadline_once),
        KIT_TEST(a_clock_late_by_the_limit_counts_one_past_is_excused),
        KIT_TEST(without_answers_the_clock_decides_after_all_patience),
        KIT_TEST(one_lost_beat_is_no_death_whatever_dead_after_says),
        KIT_TEST(one_sample_is_no_certainty),
        KIT_TEST(booting_and_draining_owe_no_beats),
        KIT_TEST(unhealthy_does_not_serve_its_dependents),
        KIT_TEST(ages_saturate),
    };

    return kit_main(tests, ARRAY_LEN(tests));
}
