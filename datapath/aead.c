#include "datapath/aead.h"

#include <sodium.h>
#include <string.h>

enum {
    CHECK_MAX = 1600, /* bytes: a packet of the usual mtu, and more than all parallel widths together */
};

void datapath_aead_nonce(uint64_t counter, uint8_t ret[12])
{
    memset(ret, 0, 4);
    for (int i = 0; i < 8; i++) {
        ret[4 + i] = (uint8_t)(counter >> 8 * i);
    }
}

static void seal(void *context, const uint8_t key[DATAPATH_AEAD_KEY], uint64_t counter, const uint8_t *text,
                 size_t size, uint8_t *out)
{
    uint8_t nonce[12];

    datapath_aead_nonce(counter, nonce);
    (void)crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, text, size, NULL, 0, NULL, nonce, key);
}

static bool unseal(void *context, const uint8_t key[DATAPATH_AEAD_KEY], uint64_t counter, const uint8_t *sealed,
                   size_t size, uint8_t *out)
{
    uint8_t nonce[12];

    datapath_aead_nonce(counter, nonce);
    return crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL, sealed, size + DATAPATH_AEAD_TAG, NULL, 0, nonce,
                                                     key) == 0;
}

const struct datapath_aead datapath_aead_sodium = {.name = "libsodium", .seal = seal, .open = unseal};

static void aes_seal(void *context, const uint8_t key[DATAPATH_AEAD_KEY], uint64_t counter, const uint8_t *text,
                     size_t size, uint8_t *out)
{
    uint8_t nonce[12];

    datapath_aead_nonce(counter, nonce);
    (void)crypto_aead_aes256gcm_encrypt(out, NULL, text, size, NULL, 0, NULL, nonce, key);
}

static bool aes_open(void *context, const uint8_t key[DATAPATH_AEAD_KEY], uint64_t counter, const uint8_t *sealed,
                     size_t size, uint8_t *out)
{
    uint8_t nonce[12];

    datapath_aead_nonce(counter, nonce);
    return crypto_aead_aes256gcm_decrypt(out, NULL, NULL, sealed, size + DATAPATH_AEAD_TAG, NULL, 0, nonce, key) == 0;
}

const struct datapath_aead datapath_aead_aes = {.name = "libsodium", .seal = aes_seal, .open = aes_open};

bool datapath_aead_has_aes(void)
{
    return crypto_aead_aes256gcm_is_available() == 1;
}

/* ---- the check -------------------------------------------------------------------------------------- */

static bool agrees(const struct datapath_aead *a, const struct datapath_aead *sound, const uint8_t key[DATAPATH_AEAD_KEY],
                   size_t size)
{
    uint8_t text[CHECK_MAX], ours[CHECK_MAX + DATAPATH_AEAD_TAG], theirs[CHECK_MAX + DATAPATH_AEAD_TAG];
    uint64_t counter = size * UINT64_C(0x9e3779b97f4a7c15);

    for (size_t i = 0; i < size; i++) {
        text[i] = (uint8_t)(i * 7 + size);
    }
    sound->seal(sound->context, key, counter, text, size, ours);
    a->seal(a->context, key, counter, text, size, theirs);
    if (memcmp(ours, theirs, size + DATAPATH_AEAD_TAG) != 0) {
        return false;
    }
    memcpy(theirs, text, size); /* … and in place */
    a->seal(a->context, key, counter, theirs, size, theirs);
    if (memcmp(ours, theirs, size + DATAPATH_AEAD_TAG) != 0) {
        return false;
    }
    return a->open(a->context, key, counter, theirs, size, theirs) && memcmp(theirs, text, size) == 0 &&
           !a->open(a->context, key, counter + 1, ours, size, theirs);
}

/* A short message, of which nothing may differ. */
static bool refuses(const struct datapath_aead *a, const struct datapath_aead *sound, const uint8_t key[DATAPATH_AEAD_KEY])
{
    uint8_t sealed[4 + DATAPATH_AEAD_TAG], out[4];

    sound->seal(sound->context, key, 1, (const uint8_t *)"cell", 4, sealed);
    for (size_t bit = 0; bit < 8 * sizeof sealed; bit++) {
        sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (a->open(a->context, key, 1, sealed, 4, out)) {
            return false;
        }
        sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    return a->open(a->context, key, 1, sealed, 4, out);
}

enum err datapath_aead_check(const struct datapath_aead *a, const struct datapath_aead *sound)
{
    uint8_t key[2][DATAPATH_AEAD_KEY];

    for (size_t i = 0; i < DATAPATH_AEAD_KEY; i++) {
        key[0][i] = key[1][i] = (uint8_t)(0x80 + i);
    }
    key[1][DATAPATH_AEAD_KEY - 1] ^= 1; /* whoever keeps what he made of a key looks at all of it */
    for (size_t size = 0; size <= CHECK_MAX; size += size < 272 || size % 64 == 1 ? 1 : 62) {
        if (!agrees(a, sound, key[size % 2], size)) {
            return ERR_FAULT;
        }
    }
    return refuses(a, sound, key[0]) ? ERR_OK : ERR_FAULT;
}
