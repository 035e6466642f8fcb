#include "datapath/text.h"

#include <arpa/inet.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

bool datapath_text_read_key(const char *text, uint8_t ret[32])
{
    uint8_t key[32];
    size_t size;
    const char *end;

    if (strlen(text) < DATAPATH_TEXT_KEY || text[DATAPATH_TEXT_KEY + strspn(text + DATAPATH_TEXT_KEY, " \r\n")] != '\0' ||
        sodium_base642bin(key, sizeof key, text, DATAPATH_TEXT_KEY, NULL, &size, &end, sodium_base64_VARIANT_ORIGINAL) != 0 ||
        size != sizeof key || end != text + DATAPATH_TEXT_KEY) {
        return false;
    }
    memcpy(ret, key, sizeof key);
    sodium_memzero(key, sizeof key);
    return true;
}

void datapath_text_write_key(const uint8_t key[32], char ret[DATAPATH_TEXT_KEY_SIZE])
{
    (void)sodium_bin2base64(ret, DATAPATH_TEXT_KEY_SIZE, key, 32, sodium_base64_VARIANT_ORIGINAL);
}

bool datapath_text_read_number(const char *text, uint64_t most, uint64_t *ret)
{
    uint64_t value = 0;
    size_t len = strspn(text, "0123456789");

    if (len == 0 || len > 19 || text[len] != '\0') {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    if (value > most) {
        return false;
    }
    *ret = value;
    return true;
}

bool datapath_text_read_prefix(const char *text, struct datapath_prefix *ret, uint8_t *ret_host)
{
    struct datapath_prefix p = {.size = DATAPATH_ALLOWED_V4};
    char host[DATAPATH_TEXT_PLACE_SIZE];
    const char *slash = strchrnul(text, '/');
    uint64_t bits;

    if ((size_t)(slash - text) >= sizeof host) {
        return false;
    }
    memcpy(host, text, (size_t)(slash - text));
    host[slash - text] = '\0';
    if (inet_pton(AF_INET, host, p.ip) != 1) {
        p.size = DATAPATH_ALLOWED_V6;
        if (inet_pton(AF_INET6, host, p.ip) != 1) {
            return false;
        }
    }
    bits = 8 * p.size;
    if (*slash == '/' && !datapath_text_read_number(slash + 1, bits, &bits)) {
        return false;
    }
    if (ret_host != NULL) {
        memcpy(ret_host, p.ip, sizeof p.ip);
    }
    p.bits = (uint8_t)bits;
    for (unsigned at = p.bits; at < 8u * p.size; at++) {
        p.ip[at / 8] &= (uint8_t)~(0x80u >> at % 8);
    }
    *ret = p;
    return true;
}

void datapath_text_write_prefix(const struct datapath_prefix *prefix, char ret[DATAPATH_TEXT_PLACE_SIZE])
{
    char ip[INET6_ADDRSTRLEN];

    (void)inet_ntop(prefix->size == DATAPATH_ALLOWED_V4 ? AF_INET : AF_INET6, prefix->ip, ip, sizeof ip);
    (void)snprintf(ret, DATAPATH_TEXT_PLACE_SIZE, "%s/%u", ip, prefix->bits);
}

/* What stands behind '%': kept for who can find it, and taken for a number. */
static bool take_scope(const char *text, struct datapath_endpoint *at, char *ret_scope)
{
    uint64_t number = 0;
    bool is_number = datapath_text_read_number(text, UINT32_MAX, &number), is_of_link = datapath_message_is_of_link(at);
    size_t len = strlen(text);

    if (!is_number && (ret_scope == NULL || !is_of_link || len == 0 || len >= DATAPATH_TEXT_SCOPE_SIZE)) {
        return false;
    }
    at->scope = is_of_link ? (uint32_t)number : 0;
    if (ret_scope != NULL && is_of_link && len < DATAPATH_TEXT_SCOPE_SIZE) {
        memcpy(ret_scope, text, len + 1);
    }
    return true;
}

bool datapath_text_read_place(const char *text, struct datapath_endpoint *ret, char ret_scope[DATAPATH_TEXT_SCOPE_SIZE])
{
    struct datapath_endpoint at = {.port = 0};
    char host[DATAPATH_TEXT_PLACE_SIZE];
    bool is_v6 = text[0] == '[';
    const char *begin = text + is_v6, *colon = strrchr(text, ':');
    uint64_t number;

    if (colon == NULL || colon <= begin || (size_t)(colon - begin) >= sizeof host ||
        !datapath_text_read_number(colon + 1, UINT16_MAX, &number) || number == 0 || (is_v6 && colon[-1] != ']')) {
        return false;
    }
    at.port = (uint16_t)number;
    memcpy(host, begin, (size_t)(colon - begin) - is_v6);
    host[colon - begin - is_v6] = '\0';
    char *scope = is_v6 ? strchr(host, '%') : NULL;
    if (scope != NULL) {
        *scope++ = '\0';
    }
    uint8_t v4[4];
    if (is_v6 ? inet_pton(AF_INET6, host, at.ip) != 1 : inet_pton(AF_INET, host, v4) != 1) {
        return false;
    }
    if (!is_v6) {
        datapath_message_put_v4(at.ip, v4);
    }
    char found[DATAPATH_TEXT_SCOPE_SIZE] = "";
    if (scope != NULL && !take_scope(scope, &at, ret_scope == NULL ? NULL : found)) {
        return false;
    }
    if (ret_scope != NULL) {
        memcpy(ret_scope, found, sizeof found);
    }
    *ret = at;
    return true;
}

void datapath_text_write_place(const struct datapath_endpoint *at, char ret[DATAPATH_TEXT_PLACE_SIZE])
{
    char ip[INET6_ADDRSTRLEN], scope[DATAPATH_TEXT_SCOPE_SIZE] = "";

    if (datapath_message_is_v4(at->ip)) {
        (void)inet_ntop(AF_INET, at->ip + DATAPATH_MESSAGE_V4, ip, sizeof ip);
        (void)snprintf(ret, DATAPATH_TEXT_PLACE_SIZE, "%s:%u", ip, at->port);
        return;
    }
    if (at->scope != 0) {
        (void)snprintf(scope, sizeof scope, "%%%u", at->scope);
    }
    (void)inet_ntop(AF_INET6, at->ip, ip, sizeof ip);
    (void)snprintf(ret, DATAPATH_TEXT_PLACE_SIZE, "[%s%s]:%u", ip, scope, at->port);
}
