#include "mycel/resp.h"

#include <assert.h>
#include <string.h>

bool mycel_resp_number(const uint8_t *text, size_t size, int64_t *ret)
{
    bool is_negative = size > 0 && text[0] == '-';
    uint64_t value = 0, most = is_negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    size_t at = is_negative;

    if (at == size || (text[at] == '0' && size > 1)) {
        return false;
    }
    for (; at < size; at++) {
        if (text[at] < '0' || text[at] > '9' || value > (most - (text[at] - '0')) / 10) {
            return false;
        }
        value = 10 * value + (text[at] - '0');
    }
    *ret = is_negative ? (int64_t)-value : (int64_t)value;
    return true;
}

void mycel_resp_next(struct mycel_resp *r)
{
    r->count = r->expected = r->seen = 0;
    r->bulk = -1;
    r->is_array = false;
    r->error = NULL;
}

static enum err wrong(struct mycel_resp *r, enum err e, const char *text)
{
    r->error = text;
    return e;
}

/* The end of the line that begins at `from` (at its '\n'), 0: it has not come. */
static size_t line_end(const uint8_t *bytes, size_t size, size_t from)
{
    const uint8_t *end = from < size ? memchr(bytes + from, '\n', size - from) : NULL;

    return end == NULL ? 0 : (size_t)(end - bytes);
}

/* ---- arrays ----------------------------------------------------------------------------------------- */

/* A number that stands behind one character, in a line of its own that begins at r->seen. */
static enum err read_number(struct mycel_resp *r, const uint8_t *bytes, size_t size, const char *too_long, const char *not_one, int64_t *ret)
{
    size_t end = line_end(bytes, size, r->seen);

    if (end == 0) {
        return size - r->seen > MYCEL_RESP_INLINE_MAX ? wrong(r, ERR_MALFORMED, too_long) : ERR_LATER;
    }
    if (bytes[end - 1] != '\r' || !mycel_resp_number(bytes + r->seen + 1, end - 1 > r->seen ? end - r->seen - 2 : 0, ret)) {
        return wrong(r, ERR_MALFORMED, not_one);
    }
    r->seen = (uint32_t)end + 1;
    return ERR_OK;
}

static enum err read_head(struct mycel_resp *r, const uint8_t *bytes, size_t size)
{
    int64_t count;
    enum err e = read_number(r, bytes, size, "ERR Protocol error: too big mbulk count string",
                             "ERR Protocol error: invalid multibulk length", &count);

    if (e != ERR_OK) {
        return e;
    }
    if (count > MYCEL_RESP_ARGS_MAX) {
        return wrong(r, ERR_MALFORMED, "ERR Protocol error: invalid multibulk length");
    }
    if (count > r->args_max) {
        return wrong(r, ERR_LIMIT, "ERR too many arguments");
    }
    r->expected = count < 0 ? 0 : (uint32_t)count;
    r->is_array = true;
    r->bulk = -1;
    return ERR_OK;
}

static enum err read_bulk(struct mycel_resp *r, const uint8_t *bytes, size_t size)
{
    if (r->bulk < 0) {
        if (r->seen == size) {
            return ERR_LATER;
        }
        if (bytes[r->seen] != '$') {
            return wrong(r, ERR_MALFORMED, "ERR Protocol error: expected '$'");
        }
        int64_t bulk;
        enum err e = read_number(r, bytes, size, "ERR Protocol error: too big bulk count string", "ERR Protocol error: invalid bulk length", &bulk);
        if (e != ERR_OK) {
            return e;
        }
        if (bulk < 0 || bulk > MYCEL_RESP_BULK_MAX) {
            return wrong(r, ERR_MALFORMED, "ERR Protocol error: invalid bulk length");
        }
        if ((uint64_t)bulk + 2 + r->seen > r->command_max) {
            return wrong(r, ERR_LIMIT, "ERR command too large");
        }
        r->bulk = bulk;
    }
    if (size - r->seen < (size_t)r->bulk + 2) {
        return ERR_LATER;
    }
    uint32_t end = r->seen + (uint32_t)r->bulk;
    if (bytes[end] != '\r' || bytes[end + 1] != '\n') {
        return wrong(r, ERR_MALFORMED, "ERR Protocol error: expected CRLF");
    }
    r->arg[r->count++] = (struct mycel_resp_arg){.at = r->seen, .size = (uint32_t)r->bulk};
    r->seen = end + 2;
    r->bulk = -1;
    return ERR_OK;
}

/* ---- lines ------------------------------------------------------------------------------------------ */

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static int hex(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* What follows a backslash inside double quotes; *from is moved behind it. */
static uint8_t escaped(const uint8_t *bytes, size_t end, size_t *from)
{
    static const char names[] = "nrtba", meant[] = "\n\r\t\b\a";
    uint8_t c = bytes[*from];

    if (c == 'x' && *from + 2 < end && hex(bytes[*from + 1]) >= 0 && hex(bytes[*from + 2]) >= 0) {
        *from += 3;
        return (uint8_t)(hex(bytes[*from - 2]) << 4 | hex(bytes[*from - 1]));
    }
    (*from)++;
    const char *name = c != '\0' ? strchr(names, c) : NULL;
    return name != NULL ? (uint8_t)meant[name - names] : c;
}

/* One argument from *from on, which is no space, unquoted in place. false: quotes do not match. */
static bool read_word(uint8_t *bytes, size_t end, size_t *from, struct mycel_resp_arg *ret)
{
    size_t to = *from, at = *from;
    uint8_t quote = 0;

    ret->at = (uint32_t)to;
    while (at < end && (quote != 0 || !is_space(bytes[at]))) {
        uint8_t c = bytes[at++];
        if (quote == 0 && (c == '"' || c == '\'')) {
            quote = c;
        } else if (quote != 0 && c == quote) {
            if (at < end && !is_space(bytes[at])) {
                return false; /* something stands right behind the quotes */
            }
            quote = 0;
            break;
        } else if (quote == '"' && c == '\\' && at < end) {
            bytes[to++] = escaped(bytes, end, &at);
        } else if (quote == '\'' && c == '\\' && at < end && bytes[at] == '\'') {
            bytes[to++] = bytes[at++];
        } else {
            bytes[to++] = c;
        }
    }
    ret->size = (uint32_t)(to - ret->at);
    *from = at;
    return quote == 0;
}

static enum err read_line(struct mycel_resp *r, uint8_t *bytes, size_t size, size_t *ret_used)
{
    size_t newline = line_end(bytes, size, r->seen), at = 0;

    if (newline == 0 && (size == 0 || bytes[0] != '\n')) {
        r->seen = (uint32_t)(size > MYCEL_RESP_INLINE_MAX ? MYCEL_RESP_INLINE_MAX : size);
        return size > MYCEL_RESP_INLINE_MAX ? wrong(r, ERR_MALFORMED, "ERR Protocol error: too big inline request") : ERR_LATER;
    }
    if (newline > MYCEL_RESP_INLINE_MAX) {
        return wrong(r, ERR_MALFORMED, "ERR Protocol error: too big inline request");
    }
    while (true) {
        while (at < newline && is_space(bytes[at])) {
            at++;
        }
        if (at == newline) {
            break;
        }
        if (r->count == r->args_max) {
            return wrong(r, ERR_LIMIT, "ERR too many arguments");
        }
        if (!read_word(bytes, newline, &at, &r->arg[r->count])) {
            return wrong(r, ERR_MALFORMED, "ERR Protocol error: unbalanced quotes in request");
        }
        r->count++;
    }
    *ret_used = newline + 1;
    return ERR_OK;
}

enum err mycel_resp_read(struct mycel_resp *r, uint8_t *bytes, size_t size, size_t *ret_used)
{
    if (r->error != NULL) {
        return ERR_MALFORMED;
    }
    if (size == 0) {
        return ERR_LATER;
    }
    assert(r->seen <= size);
    if (!r->is_array) {
        if (bytes[0] != '*') {
            return read_line(r, bytes, size, ret_used);
        }
        enum err e = read_head(r, bytes, size);
        if (e != ERR_OK) {
            return e;
        }
    }
    while (r->count < r->expected) {
        enum err e = read_bulk(r, bytes, size);
        if (e != ERR_OK) {
            return e;
        }
    }
    *ret_used = r->seen;
    return ERR_OK;
}
