/* Protobuf's wire format, field by field, without a schema. Borrowed bytes, no allocation.
 *
 * Source: protobuf.dev, "Encoding". */
#ifndef CELL_COMMON_BASE_PBWIRE_H
#define CELL_COMMON_BASE_PBWIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PBWIRE_VARINT_MAX = 10, /* bytes of the longest varint: 64 bits in groups of 7        */
    PBWIRE_GROUP_MAX = 100, /* groups open at once; the recursion limit of other decoders */
};

enum pbwire_type {
    PBWIRE_VARINT = 0,
    PBWIRE_FIXED64 = 1,
    PBWIRE_BYTES = 2,
    PBWIRE_GROUP = 3, /* an old-style group, skipped as a whole */
    PBWIRE_FIXED32 = 5,
};

/* What is left to read. */
struct pbwire {
    const uint8_t *at;
    const uint8_t *end;
};

/* To read data[0..size); NULL is fine for nothing. */
static inline struct pbwire pbwire_over(const uint8_t *data, size_t size)
{
    /* Not data + 0 for NULL: undefined, though no compiler minds. */
    return (struct pbwire){data, size > 0 ? data + size : data};
}

struct pbwire_field {
    uint32_t number; /* 1 .. 2^29 - 1 */
    enum pbwire_type type;
    uint64_t value;      /* VARINT, FIXED64, FIXED32 */
    const uint8_t *data; /* BYTES: borrowed          */
    size_t size;
};

/* Read one varint. false: cut off or longer than ten bytes; then *ret is untouched. */
bool pbwire_varint(struct pbwire *w, uint64_t *ret);

/* Little-endian values. false: cut off. */
bool pbwire_fixed32(struct pbwire *w, uint64_t *ret);
bool pbwire_fixed64(struct pbwire *w, uint64_t *ret);

/* Read one field with its value. false: not well-formed; `w` is then of no more use. */
bool pbwire_next(struct pbwire *w, struct pbwire_field *ret);

/* Write a varint; returns how many bytes, at most PBWIRE_VARINT_MAX. */
size_t pbwire_put_varint(uint8_t out[PBWIRE_VARINT_MAX], uint64_t value);

/* Signed values whose small magnitudes stay short. */
static inline uint64_t pbwire_zigzag(int64_t value)
{
    return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}
static inline int64_t pbwire_unzigzag(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

#endif
