#include "datapath/hash.h"

#include <assert.h>
#include <blake2.h>
#include <sodium.h>
#include <string.h>

enum {
    BLOCK = 64, /* BLOCKLEN of BLAKE2s: Noise, section 12.7 */
};

void datapath_hash_of(const void *a, size_t a_size, const void *b, size_t b_size, uint8_t ret[DATAPATH_HASH_SIZE])
{
    blake2s_state state;

    (void)blake2s_init(&state, DATAPATH_HASH_SIZE);
    (void)blake2s_update(&state, a, a_size);
    if (b_size > 0) {
        (void)blake2s_update(&state, b, b_size);
    }
    (void)blake2s_final(&state, ret, DATAPATH_HASH_SIZE);
    sodium_memzero(&state, sizeof state);
}

void datapath_hash_mac(const uint8_t *key, size_t key_size, const void *data, size_t size,
                       uint8_t ret[DATAPATH_HASH_MAC])
{
    assert(key_size > 0 && key_size <= DATAPATH_HASH_SIZE);
    /* Refuses only sizes that cannot be here. */
    int failed = blake2s(ret, data, key, DATAPATH_HASH_MAC, size, key_size);
    assert(failed == 0);
}

/* HMAC (RFC 2104), not BLAKE2's own key: section 4.3 wants it so. Data in two pieces, either may be empty. */
static void hmac(const uint8_t key[DATAPATH_HASH_SIZE], const void *a, size_t a_size, const void *b, size_t b_size,
                 uint8_t ret[DATAPATH_HASH_SIZE])
{
    blake2s_state state;
    uint8_t pad[BLOCK], inner[DATAPATH_HASH_SIZE];

    memset(pad, 0x36, sizeof pad);
    for (size_t i = 0; i < DATAPATH_HASH_SIZE; i++) {
        pad[i] ^= key[i];
    }
    (void)blake2s_init(&state, DATAPATH_HASH_SIZE);
    (void)blake2s_update(&state, pad, sizeof pad);
    if (a_size > 0) {
        (void)blake2s_update(&state, a, a_size);
    }
    if (b_size > 0) {
        (void)blake2s_update(&state, b, b_size);
    }
    (void)blake2s_final(&state, inner, sizeof inner);
    for (size_t i = 0; i < BLOCK; i++) {
        pad[i] ^= 0x36 ^ 0x5c;
    }
    datapath_hash_of(pad, sizeof pad, inner, sizeof inner, ret);
    sodium_memzero(&state, sizeof state);
    sodium_memzero(pad, sizeof pad);
    sodium_memzero(inner, sizeof inner);
}

void datapath_hash_derive(const uint8_t chain[DATAPATH_HASH_SIZE], const void *input, size_t size, int count,
                          uint8_t ret[][DATAPATH_HASH_SIZE])
{
    uint8_t temporary[DATAPATH_HASH_SIZE];

    assert(count >= 1 && count <= 3);
    hmac(chain, input, size, NULL, 0, temporary);
    for (int i = 0; i < count; i++) {
        uint8_t number = (uint8_t)(i + 1);
        hmac(temporary, i > 0 ? ret[i - 1] : NULL, i > 0 ? DATAPATH_HASH_SIZE : 0, &number, 1, ret[i]);
    }
    sodium_memzero(temporary, sizeof temporary);
}
