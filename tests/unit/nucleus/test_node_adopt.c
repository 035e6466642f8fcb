/* Recovery: what becomes of each stored record, and which records are refused. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/nucleus/node_kit.h"

/* A record of a.0 as a machine would have stored it. */
static struct node_instance record(enum node_state state, bool is_alive)
{
    struct node_instance r = {
        .state = state, .space = "default", .name = "a", .generation = 9, .hash = 1,
        .level = 1, .epoch = 1, .every_ms = 1000, .dead_after = 3, .is_wanted = true,
        .is_alive = is_alive, .started_ms = 500, .was_ready = true, .restarts = 2, .fails = 1,
        .crash_count = 1, .crash_ms = {400}, .backoff_ms = 70};

    r.ready_at_ms = state == NODE_READY ? 600 : 0;
    r.is_healthy = state == NODE_READY;
    return r;
}

static enum err adopt(struct kit *k, uint32_t slot, const struct node_instance *r)
{
    return kit_feed(k, (struct node_event){.kind = NODE_EV_ADOPT, .slot = slot, .adopt = r});
}

static void recover(struct kit *k, const struct node_instance *r)
{
    k->now_ms = 100000;
    CLAIM(k, adopt(k, 5, r) == ERR_OK, "a sane record is adopted");
    CLAIM(k, kit_has(k, ""), "and nothing is done before the manifest");
    kit_cell(k, "a", 1, "")->restart.first_ms = 1000;
    CLAIM(k, kit_apply(k) == ERR_OK, "then the manifest comes");
}

static void the_living_go_on_where_they_were(struct kit *k)
{
    struct node_instance r = record(NODE_READY, true);
    recover(k, &r);
    CLAIM(k, strcmp(k->said, "PUBLISH a.0") == 0, "its sockets are surely open; it is not restarted");
    const struct node_instance *i = kit_at(k, "a.0");
    CLAIM(k, i->generation == 9 && i->restarts == 2 && i->fails == 1 && i->crash_ms[0] == 400 &&
                 i->backoff_ms == 70 && i->started_ms == 500, "nothing of its past is lost");
    CLAIM(k, i->beat_ms == k->now_ms && i->is_healthy, "it beats from now on");
    CLAIM(k, node_find(k->node, "default", "a", 0) == 5, "in the slot it had");
}

static void an_adopted_cell_has_the_ready_limit_to_find_us(struct kit *k)
{
    struct node_instance r = record(NODE_READY, true);
    recover(k, &r);
    kit_run(k, k->now_ms + 10000 + 1374);
    CLAIM(k, kit_has(k, ""), "not looked at before its pass is over");
    kit_run(k, k->now_ms + 1);
    CLAIM(k, kit_has(k, "SAMPLE a.0"), "then as always");
}

static void a_first_beat_ends_the_pass(struct kit *k)
{
    struct node_instance r = record(NODE_READY, true);
    recover(k, &r);
    kit_tell(k, NODE_EV_BEAT, "a.0");
    kit_run(k, k->now_ms + 1374);
    CLAIM(k, kit_has(k, ""), "one before");
    kit_run(k, k->now_ms + 1);
    CLAIM(k, kit_has(k, "SAMPLE a.0"), "looked at as always");
}

static void who_boots_gets_its_time_again(struct kit *k)
{
    struct node_instance r = record(NODE_BOOTING, true);
    r.is_spawning = true;
    recover(k, &r);
    CLAIM(k, kit_has(k, "") && kit_at(k, "a.0")->is_alive && !kit_at(k, "a.0")->is_spawning, "goes on");
    kit_run(k, k->now_ms + 9999);
    CLAIM(k, kit_has(k, ""), "one before the limit");
    kit_run(k, k->now_ms + 1);
    CLAIM(k, kit_has(k, "KILL a.0"), "the limit");
}

static void a_rejoin_tells_what_was_missed(struct kit *k)
{
    struct node_instance r = record(NODE_BOOTING, true);
    recover(k, &r);
    struct node_event ev = {.kind = NODE_EV_REJOIN, .slot = 5, .generation = 9, .state = NODE_READY};
    CLAIM(k, kit_feed(k, ev) == ERR_OK && kit_has(k, "PUBLISH a.0"), "it became ready meanwhile");
    ev.state = NODE_BOOTING;
    CLAIM(k, kit_feed(k, ev) == ERR_PRECONDITION, "but never less than it was");
    ev.state = NODE_STOPPED;
    CLAIM(k, kit_feed(k, ev) == ERR_PRECONDITION, "nor what no cell says");
    ev.state = NODE_DRAINING;
    CLAIM(k, kit_feed(k, ev) == ERR_OK && kit_has(k, "UNPUBLISH a.0"), "it may have begun to drain");
}

static void an_end_that_was_decided_is_carried_out(struct kit *k)
{
    static const struct {
        enum node_ending ending;
        const char *effect;
    } rows[] = {{NODE_END_NONE, "DRAIN a.0"}, {NODE_END_DRAIN, "DRAIN a.0"},
                {NODE_END_TERM, "TERM a.0"},  {NODE_END_KILL, "KILL a.0"}};

    (void)k;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kit own;
        kit_init(&own);
        struct node_instance r = record(NODE_DRAINING, true);
        r.ending = rows[i].ending;
        r.restart_after_exit = true;
        recover(&own, &r);
        CLAIM(&own, kit_has(&own, rows[i].effect), "said again: perhaps it was not done");
        kit_exit(&own, "a.0", 0, 0);
        CLAIM(&own, kit_has(&own, "SPAWN a.0") && kit_at(&own, "a.0")->fails == 1, "and no crash");
        k->failed |= own.failed;
        kit_fini(&own);
    }
}

static void a_lost_drain_is_said_again_when_the_cell_rejoins(struct kit *k)
{
    struct node_instance r = record(NODE_DRAINING, true);
    r.ending = NODE_END_DRAIN;
    r.restart_after_exit = true;
    recover(k, &r);
    struct node_event ev = {.kind = NODE_EV_REJOIN, .slot = 5, .generation = 9, .state = NODE_READY};
    kit_feed(k, ev);
    CLAIM(k, kit_has(k, "DRAIN a.0"), "it does not know");
    ev.state = NODE_DRAINING;
    kit_feed(k, ev);
    CLAIM(k, kit_has(k, ""), "it knows");
}

static void who_died_meanwhile_has_crashed(struct kit *k)
{
    struct node_instance r = record(NODE_READY, false);
    recover(k, &r);
    CLAIM(k, kit_has(k, "UNPUBLISH a.0") && kit_has(k, "CHANGED a.0 failed"), "a crash like any");
    CLAIM(k, strcmp(kit_at(k, "a.0")->reason, "ended while nobody supervised it") == 0, "says so");
    CLAIM(k, kit_at(k, "a.0")->crash_count == 2, "counted");
}

static void an_interrupted_start_is_no_crash(struct kit *k)
{
    struct node_instance r = record(NODE_BOOTING, false);
    r.is_spawning = true;
    recover(k, &r);
    CLAIM(k, kit_has(k, "SPAWN a.0") && kit_at(k, "a.0")->crash_count == 1, "perhaps it never was");
    CLAIM(k, kit_at(k, "a.0")->generation > 9, "with a generation nobody had");
}

static void a_back_off_goes_on(struct kit *k)
{
    struct node_instance r = record(NODE_FAILED, false);
    r.deadline_ms = 100500;
    recover(k, &r);
    CLAIM(k, kit_has(k, ""), "not yet");
    kit_run(k, 100500);
    CLAIM(k, kit_has(k, "SPAWN a.0"), "when it was planned");
}

static void times_of_a_confused_clock_are_bounded(struct kit *k)
{
    struct node_instance r = record(NODE_FAILED, false);
    r.deadline_ms = UINT64_MAX;
    r.crash_ms[0] = UINT64_MAX;
    r.started_ms = UINT64_MAX;
    recover(k, &r);
    CLAIM(k, kit_at(k, "a.0")->started_ms == 100000 && kit_at(k, "a.0")->crash_ms[0] == 100000,
          "nothing lies in the future");
    CLAIM(k, node_next_ms(k->node) <= 100000 + 10000, "and no back-off is longer than the longest");
}

static void who_gave_up_stays_so_and_who_is_held_too(struct kit *k)
{
    struct node_instance r = record(NODE_CRASH_LOOP, false);
    recover(k, &r);
    CLAIM(k, kit_has(k, "") && strcmp(kit_state(k, "a.0"), "crash-loop") == 0, "recovery is no apply");
    struct kit own;
    kit_init(&own);
    r = record(NODE_STOPPED, false);
    r.is_held = true;
    r.is_wanted = false;
    recover(&own, &r);
    CLAIM(&own, kit_has(&own, ""), "stopped by a person");
    k->failed |= own.failed;
    kit_fini(&own);
}

static void an_orphan_goes_away(struct kit *k)
{
    struct node_instance r = record(NODE_READY, true);
    memcpy(r.name, "gone", 5);
    recover(k, &r);
    CLAIM(k, kit_has(k, "DRAIN gone.0") && kit_has(k, "SPAWN a.0"), "its entry is gone");
    kit_exit(k, "gone.0", 0, 0);
    CLAIM(k, kit_has(k, "FORGET gone.0"), "and so is it");
}

/* Requirements of entries that are gone are not on record; the level is. */
static void orphans_end_from_the_top(struct kit *k)
{
    struct node_instance low = record(NODE_READY, true), high = low;
    memcpy(low.name, "low", 4);
    memcpy(high.name, "high", 5);
    high.generation = 10;
    high.level = 2;
    CLAIM(k, adopt(k, 1, &low) == ERR_OK && adopt(k, 2, &high) == ERR_OK, "two orphans to be");
    kit_apply(k);
    CLAIM(k, kit_has(k, "DRAIN high.0") && !kit_has(k, "DRAIN low.0"), "the higher one first");
    kit_exit(k, "high.0", 0, 0);
    CLAIM(k, kit_has(k, "DRAIN low.0"), "then the lower");
}

static void an_interrupted_start_keeps_no_old_wish(struct kit *k)
{
    struct node_instance r = record(NODE_BOOTING, false);
    r.is_spawning = true;
    r.restart_after_exit = true; /* it was to be restarted when the supervisor died */
    recover(k, &r);
    kit_tell(k, NODE_EV_SPAWNED, "a.0");
    CLAIM(k, !kit_has(k, "DRAIN a.0") && !kit_at(k, "a.0")->restart_after_exit,
          "its new process is the restart");
}

static void an_apply_under_way_is_finished(struct kit *k)
{
    struct node_instance r = record(NODE_READY, true);
    r.hash = 77;
    recover(k, &r);
    CLAIM(k, kit_has(k, "DRAIN a.0"), "it runs an old version");
}

/* Two instances that serve and are to be restarted: by turns when they roll, together in a group. */
static void a_restart_keeps_its_turn(struct kit *k)
{
    static const struct {
        enum node_turn turn;
        bool first, second;
        const char *why;
    } rows[] = {{NODE_TURN_ROLL, true, false, "one after the other"},
                {NODE_TURN_NOW, true, true, "a person named each of them"},
                {NODE_TURN_GROUP, true, true, "all together"}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kit own;
        kit_init(&own);
        own.now_ms = 100000;
        struct node_instance r = record(NODE_READY, true);
        r.restart_after_exit = true;
        r.turn = rows[i].turn;
        CLAIM(&own, adopt(&own, 1, &r) == ERR_OK, "the first");
        r.instance = 1;
        r.generation = 10;
        CLAIM(&own, adopt(&own, 2, &r) == ERR_OK, "and the second");
        kit_cell(&own, "a", 2, "")->restart.strategy = MANIFEST_ONE_FOR_ALL;
        kit_apply(&own);
        CLAIM(&own, kit_has(&own, "DRAIN a.0") == rows[i].first, rows[i].why);
        CLAIM(&own, kit_has(&own, "DRAIN a.1") == rows[i].second, rows[i].why);
        k->failed |= own.failed;
        kit_fini(&own);
    }
}

static void down_and_scales_are_remembered(struct kit *k)
{
    struct node_instance r = record(NODE_READY, true);
    struct node_scale scale = {.space = "default", .name = "a", .count = 3, .of = 1};
    CLAIM(k, kit_feed(k, (struct node_event){.kind = NODE_EV_ADOPT_SCALE, .scale = &scale}) == ERR_OK,
          "a scale");
    recover(k, &r);
    CLAIM(k, node_wanted(k->node, 0) == 3 && kit_has(k, "SPAWN a.2"), "holds");
    struct kit own;
    kit_init(&own);
    own.now_ms = 100000;
    CLAIM(&own, kit_feed(&own, (struct node_event){.kind = NODE_EV_DOWN}) == ERR_OK, "down, early");
    recover(&own, &r);
    CLAIM(&own, kit_has(&own, "DRAIN a.0") && !kit_has(&own, "SPAWN a.0"), "goes on going down");
    kit_exit(&own, "a.0", 0, 0);
    CLAIM(&own, kit_has(&own, "DONE"), "to the end");
    k->failed |= own.failed;
    kit_fini(&own);
}

static void a_scale_of_another_number_is_void(struct kit *k)
{
    struct node_instance r = record(NODE_READY, true);
    struct node_scale scale = {.space = "default", .name = "a", .count = 3, .of = 2};
    kit_feed(k, (struct node_event){.kind = NODE_EV_ADOPT_SCALE, .scale = &scale});
    recover(k, &r);
    CLAIM(k, node_wanted(k->node, 0) == 1, "the manifest changed its number");
}

static void bad_records_are_refused(struct kit *k)
{
    struct node_instance good = record(NODE_READY, true), r;
    static const char *const why[] = {
        "no state", "unknown state", "unknown ending", "instance out of range", "alive and stopped",
        "alive without a generation", "no heartbeat period", "no misses", "name without an end",
        "reason without an end", "last generation", "unknown turn", "no record at all"};

    for (size_t i = 0; i < ARRAY_LEN(why); i++) {
        r = good;
        switch (i) {
        case 0: r.state = NODE_EMPTY; break;
        case 1: r.state = (enum node_state)99; break;
        case 2: r.ending = (enum node_ending)99; break;
        case 3: r.instance = NAME_INSTANCE_MAX + 1; break;
        case 4: r.state = NODE_STOPPED; break;
        case 5: r.generation = 0; break;
        case 6: r.every_ms = 0; break;
        case 7: r.dead_after = 0; break;
        case 8: memset(r.name, 'x', sizeof r.name); break;
        case 9: memset(r.reason, 'x', sizeof r.reason); break;
        case 10: r.generation = UINT64_MAX; break;
        case 11: r.turn = (enum node_turn)99; break;
        }
        CLAIM(k, adopt(k, 1, i == 12 ? NULL : &r) == ERR_INVALID, why[i]);
    }
    good.instance = NAME_INSTANCE_MAX;
    CLAIM(k, adopt(k, NODE_INSTANCES_MAX - 1, &good) == ERR_OK, "the last instance in the last slot");
    CLAIM(k, adopt(k, NODE_INSTANCES_MAX, &good) == ERR_INVALID, "one slot past");
    CLAIM(k, adopt(k, 3, &good) == ERR_INVALID, "one instance twice");
    good.instance = 1;
    CLAIM(k, adopt(k, NODE_INSTANCES_MAX - 1, &good) == ERR_INVALID, "one slot twice");
}

static void nothing_is_adopted_after_the_manifest(struct kit *k)
{
    struct node_instance r = record(NODE_READY, true);
    struct node_scale scale = {.count = MANIFEST_INSTANCES_MAX + 1};
    CLAIM(k, kit_feed(k, (struct node_event){.kind = NODE_EV_ADOPT_SCALE, .scale = &scale}) ==
                 ERR_INVALID, "no such number");
    kit_apply(k);
    CLAIM(k, adopt(k, 1, &r) == ERR_PRECONDITION, "a record");
    scale.count = 1;
    CLAIM(k, kit_feed(k, (struct node_event){.kind = NODE_EV_ADOPT_SCALE, .scale = &scale}) ==
                 ERR_PRECONDITION, "a scale");
}

int main(void)
{
    static const struct kit_test tests[] = {
        KIT_TEST(the_living_go_on_where_they_were),
        KIT_TEST(an_adopted_cell_has_the_ready_limit_to_find_us),
        KIT_TEST(a_first_beat_ends_the_pass),
        KIT_TEST(who_boots_gets_its_time_again),
        KIT_TEST(a_rejoin_tells_what_was_missed),
        KIT_TEST(an_end_that_was_decided_is_carried_out),
        KIT_TEST(a_lost_drain_is_said_again_when_the_cell_rejoins),
        KIT_TEST(who_died_meanwhile_has_crashed),
        KIT_TEST(an_interrupted_start_is_no_crash),
        KIT_TEST(a_back_off_goes_on),
        KIT_TEST(times_of_a_confused_clock_are_bounded),
        KIT_TEST(who_gave_up_stays_so_and_who_is_held_too),
        KIT_TEST(an_orphan_goes_away),
        KIT_TEST(orphans_end_from_the_top),
        KIT_TEST(an_interrupted_start_keeps_no_old_wish),
        KIT_TEST(an_apply_under_way_is_finished),
        KIT_TEST(a_restart_keeps_its_turn),
        KIT_TEST(down_and_scales_are_remembered),
        KIT_TEST(a_scale_of_another_number_is_void),
        KIT_TEST(bad_records_are_refused),
        KIT_TEST(nothing_is_adopted_after_the_manifest),
    };

    return kit_main(tests, ARRAY_LEN(tests));
}
