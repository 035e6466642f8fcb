#include "common/base/bytes.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

void bytes_put_be32(uint8_t out[4], uint32_t value)
{
    for (unsigned i = 0; i < 4; i++) {
        out[i] = (uint8_t)(value >> (24 - 8 * i));
    }
}

void bytes_put_be64(uint8_t out[8], uint64_t value)
{
    for (unsigned i = 0; i < 8; i++) {
        out[i] = (uint8_t)(value >> (56 - 8 * i));
    }
}

uint32_t bytes_get_be32(const uint8_t in[4])
{
    return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
}

uint64_t bytes_get_be64(const uint8_t in[8])
{
    return (uint64_t)bytes_get_be32(in) << 32 | bytes_get_be32(in + 4);
}

/* Remainders of the 16 values of four bits, reflected polynomial 0x82f63b78. Small on purpose: it
 * serves machines without the instruction below, and start-up. */
static const uint32_t crc_of_nibble[16] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

static uint32_t crc_portable(uint32_t crc, const uint8_t *at, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        crc ^= at[i];
        crc = crc >> 4 ^ crc_of_nibble[crc & 15];
        crc = crc >> 4 ^ crc_of_nibble[crc & 15];
    }
    return crc;
}

#ifdef __x86_64__
/* SSE 4.2 has exactly this polynomial: 8 bytes an instruction. */
__attribute__((target("sse4.2"))) static uint32_t crc_by_instruction(uint32_t crc, const uint8_t *at,
                                                                     size_t size)
{
    uint64_t wide = crc;

    for (; size >= 8; size -= 8, at += 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        wide = __builtin_ia32_crc32di(wide, word);
    }
    crc = (uint32_t)wide;
    for (; size > 0; size--, at++) {
        crc = __builtin_ia32_crc32qi(crc, *at);
    }
    return crc;
}
#endif

uint32_t bytes_crc32c(uint32_t crc, const void *data, size_t size)
{
    assert(data != NULL || size == 0);
#ifdef __x86_64__
    if (__builtin_cpu_supports("sse4.2")) {
        return ~crc_by_instruction(~crc, data, size);
    }
#endif
    return ~crc_portable(~crc, data, size);
}

/* Length of the well-formed UTF-8 sequence that starts at data[0..size), or 0: RFC 3629, section 4
 * (no overlong forms, no surrogates, nothing above U+10FFFF). */
static size_t utf8_len(const uint8_t *data, size_t size)
{
    uint8_t lead = data[0];
    uint8_t low = 0x80, high = 0xbf; /* what the second byte may be */
    size_t len;

    if (lead < 0x80) {
        return 1;
    }
    if (lead >= 0xc2 && lead <= 0xdf) {
        len = 2;
    } else if (lead >= 0xe0 && lead <= 0xef) {
        len = 3;
        low = lead == 0xe0 ? 0xa0 : low;   /* overlong below  */
        high = lead == 0xed ? 0x9f : high; /* surrogates above */
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        len = 4;
        low = lead == 0xf0 ? 0x90 : low;
        high = lead == 0xf4 ? 0x8f : high; /* above U+10FFFF */
    } else {
        return 0;
    }
    if (size < len || data[1] < low || data[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < len; i++) {
        if (data[i] < 0x80 || data[i] > 0xbf) {
            return 0;
        }
    }
    return len;
}

/* Not 0 if a byte is no ASCII, or NUL: its high bit is set by itself, or by what is taken from it when it, or one below
 * it, is zero. */
static uint64_t marks(uint64_t word)
{
    return ((word - UINT64_C(0x0101010101010101)) | word) & UINT64_C(0x8080808080808080);
}

/* How many bytes at the beginning are ASCII without NUL: nearly all text is. */
static size_t plain_len(const uint8_t *data, size_t size)
{
    uint64_t word[4];
    size_t len = 0;

    for (; size - len >= sizeof word; len += sizeof word) {
        memcpy(word, data + len, sizeof word);
        if (((marks(word[0]) | marks(word[1])) | (marks(word[2]) | marks(word[3]))) != 0) {
            break;
        }
    }
    for (; size - len >= sizeof word[0]; len += sizeof word[0]) {
        memcpy(word, data + len, sizeof word[0]);
        if (marks(word[0]) != 0) {
            break;
        }
    }
    while (len < size && data[len] - 1u < 0x7f) {
        len++;
    }
    return len;
}

bool bytes_is_utf8(const uint8_t *data, size_t size)
{
    for (size_t i = plain_len(data, size); i < size; i += plain_len(data + i, size - i)) {
        size_t len = utf8_len(data + i, size - i);
        if (len < 2) { /* not UTF-8, or NUL */
            return false;
        }
        i += len;
    }
    return true;
}

void bytes_text_init(struct bytes_text *t, char *at, size_t size)
{
    assert(size > 0);
    *t = (struct bytes_text){.at = at, .size = size};
    at[0] = '\0';
}

/* After a cut nothing more is added, so the text stays a prefix of what was meant. A character of
 * several bytes is dropped whole. */
static void cut_at(struct bytes_text *t, size_t start, size_t end)
{
    size_t lead = end;

    while (lead > start && end - lead < 4) {
        lead--;
        uint8_t byte = (uint8_t)t->at[lead];
        if ((byte & 0xc0) != 0x80) {
            size_t want = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
            end = end - lead < want ? lead : end;
            break;
        }
    }
    t->len = end;
    t->at[end] = '\0';
    t->cut = true;
}

void bytes_text_addv(struct bytes_text *t, const char *format, va_list args)
{
    assert(t->len < t->size);
    if (t->cut) {
        return;
    }
    size_t room = t->size - t->len;
    int wanted = vsnprintf(t->at + t->len, room, format, args);
    if (wanted < 0) { /* an argument has no form in this locale; nothing was promised about it */
        cut_at(t, t->len, t->len);
    } else if ((size_t)wanted >= room) {
        cut_at(t, t->len, t->size - 1);
    } else {
        t->len += (size_t)wanted;
    }
}

void bytes_text_add(struct bytes_text *t, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    bytes_text_addv(t, format, args);
    va_end(args);
}

/* Whether a well-formed character may stand on one line as it is. Besides the C0 controls those
 * are kept out that terminals or log viewers obey: C1 controls (U+0080 to U+009F) and the line and
 * paragraph separators (U+2028, U+2029). */
static bool is_printable(const uint8_t *at, size_t len)
{
    if (len == 1) {
        return at[0] >= 0x20 && at[0] != 0x7f;
    }
    if (len == 2) {
        return !(at[0] == 0xc2 && at[1] < 0xa0);
    }
    return !(len == 3 && at[0] == 0xe2 && at[1] == 0x80 && (at[2] == 0xa8 || at[2] == 0xa9));
}

/* Append text with the bytes of refused characters as \xNN. `refused`: ASCII characters that are
 * escaped although they are printable. A piece that does not fit is not begun. */
static void add_escaping(struct bytes_text *t, const char *text, size_t len, const char *refused)
{
    static const char digit[] = "0123456789abcdef";
    const uint8_t *in = (const uint8_t *)text;
    size_t step;

    for (size_t i = 0; i < len && !t->cut; i += step) {
        char piece[4] = {'\\', 'x', digit[in[i] >> 4], digit[in[i] & 15]};
        size_t piece_len = sizeof piece;

        step = utf8_len(in + i, len - i);
        bool is_refused = step == 1 && in[i] != '\0' && strchr(refused, in[i]) != NULL;
        if (step != 0 && is_printable(in + i, step) && !is_refused) {
            memcpy(piece, in + i, step);
            piece_len = step;
        } else {
            step = 1; /* the rest of a refused character is not UTF-8 by itself: escaped as well */
        }
        if (piece_len > t->size - 1 - t->len) {
            t->cut = true;
            break;
        }
        memcpy(t->at + t->len, piece, piece_len);
        t->len += piece_len;
    }
    t->at[t->len] = '\0';
}

void bytes_text_add_escaped(struct bytes_text *t, const char *text, size_t len)
{
    add_escaping(t, text, len, "\"\\");
}

void bytes_text_add_printable(struct bytes_text *t, const char *text, size_t len)
{
    add_escaping(t, text, len, "");
}

void bytes_to_hex(const uint8_t *data, size_t size, char *out)
{
    static const char digit[] = "0123456789abcdef";

    for (size_t i = 0; i < size; i++) {
        out[2 * i] = digit[data[i] >> 4];
        out[2 * i + 1] = digit[data[i] & 15];
    }
    out[2 * size] = '\0';
}

/* Value of a hexadecimal digit of either case, or -1. */
static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool bytes_from_hex(const char *text, uint8_t *out, size_t size)
{
    /* Checked before anything is written: `out` is untouched on refusal. */
    if (strnlen(text, 2 * size + 1) != 2 * size) {
        return false;
    }
    for (size_t i = 0; i < 2 * size; i++) {
        if (hex_value(text[i]) < 0) {
            return false;
        }
    }
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)(hex_value(text[2 * i]) << 4 | hex_value(text[2 * i + 1]));
    }
    return true;
}
