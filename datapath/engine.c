#include "datapath/engine.h"

#include <openssl/evp.h>
#include <sodium.h>
#include <string.h>
#include <time.h>

#ifdef HAVE_IPSEC_MB
#include <intel-ipsec-mb.h>
#endif

enum {
    PACKET = 1420,
};

/* ---- OpenSSL: one context for each direction, into which each packet brings its key ----------------------- */

static void openssl_seal(void *context, const uint8_t key[DATAPATH_AEAD_KEY], uint64_t counter, const uint8_t *text,
                         size_t size, uint8_t *out)
{
    struct datapath_engine *g = context;
    uint8_t nonce[12];
    int len;

    /* None of these can fail with a context that was made and sizes of packets; a tag that was not written would be
     * found by the other side. */
    datapath_aead_nonce(counter, nonce);
    (void)EVP_EncryptInit_ex(g->sealing, NULL, NULL, key, nonce);
    (void)EVP_EncryptUpdate(g->sealing, out, &len, text, (int)size);
    (void)EVP_EncryptFinal_ex(g->sealing, out + size, &len);
    (void)EVP_CIPHER_CTX_ctrl(g->sealing, EVP_CTRL_AEAD_GET_TAG, DATAPATH_AEAD_TAG, out + size);
}

static bool openssl_open(void *context, const uint8_t key[DATAPATH_AEAD_KEY], uint64_t counter, const uint8_t *sealed,
                         size_t size, uint8_t *out)
{
    struct datapath_engine *g = context;
    uint8_t nonce[12], tag[DATAPATH_AEAD_TAG], rest[DATAPATH_AEAD_TAG];
    int len;

    datapath_aead_nonce(counter, nonce);
    memcpy(tag, sealed + size, sizeof tag);
    return EVP_DecryptInit_ex(g->opening, NULL, NULL, key, nonce) == 1 &&
           EVP_CIPHER_CTX_ctrl(g->opening, EVP_CTRL_AEAD_SET_TAG, sizeof tag, tag) == 1 &&
           (size == 0 || EVP_DecryptUpdate(g->opening, out, &len, sealed, (int)size) == 1) &&
           EVP_DecryptFinal_ex(g->opening, rest, &len) == 1;
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

/* ---- ipsec-mb, on x86-64 ------------------------------------------------------------------------------------ */

#ifdef HAVE_IPSEC_MB
static void ipsec_seal(void *context, const uint8_t key[DATAPATH_AEAD_KEY], uint64_t counter, const uint8_t *text,
                       size_t size, uint8_t *out)
{
    IMB_MGR *m = context;
    struct chacha20_poly1305_context_data state;
    uint8_t nonce[12];

    datapath_aead_nonce(counter, nonce);
    IMB_CHACHA20_POLY1305_INIT(m, key, &state, nonce, NULL, 0);
    IMB_CHACHA20_POLY1305_ENC_UPDATE(m, key, &state, out, text, size);
    IMB_CHACHA20_POLY1305_ENC_FINALIZE(m, &state, out + size, DATAPATH_AEAD_TAG);
    sodium_memzero(&state, sizeof state);
}

static bool ipsec_open(void *context, const uint8_t key[DATAPATH_AEAD_KEY], uint64_t counter, const uint8_t *sealed,
                       size_t size, uint8_t *out)
{
    IMB_MGR *m = context;
    struct chacha20_poly1305_context_data state;
    uint8_t nonce[12], tag[DATAPATH_AEAD_TAG], expected[DATAPATH_AEAD_TAG];

    datapath_aead_nonce(counter, nonce);
    memcpy(expected, sealed + size, sizeof expected);
    IMB_CHACHA20_POLY1305_INIT(m, key, &state, nonce, NULL, 0);
    IMB_CHACHA20_POLY1305_DEC_UPDATE(m, key, &state, out, sealed, size);
    IMB_CHACHA20_POLY1305_DEC_FINALIZE(m, &state, tag, sizeof tag);
    sodium_memzero(&state, sizeof state);
    return sodium_memcmp(tag, expected, sizeof tag) == 0;
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
#else
static bool ipsec_begin(struct datapath_engine *g, struct datapath_aead *ret)
{
    (void)g;
    (void)ret;
    return false;
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

enum err datapath_engine_open(struct datapath_engine *g, const char *name)
{
    bool is_here[DATAPATH_ENGINES] = {true};
    bool is_auto = strcmp(name, "auto") == 0;

    *g = (struct datapath_engine){.aead = {datapath_aead_sodium}};
    is_here[1] = openssl_begin(g, &g->aead[1]);
    is_here[2] = ipsec_begin(g, &g->aead[2]);
    for (int i = 0; i < DATAPATH_ENGINES; i++) {
        bool holds = is_here[i] && datapath_aead_check(&g->aead[i]) == ERR_OK;
        g->faulty += is_here[i] && !holds;
        if (!holds) {
            g->aead[i].name = NULL;
            continue;
        }
        g->packet_ns[i] = measure(&g->aead[i]);
        if (is_auto ? g->chosen == NULL || g->packet_ns[i] < g->packet_ns[g->chosen - g->aead]
                    : strcmp(g->aead[i].name, name) == 0) {
            g->chosen = &g->aead[i];
        }
    }
    if (g->aead[0].name == NULL || g->chosen == NULL) {
        enum err e = g->aead[0].name == NULL ? ERR_FAULT : ERR_UNSUPPORTED;
        datapath_engine_close(g);
        return e;
    }
    return ERR_OK;
}

void datapath_engine_close(struct datapath_engine *g)
{
    EVP_CIPHER_CTX_free(g->sealing); /* these wipe what they hold */
    EVP_CIPHER_CTX_free(g->opening);
#ifdef HAVE_IPSEC_MB
    if (g->manager != NULL) {
        free_mb_mgr(g->manager);
    }
#endif
    g->sealing = g->opening = g->manager = NULL;
    g->chosen = NULL;
}
