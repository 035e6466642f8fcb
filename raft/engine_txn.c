/* Transactions in etcd, and compare-and-set, which is one. */
#include <inttypes.h>
#include <stdio.h>

#include "common/run/cell_call.h"
#include "raft/engine_keys.h"
#include "raft/wire.h"

/* ---- what goes out ------------------------------------------------------------------------------- */

/* A member that is written even when it is 0: of a union it says which member is meant. */
static void set_number(struct raft_engine_json *j, json_t *object, const char *name, uint64_t value)
{
    char text[24];

    (void)snprintf(text, sizeof text, "%" PRIu64, value);
    raft_engine_json_text(j, object, name, text);
}

static json_t *compare_body(struct raft_engine_json *j, const struct raft_compare *c)
{
    static const char *const targets[] = {"VALUE", "VERSION", "CREATE", "MOD", "LEASE"};
    static const char *const members[] = {"value", "version", "create_revision", "mod_revision", "lease"};
    static const char *const results[] = {"EQUAL", "NOT_EQUAL", "LESS", "GREATER"};
    json_t *body = raft_engine_json_object(j);

    raft_engine_keys_span(j, body, &c->span);
    raft_engine_json_text(j, body, "target", targets[c->target]);
    raft_engine_json_text(j, body, "result", results[c->result]);
    if (c->target == RAFT_COMPARE_VALUE) {
        raft_engine_json_bytes(j, body, members[c->target], c->value.at, c->value.size);
    } else {
        set_number(j, body, members[c->target], c->number);
    }
    return body;
}

static json_t *op_body(struct raft_engine_json *j, const struct raft_op *op)
{
    json_t *body = raft_engine_json_object(j);

    switch (op->kind) {
    case RAFT_OP_PUT:
        raft_engine_json_set(j, body, "request_put", raft_engine_keys_put_body(j, &op->put));
        break;
    case RAFT_OP_DELETE:
        raft_engine_json_set(j, body, "request_delete_range", raft_engine_keys_delete_body(j, &op->del));
        break;
    case RAFT_OP_RANGE:
        raft_engine_json_set(j, body, "request_range",
                             raft_engine_keys_range_body(j, &op->query, op->query.limit > 0 ? op->query.limit
                                                                                            : RAFT_ENGINE_ETCD_PAGE));
        break;
    }
    return body;
}

static void set_branch(struct raft_engine_json *j, json_t *body, const char *name, struct raft_list ops)
{
    json_t *all = raft_engine_json_array(j);
    struct raft_op op;

    while (raft_command_next_op(&ops, &op)) {
        raft_engine_json_push(j, all, op_body(j, &op));
    }
    raft_engine_json_set(j, body, name, all);
}

/* The command that the embedded store would be given, as etcd's transaction. */
static json_t *txn_body(struct raft_engine_json *j, const struct raft_txn *txn)
{
    json_t *body = raft_engine_json_object(j), *compares = raft_engine_json_array(j);
    struct raft_list list = txn->compares;
    struct raft_compare compare;

    while (raft_command_next_compare(&list, &compare)) {
        raft_engine_json_push(j, compares, compare_body(j, &compare));
    }
    raft_engine_json_set(j, body, "compare", compares);
    set_branch(j, body, "success", txn->success);
    set_branch(j, body, "failure", txn->failure);
    return body;
}

/* Both requests become the same command, which is judged by the same code, before etcd sees anything. */
static enum err ask_txn(struct raft_engine_etcd *g, struct cell_call *call, const void *request, const struct raft_writer *w,
                        raft_engine_etcd_take take)
{
    struct raft_engine_json j = {0};
    struct raft_command command;
    size_t size;
    enum err e = raft_command_end(w, &size);

    if (e != ERR_OK) {
        cell_call_explain(call, "a request has at most %d bytes", RAFT_COMMAND_MAX);
        return e;
    }
    e = raft_command_read(g->scratch, size, &command);
    struct raft_engine_etcd_ask *k = e == ERR_OK ? raft_engine_etcd_new(g, call, request) : NULL;
    if (k == NULL) {
        return e == ERR_OK ? ERR_NOMEM : e;
    }
    return raft_engine_etcd_ask(k, "/v3/kv/txn", &j, txn_body(&j, &command.txn), false, take);
}

/* ---- compare and set ----------------------------------------------------------------------------- */

static void take_cas(struct raft_engine_etcd_ask *k, const json_t *reply, struct arena *a)
{
    Cell__Raft__CasReply out = CELL__RAFT__CAS_REPLY__INIT;
    const json_t *range = raft_engine_json_get(json_array_get(raft_engine_json_get(reply, "responses"), 0), "response_range");
    const json_t *found = json_array_get(raft_engine_json_get(range, "kvs"), 0);
    Cell__Raft__Pair pair;
    enum err e = ERR_OK;

    out.revision = raft_engine_etcd_revision(reply);
    out.succeeded = raft_engine_json_is(reply, "succeeded");
    if (!out.succeeded && found != NULL) {
        e = raft_engine_keys_pair(found, a, &pair);
        out.current = &pair;
    }
    if (e != ERR_OK) {
        raft_engine_keys_unread(k, e);
        return;
    }
    raft_engine_etcd_reply(k, &out);
}

enum err raft_engine_txn_cas(void *state, struct cell_call *call, const void *request)
{
    struct raft_engine_etcd *g = state;
    const Cell__Raft__CasRequest *asked = request;
    struct raft_writer w;
    enum err e = raft_engine_keys_once(call, asked->once);

    if (e == ERR_OK) {
        raft_command_begin(&w, g->scratch, sizeof g->scratch, RAFT_COMMAND_TXN, 0, NULL);
        e = raft_wire_cas(call, asked, &w);
    }
    return e != ERR_OK ? e : ask_txn(g, call, request, &w, take_cas);
}

/* ---- transactions -------------------------------------------------------------------------------- */

struct result {
    Cell__Raft__TxnResult base;
    Cell__Raft__PutReply put;
    Cell__Raft__DeleteReply del;
    Cell__Raft__RangeReply range;
    Cell__Raft__Pair previous;
};

static enum err fill_put(struct result *r, const json_t *from, uint64_t revision, struct arena *a)
{
    const json_t *previous = raft_engine_json_get(from, "prev_kv");
    enum err e = previous != NULL ? raft_engine_keys_pair(previous, a, &r->previous) : ERR_OK;

    cell__raft__put_reply__init(&r->put);
    r->put.revision = revision;
    r->put.previous = previous != NULL ? &r->previous : NULL;
    r->base.put = &r->put;
    return e;
}

static enum err fill_range(struct result *r, const json_t *from, uint64_t revision, size_t *bytes, struct arena *a)
{
    const json_t *kvs = raft_engine_json_get(from, "kvs");

    cell__raft__range_reply__init(&r->range);
    r->range.revision = revision;
    enum err e = raft_engine_keys_pairs(kvs, *bytes, a, &r->range.pairs, &r->range.n_pairs);
    for (size_t i = 0; e == ERR_OK && i < r->range.n_pairs; i++) {
        size_t cost = r->range.pairs[i]->key.len + r->range.pairs[i]->value.len;
        *bytes -= cost < *bytes ? cost : *bytes;
    }
    r->range.has_more = r->range.n_pairs < json_array_size(kvs) || raft_engine_json_is(from, "more");
    r->range.count = kvs != NULL ? r->range.n_pairs : raft_engine_json_number(from, "count");
    r->base.range = &r->range;
    return e;
}

/* One response: which of the three it is says its only member. */
static enum err fill_result(struct result *r, const json_t *from, uint64_t revision, size_t *bytes, struct arena *a)
{
    const json_t *put = raft_engine_json_get(from, "response_put"), *range = raft_engine_json_get(from, "response_range");
    const json_t *del = raft_engine_json_get(from, "response_delete_range");

    cell__raft__txn_result__init(&r->base);
    if (put != NULL) {
        return fill_put(r, put, revision, a);
    }
    if (range != NULL) {
        return fill_range(r, range, revision, bytes, a);
    }
    cell__raft__delete_reply__init(&r->del);
    r->del.revision = revision;
    r->del.deleted = raft_engine_json_number(del, "deleted");
    r->base.delete_ = &r->del;
    return raft_engine_keys_pairs(raft_engine_json_get(del, "prev_kvs"), SIZE_MAX, a, &r->del.previous, &r->del.n_previous);
}

static void take_txn(struct raft_engine_etcd_ask *k, const json_t *reply, struct arena *a)
{
    Cell__Raft__TxnReply out = CELL__RAFT__TXN_REPLY__INIT;
    const json_t *responses = raft_engine_json_get(reply, "responses");
    size_t count = json_array_size(responses), bytes = RAFT_ANSWER_MAX;
    struct result *all = arena_alloc(a, (count + 1) * sizeof all[0]);
    enum err e = all != NULL ? ERR_OK : ERR_NOMEM;

    out.revision = raft_engine_etcd_revision(reply);
    out.succeeded = raft_engine_json_is(reply, "succeeded");
    out.results = arena_alloc(a, (count + 1) * sizeof out.results[0]);
    for (size_t i = 0; i < count && e == ERR_OK && out.results != NULL; i++) {
        e = fill_result(&all[i], json_array_get(responses, i), out.revision, &bytes, a);
        out.results[out.n_results++] = &all[i].base;
    }
    if (e != ERR_OK || out.results == NULL) {
        raft_engine_keys_unread(k, e != ERR_OK ? e : ERR_NOMEM);
        return;
    }
    raft_engine_etcd_reply(k, &out);
}

enum err raft_engine_txn_txn(void *state, struct cell_call *call, const void *request)
{
    struct raft_engine_etcd *g = state;
    const Cell__Raft__TxnRequest *asked = request;
    struct raft_writer w;
    enum err e = raft_engine_keys_once(call, asked->once);

    if (e == ERR_OK) {
        raft_command_begin(&w, g->scratch, sizeof g->scratch, RAFT_COMMAND_TXN, 0, NULL);
        e = raft_wire_txn(call, asked, &w);
    }
    return e != ERR_OK ? e : ask_txn(g, call, request, &w, take_txn);
}
