/* Members in many drawn worlds: see world/suite.h for the usage. */
#include <inttypes.h>
#include <stdio.h>

#include "tests/sim/nodosum/check.h"
#include "tests/sim/world/suite.h"

enum {
    WORLDS = 100,
    SECOND = 1000000,
    NODES_MOST = 64,
    ORDERS_MOST = 20,
    FORGERIES_MOST = 8,
    SETTLE_S = 60,     /* from calm to the end: the longest pause between looks for a lost part, twice, and a
                        * death from there on */
};

static struct nodosum_counters sum;
static uint64_t joined, failed, went, updated, false_deaths, forgetful, offerings, heard, forgeries;

/* Sizes: half are small, where corners are met, some large. */
static uint32_t draw_nodes(struct world *w)
{
    uint64_t size = dice_below(&w->dice, DICE_SHAPE, 8);
    uint64_t most = size == 0 ? NODES_MOST : size < 4 ? 16 : 7;

    return (uint32_t)dice_between(&w->dice, DICE_SHAPE, size == 7 ? 2 : 3, most);
}

static void draw(struct world *w)
{
    struct tenant_truth *t;

    w->set.nodes = draw_nodes(w);
    tenant_begin_truth(w, WORLD_NODES_MAX);
    t = tenant_truth(w);
    t->forgets = dice_below(&w->dice, DICE_SHAPE, 2) == 0;
    forgetful += t->forgets;
    w->set.calm_us = dice_between(&w->dice, DICE_SHAPE, 5, 20) * SECOND;
    w->set.end_us = w->set.calm_us + (uint64_t)SETTLE_S * SECOND;
    w->set.crash_step_ppm /= 10; /* there are many steps */
    t->seeds = (uint32_t)dice_between(&w->dice, DICE_SHAPE, 1, 3);
    t->place = dice_below(&w->dice, DICE_SHAPE, 2) == 0 ? tenant_own_place : NULL;
}

static void plan(struct world *w)
{
    uint64_t orders = dice_below(&w->dice, DICE_ORDER, ORDERS_MOST + 1);

    for (uint64_t i = 0; i < orders; i++) {
        uint64_t kind = dice_below(&w->dice, DICE_ORDER, 8);
        world_order(w, 0, (uint32_t)dice_below(&w->dice, DICE_ORDER, w->set.nodes),
                    dice_below(&w->dice, DICE_ORDER, w->set.calm_us),
                    kind < TENANT_ORDERS ? kind : kind % 2 == 0 ? TENANT_UPDATE : TENANT_OFFER);
    }
    for (uint64_t i = dice_below(&w->dice, DICE_ORDER, FORGERIES_MOST + 1); i > 0; i--) {
        world_order(w, 0, (uint32_t)dice_below(&w->dice, DICE_ORDER, w->set.nodes),
                    dice_below(&w->dice, DICE_ORDER, w->set.end_us), TENANT_FORGE);
    }
}

static void add(const struct world *w)
{
    const struct tenant_truth *t = tenant_truth(w);
    struct nodosum_counters c = tenant_sum(w);
    uint64_t *a = (uint64_t *)&sum;
    const uint64_t *b = (const uint64_t *)&c;

    for (size_t i = 0; i < sizeof sum / sizeof *a; i++) {
        a[i] += b[i];
    }
    joined += t->joined;
    failed += t->failed;
    went += t->went;
    updated += t->updated;
    false_deaths += t->false_deaths;
    offerings += t->offerings;
    forgeries += t->forgeries;
    heard += t->heard;
}

static bool end(bool is_whole)
{
    const struct {
        const char *name;
        uint64_t count, least;
    } floor[] = {
        {"joins", joined, 5000}, {"failures", failed, 1000}, {"leaves", went, 200}, {"updates", updated, 500}, {"offers", offerings, 200},
        {"places heard", heard, 20000},
        {"false deaths", false_deaths, 500}, {"worlds of forgetful nodes", forgetful, 10},
        {"probes", sum.probes, 50000}, {"failed probes", sum.probes_failed, 2000},
        {"late answers", sum.acks_late, 100}, {"times late", sum.lateness, 40},
        {"forged leaves", forgeries, 100}, {"refused ones", sum.forged, 500},
        {"suspicions", sum.suspected, 5000}, {"confirmations", sum.confirmed, 4000},
        {"refutations", sum.refuted, 500}, {"strangers", sum.strangers, 5000},
    };
    bool content = true;

    printf("  ");
    for (size_t i = 0; i < ARRAY_LEN(floor); i++) {
        printf("%" PRIu64 " %s%s", floor[i].count, floor[i].name, i + 1 < ARRAY_LEN(floor) ? ", " : "\n");
        if (is_whole && floor[i].count < floor[i].least) {
            fprintf(stderr, "only %" PRIu64 " %s: at least %" PRIu64 " must be\n", floor[i].count,
                    floor[i].name, floor[i].least);
            content = false;
        }
    }
    return content;
}

static const struct suite_floor floors[] = {
    {COUNT_DELIVERED, 500000}, {COUNT_LOST, 10000}, {COUNT_DUPLICATED, 10000}, {COUNT_OVERTAKEN, 1000},
    {COUNT_CUT_OFF, 5000}, {COUNT_CLOGGED, 100}, {COUNT_PARTITIONS, 50}, {COUNT_ONE_WAY, 20},
    {COUNT_CRASHES, 300}, {COUNT_CRASHES_INSIDE, 50}, {COUNT_RESTARTS, 300}, {COUNT_PAUSES, 100},
    {COUNT_ORDERS, 500},
};

int main(int argc, char **argv)
{
    struct world_tenant tenant = tenant_nodosum;
    const struct world_tenant *const tenants[] = {&tenant};
    struct suite s = {.name = "nodosum", .tenant = tenants, .tenants = 1, .worlds = WORLDS, .floor = floors,
                      .floors = ARRAY_LEN(floors), .add = add, .end = end};

    tenant.draw = draw;
    tenant.begin = plan;
    return suite_main(&s, argc, argv);
}
