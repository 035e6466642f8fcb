/* The word before each record of a ring, and where positions lie. Shared by the ring's two ends. */
#ifndef CELL_COMMON_RUN_SHM_RING_WORD_H
#define CELL_COMMON_RUN_SHM_RING_WORD_H

#include <stdatomic.h>
#include <stdint.h>

#include "common/run/shm_ring.h"

/* What stands at a position where a record may begin. NONE is 0: nothing there yet. */
enum shm_ring_kind {
    SHM_RING_NONE,
    SHM_RING_BUSY, /* reserved; size: of the reservation's payload   */
    SHM_RING_DATA, /* committed; size: of the message                */
    SHM_RING_SKIP, /* nothing to see; size: bytes with this word     */
};

/* 32 bits of size, 8 of kind, 24 of tag: one word, so that one load copies all of it. */
static inline uint64_t shm_ring_word(enum shm_ring_kind kind, uint32_t size, uint32_t tag)
{
    return (uint64_t)size | (uint64_t)kind << 32 | (uint64_t)tag << 40;
}

static inline uint32_t shm_ring_word_size(uint64_t word)
{
    return (uint32_t)word;
}

static inline uint8_t shm_ring_word_kind(uint64_t word)
{
    return (uint8_t)(word >> 32);
}

static inline uint32_t shm_ring_word_tag(uint64_t word)
{
    return (uint32_t)(word >> 40);
}

/* Bytes of a record with `size` bytes of payload. */
static inline uint64_t shm_ring_span(uint32_t size)
{
    return ((uint64_t)size + SHM_RING_WORD - 1) / SHM_RING_WORD * SHM_RING_WORD + SHM_RING_WORD;
}

/* The word at a position. Bytes that were payload a turn ago are a word now: every access to one as a
 * word is atomic, and the turns between are ordered by `head`. */
static inline _Atomic uint64_t *shm_ring_at(const uint8_t *data, uint64_t capacity,
                                            uint64_t position)
{
    return (_Atomic uint64_t *)(data + (position & (capacity - 1)));
}

#endif
