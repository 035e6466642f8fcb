/* What is in the log, not its bytes: which terms its entries are of and about how many bytes they have.
 *
 * Entries (base, last] are in it; the term of the base is known too, for the check of what comes before a
 * message's first entry (thesis, 3.5 and 5.1). Memory: 24 bytes for each RAFT_LOG_GRAIN bytes of log and for
 * each term. */
#ifndef CELL_RAFT_LOG_H
#define CELL_RAFT_LOG_H

#include <stddef.h>

#include "common/base/macros.h"
#include "raft/types.h"

enum {
    RAFT_LOG_GRAIN = 64 << 10, /* bytes; runs are put together up to this: sizes in between are not known */
    RAFT_LOG_APPENDS = 4,      /* in one step */
};

/* Entries from `first` up to the next mark: of one term. */
struct raft_mark {
    uint64_t first, term, before; /* bytes of the log before it, since it was made */
};

struct raft_log {
    uint64_t base, base_term, last, bytes;
    struct raft_mark *mark; /* owned; in use: [from, from + count) */
    uint32_t from, count, room;
};

/* An empty log behind base. */
void raft_log_init(struct raft_log *l, uint64_t base, uint64_t base_term);
void raft_log_fini(struct raft_log *l);

/* Make room for the appends of one step (RAFT_LOG_APPENDS); false: no memory. */
bool raft_log_reserve(struct raft_log *l) MUST_CHECK;

/* count > 0 entries of a term that is not less than the last one's, at last + 1. raft_log_reserve was called. */
void raft_log_append(struct raft_log *l, uint32_t count, uint64_t term, uint64_t size);

/* Drop the entries from `first` on, base < first <= last. */
void raft_log_truncate(struct raft_log *l, uint64_t first);

/* Drop the entries up to `base`, which is in the log. */
void raft_log_cut(struct raft_log *l, uint64_t base);

/* Forget all of it: empty behind base. */
void raft_log_reset(struct raft_log *l, uint64_t base, uint64_t base_term);

/* Term of an entry or of the base; 0 for others. */
uint64_t raft_log_term(const struct raft_log *l, uint64_t index);
uint64_t raft_log_last_term(const struct raft_log *l);

/* The last entry of a message that begins with `first`: of one term, at most bytes_most, one grain or one run
 * at least. *ret_size: how many bytes at most. */
uint64_t raft_log_run_end(const struct raft_log *l, uint64_t first, uint64_t bytes_most, uint64_t *ret_size);

/* The last of the entries in [first, last] up to which all are of `term`; first - 1: not even that one. */
uint64_t raft_log_same_until(const struct raft_log *l, uint64_t first, uint64_t last, uint64_t term);

/* The largest index, at most `index`, whose term is at most `term`; the base if there is none. */
uint64_t raft_log_find(const struct raft_log *l, uint64_t index, uint64_t term);

/* Bytes of the entries after `index`: rather too many, by a grain or the run that it is in, and for each truncation
 * that ended within one by what went of it. */
uint64_t raft_log_bytes_after(const struct raft_log *l, uint64_t index);

#endif
