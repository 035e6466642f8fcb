#include "common/base/cursor.h"

#include <assert.h>
#include <string.h>

enum { NUMBER_MAX = 8 };

void cursor_put(struct cursor_writer *w, const void *bytes, size_t size)
{
    if (size > 0 && size <= w->room && w->used <= w->room - size) {
        memcpy(w->at + w->used, bytes, size);
    }
    w->used += size;
}

void cursor_put_be(struct cursor_writer *w, uint64_t value, unsigned size)
{
    uint8_t byte[NUMBER_MAX];

    assert(size >= 1 && size <= sizeof byte);
    for (unsigned i = size; i-- > 0; value >>= 8) {
        byte[i] = (uint8_t)value;
    }
    cursor_put(w, byte, size);
}

void cursor_put_le(struct cursor_writer *w, uint64_t value, unsigned size)
{
    uint8_t byte[NUMBER_MAX];

    assert(size >= 1 && size <= sizeof byte);
    for (unsigned i = 0; i < size; i++, value >>= 8) {
        byte[i] = (uint8_t)value;
    }
    cursor_put(w, byte, size);
}

const uint8_t *cursor_take(struct cursor_reader *r, size_t size)
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

void cursor_get(struct cursor_reader *r, void *to, size_t size)
{
    const uint8_t *from = cursor_take(r, size);

    if (from != NULL) {
        memcpy(to, from, size);
    } else {
        memset(to, 0, size);
    }
}

uint64_t cursor_get_be(struct cursor_reader *r, unsigned size)
{
    const uint8_t *from = cursor_take(r, size);
    uint64_t value = 0;

    for (unsigned i = 0; i < size && from != NULL; i++) {
        value = value << 8 | from[i];
    }
    return value;
}

uint64_t cursor_get_le(struct cursor_reader *r, unsigned size)
{
    const uint8_t *from = cursor_take(r, size);
    uint64_t value = 0;

    for (unsigned i = 0; i < size && from != NULL; i++) {
        value |= (uint64_t)from[i] << (8 * i);
    }
    return value;
}
