/* What happened, in order: one ring of references to records for all watchers and for reads in the past. It is bounded by
 * events and by the bytes that nothing but it keeps; what falls out of it is compacted, and that is the same on every
 * member because it depends on commands alone. A pin (a snapshot that is being written) delays the freeing, not the
 * forgetting. What an event replaced goes to disk when it is no longer among the newest (past.h), and then so does an
 * event's own record: of such a one there is nothing in memory but its 16 bytes in the ring. */
#ifndef CELL_RAFT_JOURNAL_H
#define CELL_RAFT_JOURNAL_H

#include "raft/record.h"

enum {
    RAFT_JOURNAL_EVENTS = 100000,    /* a watcher that is away for a minute at 1,600 puts a second misses nothing */
    RAFT_JOURNAL_BYTES = 16 << 20,    /* of old values                                                             */
    RAFT_PINS_MAX = 4,               /* snapshots and backups at a time                                           */
};

/* One change. */
struct raft_event_slot {
    uint64_t record;   /* reference (record.h) to what it made                                           */
    uint32_t revision; /* low bits: every revision has an event, so there are fewer than 2^32 in between */
    uint32_t cost;     /* of what only the window keeps because of it                                    */
};

struct raft_journal {
    struct raft_event_slot *ring;
    uint64_t room;           /* a power of two, or 0 */
    uint64_t freed, begin, end; /* running numbers: ring[begin..end) is the window, [freed..begin) waits for pins */
    uint64_t cold;           /* what events before this one replaced is on disk                                   */
    uint64_t window_bytes;   /* cost of what only the window keeps */
    uint64_t warm_bytes;     /* cost of what events from `cold` on replaced */
    uint64_t compacted;      /* last revision that is forgotten    */
    uint64_t freed_revision; /* of the last event that is freed    */
    uint64_t pins[RAFT_PINS_MAX]; /* revisions that are being read; UINT64_MAX: free */
};

struct raft_past;
struct raft_tree;

void raft_journal_init(struct raft_journal *j);

/* Give the ring back; the records are the caller's. */
void raft_journal_fini(struct raft_journal *j);

/* Append the newest change, whose state before, if any, is in memory. ERR_NOMEM: nothing has changed. */
enum err raft_journal_append(struct raft_journal *j, struct raft_record *record) MUST_CHECK;

/* Whether it holds more than it should. */
bool raft_journal_is_full(const struct raft_journal *j);

/* Forget all of the oldest revision, or of all up to and with `revision`. */
void raft_journal_compact_oldest(struct raft_journal *j);
void raft_journal_compact(struct raft_journal *j, uint64_t revision);

/* Free what is forgotten and not pinned; takes ended keys out of the tree. Returns the cost of what left memory. */
uint64_t raft_journal_free(struct raft_journal *j, struct raft_tree *tree);

/* Put old records on disk until no more than the past's warm bytes of them are in memory, as far as the disk takes them,
 * and give back what is freed there. Returns the cost of what left memory. */
uint64_t raft_journal_cool(struct raft_journal *j, struct raft_past *past);

/* Keep all that is needed to read at `revision`. The index of the pin, or RAFT_PINS_MAX: there is none left. */
uint32_t raft_journal_pin(struct raft_journal *j, uint64_t revision);
void raft_journal_unpin(struct raft_journal *j, uint32_t pin);

/* Number of the first event in the window that is not before (revision, part); `end` when there is none. */
uint64_t raft_journal_seek(const struct raft_journal *j, uint64_t revision, uint32_t part);

/* Number of the event (revision, part), which there was and is not freed, or the one that would stand there. O(log n). */
uint64_t raft_journal_number(const struct raft_journal *j, uint64_t revision, uint32_t part);

/* Which change of its revision an event of the window is. */
uint32_t raft_journal_part(const struct raft_journal *j, uint64_t number);

static inline struct raft_event_slot *raft_journal_at(const struct raft_journal *j, uint64_t number)
{
    return &j->ring[number & (j->room - 1)];
}

/* Of an event that is not freed. */
static inline uint64_t raft_journal_revision(const struct raft_journal *j, uint64_t number)
{
    return j->freed_revision + (uint32_t)(raft_journal_at(j, number)->revision - (uint32_t)j->freed_revision);
}

#endif
