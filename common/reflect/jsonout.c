#include "common/reflect/jsonout.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/bytes.h"

enum {
    ROOM_FIRST = 512, /* most answers fit; doubled as needed */
    ESCAPE_SIZE = 8,  /* \uXXXX and the terminator           */
};

void jsonout_init(struct jsonout *w, bool pretty)
{
    *w = (struct jsonout){.limit = JSONOUT_BYTES_MAX, .pretty = pretty, .error = ERR_OK};
}

void jsonout_fini(struct jsonout *w)
{
    free(w->text);
    w->text = NULL;
}

static void fail(struct jsonout *w, enum err e)
{
    if (w->error == ERR_OK) {
        w->error = e;
    }
    w->failed = true;
}

/* Room for `more` bytes and a terminator. */
static bool grow(struct jsonout *w, size_t more)
{
    if (w->failed) {
        return false;
    }
    if (more > w->limit - w->len) {
        fail(w, ERR_LIMIT);
        return false;
    }
    size_t need = w->len + more + 1;
    if (need <= w->room) {
        return true;
    }
    size_t room = w->room == 0 ? ROOM_FIRST : w->room;
    while (room < need) {
        room *= 2;
    }
    char *text = realloc(w->text, room);
    if (text == NULL) {
        fail(w, ERR_NOMEM);
        return false;
    }
    w->text = text;
    w->room = room;
    return true;
}

static void put(struct jsonout *w, const char *text, size_t len)
{
    if (grow(w, len)) {
        memcpy(w->text + w->len, text, len);
        w->len += len;
    }
}

static void line(struct jsonout *w)
{
    if (w->pretty) {
        put(w, "\n", 1);
        for (size_t i = 0; i < w->depth; i++) {
            put(w, "  ", 2);
        }
    }
}

/* What stands between the previous value and the next one. */
static void before_value(struct jsonout *w)
{
    if (w->after_name) {
        w->after_name = false;
        return;
    }
    if (w->depth > 0) {
        if (w->has_member[w->depth - 1]) {
            put(w, ",", 1);
        }
        w->has_member[w->depth - 1] = true;
        line(w);
    }
}

static void open_bracket(struct jsonout *w, const char *bracket)
{
    before_value(w);
    put(w, bracket, 1);
    if (w->depth == JSONOUT_DEPTH_MAX) {
        fail(w, ERR_LIMIT);
        return;
    }
    w->has_member[w->depth++] = false;
}

static void close_bracket(struct jsonout *w, const char *bracket)
{
    if (w->failed) {
        return; /* the depth may be short of brackets that did not fit */
    }
    assert(w->depth > 0 && !w->after_name);
    w->depth--;
    if (w->has_member[w->depth]) {
        line(w);
    }
    put(w, bracket, 1);
}

void jsonout_object(struct jsonout *w)
{
    open_bracket(w, "{");
}

void jsonout_object_end(struct jsonout *w)
{
    close_bracket(w, "}");
}

void jsonout_array(struct jsonout *w)
{
    open_bracket(w, "[");
}

void jsonout_array_end(struct jsonout *w)
{
    close_bracket(w, "]");
}

/* Bytes of the well-formed UTF-8 character at text[0..left), 1 for what is not one. */
static size_t char_len(const char *text, size_t left)
{
    uint8_t first = (uint8_t)*text;
    size_t len = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

    if (len == 1 || len > left || !bytes_is_utf8((const uint8_t *)text, len)) {
        return 1;
    }
    return len;
}

static uint32_t code_point(const char *text, size_t len)
{
    uint32_t code = (uint8_t)*text & (0xffu >> (len + 1));

    for (size_t i = 1; i < len; i++) {
        code = code << 6 | ((uint8_t)text[i] & 0x3f);
    }
    return code;
}

/* Characters that act on a terminal or turn a line around instead of being seen: C1 controls,
 * U+2028 and U+2029, and the bidirectional embeddings and isolates (Unicode UAX #9). */
static bool is_hidden(uint32_t code)
{
    return (code >= 0x80 && code < 0xa0) || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

static const char *short_escape(uint8_t c)
{
    switch (c) {
    case '"': return "\\\"";
    case '\\': return "\\\\";
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    default: return NULL;
    }
}

static void put_char(struct jsonout *w, const char *text, size_t len)
{
    uint8_t first = (uint8_t)*text;
    char escape[ESCAPE_SIZE];

    if (len == 1) {
        const char *known = short_escape(first);

        if (known != NULL) {
            put(w, known, 2);
        } else if (first < 0x20 || first == 0x7f) {
            snprintf(escape, sizeof escape, "\\u%04x", first);
            put(w, escape, 6);
        } else if (first >= 0x80) {
            put(w, "\xef\xbf\xbd", 3); /* U+FFFD */
        } else {
            put(w, text, 1);
        }
    } else if (is_hidden(code_point(text, len))) {
        snprintf(escape, sizeof escape, "\\u%04x", code_point(text, len) & 0xffff);
        put(w, escape, 6);
    } else {
        put(w, text, len);
    }
}

static void put_quoted(struct jsonout *w, const char *text, size_t len)
{
    put(w, "\"", 1);
    for (size_t i = 0; i < len && !w->failed;) {
        /* Runs of plain characters are copied whole: base64 and names are nothing else. */
        size_t run = i;
        while (run < len && text[run] >= 0x20 && text[run] < 0x7f && text[run] != '"' &&
               text[run] != '\\') {
            run++;
        }
        if (run > i) {
            put(w, text + i, run - i);
            i = run;
            continue;
        }
        size_t n = char_len(text + i, len - i);
        put_char(w, text + i, n);
        i += n;
    }
    put(w, "\"", 1);
}

void jsonout_name_n(struct jsonout *w, const char *name, size_t len)
{
    assert(!w->after_name);
    before_value(w);
    put_quoted(w, name, len);
    put(w, ": ", w->pretty ? 2 : 1);
    w->after_name = true;
}

void jsonout_name(struct jsonout *w, const char *name)
{
    jsonout_name_n(w, name, strlen(name));
}

void jsonout_string_n(struct jsonout *w, const char *text, size_t len)
{
    before_value(w);
    put_quoted(w, text, len);
}

void jsonout_string(struct jsonout *w, const char *text)
{
    if (text == NULL) {
        jsonout_null(w);
    } else {
        jsonout_string_n(w, text, strlen(text));
    }
}

void jsonout_raw(struct jsonout *w, const char *json)
{
    before_value(w);
    put(w, json, strlen(json));
}

void jsonout_bool(struct jsonout *w, bool value)
{
    jsonout_raw(w, value ? "true" : "false");
}

void jsonout_null(struct jsonout *w)
{
    jsonout_raw(w, "null");
}

void jsonout_u64(struct jsonout *w, uint64_t value)
{
    char text[JSONOUT_NUMBER_SIZE];

    snprintf(text, sizeof text, "%" PRIu64, value);
    jsonout_raw(w, text);
}

void jsonout_i64(struct jsonout *w, int64_t value)
{
    char text[JSONOUT_NUMBER_SIZE];

    snprintf(text, sizeof text, "%" PRId64, value);
    jsonout_raw(w, text);
}

/* "-0" would be read as the integer 0: the sign needs a fraction to survive. */
static bool format_minus_zero(double value, char out[JSONOUT_NUMBER_SIZE])
{
    if (value < 0 || value > 0 || !signbit(value)) {
        return false;
    }
    memcpy(out, "-0.0", sizeof "-0.0");
    return true;
}

void jsonout_double_format(double value, char out[JSONOUT_NUMBER_SIZE])
{
    if (format_minus_zero(value, out)) {
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(out, JSONOUT_NUMBER_SIZE, "%.*g", digits, value);
        if (strtod(out, NULL) == value) {
            return;
        }
    }
}

void jsonout_float_format(float value, char out[JSONOUT_NUMBER_SIZE])
{
    if (format_minus_zero((double)value, out)) {
        return;
    }
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(out, JSONOUT_NUMBER_SIZE, "%.*g", digits, (double)value);
        if (strtof(out, NULL) == value) {
            return;
        }
    }
}

void jsonout_double(struct jsonout *w, double value)
{
    char text[JSONOUT_NUMBER_SIZE];

    if (!isfinite(value)) {
        jsonout_null(w);
        return;
    }
    jsonout_double_format(value, text);
    jsonout_raw(w, text);
}

enum err jsonout_take(struct jsonout *w, char **ret)
{
    if (w->failed || !grow(w, 0)) {
        return w->error;
    }
    assert(w->depth == 0 && !w->after_name);
    w->text[w->len] = '\0';
    *ret = take_ptr(&w->text);
    w->len = 0;
    w->room = 0;
    return ERR_OK;
}
