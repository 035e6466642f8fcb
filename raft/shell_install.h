/* A snapshot that comes from the leader: received in chunks, then checked and made durable, then loaded into a store of its
 * own, which comes in the place of the one that there is. Each of these takes as long as the snapshot is large, so a thread
 * does them: the loop goes on to answer heartbeats, votes and entries, and serves the old store meanwhile. */
#ifndef CELL_RAFT_SHELL_INSTALL_H
#define CELL_RAFT_SHELL_INSTALL_H

#include <pthread.h>

#include "raft/core.h"
#include "raft/kv.h"
#include "raft/snapshot_file.h"

struct loop_watch;
struct raft_shell;

/* What the thread does. */
enum raft_shell_work {
    RAFT_SHELL_IDLE,
    RAFT_SHELL_CHECKING, /* that it is whole, and its sync: `receiving`          */
    RAFT_SHELL_LOADING,  /* it into a store beside the one that there is: `kv`   */
    RAFT_SHELL_FREEING,  /* the store in whose place that has come: `kv`         */
};

struct raft_shell_installing {
    enum raft_shell_work work;
    pthread_t thread;
    int event_fd;               /* readable: it is done */
    struct loop_watch *watch;
    enum err result;
    struct raft_snapshot_file receiving;
    bool is_receiving, is_received; /* chunks come; it is whole and the core is to be told */
    uint64_t received_index;    /* being received or checked                               */
    uint64_t index;             /* being loaded, from `fd`                                 */
    int fd;
    struct raft_kv kv;
    struct raft_config config;  /* as of `index`                                           */
};

/* A chunk: answered, or as good as lost while the thread has one in hand. */
void raft_shell_install_chunk(struct raft_shell *s, const struct raft_message *m);

/* The core has taken the one that was received: the log begins behind it, the store follows. An error ends the process. */
void raft_shell_install_begin(struct raft_shell *s, const struct raft_effect *fx);

/* … or has given it up. */
void raft_shell_install_abort(struct raft_shell *s);

/* Once a turn: tells the core of one that is whole. */
void raft_shell_install_turn(struct raft_shell *s);

/* The store is not yet the snapshot's: nothing is applied, and no other snapshot made. */
bool raft_shell_install_is_loading(const struct raft_shell *s);

/* Waits for the thread. */
void raft_shell_install_close(struct raft_shell *s);

#endif
