#include "datapath/engine.h"

#include <openssl/evp.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef HAVE_IPSEC_MB
#include <intel-ipsec-mb.h>
#endif

enum {
    PACKET = 1420,
};

/* ---- OpenSSL: one context for each direction and cipher --------------------------------------------------- */

/* key NULL: the one that the context has. */
static void evp_seal(EVP_CIPHER_CTX *c, const uint8_t *key, uint64_t counter, const uint8_t *text, size_t size, uint8_t *out)
{
    uint8_t nonce[12];
    int len;

    /* None of these can fail with a context that was made and sizes of packets; a tag that was not written would be
     * found by the other side. */
    datapath_aead_nonce(counter, nonce);
    (void)EVP_EncryptInit_ex(c, NULL, NULL, key, nonce);
    (void)EVP_EncryptUpdate(c, out, &len, text, (int)size);
    (void)EVP_EncryptFinal_ex(c, out + size, &len);
    (void)EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, DATAPATH_AEAD_TAG, out + size);
}

static bool evp_open(EVP_CIPHER_CTX *c, const uint8_t *key, uint64_t counter, const uint8_t *sealed, size_t size, uint8_t *out)
{
    uint8_t nonce[12], tag[DATAPATH_AEAD_TAG], rest[DATAPATH_AEAD_TAG];
    int len;

    datapath_aead_nonce(counter, nonce);
    memcpy(tag, sealed + size, sizeof tag);
    return EVP_DecryptInit_ex(c, NULL, NULL, key, nonce) == 1 &&
           EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, sizeof tag, tag) == 1 &&
           (size == 0 || EVP_DecryptUpdate(c, out, &len, sealed, (int)size) == 1) &&
           EVP_DecryptFinal_ex(c, rest, &len) == 1;
}

static void openssl_seal(void *context, const uint8_t key[DATAPATH_AEAD_KEY], uint64_t counter, const uint8_t *text,
                         size_t size, uint8_t *out)
{
    evp_seal(((struct datapath_engine *)context)->sealing, key, counter, text, size, out);
}

static bool openssl_open(void *context, const uint8_t key[DATAPATH_AEAD_KEY], uint64_t counter, const uint8_t *sealed,
                         size_t size, uint8_t *out)
{
    return evp_open(((struct datapath_engine *)context)->opening, key, counter, sealed, size, out);
}

static bool openssl_begin(struct datapath_engine *g, struct datapath_aead *ret)
{
    g->sealing = EVP_CIPHER_CTX_new();
    g->opening = EVP_CIPHER_CTX_new();
    *ret = (struct datapath_aead){.name = "openssl", .context = g, .seal = openssl_seal, .open = openssl_open};
    return g->sealing != NULL && g->opening != NULL &&
           EVP_EncryptInit_ex(g->sealing, EVP_chacha20_poly1305(), NULL, NULL, NULL) == 1 &&
           EVP_DecryptInit_ex(g->opening, EVP_chacha20_poly1305(), NULL, NULL, NULL) == 1;
}

/* AES has a key schedule: it is kept while packets come under the same key. */
static const uint8_t *if_new(uint8_t kept[DATAPATH_AEAD_KEY], const uint8_t key[DATAPATH_AEAD_KEY])
{
    if (memcmp(kept, key, DATAPATH_AEAD_KEY) == 0) {
        return NULL;
    }
    memcpy(kept, key, DATAPATH_AEAD_KEY);
    return key;
}

static void openssl_aes_seal(void *context, const uint8_t key[DATAPATH_AEAD_KEY], uint64_t counter, const uint8_t *text,
                             size_t size, uint8_t *out)
{
    struct datapath_engine *g = context;

    evp_seal(g->aes_sealing, if_new(g->seal_key, key), counter, text, size, out);
}

static bool openssl_aes_open(void *context, const uint8_t key[DATAPATH_AEAD_KEY], uint64_t counter, const uint8_t *sealed,
                             size_t size, uint8_t *out)
{
    struct datapath_engine *g = context;

    return evp_open(g->aes_opening, if_new(g->open_key, key), counter, sealed, size, out);
}

static bool openssl_aes_begin(struct datapath_engine *g, struct datapath_aead *ret)
{
    g->aes_sealing = EVP_CIPHER_CTX_new();
    g->aes_opening = EVP_CIPHER_CTX_new();
    *ret = (struct datapath_aead){.name = "openssl", .context = g, .seal = openssl_aes_seal, .open = openssl_aes_open};
    /* With the key that counts as kept: zeros. */
    return g->aes_sealing != NULL && g->aes_opening != NULL &&
           EVP_EncryptInit_ex(g->aes_sealing, EVP_aes_256_gcm(), NULL, g->seal_key, NULL) == 1 &&
           EVP_DecryptInit_ex(g->aes_opening, EVP_aes_256_gcm(), NULL, g->open_key, NULL) == 1;
}

/* ---- ipsec-mb, on x86-64 ------------------------------------------------------------------------------------ */

#ifdef HAVE_IPSEC_MB
struct datapath_engine_keys {
    struct gcm_key_data seal, open; /* of these keys; the library wants them at multiples of 64 bytes */
    uint8_t seal_key[DATAPATH_AEAD_KEY], open_key[DATAPATH_AEAD_KEY];
    IMB_MGR *manager;
};

/* A job of its own for each packet: these are done when they are handed in, and take a quarter less than the library's
 * calls for a packet in pieces, which make the one-time key in a pass of its own. */
static bool ipsec_run(IMB_MGR *m, const uint8_t key[DATAPATH_AEAD_KEY], uint64_t counter, IMB_CIPHER_DIRECTION direction,
                      const uint8_t *in, size_t size, uint8_t *out, uint8_t tag[DATAPATH_AEAD_TAG])
{
    uint8_t nonce[12];
    IMB_JOB *job = IMB_GET_NEXT_JOB(m);

    datapath_aead_nonce(counter, nonce);
    job->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
    job->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
    job->cipher_direction = direction;
    job->chain_order = direction == IMB_DIR_ENCRYPT ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
    job->enc_keys = job->dec_keys = key;
    job->key_len_in_bytes = DATAPATH_AEAD_KEY;
    job->src = in;
    job->dst = out;
    job->cipher_start_src_offset_in_bytes = job->hash_start_src_offset_in_bytes = 0;
    job->msg_len_to_cipher_in_bytes = job->msg_len_to_hash_in_bytes = size;
    job->iv = nonce;
    job->iv_len_in_bytes = sizeof nonce;
    job->auth_tag_output = tag;
    job->auth_tag_output_len_in_bytes = DATAPATH_AEAD_TAG;
    job->u.CHACHA20_POLY1305.aad = NULL;
    job->u.CHACHA20_POLY1305.aad_len_in_bytes = 0;
    job = IMB_SUBMIT_JOB_NOCHECK(m);
    return job != NULL && job->status == IMB_STATUS_COMPLETED;
}

static void ipsec_seal(void *context, const uint8_t key[DATAPATH_AEAD_KEY], uint64_t counter, const uint8_t *text,
                       size_t size, uint8_t *out)
{
    /* Cannot fail with what is given here; a tag that was not written would be found by the other side. */
    (void)ipsec_run(context, key, counter, IMB_DIR_ENCRYPT, text, size, out, out + size);
}

static bool ipsec_open(void *context, const uint8_t key[DATAPATH_AEAD_KEY], uint64_t counter, const uint8_t *sealed,
                       size_t size, uint8_t *out)
{
    uint8_t tag[DATAPATH_AEAD_TAG], expected[DATAPATH_AEAD_TAG];

    memcpy(expected, sealed + size, sizeof expected);
    return ipsec_run(context, key, counter, IMB_DIR_DECRYPT, sealed, size, out, tag) && crypto_verify_16(tag, expected) == 0;
}

static bool ipsec_begin(struct datapath_engine *g, struct datapath_aead *ret)
{
    IMB_MGR *m = alloc_mb_mgr(0);

    g->manager = m;
    if (m == NULL) {
        return false;
    }
    init_mb_mgr_auto(m, NULL);
    *ret = (struct datapath_aead){.name = "ipsec-mb", .context = m, .seal = ipsec_seal, .open = ipsec_open};
    return imb_get_errno(m) == 0;
}

static void ipsec_aes_seal(void *context, const uint8_t key[DATAPATH_AEAD_KEY], uint64_t counter, const uint8_t *text,
                           size_t size, uint8_t *out)
{
    struct datapath_engine_keys *k = context;
    struct gcm_context_data state;
    uint8_t nonce[12];

    datapath_aead_nonce(counter, nonce);
    if (if_new(k->seal_key, key) != NULL) {
        IMB_AES256_GCM_PRE(k->manager, key, &k->seal);
    }
    IMB_AES256_GCM_ENC(k->manager, &k->seal, &state, out, text, size, nonce, NULL, 0, out + size, DATAPATH_AEAD_TAG);
}

static bool ipsec_aes_open(void *context, const uint8_t key[DATAPATH_AEAD_KEY], uint64_t counter, const uint8_t *sealed,
                           size_t size, uint8_t *out)
{
    struct datapath_engine_keys *k = context;
    struct gcm_context_data state;
    uint8_t nonce[12], tag[DATAPATH_AEAD_TAG], expected[DATAPATH_AEAD_TAG];

    datapath_aead_nonce(counter, nonce);
    memcpy(expected, sealed + size, sizeof expected);
    if (if_new(k->open_key, key) != NULL) {
        IMB_AES256_GCM_PRE(k->manager, key, &k->open);
    }
    IMB_AES256_GCM_DEC(k->manager, &k->open, &state, out, sealed, size, nonce, NULL, 0, tag, sizeof tag);
    return crypto_verify_16(tag, expected) == 0;
}

static bool ipsec_aes_begin(struct datapath_engine *g, struct datapath_aead *ret)
{
    struct datapath_engine_keys *k;
    size_t align = 64, size = (sizeof *k + align - 1) / align * align;

    if (g->manager == NULL || (k = g->keys = aligned_alloc(align, size)) == NULL) {
        return false;
    }
    memset(k, 0, size);
    k->manager = g->manager;
    IMB_AES256_GCM_PRE(k->manager, k->seal_key, &k->seal); /* the keys that count as kept: zeros */
    IMB_AES256_GCM_PRE(k->manager, k->open_key, &k->open);
    *ret = (struct datapath_aead){.name = "ipsec-mb", .context = k, .seal = ipsec_aes_seal, .open = ipsec_aes_open};
    return imb_get_errno(k->manager) == 0;
}

static void ipsec_end(struct datapath_engine *g)
{
    if (g->keys != NULL) {
        sodium_memzero(g->keys, sizeof *g->keys);
        free(g->keys);
    }
    if (g->manager != NULL) {
        free_mb_mgr(g->manager);
    }
}
#else
static bool ipsec_begin(struct datapath_engine *g, struct datapath_aead *ret)
{
    (void)g;
    (void)ret;
    return false;
}

static bool ipsec_aes_begin(struct datapath_engine *g, struct datapath_aead *ret)
{
    return ipsec_begin(g, ret);
}

static void ipsec_end(struct datapath_engine *g)
{
    (void)g;
}
#endif

/* ---- which ---------------------------------------------------------------------------------------------------- */

static uint64_t now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* The best of some looks: the processor is others' too. */
static uint64_t measure(const struct datapath_aead *a)
{
    static uint8_t bytes[PACKET + DATAPATH_AEAD_TAG];
    const uint8_t key[DATAPATH_AEAD_KEY] = {1};
    uint64_t best = UINT64_MAX;

    for (int look = 0; look < DATAPATH_ENGINE_LOOKS; look++) {
        uint64_t begun = now_ns();
        for (uint64_t i = 0; i < DATAPATH_ENGINE_ROUNDS; i++) {
            a->seal(a->context, key, i, bytes, PACKET, bytes);
        }
        uint64_t took = (now_ns() - begun) / DATAPATH_ENGINE_ROUNDS;
        best = took < best ? took : best;
    }
    return best;
}

/* Try those that are here, and take the one of this name or the fastest. */
static void choose(struct datapath_engine *g, struct datapath_engine_kind *kind, const bool is_here[DATAPATH_ENGINES],
                   const struct datapath_aead *sound, const char *name)
{
    bool is_auto = strcmp(name, "auto") == 0;

    for (int i = 0; i < DATAPATH_ENGINES; i++) {
        bool holds = is_here[i] && datapath_aead_check(&kind->aead[i], sound) == ERR_OK;
        g->faulty += is_here[i] && !holds;
        if (!holds) {
            kind->aead[i].name = NULL;
            continue;
        }
        kind->packet_ns[i] = measure(&kind->aead[i]);
        if (is_auto ? kind->chosen == NULL || kind->packet_ns[i] < kind->chosen_ns : strcmp(kind->aead[i].name, name) == 0) {
            kind->chosen = &kind->aead[i];
            kind->chosen_ns = kind->packet_ns[i];
        }
    }
}

static void choose_own(struct datapath_engine *g, const char *name)
{
    bool is_here[DATAPATH_ENGINES] = {true};

    g->own.aead[0] = datapath_aead_aes;
    is_here[1] = openssl_aes_begin(g, &g->own.aead[1]);
    is_here[2] = ipsec_aes_begin(g, &g->own.aead[2]);
    choose(g, &g->own, is_here, &datapath_aead_aes, name);
    if (g->own.chosen_ns >= g->usual.chosen_ns) {
        g->own.chosen = NULL;
    }
}

enum err datapath_engine_open(struct datapath_engine *g, const char *name, bool has_own)
{
    bool is_here[DATAPATH_ENGINES] = {true};

    *g = (struct datapath_engine){.usual.aead = {datapath_aead_sodium}};
    is_here[1] = openssl_begin(g, &g->usual.aead[1]);
    is_here[2] = ipsec_begin(g, &g->usual.aead[2]);
    choose(g, &g->usual, is_here, &datapath_aead_sodium, name);
    if (g->usual.aead[0].name == NULL || g->usual.chosen == NULL) {
        enum err e = g->usual.aead[0].name == NULL ? ERR_FAULT : ERR_UNSUPPORTED;
        datapath_engine_close(g);
        return e;
    }
    if (has_own && datapath_aead_has_aes()) {
        choose_own(g, name);
    }
    return ERR_OK;
}

void datapath_engine_forget(struct datapath_engine *g)
{
    static const uint8_t none[DATAPATH_AEAD_KEY];
    const struct datapath_aead *a = g->own.chosen;
    uint8_t out[DATAPATH_AEAD_TAG] = {0};

    if (a != NULL) { /* another key takes the place of the last one, both ways */
        a->seal(a->context, none, 0, out, 0, out);
        (void)a->open(a->context, none, 0, out, 0, out);
    }
}

void datapath_engine_close(struct datapath_engine *g)
{
    EVP_CIPHER_CTX_free(g->sealing); /* these wipe what they hold */
    EVP_CIPHER_CTX_free(g->opening);
    EVP_CIPHER_CTX_free(g->aes_sealing);
    EVP_CIPHER_CTX_free(g->aes_opening);
    ipsec_end(g);
    sodium_memzero(g, sizeof *g);
}
