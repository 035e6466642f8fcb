#include "console/audit.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <string.h>

#include "common/base/macros.h"
#include "common/base/name.h"

enum {
    HASH_HEX = 2 * CONSOLE_AUDIT_HASH_SIZE,
    TEXTS = 5,
    NUMBER_DIGITS = 20,
};

static const char magic[] = "cell-audit-1", next_key[] = "cell-audit-next-1", seal_word[] = "seal";

struct slice {
    const char *at;
    size_t len;
};

/* ---- writing ---------------------------------------------------------------------------------------- */

void console_audit_init(struct console_audit *a, const uint8_t *first_key)
{
    *a = (struct console_audit){.seq = 1, .epoch = 1, .has_key = first_key != NULL};
    if (a->has_key) {
        memcpy(a->key, first_key, sizeof a->key);
    }
}

void console_audit_fini(struct console_audit *a)
{
    sodium_memzero(a, sizeof *a);
}

/* hash = BLAKE2b-256(hash before, body) */
static void chain(struct console_audit *a, const char *body, size_t len)
{
    crypto_generichash_state h;

    crypto_generichash_init(&h, NULL, 0, sizeof a->hash);
    crypto_generichash_update(&h, a->hash, sizeof a->hash);
    crypto_generichash_update(&h, (const unsigned char *)body, len);
    crypto_generichash_final(&h, a->hash, sizeof a->hash);
}

static void add_hex(struct bytes_text *to, const uint8_t *bytes)
{
    char hex[HASH_HEX + 1];

    bytes_to_hex(bytes, CONSOLE_AUDIT_HASH_SIZE, hex);
    bytes_text_add(to, " %s", hex);
}

/* One word: what is no visible ASCII, and what makes it that, is escaped; nothing is "-". */
static void add_word(struct bytes_text *to, const char *text)
{
    size_t len = text != NULL ? strlen(text) : 0, most = len < CONSOLE_AUDIT_TEXT_MAX ? len : CONSOLE_AUDIT_TEXT_MAX;

    bytes_text_add(to, len == 0 ? " -" : " ");
    for (size_t i = 0; i < most; i++) {
        bool is_plain = text[i] > ' ' && text[i] <= '~' && text[i] != '\\' && !(text[i] == '-' && len == 1);
        bytes_text_add(to, is_plain ? "%c" : "\\x%02x", (unsigned char)text[i]);
    }
    bytes_text_add(to, len > most ? "..." : "");
}

static void end(struct console_audit *a, struct bytes_text *to, size_t begin)
{
    chain(a, to->at + begin, to->len - begin);
    add_hex(to, a->hash);
}

void console_audit_add_head(struct console_audit *a, const char *node, struct bytes_text *to)
{
    size_t begin = to->len;

    assert(name_valid_str(node));
    bytes_text_add(to, "%s %s %" PRIu64 " %" PRIu64, magic, node, a->seq, a->epoch);
    add_hex(to, a->hash);
    chain(a, to->at + begin, to->len - begin);
    bytes_text_add(to, "\n");
    assert(!to->cut);
}

void console_audit_add(struct console_audit *a, const struct console_audit_record *r, struct bytes_text *to)
{
    const char *const text[TEXTS] = {r->actor, r->act, r->object, r->outcome, r->detail};
    size_t begin = to->len;

    bytes_text_add(to, "%" PRIu64 " %" PRIu64, a->seq++, r->wall_ms);
    for (size_t i = 0; i < ARRAY_LEN(text); i++) {
        add_word(to, text[i]);
    }
    end(a, to, begin);
    bytes_text_add(to, "\n");
    assert(!to->cut);
}

/* The seal of the hash, and the key for the next one: nobody finds the way back. */
static void seal(struct console_audit *a, uint8_t ret[CONSOLE_AUDIT_HASH_SIZE])
{
    uint8_t next[CONSOLE_AUDIT_KEY_SIZE];

    crypto_generichash(ret, CONSOLE_AUDIT_HASH_SIZE, a->hash, sizeof a->hash, a->key, sizeof a->key);
    crypto_generichash(next, sizeof next, (const unsigned char *)next_key, sizeof next_key - 1, a->key, sizeof a->key);
    memcpy(a->key, next, sizeof a->key);
    sodium_memzero(next, sizeof next);
}

void console_audit_add_seal(struct console_audit *a, uint64_t wall_ms, struct bytes_text *to)
{
    uint8_t mac[CONSOLE_AUDIT_HASH_SIZE];
    size_t begin = to->len;

    assert(a->has_key);
    bytes_text_add(to, "%s %" PRIu64 " %" PRIu64, seal_word, a->epoch++, wall_ms);
    chain(a, to->at + begin, to->len - begin);
    begin = to->len;
    seal(a, mac);
    add_hex(to, mac);
    end(a, to, begin);
    bytes_text_add(to, "\n");
    assert(!to->cut);
}

/* ---- verifying -------------------------------------------------------------------------------------- */

void console_audit_check_init(struct console_audit_check *c, const uint8_t *first_key)
{
    *c = (struct console_audit_check){.are_seals_proved = first_key != NULL};
    console_audit_init(&c->state, first_key);
}

void console_audit_check_fini(struct console_audit_check *c)
{
    sodium_memzero(c, sizeof *c);
}

/* The next word of the line; false: there is none, or it is empty. */
static bool take(struct slice *line, struct slice *ret)
{
    const char *blank = memchr(line->at, ' ', line->len);

    *ret = (struct slice){line->at, blank != NULL ? (size_t)(blank - line->at) : line->len};
    size_t used = ret->len + (blank != NULL);
    *line = (struct slice){line->at + used, line->len - used};
    return ret->len > 0;
}

static bool take_number(struct slice *line, uint64_t *ret)
{
    struct slice word;
    uint64_t value = 0;

    if (!take(line, &word) || word.len > NUMBER_DIGITS || (word.len > 1 && word.at[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < word.len; i++) {
        unsigned digit = (unsigned)(unsigned char)word.at[i] - '0';
        if (digit > 9 || value > (UINT64_MAX - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *ret = value;
    return true;
}

static bool take_hash(struct slice *line, uint8_t ret[CONSOLE_AUDIT_HASH_SIZE])
{
    char hex[HASH_HEX + 1];
    struct slice word;

    if (!take(line, &word) || word.len != HASH_HEX) {
        return false;
    }
    memcpy(hex, word.at, HASH_HEX);
    hex[HASH_HEX] = '\0';
    bool is_small = strspn(hex, "0123456789abcdef") == HASH_HEX; /* one spelling */
    return is_small && bytes_from_hex(hex, ret, CONSOLE_AUDIT_HASH_SIZE);
}

static bool is_word(struct slice word, const char *text)
{
    return word.len == strlen(text) && memcmp(word.at, text, word.len) == 0;
}

static enum console_audit_fault check_head(struct console_audit_check *c, struct slice line)
{
    const struct slice whole = line;
    struct console_audit head = {0};
    struct slice word;

    if (!take(&line, &word) || !is_word(word, magic) || !take(&line, &word) || !name_valid(word.at, word.len) || !take_number(&line, &head.seq) ||
        !take_number(&line, &head.epoch) || !take_hash(&line, head.hash) || line.len > 0 || head.seq == 0 || head.epoch == 0) {
        return CONSOLE_AUDIT_FORM;
    }
    struct console_audit *s = &c->state;
    bool is_next = head.seq == s->seq && head.epoch == s->epoch && memcmp(head.hash, s->hash, sizeof head.hash) == 0;
    if (!is_next && c->is_begun) {
        return CONSOLE_AUDIT_HEAD;
    }
    if (!is_next) { /* older files are gone */
        s->seq = head.seq;
        memcpy(s->hash, head.hash, sizeof head.hash);
        c->are_seals_proved = s->has_key = s->has_key && head.epoch <= CONSOLE_AUDIT_EPOCHS_MAX;
        for (; s->has_key && s->epoch < head.epoch; s->epoch++) {
            uint8_t unused[CONSOLE_AUDIT_HASH_SIZE];
            seal(s, unused);
        }
        s->epoch = head.epoch;
    }
    chain(s, whole.at, whole.len);
    c->is_begun = true;
    return CONSOLE_AUDIT_NONE;
}

static enum console_audit_fault check_hash(struct console_audit *s, const char *body, size_t len, const uint8_t written[CONSOLE_AUDIT_HASH_SIZE])
{
    chain(s, body, len);
    return memcmp(s->hash, written, CONSOLE_AUDIT_HASH_SIZE) == 0 ? CONSOLE_AUDIT_NONE : CONSOLE_AUDIT_HASH;
}

static enum console_audit_fault check_seal(struct console_audit_check *c, struct slice line)
{
    uint8_t written[CONSOLE_AUDIT_HASH_SIZE], mac[CONSOLE_AUDIT_HASH_SIZE], expected[CONSOLE_AUDIT_HASH_SIZE];
    struct console_audit *s = &c->state;
    const char *body = line.at;
    uint64_t epoch, wall_ms;
    struct slice word;

    if (!take(&line, &word) || !take_number(&line, &epoch) || !take_number(&line, &wall_ms)) {
        return CONSOLE_AUDIT_FORM;
    }
    const char *behind = line.at - 1; /* the blank before the MAC */
    if (!take_hash(&line, mac) || !take_hash(&line, written) || line.len > 0) {
        return CONSOLE_AUDIT_FORM;
    }
    if (epoch != s->epoch) {
        return CONSOLE_AUDIT_SEQUENCE;
    }
    chain(s, body, (size_t)(behind - body));
    s->epoch++;
    bool is_sealed = true;
    if (s->has_key) {
        seal(s, expected);
        is_sealed = sodium_memcmp(expected, mac, sizeof mac) == 0;
    }
    enum console_audit_fault fault = check_hash(s, behind, 1 + HASH_HEX, written);
    fault = fault == CONSOLE_AUDIT_NONE && !is_sealed ? CONSOLE_AUDIT_SEAL : fault;
    if (fault == CONSOLE_AUDIT_NONE) {
        c->sealed_seq = s->seq - 1;
        c->sealed_ms = wall_ms;
    }
    return fault;
}

static enum console_audit_fault check_record(struct console_audit_check *c, struct slice line)
{
    uint8_t written[CONSOLE_AUDIT_HASH_SIZE];
    struct console_audit *s = &c->state;
    const char *body = line.at;
    uint64_t seq, wall_ms;
    struct slice word;

    if (!take_number(&line, &seq) || !take_number(&line, &wall_ms)) {
        return CONSOLE_AUDIT_FORM;
    }
    for (size_t i = 0; i < TEXTS; i++) {
        if (!take(&line, &word)) {
            return CONSOLE_AUDIT_FORM;
        }
    }
    size_t len = (size_t)(line.at - body) - 1;
    if (!take_hash(&line, written) || line.len > 0) {
        return CONSOLE_AUDIT_FORM;
    }
    if (seq != s->seq) {
        return CONSOLE_AUDIT_SEQUENCE;
    }
    s->seq++;
    return check_hash(s, body, len, written);
}

/* Signs that no writer writes are found by the hash, like any others; here only what makes lines and words. */
static enum console_audit_fault check_line(struct console_audit_check *c, struct slice line)
{
    struct slice rest = line, word;

    if (line.len > 0 && line.at[line.len - 1] == ' ') {
        return CONSOLE_AUDIT_FORM;
    }
    if (c->lines == 0) {
        return check_head(c, line);
    }
    return take(&rest, &word) && is_word(word, seal_word) ? check_seal(c, line) : check_record(c, line);
}

enum console_audit_fault console_audit_check(struct console_audit_check *c, const char *bytes, size_t size)
{
    c->lines = c->bytes = 0;
    while (c->bytes < size) {
        const char *at = bytes + c->bytes, *newline = memchr(at, '\n', size - c->bytes);
        struct slice line = {at, newline != NULL ? (size_t)(newline - at) : size - c->bytes};
        if (newline == NULL) {
            return CONSOLE_AUDIT_TORN;
        }
        enum console_audit_fault fault = check_line(c, line);
        if (fault != CONSOLE_AUDIT_NONE) {
            return fault;
        }
        c->lines++;
        c->bytes += line.len + 1;
    }
    return c->lines > 0 ? CONSOLE_AUDIT_NONE : CONSOLE_AUDIT_FORM;
}

const char *console_audit_fault_text(enum console_audit_fault fault)
{
#define X(constant, text) text,
    static const char *const texts[] = {CONSOLE_AUDIT_FAULTS(X)};
#undef X
    return (size_t)fault < ARRAY_LEN(texts) ? texts[fault] : "?";
}
