#include "dht/token.h"

#include <sodium.h>

_Static_assert((int)DHT_SECRET_SIZE == (int)crypto_shorthash_KEYBYTES, "the secret is a key of SipHash");

uint64_t dht_token_tag(const struct dht *d, const void *bytes, size_t size)
{
    uint8_t out[crypto_shorthash_BYTES];
    uint64_t value;

    (void)crypto_shorthash(out, bytes, size, d->secret); /* cannot fail */
    memcpy(&value, out, sizeof value);
    return value == 0 ? 1 : value;
}

uint64_t dht_token_source(const struct dht *d, const struct dht_node *site, const struct dht_node *source)
{
    uint64_t all = dht_token_tag(d, site->byte, DHT_NODE_SIZE), one = dht_token_tag(d, source->byte, DHT_NODE_SIZE);
    uint64_t value = (all & ~(uint64_t)UINT32_MAX) | (one & UINT32_MAX);

    return value == 0 ? 1 : value;
}

static uint64_t make(const struct dht *d, const struct dht_contact *who, uint64_t period)
{
    uint8_t in[DHT_NODE_SIZE + sizeof who->at.ip + sizeof who->at.port + sizeof period];
    uint8_t *at = in;

    memcpy(at, who->node.byte, DHT_NODE_SIZE);
    memcpy(at += DHT_NODE_SIZE, who->at.ip, sizeof who->at.ip);
    memcpy(at += sizeof who->at.ip, &who->at.port, sizeof who->at.port);
    memcpy(at += sizeof who->at.port, &period, sizeof period);
    return dht_token_tag(d, in, sizeof in);
}

uint64_t dht_token_make(const struct dht *d, const struct dht_contact *who)
{
    return make(d, who, d->now_us / DHT_US / DHT_TOKEN_MS);
}

bool dht_token_is_good(const struct dht *d, const struct dht_contact *who, uint64_t token)
{
    uint64_t period = d->now_us / DHT_US / DHT_TOKEN_MS;

    return token == make(d, who, period) || (period > 0 && token == make(d, who, period - 1));
}
