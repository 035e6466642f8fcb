#include "registry/key.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

static_assert(REGISTRY_KEY_SALT_SIZE == crypto_pwhash_SALTBYTES && REGISTRY_KEY_NONCE_SIZE == crypto_secretbox_NONCEBYTES &&
                  REGISTRY_KEY_SEED_SIZE == crypto_sign_SEEDBYTES && REGISTRY_SECRET_SIZE == crypto_sign_SECRETKEYBYTES,
              "libsodium's sizes are those of the file");

static const char head_line[] = "cell-registry-key-1";

enum { BOX_SIZE = crypto_secretbox_MACBYTES + REGISTRY_KEY_SEED_SIZE };

struct file {
    uint8_t public[REGISTRY_KEY_SIZE], salt[REGISTRY_KEY_SALT_SIZE], nonce[REGISTRY_KEY_NONCE_SIZE], box[BOX_SIZE];
    struct registry_key_cost cost;
};

static void add_head(struct bytes_text *t, const struct file *f)
{
    bytes_text_add(t, "%s\npublic ", head_line);
    registry_text_add_hex(t, f->public, sizeof f->public);
    bytes_text_add(t, "\nargon2id %llu %llu ", (unsigned long long)f->cost.ops, (unsigned long long)f->cost.memory_bytes);
    registry_text_add_hex(t, f->salt, sizeof f->salt);
    bytes_text_add(t, "\n");
}

static bool is_within(const struct registry_key_cost *c)
{
    return c->ops >= REGISTRY_KEY_OPS_LEAST && c->ops <= REGISTRY_KEY_OPS_MOST && c->memory_bytes >= REGISTRY_KEY_MEMORY_LEAST &&
           c->memory_bytes <= REGISTRY_KEY_MEMORY_MOST;
}

/* The key of the box. False: there is no such memory. */
static bool derive(const struct file *f, const char *passphrase, size_t len, uint8_t ret[crypto_secretbox_KEYBYTES])
{
    uint8_t hashed[crypto_generichash_KEYBYTES];
    char head[REGISTRY_KEY_FILE_MAX];
    struct bytes_text text;

    bytes_text_init(&text, head, sizeof head);
    add_head(&text, f);
    if (crypto_pwhash(hashed, sizeof hashed, passphrase, len, f->salt, f->cost.ops, (size_t)f->cost.memory_bytes, crypto_pwhash_ALG_ARGON2ID13) != 0) {
        return false;
    }
    (void)crypto_generichash(ret, crypto_secretbox_KEYBYTES, (const uint8_t *)head, text.len, hashed, sizeof hashed);
    sodium_memzero(hashed, sizeof hashed);
    return true;
}

size_t registry_key_seal(const uint8_t seed[REGISTRY_KEY_SEED_SIZE], const char *passphrase, size_t passphrase_len, const struct registry_key_cost *cost,
                         const uint8_t salt[REGISTRY_KEY_SALT_SIZE], const uint8_t nonce[REGISTRY_KEY_NONCE_SIZE], char to[REGISTRY_KEY_FILE_MAX])
{
    uint8_t secret[REGISTRY_SECRET_SIZE], key[crypto_secretbox_KEYBYTES];
    struct file f = {.cost = *cost};
    struct bytes_text text;

    if (passphrase_len == 0 || passphrase_len > REGISTRY_KEY_PASSPHRASE_MAX || !is_within(cost)) {
        return 0;
    }
    memcpy(f.salt, salt, sizeof f.salt);
    (void)crypto_sign_seed_keypair(f.public, secret, seed);
    sodium_memzero(secret, sizeof secret);
    if (!derive(&f, passphrase, passphrase_len, key)) {
        return 0;
    }
    (void)crypto_secretbox_easy(f.box, seed, REGISTRY_KEY_SEED_SIZE, nonce, key); /* fails for sizes past memory */
    sodium_memzero(key, sizeof key);
    bytes_text_init(&text, to, REGISTRY_KEY_FILE_MAX);
    add_head(&text, &f);
    bytes_text_add(&text, "box ");
    registry_text_add_hex(&text, nonce, REGISTRY_KEY_NONCE_SIZE);
    bytes_text_add(&text, " ");
    registry_text_add_hex(&text, f.box, sizeof f.box);
    bytes_text_add(&text, "\n");
    assert(!text.cut);
    return text.len;
}

static bool read_file(const void *bytes, size_t size, struct file *f)
{
    struct registry_slice line, ops, memory, nonce;
    struct registry_text t;

    if (size > REGISTRY_KEY_FILE_MAX) {
        return false;
    }
    registry_text_begin(&t, bytes, size);
    registry_text_take_line(&t, head_line);
    registry_text_take_hex(&t, "public", f->public, sizeof f->public);
    line = registry_text_take(&t, "argon2id");
    if (!registry_text_word(&line, &ops) || !registry_text_word(&line, &memory) || !registry_text_number(ops, &f->cost.ops) ||
        !registry_text_number(memory, &f->cost.memory_bytes) || !registry_text_hex(line, f->salt, sizeof f->salt)) {
        return false;
    }
    line = registry_text_take(&t, "box");
    return registry_text_word(&line, &nonce) && registry_text_hex(nonce, f->nonce, sizeof f->nonce) && registry_text_hex(line, f->box, sizeof f->box) &&
           registry_text_is_over(&t);
}

enum err registry_key_open(const void *bytes, size_t size, const char *passphrase, size_t passphrase_len, uint8_t ret_secret[REGISTRY_SECRET_SIZE])
{
    uint8_t key[crypto_secretbox_KEYBYTES], seed[REGISTRY_KEY_SEED_SIZE], secret[REGISTRY_SECRET_SIZE], public[REGISTRY_KEY_SIZE];
    struct file f;

    if (passphrase_len == 0 || passphrase_len > REGISTRY_KEY_PASSPHRASE_MAX) {
        return ERR_INVALID;
    }
    if (!read_file(bytes, size, &f)) {
        return ERR_MALFORMED;
    }
    if (!is_within(&f.cost)) {
        return ERR_LIMIT;
    }
    if (!derive(&f, passphrase, passphrase_len, key)) {
        return ERR_NOMEM;
    }
    bool is_open = crypto_secretbox_open_easy(seed, f.box, sizeof f.box, f.nonce, key) == 0;
    sodium_memzero(key, sizeof key);
    if (!is_open) {
        return ERR_FORGED;
    }
    (void)crypto_sign_seed_keypair(public, secret, seed);
    sodium_memzero(seed, sizeof seed);
    /* The lines above the box are bound to it; this is what a writer with a fault would break. */
    bool is_own = memcmp(public, f.public, sizeof public) == 0;
    if (is_own) {
        memcpy(ret_secret, secret, sizeof secret);
    }
    sodium_memzero(secret, sizeof secret);
    return is_own ? ERR_OK : ERR_FORGED;
}

enum err registry_key_public(const void *bytes, size_t size, uint8_t ret[REGISTRY_KEY_SIZE])
{
    struct file f;

    if (!read_file(bytes, size, &f)) {
        return ERR_MALFORMED;
    }
    memcpy(ret, f.public, sizeof f.public);
    return ERR_OK;
}
