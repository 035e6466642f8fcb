/* SHA-1 (RFC 3174), for names that others prescribe: places of the DHT, objects of git. Never for what is to be believed: two texts with one
 * SHA-1 can be made. */
#ifndef CELL_COMMON_BASE_SHA1_H
#define CELL_COMMON_BASE_SHA1_H

#include <stddef.h>
#include <stdint.h>

enum { SHA1_SIZE = 20, SHA1_BLOCK = 64 };

struct sha1 {
    uint32_t h[5];
    uint64_t size; /* bytes so far */
    uint8_t part[SHA1_BLOCK];
};

void sha1_init(struct sha1 *s);
void sha1_add(struct sha1 *s, const void *bytes, size_t size);

/* `s` is used up. */
void sha1_end(struct sha1 *s, uint8_t ret[SHA1_SIZE]);

#endif
