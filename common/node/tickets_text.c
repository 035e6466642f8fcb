#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/node/lines.h"
#include "common/node/tickets.h"

static const char head[] = "cell-issuer 1";

enum {
    TOKEN_LINE_MAX = 8 + 2 * TOKEN_ID + 2 * TOKEN_PSK + 2 * 20 + 2 * 10 + 8,
    REVOKED_LINE_MAX = 10 + 2 * TOKEN_ID,
    KEYS_LINES_MAX = NODE_CLUSTER_KEYS * (6 + 10 + 2 * NODE_KEY_LEN) + 10 + 2 * 20 + 6 + 10,
    CERTIFICATE_LINE_MAX = 14 + 2 * TICKETS_SERIAL + 20,
    STALE_LINE_MAX = 8 + 2 * TICKETS_SERIAL + 2 * 20,
    MEMBER_LINE_MAX = 8 + NODE_NAME_MAX + 2 * NODE_ID_LEN + 2 * TOKEN_ID + 20 + 8,
};
_Static_assert(TICKETS_TOKENS_MAX * (TOKEN_LINE_MAX + REVOKED_LINE_MAX) + TICKETS_STALE_MAX * STALE_LINE_MAX +
                       TICKETS_MEMBERS_MAX * (MEMBER_LINE_MAX + TICKETS_CERTIFICATES_MAX * CERTIFICATE_LINE_MAX) +
                       KEYS_LINES_MAX + 256 < TICKETS_TEXT_MAX, "everything fits into the file");

static void add_token(struct bytes_text *text, const struct tickets_token *k)
{
    char id[2 * TOKEN_ID + 1], psk[2 * TOKEN_PSK + 1];

    bytes_to_hex(k->id, TOKEN_ID, id);
    bytes_to_hex(k->psk, TOKEN_PSK, psk);
    bytes_text_add(text, "token %s %s %" PRIu64 " %" PRIu64 " %" PRIu32 " %" PRIu32 "\n", id, psk, k->created_s,
                   k->expires_s, k->uses, k->left);
    if (k->is_revoked) {
        bytes_text_add(text, "revoked %s\n", id);
    }
    sodium_memzero(psk, sizeof psk);
}

static void add_keys(struct bytes_text *text, const struct tickets *t)
{
    char hex[2 * NODE_KEY_LEN + 1];

    for (uint32_t i = 0; i < t->keys; i++) {
        bytes_to_hex(t->key[i], NODE_KEY_LEN, hex);
        bytes_text_add(text, "key %" PRIu32 " %s\n", t->epoch[i], hex);
    }
    if (t->keys > 0) {
        bytes_text_add(text, "changed %" PRIu64 " %" PRIu32 "\n", t->changed_s, t->grace_s);
    }
    if (t->crl > 0) {
        bytes_text_add(text, "crl %" PRIu32 "\n", t->crl);
    }
    sodium_memzero(hex, sizeof hex);
}

static void add_stale(struct bytes_text *text, const struct tickets_certificate *c)
{
    char serial[2 * TICKETS_SERIAL + 1];

    bytes_to_hex(c->serial, TICKETS_SERIAL, serial);
    bytes_text_add(text, "stale %s %" PRIu64 " %" PRIu64 "\n", serial, c->since_s, c->until_s);
}

static void add_member(struct bytes_text *text, const struct tickets_member *m)
{
    char id[2 * NODE_ID_LEN + 1], token[2 * TOKEN_ID + 1];

    bytes_to_hex(m->id, NODE_ID_LEN, id);
    bytes_to_hex(m->token, TOKEN_ID, token);
    bytes_text_add(text, "member %s %s %s %" PRIu64 "\n", m->name, id, token, m->joined_s);
    for (uint32_t i = 0; i < TICKETS_CERTIFICATES_MAX && m->certificate[i].until_s != 0; i++) {
        char serial[2 * TICKETS_SERIAL + 1];
        bytes_to_hex(m->certificate[i].serial, TICKETS_SERIAL, serial);
        bytes_text_add(text, "certificate %s %" PRIu64 "\n", serial, m->certificate[i].until_s);
    }
}

enum err tickets_format(const struct tickets *t, char **ret, size_t *ret_len)
{
    size_t room = 256 + t->tokens * (size_t)(TOKEN_LINE_MAX + REVOKED_LINE_MAX) +
                  t->members * (size_t)(MEMBER_LINE_MAX + TICKETS_CERTIFICATES_MAX * CERTIFICATE_LINE_MAX) +
                  KEYS_LINES_MAX + t->stales * (size_t)STALE_LINE_MAX;
    struct bytes_text text;
    char *at = malloc(room);

    if (at == NULL) {
        return ERR_NOMEM;
    }
    bytes_text_init(&text, at, room);
    bytes_text_add(&text, "%s\n", head);
    add_keys(&text, t);
    for (uint32_t i = 0; i < t->stales; i++) {
        add_stale(&text, &t->stale[i]);
    }
    for (uint32_t i = 0; i < t->tokens; i++) {
        add_token(&text, &t->token[i]);
    }
    for (uint32_t i = 0; i < t->members; i++) {
        add_member(&text, &t->member[i]);
    }
    lines_seal(&text);
    *ret = at;
    *ret_len = text.len;
    return ERR_OK;
}

/* ---- reading --------------------------------------------------------------------------------------- */

static enum err take_token(const struct lines *l, struct tickets *t)
{
    struct tickets_token k = {0};
    uint64_t uses, left;

    if (t->tokens == TICKETS_TOKENS_MAX || lines_hex(l, 1, k.id, TOKEN_ID) != ERR_OK ||
        lines_hex(l, 2, k.psk, TOKEN_PSK) != ERR_OK ||
        lines_number(l, 3, UINT64_MAX, &k.created_s) != ERR_OK ||
        lines_number(l, 4, UINT64_MAX, &k.expires_s) != ERR_OK ||
        lines_number(l, 5, TICKETS_USES_MAX, &uses) != ERR_OK || lines_number(l, 6, uses, &left) != ERR_OK ||
        tickets_find(t, k.id) != NULL) {
        return ERR_MALFORMED;
    }
    k.uses = (uint32_t)uses;
    k.left = (uint32_t)left;
    t->token[t->tokens++] = k;
    sodium_memzero(&k, sizeof k);
    return ERR_OK;
}

static enum err take_member(const struct lines *l, struct tickets *t)
{
    struct tickets_member m = {0};

    if (t->members == TICKETS_MEMBERS_MAX || !name_valid_str(l->word[1]) ||
        lines_hex(l, 2, m.id, NODE_ID_LEN) != ERR_OK || lines_hex(l, 3, m.token, TOKEN_ID) != ERR_OK ||
        lines_number(l, 4, UINT64_MAX, &m.joined_s) != ERR_OK) {
        return ERR_MALFORMED;
    }
    memcpy(m.name, l->word[1], strlen(l->word[1]));
    t->member[t->members++] = m;
    return ERR_OK;
}

/* Epochs fall, no key is zero: as cluster_check wants them. */
static enum err take_key(const struct lines *l, struct tickets *t)
{
    uint64_t epoch;

    if (t->keys == NODE_CLUSTER_KEYS || lines_number(l, 1, UINT32_MAX, &epoch) != ERR_OK || epoch == 0 ||
        (t->keys > 0 && epoch >= t->epoch[0]) || lines_hex(l, 2, t->key[t->keys], NODE_KEY_LEN) != ERR_OK ||
        sodium_is_zero(t->key[t->keys], NODE_KEY_LEN)) {
        return ERR_MALFORMED;
    }
    t->epoch[t->keys++] = (uint32_t)epoch;
    return ERR_OK;
}

static enum err take_changed(const struct lines *l, struct tickets *t)
{
    uint64_t grace_s;

    if (t->keys == 0 || lines_number(l, 1, UINT64_MAX, &t->changed_s) != ERR_OK ||
        lines_number(l, 2, CLUSTER_GRACE_MAX_S, &grace_s) != ERR_OK) {
        return ERR_MALFORMED;
    }
    t->grace_s = (uint32_t)grace_s;
    return ERR_OK;
}

static enum err take_stale(const struct lines *l, struct tickets *t)
{
    struct tickets_certificate c = {0};

    if (t->stales == TICKETS_STALE_MAX || lines_hex(l, 1, c.serial, TICKETS_SERIAL) != ERR_OK ||
        lines_number(l, 2, UINT64_MAX, &c.since_s) != ERR_OK ||
        lines_number(l, 3, UINT64_MAX - TICKETS_STALE_SLACK_S, &c.until_s) != ERR_OK) {
        return ERR_MALFORMED;
    }
    t->stale[t->stales++] = c;
    return ERR_OK;
}

/* Of the member before it. */
static enum err take_certificate(const struct lines *l, struct tickets *t)
{
    struct tickets_member *m = t->members > 0 ? &t->member[t->members - 1] : NULL;
    struct tickets_certificate c = {0};

    if (m == NULL || lines_hex(l, 1, c.serial, TICKETS_SERIAL) != ERR_OK ||
        lines_number(l, 2, UINT64_MAX - TICKETS_STALE_SLACK_S, &c.until_s) != ERR_OK || c.until_s == 0) {
        return ERR_MALFORMED;
    }
    for (uint32_t i = 0; i < TICKETS_CERTIFICATES_MAX; i++) {
        if (m->certificate[i].until_s == 0) {
            m->certificate[i] = c;
            return ERR_OK;
        }
    }
    return ERR_MALFORMED;
}

/* Lines about keys and certificates; ERR_NOT_FOUND: it is another. */
static enum err take_roll_line(const struct lines *l, struct tickets *t)
{
    uint64_t crl;

    if (lines_is(l, "key", 2)) {
        return take_key(l, t);
    }
    if (lines_is(l, "changed", 2)) {
        return take_changed(l, t);
    }
    if (lines_is(l, "stale", 3)) {
        return take_stale(l, t);
    }
    if (lines_is(l, "certificate", 2)) {
        return take_certificate(l, t);
    }
    if (!lines_is(l, "crl", 1)) {
        return ERR_NOT_FOUND;
    }
    enum err e = lines_number(l, 1, TICKETS_CRL_MAX, &crl);
    t->crl = e == ERR_OK ? (uint32_t)crl : 0;
    return e;
}

static enum err take_line(const struct lines *l, struct tickets *t)
{
    uint8_t id[TOKEN_ID];
    enum err e = take_roll_line(l, t);

    if (e != ERR_NOT_FOUND) {
        return e;
    }

    if (lines_is(l, "token", 6)) {
        return take_token(l, t);
    }
    if (lines_is(l, "revoked", 1) && lines_hex(l, 1, id, sizeof id) == ERR_OK) {
        return tickets_revoke(t, id) == ERR_OK ? ERR_OK : ERR_MALFORMED;
    }
    return lines_is(l, "member", 4) ? take_member(l, t) : ERR_MALFORMED;
}

static enum err take_all(struct lines *l, const char *text, size_t size, struct tickets *t)
{
    char *again = NULL;
    size_t again_len = 0;
    enum err e = ERR_OK;

    while (e == ERR_OK && (e = lines_next(l)) == ERR_OK) {
        e = take_line(l, t);
    }
    if (e != ERR_NOT_FOUND) {
        return e;
    }
    e = tickets_format(t, &again, &again_len);
    if (e == ERR_OK) {
        /* One form for one meaning. */
        e = again_len == size && sodium_memcmp(again, text, size) == 0 ? ERR_OK : ERR_MALFORMED;
        sodium_memzero(again, again_len);
    }
    free(again);
    return e;
}

enum err tickets_parse(const char *text, size_t size, struct tickets *ret)
{
    struct lines l = {0};
    enum err e = lines_open(&l, text, size, head);

    if (e != ERR_OK) {
        return e;
    }
    AUTO_FREE struct tickets *t = calloc(1, sizeof *t); /* too large for a stack */
    e = t == NULL ? ERR_NOMEM : take_all(&l, text, size, t);
    lines_close(&l);
    if (e == ERR_OK) {
        *ret = *t;
    }
    if (t != NULL) {
        sodium_memzero(t, sizeof *t);
    }
    return e;
}
