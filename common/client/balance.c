#include "common/client/balance.h"

#include <assert.h>

enum rank {
    RANK_READY,
    RANK_POOR, /* away, resting or just failed: better than nobody */
    RANK_NONE, /* not admitted */
};

static enum rank rank_of(const struct balance_endpoint *e, const struct balance_endpoint *avoid,
                         uint64_t now_ms)
{
    if (!breaker_admits(&e->breaker, now_ms)) {
        return RANK_NONE;
    }
    if (e == avoid || e->line == BALANCE_LINE_DOWN || now_ms < e->rest_until_ms) {
        return RANK_POOR;
    }
    return RANK_READY;
}

static uint64_t cost_of(const struct balance_endpoint *e, enum balance way)
{
    switch (way) {
    case BALANCE_TURNS:
    case BALANCE_WEIGHTED:
        return 0;
    case BALANCE_LEAST:
        return e->outstanding;
    case BALANCE_NEAREST:
        return e->latency_us == 0 ? UINT64_MAX : e->latency_us;
    }
    assert(false);
    return 0;
}

void balance_set(struct balance_list *list, struct balance_endpoint *const *endpoint, size_t count)
{
    struct balance_list next = {.count = count, .turn = list->turn};

    assert(count <= BALANCE_ENDPOINTS_MAX);
    for (size_t i = 0; i < count; i++) {
        next.seat[i].endpoint = endpoint[i];
        for (size_t k = 0; k < list->count; k++) {
            /* Kept, or a caller slower than the list is renewed would always pick the heaviest. */
            if (list->seat[k].endpoint == endpoint[i]) {
                next.seat[i].credit = list->seat[k].credit;
            }
        }
    }
    *list = next;
}

/* Smooth weighted round robin, as nginx has it since 1.3.1: everyone earns its weight, the richest
 * is served and pays for all. Spreads 5:1:1 as a a b a c a a instead of a a a a a b c. */
static size_t pick_weighted(struct balance_list *list, enum rank best,
                            const struct balance_endpoint *avoid, uint64_t now_ms)
{
    size_t richest = list->count;
    int64_t total = 0;

    for (size_t i = 0; i < list->count; i++) {
        struct balance_seat *s = &list->seat[i];
        if (rank_of(s->endpoint, avoid, now_ms) != best) {
            continue;
        }
        s->credit += s->endpoint->weight;
        total += s->endpoint->weight;
        if (richest == list->count || s->credit > list->seat[richest].credit) {
            richest = i;
        }
    }
    assert(richest < list->count);
    list->seat[richest].credit -= total;
    return richest;
}

/* The cheapest of the best rank, the first one from the turn on among equals. */
static size_t pick_cheapest(const struct balance_list *list, enum balance way,
                            const struct balance_endpoint *avoid, uint64_t now_ms,
                            enum rank *ret_rank)
{
    size_t found = list->count;
    enum rank best = RANK_NONE;
    uint64_t least = UINT64_MAX;

    for (size_t k = 0; k < list->count; k++) {
        size_t i = (list->turn + k) % list->count;
        const struct balance_endpoint *e = list->seat[i].endpoint;
        enum rank rank = rank_of(e, avoid, now_ms);
        uint64_t cost = cost_of(e, way);
        if (rank < best || (rank == best && rank != RANK_NONE && cost < least)) {
            found = i;
            best = rank;
            least = cost;
        }
    }
    *ret_rank = best;
    return found;
}

static struct balance_endpoint *pick(struct balance_list *list, enum balance way,
                                     const struct balance_endpoint *avoid, uint64_t now_ms,
                                     enum rank worst)
{
    enum rank best;
    size_t at = pick_cheapest(list, way, avoid, now_ms, &best);

    if (best > worst) {
        return NULL;
    }
    if (way == BALANCE_WEIGHTED) {
        at = pick_weighted(list, best, avoid, now_ms);
    }
    list->turn = (at + 1) % list->count;
    return list->seat[at].endpoint;
}

struct balance_endpoint *balance_pick(struct balance_list *list, enum balance way,
                                      const struct balance_endpoint *avoid, uint64_t now_ms)
{
    return pick(list, way, avoid, now_ms, RANK_POOR);
}

struct balance_endpoint *balance_better(struct balance_list *list, enum balance way,
                                        const struct balance_endpoint *from, uint64_t now_ms)
{
    return pick(list, way, from, now_ms, RANK_READY);
}
