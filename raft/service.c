/* Keys: put, delete, compare and set, transactions, and reads of one key and of ranges. */
#include "common/run/log.h"
#include "raft/service_wait.h"

static struct raft_service *service_of(void *state)
{
    return raft_shell_service(state);
}

/* ---- what changes keys ---------------------------------------------------------------------- */

/* The first result of an answer's body; false: it has none (cut away, or there was nothing to show). */
static bool first_result(const struct raft_answer *a, struct raft_result *ret)
{
    struct raft_bytes body = a->body;

    return raft_answer_next(&body, ret);
}

static void answer_put(struct cell_call *call, const void *request, const struct raft_answer *a)
{
    Cell__Raft__PutReply reply = CELL__RAFT__PUT_REPLY__INIT;
    Cell__Raft__Pair previous;
    struct raft_result result;
    struct raft_pair pair;

    (void)request;
    reply.revision = a->revision;
    if (first_result(a, &result) && raft_answer_next_pair(&result.pairs, &pair)) {
        raft_wire_pair(&pair, false, &previous);
        reply.previous = &previous;
    }
    raft_service_reply(call, &reply);
}

enum err raft_service_put(void *state, struct cell_call *call, const void *request)
{
    struct raft_service *v = service_of(state);
    const Cell__Raft__PutRequest *ask = request;
    struct raft_writer w;
    struct raft_once once;
    struct raft_put put;
    enum err e = raft_wire_put(call, ask, &put);

    if (e == ERR_OK) {
        e = raft_wire_once(call, ask->once, &once);
    }
    if (e != ERR_OK) {
        return e;
    }
    raft_service_begin(v, &w, RAFT_COMMAND_PUT, &once);
    raft_command_put(&w, &put);
    return raft_service_propose(v, call, request, &w, answer_put);
}

static void answer_delete(struct cell_call *call, const void *request, const struct raft_answer *a)
{
    Cell__Raft__DeleteReply reply = CELL__RAFT__DELETE_REPLY__INIT;
    struct raft_wire_pairs pairs = {0};
    struct raft_result result;

    (void)request;
    reply.revision = a->revision;
    reply.deleted = a->number;
    if (first_result(a, &result)) {
        raft_wire_pairs_add_all(&pairs, result.pairs);
    }
    raft_wire_pairs_point(&pairs);
    reply.previous = pairs.slot;
    reply.n_previous = pairs.count;
    if (pairs.is_short) {
        cell_reply_error(call, ERR_NOMEM, "it was done, but could not be shown", NULL);
    } else {
        raft_service_reply(call, &reply);
    }
    raft_wire_pairs_fini(&pairs);
}

enum err raft_service_delete(void *state, struct cell_call *call, const void *request)
{
    struct raft_service *v = service_of(state);
    const Cell__Raft__DeleteRequest *ask = request;
    struct raft_delete del = {.with_previous = ask->with_previous};
    uint8_t buffer[RAFT_KEY_MAX];
    struct raft_writer w;
    struct raft_once once;
    enum err e = raft_wire_span(call, &ask->key, &ask->end, ask->is_prefix, buffer, &del.span);

    if (e == ERR_OK) {
        e = raft_wire_once(call, ask->once, &once);
    }
    if (e != ERR_OK) {
        return e;
    }
    raft_service_begin(v, &w, RAFT_COMMAND_DELETE, &once);
    raft_command_delete(&w, &del);
    return raft_service_propose(v, call, request, &w, answer_delete);
}

static void answer_cas(struct cell_call *call, const void *request, const struct raft_answer *a)
{
    Cell__Raft__CasReply reply = CELL__RAFT__CAS_REPLY__INIT;
    Cell__Raft__Pair current;
    struct raft_result result;
    struct raft_pair pair;

    (void)request;
    reply.revision = a->revision;
    reply.succeeded = a->succeeded;
    if (!a->succeeded && first_result(a, &result) && raft_answer_next_pair(&result.pairs, &pair)) {
        raft_wire_pair(&pair, false, &current);
        reply.current = &current;
    }
    raft_service_reply(call, &reply);
}

enum err raft_service_cas(void *state, struct cell_call *call, const void *request)
{
    struct raft_service *v = service_of(state);
    const Cell__Raft__CasRequest *ask = request;
    struct raft_writer w;
    struct raft_once once;
    enum err e = raft_wire_once(call, ask->once, &once);

    if (e != ERR_OK) {
        return e;
    }
    raft_service_begin(v, &w, RAFT_COMMAND_TXN, &once);
    e = raft_wire_cas(call, ask, &w);
    return e != ERR_OK ? e : raft_service_propose(v, call, request, &w, answer_cas);
}

/* One result of a transaction, in memory of the call. */
static Cell__Raft__TxnResult *result_of(struct cell_call *call, const struct raft_answer *a,
                                        const struct raft_result *result, Cell__Raft__Pair **pairs)
{
    struct {
        Cell__Raft__TxnResult base;
        Cell__Raft__PutReply put;
        Cell__Raft__DeleteReply del;
        Cell__Raft__RangeReply range;
    } *one = cell_call_alloc(call, sizeof *one);

    if (one == NULL) {
        return NULL;
    }
    cell__raft__txn_result__init(&one->base);
    switch (result->kind) {
    case RAFT_OP_PUT:
        cell__raft__put_reply__init(&one->put);
        one->put.revision = a->revision;
        one->put.previous = result->pairs.count > 0 ? pairs[0] : NULL;
        one->base.put = &one->put;
        break;
    case RAFT_OP_DELETE:
        cell__raft__delete_reply__init(&one->del);
        one->del.revision = a->revision;
        one->del.deleted = result->number;
        one->del.previous = pairs;
        one->del.n_previous = result->pairs.count;
        one->base.delete_ = &one->del;
        break;
    case RAFT_OP_RANGE:
        cell__raft__range_reply__init(&one->range);
        one->range.revision = a->revision;
        one->range.count = result->number;
        one->range.has_more = result->has_more;
        one->range.pairs = pairs;
        one->range.n_pairs = result->pairs.count;
        one->base.range = &one->range;
        break;
    }
    return &one->base;
}

static void answer_txn(struct cell_call *call, const void *request, const struct raft_answer *a)
{
    Cell__Raft__TxnReply reply = CELL__RAFT__TXN_REPLY__INIT;
    struct raft_wire_pairs pairs = {0};
    struct raft_bytes body = a->body;
    struct raft_result result;
    size_t shown = 0;

    (void)request;
    reply.revision = a->revision;
    reply.succeeded = a->succeeded;
    reply.results = cell_call_alloc(call, sizeof reply.results[0] * RAFT_TXN_MAX);
    while (raft_answer_next(&body, &result)) {
        raft_wire_pairs_add_all(&pairs, result.pairs);
    }
    raft_wire_pairs_point(&pairs);
    body = a->body;
    while (reply.results != NULL && !pairs.is_short && raft_answer_next(&body, &result)) {
        reply.results[reply.n_results] = result_of(call, a, &result, pairs.slot + shown);
        pairs.is_short = reply.results[reply.n_results++] == NULL;
        shown += result.pairs.count;
    }
    if (pairs.is_short || reply.results == NULL) {
        cell_reply_error(call, ERR_NOMEM, "it was done, but could not be shown", NULL);
    } else {
        raft_service_reply(call, &reply);
    }
    raft_wire_pairs_fini(&pairs);
}

enum err raft_service_txn(void *state, struct cell_call *call, const void *request)
{
    struct raft_service *v = service_of(state);
    const Cell__Raft__TxnRequest *ask = request;
    struct raft_writer w;
    struct raft_once once;
    enum err e = raft_wire_once(call, ask->once, &once);

    if (e != ERR_OK) {
        return e;
    }
    raft_service_begin(v, &w, RAFT_COMMAND_TXN, &once);
    e = raft_wire_txn(call, ask, &w);
    return e != ERR_OK ? e : raft_service_propose(v, call, request, &w, answer_txn);
}

/* ---- reads ---------------------------------------------------------------------------------- */

static void refuse_revision(struct cell_call *call, const struct raft_kv *kv, uint64_t revision)
{
    cell_call_explain(call, "revision %llu is not kept: those from %llu to %llu are", (unsigned long long)revision,
                      (unsigned long long)kv->journal.compacted, (unsigned long long)kv->revision);
    cell_reply_error(call, ERR_RANGE, NULL, NULL);
}

void raft_service_past_refuse(struct cell_call *call, enum err e)
{
    if (e != ERR_DATA_LOSS && e != ERR_IO) {
        cell_reply_error(call, e, NULL, NULL);
        return;
    }
    log_error("RAFT-PAST-ROTTEN", "reason=%s effect=\"what needs that old value is refused until it is forgotten, or this cell restarted\"", err_name(e));
    cell_call_explain(call, "an old value cannot be read back from this member's disk: ask another member, or for a newer revision");
    cell_reply_error(call, e, NULL, NULL);
}

static void respond_get(struct raft_service *v, struct cell_call *call, const void *request)
{
    const struct raft_kv *kv = raft_shell_kv(v->shell);
    const Cell__Raft__GetRequest *ask = request;
    Cell__Raft__GetReply reply = CELL__RAFT__GET_REPLY__INIT;
    Cell__Raft__Pair out;
    const struct raft_record *r;
    struct raft_pair pair;
    enum err e = raft_kv_get(kv, (struct raft_bytes){ask->key.data, (uint32_t)ask->key.len}, ask->revision, &r);

    if (e == ERR_RANGE) {
        refuse_revision(call, kv, ask->revision);
        return;
    }
    if (e != ERR_OK && e != ERR_NOT_FOUND) {
        raft_service_past_refuse(call, e);
        return;
    }
    reply.revision = kv->revision;
    if (e == ERR_OK) {
        raft_answer_pair_of(r, &pair);
        raft_wire_pair(&pair, false, &out);
        reply.pair = &out;
    }
    raft_service_reply(call, &reply);
}

enum err raft_service_get(void *state, struct cell_call *call, const void *request)
{
    const Cell__Raft__GetRequest *ask = request;
    struct raft_bytes key;
    enum err e = raft_wire_key(call, &ask->key, &key);

    return e != ERR_OK ? e : raft_service_read(service_of(state), call, request, ask->freshness, ask->not_older_than,
                                               respond_get);
}

static void show_pair(void *context, const struct raft_record *r)
{
    raft_wire_pairs_add(context, r);
}

static void respond_range(struct raft_service *v, struct cell_call *call, const void *request)
{
    const struct raft_kv *kv = raft_shell_kv(v->shell);
    const Cell__Raft__RangeRequest *ask = request;
    Cell__Raft__RangeReply reply = CELL__RAFT__RANGE_REPLY__INIT;
    struct raft_wire_pairs pairs = {.keys_only = ask->keys_only};
    uint8_t buffer[RAFT_KEY_MAX];
    struct raft_query query;
    struct raft_page page;
    enum err e = raft_wire_query(call, ask, buffer, &query);

    if (e == ERR_OK) {
        e = raft_kv_range(kv, &query, RAFT_PAGE_BYTES, show_pair, &pairs, &page);
    }
    if (e == ERR_RANGE) {
        refuse_revision(call, kv, ask->revision);
        return;
    }
    raft_wire_pairs_point(&pairs);
    reply.revision = kv->revision;
    reply.pairs = pairs.slot;
    reply.n_pairs = pairs.count;
    if (e == ERR_OK) {
        reply.count = page.count;
        reply.has_more = page.has_more;
        reply.next = (ProtobufCBinaryData){page.next.size, (uint8_t *)page.next.at};
    }
    if (e != ERR_OK || pairs.is_short) {
        raft_service_past_refuse(call, e != ERR_OK ? e : ERR_NOMEM);
    } else {
        raft_service_reply(call, &reply);
    }
    raft_wire_pairs_fini(&pairs);
}

enum err raft_service_range(void *state, struct cell_call *call, const void *request)
{
    const Cell__Raft__RangeRequest *ask = request;
    uint8_t buffer[RAFT_KEY_MAX];
    struct raft_query query;
    enum err e = raft_wire_query(call, ask, buffer, &query);

    return e != ERR_OK ? e : raft_service_read(service_of(state), call, request, ask->freshness, ask->not_older_than,
                                               respond_range);
}
