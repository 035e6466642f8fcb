#include "common/node/update.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "common/base/bytes.h"

enum {
    MAGIC = 8,
    VERSION = 1,
    DIGEST = 64,
};

static const uint8_t magic[MAGIC] = "CELLUPDT";
static const char label[] = "cell update 1";

/* What is signed: a label of its own, so that no signature of a join reads as one of an update. */
static void digest_of(const uint8_t *bytes, size_t size, uint8_t out[DIGEST])
{
    crypto_generichash_state state;

    (void)crypto_generichash_init(&state, NULL, 0, DIGEST);
    (void)crypto_generichash_update(&state, (const uint8_t *)label, sizeof label);
    (void)crypto_generichash_update(&state, bytes, size);
    (void)crypto_generichash_final(&state, out, DIGEST);
}

static uint8_t *put_be32(uint8_t *at, uint32_t value)
{
    bytes_put_be32(at, value);
    return at + 4;
}

static uint8_t *put_bytes(uint8_t *at, const void *bytes, size_t size)
{
    if (size > 0) {
        memcpy(at, bytes, size);
    }
    return at + size;
}

/* Ranges that both sides keep to. */
static bool is_sound(const struct update *u)
{
    if (u->keys < 1 || u->keys > NODE_CLUSTER_KEYS || u->grace_s > (u->keys > 1 ? CLUSTER_GRACE_MAX_S : 0) ||
        u->list_size > UPDATE_CRL_MAX || (u->list_size > 0 && u->crl == 0) ||
        u->certificate_size > UPDATE_CERTIFICATE_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < u->keys; i++) {
        if (u->epoch[i] == 0 || sodium_is_zero(u->key[i], NODE_KEY_LEN) || (i > 0 && u->epoch[i] >= u->epoch[i - 1])) {
            return false;
        }
    }
    return true;
}

size_t update_write(const struct update *u, const uint8_t seed[NODE_SEED_LEN], uint8_t out[UPDATE_MAX])
{
    uint8_t secret[crypto_sign_SECRETKEYBYTES], own[NODE_ID_LEN], digest[DIGEST], *at = out;

    assert(is_sound(u));
    at = put_bytes(at, magic, MAGIC);
    *at++ = VERSION;
    at = put_bytes(at, u->cluster_id, NODE_CLUSTER_ID_LEN);
    at = put_bytes(at, u->node, NODE_ID_LEN);
    *at++ = (uint8_t)u->keys;
    for (uint32_t i = 0; i < u->keys; i++) {
        at = put_bytes(put_be32(at, u->epoch[i]), u->key[i], NODE_KEY_LEN);
    }
    at = put_be32(put_be32(at, u->grace_s), u->crl);
    at = put_bytes(put_be32(at, (uint32_t)u->list_size), u->list, u->list_size);
    *at++ = (uint8_t)(u->certificate_size >> 8);
    *at++ = (uint8_t)u->certificate_size;
    at = put_bytes(at, u->certificate, u->certificate_size);
    digest_of(out, (size_t)(at - out), digest);
    (void)crypto_sign_seed_keypair(own, secret, seed);
    (void)crypto_sign_detached(at, NULL, digest, sizeof digest, secret);
    sodium_memzero(secret, sizeof secret);
    return (size_t)(at - out) + UPDATE_SIGNATURE;
}

/* ---- reading ---------------------------------------------------------------------------------------- */

/* A walk; past the end everything is NULL or zero, and `left` stays SIZE_MAX. */
struct walk {
    const uint8_t *at;
    size_t left;
};

static const uint8_t *take(struct walk *w, size_t size)
{
    if (w->left == SIZE_MAX || size > w->left) {
        w->left = SIZE_MAX;
        return NULL;
    }
    w->left -= size;
    w->at += size;
    return w->at - size;
}

static void take_copy(struct walk *w, uint8_t *out, size_t size)
{
    const uint8_t *at = take(w, size);

    if (at != NULL) {
        memcpy(out, at, size);
    }
}

static uint32_t take_number(struct walk *w, size_t bytes)
{
    const uint8_t *at = take(w, bytes);
    uint32_t value = 0;

    for (size_t i = 0; at != NULL && i < bytes; i++) {
        value = value << 8 | at[i];
    }
    return value;
}

enum err update_read(const uint8_t *bytes, size_t size, const uint8_t issuer[NODE_ID_LEN], struct update *ret)
{
    struct update u = {0};
    uint8_t digest[DIGEST];

    if (size < MAGIC + 1 + UPDATE_SIGNATURE || size > UPDATE_MAX || memcmp(bytes, magic, MAGIC) != 0) {
        return ERR_MALFORMED;
    }
    if (bytes[MAGIC] != VERSION) {
        return ERR_INCOMPATIBLE;
    }
    size -= UPDATE_SIGNATURE;
    digest_of(bytes, size, digest); /* nothing is taken apart before it is known whose it is */
    if (crypto_sign_verify_detached(bytes + size, digest, sizeof digest, issuer) != 0) {
        return ERR_FORGED;
    }
    struct walk w = {bytes + MAGIC + 1, size - MAGIC - 1};
    take_copy(&w, u.cluster_id, NODE_CLUSTER_ID_LEN);
    take_copy(&w, u.node, NODE_ID_LEN);
    u.keys = take_number(&w, 1);
    for (uint32_t i = 0; i < u.keys && i < NODE_CLUSTER_KEYS; i++) {
        u.epoch[i] = take_number(&w, 4);
        take_copy(&w, u.key[i], NODE_KEY_LEN);
    }
    u.grace_s = take_number(&w, 4);
    u.crl = take_number(&w, 4);
    u.list_size = take_number(&w, 4);
    u.list = (const char *)take(&w, u.list_size);
    u.certificate_size = take_number(&w, 2);
    u.certificate = (const char *)take(&w, u.certificate_size);
    enum err e = w.left == 0 && is_sound(&u) ? ERR_OK : ERR_MALFORMED;
    if (e == ERR_OK) {
        *ret = u;
    }
    sodium_memzero(&u, sizeof u);
    return e;
}

/* ---- merging ---------------------------------------------------------------------------------------- */

/* Whether both say the same of every epoch that both know. */
static bool agrees(const struct update *u, const struct cluster *c)
{
    for (uint32_t i = 0; i < u->keys; i++) {
        for (uint32_t k = 0; k < c->keys; k++) {
            if (u->epoch[i] == c->epoch[k] && sodium_memcmp(u->key[i], c->key[k], NODE_KEY_LEN) != 0) {
                return false;
            }
        }
    }
    return true;
}

enum err update_merge(const struct update *u, const uint8_t id[NODE_ID_LEN], struct cluster *c, bool *ret_is_news)
{
    if (memcmp(u->cluster_id, c->id, sizeof c->id) != 0 || memcmp(u->node, id, NODE_ID_LEN) != 0) {
        return ERR_DENIED;
    }
    if (u->epoch[0] < c->epoch[0] || u->crl < c->crl || !agrees(u, c)) {
        return ERR_ABORTED;
    }
    if (u->crl > c->crl && u->list_size == 0) {
        return ERR_MALFORMED;
    }
    bool is_new_key = u->epoch[0] > c->epoch[0], is_new_list = u->crl > c->crl;
    bool loses_key = !is_new_key && c->keys > u->keys;
    /* A removal may shorten what a rotation has given; nothing makes it longer again. */
    bool is_sooner = !is_new_key && c->keys > 1 && u->keys > 1 && u->grace_s > 0 &&
                     (c->grace_s == 0 || u->grace_s < c->grace_s);
    if (is_new_key) {
        c->keys = u->keys;
        memcpy(c->epoch, u->epoch, sizeof c->epoch);
        memcpy(c->key, u->key, sizeof c->key);
        c->grace_s = u->grace_s;
    } else if (loses_key) {
        (void)cluster_drop(c);
    } else if (is_sooner) {
        c->grace_s = u->grace_s;
    }
    c->crl = u->crl;
    *ret_is_news = is_new_key || is_new_list || loses_key || u->certificate_size > 0;
    assert(cluster_check(c) == ERR_OK);
    return ERR_OK;
}
