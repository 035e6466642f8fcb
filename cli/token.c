#include "cli/token.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/emit.h"
#include "cli/paint.h"
#include "cli/part.h"
#include "common/node/pki_date.h"
#include "common/node/token.h"
#include "proto/issuer.pb-c.h"

enum {
    ANSWER_MS = 5000, /* a change goes to the disk first */
    DATE_SIZE = 24,
    USES_MAX = 1000,  /* the issuer's own limit */
};

/* Ask the issuer; *ret: free with cli_ask_free. */
static int ask_issuer(struct cli *cli, const char *method, uint32_t number, const ProtobufCMessage *request,
                      ProtobufCMessage **ret)
{
    AUTO_ASK struct cli_ask ask = {.fd = -1};
    char text[SP_TEXT_SIZE] = "";
    enum err e = cli_ask_connect(cli, "issuer", "default/issuer.0.sock", &ask);

    if (e == ERR_NOT_FOUND || e == ERR_UNAVAILABLE) {
        return cli_fail(cli, ERR_UNAVAILABLE, "it belongs into the manifest of the node of `cell init`; see `cell status "
                        "issuer`", "no issuer runs on this node");
    }
    if (e != ERR_OK) {
        return cli_ask_explain_connect(cli, &ask, e);
    }
    e = cli_ask_try(&ask, &cell__issuer__issuer__descriptor, method, number, request, ANSWER_MS, ret, text);
    return e == ERR_OK ? CLI_DONE : cli_ask_explain(cli, &ask, method, e, text);
}

static void format_date(uint64_t seconds, char out[DATE_SIZE])
{
    char d[PKI_DATE_SIZE];

    pki_date_format(seconds, d);
    (void)snprintf(out, DATE_SIZE, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", d, d + 4, d + 6, d + 8, d + 10, d + 12);
}

/* A reply as it is: one JSON document. */
/* ---- tokens ------------------------------------------------------------------------------------------------ */

static int create(struct cli *cli)
{
    Cell__Issuer__CreateTokenRequest ask = CELL__ISSUER__CREATE_TOKEN_REQUEST__INIT;
    char *contact[CLI_ARGS_MAX], until[DATE_SIZE];
    uint32_t uses = 1, valid_ms = 0;
    ProtobufCMessage *reply = NULL;

    int status = cli_args_number(cli, "uses", 1, USES_MAX, &uses);
    if (status == CLI_DONE) {
        status = cli_args_duration_ms(cli, "valid", &valid_ms);
    }
    if (status != CLI_DONE) {
        return status;
    }
    for (const char *a; (a = cli_args_value_at(cli, "address", ask.n_contacts)) != NULL; ask.n_contacts++) {
        contact[ask.n_contacts] = (char *)a;
    }
    ask.contacts = contact;
    ask.uses = uses;
    ask.valid_s = (valid_ms + 999) / 1000;
    status = ask_issuer(cli, "CreateToken", CELL__ISSUER__OP__OP_CREATE_TOKEN, &ask.base, &reply);
    if (status != CLI_DONE) {
        return status;
    }
    const Cell__Issuer__CreateTokenReply *r = (const Cell__Issuer__CreateTokenReply *)reply;
    if (cli->json) {
        status = cli_emit_message(cli, reply);
    } else {
        format_date(r->expires_s, until);
        cli_paint_put(false, CLI_PAINT_PLAIN, r->token);
        putchar('\n');
        cli_fail_note(cli, "%s lets %" PRIu32 " node%s in until %s; on each, `cell join -` reads it", r->id, uses,
                      uses == 1 ? "" : "s", until);
    }
    sodium_memzero(r->token, strlen(r->token));
    cli_ask_free(reply);
    return status;
}

static int print_tokens(struct cli *cli, const ProtobufCMessage *reply)
{
    static const char *const heads[] = {"ID", "STATE", ">LEFT", ">USES", "EXPIRES"};
    const Cell__Issuer__ListTokensReply *r = (const Cell__Issuer__ListTokensReply *)reply;
    struct cli_paint_table t;

    cli_paint_table_init(&t, heads, ARRAY_LEN(heads));
    for (size_t i = 0; i < r->n_tokens; i++) {
        char until[DATE_SIZE];
        format_date(r->tokens[i]->expires_s, until);
        cli_paint_table_add(&t, CLI_PAINT_PLAIN, r->tokens[i]->id);
        cli_paint_table_add(&t, strcmp(r->tokens[i]->state, "live") == 0 ? CLI_PAINT_GOOD : CLI_PAINT_DIM,
                            r->tokens[i]->state);
        cli_paint_table_addf(&t, CLI_PAINT_PLAIN, "%" PRIu32, r->tokens[i]->left);
        cli_paint_table_addf(&t, CLI_PAINT_PLAIN, "%" PRIu32, r->tokens[i]->uses);
        cli_paint_table_add(&t, CLI_PAINT_PLAIN, until);
    }
    return cli_emit_table(cli, &t);
}

static int list(struct cli *cli)
{
    Cell__Issuer__ListTokensRequest ask = CELL__ISSUER__LIST_TOKENS_REQUEST__INIT;
    ProtobufCMessage *reply;
    int status = ask_issuer(cli, "ListTokens", CELL__ISSUER__OP__OP_LIST_TOKENS, &ask.base, &reply);

    return status == CLI_DONE ? cli_emit_reply(cli, reply, print_tokens) : status;
}

static int revoke(struct cli *cli)
{
    Cell__Issuer__RevokeTokenRequest ask = CELL__ISSUER__REVOKE_TOKEN_REQUEST__INIT;
    ProtobufCMessage *reply = NULL;

    ask.id = (char *)cli->args[1];
    int status = ask_issuer(cli, "RevokeToken", CELL__ISSUER__OP__OP_REVOKE_TOKEN, &ask.base, &reply);
    if (status == CLI_DONE && cli->json) {
        status = cli_emit_message(cli, reply);
    } else if (status == CLI_DONE) {
        puts("revoked: it lets nobody in any more; who joined with it stays");
    }
    cli_ask_free(reply);
    return status;
}

int cli_token_run(struct cli *cli)
{
    static const struct {
        struct cli_part part;
        int (*run)(struct cli *cli);
    } parts[] = {
        {{"create", 0, 0, "uses valid address", "create [--uses N] [--valid DURATION] [--address HOST:PORT]"}, create},
        {{"list", 0, 0, "", "list"}, list},
        {{"revoke", 1, 1, "", "revoke ID, as `cell token list` shows it"}, revoke},
    };
    int at = CLI_PART_FIND(cli, parts);

    return at < 0 ? CLI_USAGE : parts[at].run(cli);
}

/* ---- members ----------------------------------------------------------------------------------------------- */

static int print_members(struct cli *cli, const ProtobufCMessage *reply)
{
    static const char *const heads[] = {"NODE", "JOINED", "TOKEN", "ID"};
    const Cell__Issuer__ListMembersReply *r = (const Cell__Issuer__ListMembersReply *)reply;
    struct cli_paint_table t;

    cli_paint_table_init(&t, heads, ARRAY_LEN(heads));
    for (size_t i = 0; i < r->n_members; i++) {
        char since[DATE_SIZE];
        format_date(r->members[i]->joined_s, since);
        cli_paint_table_add(&t, CLI_PAINT_PLAIN, r->members[i]->name);
        cli_paint_table_add(&t, CLI_PAINT_PLAIN, since);
        cli_paint_table_add(&t, CLI_PAINT_PLAIN, *r->members[i]->token != '\0' ? r->members[i]->token : "-");
        cli_paint_table_add(&t, CLI_PAINT_PLAIN, r->members[i]->id);
    }
    return cli_emit_table(cli, &t);
}

static int list_members(struct cli *cli)
{
    Cell__Issuer__ListMembersRequest ask = CELL__ISSUER__LIST_MEMBERS_REQUEST__INIT;
    ProtobufCMessage *reply;
    int status = ask_issuer(cli, "ListMembers", CELL__ISSUER__OP__OP_LIST_MEMBERS, &ask.base, &reply);

    return status == CLI_DONE ? cli_emit_reply(cli, reply, print_members) : status;
}

static int remove_member(struct cli *cli)
{
    Cell__Issuer__RemoveMemberRequest ask = CELL__ISSUER__REMOVE_MEMBER_REQUEST__INIT;
    ProtobufCMessage *reply = NULL;

    ask.name = (char *)cli->args[1];
    int status = ask_issuer(cli, "RemoveMember", CELL__ISSUER__OP__OP_REMOVE_MEMBER, &ask.base, &reply);
    if (status == CLI_DONE && cli->json) {
        status = cli_emit_message(cli, reply);
    } else if (status == CLI_DONE) {
        const Cell__Issuer__RemoveMemberReply *r = (const Cell__Issuer__RemoveMemberReply *)reply;
        puts("removed: its certificate is revoked, and the cluster's key changes without it");
        cli_fail_note(cli, "nodes fetch revocation list %" PRIu32 " and epoch %" PRIu32 " within seconds; `cell members` shows them",
                      r->crl, r->epoch);
    }
    cli_ask_free(reply);
    return status;
}

bool cli_token_has_issuer(struct cli *cli)
{
    struct cli_ask ask = {.fd = -1};
    enum err e = *cli->run_dir != '\0' ? cli_ask_connect(cli, "issuer", "default/issuer.0.sock", &ask) : ERR_NOT_FOUND;

    cli_ask_close(&ask);
    return e == ERR_OK || e == ERR_TIMEOUT; /* one that is busy or hung has the keys none the less */
}

/* ---- keys ---------------------------------------------------------------------------------------------------- */

int cli_token_rotate(struct cli *cli)
{
    Cell__Issuer__RotateRequest ask = CELL__ISSUER__ROTATE_REQUEST__INIT;
    ProtobufCMessage *reply = NULL;
    uint32_t grace_ms = 0;
    int status = cli_args_duration_ms(cli, "grace", &grace_ms);

    if (status != CLI_DONE) {
        return status;
    }
    ask.grace_s = (grace_ms + 999) / 1000;
    status = ask_issuer(cli, "Rotate", CELL__ISSUER__OP__OP_ROTATE, &ask.base, &reply);
    if (status == CLI_DONE && cli->json) {
        status = cli_emit_message(cli, reply);
    } else if (status == CLI_DONE) {
        const Cell__Issuer__RotateReply *r = (const Cell__Issuer__RotateReply *)reply;
        printf("epoch %" PRIu32 "; the key before is good for %" PRIu32 " s more\n", r->epoch, r->grace_s);
        cli_fail_note(cli, "every node with the cell renewer fetches it within seconds; `cell members` shows who has it");
    }
    cli_ask_free(reply);
    return status;
}

int cli_token_member(struct cli *cli)
{
    static const struct {
        struct cli_part part;
        int (*run)(struct cli *cli);
    } parts[] = {
        {{"list", 0, 0, "", "list"}, list_members},
        {{"remove", 1, 1, "", "remove NAME, as `cell member list` shows it"}, remove_member},
    };
    int at = CLI_PART_FIND(cli, parts);

    return at < 0 ? CLI_USAGE : parts[at].run(cli);
}
