#include "common/run/sp_frame.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"

enum {
    FRAME_IN_BAND = 1,   /* the only frame type of the ipc mapping             */
    LENGTH_LEN = 8,      /* what the tcp mapping has alone                     */
    ID_END_BYTE = 0x80,  /* in the first byte of the backtrace's last word     */
    PARTIAL_FIRST = 512, /* bytes: most requests of cells fit and grow nothing */
};

void sp_frame_hello_put(uint8_t out[SP_WIRE_HELLO_LEN])
{
    const uint8_t hello[SP_WIRE_HELLO_LEN] = {0, 'S', 'P', 0, 0, 0x31 /* REP */, 0, 0};

    memcpy(out, hello, sizeof hello);
}

/* Bytes before a message. */
static size_t head_of(const struct sp_frame *f)
{
    return f->is_tcp ? LENGTH_LEN : SP_WIRE_FRAME_LEN;
}

static bool is_hello(const struct sp_frame *f, const uint8_t in[SP_WIRE_HELLO_LEN])
{
    uint8_t wanted[SP_WIRE_HELLO_LEN];

    (f->is_requester ? sp_frame_hello_put : sp_wire_hello_put)(wanted);
    return memcmp(in, wanted, sizeof wanted) == 0;
}

size_t sp_frame_head_put(const uint8_t *trace, size_t trace_len, size_t size,
                         uint8_t out[SP_FRAME_HEAD_MAX])
{
    assert(trace_len <= SP_FRAME_TRACE_MAX);
    out[0] = FRAME_IN_BAND;
    bytes_put_be64(out + 1, trace_len + size);
    memcpy(out + SP_WIRE_FRAME_LEN, trace, trace_len);
    return SP_WIRE_FRAME_LEN + trace_len;
}

/* Length of the backtrace that `message` begins with; 0: it has no end (ERR_MALFORMED for the
 * caller), more than SP_FRAME_TRACE_MAX: too many hops. */
static size_t trace_length(const uint8_t *message, size_t size)
{
    for (size_t at = 0; at + SP_WIRE_ID_LEN <= size; at += SP_WIRE_ID_LEN) {
        if (at == SP_FRAME_TRACE_MAX) {
            return at + SP_WIRE_ID_LEN;
        }
        if ((message[at] & ID_END_BYTE) != 0) {
            return at + SP_WIRE_ID_LEN;
        }
    }
    return 0;
}

/* What the unfinished bytes begin with. *ret_size: bytes of the greeting or of the frame with its
 * header, 0 when too few have come to tell. */
static enum err announced(const struct sp_frame *f, const uint8_t *data, size_t size,
                          size_t *ret_size)
{
    *ret_size = 0;
    if (!f->has_hello) {
        *ret_size = size >= SP_WIRE_HELLO_LEN ? SP_WIRE_HELLO_LEN : 0;
        return ERR_OK;
    }
    size_t head = head_of(f);
    if (size < head) {
        return ERR_OK;
    }
    uint64_t length = bytes_get_be64(data + head - LENGTH_LEN);
    if ((!f->is_tcp && data[0] != FRAME_IN_BAND) || length < SP_WIRE_ID_LEN) {
        return ERR_MALFORMED;
    }
    if (length > f->most) {
        return ERR_LIMIT;
    }
    *ret_size = head + (size_t)length;
    return ERR_OK;
}

static enum err take_whole(struct sp_frame *f, const uint8_t *data, size_t size, sp_frame_take take,
                           void *context, uint64_t *dropped)
{
    if (!f->has_hello) {
        f->has_hello = is_hello(f, data);
        return f->has_hello ? ERR_OK : ERR_MALFORMED;
    }
    const uint8_t *message = data + head_of(f);
    size_t length = size - head_of(f);
    size_t trace_len = trace_length(message, length);
    if (trace_len == 0) {
        return ERR_MALFORMED;
    }
    if (trace_len > SP_FRAME_TRACE_MAX) {
        (*dropped)++; /* a loop of routers ends here, as it would in nng */
        return ERR_OK;
    }
    take(context, message, trace_len, message + trace_len, length - trace_len);
    return ERR_OK;
}

/* Add bytes to the unfinished message. */
static enum err keep(struct sp_frame *f, const uint8_t *data, size_t size)
{
    if (f->have + size > f->room) {
        size_t room = f->room == 0 ? PARTIAL_FIRST : f->room;
        while (room < f->have + size) {
            room *= 2;
        }
        uint8_t *grown = realloc(f->partial, room);
        if (grown == NULL) {
            return ERR_NOMEM;
        }
        f->partial = grown;
        f->room = room;
    }
    memcpy(f->partial + f->have, data, size);
    f->have += size;
    return ERR_OK;
}

/* Finish the message that is kept. *data and *size lose what went into it. */
static enum err finish_kept(struct sp_frame *f, const uint8_t **data, size_t *size,
                            sp_frame_take take, void *context, uint64_t *dropped)
{
    while (f->have > 0 && *size > 0) {
        size_t head = f->has_hello ? head_of(f) : SP_WIRE_HELLO_LEN;
        size_t whole = 0;
        enum err e = announced(f, f->partial, f->have, &whole);
        if (e != ERR_OK) {
            return e;
        }
        size_t missing = (whole == 0 ? head : whole) - f->have;
        size_t part = missing < *size ? missing : *size;
        e = keep(f, *data, part);
        if (e != ERR_OK) {
            return e;
        }
        *data += part;
        *size -= part;
        e = announced(f, f->partial, f->have, &whole);
        if (e == ERR_OK && whole != 0 && f->have == whole) {
            e = take_whole(f, f->partial, f->have, take, context, dropped);
            sp_frame_fini(f);
        }
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}

enum err sp_frame_feed(struct sp_frame *f, const uint8_t *data, size_t size, sp_frame_take take,
                       void *context, uint64_t *dropped)
{
    enum err e = finish_kept(f, &data, &size, take, context, dropped);

    while (e == ERR_OK && size > 0) {
        size_t whole = 0;
        e = announced(f, data, size, &whole);
        if (e != ERR_OK) {
            return e;
        }
        if (whole == 0 || whole > size) {
            return keep(f, data, size);
        }
        e = take_whole(f, data, whole, take, context, dropped);
        data += whole;
        size -= whole;
    }
    return e;
}

void sp_frame_fini(struct sp_frame *f)
{
    free(f->partial);
    f->partial = NULL;
    f->have = f->room = 0;
}
