/* Blocks of any size out of one piece of memory, taken and given back in O(1): two-level segregated lists of free blocks, which grow
 * together with their neighbours when they are given back. A block is known by the number of the unit it begins at.
 *
 * Source: Masmano, Ripoll, Crespo, Real, "TLSF: a new dynamic memory allocator for real-time systems", ECRTS 2004. */
#ifndef CELL_MYCEL_HEAP_H
#define CELL_MYCEL_HEAP_H

#include <stddef.h>
#include <stdint.h>

enum {
    MYCEL_HEAP_UNIT = 8,         /* bytes */
    MYCEL_HEAP_FIRST = 29,       /* classes by power of two, … */
    MYCEL_HEAP_SECOND = 16,      /* … and by sixteenths of it  */
    MYCEL_HEAP_SIZE_BITS = 28,   /* of a block's first word; its other four bits are the heap's */
    MYCEL_HEAP_NONE = 0,
};

struct mycel_heap {
    uint8_t *base;
    uint32_t units;                    /* of all memory, the unused first one and a last one included */
    uint32_t taken;                    /* … of blocks that are in use */
    uint32_t classes;                  /* bit: some of this power are free */
    uint16_t parts[MYCEL_HEAP_FIRST];
    uint32_t free[MYCEL_HEAP_FIRST][MYCEL_HEAP_SECOND];
};

/* memory: aligned to 8, borrowed, 64 bytes to 16 GiB; what is above is not used. */
void mycel_heap_init(struct mycel_heap *h, void *memory, size_t bytes);

/* A block of at least `bytes` (> 0), MYCEL_HEAP_NONE if none is that large. Its first word holds its size in units, in the low
 * MYCEL_HEAP_SIZE_BITS bits, and is not to be changed; the rest is the holder's. */
uint32_t mycel_heap_take(struct mycel_heap *h, uint32_t bytes);
void mycel_heap_give(struct mycel_heap *h, uint32_t block);

static inline void *mycel_heap_at(const struct mycel_heap *h, uint32_t block)
{
    return h->base + (size_t)block * MYCEL_HEAP_UNIT;
}

/* What a block of `bytes` costs, in units. */
static inline uint32_t mycel_heap_units(uint32_t bytes)
{
    return bytes <= 2 * MYCEL_HEAP_UNIT ? 2 : (uint32_t)(((uint64_t)bytes + MYCEL_HEAP_UNIT - 1) / MYCEL_HEAP_UNIT);
}

#endif
