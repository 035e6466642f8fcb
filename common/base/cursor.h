/* Numbers and bytes one after another, as packets and files have them, by a writer and a reader that go on past the end of their room:
 * whoever began looks once, at the end. */
#ifndef CELL_COMMON_BASE_CURSOR_H
#define CELL_COMMON_BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* used > room: it did not fit. */
struct cursor_writer {
    uint8_t *at;
    size_t used, room;
};

void cursor_put(struct cursor_writer *w, const void *bytes, size_t size);

/* The `size` lowest bytes of value, 1 to 8; the most, or the least, significant one first. */
void cursor_put_be(struct cursor_writer *w, uint64_t value, unsigned size);
void cursor_put_le(struct cursor_writer *w, uint64_t value, unsigned size);

/* Past the end everything reads as 0 and is_good is false for good. */
struct cursor_reader {
    const uint8_t *at;
    size_t left;
    bool is_good;
};

/* `size` bytes, borrowed; NULL: there are not so many. */
const uint8_t *cursor_take(struct cursor_reader *r, size_t size);
void cursor_get(struct cursor_reader *r, void *to, size_t size);
uint64_t cursor_get_be(struct cursor_reader *r, unsigned size);
uint64_t cursor_get_le(struct cursor_reader *r, unsigned size);

#endif
