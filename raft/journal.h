/* What happened, in order: one ring of pointers to records for all watchers and for reads in the past. It is bounded by
 * events and by the bytes that nothing but it keeps; what falls out of it is compacted, and that is the same on every
 * member because it depends on commands alone. A pin (a snapshot that is being written) delays the freeing, not the
 * forgetting. */
#ifndef CELL_RAFT_JOURNAL_H
#define CELL_RAFT_JOURNAL_H

#include "raft/record.h"

enum {
    RAFT_JOURNAL_EVENTS = 100000,    /* a watcher that is away for a minute at 1,600 puts a second misses nothing */
    RAFT_JOURNAL_BYTES = 16 << 20,    /* of old values                                                             */
    RAFT_PINS_MAX = 4,               /* snapshots and backups at a time                                           */
};

struct raft_journal {
    struct raft_record **ring;
    uint64_t room;           /* a power of two, or 0 */
    uint64_t freed, begin, end; /* running numbers: ring[begin..end) is the window, [freed..begin) waits for pins */
    uint64_t window_bytes;   /* cost of what only the window keeps */
    uint64_t compacted;      /* last revision that is forgotten    */
    uint64_t pins[RAFT_PINS_MAX]; /* revisions that are being read; UINT64_MAX: free */
};

struct raft_tree;

void raft_journal_init(struct raft_journal *j);

/* Give the ring back; the records are the caller's. */
void raft_journal_fini(struct raft_journal *j);

/* Append the newest change. ERR_NOMEM: nothing has changed. */
enum err raft_journal_append(struct raft_journal *j, struct raft_record *record) MUST_CHECK;

/* Whether it holds more than it should. */
bool raft_journal_is_full(const struct raft_journal *j);

/* Forget all of the oldest revision, or of all up to and with `revision`. */
void raft_journal_compact_oldest(struct raft_journal *j);
void raft_journal_compact(struct raft_journal *j, uint64_t revision);

/* Free what is forgotten and not pinned; takes ended keys out of the tree. Returns bytes freed. */
uint64_t raft_journal_free(struct raft_journal *j, struct raft_tree *tree);

/* Keep all that is needed to read at `revision`. The index of the pin, or RAFT_PINS_MAX: there is none left. */
uint32_t raft_journal_pin(struct raft_journal *j, uint64_t revision);
void raft_journal_unpin(struct raft_journal *j, uint32_t pin);

/* Number of the first event in the window that is not before (revision, part); `end` when there is none. */
uint64_t raft_journal_seek(const struct raft_journal *j, uint64_t revision, uint32_t part);

static inline struct raft_record *raft_journal_at(const struct raft_journal *j, uint64_t number)
{
    return j->ring[number & (j->room - 1)];
}

#endif
