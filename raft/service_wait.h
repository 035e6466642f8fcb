/* What the files of the service share: a call that waits for the log or for the store. */
#ifndef CELL_RAFT_SERVICE_WAIT_H
#define CELL_RAFT_SERVICE_WAIT_H

#include "raft/service.h"
#include "raft/wire.h"

/* Answers a call from the store as it is, in any case: with a reply or with an error. */
typedef void (*raft_service_respond)(struct raft_service *v, struct cell_call *call, const void *request);

/* Answers a call with what its command came to; a->error is ERR_OK. */
typedef void (*raft_service_answer)(struct cell_call *call, const void *request, const struct raft_answer *a);

/* Begin a command in the service's scratch. */
void raft_service_begin(struct raft_service *v, struct raft_writer *w, enum raft_command_kind kind,
                        const struct raft_once *once);

/* Propose what was written, and answer the call when it was applied. What the handler returns. */
enum err raft_service_propose(struct raft_service *v, struct cell_call *call, const void *request,
                              const struct raft_writer *w, raft_service_answer answer) MUST_CHECK;

/* Answer when the store is as new as was asked for. What the handler returns. */
enum err raft_service_read(struct raft_service *v, struct cell_call *call, const void *request,
                           Cell__Raft__Freshness freshness, uint64_t not_older_than, raft_service_respond respond) MUST_CHECK;

/* Wait for something that has no answer of the store's: `done` of `pending` gets the wait back with this. */
struct raft_service_wait {
    struct raft_pending pending;
    struct raft_service *v;
    struct cell_call *call;
    const void *request;
    raft_service_answer answer;
    raft_service_respond respond;
};
struct raft_service_wait *raft_service_wait_new(struct raft_service *v, struct cell_call *call, const void *request);

/* cell_reply where nobody is left who could make use of its errors: the caller is told of them. */
void raft_service_reply(struct cell_call *call, const void *message);

/* End a call with an error of the shell's: with a hint when somebody else leads. */
void raft_service_refuse(struct raft_service *v, struct cell_call *call, enum err e);

/* A place in the line of those who wait for the store to go on. `look` is called whenever it did: true when it answered,
 * which takes the place away. `is_over`: time is up, it must answer. Kept in memory of the call. */
struct raft_service_waiter {
    struct raft_service_waiter *prev, *next;
    struct raft_service *v;
    struct cell_call *call;
    const void *request;
    uint64_t due_ms;
    struct raft_watch_place *place; /* of a watch */
    raft_service_respond respond;   /* of a read that waits for not_older_than */
    uint64_t not_older_than;
    bool (*look)(struct raft_service_waiter *w, bool is_over);
};

/* ERR_LATER: it waits. ERR_LIMIT, ERR_INVALID: refused. */
enum err raft_service_wait(struct raft_service_waiter *w, uint32_t wait_ms) MUST_CHECK;

#endif
