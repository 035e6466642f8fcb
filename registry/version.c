#include "registry/version.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_identifier(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
}

enum err registry_version_take_number(const char **at, const char *end, uint64_t *ret)
{
    const char *begin = *at;
    uint64_t value = 0;
    bool is_large = false;

    while (*at < end && is_digit(**at)) {
        if (!is_large) { /* 2^53 * 10 is far from the end of 64 bits */
            value = value * 10 + (uint64_t)(**at - '0');
            is_large = value > REGISTRY_VERSION_NUMBER_MAX;
        }
        ++*at;
    }
    if (*at == begin || (*begin == '0' && *at - begin > 1)) {
        return ERR_MALFORMED;
    }
    *ret = value;
    return is_large ? ERR_LIMIT : ERR_OK;
}

/* Sections 9 and 10: none is empty; a number of a pre-release has no leading zero. */
static bool is_identifier_good(const char *text, size_t len, bool is_numeric_strict)
{
    bool is_number = true;

    for (size_t i = 0; i < len; i++) {
        is_number = is_number && is_digit(text[i]);
    }
    return len > 0 && !(is_numeric_strict && is_number && len > 1 && text[0] == '0');
}

enum err registry_version_take_tag(const char **at, const char *end, bool is_numeric_strict, char to[REGISTRY_VERSION_TAG_MAX + 1])
{
    const char *begin = *at, *identifier = begin;

    for (;; ++*at) {
        if (*at < end && is_identifier(**at)) {
            continue;
        }
        if (!is_identifier_good(identifier, (size_t)(*at - identifier), is_numeric_strict)) {
            return ERR_MALFORMED;
        }
        if (*at == end || **at != '.') {
            break;
        }
        identifier = *at + 1;
    }
    size_t len = (size_t)(*at - begin);
    if (len > REGISTRY_VERSION_TAG_MAX) {
        return ERR_LIMIT;
    }
    memcpy(to, begin, len);
    to[len] = '\0';
    return ERR_OK;
}

/* What is malformed is said so although something before it is too large, too. */
static enum err worse(enum err a, enum err b)
{
    return a == ERR_MALFORMED || b == ERR_OK ? a : b;
}

enum err registry_version_parse(const char *text, size_t len, struct registry_version *ret)
{
    struct registry_version v = {0};
    uint64_t *const number[] = {&v.major, &v.minor, &v.patch};
    const char *at = text, *end = text + len;
    enum err e = ERR_OK;

    for (size_t i = 0; i < ARRAY_LEN(number); i++) {
        if (i > 0 && (at == end || *at++ != '.')) {
            return ERR_MALFORMED;
        }
        e = worse(registry_version_take_number(&at, end, number[i]), e);
        if (e == ERR_MALFORMED) {
            return e;
        }
    }
    if (at < end && *at == '-') {
        at++;
        e = worse(registry_version_take_tag(&at, end, true, v.pre), e);
    }
    if (e != ERR_MALFORMED && at < end && *at == '+') {
        at++;
        e = worse(registry_version_take_tag(&at, end, false, v.build), e);
    }
    if (e == ERR_MALFORMED || at != end) {
        return ERR_MALFORMED;
    }
    if (e == ERR_OK) {
        *ret = v;
    }
    return e;
}

static int order(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static bool is_number(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!is_digit(text[i])) {
            return false;
        }
    }
    return true;
}

/* Section 11.4: numbers by value, which without leading zeros is by length first and so has no overflow; text as ASCII has it; a number
 * is before text. */
static int compare_identifiers(const char *a, size_t a_len, const char *b, size_t b_len)
{
    bool a_is_number = is_number(a, a_len), b_is_number = is_number(b, b_len);

    if (a_is_number != b_is_number) {
        return a_is_number ? -1 : 1;
    }
    if (a_is_number && a_len != b_len) {
        return a_len < b_len ? -1 : 1;
    }
    size_t both = a_len < b_len ? a_len : b_len;
    int by_text = memcmp(a, b, both);
    return by_text != 0 ? by_text : order(a_len, b_len);
}

static int compare_pre(const char *a, const char *b)
{
    if (*a == '\0' || *b == '\0') { /* section 11.3: a pre-release is before what it leads to */
        return (*a == '\0') - (*b == '\0');
    }
    for (;;) {
        size_t a_len = strcspn(a, "."), b_len = strcspn(b, ".");
        int c = compare_identifiers(a, a_len, b, b_len);

        if (c != 0) {
            return c;
        }
        a += a_len;
        b += b_len;
        if (*a == '\0' || *b == '\0') { /* more identifiers are behind fewer */
            return (*a != '\0') - (*b != '\0');
        }
        a++;
        b++;
    }
}

int registry_version_compare(const struct registry_version *a, const struct registry_version *b)
{
    int c = order(a->major, b->major);

    c = c != 0 ? c : order(a->minor, b->minor);
    c = c != 0 ? c : order(a->patch, b->patch);
    return c != 0 ? c : compare_pre(a->pre, b->pre);
}

size_t registry_version_print(const struct registry_version *v, char to[REGISTRY_VERSION_SIZE])
{
    int len = snprintf(to, REGISTRY_VERSION_SIZE, "%" PRIu64 ".%" PRIu64 ".%" PRIu64 "%s%s%s%s", v->major, v->minor, v->patch,
                       v->pre[0] == '\0' ? "" : "-", v->pre, v->build[0] == '\0' ? "" : "+", v->build);

    assert(len > 0 && len < REGISTRY_VERSION_SIZE);
    return (size_t)len;
}
