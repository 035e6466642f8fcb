/* A snapshot (snapshot_form.h) on disk. It gets its name when all of it is on disk, so a half-written one is none: a crash at any
 * moment leaves the one before. The same bytes go to a member that lags, from any offset on.
 *
 * Calls block: they are for a thread of their own, but for reads of single pieces. */
#ifndef CELL_RAFT_SNAPSHOT_FILE_H
#define CELL_RAFT_SNAPSHOT_FILE_H

#include "raft/snapshot_form.h"

/* One that is being written or received. */
struct raft_snapshot_file {
    int dir_fd; /* borrowed */
    int fd;     /* -1: none */
    struct raft_snapshot_head head;
    struct raft_snapshot_form form;
    uint64_t at, pushed; /* written; … that the disk was told to begin with */
    bool is_received;
    bool waits;          /* by the caller, after the beginning: its thread has time to wait for the disk */
};

/* Begin a new one; what was half written is dropped. ERR_LIMIT: the disk is full; ERR_IO. */
enum err raft_snapshot_file_begin(struct raft_snapshot_file *f, int dir_fd, const struct raft_snapshot_head *head) MUST_CHECK;

/* Add a chunk, 1 to RAFT_SNAPSHOT_CHUNK_MAX bytes. ERR_LIMIT, ERR_IO: drop it. */
enum err raft_snapshot_file_put(struct raft_snapshot_file *f, const void *bytes, size_t size) MUST_CHECK;

/* All is written: sync, name, sync the directory; older ones are removed. After an error it is dropped. */
enum err raft_snapshot_file_end(struct raft_snapshot_file *f) MUST_CHECK;

/* Begin to receive one; then its bytes in order, and raft_snapshot_file_received checks all of it before it is named.
 * ERR_DATA_LOSS: it is not what a snapshot is; ERR_DENIED: another cluster's; ERR_PRECONDITION: other bytes than the next
 * ones. */
enum err raft_snapshot_file_receive(struct raft_snapshot_file *f, int dir_fd) MUST_CHECK;
enum err raft_snapshot_file_more(struct raft_snapshot_file *f, uint64_t offset, const void *bytes, size_t size) MUST_CHECK;
enum err raft_snapshot_file_received(struct raft_snapshot_file *f, uint64_t cluster) MUST_CHECK;

/* Give one up that is half written. Also a closed one. */
void raft_snapshot_file_drop(struct raft_snapshot_file *f);

/* The newest one that has a whole head and end: opened, *ret_fd the caller's; *ret_size its bytes. ERR_NOT_FOUND: there
 * is none; ERR_DENIED: another cluster's; ERR_DATA_LOSS: none of those there are is whole. */
enum err raft_snapshot_file_find(int dir_fd, uint64_t cluster, int *ret_fd, struct raft_snapshot_head *ret,
                                 uint64_t *ret_size) MUST_CHECK;

/* The same among those of an index less than `before`. */
enum err raft_snapshot_file_find_before(int dir_fd, uint64_t cluster, uint64_t before, int *ret_fd,
                                        struct raft_snapshot_head *ret, uint64_t *ret_size) MUST_CHECK;

/* The highest index that the name of one has, whatever is in it; 0: there is none. */
enum err raft_snapshot_file_newest(int dir_fd, uint64_t *ret) MUST_CHECK;

/* Those of an index above `index` are not readable: they are called damaged-… from now on. Of such ones only the newest is
 * kept: room is short sooner than somebody looks at them. Not synced: raft_store_sync_names. */
enum err raft_snapshot_file_put_aside(int dir_fd, uint64_t index) MUST_CHECK;

/* Whether all of an open one is as it was written. ERR_DATA_LOSS, ERR_IO, ERR_NOMEM. */
enum err raft_snapshot_file_check(int fd) MUST_CHECK;

/* Read all chunks of an open one, each checked before it is given. ERR_DATA_LOSS; what `take` returns, ERR_OK goes on. */
enum err raft_snapshot_file_read(int fd, enum err (*take)(void *context, const uint8_t *bytes, size_t size),
                                 void *context) MUST_CHECK;

#endif
