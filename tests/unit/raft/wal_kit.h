/* A log in memory for tests: segments as plain bytes, a writer that plans with raft_wal and writes what it planned,
 * and a reader that says what a recovery found. */
#ifndef CELL_TESTS_UNIT_RAFT_WAL_KIT_H
#define CELL_TESTS_UNIT_RAFT_WAL_KIT_H

#include "raft/wal.h"
#include "tests/support/check.h"

enum {
    KIT_SEGMENTS = 6,
    KIT_SEGMENT_SIZE = 4096,
    KIT_ENTRIES = 512, /* indices that are remembered */
};

extern const struct raft_frame_owner kit_owner;

struct kit_log {
    struct raft_wal w;
    uint8_t segment[KIT_SEGMENTS + 1][KIT_SEGMENT_SIZE]; /* by number */
    uint64_t oldest, newest;
    uint64_t term_of[KIT_ENTRIES]; /* by index; what the log should say */
    uint32_t syncs;
};

/* An empty log whose segments are zeros with heads. */
void kit_init(struct kit_log *k);

/* `count` entries of `size` bytes from `first` on in `term`, put down as one frame; the bytes follow from index and
 * term, or are zeros. */
void kit_append(struct kit_log *k, uint64_t first, uint64_t term, uint32_t count, uint32_t size);
void kit_append_zeros(struct kit_log *k, uint64_t first, uint64_t term, uint32_t count, uint32_t size);

/* What was appended since the last one is durable. */
void kit_sync(struct kit_log *k);

/* Write what is planned. */
void kit_write(struct kit_log *k, const struct raft_wal_piece *piece);

/* Recover into a fresh writer; kit_has afterwards says which terms were found. */
struct raft_wal kit_recover(struct kit_log *k, struct raft_wal_found *ret);
extern uint64_t kit_has[KIT_ENTRIES]; /* term of each entry found, with its bytes right; 0: none */
extern uint64_t kit_frames;           /* that were taken */

/* Make zeros what a recovery says is void. */
void kit_clear(struct kit_log *k, const struct raft_wal_found *found);

/* Whether exactly the entries first..last are found, in the terms they were appended in. */
int kit_is(const struct kit_log *k, const struct raft_wal *w, uint64_t first, uint64_t last);

#endif
