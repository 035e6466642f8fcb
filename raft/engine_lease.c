/* Leases in etcd. It counts them in seconds, and none is shorter than a few elections. */
#include <stdlib.h>

#include "common/run/cell_call.h"
#include "raft/engine_keys.h"
#include "raft/kv.h"

enum { MS = 1000, LEASE_PAGE = 4096 };

static enum err check_id(struct cell_call *call, uint64_t id)
{
    if (id == 0 || id > INT64_MAX) {
        cell_call_explain(call, "a lease of etcd's has a number from 1 to %lld", (long long)INT64_MAX);
        return ERR_INVALID;
    }
    return ERR_OK;
}

static json_t *id_body(struct raft_engine_json *j, uint64_t id)
{
    json_t *body = raft_engine_json_object(j);

    raft_engine_json_u64(j, body, "ID", id);
    return body;
}

static uint32_t ms_of(const json_t *reply, const char *name)
{
    uint64_t seconds = raft_engine_json_number(reply, name); /* -1, "gone", is read as 0 */

    return seconds < UINT32_MAX / MS ? (uint32_t)seconds * MS : UINT32_MAX;
}

/* ---- grant, keep, revoke ------------------------------------------------------------------------- */

static void take_grant(struct raft_engine_etcd_ask *k, const json_t *reply, struct arena *a)
{
    Cell__Raft__LeaseGrantReply out = CELL__RAFT__LEASE_GRANT_REPLY__INIT;

    (void)a;
    out.revision = raft_engine_etcd_revision(reply);
    out.id = raft_engine_json_number(reply, "ID");
    out.ttl_ms = ms_of(reply, "TTL");
    raft_engine_etcd_reply(k, &out);
}

enum err raft_engine_lease_grant(void *state, struct cell_call *call, const void *request)
{
    const Cell__Raft__LeaseGrantRequest *asked = request;
    struct raft_engine_json j = {0};
    enum err e = raft_engine_keys_once(call, asked->once);

    if (asked->ttl_ms < RAFT_TTL_LEAST_MS || asked->ttl_ms > RAFT_TTL_MOST_MS) {
        cell_call_explain(call, "ttl_ms is %u, expected %d to %d", asked->ttl_ms, RAFT_TTL_LEAST_MS, RAFT_TTL_MOST_MS);
        return ERR_INVALID;
    }
    e = e == ERR_OK && asked->id != 0 ? check_id(call, asked->id) : e;
    struct raft_engine_etcd_ask *k = e == ERR_OK ? raft_engine_etcd_new(state, call, request) : NULL;
    if (k == NULL) {
        return e == ERR_OK ? ERR_NOMEM : e;
    }
    json_t *body = id_body(&j, asked->id);
    raft_engine_json_u64(&j, body, "TTL", (asked->ttl_ms + MS - 1) / MS); /* never shorter than it was asked for */
    return raft_engine_etcd_ask(k, "/v3/lease/grant", &j, body, false, take_grant);
}

static void take_keep(struct raft_engine_etcd_ask *k, const json_t *reply, struct arena *a)
{
    Cell__Raft__LeaseKeepAliveReply out = CELL__RAFT__LEASE_KEEP_ALIVE_REPLY__INIT;
    const json_t *result = raft_engine_json_get(reply, "result"); /* the first and only message of a stream */

    (void)a;
    out.revision = raft_engine_etcd_revision(result);
    out.ttl_ms = ms_of(result, "TTL");
    if (out.ttl_ms == 0) {
        raft_engine_etcd_fail(k, ERR_NOT_FOUND, "there is no such lease: it has ended, or never was");
        return;
    }
    raft_engine_etcd_reply(k, &out);
}

enum err raft_engine_lease_keep(void *state, struct cell_call *call, const void *request)
{
    const Cell__Raft__LeaseKeepAliveRequest *asked = request;
    struct raft_engine_json j = {0};
    enum err e = check_id(call, asked->id);

    struct raft_engine_etcd_ask *k = e == ERR_OK ? raft_engine_etcd_new(state, call, request) : NULL;
    if (k == NULL) {
        return e == ERR_OK ? ERR_NOMEM : e;
    }
    return raft_engine_etcd_ask(k, "/v3/lease/keepalive", &j, id_body(&j, asked->id), true, take_keep);
}

/* etcd does not say how many keys ended with it: that was asked before. */
static void take_revoke(struct raft_engine_etcd_ask *k, const json_t *reply, struct arena *a)
{
    Cell__Raft__LeaseRevokeReply out = CELL__RAFT__LEASE_REVOKE_REPLY__INIT;

    (void)a;
    out.revision = raft_engine_etcd_revision(reply);
    out.deleted = k->deleted;
    raft_engine_etcd_reply(k, &out);
}

static void take_keys(struct raft_engine_etcd_ask *k, const json_t *reply, struct arena *a)
{
    const Cell__Raft__LeaseRevokeRequest *asked = k->request;
    struct raft_engine_json j = {0};

    (void)a;
    k->deleted = json_array_size(raft_engine_json_get(reply, "keys"));
    raft_engine_etcd_ask_more(k, "/v3/lease/revoke", &j, id_body(&j, asked->id), false, take_revoke);
}

static json_t *info_body(struct raft_engine_json *j, uint64_t id)
{
    json_t *body = id_body(j, id);

    raft_engine_json_flag(j, body, "keys", true);
    return body;
}

enum err raft_engine_lease_revoke(void *state, struct cell_call *call, const void *request)
{
    const Cell__Raft__LeaseRevokeRequest *asked = request;
    struct raft_engine_json j = {0};
    enum err e = raft_engine_keys_once(call, asked->once);

    e = e == ERR_OK ? check_id(call, asked->id) : e;
    struct raft_engine_etcd_ask *k = e == ERR_OK ? raft_engine_etcd_new(state, call, request) : NULL;
    if (k == NULL) {
        return e == ERR_OK ? ERR_NOMEM : e;
    }
    return raft_engine_etcd_ask(k, "/v3/lease/timetolive", &j, info_body(&j, asked->id), true, take_keys);
}

/* ---- what there is ------------------------------------------------------------------------------- */

/* As many of its keys as a page holds. */
static enum err fill_keys(const json_t *keys, struct arena *a, Cell__Raft__LeaseInfoReply *out)
{
    size_t count = json_array_size(keys), bytes = 0;

    out->keys = arena_alloc(a, (count + 1) * sizeof out->keys[0]);
    if (out->keys == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        struct raft_engine_json j = {0};
        json_t *holder = raft_engine_json_object(&j);
        ProtobufCBinaryData *key = &out->keys[out->n_keys];

        /* Elements have no names: borrowed under one. */
        raft_engine_json_set(&j, holder, "key", json_incref(json_array_get(keys, i)));
        enum err e = j.is_short ? ERR_NOMEM : raft_engine_json_take(holder, "key", a, &key->data, &key->len);
        json_decref(holder);
        bytes += e == ERR_OK ? key->len + sizeof *key : 0;
        if (e != ERR_OK || bytes > RAFT_PAGE_BYTES) {
            return e;
        }
        out->n_keys++;
    }
    return ERR_OK;
}

static void take_info(struct raft_engine_etcd_ask *k, const json_t *reply, struct arena *a)
{
    const Cell__Raft__LeaseInfoRequest *asked = k->request;
    Cell__Raft__LeaseInfoReply out = CELL__RAFT__LEASE_INFO_REPLY__INIT;
    const json_t *keys = raft_engine_json_get(reply, "keys");
    enum err e = ERR_OK;

    out.revision = raft_engine_etcd_revision(reply);
    out.ttl_ms = ms_of(reply, "grantedTTL");
    out.remaining_ms = ms_of(reply, "TTL");
    out.key_count = json_array_size(keys);
    if (out.ttl_ms == 0) {
        raft_engine_etcd_fail(k, ERR_NOT_FOUND, "there is no such lease: it has ended, or never was");
        return;
    }
    if (asked->with_keys) {
        e = fill_keys(keys, a, &out);
    }
    if (e != ERR_OK) {
        raft_engine_keys_unread(k, e);
        return;
    }
    raft_engine_etcd_reply(k, &out);
}

enum err raft_engine_lease_info(void *state, struct cell_call *call, const void *request)
{
    const Cell__Raft__LeaseInfoRequest *asked = request;
    struct raft_engine_json j = {0};
    enum err e = check_id(call, asked->id);

    struct raft_engine_etcd_ask *k = e == ERR_OK ? raft_engine_etcd_new(state, call, request) : NULL;
    if (k == NULL) {
        return e == ERR_OK ? ERR_NOMEM : e;
    }
    return raft_engine_etcd_ask(k, "/v3/lease/timetolive", &j, info_body(&j, asked->id), true, take_info);
}

static int by_number(const void *x, const void *y)
{
    uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;

    return (a > b) - (a < b);
}

static void take_list(struct raft_engine_etcd_ask *k, const json_t *reply, struct arena *a)
{
    const Cell__Raft__LeaseListRequest *asked = k->request;
    Cell__Raft__LeaseListReply out = CELL__RAFT__LEASE_LIST_REPLY__INIT;
    const json_t *leases = raft_engine_json_get(reply, "leases");
    size_t count = json_array_size(leases);
    uint64_t *ids = arena_alloc(a, (count + 1) * sizeof ids[0]);

    if (ids == NULL) {
        raft_engine_keys_unread(k, ERR_NOMEM);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t id = raft_engine_json_number(json_array_get(leases, i), "ID");
        if (id > asked->after) {
            ids[out.n_ids++] = id;
        }
    }
    qsort(ids, out.n_ids, sizeof ids[0], by_number);
    out.revision = raft_engine_etcd_revision(reply);
    out.ids = ids;
    out.has_more = out.n_ids > LEASE_PAGE;
    out.n_ids = out.has_more ? LEASE_PAGE : out.n_ids;
    raft_engine_etcd_reply(k, &out);
}

enum err raft_engine_lease_list(void *state, struct cell_call *call, const void *request)
{
    struct raft_engine_json j = {0};
    struct raft_engine_etcd_ask *k = raft_engine_etcd_new(state, call, request);

    return k == NULL ? ERR_NOMEM : raft_engine_etcd_ask(k, "/v3/lease/leases", &j, raft_engine_json_object(&j), true, take_list);
}
