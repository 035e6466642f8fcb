/* Order over the graph of requirements, rolls, numbers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "tests/unit/nucleus/node_kit.h"

static bool is(struct kit *k, const char *who, const char *state)
{
    return strcmp(kit_state(k, who), state) == 0;
}

static void a_cell_starts_when_all_below_are_ready(struct kit *k)
{
    kit_cell(k, "c", 1, "a b");
    kit_cell(k, "a", 2, "");
    kit_cell(k, "b", 1, "");
    kit_apply(k);
    CLAIM(k, kit_has(k, "SPAWN a.0") && kit_has(k, "SPAWN a.1") && kit_has(k, "SPAWN b.0"),
          "what requires nothing starts in parallel");
    CLAIM(k, is(k, "c.0", "waiting"), "what requires waits");
    CLAIM(k, strcmp(kit_at(k, "c.0")->reason, "requires a: 0 of 2 ready") == 0, "and says for whom");
    kit_up(k, "a.0");
    kit_up(k, "b.0");
    CLAIM(k, !kit_has(k, "SPAWN c.0"), "one of two is not all");
    kit_up(k, "a.1");
    CLAIM(k, kit_has(k, "SPAWN c.0"), "all are");
}

static void a_restart_needs_one_below(struct kit *k)
{
    kit_cell(k, "a", 2, "")->restart.first_ms = 5000;
    kit_cell(k, "b", 1, "a");
    kit_apply(k);
    kit_up(k, "a.0");
    kit_up(k, "a.1");
    kit_up(k, "b.0");
    kit_exit(k, "a.0", 1, 0);
    kit_exit(k, "b.0", 1, 0);
    CLAIM(k, kit_has(k, "SPAWN b.0"), "one that serves is enough to come back");
    kit_up(k, "b.0");
    kit_exit(k, "a.1", 1, 0);
    kit_exit(k, "b.0", 1, 0);
    kit_run(k, k->now_ms + 1000);
    CLAIM(k, is(k, "b.0", "waiting"), "none is not: readiness gates restarts too");
}

static void who_failed_twice_is_not_awaited_while_another_serves(struct kit *k)
{
    kit_cell(k, "a", 2, "")->restart.first_ms = 5000;
    kit_cell(k, "b", 1, "a");
    kit_apply(k);
    kit_up(k, "a.0");
    kit_tell(k, NODE_EV_SPAWNED, "a.1");
    kit_exit(k, "a.1", 1, 0);
    CLAIM(k, is(k, "b.0", "waiting"), "one failure may be bad luck");
    for (int second = 0; second < 6; second++) {
        kit_run(k, k->now_ms + 1000);
        kit_tell(k, NODE_EV_BEAT, "a.0");
    }
    kit_tell(k, NODE_EV_SPAWNED, "a.1");
    kit_exit(k, "a.1", 1, 0);
    CLAIM(k, kit_has(k, "SPAWN b.0"), "two are not");
}

static void stop_waits_for_what_goes_away_above(struct kit *k)
{
    kit_cell(k, "a", 1, "");
    kit_cell(k, "b", 1, "a");
    kit_cell(k, "c", 1, "b");
    kit_apply(k);
    kit_up(k, "a.0");
    kit_up(k, "b.0");
    kit_up(k, "c.0");
    kit_order(k, NODE_EV_DOWN, NULL, 0, 0);
    CLAIM(k, kit_has(k, "DRAIN c.0") && !kit_has(k, "DRAIN b.0") && !kit_has(k, "DRAIN a.0"),
          "the top drains first");
    CLAIM(k, is(k, "a.0", "ready") && is(k, "b.0", "ready"), "the rest goes on serving it");
    kit_exit(k, "b.0", 1, 0);
    CLAIM(k, kit_has(k, "CHANGED b.0 stopped") && !kit_has(k, "DRAIN a.0"),
          "a crash on the way restarts nothing and does not jump the queue");
    kit_exit(k, "c.0", 0, 0);
    CLAIM(k, kit_has(k, "DRAIN a.0"), "then the next");
    CLAIM(k, !kit_has(k, "DONE"), "not done yet");
    kit_exit(k, "a.0", 0, 0);
    CLAIM(k, kit_has(k, "DONE"), "done");
    CLAIM(k, kit_order(k, NODE_EV_START, "a", -1, 0) == ERR_PRECONDITION, "no start during DOWN");
    CLAIM(k, kit_order(k, NODE_EV_SCALE, "a", 0, 2) == ERR_PRECONDITION, "no scale");
    CLAIM(k, kit_apply(k) == ERR_PRECONDITION, "no apply");
    CLAIM(k, kit_order(k, NODE_EV_DOWN, NULL, 0, 0) == ERR_OK && kit_has(k, "DONE"), "asked again");
}

static void stopping_one_alone_waits_for_nobody_who_stays(struct kit *k)
{
    kit_cell(k, "a", 1, "");
    kit_cell(k, "b", 1, "a");
    kit_apply(k);
    kit_up(k, "a.0");
    kit_up(k, "b.0");
    kit_order(k, NODE_EV_STOP, "a", -1, 0);
    CLAIM(k, kit_has(k, "DRAIN a.0") && !kit_has(k, "DRAIN b.0"), "a person's order is about a");
    kit_exit(k, "a.0", 0, 0);
    kit_exit(k, "b.0", 1, 0);
    CLAIM(k, strcmp(kit_at(k, "b.0")->reason, "requires a, which is stopped") == 0, "b says why");
    kit_apply(k);
    CLAIM(k, is(k, "a.0", "stopped"), "an apply does not undo a person's stop");
    kit_order(k, NODE_EV_START, "a", -1, 0);
    CLAIM(k, kit_has(k, "SPAWN a.0"), "a start does");
}

static void removed_cells_drain_from_the_top_and_are_forgotten(struct kit *k)
{
    kit_cell(k, "a", 1, "");
    kit_cell(k, "b", 1, "a");
    kit_apply(k);
    kit_up(k, "a.0");
    kit_up(k, "b.0");
    kit_remove(k, "b");
    kit_remove(k, "a");
    kit_apply(k);
    CLAIM(k, kit_has(k, "DRAIN b.0") && !kit_has(k, "DRAIN a.0"), "in reverse");
    CLAIM(k, kit_at(k, "b.0")->cell == UINT32_MAX, "no entry is theirs");
    kit_exit(k, "b.0", 0, 0);
    CLAIM(k, kit_has(k, "FORGET b.0") && kit_has(k, "DRAIN a.0"), "one by one");
    kit_exit(k, "a.0", 0, 0);
    CLAIM(k, kit_has(k, "FORGET a.0") && node_slots(k->node) == 0, "nothing is left");
}

/* b has given up, so it has nothing to wait for when all three are removed: the two that live still
 * end in order, though what linked them is gone first. */
static void the_order_holds_over_a_removed_cell_that_does_not_run(struct kit *k)
{
    kit_cell(k, "a", 1, "");
    kit_cell(k, "b", 1, "a")->restart.give_up_count = 1;
    kit_cell(k, "c", 1, "b");
    kit_apply(k);
    kit_up(k, "a.0");
    kit_up(k, "b.0");
    kit_up(k, "c.0");
    kit_exit(k, "b.0", 1, 0);
    CLAIM(k, is(k, "b.0", "crash-loop"), "b does not run any more");
    kit_remove(k, "c");
    kit_remove(k, "b");
    kit_remove(k, "a");
    kit_apply(k);
    CLAIM(k, kit_has(k, "FORGET b.0"), "b has nothing to end");
    CLAIM(k, kit_has(k, "DRAIN c.0") && !kit_has(k, "DRAIN a.0"), "c may still need what b required");
    kit_exit(k, "c.0", 0, 0);
    CLAIM(k, kit_has(k, "FORGET c.0") && kit_has(k, "DRAIN a.0"), "then a");
    kit_exit(k, "a.0", 0, 0);
    CLAIM(k, kit_has(k, "FORGET a.0") && node_slots(k->node) == 0, "nothing is left");
    kit_cell(k, "b", 1, "");
    kit_apply(k);
    CLAIM(k, kit_has(k, "SPAWN b.0"), "and nothing of it comes back with the name");
}

static void a_number_is_reconciled(struct kit *k)
{
    kit_cell(k, "a", 3, "");
    kit_apply(k);
    kit_up(k, "a.0");
    kit_up(k, "a.1");
    kit_up(k, "a.2");
    kit_entry(k, "a")->instances = 1;
    kit_apply(k);
    CLAIM(k, kit_has(k, "DRAIN a.1") && kit_has(k, "DRAIN a.2") && !kit_has(k, "DRAIN a.0"),
          "the highest numbers go");
    kit_exit(k, "a.2", 0, 0);
    CLAIM(k, kit_has(k, "FORGET a.2"), "for good");
    kit_entry(k, "a")->instances = 3;
    kit_apply(k);
    CLAIM(k, kit_has(k, "SPAWN a.2") && !kit_has(k, "SPAWN a.1"), "what still drains comes after");
    kit_exit(k, "a.1", 0, 0);
    CLAIM(k, kit_has(k, "SPAWN a.1"), "its old self");
}

static void a_persons_number_holds_until_the_manifests_changes(struct kit *k)
{
    kit_cell(k, "a", 1, "");
    kit_apply(k);
    kit_order(k, NODE_EV_SCALE, "a", -1, 3);
    CLAIM(k, k->fx.item[0].kind == NODE_FX_STORE_SCALE && k->fx.item[0].count == 3 &&
                 k->fx.item[0].of == 1, "the wish is stored first");
    CLAIM(k, kit_has(k, "SPAWN a.2") && node_wanted(k->node, 0) == 3, "and done");
    kit_apply(k);
    CLAIM(k, node_wanted(k->node, 0) == 3, "the same manifest changes nothing");
    kit_entry(k, "a")->instances = 2;
    kit_apply(k);
    CLAIM(k, node_wanted(k->node, 0) == 2, "another number does");
    CLAIM(k, kit_has(k, "STORE_SCALE a=2"), "and the wish is deleted");
    CLAIM(k, kit_order(k, NODE_EV_SCALE, "a", -1, MANIFEST_INSTANCES_MAX) == ERR_OK, "the most");
    CLAIM(k, kit_order(k, NODE_EV_SCALE, "a", -1, MANIFEST_INSTANCES_MAX + 1) == ERR_LIMIT, "too many");
    CLAIM(k, node_wanted(k->node, 0) == MANIFEST_INSTANCES_MAX, "changed nothing");
    kit_order(k, NODE_EV_SCALE, "a", -1, 0);
    CLAIM(k, node_wanted(k->node, 0) == 0, "none is a number too");
}

static void a_cell_stopped_as_a_whole_does_not_grow_into_running(struct kit *k)
{
    kit_cell(k, "a", 1, "");
    kit_apply(k);
    kit_order(k, NODE_EV_STOP, "a", -1, 0);
    kit_order(k, NODE_EV_SCALE, "a", -1, 2);
    CLAIM(k, !kit_has(k, "SPAWN a.1") && is(k, "a.1", "stopped"), "it is stopped, in any number");
    kit_order(k, NODE_EV_START, "a", -1, 0);
    CLAIM(k, kit_has(k, "SPAWN a.1"), "until it is started");
}

static void a_change_rolls_one_at_a_time(struct kit *k)
{
    kit_cell(k, "a", 3, "");
    kit_apply(k);
    kit_up(k, "a.0");
    kit_up(k, "a.1");
    kit_up(k, "a.2");
    kit_entry(k, "a")->hash = 2;
    kit_apply(k);
    CLAIM(k, kit_has(k, "DRAIN a.0") && !kit_has(k, "DRAIN a.1") && !kit_has(k, "DRAIN a.2"), "first");
    kit_exit(k, "a.0", 0, 0);
    CLAIM(k, kit_has(k, "SPAWN a.0") && !kit_has(k, "DRAIN a.1"), "the next waits until …");
    kit_up(k, "a.0");
    CLAIM(k, kit_has(k, "DRAIN a.1") && !kit_has(k, "DRAIN a.2"), "… it is ready");
    CLAIM(k, kit_at(k, "a.0")->hash == 2 && kit_at(k, "a.0")->restarts == 0, "new, and no crash");
    kit_entry(k, "a")->hash = 1;
    kit_apply(k);
    kit_exit(k, "a.1", 0, 0);
    kit_up(k, "a.1");
    CLAIM(k, kit_has(k, "DRAIN a.0"), "taken back: only the changed one rolls again");
    kit_exit(k, "a.0", 0, 0);
    kit_up(k, "a.0");
    CLAIM(k, !kit_has(k, "DRAIN a.2"), "what never changed is left alone");
}

static void a_roll_does_not_jump_the_stop_order(struct kit *k)
{
    kit_cell(k, "a", 2, "");
    kit_cell(k, "b", 1, "a");
    kit_apply(k);
    kit_up(k, "a.0");
    kit_up(k, "a.1");
    kit_up(k, "b.0");
    kit_entry(k, "a")->hash = 2;
    kit_apply(k);
    CLAIM(k, kit_has(k, "DRAIN a.0"), "a roll has begun");
    kit_order(k, NODE_EV_DOWN, NULL, 0, 0);
    CLAIM(k, kit_has(k, "DRAIN b.0") && !kit_has(k, "DRAIN a.1"), "the rest of it stops in order");
    kit_exit(k, "a.0", 0, 0);
    CLAIM(k, !kit_has(k, "DRAIN a.1") && !kit_has(k, "SPAWN a.0"), "b still requires it");
    kit_exit(k, "b.0", 0, 0);
    CLAIM(k, kit_has(k, "DRAIN a.1"), "now nobody does");
}

static void a_new_version_that_fails_halts_the_roll(struct kit *k)
{
    kit_cell(k, "a", 2, "")->restart.give_up_count = 1;
    kit_apply(k);
    kit_up(k, "a.0");
    kit_up(k, "a.1");
    kit_entry(k, "a")->hash = 2;
    kit_apply(k);
    kit_exit(k, "a.0", 0, 0);
    kit_tell(k, NODE_EV_SPAWNED, "a.0");
    kit_exit(k, "a.0", 1, 0);
    CLAIM(k, is(k, "a.0", "crash-loop") && is(k, "a.1", "ready"), "the old one goes on serving");
    kit_entry(k, "a")->hash = 3;
    kit_apply(k);
    CLAIM(k, kit_has(k, "SPAWN a.0"), "an apply tries again");
    kit_up(k, "a.0");
    CLAIM(k, kit_has(k, "DRAIN a.1"), "and the roll goes on");
}

static void a_change_restarts_at_once_who_does_not_serve(struct kit *k)
{
    kit_cell(k, "a", 2, "");
    kit_apply(k);
    kit_up(k, "a.0");
    kit_tell(k, NODE_EV_SPAWNED, "a.1");
    kit_entry(k, "a")->hash = 2;
    kit_apply(k);
    CLAIM(k, kit_has(k, "DRAIN a.1") && !kit_has(k, "DRAIN a.0"), "nobody loses a call by it");
}

static void a_persons_restart_of_one_is_at_once(struct kit *k)
{
    kit_cell(k, "a", 2, "")->restart.first_ms = 9000;
    kit_apply(k);
    kit_up(k, "a.0");
    kit_up(k, "a.1");
    kit_exit(k, "a.1", 1, 0);
    kit_order(k, NODE_EV_RESTART, "a", 0, 0);
    CLAIM(k, kit_has(k, "DRAIN a.0"), "she named it");
    CLAIM(k, kit_order(k, NODE_EV_RESTART, "a", 2, 0) == ERR_NOT_FOUND, "there is no third");
    CLAIM(k, kit_order(k, NODE_EV_RESTART, "a", -2, 0) == ERR_INVALID, "nor a minus second");
    CLAIM(k, kit_feed(k, (struct node_event){.kind = NODE_EV_STOP, .cell = 1, .instance = -1}) ==
                 ERR_NOT_FOUND, "nor a second cell");
    kit_order(k, NODE_EV_RESTART, "a", 1, 0);
    CLAIM(k, kit_has(k, "SPAWN a.1") && kit_at(k, "a.1")->restarts == 0, "a back-off is cut short");
}

/* ---- random graphs --------------------------------------------------------------------------------- */

enum { GRAPH_CELLS = 50 };

/* Names in an order that is not the graph's: cell number i requires only lower ones. */
static void draw_graph(struct kit *k, struct rng *rng, bool edge[GRAPH_CELLS][GRAPH_CELLS])
{
    for (uint32_t i = 0; i < GRAPH_CELLS; i++) {
        char name[8], requires[512] = "";
        for (uint32_t j = 0; j < i; j++) {
            edge[i][j] = rng_below(rng, 10) == 0;
            if (edge[i][j]) {
                snprintf(requires + strlen(requires), 8, "n%02u ", j);
            }
        }
        snprintf(name, sizeof name, "n%02u", i);
        kit_cell(k, name, 1, requires);
    }
}

/* Those the last step has started (or told to drain). */
static uint32_t gather(const struct kit *k, enum node_effect_kind kind, uint32_t *list)
{
    uint32_t count = 0;

    for (size_t f = 0; f < k->fx.count; f++) {
        if (k->fx.item[f].kind == kind) {
            list[count++] = (uint32_t)atoi(k->fx.item[f].name + 1);
        }
    }
    return count;
}

static void random_graphs_start_and_stop_in_order(struct kit *k)
{
    static bool edge[GRAPH_CELLS][GRAPH_CELLS];
    struct rng rng;
    uint64_t seed = 1 + k->now_ms % 7;

    for (int round = 0; round < 100; round++, seed++) {
        struct kit g;
        bool is_up[GRAPH_CELLS] = {false};
        uint32_t todo[GRAPH_CELLS + 1], count;
        char who[16], claim[64];
        kit_init(&g);
        rng_init(&rng, seed);
        draw_graph(&g, &rng, edge);
        snprintf(claim, sizeof claim, "seed %u of the graph", (unsigned)seed);
        kit_apply(&g);
        count = gather(&g, NODE_FX_SPAWN, todo);
        uint32_t up = 0;
        for (; count > 0; up++) {
            uint32_t pick = (uint32_t)rng_below(&rng, count), cell = todo[pick];
            todo[pick] = todo[--count];
            for (uint32_t j = 0; j < cell; j++) {
                CLAIM(&g, !edge[cell][j] || is_up[j], claim);
            }
            snprintf(who, sizeof who, "n%02u.0", cell);
            kit_up(&g, who);
            is_up[cell] = true;
            count += gather(&g, NODE_FX_SPAWN, todo + count);
        }
        CLAIM(&g, up == GRAPH_CELLS, "all start");
        kit_order(&g, NODE_EV_DOWN, NULL, 0, 0);
        count = gather(&g, NODE_FX_DRAIN, todo);
        for (; count > 0; up--) {
            uint32_t pick = (uint32_t)rng_below(&rng, count), cell = todo[pick];
            todo[pick] = todo[--count];
            for (uint32_t j = cell + 1; j < GRAPH_CELLS; j++) {
                CLAIM(&g, !edge[j][cell] || !is_up[j], claim);
            }
            snprintf(who, sizeof who, "n%02u.0", cell);
            kit_exit(&g, who, 0, 0);
            is_up[cell] = false;
            count += gather(&g, NODE_FX_DRAIN, todo + count);
        }
        CLAIM(&g, up == 0 && kit_has(&g, "DONE"), "all stop");
        k->failed |= g.failed;
        kit_fini(&g);
    }
}

int main(void)
{
    static const struct kit_test tests[] = {
        KIT_TEST(a_cell_starts_when_all_below_are_ready),
        KIT_TEST(a_restart_needs_one_below),
        KIT_TEST(who_failed_twice_is_not_awaited_while_another_serves),
        KIT_TEST(stop_waits_for_what_goes_away_above),
        KIT_TEST(stopping_one_alone_waits_for_nobody_who_stays),
        KIT_TEST(removed_cells_drain_from_the_top_and_are_forgotten),
        KIT_TEST(the_order_holds_over_a_removed_cell_that_does_not_run),
        KIT_TEST(a_number_is_reconciled),
        KIT_TEST(a_persons_number_holds_until_the_manifests_changes),
        KIT_TEST(a_cell_stopped_as_a_whole_does_not_grow_into_running),
        KIT_TEST(a_change_rolls_one_at_a_time),
        KIT_TEST(a_roll_does_not_jump_the_stop_order),
        KIT_TEST(a_new_version_that_fails_halts_the_roll),
        KIT_TEST(a_change_restarts_at_once_who_does_not_serve),
        KIT_TEST(a_persons_restart_of_one_is_at_once),
        KIT_TEST(random_graphs_start_and_stop_in_order),
    };

    return kit_main(tests, ARRAY_LEN(tests));
}
