/* Keys in etcd: put, delete, and reads of one key and of ranges. What a request may hold is judged as the embedded store
 * judges it, so that both engines refuse the same. */
#include <string.h>

#include "common/run/cell_call.h"
#include "raft/engine_keys.h"
#include "raft/wire.h"

/* ---- what both directions share ------------------------------------------------------------------ */

void raft_engine_keys_span(struct raft_engine_json *j, json_t *body, const struct raft_span *span)
{
    /* etcd has no empty key, and 0 alone as an end is "no end" (rpc.proto, RangeRequest.range_end). */
    bool is_from_all = span->key.size == 0;

    raft_engine_json_bytes(j, body, "key", is_from_all ? (const void *)"\0" : span->key.at, is_from_all ? 1 : span->key.size);
    if (span->kind == RAFT_SPAN_BETWEEN) {
        raft_engine_json_bytes(j, body, "range_end", span->end.at, span->end.size);
    } else if (span->kind == RAFT_SPAN_FROM) {
        raft_engine_json_bytes(j, body, "range_end", "\0", 1);
    }
}

enum err raft_engine_keys_pair(const json_t *from, struct arena *a, Cell__Raft__Pair *ret)
{
    uint8_t *key = NULL, *value = NULL;
    size_t key_size = 0, value_size = 0;
    enum err e = raft_engine_json_take(from, "key", a, &key, &key_size);

    e = e == ERR_OK ? raft_engine_json_take(from, "value", a, &value, &value_size) : e;
    if (e != ERR_OK) {
        return e;
    }
    cell__raft__pair__init(ret);
    ret->key = (ProtobufCBinaryData){key_size, key};
    ret->value = (ProtobufCBinaryData){value_size, value};
    ret->created = raft_engine_json_number(from, "create_revision");
    ret->modified = raft_engine_json_number(from, "mod_revision");
    ret->version = raft_engine_json_number(from, "version");
    ret->lease = raft_engine_json_number(from, "lease");
    return ERR_OK;
}

enum err raft_engine_keys_pairs(const json_t *array, size_t bytes, struct arena *a, Cell__Raft__Pair ***ret, size_t *ret_count)
{
    size_t count = json_array_size(array), used = 0, taken = 0;
    Cell__Raft__Pair **slot = arena_alloc(a, (count + 1) * sizeof slot[0]);
    Cell__Raft__Pair *all = arena_alloc(a, (count + 1) * sizeof all[0]);

    if (slot == NULL || all == NULL) {
        return ERR_NOMEM;
    }
    for (; taken < count; taken++) {
        enum err e = raft_engine_keys_pair(json_array_get(array, taken), a, &all[taken]);
        if (e != ERR_OK) {
            return e;
        }
        used += all[taken].key.len + all[taken].value.len + RAFT_ENGINE_KEYS_COST;
        if (taken > 0 && used > bytes) {
            break;
        }
        slot[taken] = &all[taken];
    }
    *ret = slot;
    *ret_count = taken;
    return ERR_OK;
}

void raft_engine_keys_unread(struct raft_engine_etcd_ask *k, enum err e)
{
    raft_engine_etcd_fail(k, e == ERR_NOMEM ? ERR_NOMEM : ERR_ABORTED,
                          e == ERR_NOMEM ? "it was done, but could not be shown" : "etcd answers with what is no such answer");
}

enum err raft_engine_keys_once(struct cell_call *call, const Cell__Raft__Once *once)
{
    if (once != NULL) {
        cell_call_explain(call, "the engine etcd has no sessions: what is sent again may be done twice, unless it compares");
        return ERR_UNIMPLEMENTED;
    }
    return ERR_OK;
}

/* ---- what changes keys --------------------------------------------------------------------------- */

json_t *raft_engine_keys_put_body(struct raft_engine_json *j, const struct raft_put *put)
{
    json_t *body = raft_engine_json_object(j);

    raft_engine_json_bytes(j, body, "key", put->key.at, put->key.size);
    if (!put->keeps_value) {
        raft_engine_json_bytes(j, body, "value", put->value.at, put->value.size);
    }
    raft_engine_json_u64(j, body, "lease", put->lease);
    raft_engine_json_flag(j, body, "prev_kv", put->with_previous);
    raft_engine_json_flag(j, body, "ignore_value", put->keeps_value);
    raft_engine_json_flag(j, body, "ignore_lease", put->keeps_lease);
    return body;
}

static void take_put(struct raft_engine_etcd_ask *k, const json_t *reply, struct arena *a)
{
    Cell__Raft__PutReply out = CELL__RAFT__PUT_REPLY__INIT;
    const json_t *previous = raft_engine_json_get(reply, "prev_kv");
    Cell__Raft__Pair pair;
    enum err e = previous != NULL ? raft_engine_keys_pair(previous, a, &pair) : ERR_OK;

    if (e != ERR_OK) {
        raft_engine_keys_unread(k, e);
        return;
    }
    out.revision = raft_engine_etcd_revision(reply);
    out.previous = previous != NULL ? &pair : NULL;
    raft_engine_etcd_reply(k, &out);
}

enum err raft_engine_keys_put(void *state, struct cell_call *call, const void *request)
{
    const Cell__Raft__PutRequest *asked = request;
    struct raft_engine_json j = {0};
    struct raft_put put;
    enum err e = raft_wire_put(call, asked, &put);

    e = e == ERR_OK ? raft_engine_keys_once(call, asked->once) : e;
    struct raft_engine_etcd_ask *k = e == ERR_OK ? raft_engine_etcd_new(state, call, request) : NULL;
    if (k == NULL) {
        return e == ERR_OK ? ERR_NOMEM : e;
    }
    return raft_engine_etcd_ask(k, "/v3/kv/put", &j, raft_engine_keys_put_body(&j, &put), false, take_put);
}

json_t *raft_engine_keys_delete_body(struct raft_engine_json *j, const struct raft_delete *del)
{
    json_t *body = raft_engine_json_object(j);

    raft_engine_keys_span(j, body, &del->span);
    raft_engine_json_flag(j, body, "prev_kv", del->with_previous);
    return body;
}

static void take_delete(struct raft_engine_etcd_ask *k, const json_t *reply, struct arena *a)
{
    Cell__Raft__DeleteReply out = CELL__RAFT__DELETE_REPLY__INIT;
    enum err e = raft_engine_keys_pairs(raft_engine_json_get(reply, "prev_kvs"), SIZE_MAX, a, &out.previous, &out.n_previous);

    if (e != ERR_OK) {
        raft_engine_keys_unread(k, e);
        return;
    }
    out.revision = raft_engine_etcd_revision(reply);
    out.deleted = raft_engine_json_number(reply, "deleted");
    raft_engine_etcd_reply(k, &out);
}

enum err raft_engine_keys_delete(void *state, struct cell_call *call, const void *request)
{
    const Cell__Raft__DeleteRequest *asked = request;
    struct raft_delete del = {.with_previous = asked->with_previous};
    struct raft_engine_json j = {0};
    uint8_t buffer[RAFT_KEY_MAX];
    enum err e = raft_wire_span(call, &asked->key, &asked->end, asked->is_prefix, buffer, &del.span);

    e = e == ERR_OK ? raft_engine_keys_once(call, asked->once) : e;
    struct raft_engine_etcd_ask *k = e == ERR_OK ? raft_engine_etcd_new(state, call, request) : NULL;
    if (k == NULL) {
        return e == ERR_OK ? ERR_NOMEM : e;
    }
    return raft_engine_etcd_ask(k, "/v3/kv/deleterange", &j, raft_engine_keys_delete_body(&j, &del), false, take_delete);
}

/* ---- reads --------------------------------------------------------------------------------------- */

json_t *raft_engine_keys_range_body(struct raft_engine_json *j, const struct raft_query *q, uint32_t limit)
{
    json_t *body = raft_engine_json_object(j);

    raft_engine_keys_span(j, body, &q->span);
    raft_engine_json_u64(j, body, "revision", q->revision);
    raft_engine_json_u64(j, body, "limit", q->count_only ? 0 : limit);
    raft_engine_json_flag(j, body, "keys_only", q->keys_only || q->count_only);
    raft_engine_json_flag(j, body, "count_only", q->count_only && q->modified_least == 0 && q->created_least == 0);
    raft_engine_json_u64(j, body, "min_mod_revision", q->modified_least);
    raft_engine_json_u64(j, body, "min_create_revision", q->created_least);
    if (q->is_descending) {
        raft_engine_json_text(j, body, "sort_order", "DESCEND");
        raft_engine_json_text(j, body, "sort_target", "KEY");
    }
    return body;
}

/* How new an answer must be: what etcd calls serializable is our STALE. */
static void set_freshness(struct raft_engine_json *j, json_t *body, Cell__Raft__Freshness freshness)
{
    raft_engine_json_flag(j, body, "serializable", freshness == CELL__RAFT__FRESHNESS__STALE);
}

static void again_get(void *context);

/* Whether the answer is as new as was asked for; if not, it is asked again in a moment. A linearizable answer that is
 * older says that this revision is still to come. */
static bool is_new_enough(struct raft_engine_etcd_ask *k, const json_t *reply, Cell__Raft__Freshness freshness,
                          uint64_t not_older_than, void (*again)(void *context))
{
    if (freshness != CELL__RAFT__FRESHNESS__NOT_OLDER || raft_engine_etcd_revision(reply) >= not_older_than) {
        return true;
    }
    if (k->question.until_ms <= loop_now_ms() + 2 * RAFT_ENGINE_ETCD_AGAIN_MS) {
        raft_engine_etcd_fail(k, ERR_TIMEOUT, "etcd has not got that revision yet");
        return false;
    }
    cell_timer_stop(k->timer);
    k->timer = cell_timer_start(k->engine->cell, RAFT_ENGINE_ETCD_AGAIN_MS, 0, again, k);
    if (k->timer == NULL) {
        raft_engine_etcd_fail(k, ERR_NOMEM, NULL);
    }
    return false;
}

static json_t *get_body(struct raft_engine_json *j, const Cell__Raft__GetRequest *asked)
{
    const struct raft_query q = {.revision = asked->revision,
                                 .span = {.kind = RAFT_SPAN_ONE, .key = {asked->key.data, (uint32_t)asked->key.len}}};
    json_t *body = raft_engine_keys_range_body(j, &q, 0);

    set_freshness(j, body, asked->freshness);
    return body;
}

static void take_get(struct raft_engine_etcd_ask *k, const json_t *reply, struct arena *a)
{
    const Cell__Raft__GetRequest *asked = k->request;
    Cell__Raft__GetReply out = CELL__RAFT__GET_REPLY__INIT;
    const json_t *first = json_array_get(raft_engine_json_get(reply, "kvs"), 0);
    Cell__Raft__Pair pair;

    if (!is_new_enough(k, reply, asked->freshness, asked->not_older_than, again_get)) {
        return;
    }
    enum err e = first != NULL ? raft_engine_keys_pair(first, a, &pair) : ERR_OK;
    if (e != ERR_OK) {
        raft_engine_keys_unread(k, e);
        return;
    }
    out.revision = raft_engine_etcd_revision(reply);
    out.pair = first != NULL ? &pair : NULL;
    raft_engine_etcd_reply(k, &out);
}

static void again_get(void *context)
{
    struct raft_engine_etcd_ask *k = context;
    struct raft_engine_json j = {0};

    cell_timer_stop(take_ptr(&k->timer));
    raft_engine_etcd_ask_more(k, "/v3/kv/range", &j, get_body(&j, k->request), true, take_get);
}

enum err raft_engine_keys_get(void *state, struct cell_call *call, const void *request)
{
    const Cell__Raft__GetRequest *asked = request;
    struct raft_engine_json j = {0};
    struct raft_bytes key;
    enum err e = raft_wire_key(call, &asked->key, &key);

    struct raft_engine_etcd_ask *k = e == ERR_OK ? raft_engine_etcd_new(state, call, request) : NULL;
    if (k == NULL) {
        return e == ERR_OK ? ERR_NOMEM : e;
    }
    return raft_engine_etcd_ask(k, "/v3/kv/range", &j, get_body(&j, asked), true, take_get);
}

/* ---- ranges: pages ------------------------------------------------------------------------------- */

static void again_range(void *context);

static json_t *range_body(struct raft_engine_json *j, const struct raft_engine_etcd_ask *k)
{
    const Cell__Raft__RangeRequest *asked = k->request;
    uint8_t buffer[RAFT_KEY_MAX];
    struct raft_query q;
    /* It was judged when it came. */
    enum err e = raft_wire_query(k->call, asked, buffer, &q);

    j->is_short |= e != ERR_OK;
    json_t *body = raft_engine_keys_range_body(j, &q, k->page);
    set_freshness(j, body, asked->freshness);
    return body;
}

/* Where the next page begins: behind the last key, or, downwards, at it. */
static enum err fill_next(const Cell__Raft__RangeRequest *asked, const ProtobufCBinaryData *last, struct arena *a,
                          ProtobufCBinaryData *ret)
{
    size_t size = last->len + (asked->descending ? 0 : 1);
    uint8_t *next = arena_alloc(a, size + 1);

    if (next == NULL) {
        return ERR_NOMEM;
    }
    memcpy(next, last->data, last->len);
    next[last->len] = 0;
    *ret = (ProtobufCBinaryData){size, next};
    return ERR_OK;
}

static void take_range(struct raft_engine_etcd_ask *k, const json_t *reply, struct arena *a)
{
    const Cell__Raft__RangeRequest *asked = k->request;
    Cell__Raft__RangeReply out = CELL__RAFT__RANGE_REPLY__INIT;
    const json_t *kvs = raft_engine_json_get(reply, "kvs");
    Cell__Raft__Pair **pairs = NULL;
    size_t count = 0;

    if (!is_new_enough(k, reply, asked->freshness, asked->not_older_than, again_range)) {
        return;
    }
    enum err e = raft_engine_keys_pairs(kvs, asked->count_only ? SIZE_MAX : RAFT_PAGE_BYTES, a, &pairs, &count);
    out.revision = raft_engine_etcd_revision(reply);
    out.count = count;
    if (asked->count_only && count == 0) {
        out.count = raft_engine_json_number(reply, "count");
    } else if (!asked->count_only) {
        out.pairs = pairs;
        out.n_pairs = count;
        out.has_more = count < json_array_size(kvs) || raft_engine_json_is(reply, "more");
    }
    if (e == ERR_OK && out.has_more && count > 0) {
        e = fill_next(asked, &pairs[count - 1]->key, a, &out.next);
    }
    if (e != ERR_OK) {
        raft_engine_keys_unread(k, e);
        return;
    }
    raft_engine_etcd_reply(k, &out);
}

static void again_range(void *context)
{
    struct raft_engine_etcd_ask *k = context;
    struct raft_engine_json j = {0};

    cell_timer_stop(take_ptr(&k->timer));
    raft_engine_etcd_ask_more(k, "/v3/kv/range", &j, range_body(&j, k), true, take_range);
}

/* The answer was larger than is read: pairs are large, so fewer of them. */
bool raft_engine_keys_smaller(struct raft_engine_etcd_ask *k)
{
    struct raft_engine_json j = {0};

    if (k->take != take_range || k->page <= 1) {
        return false;
    }
    k->page = k->page / 16 > 0 ? k->page / 16 : 1;
    raft_engine_etcd_ask_more(k, "/v3/kv/range", &j, range_body(&j, k), true, take_range);
    return true;
}

enum err raft_engine_keys_range(void *state, struct cell_call *call, const void *request)
{
    const Cell__Raft__RangeRequest *asked = request;
    struct raft_engine_json j = {0};
    uint8_t buffer[RAFT_KEY_MAX];
    struct raft_query query;
    enum err e = raft_wire_query(call, asked, buffer, &query);

    struct raft_engine_etcd_ask *k = e == ERR_OK ? raft_engine_etcd_new(state, call, request) : NULL;
    if (k == NULL) {
        return e == ERR_OK ? ERR_NOMEM : e;
    }
    k->page = asked->limit > 0 && asked->limit < RAFT_ENGINE_ETCD_PAGE ? asked->limit : RAFT_ENGINE_ETCD_PAGE;
    return raft_engine_etcd_ask(k, "/v3/kv/range", &j, range_body(&j, k), true, take_range);
}
