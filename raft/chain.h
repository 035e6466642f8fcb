/* The states of one key, from a newer one to older ones, whether they are in memory or on disk. */
#ifndef CELL_RAFT_CHAIN_H
#define CELL_RAFT_CHAIN_H

#include "raft/journal.h"
#include "raft/past.h"

struct raft_chain {
    const struct raft_journal *journal;
    struct raft_past *past;     /* NULL: all is in memory                       */
    struct raft_record *loaded; /* owned: the last record that came from a disk */
    uint64_t loads;             /* so many did                                  */
};

/* What a reference says. `*ret`, and one that was loaded before, are good until the next call with this chain.
 * Errors: those of raft_past_get. */
enum err raft_chain_load(struct raft_chain *c, uint64_t ref, const struct raft_record **ret) MUST_CHECK;

/* The state before `r`, whose event is not freed and which may be the one that was loaded; *ret NULL: there was none. */
enum err raft_chain_before(struct raft_chain *c, const struct raft_record *r, const struct raft_record **ret) MUST_CHECK;

/* What made the state at a revision that is not forgotten, `newest` being the newest; *ret NULL: there was none. Links are
 * followed from the newest on, and when they are many, the ring is looked into: whatever is found there between the two is a
 * step over all that is newer. Of n events since then it takes some times the root of n reads, with chance, and the logarithm
 * where most of them are of this key. */
enum err raft_chain_to(struct raft_chain *c, const struct raft_record *newest, uint64_t revision,
                       const struct raft_record **ret) MUST_CHECK;

/* The same; *ret NULL also when it was deleted. */
enum err raft_chain_at(struct raft_chain *c, const struct raft_record *newest, uint64_t revision,
                       const struct raft_record **ret) MUST_CHECK;

/* If `r` is the one that was loaded: it stays until the next question to the store. ERR_NOMEM. */
enum err raft_chain_show(struct raft_chain *c, const struct raft_record *r) MUST_CHECK;

void raft_chain_fini(struct raft_chain *c);

#endif
