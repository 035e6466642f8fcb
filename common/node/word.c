#include "common/node/word.h"

#include <sodium.h>
#include <string.h>

#include "common/base/bytes.h"

enum {
    SCALAR = 32,
    WIDE = 64, /* bytes that are reduced to a scalar */
    WHAT = sizeof "cell left 1",
    TEXT = WHAT + NODE_CLUSTER_ID_LEN + NODE_ID_LEN + 8,
};

_Static_assert((int)WORD_LEN == (int)crypto_sign_BYTES, "a word is a signature");

/* What is signed: nothing else that is signed with these keys begins so. */
static void text_of(enum word_kind kind, const uint8_t *cluster_id, const uint8_t *id, uint64_t incarnation, uint8_t ret[TEXT])
{
    static const char what[][WHAT] = {[WORD_LEFT] = "cell left 1", [WORD_LIVES] = "cell life 1"};

    memcpy(ret, what[kind], WHAT);
    memcpy(ret + WHAT, cluster_id, NODE_CLUSTER_ID_LEN);
    memcpy(ret + WHAT + NODE_CLUSTER_ID_LEN, id, NODE_ID_LEN);
    bytes_put_be64(ret + TEXT - 8, incarnation);
}

/* R of a nonce that follows from key and text, then S = r + H(R, id, text) a (RFC 8032, 5.1.6, from its step 2 on). */
static void sign(const struct node_keys *k, const uint8_t *text, size_t size, uint8_t ret[WORD_LEN])
{
    static const uint8_t nonces[crypto_generichash_blake2b_PERSONALBYTES] = "cell word nonce";
    uint8_t wide[WIDE], a[SCALAR], r[SCALAR], h[SCALAR], product[SCALAR];
    crypto_hash_sha512_state state;

    /* Never one nonce for two texts, and nobody knows it without the key. */
    (void)crypto_generichash_blake2b_salt_personal(wide, sizeof wide, text, size, k->dh_secret, NODE_KEY_LEN, NULL, nonces);
    crypto_core_ed25519_scalar_reduce(r, wide);
    (void)crypto_scalarmult_ed25519_base_noclamp(ret, r);
    (void)crypto_hash_sha512_init(&state);
    (void)crypto_hash_sha512_update(&state, ret, SCALAR);
    (void)crypto_hash_sha512_update(&state, k->id, NODE_ID_LEN);
    (void)crypto_hash_sha512_update(&state, text, size);
    (void)crypto_hash_sha512_final(&state, wide);
    crypto_core_ed25519_scalar_reduce(h, wide);
    /* The secret as X25519 uses it (RFC 7748, section 5): the point of the id is that many times the base. */
    memset(wide, 0, sizeof wide);
    memcpy(wide, k->dh_secret, NODE_KEY_LEN);
    wide[0] &= 248;
    wide[31] = (uint8_t)((wide[31] & 127) | 64);
    crypto_core_ed25519_scalar_reduce(a, wide);
    crypto_core_ed25519_scalar_mul(product, h, a);
    crypto_core_ed25519_scalar_add(ret + SCALAR, product, r);
    sodium_memzero(wide, sizeof wide);
    sodium_memzero(a, sizeof a);
    sodium_memzero(r, sizeof r);
    sodium_memzero(product, sizeof product);
}

void word_say(const struct node_keys *k, enum word_kind kind, uint64_t incarnation, uint8_t ret[WORD_LEN])
{
    uint8_t text[TEXT];

    text_of(kind, k->cluster_id, k->id, incarnation, text);
    sign(k, text, sizeof text, ret);
}

bool word_is_said(const uint8_t cluster_id[NODE_CLUSTER_ID_LEN], const uint8_t id[NODE_ID_LEN], enum word_kind kind, uint64_t incarnation,
                  const uint8_t word[WORD_LEN])
{
    uint8_t text[TEXT];

    text_of(kind, cluster_id, id, incarnation, text);
    return crypto_sign_verify_detached(word, text, sizeof text, id) == 0;
}
