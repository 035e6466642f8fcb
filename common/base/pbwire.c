#include "common/base/pbwire.h"

enum {
    END_GROUP = 4, /* wire type that closes a group; never a field of its own */
    NUMBER_SHIFT = 3,
    TYPE_MASK = 7,
    NUMBER_MAX = 536870911,
};

bool pbwire_varint(struct pbwire *w, uint64_t *ret)
{
    uint64_t value = 0;

    for (size_t i = 0; i < PBWIRE_VARINT_MAX; i++) {
        if (w->at == w->end) {
            return false;
        }
        uint8_t byte = *w->at++;
        /* The tenth byte holds bit 63 alone; other decoders drop what does not fit, so do we. */
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if ((byte & 0x80) == 0) {
            *ret = value;
            return true;
        }
    }
    return false;
}

static bool fixed(struct pbwire *w, size_t bytes, uint64_t *ret)
{
    uint64_t value = 0;

    if ((size_t)(w->end - w->at) < bytes) {
        return false;
    }
    for (size_t i = 0; i < bytes; i++) {
        value |= (uint64_t)w->at[i] << (8 * i);
    }
    w->at += bytes;
    *ret = value;
    return true;
}

bool pbwire_fixed32(struct pbwire *w, uint64_t *ret)
{
    return fixed(w, 4, ret);
}

bool pbwire_fixed64(struct pbwire *w, uint64_t *ret)
{
    return fixed(w, 8, ret);
}

static bool length_delimited(struct pbwire *w, struct pbwire_field *ret)
{
    uint64_t size;

    /* Compared before it is added: a length near 2^64 must not wrap around. */
    if (!pbwire_varint(w, &size) || size > (uint64_t)(w->end - w->at)) {
        return false;
    }
    ret->data = w->at;
    ret->size = (size_t)size;
    w->at += size;
    return true;
}

static bool tag(struct pbwire *w, uint32_t *ret_number, uint32_t *ret_type)
{
    uint64_t key;

    if (!pbwire_varint(w, &key)) {
        return false;
    }
    uint64_t number = key >> NUMBER_SHIFT;
    if (number == 0 || number > NUMBER_MAX) {
        return false;
    }
    *ret_number = (uint32_t)number;
    *ret_type = (uint32_t)(key & TYPE_MASK);
    return true;
}

/* One value of any type but a group. */
static bool read_value(struct pbwire *w, uint32_t type, struct pbwire_field *ret)
{
    if (type == PBWIRE_VARINT) {
        return pbwire_varint(w, &ret->value);
    }
    if (type == PBWIRE_FIXED64) {
        return pbwire_fixed64(w, &ret->value);
    }
    if (type == PBWIRE_FIXED32) {
        return pbwire_fixed32(w, &ret->value);
    }
    return type == PBWIRE_BYTES && length_delimited(w, ret);
}

/* Skip to the end of the group `number`: a stack of open groups instead of recursion, so that a
 * hostile message cannot use up ours. */
static bool skip_group(struct pbwire *w, uint32_t number)
{
    uint32_t open[PBWIRE_GROUP_MAX];
    size_t depth = 0;
    struct pbwire_field ignored;

    open[depth++] = number;
    while (depth > 0) {
        uint32_t type;

        if (!tag(w, &number, &type)) {
            return false;
        }
        if (type == END_GROUP) {
            if (open[--depth] != number) {
                return false;
            }
        } else if (type == PBWIRE_GROUP) {
            if (depth == PBWIRE_GROUP_MAX) {
                return false;
            }
            open[depth++] = number;
        } else if (!read_value(w, type, &ignored)) {
            return false;
        }
    }
    return true;
}

bool pbwire_next(struct pbwire *w, struct pbwire_field *ret)
{
    uint32_t type;

    if (!tag(w, &ret->number, &type)) {
        return false;
    }
    ret->value = 0;
    ret->data = NULL;
    ret->size = 0;
    if (type == PBWIRE_GROUP) {
        ret->type = PBWIRE_GROUP;
        return skip_group(w, ret->number);
    }
    if (!read_value(w, type, ret)) {
        return false; /* also for types 4, 6 and 7, which start no field */
    }
    ret->type = (enum pbwire_type)type;
    return true;
}

size_t pbwire_put_varint(uint8_t out[PBWIRE_VARINT_MAX], uint64_t value)
{
    size_t n = 0;

    while (value >= 0x80) {
        out[n++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    out[n++] = (uint8_t)value;
    return n;
}
