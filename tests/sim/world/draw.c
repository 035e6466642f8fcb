/* What the seed decides about a world before it begins. The dice are those of TigerBeetle's VOPR
 * (src/vopr.zig) where it has them: one-way delay from 0-30 ms least and 30-100 ms mean, loss to 30 %,
 * duplicates to 50 %, links clogged for seconds, partitions of several shapes. Each fault is also left out
 * of some worlds: what hides behind another fault is found there. */
#include "tests/sim/world/inside.h"

enum {
    MS = 1000,
    SECOND = 1000000,
    PER_CENT = DICE_PPM / 100,
    PACKET_MAX = 65507, /* of UDP over IPv4; tenants set their own */
};

static uint64_t shape(struct world *w, uint64_t least, uint64_t most)
{
    return dice_between(&w->dice, DICE_SHAPE, least, most);
}

/* Nothing in half of the worlds, otherwise up to `most`. */
static uint64_t sometimes(struct world *w, uint64_t least, uint64_t most)
{
    uint64_t value = shape(w, least, most);

    return dice_below(&w->dice, DICE_SHAPE, 2) == 0 ? 0 : value;
}

void world_draw_settings(struct world *w)
{
    struct world_settings *s = &w->set;

    s->nodes = (uint32_t)shape(w, 3, 9);
    s->net.delay_least_us = shape(w, 0, 30 * MS);
    s->net.delay_mean_us = shape(w, 0, 100 * MS);
    s->net.spread_us = sometimes(w, 0, 30 * MS);
    s->net.loss_ppm = (uint32_t)sometimes(w, 0, 30 * PER_CENT);
    s->net.duplicate_ppm = (uint32_t)sometimes(w, 0, 50 * PER_CENT);
    s->net.size_max = PACKET_MAX;
    s->calm_us = shape(w, 5, 30) * SECOND;
    s->end_us = s->calm_us + 30 * SECOND;
    s->check_us = SECOND;
    s->crash_us = sometimes(w, SECOND, 10 * SECOND);
    s->down_us = shape(w, MS, 5 * SECOND);
    s->crash_step_ppm = (uint32_t)sometimes(w, 0, PER_CENT);
    s->power_ppm = (uint32_t)shape(w, 0, DICE_PPM);
    s->wipe_ppm = 0; /* only tenants that can live with it ask for it */
    s->pause_us = sometimes(w, 500 * MS, 10 * SECOND);
    s->paused_us = shape(w, MS, 2 * SECOND);
    s->cut_us = sometimes(w, SECOND, 10 * SECOND);
    s->healed_us = shape(w, 100 * MS, 10 * SECOND);
    s->one_way_ppm = (uint32_t)shape(w, 0, DICE_PPM);
    s->clog_us = sometimes(w, 100 * MS, 5 * SECOND);
    s->clogged_us = shape(w, 10 * MS, 5 * SECOND);
    s->jump_us = sometimes(w, SECOND, 10 * SECOND);
    s->jump_most_us = shape(w, 1, 3600) * SECOND;
    s->skew_us = shape(w, 0, 60) * SECOND;
    s->rot_us = 0; /* as for wipe_ppm */
    s->sync_us = shape(w, 100, 30 * MS);
    s->sync_fails_ppm = (uint32_t)sometimes(w, 0, PER_CENT);
    s->disk_bytes = sometimes(w, 4096, 1 << 20);
}
