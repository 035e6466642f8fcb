/* Strategies: who shares a restart, and that all of a group end before the first starts again. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/nucleus/node_kit.h"

static bool is(struct kit *k, const char *who, const char *state)
{
    return strcmp(kit_state(k, who), state) == 0;
}

static void one_for_all_ends_all_and_then_starts_all(struct kit *k)
{
    kit_cell(k, "a", 3, "")->restart.strategy = MANIFEST_ONE_FOR_ALL;
    kit_cell(k, "b", 1, "a");
    kit_apply(k);
    kit_up(k, "a.0");
    kit_up(k, "a.1");
    kit_up(k, "a.2");
    kit_up(k, "b.0");
    kit_exit(k, "a.1", 1, 0);
    CLAIM(k, kit_has(k, "DRAIN a.0") && kit_has(k, "DRAIN a.2") && !kit_has(k, "SPAWN a.1"),
          "the others end first");
    CLAIM(k, strcmp(kit_at(k, "a.1")->reason, "starts when all of its group have ended") == 0, "why");
    CLAIM(k, is(k, "b.0", "ready"), "and nobody else");
    kit_exit(k, "a.0", 1, 0);
    CLAIM(k, !kit_has(k, "SPAWN a.0") && kit_at(k, "a.0")->fails == 0 &&
                 kit_at(k, "a.0")->restarts == 1, "a restart, not a crash of its own");
    kit_exit(k, "a.2", 0, 0);
    CLAIM(k, kit_has(k, "SPAWN a.0") && kit_has(k, "SPAWN a.1") && kit_has(k, "SPAWN a.2"),
          "none meets one of before");
}

static void a_group_waits_for_those_that_end_already(struct kit *k)
{
    kit_cell(k, "a", 3, "")->restart.strategy = MANIFEST_ONE_FOR_ALL;
    kit_apply(k);
    kit_up(k, "a.0");
    kit_up(k, "a.1");
    kit_up(k, "a.2");
    kit_order(k, NODE_EV_RESTART, "a", 0, 0);
    kit_exit(k, "a.1", 1, 0);
    CLAIM(k, kit_has(k, "DRAIN a.2") && !kit_has(k, "DRAIN a.0"), "a.0 was told before");
    kit_exit(k, "a.2", 0, 0);
    CLAIM(k, !kit_has(k, "SPAWN a.1") && !kit_has(k, "SPAWN a.2"), "and is still there");
    kit_exit(k, "a.0", 0, 0);
    CLAIM(k, kit_has(k, "SPAWN a.0") && kit_has(k, "SPAWN a.1") && kit_has(k, "SPAWN a.2"), "now not");
}

static void a_group_waits_out_the_back_off_of_who_crashed(struct kit *k)
{
    struct manifest_cell *c = kit_cell(k, "a", 2, "");
    c->restart.strategy = MANIFEST_ONE_FOR_ALL;
    c->restart.first_ms = 1000;
    kit_apply(k);
    kit_up(k, "a.0");
    kit_up(k, "a.1");
    kit_exit(k, "a.0", 1, 0);
    kit_exit(k, "a.1", 0, 0);
    CLAIM(k, kit_has(k, "SPAWN a.1") && is(k, "a.0", "failed"), "a.1 did nothing wrong");
    kit_up(k, "a.1");
    kit_run(k, k->now_ms + 1100);
    CLAIM(k, kit_has(k, "SPAWN a.0"), "a.0 waits its time");
}

static void an_apply_or_a_restart_leaves_a_group_together(struct kit *k)
{
    kit_cell(k, "a", 3, "")->restart.strategy = MANIFEST_ONE_FOR_ALL;
    kit_entry(k, "a")->restart.give_up_count = 1;
    kit_apply(k);
    kit_up(k, "a.0");
    kit_up(k, "a.1");
    kit_up(k, "a.2");
    kit_exit(k, "a.2", 1, 0);
    CLAIM(k, is(k, "a.2", "crash-loop"), "one has given up");
    kit_entry(k, "a")->restart.give_up_count = 5;
    kit_apply(k);
    kit_tell(k, NODE_EV_SPAWNED, "a.2");
    kit_exit(k, "a.2", 1, 0);
    kit_exit(k, "a.0", 0, 0);
    kit_entry(k, "a")->hash = 2;
    kit_apply(k);
    kit_order(k, NODE_EV_RESTART, "a", -1, 0);
    CLAIM(k, !kit_has(k, "SPAWN a.0") && !kit_has(k, "SPAWN a.2"), "a.1 is still to end");
    kit_exit(k, "a.1", 0, 0);
    CLAIM(k, kit_has(k, "SPAWN a.0") && kit_has(k, "SPAWN a.1") && kit_has(k, "SPAWN a.2"), "then all");
    CLAIM(k, kit_at(k, "a.1")->hash == 2, "with the new entry");
}

/* c requires a by way of b. The restart is decided when a crashes; that b lets go of a afterwards does
 * not concern c, whose entry is the same as before: it is restarted, once, and by b's new version. */
static void what_was_decided_outlives_the_requirement(struct kit *k)
{
    kit_cell(k, "a", 1, "")->restart.strategy = MANIFEST_REST_FOR_ONE;
    kit_cell(k, "b", 1, "a");
    kit_cell(k, "c", 1, "b");
    kit_apply(k);
    kit_up(k, "a.0");
    kit_up(k, "b.0");
    kit_up(k, "c.0");
    kit_exit(k, "a.0", 1, 0);
    kit_entry(k, "b")->requires_count = 0;
    kit_entry(k, "b")->hash = 2;
    kit_apply(k);
    CLAIM(k, kit_has(k, "SPAWN a.0"), "nothing above a is left to wait for");
    kit_exit(k, "c.0", 0, 0);
    CLAIM(k, kit_has(k, "DRAIN b.0") && is(k, "c.0", "waiting"), "b goes after c as before");
    kit_exit(k, "b.0", 0, 0);
    CLAIM(k, kit_has(k, "SPAWN b.0") && kit_at(k, "b.0")->hash == 2, "b comes back as it is now");
    kit_up(k, "b.0");
    CLAIM(k, kit_has(k, "SPAWN c.0"), "and c after it");
    kit_up(k, "c.0");
    CLAIM(k, is(k, "c.0", "ready") && kit_at(k, "c.0")->restarts == 1, "once");
}

static void who_joins_a_cell_waits_for_its_group(struct kit *k)
{
    kit_cell(k, "a", 2, "")->restart.strategy = MANIFEST_ONE_FOR_ALL;
    kit_apply(k);
    kit_up(k, "a.0");
    kit_up(k, "a.1");
    kit_exit(k, "a.0", 1, 0);
    kit_order(k, NODE_EV_SCALE, "a", -1, 3);
    CLAIM(k, is(k, "a.2", "waiting"), "a third would meet one of before");
    kit_exit(k, "a.1", 0, 0);
    CLAIM(k, kit_has(k, "SPAWN a.2"), "it starts with the others");
}

/* A successor finds a crash that is not on record anew, with all that follows from it; one that is on
 * record it takes for settled. */
static void what_a_crash_decides_is_stored_before_it(struct kit *k)
{
    uint32_t crashed = 0, others = 0;

    kit_cell(k, "a", 3, "")->restart.strategy = MANIFEST_ONE_FOR_ALL;
    kit_apply(k);
    kit_up(k, "a.0");
    kit_up(k, "a.1");
    kit_up(k, "a.2");
    kit_exit(k, "a.0", 1, 0);
    for (size_t i = 0; i < k->fx.count && k->fx.item[i].kind == NODE_FX_STORE; i++) {
        const struct node_instance *r = k->fx.item[i].record;
        if (r->instance == 0) {
            crashed++;
            CLAIM(k, others == 2, "the crash last");
        } else {
            others++;
            CLAIM(k, r->restart_after_exit && r->turn == NODE_TURN_GROUP, "each with its turn");
        }
    }
    CLAIM(k, crashed == 1 && others == 2, "and each once");
}

static void rest_for_one_restarts_what_is_above_in_order(struct kit *k)
{
    kit_cell(k, "a", 1, "")->restart.strategy = MANIFEST_REST_FOR_ONE;
    kit_cell(k, "b", 1, "a");
    kit_cell(k, "c", 1, "b");
    kit_cell(k, "other", 1, "");
    kit_apply(k);
    kit_up(k, "a.0");
    kit_up(k, "b.0");
    kit_up(k, "c.0");
    kit_up(k, "other.0");
    kit_exit(k, "a.0", 1, 0);
    CLAIM(k, !kit_has(k, "SPAWN a.0") && kit_has(k, "DRAIN c.0") && !kit_has(k, "DRAIN b.0"),
          "from the top");
    kit_exit(k, "c.0", 0, 0);
    CLAIM(k, kit_has(k, "DRAIN b.0") && is(k, "c.0", "waiting"), "downwards");
    kit_exit(k, "b.0", 0, 0);
    CLAIM(k, kit_has(k, "SPAWN a.0") && is(k, "b.0", "waiting"), "and up again");
    kit_up(k, "a.0");
    CLAIM(k, kit_has(k, "SPAWN b.0") && !kit_has(k, "SPAWN c.0"), "after what is below …");
    kit_up(k, "b.0");
    CLAIM(k, kit_has(k, "SPAWN c.0"), "… is ready");
    CLAIM(k, is(k, "other.0", "ready"), "others are not concerned");
}

static void who_gives_up_takes_nobody_along(struct kit *k)
{
    struct manifest_cell *c = kit_cell(k, "a", 2, "");
    c->restart.strategy = MANIFEST_ONE_FOR_ALL;
    c->restart.give_up_count = 1;
    kit_apply(k);
    kit_up(k, "a.0");
    kit_up(k, "a.1");
    kit_exit(k, "a.0", 1, 0);
    CLAIM(k, is(k, "a.0", "crash-loop") && is(k, "a.1", "ready"), "there is no restart to share");
}

int main(void)
{
    static const struct kit_test tests[] = {
        KIT_TEST(one_for_all_ends_all_and_then_starts_all),
        KIT_TEST(a_group_waits_for_those_that_end_already),
        KIT_TEST(a_group_waits_out_the_back_off_of_who_crashed),
        KIT_TEST(an_apply_or_a_restart_leaves_a_group_together),
        KIT_TEST(what_was_decided_outlives_the_requirement),
        KIT_TEST(who_joins_a_cell_waits_for_its_group),
        KIT_TEST(what_a_crash_decides_is_stored_before_it),
        KIT_TEST(rest_for_one_restarts_what_is_above_in_order),
        KIT_TEST(who_gives_up_takes_nobody_along),
    };

    return kit_main(tests, ARRAY_LEN(tests));
}
