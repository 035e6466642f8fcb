/* What always holds, whatever is measured or said: judged from outside, after every round trip and every round. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/vivaldi/swarm.h"

static void must(bool holds, const char *what, uint64_t id)
{
    if (!holds) {
        fprintf(stderr, "node %lu: %s\n", (unsigned long)id, what);
        exit(1);
    }
}

static bool is_coord(const struct vivaldi_coord *c)
{
    for (uint32_t k = 0; k < VIVALDI_DIMS_MAX; k++) {
        if (!isfinite(c->at[k]) || fabsf(c->at[k]) > VIVALDI_COORD_SIDE_MAX) {
            return false;
        }
    }
    return isfinite(c->height) && c->height >= 0 && c->height <= VIVALDI_COORD_SIDE_MAX && isfinite(c->error) && c->error >= 0 &&
           c->error <= VIVALDI_COORD_ERROR_MAX;
}

void check_sample(const struct vivaldi *before, const struct vivaldi *after, uint64_t id, double rtt_us, bool is_good)
{
    uint64_t self = after->config.self;
    const struct vivaldi_counters *a = &after->counters, *b = &before->counters;

    must(is_coord(&after->live) && is_coord(&after->stable), "its coordinate is none", self);
    if (!is_good) {
        must(a->bad_rtt + a->bad_coord == b->bad_rtt + b->bad_coord + 1 && a->samples == b->samples, "bad input is not counted", self);
        must(memcmp(&after->live, &before->live, sizeof after->live) == 0 && after->peers.count == before->peers.count,
             "bad input changed something", self);
        return;
    }
    must(a->samples == b->samples + 1 && a->bad_rtt + a->bad_coord == b->bad_rtt + b->bad_coord, "a sample is not counted", self);
    must((a->moves > b->moves) == (memcmp(after->stable.at, before->stable.at, sizeof after->stable.at) != 0 ||
                                   memcmp(&after->stable.height, &before->stable.height, sizeof(float)) != 0) ||
             before->usual_ms <= 0, "the stable coordinate moves without being counted", self);
    const struct vivaldi_peer *peer = vivaldi_peers_find(&after->peers, id);
    must(peer != NULL && vivaldi_peers_samples(peer) > 0, "who was measured is not known", self);
    must(vivaldi_peers_samples(peer) > 1 || fabs(vivaldi_peers_usual(peer) * 1000 - rtt_us) < 0.001 * rtt_us + 1 || rtt_us < 51,
         "a first round trip is another one afterwards", self);
    must(vivaldi_core_estimate(after, peer->measured_s, id, NULL).source == VIVALDI_MEASURED, "it was measured", self);
}

void check_round(const struct swarm *s)
{
    for (uint32_t i = 0; i < s->nodes; i++) {
        const struct vivaldi *v = &s->node[i];
        uint32_t count = v->peers.count;
        must(count <= v->config.peers_max && count < s->nodes, "it knows more than there may be", i);
        must(v->config.dims == VIVALDI_DIMS_MAX || v->live.at[v->config.dims] == 0, "a side that is not in use", i);
        must(v->config.has_height || v->live.height == 0, "a height that is not in use", i);
        /* one of them, by turns: found by its id, and under no other */
        const struct vivaldi_peer *peer = count == 0 ? NULL : &v->peers.peer[s->round % count];
        must(peer == NULL || vivaldi_peers_find(&v->peers, vivaldi_peers_id(peer)) == peer, "a peer is lost in the table", i);
        must(vivaldi_peers_find(&v->peers, i) == NULL, "it knows itself as another", i);
    }
}
