#include "issuer/service.h"

#include <inttypes.h>
#include <sodium.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/run/log.h"
#include "issuer/roll.h"
#include "issuer/shell.h"
#include "proto/issuer.pb-c.h"

static enum err take_id(struct cell_call *call, const char *text, uint8_t ret[TOKEN_ID])
{
    if (!bytes_from_hex(text, ret, TOKEN_ID)) {
        cell_call_explain(call, "id: expected the 16 hex digits that ListTokens shows");
        return ERR_INVALID;
    }
    return ERR_OK;
}

/* ---- tokens ------------------------------------------------------------------------------------------------ */

static enum err take_contacts(const struct issuer_shell *s, struct cell_call *call,
                              const Cell__Issuer__CreateTokenRequest *ask, struct token *t)
{
    char host[CONTACT_SIZE];
    uint16_t port;

    if (ask->n_contacts > TOKEN_CONTACTS_MAX) {
        cell_call_explain(call, "contacts: at most %d", TOKEN_CONTACTS_MAX);
        return ERR_INVALID;
    }
    for (size_t i = 0; i < ask->n_contacts; i++) {
        if (strlen(ask->contacts[i]) > CONTACT_MAX || contact_parse(ask->contacts[i], host, &port) != ERR_OK) {
            cell_call_explain(call, "contacts[%zu]: expected HOST:PORT such as 10.0.0.1:7402", i);
            return ERR_INVALID;
        }
        memcpy(t->contact[t->contacts++], ask->contacts[i], strlen(ask->contacts[i]) + 1);
    }
    for (uint32_t i = 0; ask->n_contacts == 0 && i < s->contacts; i++) {
        memcpy(t->contact[t->contacts++], s->contact[i], CONTACT_SIZE);
    }
    return ERR_OK;
}

static enum err draw_token(const struct issuer_shell *s, struct cell_call *call,
                           const Cell__Issuer__CreateTokenRequest *ask, uint64_t now_s, struct token *t)
{
    uint64_t valid_s = ask->valid_s != 0 ? ask->valid_s : ISSUER_VALID_DEFAULT_S;

    if (valid_s > ISSUER_VALID_MAX_S) {
        cell_call_explain(call, "valid_s: at most 31 days");
        return ERR_INVALID;
    }
    *t = (struct token){.expires_s = now_s + valid_s};
    memcpy(t->issuer, s->keys.id, sizeof t->issuer);
    randombytes_buf(t->id, sizeof t->id);
    randombytes_buf(t->secret, sizeof t->secret);
    return take_contacts(s, call, ask, t);
}

static enum err tell_token(struct cell_call *call, const struct token *t)
{
    Cell__Issuer__CreateTokenReply reply = CELL__ISSUER__CREATE_TOKEN_REPLY__INIT;
    char text[TOKEN_TEXT_SIZE], id[2 * TOKEN_ID + 1];
    char *contact[TOKEN_CONTACTS_MAX];

    token_format(t, text);
    bytes_to_hex(t->id, TOKEN_ID, id);
    for (uint32_t i = 0; i < t->contacts; i++) {
        contact[i] = (char *)t->contact[i];
    }
    reply.token = text;
    reply.id = id;
    reply.expires_s = t->expires_s;
    reply.contacts = contact;
    reply.n_contacts = t->contacts;
    enum err e = cell_reply(call, &reply);
    sodium_memzero(text, sizeof text);
    return e;
}

enum err issuer_service_create_token(void *state, struct cell_call *call, const void *request)
{
    struct issuer_shell *s = state;
    const Cell__Issuer__CreateTokenRequest *ask = request;
    uint64_t now_s = issuer_shell_now_s();
    struct token t;
    enum err e = draw_token(s, call, ask, now_s, &t);

    if (e == ERR_OK) {
        issuer_shell_begin(s);
        e = tickets_add(&s->tickets, &t, ask->uses != 0 ? ask->uses : 1, now_s);
        if (e == ERR_INVALID) {
            cell_call_explain(call, "uses: 1 to %d", TICKETS_USES_MAX);
        } else if (e == ERR_LIMIT) {
            cell_call_explain(call, "%d tokens are live: wait until some expire", TICKETS_TOKENS_MAX);
        }
    }
    if (e == ERR_OK) {
        e = issuer_shell_keep(s);
    }
    if (e == ERR_OK) {
        e = tell_token(call, &t);
    }
    token_forget(&t);
    return e;
}

static const char *state_of(const struct tickets_token *k, uint64_t now_s)
{
    switch (tickets_judge(k, now_s)) {
    case TOKEN_REVOKED:
        return "revoked";
    case TOKEN_EXPIRED:
        return "expired";
    case TOKEN_GRANTED:
    case TOKEN_UNKNOWN:
    case TOKEN_USED:
    case TOKEN_NAME_TAKEN:
    case TOKEN_BUSY:
    case TOKEN_MALFORMED:
    case TOKEN_FAILED:
    case TOKEN_VERSION:
    case TOKEN_FULL:
    case TOKEN_STRANGER:
        break;
    }
    return k->left > 0 ? "live" : "used";
}

enum err issuer_service_list_tokens(void *state, struct cell_call *call, const void *request)
{
    struct issuer_shell *s = state;
    Cell__Issuer__ListTokensReply reply = CELL__ISSUER__LIST_TOKENS_REPLY__INIT;
    Cell__Issuer__Token token[TICKETS_TOKENS_MAX], *slot[TICKETS_TOKENS_MAX];
    char id[TICKETS_TOKENS_MAX][2 * TOKEN_ID + 1];

    (void)request;
    for (uint32_t i = 0; i < s->tickets.tokens; i++) {
        const struct tickets_token *k = &s->tickets.token[i];
        cell__issuer__token__init(&token[i]);
        bytes_to_hex(k->id, TOKEN_ID, id[i]);
        token[i].id = id[i];
        token[i].created_s = k->created_s;
        token[i].expires_s = k->expires_s;
        token[i].uses = k->uses;
        token[i].left = k->left;
        token[i].state = (char *)state_of(k, issuer_shell_now_s());
        slot[i] = &token[i];
    }
    reply.tokens = slot;
    reply.n_tokens = s->tickets.tokens;
    return cell_reply(call, &reply);
}

enum err issuer_service_revoke_token(void *state, struct cell_call *call, const void *request)
{
    struct issuer_shell *s = state;
    const Cell__Issuer__RevokeTokenRequest *ask = request;
    Cell__Issuer__RevokeTokenReply reply = CELL__ISSUER__REVOKE_TOKEN_REPLY__INIT;
    uint8_t id[TOKEN_ID];
    enum err e = take_id(call, ask->id, id);

    if (e == ERR_OK) {
        issuer_shell_begin(s);
        e = tickets_revoke(&s->tickets, id);
    }
    if (e == ERR_NOT_FOUND) {
        cell_call_explain(call, "no token has this id; ListTokens shows them");
    }
    if (e == ERR_OK) {
        e = issuer_shell_keep(s);
    }
    if (e != ERR_OK) {
        return e;
    }
    log_info("ISSUER-REVOKED", "token=%s", ask->id);
    return cell_reply(call, &reply);
}

/* ---- members ----------------------------------------------------------------------------------------------- */

struct member_text {
    char id[2 * NODE_ID_LEN + 1];
    char token[2 * TOKEN_ID + 1];
};

enum err issuer_service_list_members(void *state, struct cell_call *call, const void *request)
{
    struct issuer_shell *s = state;
    Cell__Issuer__ListMembersReply reply = CELL__ISSUER__LIST_MEMBERS_REPLY__INIT;
    uint32_t count = s->tickets.members;
    Cell__Issuer__Member *member = cell_call_alloc(call, (count + 1) * sizeof *member);
    Cell__Issuer__Member **slot = cell_call_alloc(call, (count + 1) * sizeof *slot);
    struct member_text *text = cell_call_alloc(call, (count + 1) * sizeof *text);

    (void)request;
    if (member == NULL || slot == NULL || text == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct tickets_member *m = &s->tickets.member[i];
        cell__issuer__member__init(&member[i]);
        bytes_to_hex(m->id, NODE_ID_LEN, text[i].id);
        bytes_to_hex(m->token, TOKEN_ID, text[i].token);
        member[i].name = m->name;
        member[i].id = text[i].id;
        member[i].token = sodium_is_zero(m->token, TOKEN_ID) ? (char *)"" : text[i].token;
        member[i].joined_s = m->joined_s;
        slot[i] = &member[i];
    }
    reply.members = slot;
    reply.n_members = count;
    return cell_reply(call, &reply);
}

enum err issuer_service_remove_member(void *state, struct cell_call *call, const void *request)
{
    struct issuer_shell *s = state;
    const Cell__Issuer__RemoveMemberRequest *ask = request;
    Cell__Issuer__RemoveMemberReply reply = CELL__ISSUER__REMOVE_MEMBER_REPLY__INIT;

    if (!name_valid_str(ask->name)) {
        cell_call_explain(call, "name: expected a node's name");
        return ERR_INVALID;
    }
    if (strcmp(ask->name, s->identity.name) == 0) {
        cell_call_explain(call, "this is the node that answers joins: it stays");
        return ERR_PRECONDITION;
    }
    issuer_shell_begin(s);
    enum err e = tickets_remove_member(&s->tickets, ask->name, issuer_shell_now_s());
    if (e == ERR_NOT_FOUND) {
        cell_call_explain(call, "no member has this name; ListMembers shows them");
    } else if (e == ERR_LIMIT) {
        cell_call_explain(call, "%d certificates are revoked and have not ended: the authority is to be replaced", TICKETS_STALE_MAX);
    }
    if (e == ERR_OK) {
        e = issuer_roll_rotate(s, ISSUER_REMOVE_GRACE_S);
    }
    if (e == ERR_OK) {
        e = issuer_shell_keep(s);
    } else {
        issuer_shell_undo(s);
    }
    if (e != ERR_OK) {
        return e;
    }
    log_info("ISSUER-REMOVED", "node=%s epoch=%" PRIu32 " crl=%" PRIu32, ask->name, s->tickets.epoch[0], s->tickets.crl);
    issuer_roll_tell(s);
    reply.epoch = s->tickets.epoch[0];
    reply.crl = s->tickets.crl;
    return cell_reply(call, &reply);
}

/* ---- keys ---------------------------------------------------------------------------------------------------- */

enum err issuer_service_rotate(void *state, struct cell_call *call, const void *request)
{
    struct issuer_shell *s = state;
    const Cell__Issuer__RotateRequest *ask = request;
    Cell__Issuer__RotateReply reply = CELL__ISSUER__ROTATE_REPLY__INIT;
    uint32_t grace_s = ask->grace_s != 0 ? ask->grace_s : ISSUER_ROTATE_GRACE_S;

    if (grace_s > CLUSTER_GRACE_MAX_S) {
        cell_call_explain(call, "grace_s: 1 to %d", CLUSTER_GRACE_MAX_S);
        return ERR_INVALID;
    }
    issuer_shell_begin(s);
    enum err e = issuer_roll_rotate(s, grace_s);
    if (e == ERR_RANGE) {
        cell_call_explain(call, "this cluster has no epoch left");
    }
    if (e == ERR_OK) {
        e = issuer_shell_keep(s);
    }
    if (e != ERR_OK) {
        return e;
    }
    log_info("ISSUER-ROTATED", "epoch=%" PRIu32 " grace_s=%" PRIu32, s->tickets.epoch[0], grace_s);
    issuer_roll_tell(s);
    reply.epoch = s->tickets.epoch[0];
    reply.grace_s = grace_s;
    return cell_reply(call, &reply);
}
