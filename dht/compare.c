#include "dht/compare.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

static const char request_domain[] = "cell-dht-request-1";

enum { TAGS = 1 << DHT_COMPARE_BITS };

void dht_compare_init(struct dht_compare *c, uint64_t expected, const void *request, size_t size, const uint8_t *value,
                      size_t value_size)
{
    uint8_t digest[crypto_generichash_BYTES_MIN], length = (uint8_t)size;
    crypto_generichash_state state;

    assert(size <= DHT_REQUEST_MAX);
    *c = (struct dht_compare){.expected = expected, .status = ERR_LATER};
    (void)crypto_generichash_init(&state, NULL, 0, sizeof digest); /* fails for sizes alone */
    (void)crypto_generichash_update(&state, (const uint8_t *)request_domain, sizeof request_domain - 1);
    (void)crypto_generichash_update(&state, &length, 1);
    (void)crypto_generichash_update(&state, request, size);
    (void)crypto_generichash_update(&state, value, value_size);
    (void)crypto_generichash_final(&state, digest, sizeof digest);
    c->tag = (uint16_t)(digest[0] | digest[1] << 8);
}

uint32_t dht_compare_look(struct dht_compare *c, uint32_t nodes)
{
    uint32_t holders = nodes < DHT_REPLICAS ? nodes : DHT_REPLICAS;

    c->is_there = false;
    c->reads = holders - (holders / 2 + 1) + 1;
    return c->reads;
}

void dht_compare_found(struct dht_compare *c, const struct dht_record *r)
{
    if (c->is_there && r->seq <= c->held.seq) {
        return;
    }
    c->is_there = true;
    size_t size = dht_record_write(r, c->bytes);
    enum err e = dht_record_read(c->bytes, size, &c->held);
    assert(e == ERR_OK);
    (void)e;
    c->held.left_ms = r->left_ms;
}

static enum dht_compare_next end(struct dht_compare *c, enum err e)
{
    c->status = e;
    return DHT_COMPARE_END;
}

static bool is_own(const struct dht_compare *c, const uint8_t *value, size_t size)
{
    return c->is_there && c->held.seq > c->expected && c->held.seq % TAGS == c->tag && c->held.value_size == size &&
           memcmp(c->held.value, value, size) == 0;
}

enum dht_compare_next dht_compare_looked(struct dht_compare *c, enum err e, uint32_t answers, const uint8_t *value, size_t size)
{
    if (e == ERR_OK && answers < c->reads) {
        return end(c, ERR_TIMEOUT); /* others may hold a later one */
    }
    if (e != ERR_OK && e != ERR_NOT_FOUND) {
        return end(c, e);
    }
    if (is_own(c, value, size)) {
        uint32_t least_ms = DHT_TTL_LEAST_MS;
        c->held.left_ms = c->held.left_ms > least_ms ? c->held.left_ms : least_ms; /* its signed end holds all the same */
        return DHT_COMPARE_AGAIN;
    }
    return dht_compare_held(c) == c->expected ? DHT_COMPARE_PUT : end(c, ERR_PRECONDITION);
}

/* Refused: by some that have another one, or by some that have come since and have none yet. What is held tells. */
enum dht_compare_next dht_compare_put(struct dht_compare *c, enum err e)
{
    if ((e != ERR_PRECONDITION && e != ERR_ABORTED) || ++c->looks == DHT_COMPARE_LOOKS) {
        return end(c, e);
    }
    return DHT_COMPARE_LOOK;
}

uint64_t dht_compare_seq(const struct dht_compare *c, uint64_t least)
{
    uint64_t from = least > c->expected ? least : c->expected + 1;

    return from + ((c->tag - from) & (TAGS - 1));
}

uint64_t dht_compare_held(const struct dht_compare *c)
{
    return c->is_there ? c->held.seq : 0;
}
