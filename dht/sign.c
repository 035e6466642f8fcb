#include "dht/sign.h"

#include <assert.h>
#include <sodium.h>

static_assert(sizeof((struct dht_signer *)0)->secret == crypto_sign_SECRETKEYBYTES, "libsodium's form of a secret key");

static const char domain[] = "cell-dht-owner-1";

void dht_sign_init(struct dht_signer *s, const struct node_keys *keys)
{
    uint8_t seed[crypto_sign_SEEDBYTES];

    /* Neither call fails with these sizes. */
    (void)crypto_generichash(seed, sizeof seed, (const uint8_t *)domain, sizeof domain - 1, keys->dh_secret, sizeof keys->dh_secret);
    (void)crypto_sign_seed_keypair(s->owner, s->secret, seed);
    sodium_memzero(seed, sizeof seed);
}

void dht_sign_record(const struct dht_signer *s, struct dht_record *r, uint8_t signature[DHT_SIGNATURE_SIZE])
{
    uint8_t message[DHT_RECORD_MESSAGE_MAX];

    r->owner = s->owner;
    (void)crypto_sign_detached(signature, NULL, message, dht_record_message(r, message), s->secret);
    r->signature = signature;
    dht_record_place(r);
}

bool dht_sign_verify(void *context, const uint8_t *owner, const uint8_t *message, size_t size, const uint8_t *signature)
{
    (void)context;
    return crypto_sign_verify_detached(signature, message, size, owner) == 0;
}

void dht_sign_forget(struct dht_signer *s)
{
    sodium_memzero(s, sizeof *s);
}
