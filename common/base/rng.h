/* A seeded generator for cores and simulations: xoshiro256** (Blackman and Vigna, "Scrambled
 * linear pseudorandom number generators", 2019), seeded by splitmix64. Not for secrets. */
#ifndef CELL_COMMON_BASE_RNG_H
#define CELL_COMMON_BASE_RNG_H

#include <stdint.h>

struct rng {
    uint64_t word[4];
};

/* Every seed, 0 included, gives a good stream. */
void rng_init(struct rng *r, uint64_t seed);

/* Uniform over all 64-bit values. */
uint64_t rng_next(struct rng *r);

/* Uniform in [0, bound), without modulo bias; bound > 0. */
uint64_t rng_below(struct rng *r, uint64_t bound);

/* Uniform in [0, 1). */
double rng_unit(struct rng *r);

#endif
