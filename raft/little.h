/* Little-endian integers, as raft's packets, entries and files have them. */
#ifndef CELL_RAFT_LITTLE_H
#define CELL_RAFT_LITTLE_H

#include <stdint.h>

static inline void little_put_32(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        to[i] = (uint8_t)(value >> (8 * i));
    }
}

static inline void little_put_64(uint8_t *to, uint64_t value)
{
    for (int i = 0; i < 8; i++) {
        to[i] = (uint8_t)(value >> (8 * i));
    }
}

static inline uint32_t little_get_32(const uint8_t *from)
{
    return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

static inline uint64_t little_get_64(const uint8_t *from)
{
    return little_get_32(from) | (uint64_t)little_get_32(from + 4) << 32;
}

#endif
