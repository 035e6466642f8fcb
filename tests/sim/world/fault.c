/* What goes wrong, and when. Every fault ends by calm_us: afterwards the world is whole, everybody runs, and
 * a tenant must come to rest. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world/inside.h"
#include "tests/sim/world/script.h"

static void plan(struct world *w, enum dice_kind dice, uint8_t kind, uint64_t mean_us)
{
    if (mean_us == 0 || dice_is_off(&w->dice, dice)) {
        return;
    }
    uint64_t at_us = w->now_us + 1 + dice_after(&w->dice, dice, mean_us);
    uint32_t node = (uint32_t)dice_below(&w->dice, dice, w->set.nodes);
    if (at_us < w->set.calm_us) {
        world_put(w, at_us, kind, node, 0, 0, NULL);
    }
}

void script_start(struct world *w, uint32_t node, bool wipe)
{
    struct world_node *n = &w->node[node];

    assert(!n->is_up);
    n->epoch++;
    n->is_up = true;
    n->busy_until_us = 0;
    if (wipe) {
        disk_wipe(&n->disk);
        w->count.of[COUNT_WIPES]++;
    }
    w->count.of[COUNT_RESTARTS] += n->epoch > 1;
    world_say(w, "node %" PRIu32 " starts%s", node, wipe ? " with an empty disk" : "");
    for (uint8_t t = 0; t < w->tenants; t++) {
        n->state[t] = calloc(1, w->tenant[t]->state_size);
        n->timer_us[t] = 0;
        if (n->state[t] == NULL) {
            abort();
        }
        world_put(w, w->now_us, HAPPEN_EVENT_START, node, t, 0, NULL);
    }
}

void script_crash(struct world *w, uint32_t node, bool has_power)
{
    struct world_node *n = &w->node[node];

    assert(n->is_up);
    world_say(w, "node %" PRIu32 " %s", node, has_power ? "crashes" : "loses its power");
    w->count.of[COUNT_CRASHES]++;
    w->count.of[COUNT_POWER_LOSSES] += !has_power;
    for (uint32_t t = 0; t < w->tenants; t++) {
        if (w->tenant[t]->crashed != NULL) {
            w->tenant[t]->crashed(w, node);
        }
        if (w->tenant[t]->stop != NULL) {
            w->tenant[t]->stop(n->state[t]);
        }
        free(n->state[t]);
        n->state[t] = NULL;
    }
    n->is_up = false;
    n->epoch++; /* what the dead process began meets nobody */
    world_forget_rest(n);
    if (!has_power) {
        disk_lose_power(&n->disk, &w->dice);
    }
}

void script_pause(struct world *w, uint32_t node, uint64_t for_us)
{
    struct world_node *n = &w->node[node];
    uint64_t until_us = w->now_us + for_us;

    n->busy_until_us = n->busy_until_us > until_us ? n->busy_until_us : until_us;
}

static void crash_one(struct world *w, uint32_t node)
{
    if (w->node[node].is_up) {
        script_crash(w, node, !dice_chance(&w->dice, DICE_CRASH, w->set.power_ppm));
        world_put(w, w->now_us + 1 + dice_after(&w->dice, DICE_CRASH, w->set.down_us), HAPPEN_RESTART, node,
                  0, 0, NULL);
    }
    plan(w, DICE_CRASH, HAPPEN_CRASH, w->set.crash_us);
}

/* Jepsen's shapes (jepsen.nemesis): one alone, halves, halves at random; one way or both. */
static void cut_some(struct world *w)
{
    uint32_t nodes = w->set.nodes;
    uint64_t shape = dice_below(&w->dice, DICE_PARTITION, 3);
    uint32_t pivot = (uint32_t)dice_below(&w->dice, DICE_PARTITION, nodes);
    bool is_one_way = dice_chance(&w->dice, DICE_PARTITION, w->set.one_way_ppm);
    uint64_t until_us = w->now_us + 1 + dice_after(&w->dice, DICE_PARTITION, w->set.healed_us);
    bool side[WORLD_NODES_MAX];

    for (uint32_t i = 0; i < nodes; i++) {
        uint64_t coin = dice_below(&w->dice, DICE_PARTITION, 2);
        side[i] = shape == 0 ? i == pivot : shape == 1 ? (i + pivot) % nodes < nodes / 2 : coin == 0;
    }
    if (dice_below(&w->dice, DICE_PARTITION, 2) == 0) {
        for (uint32_t i = 0; i < nodes; i++) {
            side[i] = !side[i]; /* one-way cuts go both ways: the lonely one deaf, or dumb */
        }
    }
    uint32_t at = net_cut(&w->net, side, is_one_way, until_us);
    if (at < NET_CUTS) {
        w->count.of[COUNT_PARTITIONS]++;
        w->count.of[COUNT_ONE_WAY] += is_one_way;
        world_say(w, "partition %" PRIu32 "%s, shape %" PRIu64 " at node %" PRIu32, at,
                  is_one_way ? ", one way" : "", shape, pivot);
        world_put(w, until_us, HAPPEN_HEAL, 0, 0, at, NULL);
    }
    plan(w, DICE_PARTITION, HAPPEN_CUT, w->set.cut_us);
}

static void clog_link(struct world *w, uint32_t from)
{
    uint32_t to = (uint32_t)dice_below(&w->dice, DICE_CLOG, w->set.nodes);
    uint64_t until_us = w->now_us + 1 + dice_after(&w->dice, DICE_CLOG, w->set.clogged_us);

    until_us = until_us < w->set.calm_us ? until_us : w->set.calm_us;
    if (from != to && net_clog(&w->net, from, to, w->now_us, until_us)) {
        w->count.of[COUNT_CLOGS]++;
        world_say(w, "the link from %" PRIu32 " to %" PRIu32 " is clogged", from, to);
    }
    plan(w, DICE_CLOG, HAPPEN_CLOG, w->set.clog_us);
}

static void calm(struct world *w)
{
    world_say(w, "from here on nothing goes wrong");
    net_calm(&w->net);
    for (uint32_t i = 0; i < w->set.nodes; i++) {
        w->node[i].disk.room_bytes = 0;
        if (!w->node[i].is_up) {
            script_start(w, i, false);
        }
    }
}

static void pause_one(struct world *w, uint32_t node)
{
    uint64_t for_us = 1 + dice_after(&w->dice, DICE_PAUSE, w->set.paused_us);

    if (w->node[node].is_up) {
        w->count.of[COUNT_PAUSES]++;
        world_say(w, "node %" PRIu32 " gets no CPU for %" PRIu64 " us", node, for_us);
        script_pause(w, node, for_us);
    }
    plan(w, DICE_PAUSE, HAPPEN_PAUSE, w->set.pause_us);
}

static void restart(struct world *w, uint32_t node)
{
    bool wipe = dice_chance(&w->dice, DICE_CRASH, w->set.wipe_ppm);

    if (!w->node[node].is_up) {
        script_start(w, node, wipe && !world_is_calm(w));
    }
}

void world_fault_happen(struct world *w, const struct queue_item *item)
{
    switch ((enum world_happening)item->kind) {
    case HAPPEN_CRASH:
        crash_one(w, item->node);
        break;
    case HAPPEN_RESTART:
        restart(w, item->node);
        break;
    case HAPPEN_PAUSE:
        pause_one(w, item->node);
        break;
    case HAPPEN_CUT:
        cut_some(w);
        break;
    case HAPPEN_HEAL:
        if (!world_is_calm(w)) {
            world_say(w, "partition %" PRIu64 " heals", item->value);
            net_heal(&w->net, (uint32_t)item->value);
        }
        break;
    case HAPPEN_CLOG:
        clog_link(w, item->node);
        break;
    case HAPPEN_JUMP:
        w->count.of[COUNT_JUMPS]++;
        clock_jump(&w->node[item->node].clock, &w->dice, w->set.jump_most_us);
        plan(w, DICE_CLOCK, HAPPEN_JUMP, w->set.jump_us);
        break;
    case HAPPEN_ROT:
        disk_rot(&w->node[item->node].disk, &w->dice);
        plan(w, DICE_DISK, HAPPEN_ROT, w->set.rot_us);
        break;
    case HAPPEN_CALM:
        calm(w);
        break;
    case HAPPEN_EVENT_START:
    case HAPPEN_EVENT_PACKET:
    case HAPPEN_EVENT_TIMER:
    case HAPPEN_EVENT_SYNCED:
    case HAPPEN_EVENT_ORDER:
    case HAPPEN_REST:
    case HAPPEN_CHECK:
        assert(false);
        break;
    }
}

void world_fault_begin(struct world *w)
{
    for (uint32_t i = 0; i < w->set.nodes && !w->is_scripted; i++) {
        if (!w->node[i].is_up) {
            script_start(w, i, false);
        }
    }
    plan(w, DICE_CRASH, HAPPEN_CRASH, w->set.crash_us);
    plan(w, DICE_PAUSE, HAPPEN_PAUSE, w->set.pause_us);
    plan(w, DICE_PARTITION, HAPPEN_CUT, w->set.cut_us);
    plan(w, DICE_CLOG, HAPPEN_CLOG, w->set.clog_us);
    plan(w, DICE_CLOCK, HAPPEN_JUMP, w->set.jump_us);
    plan(w, DICE_DISK, HAPPEN_ROT, w->set.rot_us);
    if (!w->is_scripted) {
        world_put(w, w->set.calm_us, HAPPEN_CALM, 0, 0, 0, NULL);
    }
}
