#include "registry/url.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
    HOST_MAX = 253, /* RFC 1035, section 2.3.4 */
    LABEL_MAX = 63,
    SEGMENT_MAX = 100,
    USER_MAX = 32,
};

struct text {
    const char *at;
    size_t len;
};

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z');
}

static bool skip(struct text *t, const char *head)
{
    size_t len = strlen(head);

    if (t->len < len || memcmp(t->at, head, len) != 0) {
        return false;
    }
    t->at += len;
    t->len -= len;
    return true;
}

/* What is before the first of `stops`, or all of it; `t` goes on at the stop. */
static struct text until(struct text *t, const char *stops)
{
    struct text part = {.at = t->at};

    while (part.len < t->len && (t->at[part.len] == '\0' || strchr(stops, t->at[part.len]) == NULL)) {
        part.len++;
    }
    t->at += part.len;
    t->len -= part.len;
    return part;
}

static const char *user_fault(struct text user)
{
    if (user.len == 0 || user.len > USER_MAX || !(is_lower(user.at[0]) || user.at[0] == '_')) {
        return "the url's user is not 1 to 32 characters that begin with a letter or '_'";
    }
    for (size_t i = 1; i < user.len; i++) {
        if (!is_lower(user.at[i]) && !is_digit(user.at[i]) && user.at[i] != '_' && user.at[i] != '-') {
            return "the url's user has a character other than a to z, 0 to 9, '_' and '-'"; /* a ':' begins a password */
        }
    }
    return NULL;
}

static const char *label_fault(struct text label)
{
    if (label.len == 0 || label.len > LABEL_MAX) {
        return "a part of the url's host is empty or has more than 63 characters";
    }
    for (size_t i = 0; i < label.len; i++) {
        bool is_inner = i > 0 && i + 1 < label.len;

        if (!is_lower(label.at[i]) && !is_digit(label.at[i]) && !(label.at[i] == '-' && is_inner)) {
            return "the url's host has a character other than a to z, 0 to 9, '.' and inner '-'";
        }
    }
    /* Letters of other alphabets in disguise: what is read is not where it leads. */
    return label.len >= 4 && memcmp(label.at, "xn--", 4) == 0 ? "the url's host is written in punycode" : NULL;
}

/* RFC 4291, section 2.2, without an embedded IPv4 address and in any spelling: the connection is to a number, whatever its text. */
static const char *ipv6_fault(struct text host)
{
    static const char fault[] = "the url's host in [ ] is no IPv6 address";
    unsigned groups = 0, gaps = 0;

    for (size_t i = 0; i < host.len;) {
        size_t digits = 0;

        while (i < host.len && (is_digit(host.at[i]) || (host.at[i] >= 'a' && host.at[i] <= 'f'))) {
            digits++;
            i++;
        }
        groups += digits > 0;
        if (digits > 4 || (i < host.len && host.at[i] != ':')) {
            return fault;
        }
        if (i == host.len) {
            break;
        }
        bool is_gap = i + 1 < host.len && host.at[i + 1] == ':';
        /* A single ':' stands between two groups. */
        if (!is_gap && (digits == 0 || i + 1 == host.len)) {
            return fault;
        }
        gaps += is_gap;
        i += is_gap ? 2 : 1;
        if (is_gap && i < host.len && host.at[i] == ':') {
            return fault;
        }
    }
    return (gaps == 0 && groups == 8) || (gaps == 1 && groups < 8) ? NULL : fault;
}

/* Numbers alone are an IPv4 address, and then a whole one: 127.1 and 2130706433 are other spellings of one host. */
static const char *ipv4_fault(struct text host)
{
    static const char fault[] = "the url's host is neither a name nor a whole IPv4 address";
    unsigned parts = 0;

    while (true) {
        struct text part = until(&host, ".");
        unsigned value = 0;

        if (part.len == 0 || part.len > 3 || (part.len > 1 && part.at[0] == '0')) {
            return fault;
        }
        for (size_t i = 0; i < part.len; i++) {
            value = value * 10 + (unsigned)(part.at[i] - '0');
        }
        parts++;
        if (value > UINT8_MAX) {
            return fault;
        }
        if (!skip(&host, ".")) {
            return parts == 4 ? NULL : fault;
        }
    }
}

static const char *host_fault(struct text host)
{
    struct text rest = host;
    bool ends_in_number;

    if (host.len == 0 || host.len > HOST_MAX) {
        return "the url's host is empty or has more than 253 characters";
    }
    do {
        struct text label = until(&rest, ".");
        const char *fault = label_fault(label);

        if (fault != NULL) {
            return fault;
        }
        ends_in_number = is_digit(label.at[0]);
        for (size_t i = 1; i < label.len; i++) {
            ends_in_number = ends_in_number && is_digit(label.at[i]);
        }
        /* "0x7f" is a number to some resolvers. */
        ends_in_number = ends_in_number || (label.len >= 2 && label.at[0] == '0' && label.at[1] == 'x');
    } while (skip(&rest, "."));
    for (size_t i = 0; i < host.len && ends_in_number; i++) {
        if (!is_digit(host.at[i]) && host.at[i] != '.') {
            return "the url's host ends in a number but is no IPv4 address";
        }
    }
    return ends_in_number ? ipv4_fault(host) : NULL;
}

static const char *port_fault(struct text port)
{
    uint32_t value = 0;

    for (size_t i = 0; i < port.len && i < 6; i++) {
        if (!is_digit(port.at[i])) {
            return "the url's port is no number";
        }
        value = value * 10 + (uint32_t)(port.at[i] - '0');
    }
    return port.len == 0 || port.len > 5 || port.at[0] == '0' || value > UINT16_MAX ? "the url's port is not 1 to 65535" : NULL;
}

static const char *segment_fault(struct text s)
{
    static const char lock[] = ".lock"; /* git's own, beside the file that it guards */

    if (s.len == 0) {
        return "the url's path has an empty segment";
    }
    if (s.len > SEGMENT_MAX) {
        return "a segment of the url's path has more than 100 characters";
    }
    for (size_t i = 0; i < s.len; i++) {
        bool is_word = is_alnum(s.at[i]) || s.at[i] == '_' || s.at[i] == '~';

        if (!is_word && (i == 0 || s.at[i] == '\0' || strchr(".+-", s.at[i]) == NULL)) {
            return i == 0 ? "a segment of the url's path does not begin with a letter, a digit, '_' or '~'"
                          : "the url's path has a character other than letters, digits and . _ ~ + -";
        }
    }
    if (s.at[s.len - 1] == '.' || (s.len >= sizeof lock - 1 && memcmp(s.at + s.len - (sizeof lock - 1), lock, sizeof lock - 1) == 0)) {
        return "a segment of the url's path ends with '.' or \".lock\"";
    }
    return NULL;
}

static const char *authority_fault(struct text *t, bool has_user)
{
    struct text look = *t, user = until(&look, "/@");
    const char *fault = NULL;

    if (look.len > 0 && look.at[0] == '@') {
        fault = has_user ? user_fault(user) : "an https url has a user or a password";
        *t = (struct text){.at = look.at + 1, .len = look.len - 1};
    }
    if (fault != NULL) {
        return fault;
    }
    if (skip(t, "[")) {
        struct text host = until(t, "]");

        fault = skip(t, "]") ? ipv6_fault(host) : "the url's host has a [ without a ]";
    } else {
        fault = host_fault(until(t, ":/"));
    }
    if (fault == NULL && skip(t, ":")) {
        fault = port_fault(until(t, "/"));
    }
    return fault;
}

const char *registry_url_fault(const char *text, size_t len)
{
    struct text t = {.at = text, .len = len};

    if (len > REGISTRY_URL_MAX) {
        return "the url has more than 512 characters";
    }
    bool is_ssh = skip(&t, "ssh://");
    if (!is_ssh && !skip(&t, "https://")) {
        return "the url begins with neither https:// nor ssh://";
    }
    const char *fault = authority_fault(&t, is_ssh);
    if (fault == NULL && t.len == 0) {
        fault = "the url has no path";
    }
    while (fault == NULL && t.len > 0) {
        fault = skip(&t, "/") ? segment_fault(until(&t, "/")) : "the url's host is followed by something other than a port or a path";
    }
    return fault;
}
