/* One instance from spawn to end, as traces: event in, effects out. Deadlines at their limit and
 * one millisecond past it. */
#include <string.h>

#include "tests/unit/nucleus/node_kit.h"

static bool said(const struct kit *k, const char *all)
{
    return strcmp(k->said, all) == 0;
}

static void an_instance_comes_up_and_is_published(struct kit *k)
{
    kit_cell(k, "a", 1, "");
    CLAIM(k, kit_apply(k) == ERR_OK, "a manifest is taken");
    CLAIM(k, said(k, "SPAWN a.0, CHANGED a.0 booting"), "it is spawned at once");
    CLAIM(k, k->fx.item[0].kind == NODE_FX_STORE && k->fx.item[0].record->is_spawning,
          "the intent is stored before the spawn");
    kit_tell(k, NODE_EV_SPAWNED, "a.0");
    CLAIM(k, kit_at(k, "a.0")->is_alive && !kit_at(k, "a.0")->is_spawning, "it lives");
    kit_tell(k, NODE_EV_BOOTING, "a.0");
    kit_tell(k, NODE_EV_LISTENING, "a.0");
    CLAIM(k, said(k, "CHANGED a.0 listening"), "it says where it listens");
    kit_tell(k, NODE_EV_READY, "a.0");
    CLAIM(k, said(k, "PUBLISH a.0, CHANGED a.0 ready"), "ready is published");
    CLAIM(k, kit_at(k, "a.0")->ready_at_ms == k->now_ms, "and its time recorded");
}

static void a_trivial_program_is_ready_when_it_runs(struct kit *k)
{
    kit_cell(k, "a", 1, "")->trivial = true;
    kit_apply(k);
    kit_tell(k, NODE_EV_SPAWNED, "a.0");
    CLAIM(k, said(k, "PUBLISH a.0, CHANGED a.0 ready"), "spawned is ready");
    CLAIM(k, node_next_ms(k->node) >= k->now_ms + 10000, "and owes no heartbeat");
    kit_run(k, k->now_ms + 3600 * 1000);
    CLAIM(k, kit_has(k, ""), "an hour of silence changes nothing");
    kit_order(k, NODE_EV_STOP, "a", -1, 0);
    CLAIM(k, kit_has(k, "TERM a.0") && !kit_has(k, "DRAIN a.0"), "who does not speak gets SIGTERM");
}

static void not_ready_in_time_is_killed(struct kit *k)
{
    kit_cell(k, "a", 1, "")->deadlines.ready_ms = 5000;
    kit_apply(k);
    uint64_t limit_ms = k->now_ms + 5000;
    kit_tell(k, NODE_EV_SPAWNED, "a.0");
    kit_clock(k, limit_ms - 1);
    CLAIM(k, kit_has(k, ""), "one before the limit nothing happens");
    kit_clock(k, limit_ms);
    CLAIM(k, said(k, "KILL a.0, CHANGED a.0 draining"), "at the limit it is killed");
    CLAIM(k, strcmp(kit_at(k, "a.0")->reason, "not ready in 5s") == 0, "and the reason kept");
    kit_exit(k, "a.0", -1, 9);
    CLAIM(k, kit_has(k, "CHANGED a.0 failed") && kit_at(k, "a.0")->fails == 1, "that is a crash");
    CLAIM(k, strncmp(k->fx.item[k->fx.count - 1].reason, "", 1) == 0, "the next start has no reason");
}

static void ready_at_the_limit_is_in_time(struct kit *k)
{
    kit_cell(k, "a", 1, "")->deadlines.ready_ms = 5000;
    kit_apply(k);
    uint64_t limit_ms = k->now_ms + 5000;
    kit_tell(k, NODE_EV_SPAWNED, "a.0");
    kit_tell(k, NODE_EV_BOOTING, "a.0");
    kit_tell(k, NODE_EV_LISTENING, "a.0");
    k->now_ms = limit_ms;
    kit_tell(k, NODE_EV_READY, "a.0");
    kit_clock(k, limit_ms);
    CLAIM(k, strcmp(kit_state(k, "a.0"), "ready") == 0, "heard before the clock counts");
}

static void the_ladder_is_drain_term_kill(struct kit *k)
{
    struct manifest_cell *c = kit_cell(k, "a", 1, "");
    c->deadlines.drain_ms = 3000;
    c->deadlines.term_ms = 1000;
    kit_apply(k);
    kit_up(k, "a.0");
    uint64_t t = k->now_ms;
    kit_order(k, NODE_EV_STOP, "a", 0, 0);
    CLAIM(k, said(k, "UNPUBLISH a.0, DRAIN a.0, CHANGED a.0 draining"),
          "doors close to new calls, then it is told to finish the old");
    kit_clock(k, t + 2999);
    CLAIM(k, kit_has(k, ""), "one before the drain limit nothing happens");
    kit_clock(k, t + 3000);
    CLAIM(k, said(k, "TERM a.0, CHANGED a.0 draining"), "at the limit: SIGTERM");
    kit_clock(k, t + 3999);
    CLAIM(k, kit_has(k, ""), "one before the next limit nothing happens");
    kit_clock(k, t + 4000);
    CLAIM(k, said(k, "KILL a.0, CHANGED a.0 draining"), "at the limit: SIGKILL");
    CLAIM(k, node_next_ms(k->node) == UINT64_MAX, "which needs no deadline");
    kit_exit(k, "a.0", -1, 9);
    CLAIM(k, said(k, "CHANGED a.0 stopped") && kit_at(k, "a.0")->fails == 0, "no crash: we asked");
}

static void a_limit_of_zero_skips_its_step(struct kit *k)
{
    struct manifest_cell *c = kit_cell(k, "a", 1, "");
    c->deadlines.drain_ms = 0;
    c->deadlines.term_ms = 0;
    kit_apply(k);
    kit_up(k, "a.0");
    kit_order(k, NODE_EV_STOP, "a", 0, 0);
    CLAIM(k, said(k, "UNPUBLISH a.0, KILL a.0, CHANGED a.0 draining"), "killed at once");
}

static void a_stop_before_spawned_waits_for_it(struct kit *k)
{
    kit_cell(k, "a", 1, "");
    kit_apply(k);
    kit_order(k, NODE_EV_STOP, "a", 0, 0);
    CLAIM(k, said(k, "CHANGED a.0 draining"), "there is nobody to tell yet");
    kit_tell(k, NODE_EV_SPAWNED, "a.0");
    CLAIM(k, said(k, "DRAIN a.0"), "told as soon as it is there");
    kit_exit(k, "a.0", 0, 0);
    CLAIM(k, strcmp(kit_state(k, "a.0"), "stopped") == 0, "and gone");
}

static void a_failed_spawn_is_a_crash_with_its_reason(struct kit *k)
{
    kit_cell(k, "a", 1, "")->restart.first_ms = 1000;
    kit_apply(k);
    int32_t slot = node_find(k->node, "default", "a", 0);
    kit_feed(k, (struct node_event){.kind = NODE_EV_SPAWN_FAILED, .slot = (uint32_t)slot,
                                    .generation = 1, .text = "no such file"});
    CLAIM(k, said(k, "CHANGED a.0 failed"), "it failed");
    CLAIM(k, strcmp(kit_at(k, "a.0")->reason, "could not start: no such file") == 0, "and says why");
}

static void draining_by_itself_is_a_crash_when_wanted(struct kit *k)
{
    kit_cell(k, "a", 1, "")->restart.first_ms = 500;
    kit_apply(k);
    kit_up(k, "a.0");
    kit_tell(k, NODE_EV_DRAINING, "a.0");
    CLAIM(k, said(k, "UNPUBLISH a.0, CHANGED a.0 draining"), "no new calls for it");
    CLAIM(k, kit_at(k, "a.0")->deadline_ms == k->now_ms + 5000, "it gets the drain limit");
    kit_tell(k, NODE_EV_STOPPED, "a.0");
    kit_exit(k, "a.0", 0, 0);
    CLAIM(k, said(k, "CHANGED a.0 failed"), "exit 0 though it should run");
    CLAIM(k, strcmp(kit_at(k, "a.0")->reason, "ended by itself with exit status 0") == 0, "says so");
}

static void stopped_without_exit_is_ended(struct kit *k)
{
    kit_cell(k, "a", 1, "")->deadlines.term_ms = 700;
    kit_apply(k);
    kit_up(k, "a.0");
    kit_tell(k, NODE_EV_STOPPED, "a.0");
    kit_run(k, k->now_ms + 700);
    CLAIM(k, kit_has(k, "TERM a.0"), "who says goodbye has to go");
    kit_run(k, k->now_ms + 700);
    CLAIM(k, kit_has(k, "KILL a.0"), "one way or the other");
}

static void start_while_draining_brings_it_back(struct kit *k)
{
    kit_cell(k, "a", 1, "");
    kit_apply(k);
    kit_up(k, "a.0");
    kit_order(k, NODE_EV_STOP, "a", -1, 0);
    kit_order(k, NODE_EV_START, "a", -1, 0);
    CLAIM(k, strcmp(kit_state(k, "a.0"), "draining") == 0, "what drains goes on draining");
    kit_exit(k, "a.0", 0, 0);
    CLAIM(k, kit_has(k, "SPAWN a.0") && kit_at(k, "a.0")->fails == 0, "then it starts, without a crash");
}

static void nothing_is_spawned_twice(struct kit *k)
{
    kit_cell(k, "a", 1, "");
    kit_apply(k);
    kit_order(k, NODE_EV_START, "a", -1, 0);
    CLAIM(k, !kit_has(k, "SPAWN a.0"), "not while it is being spawned");
    kit_up(k, "a.0");
    kit_order(k, NODE_EV_START, "a", -1, 0);
    CLAIM(k, !kit_has(k, "SPAWN a.0"), "not while it runs");
    kit_apply(k);
    CLAIM(k, !kit_has(k, "SPAWN a.0"), "not because the same manifest comes again");
    uint64_t before = kit_at(k, "a.0")->generation;
    kit_exit(k, "a.0", 1, 0);
    CLAIM(k, kit_at(k, "a.0")->generation > before, "and every start has a new generation");
}

static void a_spare_is_asked_for_when_its_cell_serves(struct kit *k)
{
    kit_cell(k, "a", 2, "")->spare = true;
    kit_apply(k);
    CLAIM(k, !kit_has(k, "SPARE a=1"), "not while everybody boots");
    kit_up(k, "a.0");
    CLAIM(k, !kit_has(k, "SPARE a=1"), "nor while one is on its way");
    kit_up(k, "a.1");
    CLAIM(k, kit_has(k, "SPARE a=1"), "then once");
    kit_apply(k);
    CLAIM(k, !kit_has(k, "SPARE a=1"), "and no more");
    kit_exit(k, "a.0", 1, 0);
    CLAIM(k, kit_has(k, "SPAWN a.0"), "a spawn may use it");
    kit_up(k, "a.0");
    CLAIM(k, kit_has(k, "SPARE a=1"), "so it is asked for again");
    kit_order(k, NODE_EV_STOP, "a", -1, 0);
    CLAIM(k, kit_has(k, "SPARE a=0"), "a stopped cell needs none");
}

static void a_cell_on_demand_waits_to_be_asked_for(struct kit *k)
{
    kit_cell(k, "a", 2, "")->on_demand = true;
    kit_cell(k, "b", 1, "");
    kit_apply(k);
    CLAIM(k, !kit_has(k, "SPAWN a.0") && kit_has(k, "SPAWN b.0"), "it is not started with the others");
    CLAIM(k, strcmp(kit_state(k, "a.0"), "stopped") == 0, "nor does it look as if it came");
    CLAIM(k, strstr(kit_at(k, "a.1")->reason, "asked for") != NULL, "and says what it waits for");
    kit_order(k, NODE_EV_START, "a", -1, 0);
    CLAIM(k, kit_has(k, "SPAWN a.0") && kit_has(k, "SPAWN a.1"), "somebody asks: all of them");
    kit_up(k, "a.0");
    kit_up(k, "a.1");
    kit_entry(k, "a")->instances = 3;
    kit_apply(k);
    CLAIM(k, kit_has(k, "SPAWN a.2"), "it grows as others do while it runs");
    kit_exit(k, "a.0", 1, 0);
    CLAIM(k, kit_has(k, "SPAWN a.0"), "and what dies comes back");
    kit_order(k, NODE_EV_STOP, "a", -1, 0);
    kit_exit(k, "a.1", 0, 0);
    kit_apply(k);
    CLAIM(k, !kit_has(k, "SPAWN a.1"), "stopped, it waits to be asked for again");
    kit_entry(k, "a")->on_demand = false;
    kit_entry(k, "a")->hash++;
    kit_apply(k);
    CLAIM(k, kit_has(k, "SPAWN a.1"), "an entry that no longer says so starts it");
}

static void exits_are_told_in_words(struct kit *k)
{
    static const struct {
        int code, signal;
        bool is_ready;
        const char *reason;
        const char *told; /* by the kernel, beyond the status */
    } rows[] = {
        {0, 0, true, "ended by itself with exit status 0", NULL},
        {1, 0, false, "exit status 1 before it was ready", NULL},
        {64, 0, true, "exit status 64 (wrong usage)", NULL},
        {7, 0, true, "exit status 7", NULL},
        {-1, 11, true, "killed by signal 11 (SIGSEGV)", NULL},
        {-1, 31, false, "killed by signal 31 (SIGSYS) before it was ready", NULL},
        {-1, 40, true, "killed by signal 40", NULL},
        {-1, 0, true, "ended, nobody knows how", ""},
        {-1, 9, true, "killed by signal 9 (SIGKILL): out of memory", "out of memory"},
        {1, 0, false, "exit status 1 before it was ready: why", "why"},
    };
    struct manifest_cell *c = kit_cell(k, "a", 1, "");

    c->restart.first_ms = 100;
    c->restart.give_up_count = 16;
    kit_apply(k);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        while (!kit_at(k, "a.0")->is_spawning) {
            kit_run(k, node_next_ms(k->node));
        }
        kit_tell(k, NODE_EV_SPAWNED, "a.0");
        kit_tell(k, NODE_EV_BOOTING, "a.0");
        kit_tell(k, NODE_EV_LISTENING, "a.0");
        if (rows[i].is_ready) {
            kit_tell(k, NODE_EV_READY, "a.0");
        }
        int32_t slot = node_find(k->node, "default", "a", 0);
        kit_feed(k, (struct node_event){.kind = NODE_EV_EXITED, .slot = (uint32_t)slot,
                                        .generation = kit_at(k, "a.0")->generation,
                                        .exit_code = rows[i].code, .signal = rows[i].signal,
                                        .text = rows[i].told});
        CLAIM(k, strcmp(kit_at(k, "a.0")->reason, rows[i].reason) == 0, rows[i].reason);
    }
}

static void a_reason_is_printable_and_cut(struct kit *k)
{
    char text[3 * NODE_REASON_SIZE];
    kit_cell(k, "a", 1, "")->restart.first_ms = 100;
    kit_apply(k);
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    text[0] = '\n';
    int32_t slot = node_find(k->node, "default", "a", 0);
    kit_tell(k, NODE_EV_SPAWNED, "a.0");
    kit_feed(k, (struct node_event){.kind = NODE_EV_STOPPED, .slot = (uint32_t)slot,
                                    .generation = 1, .text = text});
    const char *reason = kit_at(k, "a.0")->reason;
    CLAIM(k, strncmp(reason, "\\x0a", 4) == 0, "what a cell says cannot break a line");
    CLAIM(k, strlen(reason) == NODE_REASON_SIZE - 1, "and fits");
}

int main(void)
{
    static const struct kit_test tests[] = {
        KIT_TEST(an_instance_comes_up_and_is_published),
        KIT_TEST(a_trivial_program_is_ready_when_it_runs),
        KIT_TEST(not_ready_in_time_is_killed),
        KIT_TEST(ready_at_the_limit_is_in_time),
        KIT_TEST(the_ladder_is_drain_term_kill),
        KIT_TEST(a_limit_of_zero_skips_its_step),
        KIT_TEST(a_stop_before_spawned_waits_for_it),
        KIT_TEST(a_failed_spawn_is_a_crash_with_its_reason),
        KIT_TEST(draining_by_itself_is_a_crash_when_wanted),
        KIT_TEST(stopped_without_exit_is_ended),
        KIT_TEST(start_while_draining_brings_it_back),
        KIT_TEST(nothing_is_spawned_twice),
        KIT_TEST(a_spare_is_asked_for_when_its_cell_serves),
        KIT_TEST(a_cell_on_demand_waits_to_be_asked_for),
        KIT_TEST(exits_are_told_in_words),
        KIT_TEST(a_reason_is_printable_and_cut),
    };

    return kit_main(tests, ARRAY_LEN(tests));
}
