/* What happened to a set of keys from a point on: a place in the journal, nothing else. A watcher costs no queue, and
 * one that is slow costs nothing at all; one that is too slow is told which revisions it missed.
 *
 * Delivered are, as etcd promises: every change of the set, once, in order, with the value before it when asked for; the
 * changes of one revision together, unless they are more than an answer holds; and a place to go on from. */
#ifndef CELL_RAFT_WATCH_H
#define CELL_RAFT_WATCH_H

#include "raft/kv.h"

enum {
    RAFT_WATCH_LOOKED = 1 << 14, /* events looked at for one answer: 1 ms */
};

struct raft_watch {
    struct raft_span span;
    uint64_t from;      /* revision of the next event; 0 is set to what comes after the newest */
    uint32_t from_part; /* events of it that were delivered or passed */
    bool without_puts, without_deletes;
    bool with_previous; /* counts the values before as bytes of the answer */
};

struct raft_seen {
    uint64_t next;      /* `from` and `from_part` to go on with */
    uint32_t next_part;
    uint64_t events;    /* shown */
    bool has_more;      /* stopped by a limit, or by what is lost: ask again at once */
    uint64_t lost;      /* not 0: an event of this revision, the next one, cannot be read back, and never will be; whoever gets
                         * to it, with no event shown, has missed it as if it were compacted */
};

/* Show what happened, as much as `bytes` hold (one event at least). `previous`: the state before, NULL when there was none
 * or with_previous is not set. Both are borrowed until the next command or read. ERR_RANGE: `from` is compacted; nothing
 * was shown. ERR_NOMEM: what was shown is void. O(log n + events looked at). */
enum err raft_watch_collect(const struct raft_kv *kv, const struct raft_watch *w, size_t bytes,
                            void (*show)(void *context, const struct raft_record *r, const struct raft_record *previous),
                            void *context,
                            struct raft_seen *ret) MUST_CHECK;

#endif
