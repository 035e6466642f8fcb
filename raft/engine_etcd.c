#include "raft/engine_etcd.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/run/cell_call.h"
#include "common/run/fd.h"
#include "common/run/host.h"
#include "common/run/log.h"
#include "raft/engine_keys.h"

/* ---- errors ------------------------------------------------------------------------------------- */

/* Codes of gRPC ("Status codes and their use in gRPC"). */
enum grpc {
    GRPC_CANCELLED = 1, GRPC_UNKNOWN, GRPC_INVALID_ARGUMENT, GRPC_DEADLINE_EXCEEDED, GRPC_NOT_FOUND, GRPC_ALREADY_EXISTS,
    GRPC_PERMISSION_DENIED, GRPC_RESOURCE_EXHAUSTED, GRPC_FAILED_PRECONDITION, GRPC_ABORTED, GRPC_OUT_OF_RANGE,
    GRPC_UNIMPLEMENTED, GRPC_INTERNAL, GRPC_UNAVAILABLE, GRPC_DATA_LOSS, GRPC_UNAUTHENTICATED,
};

/* Where etcd's code is not what ours says of the same thing; by a part of its text. */
static const struct {
    const char *part;
    enum err e;
    const char *text; /* NULL: etcd's own */
} errors[] = {
    {"key not found", ERR_NOT_FOUND, "there is no such key, of which something could be kept"},
    {"requested lease not found", ERR_NOT_FOUND, "there is no such lease: it has ended, or never was"},
    {"lease already exists", ERR_EXISTS, "a lease of this number exists"},
    {"too large lease TTL", ERR_INVALID, NULL},
    {"too many operations", ERR_LIMIT, NULL},
    {"too many requests", ERR_LIMIT, NULL},
    {"duplicate key", ERR_INVALID, "a key is changed twice by one branch"},
    {"request is too large", ERR_LIMIT, NULL},
    {"database space exceeded", ERR_LIMIT, "etcd is full: compact, defragment, and disarm its alarm"},
    {"request timed out", ERR_TIMEOUT, NULL}, /* it was proposed: whether it will be done is not known */
    {"no leader", ERR_UNAVAILABLE, NULL},
};

static enum err error_of_code(uint32_t grpc)
{
    switch ((enum grpc)grpc) {
    case GRPC_INVALID_ARGUMENT:
        return ERR_INVALID;
    case GRPC_DEADLINE_EXCEEDED:
        return ERR_TIMEOUT;
    case GRPC_NOT_FOUND:
        return ERR_NOT_FOUND;
    case GRPC_ALREADY_EXISTS:
        return ERR_EXISTS;
    case GRPC_PERMISSION_DENIED:
        return ERR_DENIED;
    case GRPC_FAILED_PRECONDITION:
        return ERR_PRECONDITION;
    case GRPC_OUT_OF_RANGE:
        return ERR_RANGE;
    case GRPC_UNIMPLEMENTED:
        return ERR_UNIMPLEMENTED;
    case GRPC_UNAVAILABLE:
        return ERR_UNAVAILABLE;
    case GRPC_UNAUTHENTICATED:
        return ERR_UNAUTHENTICATED;
    case GRPC_CANCELLED:
    case GRPC_UNKNOWN:
    case GRPC_ABORTED:
    case GRPC_RESOURCE_EXHAUSTED: /* also an answer that was too large: of something that was done. LIMIT would deny that */
    case GRPC_INTERNAL:
    case GRPC_DATA_LOSS:
        break;
    }
    return ERR_ABORTED; /* nothing that says it was not done */
}

enum err raft_engine_etcd_error(uint32_t grpc, const char *message, const char **ret_text)
{
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        if (strstr(message, errors[i].part) != NULL) {
            *ret_text = errors[i].text != NULL ? errors[i].text : message;
            return errors[i].e;
        }
    }
    *ret_text = message;
    return error_of_code(grpc);
}

uint64_t raft_engine_etcd_revision(const json_t *reply)
{
    return raft_engine_json_number(raft_engine_json_get(reply, "header"), "revision");
}

/* ---- one call ----------------------------------------------------------------------------------- */

static void let_go(struct raft_engine_etcd_ask *k)
{
    if (k->call != NULL || k->is_asking) {
        return;
    }
    *k->back = k->next;
    if (k->next != NULL) {
        k->next->back = k->back;
    }
    cell_timer_stop(k->timer);
    free(k->watch);
    free(k->question.body);
    json_decref(k->kept[0]);
    json_decref(k->kept[1]);
    free(k);
}

void raft_engine_etcd_reply(struct raft_engine_etcd_ask *k, const void *message)
{
    struct cell_call *call = take_ptr(&k->call);

    if (cell_reply(call, message) != ERR_OK) {
        log_debug("RAFT-ETCD-LATE", "action=dropped"); /* its caller knows why already */
    }
    let_go(k);
}

void raft_engine_etcd_fail(struct raft_engine_etcd_ask *k, enum err e, const char *text)
{
    struct cell_call *call = take_ptr(&k->call);

    cell_metric_add(k->engine->metric_failed, 1);
    cell_reply_error(call, e, text, NULL);
    let_go(k);
}

/* Whoever waited gave up, or its time is over. */
static void on_cancel(void *context, enum err e)
{
    struct raft_engine_etcd_ask *k = context;

    if (k->is_asking) {
        raft_engine_link_withdraw(k->engine->links, &k->question);
        k->is_asking = false;
    }
    raft_engine_etcd_fail(k, e, NULL);
}

/* The question came to nothing. */
static void fail_question(struct raft_engine_etcd_ask *k, enum err e)
{
    const char *why = raft_engine_link_why(k->engine->links);

    if (k->watch != NULL && e == ERR_PEER_DEAD && raft_engine_watch_ended(k)) {
        return;
    }
    if (e == ERR_UNAVAILABLE) {
        cell_call_unread(k->call);
        cell_call_explain(k->call, "no endpoint of etcd answers (%s)", why);
        raft_engine_etcd_fail(k, e, NULL);
    } else if (e == ERR_PEER_DEAD) {
        raft_engine_etcd_fail(k, e, "the connection to etcd ended after it was asked");
    } else if (e == ERR_LIMIT && raft_engine_keys_smaller(k)) {
        return;
    } else if (e == ERR_LIMIT) {
        /* LIMIT would say that it was not done. */
        raft_engine_etcd_fail(k, ERR_ABORTED, "etcd's answer is larger than what is read");
    } else if (e == ERR_MALFORMED) {
        raft_engine_etcd_fail(k, ERR_ABORTED, "what answers is no etcd");
    } else {
        raft_engine_etcd_fail(k, e == ERR_CANCELLED ? ERR_UNAVAILABLE : e, e == ERR_CANCELLED ? "the cell is stopping" : NULL);
    }
}

/* A refusal: {"error", "code", "message"}; older and newer ones have two of these. */
static void refused(struct raft_engine_etcd_ask *k, int status, const json_t *reply)
{
    const char *message = raft_engine_json_string(reply, "error"), *text;
    uint32_t code = (uint32_t)raft_engine_json_number(reply, "code");

    message = *message != '\0' ? message : raft_engine_json_string(reply, "message");
    enum err e = raft_engine_etcd_error(code, message, &text);
    if (code == 0) {
        e = status == 404 ? ERR_UNIMPLEMENTED : ERR_ABORTED;
        text = "what answers does not speak as etcd's gateway does";
    }
    raft_engine_etcd_fail(k, e, text);
}

static bool may_ask_again(const struct raft_engine_etcd_ask *k, int status)
{
    return status == 503 && k->question.is_repeatable && k->question.until_ms > loop_now_ms() + 2 * RAFT_ENGINE_ETCD_AGAIN_MS;
}

static void on_again(void *context)
{
    struct raft_engine_etcd_ask *k = context;

    cell_timer_stop(k->timer);
    k->timer = NULL;
    enum err e = raft_engine_link_ask(k->engine->links, &k->question);
    if (e != ERR_OK) {
        raft_engine_etcd_fail(k, e, "too many questions to etcd wait");
        return;
    }
    k->is_asking = true;
}

static void on_done(struct raft_engine_question *q, enum err e, int status, const char *text, size_t size)
{
    struct raft_engine_etcd_ask *k = q->context;
    struct arena arena;
    json_t *reply = NULL;

    k->is_asking = false;
    if (e != ERR_OK) {
        fail_question(k, e);
        return;
    }
    if (may_ask_again(k, status)) { /* it has no leader, or is stopping: a read is asked again, also elsewhere */
        k->timer = cell_timer_start(k->engine->cell, RAFT_ENGINE_ETCD_AGAIN_MS, 0, on_again, k);
    }
    if (k->timer != NULL) {
        return;
    }
    if (k->watch != NULL && status == 200) {
        k->take(k, NULL, NULL); /* its messages came line by line */
        return;
    }
    reply = json_loadb(text, size, JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, NULL); /* streams end in a line end */
    if (reply == NULL) {
        raft_engine_etcd_fail(k, ERR_ABORTED, "etcd answers with what is no JSON");
        return;
    }
    if (status != 200) {
        refused(k, status, reply);
    } else {
        arena_init(&arena, RAFT_ENGINE_ETCD_ARENA_FACTOR * (size + 4096));
        k->take(k, reply, &arena);
        arena_fini(&arena);
    }
    json_decref(reply);
}

struct raft_engine_etcd_ask *raft_engine_etcd_new(void *state, struct cell_call *call, const void *request)
{
    struct raft_engine_etcd_ask *k = calloc(1, sizeof *k);

    if (k != NULL) {
        k->engine = state;
        k->call = call;
        k->request = request;
        k->next = k->engine->asks;
        k->back = &k->engine->asks;
        if (k->next != NULL) {
            k->next->back = &k->next;
        }
        k->engine->asks = k;
    }
    return k;
}

/* On success the question is out. */
static enum err ask(struct raft_engine_etcd_ask *k, const char *path, struct raft_engine_json *j, json_t *body,
                    bool is_repeatable, raft_engine_etcd_take take)
{
    struct raft_engine_question *q = &k->question;
    uint64_t until_ms = cell_call_deadline_ms(k->call);

    free(q->body);
    q->body = j->is_short ? NULL : json_dumps(body, JSON_COMPACT);
    json_decref(body);
    if (q->body == NULL) {
        return ERR_NOMEM;
    }
    q->size = strlen(q->body);
    q->path = path;
    q->until_ms = until_ms > RAFT_ENGINE_ETCD_SLACK_MS ? until_ms - RAFT_ENGINE_ETCD_SLACK_MS : 0;
    q->is_repeatable = is_repeatable;
    q->is_stream = k->watch != NULL;
    q->line = raft_engine_watch_line;
    q->done = on_done;
    q->context = k;
    k->take = take;
    enum err e = raft_engine_link_ask(k->engine->links, q);
    k->is_asking = e == ERR_OK;
    cell_metric_add(k->engine->metric_asked, k->is_asking);
    return e;
}

enum err raft_engine_etcd_ask(struct raft_engine_etcd_ask *k, const char *path, struct raft_engine_json *j, json_t *body,
                              bool is_repeatable, raft_engine_etcd_take take)
{
    enum err e = ask(k, path, j, body, is_repeatable, take);

    if (e != ERR_OK) {
        k->call = NULL; /* the runtime answers it */
        let_go(k);
        return e;
    }
    cell_call_on_cancel(k->call, on_cancel, k);
    return ERR_LATER;
}

void raft_engine_etcd_ask_more(struct raft_engine_etcd_ask *k, const char *path, struct raft_engine_json *j, json_t *body,
                               bool is_repeatable, raft_engine_etcd_take take)
{
    enum err e = ask(k, path, j, body, is_repeatable, take);

    if (e != ERR_OK) {
        raft_engine_etcd_fail(k, e, "too many questions to etcd wait");
    }
}

/* ---- life --------------------------------------------------------------------------------------- */

/* A file in PEM; *ret_size with its terminator. */
static enum err load(const char *path, char **ret, size_t *ret_size)
{
    size_t len = 0;
    enum err e = fd_read_file(AT_FDCWD, path, RAFT_ENGINE_ETCD_PEM_MAX, ret, &len);

    if (e != ERR_OK) {
        log_error("RAFT-ETCD-FILE", "path=\"%s\" error=%s hint=\"sandbox.read must grant it\"", path, err_name(e));
        return e;
    }
    *ret_size = len + 1;
    return ERR_OK;
}

/* Certificate and key, one after the other. */
static enum err load_own(const struct raft_settings_etcd *t, char **ret, size_t *ret_size)
{
    AUTO_FREE char *certificate = NULL;
    AUTO_FREE char *key = NULL;
    size_t certificate_size = 0, key_size = 0;
    enum err e = load(t->certificate, &certificate, &certificate_size);

    e = e == ERR_OK ? load(t->key, &key, &key_size) : e;
    if (e != ERR_OK) {
        return e;
    }
    char *both = malloc(certificate_size + key_size);
    if (both != NULL) {
        memcpy(both, certificate, certificate_size - 1);
        both[certificate_size - 1] = '\n';
        memcpy(both + certificate_size, key, key_size);
        *ret = both;
        *ret_size = certificate_size + key_size;
    }
    sodium_memzero(key, key_size);
    return both != NULL ? ERR_OK : ERR_NOMEM;
}

static enum err load_identity(struct raft_engine_etcd *g)
{
    const struct raft_settings_etcd *t = &g->settings.etcd;
    AUTO_FREE char *ca = NULL;
    AUTO_FREE char *own = NULL;
    size_t ca_size = 0, own_size = 0;

    if (t->ca[0] == '\0') {
        return ERR_OK;
    }
    enum err e = load(t->ca, &ca, &ca_size);
    if (e == ERR_OK && t->certificate[0] != '\0') {
        e = load_own(t, &own, &own_size);
    }
    if (e != ERR_OK) {
        return e;
    }
    e = tls_identity_outside(ca, ca_size, own, own_size, &g->identity);
    if (own != NULL) {
        sodium_memzero(own, own_size);
    }
    if (e != ERR_OK) {
        log_error("RAFT-ETCD-TLS", "error=%s why=\"ca, certificate or key are not what they should be\"", err_name(e));
    }
    return e;
}

static enum err etcd_open(struct cell *cell, void *state)
{
    struct raft_engine_etcd *g = state;
    char why[CONF_WHY_SIZE];

    g->cell = cell;
    enum err e = raft_settings_read(cell_config(cell), cell_name(cell), cell_instance(cell), cell->birth.node, &g->settings, why);
    if (e != ERR_OK) {
        return e; /* it was read before: no memory */
    }
    g->metric_asked = cell_metric_counter(cell, "cell_raft_etcd_asked_total", "questions put to etcd");
    g->metric_failed = cell_metric_counter(cell, "cell_raft_etcd_failed_total", "calls that ended with an error of etcd's, or without its answer");
    return load_identity(g);
}

static enum err etcd_start(struct cell *cell, void *state)
{
    struct raft_engine_etcd *g = state;
    const struct raft_engine_link_config config = {.endpoint = g->settings.etcd.endpoint,
                                                   .count = g->settings.etcd.endpoints,
                                                   .identity = g->identity,
                                                   .name = g->settings.etcd.host};
    enum err e = raft_engine_link_open(host_loop(cell), &config, &g->links);

    if (e == ERR_OK) {
        log_info("RAFT-ETCD", "endpoints=%u first=%s", g->settings.etcd.endpoints, g->settings.etcd.endpoint[0].url);
    }
    return e;
}

static void etcd_stop(void *state)
{
    struct raft_engine_etcd *g = state;

    raft_engine_link_close(g->links);
    g->links = NULL;
    while (g->asks != NULL) { /* those that were to ask again */
        raft_engine_etcd_fail(g->asks, ERR_UNAVAILABLE, "the cell is stopping");
    }
    tls_identity_free(g->identity);
}

const struct raft_engine_def raft_engine_etcd = {
    .name = "etcd",
    .lacks = "sessions are not known to etcd, and its members, snapshots and backups are its own (etcdctl)",
    .state_size = sizeof(struct raft_engine_etcd),
    .open = etcd_open,
    .start = etcd_start,
    .stop = etcd_stop,
    .put = raft_engine_keys_put,
    .get = raft_engine_keys_get,
    .delete = raft_engine_keys_delete,
    .range = raft_engine_keys_range,
    .cas = raft_engine_txn_cas,
    .txn = raft_engine_txn_txn,
    .watch = raft_engine_watch_watch,
    .lease_grant = raft_engine_lease_grant,
    .lease_keep_alive = raft_engine_lease_keep,
    .lease_revoke = raft_engine_lease_revoke,
    .lease_info = raft_engine_lease_info,
    .lease_list = raft_engine_lease_list,
    .status = raft_engine_admin_status,
    .members = raft_engine_admin_members,
    .compact = raft_engine_admin_compact,
};
