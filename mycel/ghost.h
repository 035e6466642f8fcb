/* Whom was evicted a short while ago, as fingerprints: a set-associative table whose entries grow old by the number of evictions since.
 * Memory of the caller, nothing is allocated. A stranger is taken for one of them about once in 8,000 questions. */
#ifndef CELL_MYCEL_GHOST_H
#define CELL_MYCEL_GHOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MYCEL_GHOST_WAYS = 8,
};

struct mycel_ghost {
    uint32_t *row;  /* sets of MYCEL_GHOST_WAYS: fingerprint << 16 | when; 0: empty */
    uint32_t sets;
};

/* Bytes of memory for a table that remembers `entries` of them, a multiple of 64. */
size_t mycel_ghost_bytes(uint32_t entries);

/* memory: mycel_ghost_bytes(entries), aligned to 4, borrowed as long as `g` is used. */
void mycel_ghost_init(struct mycel_ghost *g, void *memory, uint32_t entries);

/* clock: evictions so far, in whatever unit the caller uses (not more than 2^15 of them within a window). */
void mycel_ghost_add(struct mycel_ghost *g, uint64_t hash, uint32_t clock);

/* Whether `hash` was added no more than `window` (below 2^15) ago; it is forgotten then. */
bool mycel_ghost_take(struct mycel_ghost *g, uint64_t hash, uint32_t clock, uint32_t window);

#endif
