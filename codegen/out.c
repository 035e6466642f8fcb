#include "codegen/out.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum {
    ROOM_FIRST = 4096,
};

void codegen_out_init(struct codegen_out *out, struct arena *arena)
{
    *out = (struct codegen_out){.arena = arena};
}

/* Room for `more` bytes and a terminator. */
static bool reserve(struct codegen_out *out, size_t more)
{
    if (out->failed || more > SIZE_MAX / 4 - out->len) {
        out->failed = true;
        return false;
    }
    if (out->len + more < out->room) {
        return true;
    }
    size_t room = out->room == 0 ? ROOM_FIRST : 2 * out->room;

    while (room <= out->len + more) {
        room *= 2;
    }
    char *larger = arena_alloc(out->arena, room);
    if (larger == NULL) {
        out->failed = true;
        return false;
    }
    if (out->len > 0) {
        memcpy(larger, out->at, out->len);
    }
    out->at = larger;
    out->room = room;
    return true;
}

void codegen_out_bytes(struct codegen_out *out, const char *text, size_t len)
{
    if (!reserve(out, len)) {
        return;
    }
    if (len > 0) {
        memcpy(out->at + out->len, text, len);
    }
    out->len += len;
    out->at[out->len] = '\0';
}

void codegen_out_add(struct codegen_out *out, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0 || !reserve(out, (size_t)len)) {
        out->failed = true;
        return;
    }
    va_start(args, format);
    vsnprintf(out->at + out->len, out->room - out->len, format, args);
    va_end(args);
    out->len += (size_t)len;
}

void codegen_out_quoted(struct codegen_out *out, const char *bytes, size_t len, bool is_octal)
{
    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)bytes[i];

        if (c >= 0x20 && c < 0x7f && strchr("\"'\\?$%`", c) == NULL) {
            codegen_out_bytes(out, bytes + i, 1);
        } else {
            codegen_out_add(out, is_octal ? "\\%03o" : "\\x%02x", c);
        }
    }
}

/* Characters of two and three bytes that change how a line is shown, or end it where a compiler sees none. */
static bool is_treacherous(const uint8_t *at, size_t len)
{
    if (len == 2) {
        return at[0] == 0xc2 && at[1] < 0xa0; /* U+0080 to U+009F, with NEL */
    }
    if (len != 3) {
        return false;
    }
    uint32_t c = (uint32_t)(at[0] & 0x0f) << 12 | (uint32_t)(at[1] & 0x3f) << 6 | (at[2] & 0x3f);

    return c == 0x061c || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

static size_t character(uint8_t first)
{
    return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

static void add_line(struct codegen_out *out, const char *line, size_t len)
{
    for (size_t i = 0; i < len;) {
        uint8_t c = (uint8_t)line[i];
        size_t size = character(c);
        bool is_bad = (c < 0x20 && c != '\t') || c == 0x7f || c == '\\' || c == '"' || (c == '/' && i > 0 && line[i - 1] == '*') ||
                      (c == '*' && i > 0 && line[i - 1] == '/') || size > len - i || is_treacherous((const uint8_t *)line + i, size) ||
                      (c == 0xd8 && size == 2 && (uint8_t)line[i + 1] == 0x9c) || (c == '?' && i > 0 && line[i - 1] == '?');

        if (is_bad) {
            codegen_out_bytes(out, c == '"' ? "'" : c == '\\' ? "/" : c == '?' ? "!" : "?", 1);
            size = size > len - i ? len - i : size;
        } else {
            codegen_out_bytes(out, line + i, size);
        }
        i += size;
    }
}

void codegen_out_comment(struct codegen_out *out, const char *text, const char *before)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "\n"), used = len;

        while (used > 0 && strchr(" \t\r", text[used - 1]) != NULL) {
            used--;
        }
        size_t blank = strspn(text, " \t");

        blank = blank > used ? used : blank > 0 ? 1 : 0; /* protoc keeps the blank after // */
        codegen_out_add(out, "%s", before);
        add_line(out, text + blank, used - blank);
        codegen_out_bytes(out, "\n", 1);
        text += len + (text[len] == '\n');
    }
}
