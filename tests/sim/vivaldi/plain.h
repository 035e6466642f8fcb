/* The peer: Vivaldi as serf and Consul run it, from its description (Dabek et al., SIGCOMM 2004, figure 3, with height) and
 * their documented parameters: eight dimensions and height, c_e = c_c = 0.25, errors up to 1.5, the middle of the last three
 * round trips of each peer, an adjustment over the last 20. */
#ifndef CELL_TESTS_SIM_VIVALDI_PLAIN_H
#define CELL_TESTS_SIM_VIVALDI_PLAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/rng.h"

enum {
    PLAIN_DIMS = 8,
    PLAIN_FILTER = 3,
    PLAIN_WINDOW = 20,
};

struct plain_coord {
    double at[PLAIN_DIMS];
    double height, error, adjustment; /* ms, share, ms */
};

struct plain {
    struct plain_coord c;
    double off[PLAIN_WINDOW];
    uint32_t updates;
    float *last; /* of each peer, PLAIN_FILTER round trips, the newest first; 0: none */
};

/* It has measured nobody. peers: how many there are. */
void plain_init(struct plain *p, uint32_t peers);
void plain_free(struct plain *p);

double plain_rtt_ms(const struct plain_coord *a, const struct plain_coord *b);
void plain_sample(struct plain *p, struct rng *rng, uint32_t peer, double rtt_ms, const struct plain_coord *c);

#endif
