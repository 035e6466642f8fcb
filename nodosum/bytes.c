#include "nodosum/bytes.h"

#include <string.h>

#include "common/base/bytes.h"

void nodosum_bytes_put(struct nodosum_writer *w, const void *bytes, size_t size)
{
    if (size > 0 && size <= w->room && w->used <= w->room - size) {
        memcpy(w->at + w->used, bytes, size);
    }
    w->used += size;
}

void nodosum_bytes_put_8(struct nodosum_writer *w, uint8_t value)
{
    nodosum_bytes_put(w, &value, 1);
}

void nodosum_bytes_put_16(struct nodosum_writer *w, uint16_t value)
{
    nodosum_bytes_put(w, (uint8_t[]){(uint8_t)(value >> 8), (uint8_t)value}, 2);
}

void nodosum_bytes_put_32(struct nodosum_writer *w, uint32_t value)
{
    uint8_t bytes[4];

    bytes_put_be32(bytes, value);
    nodosum_bytes_put(w, bytes, sizeof bytes);
}

void nodosum_bytes_put_64(struct nodosum_writer *w, uint64_t value)
{
    uint8_t bytes[8];

    bytes_put_be64(bytes, value);
    nodosum_bytes_put(w, bytes, sizeof bytes);
}

const uint8_t *nodosum_bytes_take(struct nodosum_reader *r, size_t size)
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

void nodosum_bytes_get(struct nodosum_reader *r, void *to, size_t size)
{
    const uint8_t *from = nodosum_bytes_take(r, size);

    if (from != NULL) {
        memcpy(to, from, size);
    }
}

uint8_t nodosum_bytes_get_8(struct nodosum_reader *r)
{
    const uint8_t *from = nodosum_bytes_take(r, 1);

    return from == NULL ? 0 : *from;
}

uint16_t nodosum_bytes_get_16(struct nodosum_reader *r)
{
    const uint8_t *from = nodosum_bytes_take(r, 2);

    return from == NULL ? 0 : (uint16_t)(from[0] << 8 | from[1]);
}

uint32_t nodosum_bytes_get_32(struct nodosum_reader *r)
{
    const uint8_t *from = nodosum_bytes_take(r, 4);

    return from == NULL ? 0 : bytes_get_be32(from);
}

uint64_t nodosum_bytes_get_64(struct nodosum_reader *r)
{
    const uint8_t *from = nodosum_bytes_take(r, 8);

    return from == NULL ? 0 : bytes_get_be64(from);
}
