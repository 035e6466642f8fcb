#include "common/node/seeds.h"

#include <arpa/inet.h>
#include <string.h>

static const uint8_t v4_prefix[12] = {[10] = 0xff, [11] = 0xff};

bool seeds_is_v4(const struct sealed_address *a)
{
    return memcmp(a->ip, v4_prefix, sizeof v4_prefix) == 0;
}

bool seeds_is_loopback(const struct sealed_address *a)
{
    static const uint8_t one[16] = {[15] = 1};

    return seeds_is_v4(a) ? a->ip[12] == IN_LOOPBACKNET : memcmp(a->ip, one, sizeof one) == 0;
}

bool seeds_is_nowhere(const struct sealed_address *a)
{
    static const uint8_t zeros[16];

    return seeds_is_v4(a) ? memcmp(a->ip + 12, zeros, 4) == 0 : memcmp(a->ip, zeros, sizeof zeros) == 0;
}

/* 224.0.0.0 and up (RFC 5771, RFC 1112, section 4), ff00::/8 (RFC 4291, section 2.7). */
static bool is_group(const struct sealed_address *a)
{
    return seeds_is_v4(a) ? a->ip[12] >= 224 : a->ip[0] == 0xff;
}

static bool parse_ip(const char *text, uint8_t ret[16])
{
    uint8_t ip[16];

    memcpy(ip, v4_prefix, sizeof v4_prefix);
    if (inet_pton(AF_INET, text, ip + 12) != 1 && inet_pton(AF_INET6, text, ip) != 1) {
        return false;
    }
    memcpy(ret, ip, sizeof ip);
    return true;
}

/* Digits alone: strtoul would take blanks and signs. */
static bool parse_port(const char *text, uint16_t *ret)
{
    uint32_t value = 0;

    for (const char *at = text; *at != '\0'; at++) {
        if (*at < '0' || *at > '9' || at - text == 5) {
            return false;
        }
        value = value * 10 + (uint32_t)(*at - '0');
    }
    *ret = (uint16_t)value;
    return value > 0 && value <= UINT16_MAX;
}

/* Take a text apart into host and port. "fd00::1" has colons and no port: one colon alone parts. */
static bool split(const char *text, char host[SEEDS_HOST_MAX + 1], uint16_t *port)
{
    const char *begin = text, *end = strchr(text, '\0'), *after = end;

    if (*text == '[') {
        begin++;
        end = strchr(text, ']');
        if (end == NULL || (end[1] != '\0' && end[1] != ':')) {
            return false;
        }
        after = end + 1;
    } else if (strchr(text, ':') != NULL && strchr(text, ':') == strrchr(text, ':')) {
        after = end = strchr(text, ':');
    }
    size_t len = (size_t)(end - begin);
    if (len == 0 || len > SEEDS_HOST_MAX || (*after == ':' && !parse_port(after + 1, port))) {
        return false;
    }
    memcpy(host, begin, len);
    host[len] = '\0';
    return *text != '[' || strchr(host, ':') != NULL; /* brackets are for IPv6 */
}

bool seeds_is_host(const char *text)
{
    size_t len = strlen(text), label = 0;

    len -= len > 1 && text[len - 1] == '.';
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
        if (!is_letter && (c != '.' || label == 0)) {
            return false;
        }
        label = c == '.' ? 0 : label + 1;
        if (label > SEEDS_LABEL_MAX || (c == '-' && label == 1)) {
            return false;
        }
    }
    return len > 0 && len <= SEEDS_HOST_MAX && label > 0;
}

/* "10.0.0.300" is a mistyped address, not a name to ask the whole world for: no name's last label is a number
 * (RFC 3696, section 2). */
static bool ends_in_number(const char *host)
{
    const char *dot = strrchr(host, '.');
    const char *last = dot == NULL ? host : dot + 1;

    return strspn(last, "0123456789") == strlen(last);
}

enum err seeds_parse(const char *text, uint16_t port, struct seed *ret)
{
    struct seed seed = {.address = {.port = port}};

    if (!split(text, seed.host, &seed.address.port)) {
        return ERR_MALFORMED;
    }
    if (parse_ip(seed.host, seed.address.ip)) {
        if (seeds_is_nowhere(&seed.address) || is_group(&seed.address)) {
            return ERR_MALFORMED;
        }
        seed.host[0] = '\0';
        *ret = seed;
        return ERR_OK;
    }
    size_t len = strlen(seed.host);
    seed.host[len - 1] = seed.host[len - 1] == '.' ? '\0' : seed.host[len - 1];
    if (!seeds_is_host(seed.host) || ends_in_number(seed.host)) {
        return ERR_MALFORMED;
    }
    for (char *c = seed.host; *c != '\0'; c++) {
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c | 0x20) : *c;
    }
    seed.is_name = true;
    *ret = seed;
    return ERR_OK;
}

enum err seeds_parse_address(const char *text, uint16_t port, struct sealed_address *ret)
{
    char host[SEEDS_HOST_MAX + 1];
    struct sealed_address a = {.port = port};

    if (!split(text, host, &a.port) || !parse_ip(host, a.ip) || is_group(&a)) {
        return ERR_MALFORMED;
    }
    *ret = a;
    return ERR_OK;
}
