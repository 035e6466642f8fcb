/* Who asks whom in a cluster, and how it is heard where somebody is: nodosum/probe.c, nodosum/shell.c and vivaldi/shell.c, whose
 * numbers these are. */
#include <stdlib.h>

#include "nodosum/core.h"
#include "tests/sim/vivaldi/swarm.h"

enum {
    MS = 1000,
    EAGER_ROUNDS = NODOSUM_EAGER_MS / MS * SWARM_ROUNDS_S,
};

void cluster_init(struct swarm *s)
{
    uint32_t n = s->nodes;
    struct rng r;

    s->ring = calloc(n, sizeof *s->ring);
    s->at = calloc(n, sizeof *s->at);
    if (s->ring == NULL || s->at == NULL) {
        abort();
    }
    rng_init(&r, s->set.seed ^ 0x72696e67);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t j = (uint32_t)rng_below(&r, i + 1);
        s->ring[i] = s->ring[j];
        s->ring[j] = i;
    }
    for (uint32_t i = 0; i < n; i++) {
        s->at[s->ring[i]] = i;
    }
}

void cluster_free(struct swarm *s)
{
    free(s->ring);
    free(s->at);
}

static uint32_t finger(const struct swarm *s, uint32_t i, uint32_t turn)
{
    uint32_t bits = 0;

    while (UINT32_C(2) << bits < s->nodes) {
        bits++;
    }
    uint32_t far = UINT32_C(1) << turn / 2 % (bits + 1);
    return s->ring[(s->at[i] + (turn % 2 == 0 ? far : s->nodes - far)) % s->nodes];
}

void cluster_round(struct swarm *s)
{
    bool is_eager = s->round < EAGER_ROUNDS, is_ring = s->round % 2 == 1, is_told = s->set.way == SWARM_TOLD;
    bool has_places = !is_told && !is_ring && (is_eager || s->round / 2 % 2 == 0);

    for (uint32_t i = 0; i < s->nodes; i++) {
        swarm_ask(s, i, is_ring ? finger(s, i, 0) : finger(s, i, s->round / 2), has_places);
        if (!is_told && (s->round + i) % (is_eager ? NODOSUM_WANDER_EAGER : NODOSUM_WANDER_PERIODS) == 0) {
            swarm_ask(s, i, (i + 1 + (uint32_t)rng_below(&s->rng, s->nodes - 1)) % s->nodes, true);
        }
        if (!is_told) {
            told_look(s, i);
        }
    }
}
