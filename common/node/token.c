#include "common/node/token.h"

#include <assert.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#include "common/base/bytes.h"

enum {
    TOKEN_FORMAT = 1,
    TOKEN_SUM = 4,
    TOKEN_FIXED = 1 + TOKEN_ID + TOKEN_SECRET + NODE_ID_LEN + 8 + 1,
    TOKEN_BYTES_MAX = TOKEN_FIXED + TOKEN_CONTACTS_MAX * (1 + CONTACT_MAX) + TOKEN_SUM,
};

static const char prefix[] = "cell1-";
static const char family[] = "cell"; /* with another number behind it: a token of another version */
static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
static const char psk_label[] = "cell join psk 1";
_Static_assert(sizeof prefix + (8 * TOKEN_BYTES_MAX + 4) / 5 <= TOKEN_TEXT_SIZE, "the longest text fits");

const char *token_verdict_text(uint32_t verdict)
{
    switch (verdict) {
#define X(name, number, text)                                                                      \
    case number:                                                                                   \
        return text;
        TOKEN_VERDICT_MAP(X)
#undef X
    }
    return "the issuer answers with something unknown";
}

const char *token_verdict_name(uint32_t verdict)
{
    switch (verdict) {
#define X(name, number, text)                                                                      \
    case number:                                                                                   \
        return #name;
        TOKEN_VERDICT_MAP(X)
#undef X
    }
    return "OTHER";
}

/* ---- base32 ---------------------------------------------------------------------------------------- */

static size_t encode(const uint8_t *data, size_t size, char *out)
{
    uint32_t held = 0, bits = 0;
    size_t len = 0;

    for (size_t i = 0; i < size; i++) {
        held = held << 8 | data[i];
        for (bits += 8; bits >= 5; bits -= 5) {
            out[len++] = digits[held >> (bits - 5) & 31];
        }
    }
    if (bits > 0) {
        out[len++] = digits[held << (5 - bits) & 31];
    }
    return len;
}

/* One text for one meaning: no other case, no padding, and the bits that are left over are zero. */
static enum err decode(const char *text, uint8_t *out, size_t room, size_t *ret_size)
{
    uint32_t held = 0, bits = 0;
    size_t size = 0;

    for (const char *at = text; *at != '\0'; at++) {
        const char *digit = strchr(digits, *at);
        if (digit == NULL) {
            return ERR_MALFORMED;
        }
        held = (held << 5 | (uint32_t)(digit - digits)) & 0xfff;
        bits += 5;
        if (bits >= 8) {
            if (size == room) {
                return ERR_MALFORMED;
            }
            bits -= 8;
            out[size++] = (uint8_t)(held >> bits);
        }
    }
    if (bits >= 5 || (held & ((1u << bits) - 1)) != 0) {
        return ERR_MALFORMED;
    }
    *ret_size = size;
    return ERR_OK;
}

/* ---- the token ------------------------------------------------------------------------------------- */

static void sum_of(const uint8_t *bytes, size_t size, uint8_t out[TOKEN_SUM])
{
    uint8_t hash[crypto_generichash_BYTES];

    (void)crypto_generichash(hash, sizeof hash, bytes, size, NULL, 0);
    memcpy(out, hash, TOKEN_SUM);
}

void token_format(const struct token *t, char out[TOKEN_TEXT_SIZE])
{
    uint8_t bytes[TOKEN_BYTES_MAX], *at = bytes;

    assert(t->contacts >= 1 && t->contacts <= TOKEN_CONTACTS_MAX);
    *at++ = TOKEN_FORMAT;
    memcpy(at, t->id, TOKEN_ID);
    memcpy(at += TOKEN_ID, t->secret, TOKEN_SECRET);
    memcpy(at += TOKEN_SECRET, t->issuer, NODE_ID_LEN);
    bytes_put_be64(at += NODE_ID_LEN, t->expires_s);
    at += 8;
    *at++ = (uint8_t)t->contacts;
    for (uint32_t i = 0; i < t->contacts; i++) {
        size_t len = strlen(t->contact[i]);
        *at++ = (uint8_t)len;
        memcpy(at, t->contact[i], len);
        at += len;
    }
    sum_of(bytes, (size_t)(at - bytes), at);
    at += TOKEN_SUM;
    memcpy(out, prefix, sizeof prefix - 1);
    size_t len = encode(bytes, (size_t)(at - bytes), out + sizeof prefix - 1);
    out[sizeof prefix - 1 + len] = '\0';
    sodium_memzero(bytes, sizeof bytes);
}

static enum err take_contacts(const uint8_t *at, const uint8_t *end, struct token *t)
{
    char host[CONTACT_SIZE];
    uint16_t port;

    if (t->contacts < 1 || t->contacts > TOKEN_CONTACTS_MAX) {
        return ERR_MALFORMED;
    }
    for (uint32_t i = 0; i < t->contacts; i++) {
        size_t len = at < end ? *at++ : 0;
        if (len == 0 || len > CONTACT_MAX || len > (size_t)(end - at) || memchr(at, 0, len) != NULL) {
            return ERR_MALFORMED;
        }
        memcpy(t->contact[i], at, len);
        at += len;
        if (contact_parse(t->contact[i], host, &port) != ERR_OK) {
            return ERR_MALFORMED;
        }
    }
    return at == end ? ERR_OK : ERR_MALFORMED;
}

static enum err take_apart(const uint8_t *bytes, size_t size, struct token *t)
{
    uint8_t sum[TOKEN_SUM];
    const uint8_t *at = bytes + 1;

    if (size < TOKEN_FIXED + TOKEN_SUM) {
        return ERR_MALFORMED;
    }
    sum_of(bytes, size - TOKEN_SUM, sum);
    if (memcmp(sum, bytes + size - TOKEN_SUM, TOKEN_SUM) != 0) {
        return ERR_MALFORMED;
    }
    if (bytes[0] != TOKEN_FORMAT) {
        return ERR_INCOMPATIBLE;
    }
    memcpy(t->id, at, TOKEN_ID);
    memcpy(t->secret, at += TOKEN_ID, TOKEN_SECRET);
    memcpy(t->issuer, at += TOKEN_SECRET, NODE_ID_LEN);
    t->expires_s = bytes_get_be64(at += NODE_ID_LEN);
    t->contacts = at[8];
    return take_contacts(at + 9, bytes + size - TOKEN_SUM, t);
}

enum err token_parse(const char *text, struct token *ret)
{
    uint8_t bytes[TOKEN_BYTES_MAX];
    struct token t = {0};
    size_t size = 0;
    enum err e = ERR_MALFORMED;

    if (strncmp(text, prefix, sizeof prefix - 1) != 0) {
        size_t number = strncmp(text, family, sizeof family - 1) == 0
                            ? strspn(text + sizeof family - 1, "0123456789") : 0;
        return number > 0 && text[sizeof family - 1 + number] == '-' ? ERR_INCOMPATIBLE : ERR_MALFORMED;
    }
    if (strnlen(text, TOKEN_TEXT_SIZE) < TOKEN_TEXT_SIZE) {
        e = decode(text + sizeof prefix - 1, bytes, sizeof bytes, &size);
    }
    if (e == ERR_OK) {
        e = take_apart(bytes, size, &t);
    }
    if (e == ERR_OK) {
        *ret = t;
    }
    sodium_memzero(bytes, sizeof bytes);
    token_forget(&t);
    return e;
}

void token_psk(const struct token *t, uint8_t ret[TOKEN_PSK])
{
    crypto_generichash_state state;

    (void)crypto_generichash_init(&state, t->secret, TOKEN_SECRET, TOKEN_PSK);
    (void)crypto_generichash_update(&state, (const uint8_t *)psk_label, sizeof psk_label);
    (void)crypto_generichash_update(&state, t->id, TOKEN_ID);
    (void)crypto_generichash_update(&state, t->issuer, NODE_ID_LEN);
    (void)crypto_generichash_final(&state, ret, TOKEN_PSK);
    sodium_memzero(&state, sizeof state);
}

void token_forget(struct token *t)
{
    sodium_memzero(t, sizeof *t);
}
