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
    MEMBER_LINE_MAX = 8 + NODE_NAME_MAX + 2 * NODE_ID_LEN + 2 * TOKEN_ID + 20 + 8,
};
_Static_assert(TICKETS_TOKENS_MAX * (TOKEN_LINE_MAX + REVOKED_LINE_MAX) + TICKETS_MEMBERS_MAX * MEMBER_LINE_MAX +
                       256 < TICKETS_TEXT_MAX, "everything fits into the file");

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

static void add_member(struct bytes_text *text, const struct tickets_member *m)
{
    char id[2 * NODE_ID_LEN + 1], token[2 * TOKEN_ID + 1];

    bytes_to_hex(m->id, NODE_ID_LEN, id);
    bytes_to_hex(m->token, TOKEN_ID, token);
    bytes_text_add(text, "member %s %s %s %" PRIu64 "\n", m->name, id, token, m->joined_s);
}

enum err tickets_format(const struct tickets *t, char **ret, size_t *ret_len)
{
    size_t room = 256 + t->tokens * (size_t)(TOKEN_LINE_MAX + REVOKED_LINE_MAX) +
                  t->members * (size_t)MEMBER_LINE_MAX;
    struct bytes_text text;
    char *at = malloc(room);

    if (at == NULL) {
        return ERR_NOMEM;
    }
    bytes_text_init(&text, at, room);
    bytes_text_add(&text, "%s\n", head);
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

static enum err take_line(const struct lines *l, struct tickets *t)
{
    uint8_t id[TOKEN_ID];

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
