/* Big-endian numbers and bytes as packets and descriptions have them, by a writer and a reader that go on past the end of
 * their room: whoever began looks once, at the end. */
#ifndef CELL_NODOSUM_BYTES_H
#define CELL_NODOSUM_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* used > room: it did not fit. */
struct nodosum_writer {
    uint8_t *at;
    size_t used, room;
};

void nodosum_bytes_put(struct nodosum_writer *w, const void *bytes, size_t size);
void nodosum_bytes_put_8(struct nodosum_writer *w, uint8_t value);
void nodosum_bytes_put_16(struct nodosum_writer *w, uint16_t value);
void nodosum_bytes_put_32(struct nodosum_writer *w, uint32_t value);
void nodosum_bytes_put_64(struct nodosum_writer *w, uint64_t value);

/* Past the end everything reads as 0 and is_good is false for good. */
struct nodosum_reader {
    const uint8_t *at;
    size_t left;
    bool is_good;
};

/* `size` bytes, borrowed; NULL: there are not so many. */
const uint8_t *nodosum_bytes_take(struct nodosum_reader *r, size_t size);

/* *to is untouched where there are not so many. */
void nodosum_bytes_get(struct nodosum_reader *r, void *to, size_t size);
uint8_t nodosum_bytes_get_8(struct nodosum_reader *r);
uint16_t nodosum_bytes_get_16(struct nodosum_reader *r);
uint32_t nodosum_bytes_get_32(struct nodosum_reader *r);
uint64_t nodosum_bytes_get_64(struct nodosum_reader *r);

#endif
