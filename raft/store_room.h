/* Inside of the data directory: what store.c, store_open.c and store_make.c share. */
#ifndef CELL_RAFT_STORE_ROOM_H
#define CELL_RAFT_STORE_ROOM_H

#include "raft/store.h"

enum {
    RAFT_STORE_NAME = 40,            /* bytes of a file's name, end included */
    RAFT_STORE_PIECE = 256 << 10,    /* bytes that are filled at once        */
};

/* Remember for a person what went wrong; returns `e`. */
enum err raft_store_explain(struct raft_store *s, enum err e, const char *format, ...) PRINTF_LIKE(3, 4);

void raft_store_name(uint64_t number, char out[RAFT_STORE_NAME]);

/* Write all of it at `offset`. */
enum err raft_store_write(int fd, const void *bytes, size_t size, uint64_t offset) MUST_CHECK;
/* Let the disk begin with what was written, or wait until it has it. Nothing is durable by that: what is to be is synced
 * later, and finds less to do. ERR_LIMIT: the disk is full; ERR_IO. */
enum err raft_store_push(int fd, uint64_t offset, uint64_t size, bool waits) MUST_CHECK;

/* Read up to size bytes at `offset`; *ret_size there were. */
enum err raft_store_pread(int fd, void *out, size_t size, uint64_t offset, size_t *ret_size) MUST_CHECK;

/* Write the ballot as it is now, and sync. */
enum err raft_store_save(struct raft_store *s) MUST_CHECK;

/* store_repair.c, at the start. Write the last batch once more; the ballot, twice to heal a copy; the names. A sync that
 * failed leaves in the cache what it was for, and there it looks clean. */
enum err raft_store_confirm(struct raft_store *s, const struct raft_wal *w, const struct raft_wal_found *found,
                            bool heal) MUST_CHECK;
enum err raft_store_clear_torn(struct raft_store *s, const struct raft_wal_found *found) MUST_CHECK;
enum err raft_store_cut_damage(struct raft_store *s, struct raft_wal *w, struct raft_places *p,
                               const struct raft_wal_found *found) MUST_CHECK;

/* What is before the log is nowhere: the log is of no use without it. First the ballot says that there is no vote before
 * all that this member has ever acknowledged is there again. */
enum err raft_store_forget(struct raft_store *s, struct raft_wal *w, struct raft_places *p) MUST_CHECK;

/* Read from a segment; used by one thread. */
size_t raft_store_read_at(void *store, uint64_t segment, uint32_t offset, void *out, size_t size);

#endif
