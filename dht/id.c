#include "dht/id.h"

#include "common/base/bytes.h"
#include "dht/core.h"

enum {
    BLOCK = 64,
    WORDS = 80,
    ROUND = 20, /* words with one function */
    LENGTH_AT = 56,
};

static uint32_t turn(uint32_t x, unsigned by)
{
    return x << by | x >> (32 - by);
}

/* One block (RFC 3174, section 6.1). */
static void digest(uint32_t h[5], const uint8_t block[BLOCK])
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

void dht_id_sha1(const void *bytes, size_t size, uint8_t ret[DHT_ID_SIZE])
{
    uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    const uint8_t *at = bytes;
    uint8_t last[2 * BLOCK] = {0};
    size_t left = size;

    for (; left >= BLOCK; left -= BLOCK, at += BLOCK) {
        digest(h, at);
    }
    if (left > 0) {
        memcpy(last, at, left);
    }
    last[left] = 0x80;
    size_t blocks = left < LENGTH_AT ? 1 : 2;
    bytes_put_be64(last + blocks * BLOCK - 8, (uint64_t)size * 8);
    for (size_t i = 0; i < blocks; i++) {
        digest(h, last + i * BLOCK);
    }
    for (unsigned i = 0; i < 5; i++) {
        bytes_put_be32(ret + 4 * i, h[i]);
    }
}

struct dht_id dht_core_id(const struct dht_node *node)
{
    struct dht_id id;

    dht_id_sha1(node->byte, sizeof node->byte, id.byte);
    return id;
}

uint32_t dht_id_common(const struct dht_id *a, const struct dht_id *b)
{
    for (uint32_t i = 0; i < DHT_ID_SIZE; i++) {
        uint8_t differs = a->byte[i] ^ b->byte[i];
        if (differs != 0) {
            return i * 8 + (uint32_t)__builtin_clz(differs) - 24;
        }
    }
    return DHT_BITS;
}

bool dht_id_is_nearer(const struct dht_id *target, const struct dht_id *a, const struct dht_id *b)
{
    for (uint32_t i = 0; i < DHT_ID_SIZE; i++) {
        if (a->byte[i] != b->byte[i]) {
            return (a->byte[i] ^ target->byte[i]) < (b->byte[i] ^ target->byte[i]);
        }
    }
    return false;
}
