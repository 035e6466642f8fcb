/* The engine "etcd": the operations of raft.proto carried out by an etcd v3 cluster, through the JSON gateway that every
 * etcd serves at its client address. One call becomes one question (engine_link.h), or one at a time. Nothing is kept
 * here: what etcd says is what is so. */
#ifndef CELL_RAFT_ENGINE_ETCD_H
#define CELL_RAFT_ENGINE_ETCD_H

#include "common/run/cell.h"
#include "proto/raft.pb-c.h"
#include "raft/command.h"
#include "raft/engine.h"
#include "raft/engine_json.h"
#include "raft/engine_link.h"
#include "raft/settings.h"

enum {
    RAFT_ENGINE_ETCD_AGAIN_MS = 50,       /* until a question that came to nothing is asked again        */
    RAFT_ENGINE_ETCD_SLACK_MS = 50,       /* a call is answered so much before its deadline              */
    RAFT_ENGINE_ETCD_PAGE = 2048,         /* pairs asked for at a time; fewer when they are large        */
    RAFT_ENGINE_ETCD_ARENA_FACTOR = 8,    /* memory of an answer taken apart over its text               */
    RAFT_ENGINE_ETCD_PEM_MAX = 256 << 10, /* of a file with certificates                                 */
    RAFT_ENGINE_ETCD_SETTLE_MS = 300,     /* in which etcd tells a new watch what was before it: it looks
                                           * every 100 ms                                                */
};

struct raft_engine_etcd {
    struct cell *cell;
    struct raft_settings settings;
    struct tls_identity *identity;
    struct raft_engine_links *links;
    struct raft_engine_etcd_ask *asks; /* all of them */
    struct cell_metric *metric_asked, *metric_failed;
    uint8_t scratch[RAFT_COMMAND_MAX + 64]; /* a transaction is written here to be judged as the embedded store does */
};

struct raft_engine_etcd_ask;

/* Takes the JSON of a good answer; must answer the call, or ask again. `a` is for what the reply borrows. */
typedef void (*raft_engine_etcd_take)(struct raft_engine_etcd_ask *k, const json_t *reply, struct arena *a);

/* One call and its question. */
struct raft_engine_etcd_ask {
    struct raft_engine_question question;
    struct raft_engine_etcd_ask *next, **back;
    struct raft_engine_etcd *engine;
    struct cell_call *call;          /* NULL: answered */
    const void *request;
    raft_engine_etcd_take take;
    struct cell_timer *timer;        /* asks again, or ends a watch */
    bool is_asking;                  /* the question is out */
    /* Of single operations. */
    uint32_t page;                   /* pairs asked for         */
    uint64_t deleted;                /* keys of a lease        */
    json_t *kept[2];                 /* answers before this one; owned */
    struct raft_engine_etcd_watch *watch; /* owned; NULL: it is none */
};

/* For a call; NULL: no memory. */
struct raft_engine_etcd_ask *raft_engine_etcd_new(void *state, struct cell_call *call, const void *request);

/* Ask `path` what `body` says (taken; j: whether it is whole). What the handler returns: ERR_LATER, or why it could not be
 * asked, and then `k` is gone. */
enum err raft_engine_etcd_ask(struct raft_engine_etcd_ask *k, const char *path, struct raft_engine_json *j, json_t *body,
                              bool is_repeatable, raft_engine_etcd_take take) MUST_CHECK;

/* The same from within `take` or a timer: the call is answered if it cannot be. */
void raft_engine_etcd_ask_more(struct raft_engine_etcd_ask *k, const char *path, struct raft_engine_json *j, json_t *body,
                               bool is_repeatable, raft_engine_etcd_take take);

/* End the call, and `k` with it as soon as nothing of it is under way. */
void raft_engine_etcd_reply(struct raft_engine_etcd_ask *k, const void *message);
void raft_engine_etcd_fail(struct raft_engine_etcd_ask *k, enum err e, const char *text);

/* What an error of etcd's means; *ret_text for a person. grpc: its code. */
enum err raft_engine_etcd_error(uint32_t grpc, const char *message, const char **ret_text);

uint64_t raft_engine_etcd_revision(const json_t *reply); /* of its header */

/* engine_keys.c */
enum err raft_engine_keys_put(void *state, struct cell_call *call, const void *request);
enum err raft_engine_keys_get(void *state, struct cell_call *call, const void *request);
enum err raft_engine_keys_delete(void *state, struct cell_call *call, const void *request);
enum err raft_engine_keys_range(void *state, struct cell_call *call, const void *request);

/* engine_txn.c */
enum err raft_engine_txn_cas(void *state, struct cell_call *call, const void *request);
enum err raft_engine_txn_txn(void *state, struct cell_call *call, const void *request);

/* engine_watch.c */
enum err raft_engine_watch_watch(void *state, struct cell_call *call, const void *request);
void raft_engine_watch_line(struct raft_engine_question *q, const char *text, size_t size);
bool raft_engine_watch_ended(struct raft_engine_etcd_ask *k); /* its stream ended; false: it had not begun */

/* engine_lease.c */
enum err raft_engine_lease_grant(void *state, struct cell_call *call, const void *request);
enum err raft_engine_lease_keep(void *state, struct cell_call *call, const void *request);
enum err raft_engine_lease_revoke(void *state, struct cell_call *call, const void *request);
enum err raft_engine_lease_info(void *state, struct cell_call *call, const void *request);
enum err raft_engine_lease_list(void *state, struct cell_call *call, const void *request);

/* engine_admin.c */
enum err raft_engine_admin_status(void *state, struct cell_call *call, const void *request);
enum err raft_engine_admin_members(void *state, struct cell_call *call, const void *request);
enum err raft_engine_admin_compact(void *state, struct cell_call *call, const void *request);

#endif
