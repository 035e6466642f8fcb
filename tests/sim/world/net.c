#include "tests/sim/world/net.h"

#include <stdlib.h>
#include <string.h>

static void *some(size_t count, size_t size)
{
    void *memory = calloc(count, size);

    if (memory == NULL) {
        abort(); /* a world without memory proves nothing */
    }
    return memory;
}

void net_init(struct net *n, const struct net_settings *set, uint32_t nodes, uint64_t salt)
{
    *n = (struct net){.set = *set, .nodes = nodes, .salt = salt};
    n->newest = some((size_t)nodes * nodes, sizeof *n->newest);
    for (uint32_t i = 0; i < NET_CUTS; i++) {
        n->cut[i].side = some(nodes, sizeof *n->cut[i].side);
    }
}

void net_fini(struct net *n)
{
    for (uint32_t i = 0; i < NET_CUTS; i++) {
        free(n->cut[i].side);
    }
    free(n->newest);
    free(n->stream_us);
    *n = (struct net){0};
}

/* A link's own part of the delay: the same every time, both ways. */
static uint64_t own_us(const struct net *n, uint32_t a, uint32_t b)
{
    uint32_t low = a < b ? a : b, high = a < b ? b : a;
    struct rng r;

    if (n->set.spread_us == 0) {
        return 0;
    }
    rng_init(&r, n->salt ^ ((uint64_t)low << 32 | high));
    return rng_below(&r, n->set.spread_us + 1);
}

static uint64_t clogged_until(const struct net *n, uint32_t from, uint32_t to)
{
    uint64_t until_us = 0;

    for (uint32_t i = 0; i < NET_CLOGS; i++) {
        const struct net_clog *c = &n->clog[i];
        if (c->from == from && c->to == to && c->until_us > until_us) {
            until_us = c->until_us;
        }
    }
    return until_us;
}

uint64_t net_arrival_us(struct net *n, struct dice *d, uint32_t from, uint32_t to, uint64_t now_us,
                        bool is_stream)
{
    uint64_t opens_us = clogged_until(n, from, to);
    uint64_t jitter_us = dice_after(d, DICE_DELAY, n->set.delay_mean_us);
    uint64_t at_us = now_us > opens_us ? now_us : opens_us;

    if (n->set.rtt_ms != NULL) {
        at_us += (uint64_t)(n->set.rtt_ms[(size_t)from * n->nodes + to] * 500.0f);
    } else {
        at_us += n->set.delay_least_us + own_us(n, from, to);
    }
    at_us += 1 + (dice_is_off(d, DICE_DELAY) ? 0 : jitter_us);
    if (is_stream) {
        if (n->stream_us == NULL) {
            n->stream_us = some((size_t)n->nodes * n->nodes, sizeof *n->stream_us);
        }
        uint64_t *last_us = &n->stream_us[(size_t)from * n->nodes + to];
        at_us = at_us > *last_us ? at_us : *last_us;
        *last_us = at_us;
    }
    return at_us;
}

bool net_is_cut(const struct net *n, uint32_t from, uint32_t to)
{
    for (uint32_t i = 0; i < NET_CUTS; i++) {
        const struct net_cut *c = &n->cut[i];
        if (c->is_on && c->side[from] != c->side[to] && (!c->is_one_way || !c->side[from])) {
            return true;
        }
    }
    return false;
}

uint32_t net_cut(struct net *n, const bool *side, bool is_one_way, uint64_t until_us)
{
    for (uint32_t i = 0; i < NET_CUTS; i++) {
        struct net_cut *c = &n->cut[i];
        if (!c->is_on) {
            c->is_on = true;
            c->is_one_way = is_one_way;
            c->until_us = until_us;
            memcpy(c->side, side, n->nodes * sizeof *side);
            return i;
        }
    }
    return NET_CUTS;
}

void net_heal(struct net *n, uint32_t cut)
{
    n->cut[cut].is_on = false;
}

bool net_clog(struct net *n, uint32_t from, uint32_t to, uint64_t now_us, uint64_t until_us)
{
    for (uint32_t i = 0; i < NET_CLOGS; i++) {
        if (n->clog[i].until_us <= now_us) {
            n->clog[i] = (struct net_clog){.from = from, .to = to, .until_us = until_us};
            return true;
        }
    }
    return false;
}

void net_calm(struct net *n)
{
    for (uint32_t i = 0; i < NET_CUTS; i++) {
        n->cut[i].is_on = false;
    }
    memset(n->clog, 0, sizeof n->clog);
}

bool net_is_overtaken(struct net *n, uint32_t from, uint32_t to, uint32_t serial)
{
    uint32_t *newest = &n->newest[(size_t)from * n->nodes + to];

    if (serial < *newest) {
        return true;
    }
    *newest = serial;
    return false;
}
