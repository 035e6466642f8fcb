/* Randomness for a pure core: a generator that a seed comes into and that forgets what it gave. ChaCha20 with fast key
 * erasure: each draw replaces the key first (Bernstein, "Fast-key-erasure random-number generators", 2017), so that
 * nobody who reads the memory later learns an ephemeral key of earlier. */
#ifndef CELL_DATAPATH_RANDOM_H
#define CELL_DATAPATH_RANDOM_H

#include <stddef.h>
#include <stdint.h>

enum {
    DATAPATH_RANDOM_SEED = 32,
    DATAPATH_RANDOM_MAX = 64, /* bytes of one draw */
};

struct datapath_random {
    uint8_t key[DATAPATH_RANDOM_SEED];
};

/* seed: from the system, never used twice: two lives with one seed would repeat ephemeral keys. */
void datapath_random_init(struct datapath_random *r, const uint8_t seed[DATAPATH_RANDOM_SEED]);

/* Mix more of it in: what was known of the state is worth nothing afterwards. */
void datapath_random_stir(struct datapath_random *r, const uint8_t seed[DATAPATH_RANDOM_SEED]);

/* 1 to DATAPATH_RANDOM_MAX bytes. */
void datapath_random_draw(struct datapath_random *r, void *ret, size_t size);

/* Uniform in [0, bound), bound > 0, but for 2^-32. */
uint32_t datapath_random_below(struct datapath_random *r, uint32_t bound);

#endif
