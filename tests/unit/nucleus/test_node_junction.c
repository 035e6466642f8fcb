/* Every word a cell can say, in every state of what it has said before: the legal ones move, the
 * illegal ones are refused and change nothing. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/nucleus/node_kit.h"

enum { BEGUN, SPAWNED, BOOTING, LISTENING, READY, DRAINING, STOPPED, STATES };

static const enum node_event_kind words[] = {NODE_EV_BOOTING, NODE_EV_LISTENING, NODE_EV_READY,
                                             NODE_EV_DRAINING, NODE_EV_STOPPED};

/* Row: what was said last. Column: the word. 1: legal. */
static const struct {
    const char *after;
    int legal[ARRAY_LEN(words)];
    const char *why;
} rows[STATES] = {
    [BEGUN] = {"spawn asked", {0, 0, 0, 0, 0}, "nobody is there yet"},
    [SPAWNED] = {"nothing said", {1, 0, 0, 0, 1}, "Booting first; goodbye at any time"},
    [BOOTING] = {"Booting", {0, 1, 0, 1, 1}, "Booting once; Ready only after Listening"},
    [LISTENING] = {"Listening", {0, 1, 1, 1, 1}, "a door may be added at any time"},
    [READY] = {"Ready", {0, 1, 0, 1, 1}, "Ready once"},
    [DRAINING] = {"Draining", {0, 1, 0, 0, 1}, "Draining once, and no way back to Ready"},
    [STOPPED] = {"Stopped", {0, 0, 0, 0, 0}, "nothing may follow"},
};

/* Bring a.0 to where it has said everything up to `state`. */
static void bring(struct kit *k, int state)
{
    static const enum node_event_kind way[STATES] = {
        [SPAWNED] = NODE_EV_SPAWNED, [BOOTING] = NODE_EV_BOOTING, [LISTENING] = NODE_EV_LISTENING,
        [READY] = NODE_EV_READY,     [DRAINING] = NODE_EV_DRAINING, [STOPPED] = NODE_EV_STOPPED};

    kit_cell(k, "a", 1, "");
    kit_apply(k);
    for (int s = SPAWNED; s <= state; s++) {
        CLAIM(k, kit_tell(k, way[s], "a.0") == ERR_OK, "the way there is legal");
    }
}

static int check(int state, size_t word, bool is_told_to_stop)
{
    struct kit k;
    char claim[160];

    kit_init(&k);
    bring(&k, state);
    if (is_told_to_stop) {
        kit_order(&k, NODE_EV_STOP, "a", 0, 0);
    }
    struct node_instance before = *kit_at(&k, "a.0");
    enum err e = kit_tell(&k, words[word], "a.0");
    snprintf(claim, sizeof claim, "%s after %s%s: %s", node_event_name(words[word]),
             rows[state].after, is_told_to_stop ? " and told to stop" : "", rows[state].why);
    CLAIM(&k, e == (rows[state].legal[word] ? ERR_OK : ERR_PRECONDITION), claim);
    if (e != ERR_OK) {
        CLAIM(&k, kit_has(&k, ""), "a refused word has no effect");
        CLAIM(&k, memcmp(&before, kit_at(&k, "a.0"), sizeof before) == 0, "and changes nothing");
    }
    if (is_told_to_stop) {
        CLAIM(&k, kit_at(&k, "a.0")->state == NODE_DRAINING, "told to stop, it is never ready again");
        CLAIM(&k, !kit_has(&k, "PUBLISH a.0"), "nor published");
    }
    kit_fini(&k);
    return k.failed;
}

static void last_words_of_the_dead_are_ignored(struct kit *k)
{
    kit_cell(k, "a", 1, "")->restart.first_ms = 1000;
    kit_apply(k);
    kit_up(k, "a.0");
    kit_exit(k, "a.0", 1, 0);
    CLAIM(k, kit_tell(k, NODE_EV_DRAINING, "a.0") == ERR_OK && kit_has(k, ""), "heard after its death");
    kit_run(k, k->now_ms + 1100);
    struct node_event ev = {.kind = NODE_EV_READY, .generation = 1,
                            .slot = (uint32_t)node_find(k->node, "default", "a", 0)};
    CLAIM(k, kit_feed(k, ev) == ERR_OK && kit_has(k, ""), "heard after its successor's birth");
}

static void who_nobody_knows_is_not_found(struct kit *k)
{
    kit_cell(k, "a", 1, "");
    kit_apply(k);
    struct node_event ev = {.kind = NODE_EV_READY, .slot = 77, .generation = 1};
    CLAIM(k, kit_feed(k, ev) == ERR_NOT_FOUND, "a free slot");
    ev.slot = NODE_INSTANCES_MAX;
    CLAIM(k, kit_feed(k, ev) == ERR_NOT_FOUND, "a slot out of range");
}

static void a_trivial_program_may_say_nothing(struct kit *k)
{
    kit_cell(k, "a", 1, "")->trivial = true;
    kit_apply(k);
    kit_tell(k, NODE_EV_SPAWNED, "a.0");
    for (size_t w = 0; w < ARRAY_LEN(words); w++) {
        CLAIM(k, kit_tell(k, words[w], "a.0") == ERR_PRECONDITION, "its junction is not its own");
    }
}

static void process_events_out_of_order_are_refused(struct kit *k)
{
    kit_cell(k, "a", 1, "");
    kit_apply(k);
    CLAIM(k, kit_exit(k, "a.0", 0, 0) == ERR_PRECONDITION, "an exit before the spawn is answered");
    kit_tell(k, NODE_EV_SPAWNED, "a.0");
    CLAIM(k, kit_tell(k, NODE_EV_SPAWNED, "a.0") == ERR_PRECONDITION, "spawned twice");
    CLAIM(k, kit_tell(k, NODE_EV_SPAWN_FAILED, "a.0") == ERR_PRECONDITION, "failed after all");
}

static void before_the_first_manifest_only_recovery_is_heard(struct kit *k)
{
    static const enum node_event_kind kinds[] = {NODE_EV_CLOCK, NODE_EV_START, NODE_EV_STOP,
                                                 NODE_EV_RESTART, NODE_EV_SCALE, NODE_EV_BEAT};

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        CLAIM(k, kit_feed(k, (struct node_event){.kind = kinds[i]}) == ERR_PRECONDITION,
              node_event_name(kinds[i]));
    }
}

int main(void)
{
    static const struct kit_test tests[] = {
        KIT_TEST(last_words_of_the_dead_are_ignored),
        KIT_TEST(who_nobody_knows_is_not_found),
        KIT_TEST(a_trivial_program_may_say_nothing),
        KIT_TEST(process_events_out_of_order_are_refused),
        KIT_TEST(before_the_first_manifest_only_recovery_is_heard),
    };
    int failed = 0;

    for (int state = 0; state < STATES; state++) {
        for (size_t word = 0; word < ARRAY_LEN(words); word++) {
            failed |= check(state, word, false) | check(state, word, true);
        }
    }
    return kit_main(tests, ARRAY_LEN(tests)) | failed;
}
