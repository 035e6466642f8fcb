/* Limits at the edge and one past it; values no checked manifest has; memory that runs out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/unit/nucleus/node_kit.h"

/* ---- memory that runs out: the linker sends the allocations of this program here ------------------- */

static long allocations_left = -1; /* -1: no limit */

static bool may_allocate(void)
{
    if (allocations_left == 0) {
        return false;
    }
    allocations_left -= allocations_left > 0;
    return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_malloc(size_t size)
{
    return may_allocate() ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return may_allocate() ? __real_calloc(count, size) : NULL;
}

void *__wrap_realloc(void *old, size_t size)
{
    return may_allocate() ? __real_realloc(old, size) : NULL;
}

/* What can be seen of the machine. */
static void look(struct kit *k, char *out, size_t size)
{
    size_t len = 0;

    out[0] = '\0';
    for (uint32_t s = 0; s < node_slots(k->node); s++) {
        const struct node_instance *i = node_at(k->node, s);
        if (i != NULL) {
            len += (size_t)snprintf(out + len, size - len, "%s.%u %d %d;", i->name, i->instance,
                                    (int)i->state, (int)i->is_wanted);
        }
    }
    (void)snprintf(out + len, size - len, "%u %u", node_wanted(k->node, 0), node_wanted(k->node, 1));
}

/* Feed `ev` with one more allocation each time until it succeeds; every failure changes nothing. */
static int starve(struct kit *k, const struct node_event *ev)
{
    static char before[65536], after[65536];
    enum err e = ERR_NOMEM;
    int tries = 0;

    for (; e == ERR_NOMEM && tries < 10000; tries++) {
        look(k, before, sizeof before);
        allocations_left = tries;
        e = kit_feed(k, *ev);
        allocations_left = -1;
        if (e == ERR_NOMEM) {
            look(k, after, sizeof after);
            CLAIM(k, strcmp(before, after) == 0 && kit_has(k, ""), "without memory nothing changes");
        }
    }
    CLAIM(k, e == ERR_OK, "with memory it succeeds");
    return tries;
}

static void without_memory_nothing_changes(struct kit *k)
{
    struct node_event apply = {.kind = NODE_EV_MANIFEST, .manifest = &k->manifest};
    struct node_instance r = {.state = NODE_STOPPED, .space = "default", .name = "old", .is_held = true};

    CLAIM(k, starve(k, &(struct node_event){.kind = NODE_EV_ADOPT, .slot = 3, .adopt = &r}) > 1,
          "adoption needs memory");
    struct node_scale scale = {.space = "default", .name = "later", .count = 2, .of = 1};
    CLAIM(k, starve(k, &(struct node_event){.kind = NODE_EV_ADOPT_SCALE, .scale = &scale}) > 1,
          "a scale too");
    kit_cell(k, "a", 3, "");
    kit_cell(k, "b", 2, "a");
    CLAIM(k, starve(k, &apply) > 5, "a first manifest");
    kit_up(k, "a.0");
    kit_cell(k, "c", 4, "a b");
    kit_remove(k, "b");
    kit_entry(k, "c")->requires_count = 1;
    kit_entry(k, "a")->instances = 200;
    CLAIM(k, starve(k, &apply) > 5, "a second manifest");
    CLAIM(k, starve(k, &(struct node_event){.kind = NODE_EV_SCALE, .cell = 0, .count = 900}) > 1,
          "more instances");
    node_effects_fini(&k->fx);
    CLAIM(k, starve(k, &(struct node_event){.kind = NODE_EV_CLOCK}) > 1, "an empty list of effects");
    node_effects_fini(&k->fx);
    CLAIM(k, starve(k, &(struct node_event){.kind = NODE_EV_STOP, .instance = -1}) > 1, "an order");
    node_effects_fini(&k->fx);
    CLAIM(k, starve(k, &(struct node_event){.kind = NODE_EV_DOWN}) > 1, "going down");
    allocations_left = 0;
    struct node *none = node_new(1, 1);
    allocations_left = -1;
    CLAIM(k, none == NULL, "no machine at all");
}

/* ---- numbers ----------------------------------------------------------------------------------------- */

static void the_slots_are_enough_for_4096_and_no_more(struct kit *k)
{
    for (int c = 0; c < 5; c++) {
        char name[8];
        snprintf(name, sizeof name, "c%d", c);
        kit_cell(k, name, c < 4 ? 1000 : NODE_INSTANCES_MAX - 4000 + 1, "");
    }
    CLAIM(k, kit_apply(k) == ERR_LIMIT && node_slots(k->node) == 0, "4097 are refused whole");
    kit_entry(k, "c4")->instances--;
    CLAIM(k, kit_apply(k) == ERR_OK && node_slots(k->node) == NODE_INSTANCES_MAX, "4096 run");
    CLAIM(k, kit_order(k, NODE_EV_SCALE, "c4", -1, NODE_INSTANCES_MAX - 4000 + 1) == ERR_LIMIT,
          "one more by hand");
    kit_order(k, NODE_EV_SCALE, "c4", -1, 0);
    CLAIM(k, kit_order(k, NODE_EV_SCALE, "c0", -1, 999) == ERR_OK, "fewer always");
}

static void values_no_checked_manifest_has_are_refused(struct kit *k)
{
    struct manifest_cell *c = kit_cell(k, "a", 1, "");
    struct manifest_cell good = *c;
    static const char *const why[] = {"too many instances", "more crashes than are kept",
                                      "no heartbeat period", "no misses", "no ready limit",
                                      "a requirement that is not there", "itself"};

    for (size_t i = 0; i < ARRAY_LEN(why); i++) {
        *c = good;
        switch (i) {
        case 0: c->instances = MANIFEST_INSTANCES_MAX + 1; break;
        case 1: c->restart.give_up_count = NODE_CRASHES_MAX + 1; break;
        case 2: c->heartbeat.every_ms = 0; break;
        case 3: c->heartbeat.dead_after = 0; break;
        case 4: c->deadlines.ready_ms = 0; break;
        case 5: (void)!name_ref_parse("b", &c->requires[0]); c->requires_count = 1; break;
        case 6: (void)!name_ref_parse("a", &c->requires[0]); c->requires_count = 1; break;
        }
        struct node_event ev = {.kind = NODE_EV_MANIFEST, .manifest = &k->manifest};
        CLAIM(k, kit_feed(k, ev) == ERR_INVALID && node_slots(k->node) == 0, why[i]);
    }
    *c = good;
    c->restart.give_up_count = NODE_CRASHES_MAX;
    CLAIM(k, kit_apply(k) == ERR_OK, "the largest count");
    CLAIM(k, kit_feed(k, (struct node_event){.kind = NODE_EV_MANIFEST}) == ERR_INVALID, "no manifest");
    struct manifest many = {.cells = c, .cell_count = MANIFEST_CELLS_MAX + 1};
    CLAIM(k, kit_feed(k, (struct node_event){.kind = NODE_EV_MANIFEST, .manifest = &many}) == ERR_LIMIT,
          "more entries than a manifest may have");
    CLAIM(k, kit_feed(k, (struct node_event){.kind = (enum node_event_kind)99}) == ERR_INVALID,
          "no such event");
}

static void time_does_not_go_back(struct kit *k)
{
    kit_cell(k, "a", 1, "");
    kit_apply(k);
    k->now_ms -= 500;
    kit_up(k, "a.0");
    CLAIM(k, kit_at(k, "a.0")->ready_at_ms == 1000, "an earlier time is taken for the last");
}

static void a_first_generation_of_zero_is_one(struct kit *k)
{
    node_free(k->node);
    k->node = node_new(0, 1);
    kit_cell(k, "a", 1, "");
    kit_apply(k);
    CLAIM(k, kit_at(k, "a.0")->generation == 1, "0 means: never spawned");
}

/* ---- speed ------------------------------------------------------------------------------------------- */

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The least of many runs: what the work costs when nothing disturbs. */
static uint64_t least_ns(struct kit *k, const struct node_event *ev)
{
    uint64_t least = UINT64_MAX;

    for (int run = 0; run < 2000; run++) {
        struct node_event now = *ev;
        now.now_ms = k->now_ms;
        uint64_t begin = now_ns();
        enum err e = node_step(k->node, &now, &k->fx);
        uint64_t took = now_ns() - begin;
        CLAIM(k, e == ERR_OK, "it is taken");
        least = took < least ? took : least;
    }
    return least;
}

static void a_hundred_instances_cost_little(struct kit *k)
{
    char who[16];

    kit_cell(k, "a", 100, "");
    kit_apply(k);
    for (int i = 0; i < 100; i++) {
        snprintf(who, sizeof who, "a.%d", i);
        kit_up(k, who);
    }
    struct node_event beat = {.kind = NODE_EV_BEAT, .slot = 50,
                              .generation = kit_at(k, "a.50")->generation};
    uint64_t clock_ns = least_ns(k, &(struct node_event){.kind = NODE_EV_CLOCK});
    uint64_t beat_ns = least_ns(k, &beat);
    printf("100 instances: a clock step %lu ns, a heartbeat %lu ns\n", (unsigned long)clock_ns,
           (unsigned long)beat_ns);
#if !defined(__SANITIZE_ADDRESS__)
    CLAIM(k, clock_ns < 20000, "a clock step stays below 20 us");
    CLAIM(k, beat_ns < 2000, "a heartbeat below 2 us");
#endif
}

int main(void)
{
    static const struct kit_test tests[] = {
        KIT_TEST(without_memory_nothing_changes),
        KIT_TEST(the_slots_are_enough_for_4096_and_no_more),
        KIT_TEST(values_no_checked_manifest_has_are_refused),
        KIT_TEST(time_does_not_go_back),
        KIT_TEST(a_first_generation_of_zero_is_one),
        KIT_TEST(a_hundred_instances_cost_little),
    };

    return kit_main(tests, ARRAY_LEN(tests));
}
