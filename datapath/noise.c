#include "datapath/noise.h"

#include <sodium.h>
#include <string.h>

#include "datapath/point.h"

static const char protocol[] = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";

_Static_assert(sizeof protocol - 1 > DATAPATH_HASH_SIZE, "a name longer than a hash is hashed: section 5.2");

/* ---- the symmetric state ---------------------------------------------------------------------------- */

static void mix_hash(struct datapath_noise *n, const void *data, size_t size)
{
    datapath_hash_of(n->hash, sizeof n->hash, data, size, n->hash);
}

static void mix_key(struct datapath_noise *n, const uint8_t input[DATAPATH_NOISE_KEY])
{
    uint8_t out[2][DATAPATH_HASH_SIZE];

    datapath_hash_derive(n->chain, input, DATAPATH_NOISE_KEY, 2, out);
    memcpy(n->chain, out[0], sizeof n->chain);
    memcpy(n->key, out[1], sizeof n->key);
    sodium_memzero(out, sizeof out);
}

/* MixKey where the next token makes another key before anything is sealed: it is left out. */
static void mix_chain(struct datapath_noise *n, const uint8_t input[DATAPATH_NOISE_KEY])
{
    uint8_t out[1][DATAPATH_HASH_SIZE];

    datapath_hash_derive(n->chain, input, DATAPATH_NOISE_KEY, 1, out);
    memcpy(n->chain, out[0], sizeof n->chain);
    sodium_memzero(out, sizeof out);
}

/* The token psk: MixKeyAndHash. */
static void mix_psk(struct datapath_noise *n, const uint8_t psk[DATAPATH_NOISE_KEY])
{
    uint8_t out[3][DATAPATH_HASH_SIZE];

    datapath_hash_derive(n->chain, psk, DATAPATH_NOISE_KEY, 3, out);
    memcpy(n->chain, out[0], sizeof n->chain);
    mix_hash(n, out[1], sizeof out[1]);
    memcpy(n->key, out[2], sizeof n->key);
    sodium_memzero(out, sizeof out);
}

/* The token e: in a handshake with a psk it goes into the key too (section 9.2). A multiplication follows. */
static void mix_ephemeral(struct datapath_noise *n, const uint8_t key[DATAPATH_NOISE_KEY])
{
    mix_hash(n, key, DATAPATH_NOISE_KEY);
    mix_chain(n, key);
}

/* A result of zeros means a key of small order: libsodium refuses it. mix: mix_key, or mix_chain. */
static enum err mix_dh(struct datapath_noise *n, const uint8_t secret[DATAPATH_NOISE_KEY],
                       const uint8_t key[DATAPATH_NOISE_KEY],
                       void (*mix)(struct datapath_noise *n, const uint8_t input[DATAPATH_NOISE_KEY]))
{
    uint8_t shared[DATAPATH_NOISE_KEY];

    if (crypto_scalarmult(shared, secret, key) != 0) {
        return ERR_FORGED;
    }
    mix(n, shared);
    sodium_memzero(shared, sizeof shared);
    return ERR_OK;
}

static const uint8_t first_nonce[crypto_aead_chacha20poly1305_IETF_NPUBBYTES];

/* EncryptAndHash. Each key seals once, so the counter is always 0. */
static void put_sealed(struct datapath_noise *n, const void *text, size_t size, uint8_t *out)
{
    (void)crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, text, size, n->hash, sizeof n->hash, NULL, first_nonce,
                                                    n->key);
    mix_hash(n, out, size + DATAPATH_NOISE_TAG);
}

/* DecryptAndHash; size: of the text. */
static enum err take_sealed(struct datapath_noise *n, const uint8_t *sealed, size_t size, void *out)
{
    if (crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL, sealed, size + DATAPATH_NOISE_TAG, n->hash,
                                                  sizeof n->hash, first_nonce, n->key) != 0) {
        return ERR_FORGED;
    }
    mix_hash(n, sealed, size + DATAPATH_NOISE_TAG);
    return ERR_OK;
}

/* What was made on a copy is kept if it went well; the copy is wiped. */
static enum err settle(struct datapath_noise *n, struct datapath_noise *copy, enum err e)
{
    if (e == ERR_OK) {
        *n = *copy;
    }
    sodium_memzero(copy, sizeof *copy);
    return e;
}

/* ---- keys ------------------------------------------------------------------------------------------- */

enum err datapath_noise_public(struct datapath_noise_self *self)
{
    if (sodium_is_zero(self->secret, sizeof self->secret)) {
        return ERR_INVALID;
    }
    datapath_point_public(self->secret, self->public);
    return ERR_OK;
}

enum err datapath_noise_shared(const struct datapath_noise_self *self, const uint8_t peer[DATAPATH_NOISE_KEY],
                               uint8_t ret[DATAPATH_NOISE_KEY])
{
    uint8_t shared[DATAPATH_NOISE_KEY];

    if (crypto_scalarmult(shared, self->secret, peer) != 0) {
        return ERR_FORGED;
    }
    memcpy(ret, shared, sizeof shared);
    sodium_memzero(shared, sizeof shared);
    return ERR_OK;
}

/* ---- messages --------------------------------------------------------------------------------------- */

void datapath_noise_begin(struct datapath_noise *n, const void *prologue, size_t prologue_size,
                          const uint8_t responder[DATAPATH_NOISE_KEY])
{
    *n = (struct datapath_noise){0};
    datapath_hash_of(protocol, sizeof protocol - 1, NULL, 0, n->hash);
    memcpy(n->chain, n->hash, sizeof n->chain);
    mix_hash(n, prologue, prologue_size);
    mix_hash(n, responder, DATAPATH_NOISE_KEY); /* the pre-message "<- s" */
}

enum err datapath_noise_write_first(struct datapath_noise *n, const struct datapath_noise_self *self,
                                    const uint8_t peer[DATAPATH_NOISE_KEY], const uint8_t shared[DATAPATH_NOISE_KEY],
                                    const uint8_t ephemeral[DATAPATH_NOISE_KEY], const void *payload, size_t size,
                                    uint8_t *out)
{
    struct datapath_noise copy = *n;

    memcpy(copy.ephemeral, ephemeral, sizeof copy.ephemeral);
    memcpy(copy.peer, peer, sizeof copy.peer);
    datapath_point_public(ephemeral, out);
    mix_ephemeral(&copy, out);
    enum err e = mix_dh(&copy, ephemeral, peer, mix_key); /* es */
    if (e == ERR_OK) {
        put_sealed(&copy, self->public, DATAPATH_NOISE_KEY, out + DATAPATH_NOISE_KEY);
        mix_key(&copy, shared); /* ss */
        put_sealed(&copy, payload, size, out + DATAPATH_NOISE_FIRST - DATAPATH_NOISE_TAG);
    }
    return settle(n, &copy, e);
}

enum err datapath_noise_read_who(struct datapath_noise *n, const struct datapath_noise_self *self,
                                 const uint8_t *message, size_t size)
{
    struct datapath_noise copy = *n;

    if (size < DATAPATH_NOISE_FIRST) {
        return ERR_MALFORMED;
    }
    memcpy(copy.remote, message, sizeof copy.remote);
    mix_ephemeral(&copy, message);
    enum err e = mix_dh(&copy, self->secret, message, mix_key); /* es */
    if (e == ERR_OK) {
        e = take_sealed(&copy, message + DATAPATH_NOISE_KEY, DATAPATH_NOISE_KEY, copy.peer);
    }
    return settle(n, &copy, e);
}

enum err datapath_noise_read_first(struct datapath_noise *n, const uint8_t shared[DATAPATH_NOISE_KEY],
                                   const uint8_t *message, size_t size, void *payload)
{
    struct datapath_noise copy = *n;

    if (size < DATAPATH_NOISE_FIRST) {
        return ERR_MALFORMED;
    }
    mix_key(&copy, shared); /* ss */
    enum err e = take_sealed(&copy, message + DATAPATH_NOISE_FIRST - DATAPATH_NOISE_TAG, size - DATAPATH_NOISE_FIRST,
                             payload);
    return settle(n, &copy, e);
}

enum err datapath_noise_write_second(struct datapath_noise *n, const uint8_t psk[DATAPATH_NOISE_KEY],
                                     const uint8_t ephemeral[DATAPATH_NOISE_KEY], const void *payload, size_t size,
                                     uint8_t *out)
{
    struct datapath_noise copy = *n;

    memcpy(copy.ephemeral, ephemeral, sizeof copy.ephemeral);
    datapath_point_public(ephemeral, out);
    mix_ephemeral(&copy, out);
    enum err e = mix_dh(&copy, ephemeral, copy.remote, mix_chain); /* ee */
    if (e == ERR_OK) {
        e = mix_dh(&copy, ephemeral, copy.peer, mix_chain); /* se: the psk follows */
    }
    if (e == ERR_OK) {
        mix_psk(&copy, psk);
        put_sealed(&copy, payload, size, out + DATAPATH_NOISE_KEY);
    }
    return settle(n, &copy, e);
}

enum err datapath_noise_read_second(struct datapath_noise *n, const struct datapath_noise_self *self,
                                    const uint8_t psk[DATAPATH_NOISE_KEY], const uint8_t *message, size_t size,
                                    void *payload)
{
    struct datapath_noise copy = *n;

    if (size < DATAPATH_NOISE_SECOND) {
        return ERR_MALFORMED;
    }
    memcpy(copy.remote, message, sizeof copy.remote);
    mix_ephemeral(&copy, message);
    enum err e = mix_dh(&copy, copy.ephemeral, message, mix_chain); /* ee */
    if (e == ERR_OK) {
        e = mix_dh(&copy, self->secret, message, mix_chain); /* se: the psk follows */
    }
    if (e == ERR_OK) {
        mix_psk(&copy, psk);
        e = take_sealed(&copy, message + DATAPATH_NOISE_KEY, size - DATAPATH_NOISE_SECOND, payload);
    }
    return settle(n, &copy, e);
}

void datapath_noise_split(struct datapath_noise *n, bool is_initiator, uint8_t ret_send[DATAPATH_NOISE_KEY],
                          uint8_t ret_receive[DATAPATH_NOISE_KEY])
{
    uint8_t out[2][DATAPATH_HASH_SIZE], hash[DATAPATH_HASH_SIZE];

    datapath_hash_derive(n->chain, NULL, 0, 2, out);
    memcpy(ret_send, out[is_initiator ? 0 : 1], DATAPATH_NOISE_KEY);
    memcpy(ret_receive, out[is_initiator ? 1 : 0], DATAPATH_NOISE_KEY);
    sodium_memzero(out, sizeof out);
    memcpy(hash, n->hash, sizeof hash);
    datapath_noise_fini(n);
    memcpy(n->hash, hash, sizeof hash);
}

void datapath_noise_fini(struct datapath_noise *n)
{
    sodium_memzero(n, sizeof *n);
}
