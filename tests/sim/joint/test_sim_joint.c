/* All cores that a node has, together in one drawn world, as they are on a machine: one process's crash takes all of them,
 * a disk that is waited for makes all of them late, one network is between them, and what one says is what the other goes
 * by: consensus hears of closed links from the membership alone. See world/suite.h for the usage.
 *
 * Another core joins by one more row of `part`: its tenant, what it draws, what it plans. */
#include <inttypes.h>
#include <stdio.h>

#include "tests/sim/dht/tenant.h"
#include "tests/sim/joint/coords.h"
#include "tests/sim/nodosum/check.h"
#include "tests/sim/raft/check.h"
#include "tests/sim/world/suite.h"

enum {
    WORLDS = 8,
    SECOND = 1000000,
    MS = 1000,
    NODES_LEAST = 8,
    NODES_MOST = 32,
    FOUNDERS_MOST = 7,
    SETTLE_S = 60,  /* the membership's: test_sim_nodosum.c */
    DELAYS = 12,    /* an election timeout is so many times the time of a message and a sync */
    HEARD_US = 100, /* from one cell of a node to the other */
};

/* One core's share of a world. */
struct part {
    void (*draw)(struct world *w);
    void (*plan)(struct world *w, uint64_t until_us);
};

static uint64_t sum_entries, sum_elections, sum_requests, sum_hints, sum_joined, sum_failed, sum_samples, sum_restored, sum_maps, sum_puts, sum_gets;

/* ---- membership ------------------------------------------------------------------------------------------------- */

/* What the membership says of a node is what consensus on the same machine takes for its link, and what lookups there take
 * for who is a member. */
static void hear(struct world *w, uint32_t node, uint32_t about, enum nodosum_change change)
{
    if (about < w->set.nodes && (change == NODOSUM_JOINED || change == NODOSUM_FAILED)) {
        sum_hints++;
        world_order(w, quorum_place(w), node, HEARD_US,
                    (change == NODOSUM_JOINED ? QUORUM_LINK_UP : QUORUM_LINK_DOWN) | (uint64_t)about << QUORUM_SHIFT);
    }
    if (about < w->set.nodes && about != node && change != NODOSUM_UPDATED) {
        world_order(w, seeker_place(w), node, HEARD_US,
                    (change == NODOSUM_JOINED ? SEEKER_HERE : SEEKER_GONE) | (uint64_t)about << SEEKER_SHIFT);
    }
}

static void draw_members(struct world *w)
{
    tenant_begin_truth(w, WORLD_NODES_MAX);
    tenant_truth(w)->seeds = (uint32_t)dice_between(&w->dice, DICE_SHAPE, 1, 3);
    tenant_truth(w)->forgets = dice_below(&w->dice, DICE_SHAPE, 2) == 0;
    tenant_truth(w)->event = hear;
    tenant_truth(w)->place = coords_place;
    tenant_truth(w)->learned = coords_learned;
}

static void plan_members(struct world *w, uint64_t until_us)
{
    (void)until_us;
    for (uint64_t i = dice_below(&w->dice, DICE_ORDER, 20); i > 0; i--) {
        world_order(w, world_place(w, tenant_nodosum.name), (uint32_t)dice_below(&w->dice, DICE_ORDER, w->set.nodes),
                    dice_below(&w->dice, DICE_ORDER, w->set.calm_us),
                    dice_below(&w->dice, DICE_ORDER, 2) == 0 ? TENANT_UPDATE : TENANT_OFFER);
    }
}

/* ---- consensus --------------------------------------------------------------------------------------------------- */

static void draw_quorum(struct world *w)
{
    const struct world_settings *s = &w->set;
    uint64_t delay_us = s->net.delay_least_us + s->net.delay_mean_us + s->net.spread_us + s->sync_us;
    uint64_t election_us = DELAYS * delay_us;

    quorum_begin_truth(w);
    struct quorum_truth *t = quorum_truth(w);
    t->founders = (uint32_t)dice_between(&w->dice, DICE_SHAPE, 3, FOUNDERS_MOST);
    t->has_no_hints = true; /* but those above */
    t->tuning.election_us = election_us < 200 * MS ? 200 * MS : election_us;
    t->tuning.heartbeat_us = t->tuning.election_us / 5;
    t->tuning.tail = dice_between(&w->dice, DICE_SHAPE, 0, 20);
}

static void plan_quorum(struct world *w, uint64_t until_us)
{
    uint32_t founders = quorum_truth(w)->founders;

    for (uint64_t i = dice_between(&w->dice, DICE_ORDER, 100, 500); i > 0; i--) {
        world_order(w, quorum_place(w), (uint32_t)dice_below(&w->dice, DICE_ORDER, founders),
                    dice_below(&w->dice, DICE_ORDER, w->set.calm_us), QUORUM_PROPOSE | (1 + i % 5) << QUORUM_SHIFT);
    }
    for (uint64_t i = dice_below(&w->dice, DICE_ORDER, 30); i > 0; i--) {
        world_order(w, quorum_place(w), (uint32_t)dice_below(&w->dice, DICE_ORDER, founders),
                    dice_below(&w->dice, DICE_ORDER, w->set.calm_us), QUORUM_SNAPSHOT);
    }
    clients_begin(w, until_us);
    for (uint32_t i = 0; i < founders; i++) {
        world_order(w, quorum_place(w), i, until_us, QUORUM_PROPOSE | 1 << QUORUM_SHIFT);
    }
}

/* ---- lookups ------------------------------------------------------------------------------------------------------ */

static void draw_seekers(struct world *w)
{
    seeker_begin_truth(w);
    seeker_truth(w)->has_disks = true;
}

/* Puts and gets at any time; when all has been calm for long, some that must succeed. */
static void plan_seekers(struct world *w, uint64_t until_us)
{
    for (uint64_t i = dice_between(&w->dice, DICE_ORDER, 10, 40); i > 0; i--) {
        world_order(w, seeker_place(w), (uint32_t)dice_below(&w->dice, DICE_ORDER, w->set.nodes),
                    SECOND + dice_below(&w->dice, DICE_ORDER, w->set.calm_us),
                    dice_below(&w->dice, DICE_ORDER, 2) == 0 ? SEEKER_PUT : SEEKER_GET);
    }
    world_order(w, seeker_place(w), (uint32_t)dice_below(&w->dice, DICE_ORDER, w->set.nodes), until_us - 5 * SECOND, SEEKER_LAST_PUT);
    world_order(w, seeker_place(w), (uint32_t)dice_below(&w->dice, DICE_ORDER, w->set.nodes), until_us - 2 * SECOND, SEEKER_LAST_GET);
}

/* ---- the world ---------------------------------------------------------------------------------------------------- */

static const struct part part[] = {{draw_members, plan_members}, {draw_quorum, plan_quorum}, {draw_seekers, plan_seekers}};

static void draw(struct world *w)
{
    struct world_settings *s = &w->set;
    uint64_t slower = dice_between(&w->dice, DICE_SHAPE, 1, 20);

    s->nodes = (uint32_t)dice_between(&w->dice, DICE_SHAPE, NODES_LEAST, NODES_MOST);
    s->net.delay_least_us /= slower;
    s->net.delay_mean_us /= slower;
    s->net.spread_us /= slower;
    s->disk_bytes = 0;
    s->crash_us /= 2;
    s->crash_step_ppm /= 20; /* there are many steps */
    s->sync_fails_ppm /= 4;
    s->calm_us = dice_between(&w->dice, DICE_SHAPE, 5, 15) * SECOND;
    s->end_us = s->calm_us + (uint64_t)SETTLE_S * SECOND;
    coords_draw(w); /* how long messages take: the others go by it */
    for (size_t i = 0; i < ARRAY_LEN(part); i++) {
        part[i].draw(w);
    }
}

static void plan(struct world *w)
{
    for (size_t i = 0; i < ARRAY_LEN(part); i++) {
        part[i].plan(w, w->set.end_us - 10 * (uint64_t)SECOND);
    }
}

static void add(const struct world *w)
{
    sum_entries += quorum_truth(w)->agreed_last;
    sum_elections += quorum_truth(w)->elections;
    sum_requests += quorum_truth(w)->clients.done;
    sum_joined += tenant_truth(w)->joined;
    sum_failed += tenant_truth(w)->failed;
    sum_samples += coords_truth(w)->samples;
    sum_restored += coords_truth(w)->restored;
    sum_maps += coords_truth(w)->rtt_ms != NULL;
    sum_puts += seeker_truth(w)->puts_done;
    sum_gets += seeker_truth(w)->gets_found;
}

static bool end(bool is_whole)
{
    printf("  %" PRIu64 " entries agreed on, %" PRIu64 " elections, %" PRIu64 " requests, %" PRIu64 " joins, %" PRIu64 " failures, %"
           PRIu64 " links heard of, %" PRIu64 " round trips taken, %" PRIu64 " coordinates kept over a restart, %" PRIu64
           " worlds with a geography, %" PRIu64 " puts, %" PRIu64 " gets\n", sum_entries, sum_elections, sum_requests, sum_joined, sum_failed, sum_hints, sum_samples,
           sum_restored, sum_maps, sum_puts, sum_gets);
    bool is_enough = sum_entries >= 2000 && sum_elections >= 10 && sum_requests >= 100 && sum_joined >= 500 && sum_failed >= 100 &&
                     sum_samples >= 20000 && sum_restored >= 20 && sum_maps >= 2 && sum_puts >= 40 && sum_gets >= 30;
    if (is_whole && !is_enough) {
        fprintf(stderr, "that is too little\n");
    }
    return !is_whole || is_enough;
}

static const struct suite_floor floors[] = {
    {COUNT_DELIVERED, 50000}, {COUNT_LOST, 1000}, {COUNT_PARTITIONS, 3}, {COUNT_CRASHES, 20}, {COUNT_RESTARTS, 20}, {COUNT_PAUSES, 3},
};

int main(int argc, char **argv)
{
    struct world_tenant members = tenant_nodosum;
    const struct world_tenant *const tenants[] = {&members, &tenant_raft, &tenant_coords, &tenant_dht};
    const struct suite s = {.name = "joint", .tenant = tenants, .tenants = ARRAY_LEN(tenants), .worlds = WORLDS, .floor = floors,
                            .floors = ARRAY_LEN(floors), .add = add, .end = end};

    members.draw = draw; /* of all of them: there is one world */
    members.begin = plan;
    return suite_main(&s, argc, argv);
}
