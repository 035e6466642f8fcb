/* Coordinates as a tenant of the world in which membership lives, too: membership's round trips come in, where a node is goes
 * out with membership's pings, and what a node knows is kept on its disk. */
#ifndef CELL_TESTS_SIM_JOINT_COORDS_H
#define CELL_TESTS_SIM_JOINT_COORDS_H

#include "nodosum/core.h"
#include "tests/sim/world/world.h"
#include "vivaldi/core.h"

enum {
    COORDS_QUEUE = 64,  /* round trips that wait for their cell */
    COORDS_SAID = 256,  /* different places that a node says it is at, in one world */
};

struct coords_node {
    struct nodosum_rtt queue[COORDS_QUEUE];
    uint32_t queued;
    struct nodosum_place said[COORDS_SAID]; /* the last of these is what pings say */
    uint32_t saids;
    uint8_t *image;                         /* on its disk; NULL: none */
    size_t image_size;
    struct vivaldi_coord kept;              /* what is in it */
    uint64_t placed_us;                     /* since when it is placed in this life, world's time; 0: it is not */
};

struct coords_truth {
    struct coords_node node[WORLD_NODES_MAX];
    float *rtt_ms;      /* [nodes * nodes] of the world's wires; NULL: they have no geography */
    uint64_t samples, heard, restored, lost;
};

extern const struct world_tenant tenant_coords;

/* Draw the world's wires: half of the worlds have a geography. Before those who look how long messages take. */
void coords_draw(struct world *w);

/* For membership's tenant: tenant_truth's `place` and `learned`. */
size_t coords_place(struct world *w, uint32_t node, uint8_t out[NODOSUM_META_PLACE_MAX]);
void coords_learned(struct world *w, uint32_t node, const struct nodosum_rtt *rtt);

struct coords_truth *coords_truth(const struct world *w);

#endif
