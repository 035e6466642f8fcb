/* Who keeps what the operations are about. One interface, two engines: "embedded", the log and the store of this very
 * cell (shell.h), and "etcd", an etcd cluster that exists already (engine_etcd.h). The operations, their messages and
 * their errors are the same, so callers and the command line do not know which it is; what an engine has not is answered
 * UNIMPLEMENTED, and docs/decisions/0012-engines.md lists it.
 *
 * The seam is the operation as it came: what is above it are messages, what is below is each engine's own. Rejected: a
 * seam below the commands of the log, where etcd would have to be given revisions and sessions that it does not know. */
#ifndef CELL_RAFT_ENGINE_H
#define CELL_RAFT_ENGINE_H

#include "common/run/cell.h"

/* Every operation of raft.proto that users ask for. X(NUMBER, name) */
#define RAFT_ENGINE_MAP(X)                                                                         \
    X(PUT, put)                                                                                    \
    X(GET, get)                                                                                    \
    X(DELETE, delete)                                                                              \
    X(RANGE, range)                                                                                \
    X(CAS, cas)                                                                                    \
    X(TXN, txn)                                                                                    \
    X(WATCH, watch)                                                                                \
    X(LEASE_GRANT, lease_grant)                                                                    \
    X(LEASE_KEEP_ALIVE, lease_keep_alive)                                                          \
    X(LEASE_REVOKE, lease_revoke)                                                                  \
    X(LEASE_INFO, lease_info)                                                                      \
    X(LEASE_LIST, lease_list)                                                                      \
    X(OPEN_SESSION, open_session)                                                                  \
    X(CLOSE_SESSION, close_session)                                                                \
    X(STATUS, status)                                                                              \
    X(MEMBERS, members)                                                                            \
    X(ADD_MEMBER, add_member)                                                                      \
    X(REMOVE_MEMBER, remove_member)                                                                \
    X(PROMOTE, promote)                                                                            \
    X(TRANSFER, transfer)                                                                          \
    X(SNAPSHOT, snapshot)                                                                          \
    X(COMPACT, compact)                                                                            \
    X(BACKUP, backup)                                                                              \
    X(RESTORE, restore)                                                                            \
    X(HASH, hash)                                                                                  \
    X(PEER, peer)                                                                                  \
    X(LINK, link)                                                                                  \
    X(HELLO, hello)                                                                                \
    X(JOIN, join)

/* An engine. state: zeroed, state_size bytes. Hooks and operations are those of cell.h; tick and drain may be NULL, and an
 * operation that is NULL is one that this engine has not. */
struct raft_engine_def {
    const char *name;
    const char *lacks; /* what a caller of an operation that it has not is told */
    size_t state_size;
    enum err (*open)(struct cell *cell, void *state);
    enum err (*start)(struct cell *cell, void *state);
    void (*tick)(void *state, uint64_t now_ms);
    void (*drain)(void *state);
    void (*stop)(void *state);
#define X(NUMBER, name) enum err (*name)(void *state, struct cell_call *call, const void *request);
    RAFT_ENGINE_MAP(X)
#undef X
};

/* The cell's state: the engine that its configuration names. */
struct raft_engine {
    const struct raft_engine_def *def; /* NULL: not chosen yet */
    void *state;                       /* owned */
};

/* Hooks (cell_def); state: struct raft_engine. open: ERR_INVALID when the configuration is wrong. */
enum err raft_engine_open(struct cell *cell, void *state);
enum err raft_engine_start(struct cell *cell, void *state);
void raft_engine_tick(void *state, uint64_t now_ms);
void raft_engine_drain(void *state);
void raft_engine_stop(void *state);

/* Handlers (cell_op.handle). */
#define X(NUMBER, name) enum err raft_engine_do_##name(void *state, struct cell_call *call, const void *request);
RAFT_ENGINE_MAP(X)
#undef X

extern const struct raft_engine_def raft_engine_embedded;
extern const struct raft_engine_def raft_engine_etcd;

#endif
