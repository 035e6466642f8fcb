/* BLAKE2s-128 and SipHash-2-4 as the shield's programs need them: no table, no call, no memory but the caller's.
 * Compiled for the kernel, where no library is, and for the cell, which prepares keys with it; nothing else may use it:
 * datapath/hash.h is the library's.
 * Source: RFC 7693; Aumasson and Bernstein, "SipHash", INDOCRYPT 2012. */
#ifndef CELL_DATAPATH_SHIELD_HASH_H
#define CELL_DATAPATH_SHIELD_HASH_H

#include <stdint.h>

enum {
    SHIELD_HASH_BLOCK = 64,
    SHIELD_HASH_ROUNDS = 10,
    SHIELD_HASH_MAC = 16,
};

#ifdef __bpf__
#define SHIELD_HASH_CALLED static __attribute__((noinline))
#define SHIELD_HASH_UNROLL _Pragma("unroll")
#else
#define SHIELD_HASH_CALLED static inline
#define SHIELD_HASH_UNROLL
#endif

/* RFC 7693, section 2.6. In literals: an array would be a map of the program's. */
#define SHIELD_HASH_IV0 0x6a09e667u
#define SHIELD_HASH_IV1 0xbb67ae85u
#define SHIELD_HASH_IV2 0x3c6ef372u
#define SHIELD_HASH_IV3 0xa54ff53au
#define SHIELD_HASH_IV4 0x510e527fu
#define SHIELD_HASH_IV5 0x9b05688cu
#define SHIELD_HASH_IV6 0x1f83d9abu
#define SHIELD_HASH_IV7 0x5be0cd19u

static inline uint32_t shield_hash_turn(uint32_t word, int bits)
{
    return word >> bits | word << (32 - bits);
}

static inline uint64_t shield_hash_turn64(uint64_t word, int bits)
{
    return word << bits | word >> (64 - bits);
}

/* RFC 7693, section 3.1. */
static inline __attribute__((always_inline)) void shield_hash_mix(uint32_t v[16], int a, int b, int c, int d,
                                                                  uint32_t x, uint32_t y)
{
    v[a] += v[b] + x;
    v[d] = shield_hash_turn(v[d] ^ v[a], 16);
    v[c] += v[d];
    v[b] = shield_hash_turn(v[b] ^ v[c], 12);
    v[a] += v[b] + y;
    v[d] = shield_hash_turn(v[d] ^ v[a], 8);
    v[c] += v[d];
    v[b] = shield_hash_turn(v[b] ^ v[c], 7);
}

/* Take in one block, as words of the wire's order; total: bytes so far, of the key's block too (section 3.2). */
SHIELD_HASH_CALLED void shield_hash_take(uint32_t state[8], const uint32_t block[16], uint32_t total, uint32_t is_last)
{
    static const uint8_t order[SHIELD_HASH_ROUNDS][16] = {
        {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
        {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4}, {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
        {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13}, {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
        {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11}, {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
        {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5}, {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0}};
    uint32_t v[16] = {state[0], state[1], state[2], state[3], state[4], state[5], state[6], state[7],
                      SHIELD_HASH_IV0, SHIELD_HASH_IV1, SHIELD_HASH_IV2, SHIELD_HASH_IV3,
                      SHIELD_HASH_IV4 ^ total, SHIELD_HASH_IV5, is_last ? ~SHIELD_HASH_IV6 : SHIELD_HASH_IV6,
                      SHIELD_HASH_IV7};

    SHIELD_HASH_UNROLL
    for (int round = 0; round < SHIELD_HASH_ROUNDS; round++) {
        const uint8_t *s = order[round];
        shield_hash_mix(v, 0, 4, 8, 12, block[s[0]], block[s[1]]);
        shield_hash_mix(v, 1, 5, 9, 13, block[s[2]], block[s[3]]);
        shield_hash_mix(v, 2, 6, 10, 14, block[s[4]], block[s[5]]);
        shield_hash_mix(v, 3, 7, 11, 15, block[s[6]], block[s[7]]);
        shield_hash_mix(v, 0, 5, 10, 15, block[s[8]], block[s[9]]);
        shield_hash_mix(v, 1, 6, 11, 12, block[s[10]], block[s[11]]);
        shield_hash_mix(v, 2, 7, 8, 13, block[s[12]], block[s[13]]);
        shield_hash_mix(v, 3, 4, 9, 14, block[s[14]], block[s[15]]);
    }
    SHIELD_HASH_UNROLL
    for (int i = 0; i < 8; i++) {
        state[i] ^= v[i] ^ v[i + 8];
    }
}

/* Begin a MAC of 16 bytes: the state when it has taken in a key of `size` bytes, 16 or 32, whose words are the first
 * of `block`; the rest of block is zero. */
static inline void shield_hash_key(uint32_t state[8], const uint32_t block[16], uint32_t size)
{
    state[0] = SHIELD_HASH_IV0 ^ 0x01010000u ^ size << 8 ^ SHIELD_HASH_MAC; /* section 2.5: parameters */
    state[1] = SHIELD_HASH_IV1;
    state[2] = SHIELD_HASH_IV2;
    state[3] = SHIELD_HASH_IV3;
    state[4] = SHIELD_HASH_IV4;
    state[5] = SHIELD_HASH_IV5;
    state[6] = SHIELD_HASH_IV6;
    state[7] = SHIELD_HASH_IV7;
    shield_hash_take(state, block, SHIELD_HASH_BLOCK, 0);
}

/* SipHash-2-4 of the 16 bytes a, b. */
static inline __attribute__((always_inline)) uint64_t shield_hash_source(const uint64_t key[2], uint64_t a, uint64_t b)
{
    uint64_t v0 = key[0] ^ 0x736f6d6570736575ull, v1 = key[1] ^ 0x646f72616e646f6dull;
    uint64_t v2 = key[0] ^ 0x6c7967656e657261ull, v3 = key[1] ^ 0x7465646279746573ull;
    uint64_t word[3] = {a, b, 16ull << 56};

    /* Two rounds after each word, four at the end. */
    SHIELD_HASH_UNROLL
    for (int round = 0; round < 10; round++) {
        if (round < 6 && round % 2 == 0) {
            v3 ^= word[round / 2];
        }
        if (round == 6) {
            v2 ^= 0xff;
        }
        v0 += v1;
        v1 = shield_hash_turn64(v1, 13) ^ v0;
        v0 = shield_hash_turn64(v0, 32);
        v2 += v3;
        v3 = shield_hash_turn64(v3, 16) ^ v2;
        v0 += v3;
        v3 = shield_hash_turn64(v3, 21) ^ v0;
        v2 += v1;
        v1 = shield_hash_turn64(v1, 17) ^ v2;
        v2 = shield_hash_turn64(v2, 32);
        if (round < 6 && round % 2 == 1) {
            v0 ^= word[round / 2];
        }
    }
    return v0 ^ v1 ^ v2 ^ v3;
}

/* Of an address and a port there. */
static inline __attribute__((always_inline)) uint64_t shield_hash_place(const uint64_t key[2], uint64_t a, uint64_t b, uint16_t port)
{
    return shield_hash_source(key, shield_hash_source(key, a, b), port);
}

#endif
