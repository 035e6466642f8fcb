/* Overlays in many drawn worlds: see world/suite.h for the usage. */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>

#include "tests/sim/datapath/check.h"
#include "tests/sim/world/suite.h"

enum {
    WORLDS = 50,
    MS = 1000,
    SECOND = 1000000,
    SETTLE_S = 60, /* from calm to the end */
    SURE_S = 30,   /* … to where nothing may be lost any more: somebody's silence is noticed, and asked about */
    TRIES = 18,    /* of a handshake, as in the usual times */
};

static uint64_t got, marked, packets, moved, forged, replayed, flooded, sessions, verdicts[DATAPATH_VERDICTS];

/* Times that let worlds of a minute renew their sessions some times. */
static void draw_pace(struct world *w, struct datapath_pace *p)
{
    *p = datapath_pace_usual();
    p->retry_ms = (uint32_t)dice_between(&w->dice, DICE_SHAPE, 500, 2000);
    p->jitter_ms = p->retry_ms / 15;
    p->tie_ms = p->retry_ms / 5;
    p->keepalive_ms = 2 * p->retry_ms;
    p->attempt_ms = TRIES * p->retry_ms;
    p->rekey_ms = (uint32_t)dice_between(&w->dice, DICE_SHAPE, 6000, 20000);
    p->reject_ms = p->rekey_ms * 3 / 2 + p->keepalive_ms;
    p->rekey_messages = dice_below(&w->dice, DICE_SHAPE, 4) == 0 ? 20 : p->rekey_messages;
    p->own_messages = dice_below(&w->dice, DICE_SHAPE, 4) == 0 ? 40 : p->own_messages;
}

static void draw(struct world *w)
{
    tenant_begin_truth(w);
    struct tenant_truth *t = tenant_truth(w);
    w->set.nodes = (uint32_t)dice_between(&w->dice, DICE_SHAPE, 2, TENANT_NODES - 1);
    draw_pace(w, &t->pace);
    /* An answer that comes after the next try is none: WireGuard's tries are 5 s apart for that. */
    w->set.net.delay_least_us /= 4;
    w->set.net.delay_mean_us /= 4;
    w->set.net.spread_us /= 4;
    w->set.power_ppm = 0; /* stamps are written and not synced: a loss of power is made up for by the wall's clock */
    w->set.disk_bytes = 0;
    w->set.calm_us = dice_between(&w->dice, DICE_SHAPE, 5, 40) * SECOND;
    w->set.end_us = w->set.calm_us + (uint64_t)SETTLE_S * SECOND;
    w->set.crash_step_ppm /= 5;
    t->persist_ms = dice_below(&w->dice, DICE_SHAPE, 2) == 0 ? 0 : (uint32_t)dice_between(&w->dice, DICE_SHAPE, 2000, 5000);
    for (uint32_t i = 0; i < w->set.nodes; i++) {
        t->has_own[i] = dice_below(&w->dice, DICE_SHAPE, 4) > 0 && datapath_aead_has_aes();
    }
    t->sure_us = w->set.calm_us + (uint64_t)SURE_S * SECOND;
}

static void plan(struct world *w)
{
    uint64_t flows = dice_between(&w->dice, DICE_ORDER, 1, 8);

    for (uint64_t f = 0; f < flows; f++) {
        uint32_t from = (uint32_t)dice_below(&w->dice, DICE_ORDER, w->set.nodes);
        uint64_t to = (from + 1 + dice_below(&w->dice, DICE_ORDER, w->set.nodes - 1)) % w->set.nodes;
        uint64_t every_us = dice_between(&w->dice, DICE_ORDER, 20 * MS, 2 * SECOND);
        for (uint64_t at_us = dice_below(&w->dice, DICE_ORDER, every_us); at_us < w->set.end_us; at_us += every_us) {
            world_order(w, 0, from, at_us, TENANT_SEND | to << 8);
        }
    }
    for (uint32_t a = 0; a < w->set.nodes; a++) { /* and both of a pair at the same time, now and then */
        uint64_t at_us = dice_below(&w->dice, DICE_ORDER, w->set.end_us);
        uint64_t b = (a + 1) % w->set.nodes;
        world_order(w, 0, a, at_us, TENANT_SEND | b << 8);
        world_order(w, 0, (uint32_t)b, at_us, TENANT_SEND | (uint64_t)a << 8);
    }
    uint64_t orders = dice_below(&w->dice, DICE_ORDER, 200);
    for (uint64_t i = 0; i < orders; i++) {
        uint64_t kind = dice_below(&w->dice, DICE_ORDER, 60);
        uint32_t node = (uint32_t)dice_below(&w->dice, DICE_ORDER, w->set.nodes);
        /* One node moves: two that moved at once find each other by a third alone. */
        bool moves = kind < 4 && kind > 0 && tenant_truth(w)->persist_ms > 0;
        world_order(w, 0, moves ? 0 : node, dice_below(&w->dice, DICE_ORDER, moves ? w->set.calm_us : w->set.end_us),
                    kind == 0 ? TENANT_FLOOD : moves ? TENANT_MOVE : TENANT_FORGE);
    }
}

static void add(const struct world *w)
{
    const struct tenant_truth *t = tenant_truth(w);

    got += t->got;
    marked += t->marked;
    packets += t->packets;
    moved += t->moves;
    forged += t->forged;
    replayed += t->replayed;
    flooded += t->flooded;
    sessions += t->sessions;
    for (int i = 0; i < DATAPATH_VERDICTS; i++) {
        verdicts[i] += t->verdict[i];
    }
}

static bool end(bool is_whole)
{
    const struct {
        const char *name;
        uint64_t count, least;
    } floor[] = {
        {"packets", packets, 10000}, {"of them came", got, 10000}, {"sealed with AES", marked, datapath_aead_has_aes() ? 2000 : 0}, {"moves", moved, 20}, {"forged", forged, 200},
        {"repeated", replayed, 200}, {"flooded", flooded, 5000}, {"sessions", sessions, 1000},
        {"ties", verdicts[DATAPATH_TIE], 10}, {"stale", verdicts[DATAPATH_STALE], 30},
        {"replayed", verdicts[DATAPATH_REPLAYED], 200}, {"busy", verdicts[DATAPATH_BUSY], 500},
        {"unasked", verdicts[DATAPATH_UNASKED], 50}, {"of no session", verdicts[DATAPATH_INDEX], 100},
        {"waited", verdicts[DATAPATH_WAITING], 500},
    };
    bool content = true;

    printf("  ");
    for (size_t i = 0; i < ARRAY_LEN(floor); i++) {
        printf("%" PRIu64 " %s%s", floor[i].count, floor[i].name, i + 1 < ARRAY_LEN(floor) ? ", " : "\n");
        if (is_whole && floor[i].count < floor[i].least) {
            fprintf(stderr, "only %" PRIu64 " %s: at least %" PRIu64 " must be\n", floor[i].count, floor[i].name,
                    floor[i].least);
            content = false;
        }
    }
    return content;
}

static const struct suite_floor floors[] = {
    {COUNT_DELIVERED, 20000}, {COUNT_LOST, 500}, {COUNT_DUPLICATED, 500}, {COUNT_OVERTAKEN, 500},
    {COUNT_CRASHES, 60}, {COUNT_CRASHES_INSIDE, 3}, {COUNT_RESTARTS, 60}, {COUNT_PAUSES, 50}, {COUNT_JUMPS, 50},
    {COUNT_PARTITIONS, 50},
};

int main(int argc, char **argv)
{
    struct world_tenant tenant = tenant_datapath;
    const struct world_tenant *const tenants[] = {&tenant};
    struct suite s = {.name = "datapath", .tenant = tenants, .tenants = 1, .worlds = WORLDS, .floor = floors,
                      .floors = ARRAY_LEN(floors), .add = add, .end = end};

    if (sodium_init() < 0) {
        return 1;
    }
    tenant.draw = draw;
    tenant.begin = plan;
    return suite_main(&s, argc, argv);
}
