#include "common/node/tickets.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

static bool is_dead(const struct tickets_token *k, uint64_t now_s)
{
    return now_s >= k->expires_s && now_s - k->expires_s >= TICKETS_KEEP_S;
}

static void forget_dead(struct tickets *t, uint64_t now_s)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < t->tokens; i++) {
        if (!is_dead(&t->token[i], now_s)) {
            t->token[kept++] = t->token[i];
        }
    }
    sodium_memzero(&t->token[kept], (t->tokens - kept) * sizeof t->token[0]);
    t->tokens = kept;
}

struct tickets_token *tickets_find(struct tickets *t, const uint8_t id[TOKEN_ID])
{
    for (uint32_t i = 0; i < t->tokens; i++) {
        if (memcmp(t->token[i].id, id, TOKEN_ID) == 0) {
            return &t->token[i];
        }
    }
    return NULL;
}

enum err tickets_add(struct tickets *t, const struct token *token, uint32_t uses, uint64_t now_s)
{
    if (uses < 1 || uses > TICKETS_USES_MAX || token->expires_s <= now_s ||
        sodium_is_zero(token->id, TOKEN_ID)) {
        return ERR_INVALID;
    }
    forget_dead(t, now_s);
    if (tickets_find(t, token->id) != NULL) {
        return ERR_EXISTS;
    }
    if (t->tokens == TICKETS_TOKENS_MAX) {
        return ERR_LIMIT;
    }
    struct tickets_token *k = &t->token[t->tokens++];
    *k = (struct tickets_token){.created_s = now_s, .expires_s = token->expires_s, .uses = uses, .left = uses};
    memcpy(k->id, token->id, TOKEN_ID);
    token_psk(token, k->psk);
    return ERR_OK;
}

enum token_verdict tickets_judge(const struct tickets_token *token, uint64_t now_s)
{
    return token->is_revoked ? TOKEN_REVOKED : now_s >= token->expires_s ? TOKEN_EXPIRED : TOKEN_GRANTED;
}

enum err tickets_revoke(struct tickets *t, const uint8_t id[TOKEN_ID])
{
    struct tickets_token *k = tickets_find(t, id);

    if (k == NULL) {
        return ERR_NOT_FOUND;
    }
    k->is_revoked = true;
    return ERR_OK;
}

/* ---- members --------------------------------------------------------------------------------------- */

static struct tickets_member *member_named(struct tickets *t, const char *name)
{
    for (uint32_t i = 0; i < t->members; i++) {
        if (strcmp(t->member[i].name, name) == 0) {
            return &t->member[i];
        }
    }
    return NULL;
}

static struct tickets_member *member_of(struct tickets *t, const uint8_t *id)
{
    for (uint32_t i = 0; id != NULL && i < t->members; i++) {
        if (memcmp(t->member[i].id, id, NODE_ID_LEN) == 0) {
            return &t->member[i];
        }
    }
    return NULL;
}

const struct tickets_member *tickets_member(const struct tickets *t, const uint8_t id[NODE_ID_LEN])
{
    return member_of((struct tickets *)t, id);
}

static void drop_member(struct tickets *t, struct tickets_member *m)
{
    *m = t->member[--t->members];
}

/* The place of this node: its own entry, or its former id's, or a new one. A former id has none of its own
 * afterwards. NULL: full. */
static struct tickets_member *place_for(struct tickets *t, const uint8_t *id, const uint8_t *previous)
{
    struct tickets_member *own = member_of(t, id), *former = member_of(t, previous);

    if (own != NULL && former != NULL && own != former) {
        drop_member(t, former);
        own = member_of(t, id); /* it may have moved */
    }
    if (own != NULL || former != NULL) {
        return own != NULL ? own : former;
    }
    if (t->members == TICKETS_MEMBERS_MAX) {
        return NULL;
    }
    own = &t->member[t->members++];
    *own = (struct tickets_member){0};
    return own;
}

static void fill_member(struct tickets_member *m, const char *name, const uint8_t id[NODE_ID_LEN],
                        const uint8_t *token, uint64_t now_s)
{
    memset(m->name, 0, sizeof m->name);
    m->joined_s = now_s;
    memcpy(m->name, name, strlen(name));
    memcpy(m->id, id, NODE_ID_LEN);
    memcpy(m->token, token, TOKEN_ID);
}

enum token_verdict tickets_admit(struct tickets *t, const uint8_t token[TOKEN_ID], const char *name,
                                 const uint8_t id[NODE_ID_LEN], const uint8_t *previous, uint64_t now_s)
{
    struct tickets_token *k = tickets_find(t, token);
    struct tickets_member *named = member_named(t, name), *self = member_of(t, id);

    assert(name_valid_str(name));
    enum token_verdict verdict = k == NULL ? TOKEN_UNKNOWN : tickets_judge(k, now_s);
    if (verdict != TOKEN_GRANTED) {
        return verdict;
    }
    bool is_again = self != NULL && memcmp(self->token, token, TOKEN_ID) == 0;
    if (k->left == 0 && !is_again) {
        return TOKEN_USED;
    }
    bool is_own = named == NULL || named == self ||
                  (previous != NULL && memcmp(named->id, previous, NODE_ID_LEN) == 0);
    if (!is_own) {
        return TOKEN_NAME_TAKEN;
    }
    /* Whoever changes its identity has a reason: what was made for the former one ends. */
    struct tickets_member *former = member_of(t, previous);
    if (former != NULL && former != self && tickets_revoke_all(t, former, now_s) != ERR_OK) {
        return TOKEN_FULL;
    }
    struct tickets_member *m = place_for(t, id, previous);
    if (m == NULL) {
        return TOKEN_FULL;
    }
    k->left -= is_again ? 0 : 1;
    fill_member(m, name, id, token, now_s);
    return TOKEN_GRANTED;
}

enum err tickets_enter_self(struct tickets *t, const char *name, const uint8_t id[NODE_ID_LEN], uint64_t now_s)
{
    static const uint8_t none[TOKEN_ID];
    struct tickets_member *m = member_of(t, id);

    if (m == NULL && (m = member_named(t, name)) != NULL && tickets_revoke_all(t, m, now_s) != ERR_OK) {
        return ERR_LIMIT; /* the initial node has a new identity */
    }
    if (m == NULL) {
        m = place_for(t, id, NULL);
    }
    if (m == NULL) {
        return ERR_LIMIT;
    }
    fill_member(m, name, id, none, m->joined_s != 0 ? m->joined_s : now_s);
    return ERR_OK;
}

enum err tickets_remove_member(struct tickets *t, const char *name, uint64_t now_s)
{
    struct tickets_member *m = member_named(t, name);

    if (m == NULL) {
        return ERR_NOT_FOUND;
    }
    enum err e = tickets_revoke_all(t, m, now_s);
    if (e == ERR_OK) {
        drop_member(t, m);
    }
    return e;
}
