#include "common/node/keys.h"

#include <assert.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#include "common/base/bytes.h"

enum {
    KEYS_VERSION = 1,
    KEYS_HASH = 32,
    AT_VERSION = 8,
    AT_COUNT = 12,
    AT_EPOCH = 16,
    AT_NAME = 24,
    AT_ID = AT_NAME + NODE_NAME_MAX,
    AT_DH_PUBLIC = AT_ID + NODE_ID_LEN,
    AT_DH_SECRET = AT_DH_PUBLIC + NODE_KEY_LEN,
    AT_CLUSTER_ID = AT_DH_SECRET + NODE_KEY_LEN,
    AT_CLUSTER_KEY = AT_CLUSTER_ID + NODE_CLUSTER_ID_LEN,
    AT_CRL = AT_CLUSTER_KEY + NODE_CLUSTER_KEYS * NODE_KEY_LEN,
    AT_RESERVED = AT_CRL + 4,
    AT_HASH = NODE_KEYS_PACKED - KEYS_HASH,
};
_Static_assert((int)AT_HASH - (int)AT_RESERVED == 24, "the layout that the header states");

static const uint8_t magic[AT_VERSION] = "CELLKEYS";

void keys_derive(const uint8_t seed[NODE_SEED_LEN], struct node_keys *ret)
{
    uint8_t secret[crypto_sign_SECRETKEYBYTES];

    (void)crypto_sign_seed_keypair(ret->id, secret, seed); /* cannot fail */
    (void)crypto_sign_ed25519_sk_to_curve25519(ret->dh_secret, secret);
    (void)crypto_scalarmult_base(ret->dh_public, ret->dh_secret);
    sodium_memzero(secret, sizeof secret);
}

enum err keys_dh_of_id(const uint8_t id[NODE_ID_LEN], uint8_t ret[NODE_KEY_LEN])
{
    uint8_t key[NODE_KEY_LEN];

    if (crypto_sign_ed25519_pk_to_curve25519(key, id) != 0) {
        return ERR_MALFORMED;
    }
    memcpy(ret, key, sizeof key);
    return ERR_OK;
}

static bool is_id_sound(const struct node_keys *k)
{
    uint8_t of_id[NODE_KEY_LEN], of_secret[NODE_KEY_LEN];

    if (keys_dh_of_id(k->id, of_id) != ERR_OK) {
        return false;
    }
    (void)crypto_scalarmult_base(of_secret, k->dh_secret);
    return sodium_memcmp(of_id, k->dh_public, sizeof of_id) == 0 &&
           sodium_memcmp(of_secret, k->dh_public, sizeof of_secret) == 0;
}

static bool is_cluster_sound(const struct node_keys *k)
{
    if (sodium_is_zero(k->cluster_id, sizeof k->cluster_id) || k->cluster_keys < 1 ||
        k->cluster_keys > NODE_CLUSTER_KEYS) {
        return false;
    }
    for (uint32_t i = 0; i < NODE_CLUSTER_KEYS; i++) {
        bool is_used = i < k->cluster_keys;
        bool is_zero = sodium_is_zero(k->cluster_key[i], NODE_KEY_LEN) != 0;
        if (is_used == is_zero || is_used != (k->cluster_epoch[i] > 0)) {
            return false;
        }
    }
    return k->cluster_epoch[0] > k->cluster_epoch[1];
}

enum err keys_check(const struct node_keys *k)
{
    size_t len = strnlen(k->name, sizeof k->name);

    return name_valid(k->name, len) && is_cluster_sound(k) && is_id_sound(k) ? ERR_OK
                                                                             : ERR_MALFORMED;
}

static void hash_of(const uint8_t bytes[NODE_KEYS_PACKED], uint8_t out[KEYS_HASH])
{
    (void)crypto_generichash(out, KEYS_HASH, bytes, AT_HASH, NULL, 0);
}

void keys_pack(const struct node_keys *k, uint8_t out[NODE_KEYS_PACKED])
{
    assert(keys_check(k) == ERR_OK);
    memset(out, 0, NODE_KEYS_PACKED);
    memcpy(out, magic, sizeof magic);
    bytes_put_be32(out + AT_VERSION, KEYS_VERSION);
    bytes_put_be32(out + AT_COUNT, k->cluster_keys);
    memcpy(out + AT_NAME, k->name, strlen(k->name));
    memcpy(out + AT_ID, k->id, sizeof k->id);
    memcpy(out + AT_DH_PUBLIC, k->dh_public, sizeof k->dh_public);
    memcpy(out + AT_DH_SECRET, k->dh_secret, sizeof k->dh_secret);
    memcpy(out + AT_CLUSTER_ID, k->cluster_id, sizeof k->cluster_id);
    bytes_put_be32(out + AT_CRL, k->crl);
    for (size_t i = 0; i < NODE_CLUSTER_KEYS; i++) {
        bytes_put_be32(out + AT_EPOCH + 4 * i, k->cluster_epoch[i]);
        memcpy(out + AT_CLUSTER_KEY + NODE_KEY_LEN * i, k->cluster_key[i], NODE_KEY_LEN);
    }
    hash_of(out, out + AT_HASH);
}

static void take_apart(const uint8_t *bytes, struct node_keys *k)
{
    *k = (struct node_keys){.cluster_keys = bytes_get_be32(bytes + AT_COUNT), .crl = bytes_get_be32(bytes + AT_CRL)};
    memcpy(k->name, bytes + AT_NAME, NODE_NAME_MAX);
    memcpy(k->id, bytes + AT_ID, sizeof k->id);
    memcpy(k->dh_public, bytes + AT_DH_PUBLIC, sizeof k->dh_public);
    memcpy(k->dh_secret, bytes + AT_DH_SECRET, sizeof k->dh_secret);
    memcpy(k->cluster_id, bytes + AT_CLUSTER_ID, sizeof k->cluster_id);
    for (size_t i = 0; i < NODE_CLUSTER_KEYS; i++) {
        k->cluster_epoch[i] = bytes_get_be32(bytes + AT_EPOCH + 4 * i);
        memcpy(k->cluster_key[i], bytes + AT_CLUSTER_KEY + NODE_KEY_LEN * i, NODE_KEY_LEN);
    }
}

enum err keys_unpack(const void *bytes, size_t size, struct node_keys *ret)
{
    const uint8_t *at = bytes;
    uint8_t hash[KEYS_HASH], again[NODE_KEYS_PACKED];
    struct node_keys k;

    if (size != NODE_KEYS_PACKED || memcmp(at, magic, sizeof magic) != 0) {
        return ERR_MALFORMED;
    }
    if (bytes_get_be32(at + AT_VERSION) != KEYS_VERSION) {
        return ERR_INCOMPATIBLE;
    }
    hash_of(at, hash);
    if (sodium_memcmp(hash, at + AT_HASH, sizeof hash) != 0) {
        return ERR_DATA_LOSS;
    }
    take_apart(at, &k);
    enum err e = keys_check(&k);
    if (e == ERR_OK) {
        /* One form for one meaning: bytes after the name's end and reserved ones are zero. */
        keys_pack(&k, again);
        e = sodium_memcmp(again, at, sizeof again) == 0 ? ERR_OK : ERR_MALFORMED;
        sodium_memzero(again, sizeof again);
    }
    if (e == ERR_OK) {
        *ret = k;
    }
    keys_forget(&k);
    return e;
}

void keys_forget(struct node_keys *k)
{
    sodium_memzero(k, sizeof *k);
}
