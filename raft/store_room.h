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

/* Read up to size bytes at `offset`; *ret_size there were. */
enum err raft_store_pread(int fd, void *out, size_t size, uint64_t offset, size_t *ret_size) MUST_CHECK;

/* Write the ballot as it is now, and sync. */
enum err raft_store_save(struct raft_store *s) MUST_CHECK;

/* Read from a segment; used by one thread. */
size_t raft_store_read_at(void *store, uint64_t segment, uint32_t offset, void *out, size_t size);

#endif
