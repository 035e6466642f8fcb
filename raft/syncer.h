/* The thread that writes: two batches take turns. While one is written and synced the next one gathers, and begins the
 * moment the disk is free; no timer waits for more. One fdatasync makes all of a batch durable (group commit: Hagmann,
 * "Reimplementing the Cedar File System Using Logging and Group Commit", SOSP 1987, section 5.4). A second thread makes
 * segments ahead of it, and removes those that are not needed. */
#ifndef CELL_RAFT_SYNCER_H
#define CELL_RAFT_SYNCER_H

#include "raft/store.h"

enum {
    RAFT_SYNCER_ITEMS = 512,         /* things to write that gather; more have to wait                          */
    RAFT_SYNCER_AHEAD = 1,           /* spare segments                                                          */
    RAFT_SYNCER_MAKE_RATE = 64 << 20, /* bytes of a spare filled in a second, while the log is not in its last half,
                                       * and slower by half                                                     */
    RAFT_SYNCER_RETRY_MS = 500,      /* after a full disk                                                       */
    RAFT_SYNCER_MUCH = 320 << 10,    /* bytes that the loop does not wait for: a member that lags has others to apply */
    RAFT_SYNCER_SLOW_US = 10000,     /* a sync that takes longer is not waited for by the loop, nor are those …  */
    RAFT_SYNCER_SLOW_FOR_US = 2000000, /* … that follow it within two seconds                                   */
};

enum raft_syncer_kind {
    RAFT_SYNCER_RUN,      /* append; what the log had from its first entry on is void */
    RAFT_SYNCER_BASE,     /* the log begins anew behind run.first - 1                 */
    RAFT_SYNCER_VOTE,
    RAFT_SYNCER_REPAIRED, /* the ballot's repair_to becomes 0                         */
};

/* One thing to write. The run's bytes stay until its ticket is written. */
struct raft_syncer_item {
    enum raft_syncer_kind kind;
    struct raft_run run;
    uint64_t prev_term; /* of the entry before run.first     */
    struct raft_vote vote;
};

/* One thing that is on disk. */
struct raft_syncer_done {
    enum raft_syncer_kind kind;
    struct raft_frame frame; /* RUN and BASE, with where it stands */
    uint64_t segment;
    uint32_t at;
    struct raft_vote vote;
};

struct raft_syncer_numbers {
    uint64_t batches, frames, bytes, votes;
    uint64_t sync_us, sync_us_max; /* of all batches; of the slowest */
    uint64_t segments;             /* made                           */
};

struct raft_syncer;

/* Start both threads. `store` and *w (copied) as raft_store_recover left them. ERR_NOMEM; ERR_LIMIT: no thread. */
enum err raft_syncer_open(struct raft_store *store, const struct raft_wal *w, struct raft_syncer **ret) MUST_CHECK;

/* Gather one thing; written in this order. *ret_ticket counts them. ERR_LIMIT: too many gather, or the disk is full and
 * no segment is ready; nothing was taken, and taking back what depends on it is the caller's. */
enum err raft_syncer_put(struct raft_syncer *y, const struct raft_syncer_item *item, uint64_t *ret_ticket) MUST_CHECK;

/* Whether entries of `bytes` in `items` runs will be taken. */
bool raft_syncer_has_room(const struct raft_syncer *y, uint32_t items, uint64_t bytes);

/* What was put is written now, or as soon as the disk is free. */
void raft_syncer_go(struct raft_syncer *y);

/* Write what was put on the caller's thread, and wait for the disk: for who has nothing better to do than to say that it
 * is durable. Two wake-ups less than the other thread, which on a busy machine are most of the time. false: nothing was
 * put, or much, the other thread writes, or the disk was slow lately; then raft_syncer_go. true: raft_syncer_take has it. */
bool raft_syncer_write_here(struct raft_syncer *y);

/* Readable when something is done, or failed, or a segment more is there. */
int raft_syncer_fd(const struct raft_syncer *y);

/* Take what is done: *ret_done[0..*ret_count), good until the next call, and the ticket up to which all is. An error is
 * the end of the process; the store's `why` says what. */
enum err raft_syncer_take(struct raft_syncer *y, const struct raft_syncer_done **ret_done, uint32_t *ret_count,
                          uint64_t *ret_ticket) MUST_CHECK;

/* Segments before `oldest` are not needed: as raft_store_retire, by the thread that makes them and soon. */
void raft_syncer_retire(struct raft_syncer *y, uint64_t oldest);

void raft_syncer_count(struct raft_syncer *y, struct raft_syncer_numbers *ret);

/* Whether making segments fails for want of room. */
bool raft_syncer_is_full(const struct raft_syncer *y);

/* End the threads; what was put and not yet begun is not written. NULL is fine. */
void raft_syncer_close(struct raft_syncer *y);

#endif
