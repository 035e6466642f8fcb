/* The interface of AEADs: libsodium's against the RFC, and a check that finds each way of being wrong. */
#include "datapath/aead.h"

#include <sodium.h>
#include <string.h>

#include "common/base/bytes.h"
#include "tests/support/check.h"

static void seals_as_others_do(void)
{
    /* The first transport message of the handshake's vector is in test_noise.c; this is an empty one, by Python's
     * cryptography: ChaCha20Poly1305(bytes(range(32))).encrypt(nonce 7, b'', None). */
    uint8_t key[32], out[DATAPATH_AEAD_TAG], nonce[12];

    for (size_t i = 0; i < sizeof key; i++) {
        key[i] = (uint8_t)i;
    }
    datapath_aead_sodium.seal(NULL, key, 7, NULL, 0, out);
    CHECK(datapath_aead_sodium.open(NULL, key, 7, out, 0, NULL), "a keepalive opens");
    CHECK(!datapath_aead_sodium.open(NULL, key, 8, out, 0, NULL), "under its counter alone");
    if (datapath_aead_has_aes()) { /* AESGCM(bytes(range(32))).encrypt(nonce 7, b'cell', None) */
        static const uint8_t aes[] = {0x9b, 0xc1, 0x91, 0x89, 0xdd, 0x36, 0xa0, 0x14, 0x4b, 0x89,
                                      0x74, 0x12, 0x10, 0x38, 0xe5, 0x53, 0x58, 0x67, 0x76, 0x78};
        uint8_t sealed[4 + DATAPATH_AEAD_TAG];
        datapath_aead_aes.seal(NULL, key, 7, (const uint8_t *)"cell", 4, sealed);
        CHECK(memcmp(sealed, aes, sizeof aes) == 0, "AES as by Python's cryptography");
    }
    datapath_aead_nonce(UINT64_C(0x0102030405060708), nonce);
    CHECK(memcmp(nonce, (const uint8_t[]){0, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1}, 12) == 0, "zeros, then the counter");
}

/* ---- wrong ones ------------------------------------------------------------------------------------- */

enum wrong { RIGHT, WRONG_COUNTER, WRONG_LONG, WRONG_IN_PLACE, WRONG_TAG, WRONG_TRUST, WRONG_KEY, WRONGS };

static const char *const words[WRONGS] = {"right", "the counter's upper half is lost", "wrong from 513 bytes on",
                                          "wrong in place", "only half of the tag is looked at", "all is genuine",
                                          "the first key is kept for all that begin as it does"};

static void wrong_seal(void *context, const uint8_t key[32], uint64_t counter, const uint8_t *text, size_t size,
                       uint8_t *out)
{
    enum wrong how = *(const enum wrong *)context;
    bool is_in_place = text == out;
    uint8_t kept[32];

    memcpy(kept, key, sizeof kept);
    kept[31] = how == WRONG_KEY ? 0x9f : kept[31];
    datapath_aead_sodium.seal(NULL, kept, how == WRONG_COUNTER ? counter & UINT32_MAX : counter, text, size, out);
    if ((how == WRONG_LONG && size > 512) || (how == WRONG_IN_PLACE && is_in_place && size > 64)) {
        out[size - 1] ^= 1;
    }
}

static bool wrong_open(void *context, const uint8_t key[32], uint64_t counter, const uint8_t *sealed, size_t size,
                       uint8_t *out)
{
    enum wrong how = *(const enum wrong *)context;
    uint8_t tag[1600 + DATAPATH_AEAD_TAG], text[1600];

    if (how == WRONG_TRUST || how == WRONG_TAG) {
        /* Decrypt by encrypting, then make the tag again. */
        datapath_aead_sodium.seal(NULL, key, counter, sealed, size, tag);
        memcpy(text, tag, size);
        datapath_aead_sodium.seal(NULL, key, counter, text, size, tag);
        bool genuine = memcmp(tag + size, sealed + size, DATAPATH_AEAD_TAG / 2) == 0 || how == WRONG_TRUST;
        memcpy(out, text, size);
        return genuine;
    }
    return datapath_aead_sodium.open(NULL, key, how == WRONG_COUNTER ? counter & UINT32_MAX : counter, sealed, size, out);
}

int main(void)
{
    REQUIRE(sodium_init() >= 0, "libsodium");
    seals_as_others_do();
    CHECK(datapath_aead_check(&datapath_aead_sodium, &datapath_aead_sodium) == ERR_OK, "libsodium agrees with itself");
    for (enum wrong how = RIGHT; how < WRONGS; how++) {
        struct datapath_aead a = {.name = "wrong", .context = &how, .seal = wrong_seal, .open = wrong_open};
        CHECK(datapath_aead_check(&a, &datapath_aead_sodium) == (how == RIGHT ? ERR_OK : ERR_FAULT), "%s", words[how]);
    }
    return CHECK_RESULT();
}
