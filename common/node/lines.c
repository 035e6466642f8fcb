#include "common/node/lines.h"

#include <sodium.h>
#include <string.h>

enum {
    LINES_HASH = 32
};

static const char hash_word[] = "hash ";

static void hash_of(const char *text, size_t size, char hex[2 * LINES_HASH + 1])
{
    uint8_t hash[LINES_HASH];

    (void)crypto_generichash(hash, sizeof hash, (const uint8_t *)text, size, NULL, 0);
    bytes_to_hex(hash, sizeof hash, hex);
}

void lines_seal(struct bytes_text *t)
{
    char hex[2 * LINES_HASH + 1];

    hash_of(t->at, t->len, hex);
    bytes_text_add(t, "%s%s\n", hash_word, hex);
}

enum err lines_open(struct lines *l, const char *text, size_t size, const char *head)
{
    const char *first_end = memchr(text, '\n', size);
    size_t head_len = strlen(head), word_len = strcspn(head, " ");

    /* What it is comes before whether it is whole: a foreign file is not a damaged one. */
    if (size < word_len + 1 || memcmp(text, head, word_len + 1) != 0) {
        return ERR_MALFORMED;
    }
    if (first_end == NULL) {
        return ERR_DATA_LOSS;
    }
    if ((size_t)(first_end - text) != head_len || memcmp(text, head, head_len) != 0) {
        return ERR_INCOMPATIBLE;
    }
    if (size < head_len + 1 + LINES_HASH_LINE) {
        return ERR_DATA_LOSS;
    }
    const char *last = text + size - LINES_HASH_LINE;
    char hex[2 * LINES_HASH + 1];
    hash_of(text, (size_t)(last - text), hex);
    if (last[-1] != '\n' || text[size - 1] != '\n' || memcmp(last, hash_word, strlen(hash_word)) != 0 ||
        sodium_memcmp(last + strlen(hash_word), hex, 2 * LINES_HASH) != 0) {
        return ERR_DATA_LOSS;
    }
    *l = (struct lines){.at = first_end + 1, .end = last};
    return ERR_OK;
}

static enum err split(struct lines *l)
{
    char *at = l->line;

    for (l->count = 0; l->count < LINES_WORDS_MAX;) {
        size_t len = strcspn(at, " ");
        if (len == 0) {
            return ERR_MALFORMED;
        }
        l->word[l->count++] = at;
        if (at[len] == '\0') {
            return ERR_OK;
        }
        at[len] = '\0';
        at += len + 1;
    }
    return ERR_MALFORMED;
}

enum err lines_next(struct lines *l)
{
    l->count = 0;
    if (l->at == l->end) {
        return ERR_NOT_FOUND;
    }
    const char *end = memchr(l->at, '\n', (size_t)(l->end - l->at));
    size_t len = end != NULL ? (size_t)(end - l->at) : LINES_LINE_MAX + 1;
    if (len > LINES_LINE_MAX || memchr(l->at, '\0', len) != NULL) {
        return ERR_MALFORMED;
    }
    memcpy(l->line, l->at, len);
    l->line[len] = '\0';
    l->at = end + 1;
    return split(l);
}

bool lines_is(const struct lines *l, const char *key, size_t values)
{
    return l->count == values + 1 && strcmp(l->word[0], key) == 0;
}

enum err lines_hex(const struct lines *l, size_t index, uint8_t *ret, size_t size)
{
    const char *text = index < l->count ? l->word[index] : "";

    if (strlen(text) != 2 * size || strspn(text, "0123456789abcdef") != 2 * size) {
        return ERR_MALFORMED;
    }
    return bytes_from_hex(text, ret, size) ? ERR_OK : ERR_MALFORMED;
}

enum err lines_number(const struct lines *l, size_t index, uint64_t most, uint64_t *ret)
{
    const char *text = index < l->count ? l->word[index] : "";
    size_t len = strlen(text);
    uint64_t value = 0;

    if (len == 0 || strspn(text, "0123456789") != len || (text[0] == '0' && len > 1)) {
        return ERR_MALFORMED;
    }
    for (size_t i = 0; i < len; i++) {
        uint64_t digit = (uint64_t)(text[i] - '0');
        if (value > (most - digit) / 10 || digit > most) {
            return ERR_MALFORMED;
        }
        value = 10 * value + digit;
    }
    *ret = value;
    return ERR_OK;
}

void lines_close(struct lines *l)
{
    sodium_memzero(l, sizeof *l);
}
