#include "raft/engine_http.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { STATUS_AT = 9, STATUS_DIGITS = 3 }; /* of "HTTP/1.1 200 OK" */

void raft_engine_http_init(struct raft_engine_http *h)
{
    *h = (struct raft_engine_http){.place = RAFT_ENGINE_HTTP_STATUS};
}

/* Gather a line. *ret: whether it is whole; then it is terminated and without its end. */
static enum err take_line(struct raft_engine_http *h, const uint8_t *bytes, size_t size, size_t *ret_taken, bool *ret)
{
    const uint8_t *end = memchr(bytes, '\n', size);
    size_t take = end != NULL ? (size_t)(end - bytes) + 1 : size;

    if (take > sizeof h->line - 1 - h->line_size || h->head_size + take > RAFT_ENGINE_HTTP_HEAD_MAX) {
        return ERR_LIMIT;
    }
    memcpy(h->line + h->line_size, bytes, take);
    h->line_size += (uint32_t)take;
    h->head_size += (uint32_t)take;
    *ret_taken = take;
    *ret = end != NULL;
    if (end == NULL) {
        return ERR_OK;
    }
    h->line_size--;
    if (h->line_size > 0 && h->line[h->line_size - 1] == '\r') {
        h->line_size--;
    }
    h->line[h->line_size] = '\0';
    bool is_text = memchr(h->line, '\0', h->line_size) == NULL;
    h->line_size = 0; /* of the next one */
    return is_text ? ERR_OK : ERR_MALFORMED;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static enum err take_status(struct raft_engine_http *h)
{
    const char *digits = h->line + STATUS_AT;

    if (strncmp(h->line, "HTTP/1.", 7) != 0 || !is_digit(h->line[7]) || h->line[8] != ' ') {
        return ERR_MALFORMED;
    }
    for (int i = 0; i < STATUS_DIGITS; i++) {
        if (!is_digit(digits[i])) {
            return ERR_MALFORMED;
        }
    }
    h->status = (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + digits[2] - '0';
    h->closes = h->line[7] == '0';
    h->place = RAFT_ENGINE_HTTP_FIELD;
    return h->status >= 100 && h->status < 600 ? ERR_OK : ERR_MALFORMED;
}

/* A number of at most 15 digits, decimal or hex, up to its end. */
static enum err take_number(const char *text, uint64_t base, const char *ends, uint64_t *ret)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t value = 0;
    int count = 0;

    for (; *text != '\0' && strchr(ends, *text) == NULL; text++, count++) {
        char lower = *text >= 'A' && *text <= 'F' ? (char)(*text - 'A' + 'a') : *text;
        const char *at = strchr(digits, lower);
        if (at == NULL || (uint64_t)(at - digits) >= base || count == 15) {
            return ERR_MALFORMED;
        }
        value = value * base + (uint64_t)(at - digits);
    }
    *ret = value;
    return count > 0 ? ERR_OK : ERR_MALFORMED;
}

/* The value of a field, if the line is that field; without blanks around it. */
static const char *value_of(char *line, const char *name)
{
    size_t len = strlen(name);

    if (strncasecmp(line, name, len) != 0 || line[len] != ':') {
        return NULL;
    }
    char *value = line + len + 1, *end = line + strlen(line);
    while (*value == ' ' || *value == '\t') {
        value++;
    }
    while (end > value && (end[-1] == ' ' || end[-1] == '\t')) {
        *--end = '\0';
    }
    return value;
}

/* The head is whole: where does the body end? A message that says both a length and chunks is refused: two readers could
 * see two ends (RFC 9112, section 6.3). */
static enum err end_head(struct raft_engine_http *h)
{
    h->head_size = 0;
    if (h->status < 200) { /* "continue" and its like: the answer is still to come */
        raft_engine_http_init(h);
        return ERR_OK;
    }
    if (h->is_chunked && h->has_length) {
        return ERR_MALFORMED;
    }
    if (h->status == 204 || h->status == 304 || (h->has_length && h->left == 0)) {
        h->place = RAFT_ENGINE_HTTP_DONE;
    } else if (h->is_chunked) {
        h->place = RAFT_ENGINE_HTTP_CHUNK_SIZE;
    } else {
        h->place = h->has_length ? RAFT_ENGINE_HTTP_LENGTH : RAFT_ENGINE_HTTP_REST;
        h->closes |= !h->has_length;
    }
    return ERR_OK;
}

static enum err take_field(struct raft_engine_http *h)
{
    const char *value;

    if (h->line[0] == '\0') {
        return end_head(h);
    }
    if (h->line[0] == ' ' || h->line[0] == '\t' || strchr(h->line, ':') == NULL) {
        return ERR_MALFORMED;
    }
    if ((value = value_of(h->line, "Content-Length")) != NULL) {
        uint64_t length = 0;
        enum err e = take_number(value, 10, "", &length);
        if (e != ERR_OK || (h->has_length && length != h->left)) {
            return ERR_MALFORMED;
        }
        h->has_length = true;
        h->left = length;
    } else if ((value = value_of(h->line, "Transfer-Encoding")) != NULL) {
        if (h->is_chunked || strcasecmp(value, "chunked") != 0) {
            return ERR_MALFORMED; /* another coding was not asked for */
        }
        h->is_chunked = true;
    } else if ((value = value_of(h->line, "Connection")) != NULL) {
        h->closes |= strcasecmp(value, "close") == 0;
    }
    return ERR_OK;
}

static enum err take_whole_line(struct raft_engine_http *h)
{
    enum err e = ERR_OK;

    switch (h->place) {
    case RAFT_ENGINE_HTTP_STATUS:
        return take_status(h);
    case RAFT_ENGINE_HTTP_FIELD:
        return take_field(h);
    case RAFT_ENGINE_HTTP_CHUNK_SIZE:
        e = take_number(h->line, 16, "; \t", &h->left);
        h->place = h->left > 0 ? RAFT_ENGINE_HTTP_CHUNK : RAFT_ENGINE_HTTP_TRAILER;
        h->head_size = 0;
        return e;
    case RAFT_ENGINE_HTTP_CHUNK_END:
        h->place = RAFT_ENGINE_HTTP_CHUNK_SIZE;
        h->head_size = 0;
        return h->line[0] == '\0' ? ERR_OK : ERR_MALFORMED;
    case RAFT_ENGINE_HTTP_TRAILER:
        h->place = h->line[0] == '\0' ? RAFT_ENGINE_HTTP_DONE : RAFT_ENGINE_HTTP_TRAILER;
        return ERR_OK;
    case RAFT_ENGINE_HTTP_LENGTH:
    case RAFT_ENGINE_HTTP_REST:
    case RAFT_ENGINE_HTTP_CHUNK:
    case RAFT_ENGINE_HTTP_DONE:
        break;
    }
    assert(false); /* these have no lines */
    return ERR_MALFORMED;
}

static void take_body(struct raft_engine_http *h, const uint8_t *bytes, size_t size, const uint8_t **ret, size_t *ret_size)
{
    bool is_bounded = h->place != RAFT_ENGINE_HTTP_REST;

    *ret = bytes;
    *ret_size = is_bounded && h->left < size ? (size_t)h->left : size;
    h->left -= is_bounded ? *ret_size : 0;
    if (is_bounded && h->left == 0) {
        h->place = h->place == RAFT_ENGINE_HTTP_CHUNK ? RAFT_ENGINE_HTTP_CHUNK_END : RAFT_ENGINE_HTTP_DONE;
    }
}

enum err raft_engine_http_take(struct raft_engine_http *h, const uint8_t *bytes, size_t size, size_t *ret_taken,
                               const uint8_t **ret_body, size_t *ret_size)
{
    bool is_whole = false;
    enum err e;

    *ret_taken = *ret_size = 0;
    *ret_body = bytes;
    switch (h->place) {
    case RAFT_ENGINE_HTTP_LENGTH:
    case RAFT_ENGINE_HTTP_REST:
    case RAFT_ENGINE_HTTP_CHUNK:
        take_body(h, bytes, size, ret_body, ret_size);
        *ret_taken = *ret_size;
        return ERR_OK;
    case RAFT_ENGINE_HTTP_DONE:
        return ERR_OK;
    case RAFT_ENGINE_HTTP_STATUS:
    case RAFT_ENGINE_HTTP_FIELD:
    case RAFT_ENGINE_HTTP_CHUNK_SIZE:
    case RAFT_ENGINE_HTTP_CHUNK_END:
    case RAFT_ENGINE_HTTP_TRAILER:
        break;
    }
    e = take_line(h, bytes, size, ret_taken, &is_whole);
    return e == ERR_OK && is_whole ? take_whole_line(h) : e;
}

bool raft_engine_http_end(struct raft_engine_http *h)
{
    h->closes = true;
    if (h->place == RAFT_ENGINE_HTTP_REST) {
        h->place = RAFT_ENGINE_HTTP_DONE;
    }
    return h->place == RAFT_ENGINE_HTTP_DONE;
}

size_t raft_engine_http_request(char *out, const char *host, const char *path, size_t size, uint32_t timeout_ms)
{
    char timeout[48] = "";

    if (timeout_ms > 0) { /* at most eight digits: gRPC over HTTP/2, "Requests" */
        (void)snprintf(timeout, sizeof timeout, "Grpc-Timeout: %um\r\n", timeout_ms < 99999999 ? timeout_ms : 99999999);
    }
    int len = snprintf(out, RAFT_ENGINE_HTTP_REQUEST_ROOM, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"
                       "%sContent-Length: %zu\r\n\r\n", path, host, timeout, size);
    assert(len > 0 && len < RAFT_ENGINE_HTTP_REQUEST_ROOM);
    return (size_t)len;
}
