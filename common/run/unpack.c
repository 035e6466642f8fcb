#include "common/run/unpack.h"

#include <assert.h>
#include <string.h>

#include <protobuf-c/protobuf-c.h>

#include "common/base/bytes.h"
#include "common/base/pbwire.h"

enum {
    WHAT_SIZE = 48 /* bytes for what is wrong with a field */
};

/* A message that is being read. */
struct level {
    const ProtobufCMessageDescriptor *type;
    const ProtobufCFieldDescriptor *field; /* that is being read                                 */
    const uint8_t *begin;
    const uint8_t *end;
};

/* By number; NULL: `type` has no such field, or there is no such number. */
static inline const ProtobufCFieldDescriptor *find(const ProtobufCMessageDescriptor *type, uint64_t number)
{
    /* Numbers from 1 on without a gap, as nearly all types have them: no search. */
    if (number - 1 < type->n_fields && type->fields[number - 1].id == number) {
        return &type->fields[number - 1];
    }
    return number > UINT32_MAX ? NULL : protobuf_c_message_descriptor_get_field(type, (unsigned)number);
}

/* How many of the same number stand before the one whose bytes begin at `data`. Inner messages are stepped over, so
 * that all levels of a path together cost no more than the message has bytes. */
static size_t index_of(const struct level *l, const uint8_t *data)
{
    struct pbwire w = {l->begin, l->end};
    struct pbwire_field f;
    size_t index = 0;

    while (pbwire_next(&w, &f) && f.data != data) {
        index += f.number == l->field->id;
    }
    return index;
}

/* The first `depth` levels lead to what is refused, which begins at `data`. */
static enum err refuse(const struct level *level, size_t depth, const uint8_t *data, enum err e, const char *what,
                       char why[UNPACK_WHY_SIZE])
{
    struct bytes_text text;

    if (why == NULL) {
        return e;
    }
    bytes_text_init(&text, why, UNPACK_WHY_SIZE - WHAT_SIZE);
    for (size_t i = 0; i < depth; i++) {
        const struct level *l = &level[i];

        bytes_text_add(&text, "%s%s", i > 0 ? "." : "", l->field->name);
        if (l->field->label == PROTOBUF_C_LABEL_REPEATED) {
            bytes_text_add(&text, "[%zu]", index_of(l, i + 1 < depth ? level[i + 1].begin : data));
        }
    }
    text.size = UNPACK_WHY_SIZE; /* what it is stands there however long the path is */
    text.cut = false;
    bytes_text_add(&text, "%s%s", text.len > 0 ? ": " : "", what);
    assert(!text.cut);
    return e;
}

/* Where the varint at `at` ends, its value in *ret; NULL: it does not. One byte is what nearly all are. */
static inline const uint8_t *varint(const uint8_t *at, const uint8_t *end, uint64_t *ret)
{
    if (at < end && *at < 0x80) {
        *ret = *at;
        return at + 1;
    }
    struct pbwire w = {at, end};
    return pbwire_varint(&w, ret) ? w.at : NULL;
}

/* Where the value that begins at `at` ends; of one with a size, where it begins, and the size. NULL: it is cut off, or of
 * a wire type that protobuf-c does not read. */
static inline const uint8_t *step(const uint8_t *at, const uint8_t *end, unsigned type, uint64_t *ret_size)
{
    size_t left = (size_t)(end - at);

    switch (type) {
    case PBWIRE_VARINT:
        for (size_t i = 0; i < left && i < PBWIRE_VARINT_MAX; i++) {
            if (at[i] < 0x80) {
                return at + i + 1;
            }
        }
        return NULL;
    case PBWIRE_FIXED64:
        return left < 8 ? NULL : at + 8;
    case PBWIRE_FIXED32:
        return left < 4 ? NULL : at + 4;
    case PBWIRE_BYTES:
        at = varint(at, end, ret_size);
        return at == NULL || *ret_size > (uint64_t)(end - at) ? NULL : at;
    default:
        return NULL;
    }
}

enum err unpack_check(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t size, char why[UNPACK_WHY_SIZE])
{
    struct level level[UNPACK_DEPTH_MAX];
    struct level *l = level;
    const uint8_t *at = data;

    *l = (struct level){.type = type, .begin = data, .end = size > 0 ? data + size : data};
    for (;;) {
        uint64_t key, length = 0;

        if (at == l->end) {
            if (l-- == level) {
                return ERR_OK;
            }
            continue; /* the one around goes on where this one ends */
        }
        at = varint(at, l->end, &key);
        at = at == NULL ? NULL : step(at, l->end, key & 7, &length);
        if (at == NULL) {
            return refuse(level, 0, NULL, ERR_MALFORMED, "the bytes do not parse", why);
        }
        if ((key & 7) != PBWIRE_BYTES) {
            continue;
        }
        l->field = find(l->type, key >> 3);
        if (l->field != NULL && l->field->type == PROTOBUF_C_TYPE_MESSAGE) {
            if (l == &level[UNPACK_DEPTH_MAX - 1]) {
                return refuse(level, 0, NULL, ERR_LIMIT, "messages are nested more than 100 deep", why);
            }
            l[1] = (struct level){.type = l->field->descriptor, .begin = at, .end = at + length};
            l++;
            continue;
        }
        if (l->field != NULL && l->field->type == PROTOBUF_C_TYPE_STRING && !bytes_is_utf8(at, (size_t)length)) {
            const char *what = memchr(at, '\0', (size_t)length) != NULL ? "holds a NUL" : "is not UTF-8";
            return refuse(level, (size_t)(l - level) + 1, at, ERR_MALFORMED, what, why);
        }
        at += length;
    }
}

enum err unpack_message(const ProtobufCMessageDescriptor *type, ProtobufCAllocator *allocator, const uint8_t *data,
                        size_t size, ProtobufCMessage **ret, char why[UNPACK_WHY_SIZE])
{
    enum err e = unpack_check(type, data, size, why);
    if (e != ERR_OK) {
        return e;
    }
    ProtobufCMessage *message = protobuf_c_message_unpack(type, allocator, size, data);
    if (message == NULL) {
        return refuse(NULL, 0, NULL, ERR_MALFORMED, "the bytes do not parse", why);
    }
    *ret = message;
    return ERR_OK;
}
