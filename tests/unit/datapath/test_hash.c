/* BLAKE2s against published values; HKDF is held by the handshake's vector (test_noise.c). */
#include "datapath/hash.h"

#include <string.h>

#include "common/base/bytes.h"
#include "tests/support/check.h"

static void check_hex(const uint8_t *bytes, size_t size, const char *expected, const char *why)
{
    char hex[2 * 64 + 1];

    bytes_to_hex(bytes, size, hex);
    CHECK(strcmp(hex, expected) == 0, "%s: %s", why, hex);
}

int main(void)
{
    uint8_t hash[DATAPATH_HASH_SIZE], mac[DATAPATH_HASH_MAC], key[32], data[64], out[3][DATAPATH_HASH_SIZE], two[2][32];

    datapath_hash_of("abc", 3, NULL, 0, hash);
    check_hex(hash, sizeof hash, "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982",
              "RFC 7693, appendix B");
    datapath_hash_of("a", 1, "bc", 2, hash);
    check_hex(hash, sizeof hash, "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982", "in two pieces");
    datapath_hash_of(NULL, 0, NULL, 0, hash);
    check_hex(hash, sizeof hash, "69217a3079908094e11121d042354a7c1f55b6482ca1a51e1b250dfd1ed0eef9", "of nothing");
    for (size_t i = 0; i < sizeof key; i++) {
        key[i] = (uint8_t)i;
    }
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)i;
    }
    /* Python: hashlib.blake2s(bytes(range(n)), key=bytes(range(k)), digest_size=16) */
    datapath_hash_mac(key, 32, data, 64, mac);
    check_hex(mac, sizeof mac, "f1efa90d2547036841ecd3627fafbc36", "a MAC");
    datapath_hash_mac(key, 16, data, 1, mac);
    check_hex(mac, sizeof mac, "881e42e7bb358082637c0a0fd7ec6c2f", "under half a key");
    /* Python: hmac.new(…, digestmod='blake2s') as section 4.3 combines it */
    datapath_hash_derive(key, data, 32, 3, out);
    check_hex(out[0], 32, "1fcf29000a27f12dc0691acf0f15bf4c55199f925d65441a3c08b566fce08d13", "first of three");
    check_hex(out[1], 32, "704818f0cdc896cc3d7fe77c61f24e33db30aa69ef63758d5cfce8d6335c1b46", "second");
    check_hex(out[2], 32, "7c46c5eddb1418694b9a599d7d5842039b4fbbf946e376bf59d19847342fee80", "third");
    memcpy(two[0], key, 32);
    datapath_hash_derive(two[0], data, 32, 2, two);
    CHECK(memcmp(two, out, sizeof two) == 0, "into the chain itself");
    return CHECK_RESULT();
}
