/* Claims about who is chosen: nobody who is known to be away while another could serve; then as the
 * way of balancing says. */
#include <inttypes.h>
#include <stdlib.h>

#include "tests/sim/client/check.h"

static bool is_ready(const struct world *w, int server, int failed_by)
{
    const struct server *v = &w->server[server];

    return v->is_told && !v->is_shut && v->line != BALANCE_LINE_DOWN && !v->is_late &&
           w->now_ms >= v->rest_until_ms && server != failed_by;
}

static bool is_dearer(const struct world *w, int than, int server)
{
    const struct server *v = &w->server[server], *other = &w->server[than];

    switch (w->way) {
    case BALANCE_LEAST:
        return v->held > other->held;
    case BALANCE_NEAREST:
        return v->endpoint.latency_us - 1 > other->endpoint.latency_us - 1; /* 0: the farthest */
    case BALANCE_TURNS:
    case BALANCE_WEIGHTED:
        break;
    }
    return false;
}

void check_balance_given(struct world *w, int request, int server)
{
    const struct request *r = &w->request[request];
    bool chosen_is_ready = is_ready(w, server, r->failed_by);

    if (r->said == ERR_NOT_LEADER || w->server[server].is_shut) {
        return; /* told to go there; or a probe, which has a law of its own */
    }
    if (!w->server[server].is_told) {
        world_fail(w, "request %d is given to server %d, which the name does not stand for", request,
                   server);
    }
    for (int s = 0; s < w->servers; s++) {
        if (!is_ready(w, s, r->failed_by)) {
            continue;
        }
        if (!chosen_is_ready) {
            world_fail(w, "request %d goes to server %d, and %d is in better shape", request, server,
                       s);
        } else if (is_dearer(w, s, server)) {
            world_fail(w, "request %d goes to server %d (%u outstanding), not %d (%u)", request,
                       server, w->server[server].held, s, w->server[s].held);
        }
    }
}

/* The client has just been told whom the name stands for: nothing waits for anybody else. */
void check_balance_listed(struct world *w)
{
    for (int i = 0; i < w->asked; i++) {
        const struct request *r = &w->request[i];
        for (int s = 0; s < w->servers && r->is_queued && !w->server[r->server].is_told; s++) {
            if (is_ready(w, s, WORLD_NOBODY) && r->ask.moves < CLIENT_MOVES_MAX) {
                world_fail(w, "request %d waits for server %d, which the name no longer stands for", i,
                           r->server);
            }
        }
    }
}

static void check_shares(struct world *w, uint64_t total, uint64_t weights)
{
    for (int s = 0; s < w->servers; s++) {
        double fair = (double)total / w->servers;
        if (w->way == BALANCE_WEIGHTED && weights > 0) {
            fair = (double)total * w->server[s].endpoint.weight / (double)weights;
        }
        double off = (double)w->server[s].given - fair;
        double most = w->way == BALANCE_WEIGHTED ? w->servers : 1;
        if (weights > 0 && (off > most || off < -most)) {
            world_fail(w, "server %d got %" PRIu64 " requests, its share is %.1f", s,
                       w->server[s].given, fair);
        }
    }
}

void check_balance_all(struct world *w)
{
    uint64_t total = 0, weights = 0;

    for (int s = 0; s < w->servers; s++) {
        total += w->server[s].given;
        weights += w->server[s].endpoint.weight;
    }
    if (!w->is_even) {
        return;
    }
    if (w->way == BALANCE_TURNS || w->way == BALANCE_WEIGHTED) {
        check_shares(w, total, w->way == BALANCE_TURNS ? 1 : weights);
    } else if (w->way == BALANCE_LEAST && w->slow != WORLD_NOBODY && w->servers >= 3 &&
               w->server[w->slow].given * 5 >= total) {
        world_fail(w, "slow server %d got %" PRIu64 " of %" PRIu64 " requests", w->slow,
                   w->server[w->slow].given, total);
    }
}
