/* Transactions, written as on a shell: --if "a = 1" --then "put b 2" --else "get a". */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/raft.h"

enum { TERMS_MAX = 32 };

/* The messages of a transaction, and the words that they borrow. */
struct txn {
    Cell__Raft__TxnRequest request;
    Cell__Raft__Compare compare[TERMS_MAX], *compares[TERMS_MAX];
    struct op {
        Cell__Raft__TxnOp base;
        Cell__Raft__PutRequest put;
        Cell__Raft__DeleteRequest del;
        Cell__Raft__RangeRequest range;
    } op[2 * TERMS_MAX];
    Cell__Raft__TxnOp *ops[2][TERMS_MAX];
    char *words[3 * TERMS_MAX];
    size_t word_count;
};

static void txn_free(struct txn *t)
{
    for (size_t i = 0; t != NULL && i < t->word_count; i++) {
        free(t->words[i]);
    }
    free(t);
}

/* Up to three words of a term; the last takes the rest. The number of them. */
static size_t split(struct txn *t, const char *term, char *word[3])
{
    char *rest = strdup(term);
    size_t count = 0;

    if (rest == NULL) {
        return 0;
    }
    t->words[t->word_count++] = rest;
    while (*rest != '\0' && count < 3) {
        rest += strspn(rest, " ");
        if (*rest == '\0') {
            break;
        }
        word[count++] = rest;
        rest += count < 3 ? strcspn(rest, " ") : strlen(rest);
        if (*rest != '\0') {
            *rest++ = '\0';
        }
    }
    return count;
}

static const char *const signs[] = {"=", "!=", "<", ">"};

/* "version = 3": the second word, and what is behind it. CLI_DONE with *ret_is false when it is no such thing. */
static int add_number(struct cli *cli, Cell__Raft__Compare *c, const char *what, const char *rest, bool *ret_is)
{
    static const char *const targets[] = {"version", "created", "modified", "lease"};
    char sign[3];
    int at = 0;

    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        if (strcmp(what, targets[i]) == 0) {
            c->target = (Cell__Raft__Compare__Target)(CELL__RAFT__COMPARE__TARGET__VERSION + i);
            *ret_is = sscanf(rest, "%2[=!<>] %n", sign, &at) == 1 && at > 0;
        }
    }
    for (size_t i = 0; *ret_is && i < ARRAY_LEN(signs); i++) {
        if (strcmp(sign, signs[i]) == 0) {
            c->result = (Cell__Raft__Compare__Result)i;
            return cli_raft_number(cli, rest + at, what, &c->number);
        }
    }
    *ret_is = false;
    return CLI_DONE;
}

/* "KEY = VALUE", also !=, < and >; "KEY exists"; "KEY missing"; "KEY version = N", also created, modified and lease. */
static int add_compare(struct cli *cli, struct txn *t, const char *term)
{
    Cell__Raft__Compare *c = &t->compare[t->request.n_compare];
    char *word[3];
    size_t count = split(t, term, word);

    cell__raft__compare__init(c);
    t->compares[t->request.n_compare++] = c;
    if (count == 2 && (strcmp(word[1], "exists") == 0 || strcmp(word[1], "missing") == 0)) {
        c->key = cli_raft_bytes(word[0]);
        c->target = CELL__RAFT__COMPARE__TARGET__VERSION;
        c->result = word[1][0] == 'e' ? CELL__RAFT__COMPARE__RESULT__GREATER : CELL__RAFT__COMPARE__RESULT__EQUAL;
        return CLI_DONE;
    }
    for (size_t i = 0; count == 3 && i < ARRAY_LEN(signs); i++) {
        if (strcmp(word[1], signs[i]) == 0) {
            c->key = cli_raft_bytes(word[0]);
            c->result = (Cell__Raft__Compare__Result)i;
            c->value = cli_raft_bytes(word[2]);
            return CLI_DONE;
        }
    }
    bool is_number = false;
    int status = count == 3 ? add_number(cli, c, word[1], word[2], &is_number) : CLI_DONE;
    if (is_number) {
        c->key = cli_raft_bytes(word[0]);
        return status;
    }
    return cli_fail_usage(cli, NULL, "\"%s\" is no condition: expected \"KEY = VALUE\" (or !=, <, >), \"KEY exists\", "
                          "\"KEY missing\" or \"KEY version = N\" (or created, modified, lease)", term);
}

/* "put KEY VALUE", "del KEY", "get KEY". */
static int add_op(struct cli *cli, struct txn *t, size_t branch, const char *term)
{
    size_t *count = branch == 0 ? &t->request.n_success : &t->request.n_failure;
    struct op *o = &t->op[branch * TERMS_MAX + *count];
    char *word[3];
    size_t words = split(t, term, word);

    cell__raft__txn_op__init(&o->base);
    t->ops[branch][(*count)++] = &o->base;
    if (words == 3 && strcmp(word[0], "put") == 0) {
        cell__raft__put_request__init(&o->put);
        o->put.key = cli_raft_bytes(word[1]);
        o->put.value = cli_raft_bytes(word[2]);
        o->base.put = &o->put;
        return CLI_DONE;
    }
    if (words == 2 && strcmp(word[0], "del") == 0) {
        cell__raft__delete_request__init(&o->del);
        o->del.key = cli_raft_bytes(word[1]);
        o->base.delete_ = &o->del;
        return CLI_DONE;
    }
    if (words == 2 && strcmp(word[0], "get") == 0) {
        cell__raft__range_request__init(&o->range);
        o->range.key = cli_raft_bytes(word[1]);
        o->base.range = &o->range;
        return CLI_DONE;
    }
    return cli_fail_usage(cli, NULL, "\"%s\" is no operation: expected \"put KEY VALUE\", \"del KEY\" or \"get KEY\"", term);
}

static int add_terms(struct cli *cli, struct txn *t)
{
    static const char *const options[] = {"then", "else"};
    int status = CLI_DONE;
    const char *term;

    for (size_t i = 0; status == CLI_DONE && (term = cli_args_value_at(cli, "if", i)) != NULL; i++) {
        status = i < TERMS_MAX ? add_compare(cli, t, term) : cli_fail_usage(cli, NULL, "more than %d conditions", TERMS_MAX);
    }
    for (size_t branch = 0; branch < 2; branch++) {
        for (size_t i = 0; status == CLI_DONE && (term = cli_args_value_at(cli, options[branch], i)) != NULL; i++) {
            status = i < TERMS_MAX ? add_op(cli, t, branch, term)
                                   : cli_fail_usage(cli, NULL, "more than %d operations", TERMS_MAX);
        }
    }
    if (status == CLI_DONE && t->request.n_success + t->request.n_failure == 0) {
        return cli_fail_usage(cli, NULL, "a transaction needs --then or --else");
    }
    return status;
}

static void emit_result(struct jsonout *out, const Cell__Raft__TxnResult *r)
{
    jsonout_object(out);
    cli_emit_string(out, "type", r->put != NULL ? "put" : r->delete_ != NULL ? "del" : "get");
    if (r->delete_ != NULL) {
        cli_emit_u64(out, "deleted", r->delete_->deleted);
    }
    if (r->range != NULL) {
        jsonout_name(out, "pairs");
        jsonout_array(out);
        for (size_t i = 0; i < r->range->n_pairs; i++) {
            cli_raft_pair(out, r->range->pairs[i]);
        }
        jsonout_array_end(out);
    }
    jsonout_object_end(out);
}

static int show(struct cli *cli, const Cell__Raft__TxnReply *reply)
{
    struct jsonout out;

    if (!cli->json) {
        printf("%s, revision %" PRIu64 "\n", reply->succeeded ? "then" : "else", reply->revision);
        for (size_t i = 0; i < reply->n_results; i++) {
            const Cell__Raft__RangeReply *range = reply->results[i]->range;
            for (size_t k = 0; range != NULL && k < range->n_pairs; k++) {
                cli_raft_print(cli, range->pairs[k], true);
            }
        }
        return CLI_DONE;
    }
    cli_emit_begin(&out);
    jsonout_object(&out);
    cli_emit_u64(&out, "revision", reply->revision);
    cli_emit_bool(&out, "succeeded", reply->succeeded);
    jsonout_name(&out, "results");
    jsonout_array(&out);
    for (size_t i = 0; i < reply->n_results; i++) {
        emit_result(&out, reply->results[i]);
    }
    jsonout_array_end(&out);
    jsonout_object_end(&out);
    return cli_emit_end(cli, &out);
}

int cli_raft_txn(struct cli_raft *r)
{
    struct txn *t = calloc(1, sizeof *t);
    ProtobufCMessage *message = NULL;

    if (t == NULL) {
        return cli_fail(r->cli, ERR_NOMEM, NULL, "%s", err_text(ERR_NOMEM));
    }
    cell__raft__txn_request__init(&t->request);
    t->request.compare = t->compares;
    t->request.success = t->ops[0];
    t->request.failure = t->ops[1];
    int status = add_terms(r->cli, t);
    if (status == CLI_DONE) {
        status = cli_raft_ask(r, "Txn", CELL__RAFT__OP__OP_TXN, &t->request.base, &message);
    }
    if (status == CLI_DONE) {
        status = show(r->cli, (const Cell__Raft__TxnReply *)message);
        cli_ask_free(message);
    }
    txn_free(t);
    return status;
}
