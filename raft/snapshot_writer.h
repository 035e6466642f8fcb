/* A snapshot that is made beside the loop: the loop has the image, a piece at a time, and a thread has the file. What a disk
 * or its file system makes a writer wait for is that thread's time alone. */
#ifndef CELL_RAFT_SNAPSHOT_WRITER_H
#define CELL_RAFT_SNAPSHOT_WRITER_H

#include <pthread.h>

#include "raft/snapshot_file.h"

/* One that is being written. Memory of the caller, zeros before the first use; used by its loop alone, but for the thread. */
struct raft_snapshot_writer {
    struct raft_snapshot_file file; /* the thread's, until raft_snapshot_writer_take or _stop says that it is over */
    int dir_fd, event_fd;           /* borrowed */
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock;           /* of what follows */
    pthread_cond_t work;
    const uint8_t *piece;           /* borrowed; NULL: it has none */
    size_t size;
    bool is_whole, is_given_up, is_asked, is_over;
    enum err result;
};

/* Begin one: a thread that makes its file. event_fd (of eventfd, borrowed) is readable when there is something to look at
 * again: room that was asked for, or an end. ERR_LIMIT: no thread, and nothing was begun. */
enum err raft_snapshot_writer_begin(struct raft_snapshot_writer *w, int dir_fd, const struct raft_snapshot_head *head,
                                    int event_fd) MUST_CHECK;

/* Whether the next piece may be given. If not, event_fd says when. */
bool raft_snapshot_writer_has_room(struct raft_snapshot_writer *w);

/* Write a chunk, 1 to RAFT_SNAPSHOT_CHUNK_MAX bytes; there is room. They stay as they are until there is room again. */
void raft_snapshot_writer_give(struct raft_snapshot_writer *w, const uint8_t *bytes, size_t size);

/* That was all: what was given is synced and named. There is room. */
void raft_snapshot_writer_end(struct raft_snapshot_writer *w);

/* Whether it is over. *ret: ERR_OK, it has its name, and `file` its index and size; ERR_LIMIT, the disk is full; ERR_IO.
 * After an error nothing is left of it. Blocks no longer than a thread takes to end. */
bool raft_snapshot_writer_take(struct raft_snapshot_writer *w, enum err *ret);

/* Give it up, unless raft_snapshot_writer_end was said; wait for the thread in any case. Fine when there is none. */
void raft_snapshot_writer_stop(struct raft_snapshot_writer *w);

#endif
