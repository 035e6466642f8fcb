#include "registry/text.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

void registry_text_begin(struct registry_text *t, const void *bytes, size_t size)
{
    *t = (struct registry_text){.at = bytes, .end = (const char *)bytes + size, .is_good = true};
}

static bool has(const struct registry_text *t, const char *head, size_t len)
{
    return (size_t)(t->end - t->at) >= len && memcmp(t->at, head, len) == 0;
}

bool registry_text_is(const struct registry_text *t, const char *word)
{
    size_t len = strlen(word);

    return t->is_good && has(t, word, len) && (size_t)(t->end - t->at) > len && t->at[len] == ' ';
}

/* Eight at a time: a byte is none of these if 0x20 less, or 1 more, or itself has its highest bit; what one lends the next errs on the
 * side of no, and is looked at again alone. */
static bool is_printable(const char *at, size_t len)
{
    const uint64_t every = 0x0101010101010101;

    while (len >= sizeof(uint64_t)) {
        uint64_t eight;

        memcpy(&eight, at, sizeof eight);
        if (((eight - every * ' ') | (eight + every) | eight) & every << 7) {
            break;
        }
        at += sizeof eight;
        len -= sizeof eight;
    }
    for (; len > 0 && *at >= ' ' && *at <= '~'; at++) {
        len--;
    }
    return len == 0;
}

struct registry_slice registry_text_take_rest(struct registry_text *t)
{
    const char *end = t->is_good && t->at < t->end ? memchr(t->at, '\n', (size_t)(t->end - t->at)) : NULL;

    t->is_good = end != NULL && end > t->at && is_printable(t->at, (size_t)(end - t->at));
    if (!t->is_good) {
        return (struct registry_slice){.at = "", .len = 0};
    }
    struct registry_slice s = {.at = t->at, .len = (size_t)(end - t->at)};
    t->at = end + 1;
    return s;
}

void registry_text_take_line(struct registry_text *t, const char *line)
{
    t->is_good = registry_text_same(registry_text_take_rest(t), line) && t->is_good;
}

struct registry_slice registry_text_take(struct registry_text *t, const char *word)
{
    if (!registry_text_is(t, word)) {
        t->is_good = false;
        return (struct registry_slice){.at = "", .len = 0};
    }
    t->at += strlen(word) + 1;
    return registry_text_take_rest(t);
}

uint64_t registry_text_take_number(struct registry_text *t, const char *word)
{
    uint64_t value = 0;

    t->is_good = registry_text_number(registry_text_take(t, word), &value) && t->is_good;
    return value;
}

void registry_text_take_hex(struct registry_text *t, const char *word, uint8_t *to, size_t size)
{
    t->is_good = registry_text_hex(registry_text_take(t, word), to, size) && t->is_good;
}

bool registry_text_is_over(const struct registry_text *t)
{
    return t->is_good && t->at == t->end;
}

bool registry_text_word(struct registry_slice *line, struct registry_slice *ret)
{
    const char *blank = line->len == 0 ? NULL : memchr(line->at, ' ', line->len);
    size_t len = blank == NULL ? line->len : (size_t)(blank - line->at);
    size_t behind = blank == NULL ? len : len + 1;

    if (len == 0 || (blank != NULL && behind == line->len)) {
        return false;
    }
    *ret = (struct registry_slice){.at = line->at, .len = len};
    *line = (struct registry_slice){.at = line->at + behind, .len = line->len - behind};
    return true;
}

bool registry_text_number(struct registry_slice s, uint64_t *ret)
{
    const char *at = s.at;
    uint64_t value;

    if (registry_version_take_number(&at, s.at + s.len, &value) != ERR_OK || at != s.at + s.len) {
        return false;
    }
    *ret = value;
    return true;
}

bool registry_text_hex(struct registry_slice s, uint8_t *to, size_t size)
{
    if (s.len != 2 * size) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        bool is_digit = s.at[i] >= '0' && s.at[i] <= '9', is_letter = s.at[i] >= 'a' && s.at[i] <= 'f';

        if (!is_digit && !is_letter) {
            return false;
        }
    }
    for (size_t i = 0; i < size; i++) {
        uint8_t high = (uint8_t)s.at[2 * i], low = (uint8_t)s.at[2 * i + 1];

        to[i] = (uint8_t)((high <= '9' ? high - '0' : high - 'a' + 10) << 4 | (low <= '9' ? low - '0' : low - 'a' + 10));
    }
    return true;
}

int registry_text_compare(struct registry_slice a, struct registry_slice b)
{
    size_t both = a.len < b.len ? a.len : b.len;
    int c = both == 0 ? 0 : memcmp(a.at, b.at, both);

    return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

bool registry_text_same(struct registry_slice a, const char *b)
{
    return registry_text_compare(a, (struct registry_slice){.at = b, .len = strlen(b)}) == 0;
}

bool registry_text_is_origin(struct registry_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        bool is_word = (s.at[i] >= 'a' && s.at[i] <= 'z') || (s.at[i] >= '0' && s.at[i] <= '9');

        if (!is_word && (i == 0 || (s.at[i] != '.' && s.at[i] != '/' && s.at[i] != '-'))) {
            return false;
        }
    }
    return s.len > 0 && s.len <= REGISTRY_ORIGIN_MAX;
}

void registry_text_add_hex(struct bytes_text *t, const uint8_t *bytes, size_t size)
{
    char hex[2 * 64 + 1];

    assert(2 * size < sizeof hex);
    bytes_to_hex(bytes, size, hex);
    bytes_text_add(t, "%s", hex);
}

void registry_text_hash(const void *bytes, size_t size, uint8_t ret[REGISTRY_HASH_SIZE])
{
    (void)crypto_generichash(ret, REGISTRY_HASH_SIZE, bytes, size, NULL, 0); /* fails for sizes of hash and key alone */
}
