/* The data directory of one member, and the calls that touch it: whose it is, its segments, its votes. Everything that
 * must survive a loss of power is synced before a function returns, names of files included.
 *
 *   node               whose directory it is: cluster, member, founders, size of segments
 *   lock               held while a process uses it
 *   ballot             term, vote, how far the log went (ballot.h)
 *   wal-<number>       segments of the log (wal.h), 16 hexadecimal digits; those past the last frame are spares
 *   snapshot-<index>   the newest snapshot (snapshot_file.h)
 *   damaged-…          what a damaged log had, or a snapshot that was not readable, kept for a person
 *   *.tmp              half made; removed at the next start
 *
 * A failed sync ends the process (Rebello et al., "Can Applications Recover from fsync Failures?", ATC 2020): after it
 * nobody knows what is on disk until a new process reads it. */
#ifndef CELL_RAFT_STORE_H
#define CELL_RAFT_STORE_H

#include <pthread.h>

#include "common/base/err.h"
#include "common/base/macros.h"
#include "raft/ballot.h"
#include "raft/config.h"
#include "raft/places.h"
#include "raft/wal.h"

enum {
    RAFT_STORE_SEGMENT_USUAL = 16 << 20, /* bytes: docs/decisions says why                              */
    RAFT_STORE_SEGMENTS_MAX = 65536,     /* files                                                       */
    RAFT_STORE_WHY = 192,                /* bytes of an explanation                                     */
};

struct raft_store {
    int dir_fd, lock_fd, ballot_fd;
    struct raft_frame_owner owner;
    uint32_t segment_size;
    uint32_t founders_size;
    uint8_t founders[RAFT_CONFIG_BYTES_MAX]; /* the first configuration, packed; of one that was added: none */
    struct raft_ballot ballot;
    pthread_mutex_t ballot_lock;   /* of the ballot and its file: nobody takes it who must not wait for a disk */
    uint64_t oldest, newest;       /* segments there are; written by their maker, read by all: under `lock` */
    pthread_mutex_t lock;          /* of oldest, newest and the retired: never held while a disk works      */
    uint64_t retired[2];           /* segments that nobody needs: the maker fills them anew                 */
    uint32_t retired_count;
    int read_fd;                   /* last segment that was read from                                       */
    uint64_t read_segment;
    /* Of the caller, before raft_store_recover: */
    uint64_t rotten_snapshot;      /* newest index of a snapshot that is there and not readable; 0: none    */
    bool is_alone;                 /* nobody can repair anything: damage is refused, nothing is changed     */
    char why[RAFT_STORE_WHY];      /* what the last error was, for a person                                 */
};

/* Lock the directory `path` and look whose it is. *ret_fresh: it is empty, and raft_store_create must follow; else
 * raft_store_recover. path is absolute, without a link at its end.
 * ERR_DENIED: not ours, or others may enter it; ERR_EXISTS: another process uses it; ERR_DATA_LOSS: it has files of a log
 * but not the one that says whose; ERR_NOT_FOUND, ERR_IO … Each with its own `why`. Closed on an error, but for `why`. */
enum err raft_store_open(struct raft_store *s, const char *path, bool *ret_fresh) MUST_CHECK;

/* Make a fresh directory the one of `owner`, with an empty log of one segment; raft_store_recover follows. founders: the
 * cluster's first configuration, packed; no bytes for one who is to be added. ERR_LIMIT: the disk is full. */
enum err raft_store_create(struct raft_store *s, const struct raft_frame_owner *owner, const uint8_t *founders,
                           uint32_t founders_size, uint32_t segment_size) MUST_CHECK;

/* Read votes and log. snapshot: index of the last entry that a snapshot has, 0 without one; the log must begin no later
 * than behind it. *w, *p: where it ends and what it has; take: as raft_wal_reader's, may be NULL. A torn last batch is
 * removed. A damaged log is cut before the damage, its later segments put aside, and ballot.repair_to set: such a node
 * has no vote until it is repaired; *ret says what was found. A log that goes on from a snapshot that is rotten begins
 * anew, empty, with ballot.repair_to as far as it went.
 * ERR_DATA_LOSS: a file is missing, swapped, of the wrong size, both copies of the last vote are unreadable, or something
 * is damaged and there is nobody else; nothing was changed. ERR_DENIED: a file of another node or cluster. ERR_IO, ERR_NOMEM, ERR_LIMIT. */
enum err raft_store_recover(struct raft_store *s, uint64_t snapshot, struct raft_wal *w, struct raft_places *p,
                            void (*take)(void *context, const struct raft_frame *frame, const uint8_t *bytes,
                                         uint64_t segment, uint32_t at),
                            void *context, struct raft_wal_found *ret) MUST_CHECK;

/* At the start: the log is void and begins anew after the entry (base, base_term), in a segment of its own. Errors as
 * raft_store_make's. */
enum err raft_store_rebase(struct raft_store *s, struct raft_wal *w, struct raft_places *p, uint64_t base,
                           uint64_t base_term) MUST_CHECK;

/* Write votes and wait until they are on disk. Any error is the end of the process. */
enum err raft_store_vote(struct raft_store *s, struct raft_vote vote) MUST_CHECK;
enum err raft_store_repaired(struct raft_store *s) MUST_CHECK; /* ballot.repair_to becomes 0 */

/* Make segment newest + 1: zeros, synced, named. Uses a retired one where there is one. pace: called between pieces of
 * 256 KiB, `made` bytes of it are zeros by then; may wait; false: give up (ERR_CANCELLED). ERR_LIMIT: the disk is full; what was half made is gone. Any thread. */
enum err raft_store_make(struct raft_store *s, bool (*pace)(void *context, uint32_t made), void *context) MUST_CHECK;

/* Open segment `number` for writing; *ret_fd is the caller's. */
enum err raft_store_segment(struct raft_store *s, uint64_t number, int *ret_fd) MUST_CHECK;

/* Segments before `oldest` are not needed: they become spares or are removed. Of one thread, the one that makes segments. Blocks:
 * some 10 ms for each that is removed. */
void raft_store_retire(struct raft_store *s, uint64_t oldest);

/* What a reader read last, from where it goes on. Zero-initialised: nothing. */
struct raft_store_cursor {
    uint64_t segment;
    uint32_t at;          /* of the frame that is held                                     */
    struct raft_run held; /* all of it; count 0: none                                      */
    uint8_t *bytes;       /* owned: a frame after the other is read into the same memory   */
    uint32_t room;
};

void raft_store_cursor_fini(struct raft_store_cursor *c); /* it is nowhere again */

/* Read entries from `index` on, as many as their frame has: *ret, good until the cursor reads again.
 * ERR_NOT_FOUND: the log does not have it; ERR_DATA_LOSS: what was durable is not readable; ERR_IO, ERR_NOMEM. */
enum err raft_store_read(struct raft_store *s, const struct raft_places *p, struct raft_store_cursor *c, uint64_t index,
                         struct raft_run *ret) MUST_CHECK;

/* Sync the directory: names that were made or removed. */
enum err raft_store_sync_names(struct raft_store *s) MUST_CHECK;

/* Safe on a half-open or closed one; keeps `why`. */
void raft_store_close(struct raft_store *s);

#endif
