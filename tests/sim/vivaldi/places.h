/* Where the round trips of a simulation come from: a measured matrix, or a world that is made up, of any size. */
#ifndef CELL_TESTS_SIM_VIVALDI_PLACES_H
#define CELL_TESTS_SIM_VIVALDI_PLACES_H

#include <stdbool.h>
#include <stdint.h>

enum { PLACES_MEASURED_MAX = 1024, PLACES_SITES_MAX = 16 };

struct places {
    const char *name;
    uint32_t nodes, slices;
    uint32_t slice;          /* the one in force */
    /* Measured, or made of sites: by slice, row and column, ms, 0: not known. NULL: made up. */
    float *ms;
    /* Made up: where each node is. */
    struct place *place;
    uint64_t seed;
    float times;             /* all ways are so many times as long as they were; 0: they are as they were */
};

/* Read an RTTM file (tests/vectors/rtt/README.md), the slices from..from + slices - 1 of it, both directions averaged.
 * Ends the program with a line when that cannot be. */
void places_load(struct places *p, const char *name, const char *path, uint32_t from, uint32_t slices);

/* Sites on a globe, most of them on three continents; several nodes a site, 0.1 to 0.6 ms apart; ways that are longer than
 * straight by a factor of their own for each pair of sites (so triangles are violated); access links of a few ms, some of
 * them bad. */
void places_make(struct places *p, const char *name, uint32_t nodes, uint64_t seed);

/* A few sites far apart, up to PLACES_SITES_MAX; inside of each, in a LAN, every way takes 0.06 to 0.2 ms. */
void places_make_sites(struct places *p, const char *name, uint32_t nodes, uint32_t sites, uint64_t seed);

/* Homes of one city: every way is as long as both ends' ways to the first router, 3 ms and more, and those are longer than what is
 * between them, which is 20 ms at most. */
void places_make_homes(struct places *p, const char *name, uint32_t nodes, uint64_t seed);

/* The true round trip in ms; 0: not known. Symmetric, the same each time. */
float places_rtt_ms(const struct places *p, uint32_t i, uint32_t j);

void places_free(struct places *p);

#endif
