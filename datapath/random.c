#include "datapath/random.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

void datapath_random_init(struct datapath_random *r, const uint8_t seed[DATAPATH_RANDOM_SEED])
{
    memcpy(r->key, seed, sizeof r->key);
}

void datapath_random_stir(struct datapath_random *r, const uint8_t seed[DATAPATH_RANDOM_SEED])
{
    uint8_t both[2 * DATAPATH_RANDOM_SEED];

    datapath_random_draw(r, both, DATAPATH_RANDOM_SEED);
    memcpy(both + DATAPATH_RANDOM_SEED, seed, DATAPATH_RANDOM_SEED);
    (void)crypto_generichash(r->key, sizeof r->key, both, sizeof both, NULL, 0);
    sodium_memzero(both, sizeof both);
}

void datapath_random_draw(struct datapath_random *r, void *ret, size_t size)
{
    static const uint8_t nonce[crypto_stream_chacha20_ietf_NONCEBYTES];
    uint8_t stream[DATAPATH_RANDOM_SEED + DATAPATH_RANDOM_MAX];

    assert(size > 0 && size <= DATAPATH_RANDOM_MAX);
    /* No more of the stream than is used: up to 32 bytes are one block, and four take three times as long. */
    (void)crypto_stream_chacha20_ietf(stream, DATAPATH_RANDOM_SEED + size, nonce, r->key);
    memcpy(r->key, stream, sizeof r->key);
    memcpy(ret, stream + DATAPATH_RANDOM_SEED, size);
    sodium_memzero(stream, sizeof stream);
}

uint32_t datapath_random_below(struct datapath_random *r, uint32_t bound)
{
    uint64_t value;

    assert(bound > 0);
    datapath_random_draw(r, &value, sizeof value);
    return (uint32_t)(value % bound);
}
