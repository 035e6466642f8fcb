#include "common/base/sha1.h"

#include <string.h>

#include "common/base/bytes.h"

enum {
    WORDS = 80,
    ROUND = 20, /* words with one function */
    LENGTH_AT = 56,
};

static uint32_t turn(uint32_t x, unsigned by)
{
    return x << by | x >> (32 - by);
}

/* One block (RFC 3174, section 6.1). */
static void digest(uint32_t h[5], const uint8_t block[SHA1_BLOCK])
{
    static const uint32_t k[] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    uint32_t w[WORDS], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];

    for (unsigned t = 0; t < WORDS; t++) {
        w[t] = t < 16 ? bytes_get_be32(block + 4 * t) : turn(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
        uint32_t f = t < ROUND       ? (b & c) | (~b & d)
                     : t < 2 * ROUND ? b ^ c ^ d
                     : t < 3 * ROUND ? (b & c) | (b & d) | (c & d)
                                     : b ^ c ^ d;
        uint32_t sum = turn(a, 5) + f + e + w[t] + k[t / ROUND];
        e = d;
        d = c;
        c = turn(b, 30);
        b = a;
        a = sum;
    }
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
    h[4] += e;
}

void sha1_init(struct sha1 *s)
{
    *s = (struct sha1){.h = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}};
}

void sha1_add(struct sha1 *s, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    size_t held = s->size % SHA1_BLOCK;

    s->size += size;
    if (held > 0) {
        size_t more = size < SHA1_BLOCK - held ? size : SHA1_BLOCK - held;

        if (more > 0) {
            memcpy(s->part + held, at, more);
        }
        at += more;
        size -= more;
        if (held + more < SHA1_BLOCK) {
            return;
        }
        digest(s->h, s->part);
    }
    for (; size >= SHA1_BLOCK; size -= SHA1_BLOCK, at += SHA1_BLOCK) {
        digest(s->h, at);
    }
    if (size > 0) {
        memcpy(s->part, at, size);
    }
}

void sha1_end(struct sha1 *s, uint8_t ret[SHA1_SIZE])
{
    uint8_t last[2 * SHA1_BLOCK] = {0};
    size_t held = s->size % SHA1_BLOCK, blocks = held < LENGTH_AT ? 1 : 2;

    memcpy(last, s->part, held);
    last[held] = 0x80;
    bytes_put_be64(last + blocks * SHA1_BLOCK - 8, s->size * 8);
    for (size_t i = 0; i < blocks; i++) {
        digest(s->h, last + i * SHA1_BLOCK);
    }
    for (size_t i = 0; i < 5; i++) {
        bytes_put_be32(ret + 4 * i, s->h[i]);
    }
}
