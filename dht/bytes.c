#include "dht/bytes.h"

#include <assert.h>
#include <string.h>

void dht_bytes_put(struct dht_writer *w, const void *bytes, size_t size)
{
    if (size <= w->room && w->used <= w->room - size && size > 0) {
        memcpy(w->at + w->used, bytes, size);
    }
    w->used += size;
}

void dht_bytes_put_int(struct dht_writer *w, uint64_t value, unsigned size)
{
    uint8_t byte[8];

    assert(size >= 1 && size <= sizeof byte);
    for (unsigned i = 0; i < size; i++) {
        byte[i] = (uint8_t)(value >> (8 * i));
    }
    dht_bytes_put(w, byte, size);
}

const uint8_t *dht_bytes_take(struct dht_reader *r, size_t size)
{
    const uint8_t *at = r->at;

    if (size > r->left) {
        r->is_good = false;
        r->left = 0;
        return NULL;
    }
    r->at += size;
    r->left -= size;
    return at;
}

void dht_bytes_get(struct dht_reader *r, void *to, size_t size)
{
    const uint8_t *from = dht_bytes_take(r, size);

    if (from != NULL) {
        memcpy(to, from, size);
    } else {
        memset(to, 0, size);
    }
}

uint64_t dht_bytes_get_int(struct dht_reader *r, unsigned size)
{
    const uint8_t *from = dht_bytes_take(r, size);
    uint64_t value = 0;

    for (unsigned i = 0; i < size && from != NULL; i++) {
        value |= (uint64_t)from[i] << (8 * i);
    }
    return value;
}
