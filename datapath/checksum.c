#include "datapath/checksum.h"

#include <string.h>

enum {
    WIDE = 16,                /* bytes of a vector that every x86-64 and arm64 has */
    LANES = 4,                /* vectors that are summed side by side              */
    STEP = WIDE * LANES,
};

typedef uint64_t vector __attribute__((vector_size(WIDE)));

/* 32-bit halves into 64-bit sums: no carry is lost before 2^32 of them. */
static inline vector halves(const uint8_t *bytes)
{
    const vector low = {UINT32_MAX, UINT32_MAX};
    vector piece;

    memcpy(&piece, bytes, WIDE);
    return (piece & low) + (piece >> 32);
}

uint64_t datapath_checksum_add(uint64_t sum, const uint8_t *bytes, size_t size)
{
    vector a = {0}, b = {0}, c = {0}, d = {0};
    uint32_t word;
    uint16_t rest;

    /* Written out: this is one pass over all that goes through, and must be small beside what sealing it takes. */
    for (; size >= STEP; bytes += STEP, size -= STEP) {
        a += halves(bytes);
        b += halves(bytes + WIDE);
        c += halves(bytes + 2 * WIDE);
        d += halves(bytes + 3 * WIDE);
    }
    a += b + c + d;
    sum += (a[0] & UINT32_MAX) + (a[0] >> 32) + (a[1] & UINT32_MAX) + (a[1] >> 32);
    for (; size >= sizeof word; bytes += sizeof word, size -= sizeof word) {
        memcpy(&word, bytes, sizeof word);
        sum += word;
    }
    if (size >= sizeof rest) {
        memcpy(&rest, bytes, sizeof rest);
        sum += rest;
        bytes += sizeof rest;
        size -= sizeof rest;
    }
    if (size > 0) {
        uint8_t last[2] = {bytes[0], 0};
        memcpy(&rest, last, sizeof rest);
        sum += rest;
    }
    return sum;
}

uint16_t datapath_checksum_fold(uint64_t sum)
{
    sum = (sum & UINT32_MAX) + (sum >> 32);
    sum = (sum & UINT32_MAX) + (sum >> 32);
    sum = (sum & UINT16_MAX) + (sum >> 16);
    sum = (sum & UINT16_MAX) + (sum >> 16);
    return (uint16_t)sum;
}

uint16_t datapath_checksum_end(uint64_t sum)
{
    return (uint16_t)~datapath_checksum_fold(sum);
}

uint64_t datapath_checksum_pseudo(const uint8_t *addresses, size_t size, uint8_t protocol, uint32_t length)
{
    const uint8_t rest[8] = {(uint8_t)(length >> 24), (uint8_t)(length >> 16), (uint8_t)(length >> 8), (uint8_t)length,
                             0, 0, 0, protocol};

    return datapath_checksum_add(datapath_checksum_add(0, addresses, 2 * size), rest, sizeof rest);
}
