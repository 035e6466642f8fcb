#include "common/node/sealed_key.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "common/base/bytes.h"

enum {
    MAC_INPUT_MAX = 144, /* a HELLO's body, or an answer's and a salt */
    SESSION_LABEL = 16,
    NONCE_LEN = crypto_aead_chacha20poly1305_ietf_NPUBBYTES,
};
_Static_assert((int)SEALED_MAC_LEN == (int)crypto_aead_chacha20poly1305_ietf_ABYTES, "a tag is a MAC");
_Static_assert((int)SEALED_MAC_LEN >= (int)crypto_generichash_BYTES_MIN, "BLAKE2b makes such short ones");

/* A key for one purpose. Every purpose has a name of its own, so no MAC is good for two things. */
static void derive(const uint8_t key[NODE_KEY_LEN], const char *purpose, const uint8_t *more, size_t more_len,
                   uint8_t ret[NODE_KEY_LEN])
{
    uint8_t input[64] = {0};
    size_t len = strlen(purpose);

    assert(len + more_len <= sizeof input);
    memcpy(input, purpose, len);
    if (more_len > 0) {
        memcpy(input + len, more, more_len);
    }
    (void)crypto_generichash(ret, NODE_KEY_LEN, input, len + more_len, key, NODE_KEY_LEN);
}

void sealed_key_epoch(uint32_t epoch, const uint8_t cluster_key[NODE_KEY_LEN],
                      const uint8_t cluster_id[NODE_CLUSTER_ID_LEN], struct sealed_epoch *ret)
{
    ret->epoch = epoch;
    memcpy(ret->cluster_key, cluster_key, NODE_KEY_LEN);
    derive(cluster_key, "cell sealed hello", cluster_id, NODE_CLUSTER_ID_LEN, ret->hello_key);
    derive(cluster_key, "cell sealed answer", cluster_id, NODE_CLUSTER_ID_LEN, ret->answer_key);
    derive(cluster_key, "cell sealed notice", cluster_id, NODE_CLUSTER_ID_LEN, ret->notice_key);
}

void sealed_key_mac(const uint8_t key[NODE_KEY_LEN], const uint8_t *bytes, size_t size, const uint8_t *salt,
                    uint8_t ret[SEALED_MAC_LEN])
{
    uint8_t input[MAC_INPUT_MAX];
    size_t len = size + (salt == NULL ? 0 : SEALED_SALT_LEN);

    assert(len <= sizeof input);
    memcpy(input, bytes, size);
    if (salt != NULL) {
        memcpy(input + size, salt, SEALED_SALT_LEN);
    }
    (void)crypto_generichash(ret, SEALED_MAC_LEN, input, len, key, NODE_KEY_LEN);
}

void sealed_key_token(const uint8_t secret[NODE_KEY_LEN], const struct sealed_claim *claim,
                      uint8_t ret[SEALED_TOKEN_LEN])
{
    uint8_t input[8 + 16 + 2 + NODE_ID_LEN];

    bytes_put_be64(input, claim->bucket);
    memcpy(input + 8, claim->address->ip, 16);
    input[24] = (uint8_t)(claim->address->port >> 8);
    input[25] = (uint8_t)claim->address->port;
    memcpy(input + 26, claim->id, NODE_ID_LEN);
    sealed_key_mac(secret, input, sizeof input, claim->salt, ret);
}

enum err sealed_key_shared(const uint8_t secret[NODE_KEY_LEN], const uint8_t id[NODE_ID_LEN],
                           uint8_t ret[NODE_KEY_LEN])
{
    uint8_t peer[NODE_KEY_LEN], shared[NODE_KEY_LEN];
    enum err e = keys_dh_of_id(id, peer);

    if (e != ERR_OK) {
        return e;
    }
    if (crypto_scalarmult(shared, secret, peer) != 0) {
        return ERR_MALFORMED; /* all zero: RFC 7748, section 6.1 */
    }
    memcpy(ret, shared, sizeof shared);
    sodium_memzero(shared, sizeof shared);
    return ERR_OK;
}

static void put(crypto_generichash_state *state, const void *bytes, size_t size)
{
    (void)crypto_generichash_update(state, bytes, size);
}

static void put_side(crypto_generichash_state *state, const struct sealed_side *side)
{
    uint8_t index[4];

    bytes_put_be32(index, side->index);
    put(state, side->id, NODE_ID_LEN);
    put(state, side->salt, SEALED_SALT_LEN);
    put(state, index, sizeof index);
}

void sealed_key_session(const struct sealed_epoch *epoch, const uint8_t shared[NODE_KEY_LEN],
                        const struct sealed_side *initiator, const struct sealed_side *responder,
                        struct sealed_session_keys *ret)
{
    static const uint8_t label[SESSION_LABEL] = "cell sealed ses1";
    crypto_generichash_state state;
    uint8_t number[4], secret[NODE_KEY_LEN], tag[NODE_KEY_LEN];

    (void)crypto_generichash_init(&state, epoch->cluster_key, NODE_KEY_LEN, sizeof secret);
    bytes_put_be32(number, epoch->epoch);
    put(&state, label, sizeof label);
    put(&state, number, sizeof number);
    put_side(&state, initiator);
    put_side(&state, responder);
    put(&state, shared, NODE_KEY_LEN);
    (void)crypto_generichash_final(&state, secret, sizeof secret);
    derive(secret, "to responder", NULL, 0, ret->to_responder);
    derive(secret, "to initiator", NULL, 0, ret->to_initiator);
    derive(secret, "welcome", NULL, 0, tag);
    memcpy(ret->tag, tag, sizeof ret->tag);
    sodium_memzero(&state, sizeof state);
    sodium_memzero(secret, sizeof secret);
}

/* RFC 8439, section 2.3: 96 bits that never come twice under a key. */
static void nonce_put(uint64_t counter, uint8_t out[NONCE_LEN])
{
    memset(out, 0, 4);
    bytes_put_be64(out + 4, counter);
}

size_t sealed_key_seal(const uint8_t key[NODE_KEY_LEN], uint64_t counter, const uint8_t *payload, size_t size,
                       uint8_t *packet)
{
    uint8_t nonce[NONCE_LEN];
    unsigned long long sealed_len;

    assert(size <= SEALED_PAYLOAD_MAX && counter <= SEALED_COUNTER_MAX);
    nonce_put(counter, nonce);
    (void)crypto_aead_chacha20poly1305_ietf_encrypt(packet + SEALED_HEADER_LEN, &sealed_len, payload, size, packet,
                                                    SEALED_HEADER_LEN, NULL, nonce, key);
    return SEALED_HEADER_LEN + (size_t)sealed_len;
}

enum err sealed_key_open(const uint8_t key[NODE_KEY_LEN], uint64_t counter, uint8_t *packet, size_t size)
{
    uint8_t nonce[NONCE_LEN];
    uint8_t *at = packet + SEALED_HEADER_LEN;

    assert(size >= SEALED_DATA_MIN && size <= SEALED_PACKET_MAX);
    nonce_put(counter, nonce);
    return crypto_aead_chacha20poly1305_ietf_decrypt(at, NULL, NULL, at, size - SEALED_HEADER_LEN, packet,
                                                     SEALED_HEADER_LEN, nonce, key) == 0
               ? ERR_OK
               : ERR_FORGED;
}
