#include "common/node/inner.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

enum { BYTE = 8, MOST = 16 };

/* Bits of byte i that are behind the network's. */
static uint8_t host_mask(size_t i, uint8_t bits)
{
    if (BYTE * (i + 1) <= bits) {
        return 0;
    }
    return BYTE * i >= bits ? 0xff : (uint8_t)(0xff >> (bits % BYTE));
}

bool inner_is_network(const uint8_t *ip, size_t size, uint8_t bits)
{
    bool is_network = bits + INNER_HOST_BITS_MIN <= (int)(BYTE * size);

    for (size_t i = 0; i < size; i++) {
        is_network = is_network && (ip[i] & host_mask(i, bits)) == 0;
    }
    return is_network;
}

void inner_derive(const uint8_t id[NODE_ID_LEN], const uint8_t *network, size_t size, uint8_t bits, uint8_t *ret)
{
    static const char label[] = "cell inner address 1";
    uint8_t input[sizeof label + NODE_ID_LEN + 1], hash[MOST];
    bool is_zeros = true, is_ones = true;

    assert(size <= sizeof hash && inner_is_network(network, size, bits));
    memcpy(input, label, sizeof label);
    memcpy(input + sizeof label, id, NODE_ID_LEN);
    for (uint8_t turn = 0; is_zeros || is_ones; turn++) {
        input[sizeof input - 1] = turn;
        int failed = crypto_generichash(hash, sizeof hash, input, sizeof input, NULL, 0);
        assert(failed == 0); /* only a size out of range fails */
        (void)failed;
        is_zeros = is_ones = true;
        for (size_t i = 0; i < size; i++) {
            uint8_t mask = host_mask(i, bits), host = hash[i] & mask;
            ret[i] = network[i] | host;
            is_zeros = is_zeros && host == 0;
            is_ones = is_ones && host == mask;
        }
    }
}
