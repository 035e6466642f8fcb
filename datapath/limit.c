#include "datapath/limit.h"

#include <sodium.h>
#include <string.h>

enum {
    TOKEN = 1000,
};

_Static_assert((int)DATAPATH_LIMIT_KEY == (int)crypto_shorthash_KEYBYTES, "a key of SipHash");

/* Take one token of a bucket that gets `rate` a second and holds `burst`. */
static bool take(struct datapath_limit_bucket *b, uint32_t rate, uint32_t burst, uint64_t now_ms)
{
    uint64_t passed_ms = now_ms - b->at_ms, most = (uint64_t)burst * TOKEN;
    /* Long silence fills it; the product below cannot overflow then. */
    uint64_t tokens = passed_ms >= most ? most : b->tokens + passed_ms * rate;

    b->at_ms = now_ms;
    b->tokens = (uint32_t)(tokens > most ? most : tokens);
    if (b->tokens < TOKEN) {
        return false;
    }
    b->tokens -= TOKEN;
    return true;
}

void datapath_limit_init(struct datapath_limit *l, const uint8_t key[DATAPATH_LIMIT_KEY], uint64_t now_ms)
{
    *l = (struct datapath_limit){.all = {.tokens = DATAPATH_LIMIT_BURST * TOKEN, .at_ms = now_ms}};
    memcpy(l->key, key, sizeof l->key);
    for (uint32_t i = 0; i < DATAPATH_LIMIT_SLOTS; i++) {
        l->source[i] = (struct datapath_limit_bucket){.tokens = DATAPATH_LIMIT_SOURCE_BURST * TOKEN, .at_ms = now_ms};
    }
}

bool datapath_limit_is_loaded(struct datapath_limit *l, uint64_t now_ms)
{
    if (!take(&l->all, DATAPATH_LIMIT_RATE, DATAPATH_LIMIT_BURST, now_ms)) {
        l->load_until_ms = now_ms + DATAPATH_LIMIT_LOAD_MS;
    }
    return now_ms < l->load_until_ms;
}

bool datapath_limit_allows(struct datapath_limit *l, const struct datapath_endpoint *from, uint64_t now_ms)
{
    uint8_t hash[crypto_shorthash_BYTES];
    size_t size = datapath_message_is_v4(from->ip) ? 16 : 8;

    (void)crypto_shorthash(hash, from->ip, size, l->key);
    return take(&l->source[datapath_message_get32(hash) % DATAPATH_LIMIT_SLOTS], DATAPATH_LIMIT_SOURCE_RATE,
                DATAPATH_LIMIT_SOURCE_BURST, now_ms);
}
