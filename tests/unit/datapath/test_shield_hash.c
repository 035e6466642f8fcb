/* The shield's BLAKE2s and SipHash give what the libraries' do. */
#include "datapath/shield_hash.h"

#include <sodium.h>
#include <string.h>

#include "datapath/hash.h"
#include "tests/support/check.h"

/* As shield.bpf.c goes over a message. */
static void mac_of(const uint8_t *key, uint32_t key_size, const uint8_t *data, uint32_t size, uint8_t ret[16])
{
    uint32_t block[16] = {0}, state[8], at = 0;

    memcpy(block, key, key_size);
    shield_hash_key(state, block, key_size);
    for (; size - at > SHIELD_HASH_BLOCK; at += SHIELD_HASH_BLOCK) {
        memcpy(block, data + at, sizeof block);
        shield_hash_take(state, block, SHIELD_HASH_BLOCK + at + SHIELD_HASH_BLOCK, 0);
    }
    memset(block, 0, sizeof block);
    memcpy(block, data + at, size - at);
    shield_hash_take(state, block, SHIELD_HASH_BLOCK + size, 1);
    memcpy(ret, state, 16);
}

static void macs_are_the_librarys(void)
{
    uint8_t key[32], data[300], ours[16], theirs[16];

    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 7 + 3);
        key[i % 32] = (uint8_t)(i * 5 + 1);
    }
    for (uint32_t size = 1; size <= sizeof data; size++) {
        for (uint32_t key_size = 16; key_size <= 32; key_size += 16) {
            mac_of(key, key_size, data, size, ours);
            datapath_hash_mac(key, key_size, data, size, theirs);
            CHECK(memcmp(ours, theirs, sizeof ours) == 0, "%u bytes under a key of %u", size, key_size);
        }
    }
}

static void sources_are_hashed_as_the_library_does(void)
{
    uint8_t key[16], data[16];
    uint64_t k[2], d[2], theirs;

    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < 16; i++) {
            key[i] = (uint8_t)(round * 31 + i * 17);
            data[i] = (uint8_t)(round * 13 + i * 101);
        }
        memcpy(k, key, sizeof k);
        memcpy(d, data, sizeof d);
        (void)crypto_shorthash((uint8_t *)&theirs, data, sizeof data, key);
        CHECK(shield_hash_source(k, d[0], d[1]) == theirs, "round %d", round);
    }
}

int main(void)
{
    macs_are_the_librarys();
    sources_are_hashed_as_the_library_does();
    return CHECK_RESULT();
}
