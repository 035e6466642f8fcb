/* The operations that raft.proto lists, and what waits for answers. */
#ifndef CELL_RAFT_SERVICE_H
#define CELL_RAFT_SERVICE_H

#include "common/run/cell.h"
#include "raft/image.h"
#include "raft/lessor.h"
#include "raft/shell_ask.h"

enum {
    RAFT_SERVICE_WAITING_MAX = 4096, /* watches, and reads that wait for a revision */
    RAFT_SERVICE_WAIT_MAX_MS = 60000,
    RAFT_SERVICE_LEADER_MS = 2000,   /* a new leader is waited for, so that it can be named */
    RAFT_SERVICE_SLACK_MS = 50,      /* a poll without events is answered so much before its deadline */
    RAFT_SERVICE_DUE_MAX = 64,       /* leases and sessions ended at a time */
    RAFT_SERVICE_BACKUP_BYTES = 256 << 10, /* of a part */
    RAFT_SERVICE_BACKUPS_MAX = 2,    /* at a time: a pin is left for a snapshot, and one for a hash */
    RAFT_SERVICE_BACKUP_MS = 60000,  /* without a question a backup ends          */
    RAFT_SERVICE_HASH_BYTES = 64 << 10, /* of the image that a hash is made of, in a turn: old values are read back for it */
};

/* A backup that somebody reads. */
struct raft_service_backup {
    uint64_t id, used_ms;
    struct raft_image image;
    uint8_t *part;   /* NULL: a free place */
    size_t size;     /* of the newest part */
    uint32_t number; /* of parts so far    */
};

/* One hash is made at a time; whoever asks meanwhile waits for the next one. */
struct raft_service_hash {
    struct raft_image_sum *sum; /* NULL: none is made */
    uint64_t revision, index;   /* of its store       */
    struct raft_service_hasher *asking;
};

struct raft_service_waiter;

struct raft_service {
    struct raft_shell *shell;
    struct raft_lessor lessor;
    struct cell_timer *timer;
    struct raft_service_waiter *waiters; /* of watches, and of reads not older than something */
    uint32_t waiting;
    struct raft_service_backup backups[RAFT_SERVICE_BACKUPS_MAX];
    uint64_t backup_count;
    struct raft_service_hash hash;
    uint32_t ending;  /* ends of leases and sessions that are proposed and not answered */
    bool is_marking;  /* … and of the clock */
    uint8_t scratch[RAFT_COMMAND_MAX + 64]; /* one command at a time is written here */
};

/* ERR_NOMEM. The shell calls stop before it goes away, when nothing can be applied any more. */
enum err raft_service_start(struct raft_service *v, struct raft_shell *s) MUST_CHECK;
void raft_service_stop(struct raft_service *v);

/* The shell says: this node leads and has applied its own term's first entry, or no longer; the store has more than
 * before. */
void raft_service_lead(struct raft_service *v);
void raft_service_elect(struct raft_service *v, uint64_t term_before); /* raft_lessor_elect */
void raft_service_leave(struct raft_service *v);
void raft_service_applied(struct raft_service *v);

/* The cluster's clock, for those who follow; false: there is nothing that ends by it. */
bool raft_service_clock(struct raft_service *v, uint64_t *ret_ms);

/* Ends backups that nobody reads any more; all. */
void raft_service_backup_clock(struct raft_service *v, uint64_t now_ms);
void raft_service_backup_stop(struct raft_service *v);

/* A piece of the hash that is asked for; whether there is more to do. At the end, all who ask are refused. */
bool raft_service_hash_turn(struct raft_service *v);
void raft_service_hash_stop(struct raft_service *v);

/* Answer with an error of a read, and say so when an old value is rotten (past.h). */
void raft_service_past_refuse(struct cell_call *call, enum err e);

/* Handlers (cell_op.handle); state: struct raft_shell. */
enum err raft_service_put(void *state, struct cell_call *call, const void *request);
enum err raft_service_get(void *state, struct cell_call *call, const void *request);
enum err raft_service_delete(void *state, struct cell_call *call, const void *request);
enum err raft_service_range(void *state, struct cell_call *call, const void *request);
enum err raft_service_cas(void *state, struct cell_call *call, const void *request);
enum err raft_service_txn(void *state, struct cell_call *call, const void *request);
enum err raft_service_watch(void *state, struct cell_call *call, const void *request);
enum err raft_service_lease_grant(void *state, struct cell_call *call, const void *request);
enum err raft_service_lease_keep_alive(void *state, struct cell_call *call, const void *request);
enum err raft_service_lease_revoke(void *state, struct cell_call *call, const void *request);
enum err raft_service_lease_info(void *state, struct cell_call *call, const void *request);
enum err raft_service_lease_list(void *state, struct cell_call *call, const void *request);
enum err raft_service_open_session(void *state, struct cell_call *call, const void *request);
enum err raft_service_close_session(void *state, struct cell_call *call, const void *request);
enum err raft_service_status(void *state, struct cell_call *call, const void *request);
enum err raft_service_members(void *state, struct cell_call *call, const void *request);
enum err raft_service_add_member(void *state, struct cell_call *call, const void *request);
enum err raft_service_remove_member(void *state, struct cell_call *call, const void *request);
enum err raft_service_promote(void *state, struct cell_call *call, const void *request);
enum err raft_service_transfer(void *state, struct cell_call *call, const void *request);
enum err raft_service_snapshot(void *state, struct cell_call *call, const void *request);
enum err raft_service_compact(void *state, struct cell_call *call, const void *request);
enum err raft_service_backup(void *state, struct cell_call *call, const void *request);
enum err raft_service_restore(void *state, struct cell_call *call, const void *request);
enum err raft_service_hash(void *state, struct cell_call *call, const void *request);

#endif
