#include "common/node/noise.h"

#include <sodium.h>
#include <string.h>

enum {
    NOISE_BLOCK = 128, /* BLOCKLEN of BLAKE2b, section 12.6 */
};

static const char nk_name[] = "Noise_NKpsk0_25519_ChaChaPoly_BLAKE2b";
static const char ik_name[] = "Noise_IK_25519_ChaChaPoly_BLAKE2b";
_Static_assert(sizeof nk_name - 1 <= NOISE_HASH && sizeof ik_name - 1 <= NOISE_HASH,
               "short names are padded, longer ones hashed");

/* HMAC (RFC 2104) over BLAKE2b, of one or two pieces: section 4.3 wants HMAC, not BLAKE2's own key. */
static void hmac(const uint8_t key[NOISE_HASH], const uint8_t *a, size_t a_size, const uint8_t *b,
                 size_t b_size, uint8_t out[NOISE_HASH])
{
    crypto_generichash_state state;
    uint8_t pad[NOISE_BLOCK], inner[NOISE_HASH];

    memset(pad, 0x36, sizeof pad);
    for (size_t i = 0; i < NOISE_HASH; i++) {
        pad[i] ^= key[i];
    }
    (void)crypto_generichash_init(&state, NULL, 0, NOISE_HASH);
    (void)crypto_generichash_update(&state, pad, sizeof pad);
    (void)crypto_generichash_update(&state, a, a_size);
    (void)crypto_generichash_update(&state, b, b_size);
    (void)crypto_generichash_final(&state, inner, sizeof inner);
    for (size_t i = 0; i < NOISE_BLOCK; i++) {
        pad[i] ^= 0x36 ^ 0x5c;
    }
    (void)crypto_generichash_init(&state, NULL, 0, NOISE_HASH);
    (void)crypto_generichash_update(&state, pad, sizeof pad);
    (void)crypto_generichash_update(&state, inner, sizeof inner);
    (void)crypto_generichash_final(&state, out, NOISE_HASH);
    sodium_memzero(&state, sizeof state);
    sodium_memzero(pad, sizeof pad);
    sodium_memzero(inner, sizeof inner);
}

/* Section 4.3, HKDF with `count` outputs, 2 or 3. The first may be the chaining key itself. */
static void hkdf(const uint8_t chain[NOISE_HASH], const uint8_t *input, size_t size, int count,
                 uint8_t out[3][NOISE_HASH])
{
    uint8_t temporary[NOISE_HASH];

    hmac(chain, input, size, NULL, 0, temporary);
    for (int i = 0; i < count; i++) {
        uint8_t number = (uint8_t)(i + 1);
        hmac(temporary, i > 0 ? out[i - 1] : NULL, i > 0 ? NOISE_HASH : 0, &number, 1, out[i]);
    }
    sodium_memzero(temporary, sizeof temporary);
}

static void mix_hash(struct noise *n, const uint8_t *data, size_t size)
{
    crypto_generichash_state state;

    (void)crypto_generichash_init(&state, NULL, 0, NOISE_HASH);
    (void)crypto_generichash_update(&state, n->hash, NOISE_HASH);
    (void)crypto_generichash_update(&state, data, size);
    (void)crypto_generichash_final(&state, n->hash, NOISE_HASH);
}

/* MixKey, or with a hash between MixKeyAndHash (section 5.2). */
static void mix_key(struct noise *n, const uint8_t input[NOISE_KEY], bool with_hash)
{
    uint8_t out[3][NOISE_HASH];

    hkdf(n->chain, input, NOISE_KEY, with_hash ? 3 : 2, out);
    memcpy(n->chain, out[0], NOISE_HASH);
    if (with_hash) {
        mix_hash(n, out[1], NOISE_HASH);
    }
    memcpy(n->cipher.key, out[with_hash ? 2 : 1], NOISE_KEY);
    n->cipher.counter = 0;
    sodium_memzero(out, sizeof out);
}

/* DH() of section 4.1: an all-zero result means a key of small order, which no honest peer sends. */
static enum err mix_dh(struct noise *n, const uint8_t secret[NOISE_KEY], const uint8_t key[NOISE_KEY])
{
    uint8_t shared[NOISE_KEY];

    if (crypto_scalarmult(shared, secret, key) != 0) {
        return ERR_FORGED;
    }
    mix_key(n, shared, false);
    sodium_memzero(shared, sizeof shared);
    return ERR_OK;
}

/* An ephemeral key that was sent: section 9.2 has it in the key too, for its freshness. */
static void mix_ephemeral(struct noise *n, const uint8_t key[NOISE_KEY])
{
    mix_hash(n, key, NOISE_KEY);
    mix_key(n, key, false);
}

/* What both have in common: section 5.3, Initialize. */
static void begin(struct noise *n, bool is_connector, const char *name, const uint8_t *prologue, size_t prologue_size,
                  const uint8_t key[NOISE_KEY], const uint8_t ephemeral[NOISE_KEY])
{
    memset(n, 0, sizeof *n);
    n->is_connector = is_connector;
    memcpy(n->hash, name, strlen(name));
    memcpy(n->chain, n->hash, NOISE_HASH);
    mix_hash(n, prologue, prologue_size);
    mix_hash(n, key, NOISE_KEY); /* the pre-message "<- s" */
    memcpy(n->secret, ephemeral, NOISE_KEY);
    memcpy(n->remote, key, NOISE_KEY);
}

void noise_init(struct noise *n, bool is_connector, const uint8_t *prologue, size_t prologue_size,
                const uint8_t psk[NOISE_KEY], const uint8_t key[NOISE_KEY],
                const uint8_t ephemeral[NOISE_KEY])
{
    begin(n, is_connector, nk_name, prologue, prologue_size, key, ephemeral);
    /* The token psk comes first in this pattern and depends on nothing that is sent. */
    mix_key(n, psk, true);
}

/* ---- payloads --------------------------------------------------------------------------------------- */

/* Section 5.1: 4 bytes of zeros, then the counter, little-endian (12.3). */
static void nonce_of(uint64_t counter, uint8_t out[crypto_aead_chacha20poly1305_IETF_NPUBBYTES])
{
    memset(out, 0, crypto_aead_chacha20poly1305_IETF_NPUBBYTES);
    for (int i = 0; i < 8; i++) {
        out[4 + i] = (uint8_t)(counter >> 8 * i);
    }
}

static void seal(struct noise_cipher *c, const uint8_t *text, size_t size, const uint8_t *with,
                 size_t with_size, uint8_t *out)
{
    uint8_t nonce[crypto_aead_chacha20poly1305_IETF_NPUBBYTES];

    nonce_of(c->counter++, nonce);
    (void)crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, text, size, with, with_size, NULL, nonce,
                                                    c->key);
}

static enum err unseal(struct noise_cipher *c, const uint8_t *sealed, size_t size, const uint8_t *with,
                       size_t with_size, uint8_t *out)
{
    uint8_t nonce[crypto_aead_chacha20poly1305_IETF_NPUBBYTES];

    if (size < NOISE_TAG) {
        return ERR_MALFORMED;
    }
    nonce_of(c->counter, nonce);
    if (crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL, sealed, size, with, with_size, nonce,
                                                  c->key) != 0) {
        return ERR_FORGED;
    }
    c->counter++;
    return ERR_OK;
}

void noise_seal(struct noise_cipher *c, const uint8_t *text, size_t size, uint8_t *out)
{
    seal(c, text, size, NULL, 0, out);
}

enum err noise_open(struct noise_cipher *c, const uint8_t *sealed, size_t size, uint8_t *out)
{
    return unseal(c, sealed, size, NULL, 0, out);
}

/* ---- messages --------------------------------------------------------------------------------------- */

enum err noise_write(struct noise *n, const uint8_t *payload, size_t size, uint8_t *out)
{
    (void)crypto_scalarmult_base(out, n->secret);
    mix_ephemeral(n, out);
    /* es, or ee: our ephemeral key with what we have of the peer, its static or ephemeral one. */
    enum err e = mix_dh(n, n->secret, n->remote);
    if (e == ERR_OK) {
        seal(&n->cipher, payload, size, n->hash, NOISE_HASH, out + NOISE_KEY);
        mix_hash(n, out + NOISE_KEY, size + NOISE_TAG);
    }
    return e;
}

static enum err read_message(struct noise *n, const uint8_t secret[NOISE_KEY], const uint8_t *message,
                             size_t size, uint8_t *payload)
{
    if (size < NOISE_MESSAGE) {
        return ERR_MALFORMED;
    }
    mix_ephemeral(n, message);
    enum err e = mix_dh(n, secret, message);
    if (e == ERR_OK) {
        e = unseal(&n->cipher, message + NOISE_KEY, size - NOISE_KEY, n->hash, NOISE_HASH, payload);
    }
    if (e == ERR_OK) {
        mix_hash(n, message + NOISE_KEY, size - NOISE_KEY);
    }
    return e;
}

enum err noise_read_first(struct noise *n, const uint8_t secret[NOISE_KEY], const uint8_t *message,
                          size_t size, uint8_t *payload)
{
    enum err e = read_message(n, secret, message, size, payload);

    if (e == ERR_OK) {
        memcpy(n->remote, message, NOISE_KEY);
    }
    return e;
}

enum err noise_read_second(struct noise *n, const uint8_t *message, size_t size, uint8_t *payload)
{
    return read_message(n, n->secret, message, size, payload);
}

/* ---- IK --------------------------------------------------------------------------------------------- */

void noise_ik_init(struct noise *n, bool is_connector, const uint8_t *prologue, size_t prologue_size,
                   const uint8_t own[NOISE_KEY], const uint8_t key[NOISE_KEY], const uint8_t ephemeral[NOISE_KEY])
{
    begin(n, is_connector, ik_name, prologue, prologue_size, key, ephemeral);
    memcpy(n->own, own, NOISE_KEY);
}

/* EncryptAndHash, section 5.2: size + NOISE_TAG bytes. */
static void put_sealed(struct noise *n, const uint8_t *text, size_t size, uint8_t *out)
{
    seal(&n->cipher, text, size, n->hash, NOISE_HASH, out);
    mix_hash(n, out, size + NOISE_TAG);
}

static enum err take_sealed(struct noise *n, const uint8_t *sealed, size_t size, uint8_t *out)
{
    enum err e = unseal(&n->cipher, sealed, size, n->hash, NOISE_HASH, out);

    if (e == ERR_OK) {
        mix_hash(n, sealed, size);
    }
    return e;
}

enum err noise_ik_write_first(struct noise *n, const uint8_t *payload, size_t size, uint8_t *out)
{
    uint8_t own_public[NOISE_KEY];

    (void)crypto_scalarmult_base(out, n->secret);
    (void)crypto_scalarmult_base(own_public, n->own);
    mix_hash(n, out, NOISE_KEY);
    enum err e = mix_dh(n, n->secret, n->remote); /* es */
    if (e == ERR_OK) {
        put_sealed(n, own_public, NOISE_KEY, out + NOISE_KEY);
        e = mix_dh(n, n->own, n->remote); /* ss */
    }
    if (e == ERR_OK) {
        put_sealed(n, payload, size, out + NOISE_IK_FIRST - NOISE_TAG);
    }
    return e;
}

enum err noise_ik_read_first(struct noise *n, const uint8_t *message, size_t size, uint8_t *payload)
{
    if (size < NOISE_IK_FIRST) {
        return ERR_MALFORMED;
    }
    mix_hash(n, message, NOISE_KEY);
    enum err e = mix_dh(n, n->own, message); /* es */
    if (e == ERR_OK) {
        e = take_sealed(n, message + NOISE_KEY, NOISE_KEY + NOISE_TAG, n->peer);
    }
    if (e == ERR_OK) {
        e = mix_dh(n, n->own, n->peer); /* ss */
    }
    if (e == ERR_OK) {
        e = take_sealed(n, message + NOISE_MESSAGE + NOISE_KEY, size - NOISE_MESSAGE - NOISE_KEY, payload);
    }
    if (e == ERR_OK) {
        memcpy(n->remote, message, NOISE_KEY);
    }
    return e;
}

enum err noise_ik_write_second(struct noise *n, const uint8_t *payload, size_t size, uint8_t *out)
{
    (void)crypto_scalarmult_base(out, n->secret);
    mix_hash(n, out, NOISE_KEY);
    enum err e = mix_dh(n, n->secret, n->remote); /* ee */
    if (e == ERR_OK) {
        e = mix_dh(n, n->secret, n->peer); /* se */
    }
    if (e == ERR_OK) {
        put_sealed(n, payload, size, out + NOISE_KEY);
    }
    return e;
}

enum err noise_ik_read_second(struct noise *n, const uint8_t *message, size_t size, uint8_t *payload)
{
    if (size < NOISE_MESSAGE) {
        return ERR_MALFORMED;
    }
    mix_hash(n, message, NOISE_KEY);
    enum err e = mix_dh(n, n->secret, message); /* ee */
    if (e == ERR_OK) {
        e = mix_dh(n, n->own, message); /* se */
    }
    return e == ERR_OK ? take_sealed(n, message + NOISE_KEY, size - NOISE_KEY, payload) : e;
}

void noise_split(struct noise *n, struct noise_cipher *ret_send, struct noise_cipher *ret_receive)
{
    uint8_t out[3][NOISE_HASH];

    hkdf(n->chain, NULL, 0, 2, out);
    *ret_send = (struct noise_cipher){0};
    *ret_receive = (struct noise_cipher){0};
    memcpy(ret_send->key, out[n->is_connector ? 0 : 1], NOISE_KEY);
    memcpy(ret_receive->key, out[n->is_connector ? 1 : 0], NOISE_KEY);
    sodium_memzero(out, sizeof out);
}

void noise_fini(struct noise *n)
{
    sodium_memzero(n, sizeof *n);
}
