/* What the seed decides. */
#include <stdlib.h>

#include "tests/sim/client/world.h"

/* Never, or once in a drawn number. */
static uint64_t draw_odds(struct world *w, uint64_t never_in, uint64_t least, uint64_t spread)
{
    return world_chance(w, never_in) ? 0 : least + world_draw(w, spread);
}

static void draw_servers(struct world *w)
{
    w->servers = 1 + (int)world_draw(w, WORLD_SERVERS);
    w->leader = w->has_leader ? (int)world_draw(w, (uint64_t)w->servers) : WORLD_NOBODY;
    w->slow = world_chance(w, 3) ? (int)world_draw(w, (uint64_t)w->servers) : WORLD_NOBODY;
    for (int s = 0; s < w->servers; s++) {
        struct server *v = &w->server[s];
        v->probe = WORLD_NOBODY;
        v->latency_ms = 1 + world_draw(w, 1u << world_draw(w, 7));
        if (w->is_even) {
            v->latency_ms = 10;
        }
        if (s == w->slow) {
            v->latency_ms = w->is_even ? 200 : v->latency_ms * 20;
        }
        v->is_listed = w->ends_listed || !world_chance(w, 4);
        v->endpoint.weight = (uint32_t)world_draw(w, 10) == 0 ? 0
                                                              : 1 + (uint32_t)world_draw(w, 1000);
        v->endpoint.latency_us = world_chance(w, 4) ? 0 : 1 + world_draw(w, 100000);
        world_later(w, world_draw(w, 3000), (struct happening){.kind = HAPPEN_TROUBLE, .index = s});
        world_later(w, world_draw(w, 3000), (struct happening){.kind = HAPPEN_CLOG, .index = s});
    }
}

static void draw_faults(struct world *w)
{
    w->trouble_one_in = draw_odds(w, 6, 1, 6);
    w->drop_one_in = draw_odds(w, 4, 4, 1u << world_draw(w, 8));
    w->refuse_one_in = draw_odds(w, 3, 4, 1u << world_draw(w, 8));
    w->unread_one_in = draw_odds(w, 3, 8, 64);
    w->odd_one_in = draw_odds(w, 3, 4, 64);
    w->tail_one_in = draw_odds(w, 3, 4, 32);
    w->cancel_one_in = draw_odds(w, 3, 3, 64);
}

void world_draw_settings(struct world *w)
{
    static const uint64_t gaps[] = {1, 5, 20, 100, 400};

    client_init(&w->target, rng_next(&w->rng));
    w->way = (enum balance)world_draw(w, 4);
    w->is_even = world_chance(w, 5); /* no faults at all: only the balance is looked at */
    w->is_outage = !w->is_even && world_chance(w, 4);
    w->has_leader = !w->is_even && world_chance(w, 5);
    w->ends_listed = w->is_even || world_chance(w, 2);
    w->asks = 200 + (int)world_draw(w, WORLD_ASKS - 200);
    w->gap_ms = w->is_even ? 20 : gaps[world_draw(w, ARRAY_LEN(gaps))];
    w->burst = 1u << world_draw(w, w->is_even ? 4 : 6);
    w->asks = w->is_even ? 1000 + w->asks / 2 : w->asks;
    w->calm_ms = w->now_ms + (w->is_even ? 0 : 10000 + world_draw(w, 50000));
    w->end_ms = w->calm_ms + 40000;
    w->outage_kind = (enum trouble)(1 + world_draw(w, TROUBLE_HANGS));
    if (!w->is_even) {
        draw_faults(w);
    }
    draw_servers(w);
    world_later(w, 0, (struct happening){.kind = HAPPEN_ASK});
    /* The name is resolved late now and then: the first requests wait. */
    world_later(w, world_chance(w, 2) ? 0 : world_draw(w, 300), (struct happening){.kind = HAPPEN_LIST});
    world_later(w, 5000, (struct happening){.kind = HAPPEN_IDLE});
    world_later(w, w->calm_ms - w->now_ms, (struct happening){.kind = HAPPEN_CALM});
    if (w->is_outage) {
        uint64_t begins_ms = world_draw(w, 3000);
        world_later(w, begins_ms, (struct happening){.kind = HAPPEN_OUTAGE, .value = 1});
        world_later(w, w->calm_ms - w->now_ms - 1, (struct happening){.kind = HAPPEN_OUTAGE});
    }
}

void world_draw_ask(struct world *w, struct request *r)
{
    static const uint64_t deadlines[] = {0, 1, 30, 100, 300, 1000, 3000, 5000, 20000};
    uint64_t deadline_ms = deadlines[world_draw(w, ARRAY_LEN(deadlines))];

    if (w->is_even || world_chance(w, 2)) {
        deadline_ms = 5000;
    }
    *r = (struct request){.server = WORLD_NOBODY, .failed_by = WORLD_NOBODY, .said = ERR_LATER};
    r->is_asked = true;
    r->asked_ms = w->now_ms;
    r->ask.deadline_ms = w->now_ms + deadline_ms;
    r->ask.is_idempotent = world_chance(w, 2);
    r->ask.is_hasty = world_chance(w, 8);
    r->ask.is_steady = !w->is_even && world_chance(w, 6);
    w->steady += r->ask.is_steady;
    r->ask.way = w->way;
    r->parts = world_chance(w, 10) ? (uint32_t)world_draw(w, 4) : 0;
    w->outage_asks += w->in_outage;
    w->outage_offered += w->in_outage;
    w->calm_asks += world_is_calm(w);
}

void world_draw_trouble(struct world *w, int server)
{
    if (world_is_calm(w)) {
        return;
    }
    if (!w->in_outage) {
        bool is_well = w->is_even || !world_chance(w, w->trouble_one_in);
        world_server_trouble(w, server, is_well ? TROUBLE_NONE
                                                : (enum trouble)(1 + world_draw(w, TROUBLE_HANGS)));
        if (!w->ends_listed) {
            w->server[server].is_listed = !world_chance(w, 4);
        }
        if (w->has_leader && world_chance(w, 4)) {
            w->leader = (int)world_draw(w, (uint64_t)w->servers);
        }
    }
    world_later(w, 1 + world_draw(w, 1u << (4 + world_draw(w, 9))),
                (struct happening){.kind = HAPPEN_TROUBLE, .index = server});
}
