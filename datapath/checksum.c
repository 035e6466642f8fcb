#include "datapath/checksum.h"

#include <string.h>

enum {
    WIDE = 32, /* bytes that are added at a time */
};

/* Four sums side by side, in whatever vectors the machine has. */
typedef uint64_t four __attribute__((vector_size(WIDE)));

uint64_t datapath_checksum_add(uint64_t sum, const uint8_t *bytes, size_t size)
{
    const four low = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX};
    four wide = {0};
    uint32_t word;
    uint16_t rest;

    /* 32-bit halves into 64-bit sums: no carry is lost before 2^32 of them. */
    for (; size >= WIDE; bytes += WIDE, size -= WIDE) {
        four piece;
        memcpy(&piece, bytes, WIDE);
        wide += (piece & low) + (piece >> 32);
    }
    for (int i = 0; i < 4; i++) {
        sum += (wide[i] & UINT32_MAX) + (wide[i] >> 32);
    }
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
