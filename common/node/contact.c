#include "common/node/contact.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum {
    HOST_MAX = 87,
    PORT_DIGITS = 5,
    PORT_MAX = 65535,
};

static const char host_letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

static bool is_port(const char *text, uint16_t *ret)
{
    size_t len = strlen(text);
    unsigned value = 0;

    if (len == 0 || len > PORT_DIGITS || strspn(text, "0123456789") != len || text[0] == '0') {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        value = 10 * value + (unsigned)(text[i] - '0');
    }
    *ret = (uint16_t)value;
    return value <= PORT_MAX;
}

static bool is_edge(char c)
{
    return c == '-' || c == '.';
}

enum err contact_parse(const char *text, char ret_host[CONTACT_SIZE], uint16_t *ret_port)
{
    bool is_v6 = text[0] == '[';
    const char *host = is_v6 ? text + 1 : text;
    size_t len = is_v6 ? strspn(host, "0123456789abcdefABCDEF:.") : strspn(host, host_letters);
    const char *colon = host + len + is_v6;
    uint16_t port;

    if (len == 0 || len > HOST_MAX || (is_v6 && host[len] != ']') || *colon != ':' ||
        !is_port(colon + 1, &port)) {
        return ERR_MALFORMED;
    }
    if (is_v6 ? memchr(host, ':', len) == NULL : is_edge(host[0]) || is_edge(host[len - 1])) {
        return ERR_MALFORMED;
    }
    memcpy(ret_host, host, len);
    ret_host[len] = '\0';
    *ret_port = port;
    return ERR_OK;
}
