/* Leases and sessions. */
#include <stdlib.h>

#include "raft/service_wait.h"

enum { LEASE_PAGE = 4096 };

static struct raft_service *service_of(void *state)
{
    return raft_shell_service(state);
}

/* A command that is nothing but numbers. */
static enum err propose_numbers(void *state, struct cell_call *call, const void *request, enum raft_command_kind kind,
                                const Cell__Raft__Once *asked_once, uint64_t id, uint32_t ttl_ms, raft_service_answer answer)
{
    struct raft_service *v = service_of(state);
    struct raft_writer w;
    struct raft_once once;
    enum err e = raft_wire_once(call, asked_once, &once);

    if (e != ERR_OK) {
        return e;
    }
    raft_service_begin(v, &w, kind, &once);
    raft_command_numbers(&w, id, 0, ttl_ms);
    return raft_service_propose(v, call, request, &w, answer);
}

static enum err check_ttl(struct cell_call *call, uint32_t ttl_ms)
{
    if (ttl_ms < RAFT_TTL_LEAST_MS || ttl_ms > RAFT_TTL_MOST_MS) {
        cell_call_explain(call, "ttl_ms is %u, expected %d to %d", ttl_ms, RAFT_TTL_LEAST_MS, RAFT_TTL_MOST_MS);
        return ERR_INVALID;
    }
    return ERR_OK;
}

static enum err check_id(struct cell_call *call, uint64_t id, const char *what)
{
    if (id == 0) {
        cell_call_explain(call, "no %s has the number 0", what);
        return ERR_INVALID;
    }
    return ERR_OK;
}

/* ---- leases --------------------------------------------------------------------------------- */

static void answer_grant(struct cell_call *call, const void *request, const struct raft_answer *a)
{
    Cell__Raft__LeaseGrantReply reply = CELL__RAFT__LEASE_GRANT_REPLY__INIT;

    (void)request;
    reply.revision = a->revision;
    reply.id = a->number;
    reply.ttl_ms = a->ttl_ms;
    raft_service_reply(call, &reply);
}

enum err raft_service_lease_grant(void *state, struct cell_call *call, const void *request)
{
    const Cell__Raft__LeaseGrantRequest *ask = request;
    enum err e = check_ttl(call, ask->ttl_ms);

    return e != ERR_OK ? e : propose_numbers(state, call, request, RAFT_COMMAND_LEASE_GRANT, ask->once, ask->id,
                                             ask->ttl_ms, answer_grant);
}

static void answer_keep(struct cell_call *call, const void *request, const struct raft_answer *a)
{
    Cell__Raft__LeaseKeepAliveReply reply = CELL__RAFT__LEASE_KEEP_ALIVE_REPLY__INIT;

    (void)request;
    reply.revision = a->revision;
    reply.ttl_ms = a->ttl_ms;
    raft_service_reply(call, &reply);
}

enum err raft_service_lease_keep_alive(void *state, struct cell_call *call, const void *request)
{
    const Cell__Raft__LeaseKeepAliveRequest *ask = request;
    enum err e = check_id(call, ask->id, "lease");

    return e != ERR_OK ? e : propose_numbers(state, call, request, RAFT_COMMAND_LEASE_KEEP, NULL, ask->id, 0, answer_keep);
}

static void answer_revoke(struct cell_call *call, const void *request, const struct raft_answer *a)
{
    Cell__Raft__LeaseRevokeReply reply = CELL__RAFT__LEASE_REVOKE_REPLY__INIT;

    (void)request;
    reply.revision = a->revision;
    reply.deleted = a->number;
    raft_service_reply(call, &reply);
}

enum err raft_service_lease_revoke(void *state, struct cell_call *call, const void *request)
{
    const Cell__Raft__LeaseRevokeRequest *ask = request;
    enum err e = check_id(call, ask->id, "lease");

    return e != ERR_OK ? e : propose_numbers(state, call, request, RAFT_COMMAND_LEASE_REVOKE, ask->once, ask->id, 0,
                                             answer_revoke);
}

/* As many of a lease's keys as a page holds. */
static bool add_keys(struct cell_call *call, const struct raft_lease *lease, Cell__Raft__LeaseInfoReply *reply)
{
    size_t bytes = 0, room = 0;

    for (const struct raft_tether *t = lease->keys.next; t != &lease->keys; t = t->next) {
        bytes += t->record.key_size + sizeof reply->keys[0];
        if (bytes > RAFT_PAGE_BYTES) {
            break;
        }
        room++;
    }
    reply->keys = cell_call_alloc(call, sizeof reply->keys[0] * (room + 1));
    for (const struct raft_tether *t = lease->keys.next; reply->keys != NULL && reply->n_keys < room; t = t->next) {
        struct raft_bytes key = raft_record_key(&t->record);

        reply->keys[reply->n_keys++] = (ProtobufCBinaryData){key.size, (uint8_t *)key.at};
    }
    return reply->keys != NULL;
}

static void respond_info(struct raft_service *v, struct cell_call *call, const void *request)
{
    const struct raft_kv *kv = raft_shell_kv(v->shell);
    const Cell__Raft__LeaseInfoRequest *ask = request;
    Cell__Raft__LeaseInfoReply reply = CELL__RAFT__LEASE_INFO_REPLY__INIT;
    const struct raft_lease *lease = raft_lease_find(&kv->leases, ask->id);

    if (lease == NULL) {
        cell_reply_error(call, ERR_NOT_FOUND, "there is no such lease: it has ended, or never was", NULL);
        return;
    }
    uint64_t now_ms = raft_lessor_time_ms(&v->lessor, cell_now_ms(raft_shell_cell(v->shell)) * 1000, kv->time_ms);
    uint64_t deadline_ms = raft_lease_deadline_ms(lease);
    reply.revision = kv->revision;
    reply.ttl_ms = lease->ttl_ms;
    reply.remaining_ms = deadline_ms > now_ms ? (uint32_t)(deadline_ms - now_ms) : 0;
    reply.key_count = lease->key_count;
    if (ask->with_keys && !add_keys(call, lease, &reply)) {
        cell_reply_error(call, ERR_NOMEM, NULL, NULL);
        return;
    }
    raft_service_reply(call, &reply);
}

enum err raft_service_lease_info(void *state, struct cell_call *call, const void *request)
{
    const Cell__Raft__LeaseInfoRequest *ask = request;
    enum err e = check_id(call, ask->id, "lease");

    return e != ERR_OK ? e : raft_service_read(service_of(state), call, request, ask->freshness, ask->not_older_than,
                                               respond_info);
}

static void respond_list(struct raft_service *v, struct cell_call *call, const void *request)
{
    const struct raft_kv *kv = raft_shell_kv(v->shell);
    const Cell__Raft__LeaseListRequest *ask = request;
    Cell__Raft__LeaseListReply reply = CELL__RAFT__LEASE_LIST_REPLY__INIT;
    AUTO_FREE void **sorted = calloc((size_t)kv->leases.map.count + 1, sizeof sorted[0]);
    uint64_t ids[LEASE_PAGE];

    if (sorted == NULL) {
        cell_reply_error(call, ERR_NOMEM, NULL, NULL);
        return;
    }
    raft_idmap_sorted(&kv->leases.map, sorted);
    reply.revision = kv->revision;
    reply.ids = ids;
    for (uint32_t i = 0; i < kv->leases.map.count; i++) {
        const struct raft_lease *lease = sorted[i];

        if (lease->id <= ask->after) {
            continue;
        }
        if (reply.n_ids == LEASE_PAGE) {
            reply.has_more = true;
            break;
        }
        ids[reply.n_ids++] = lease->id;
    }
    raft_service_reply(call, &reply);
}

enum err raft_service_lease_list(void *state, struct cell_call *call, const void *request)
{
    const Cell__Raft__LeaseListRequest *ask = request;

    return raft_service_read(service_of(state), call, request, ask->freshness, ask->not_older_than, respond_list);
}

/* ---- sessions ------------------------------------------------------------------------------- */

static void answer_open(struct cell_call *call, const void *request, const struct raft_answer *a)
{
    Cell__Raft__OpenSessionReply reply = CELL__RAFT__OPEN_SESSION_REPLY__INIT;

    (void)request;
    reply.revision = a->revision;
    reply.session = a->number;
    reply.ttl_ms = a->ttl_ms;
    raft_service_reply(call, &reply);
}

enum err raft_service_open_session(void *state, struct cell_call *call, const void *request)
{
    const Cell__Raft__OpenSessionRequest *ask = request;
    enum err e = check_ttl(call, ask->ttl_ms);

    return e != ERR_OK ? e : propose_numbers(state, call, request, RAFT_COMMAND_SESSION_OPEN, NULL, 0, ask->ttl_ms,
                                             answer_open);
}

static void answer_close(struct cell_call *call, const void *request, const struct raft_answer *a)
{
    Cell__Raft__CloseSessionReply reply = CELL__RAFT__CLOSE_SESSION_REPLY__INIT;

    (void)request;
    reply.revision = a->revision;
    raft_service_reply(call, &reply);
}

enum err raft_service_close_session(void *state, struct cell_call *call, const void *request)
{
    const Cell__Raft__CloseSessionRequest *ask = request;
    enum err e = check_id(call, ask->session, "session");

    return e != ERR_OK ? e : propose_numbers(state, call, request, RAFT_COMMAND_SESSION_CLOSE, NULL, ask->session, 0,
                                             answer_close);
}
