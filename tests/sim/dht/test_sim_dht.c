/* Lookups in many drawn worlds, with crashes, partitions and clogs: see world/suite.h for the usage. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/dht/tenant.h"
#include "tests/sim/world/suite.h"

enum { WORLDS = 40, SECOND = 1000000, ORDERS_MOST = 60, LAST = 4 };

static struct seeker_truth all;

static void draw(struct world *w)
{
    w->set.nodes = (uint32_t)dice_between(&w->dice, DICE_SHAPE, 3, dice_below(&w->dice, DICE_SHAPE, 3) == 0 ? 40 : 14);
    seeker_begin_truth(w);
    w->set.net.size_max = DHT_PACKET_MAX;
    w->set.calm_us = dice_between(&w->dice, DICE_SHAPE, 5, 30) * SECOND;
    w->set.end_us = w->set.calm_us + (uint64_t)(SEEKER_SETTLE_S + 30) * SECOND;
    w->set.crash_step_ppm /= 10; /* there are many steps */
    if (dice_below(&w->dice, DICE_SHAPE, 2) == 0) {
        w->set.clog_us = w->set.pause_us = 0; /* nothing is late there, and lives are exact */
    }
}

/* Puts and gets at any time; when all has been calm for long, some that must succeed. */
static void plan(struct world *w)
{
    uint64_t orders = dice_between(&w->dice, DICE_ORDER, 10, ORDERS_MOST);

    for (uint64_t i = 0; i < orders; i++) {
        world_order(w, 0, (uint32_t)dice_below(&w->dice, DICE_ORDER, w->set.nodes),
                    SECOND + dice_below(&w->dice, DICE_ORDER, w->set.calm_us),
                    dice_below(&w->dice, DICE_ORDER, 2) == 0 ? SEEKER_PUT : SEEKER_GET);
    }
    for (uint64_t i = 0; i < LAST; i++) {
        uint64_t at_us = w->set.calm_us + (SEEKER_SETTLE_S + 6 * i) * SECOND;
        world_order(w, 0, (uint32_t)dice_below(&w->dice, DICE_ORDER, w->set.nodes), at_us, SEEKER_LAST_PUT);
        world_order(w, 0, (uint32_t)dice_below(&w->dice, DICE_ORDER, w->set.nodes), at_us + 3 * SECOND, SEEKER_LAST_GET);
    }
}

static void add(const struct world *w)
{
    const struct seeker_truth *t = seeker_truth(w);

    all.puts += t->puts;
    all.puts_done += t->puts_done;
    all.gets += t->gets;
    all.gets_found += t->gets_found;
    all.absent += t->absent;
    all.timeouts += t->timeouts;
}

static bool end(bool is_whole)
{
    printf("  %" PRIu64 " puts, %" PRIu64 " done; %" PRIu64 " gets, %" PRIu64 " found, %" PRIu64 " of nothing; %" PRIu64
           " timeouts\n", all.puts, all.puts_done, all.gets, all.gets_found, all.absent, all.timeouts);
    return !is_whole || (all.puts_done >= 500 && all.gets_found >= 400 && all.absent >= 20 && all.timeouts >= 20);
}

static const struct suite_floor floors[] = {
    {COUNT_DELIVERED, 50000}, {COUNT_LOST, 500}, {COUNT_DUPLICATED, 500}, {COUNT_CUT_OFF, 200}, {COUNT_PARTITIONS, 10},
    {COUNT_CRASHES, 50}, {COUNT_RESTARTS, 50}, {COUNT_PAUSES, 20}, {COUNT_ORDERS, 500},
};

int main(int argc, char **argv)
{
    struct world_tenant tenant = tenant_dht;
    const struct world_tenant *const tenants[] = {&tenant};
    struct suite s = {.name = "dht", .tenant = tenants, .tenants = 1, .worlds = WORLDS, .floor = floors,
                      .floors = ARRAY_LEN(floors), .add = add, .end = end};

    tenant.draw = draw;
    tenant.begin = plan;
    return suite_main(&s, argc, argv);
}
