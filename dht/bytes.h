/* Little-endian integers, and a writer and a reader that go on past the end of their room: whoever began looks once, at
 * the end. */
#ifndef CELL_DHT_BYTES_H
#define CELL_DHT_BYTES_H

#include "dht/types.h"

struct dht_writer {
    uint8_t *at;
    size_t used, room;
};

void dht_bytes_put(struct dht_writer *w, const void *bytes, size_t size);

/* The `size` lowest bytes of value, 1 to 8. */
void dht_bytes_put_int(struct dht_writer *w, uint64_t value, unsigned size);

struct dht_reader {
    const uint8_t *at;
    size_t left;
    bool is_good;
};

/* `size` bytes, borrowed; NULL, and is_good false for good: there are not so many. */
const uint8_t *dht_bytes_take(struct dht_reader *r, size_t size);
void dht_bytes_get(struct dht_reader *r, void *to, size_t size);
uint64_t dht_bytes_get_int(struct dht_reader *r, unsigned size);

#endif
