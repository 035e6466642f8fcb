/* The file with what a node must not forget though it is no entry: its term and vote, and how much of a log it has
 * had. Two slots take turns, so that the one before is whole while a new one is written; each is there twice, in
 * blocks of their own, so that one that rots is no forgotten vote (Ongaro 2014, section 3.8: a node that
 * forgets its vote can vote twice in one term, and two leaders can be elected). */
#ifndef CELL_RAFT_BALLOT_H
#define CELL_RAFT_BALLOT_H

#include <stdbool.h>

#include "common/base/err.h"
#include "common/base/macros.h"
#include "raft/frame.h"

enum {
    RAFT_BALLOT_COPY = 512,       /* bytes of one copy: one sector, written whole or not at all */
    RAFT_BALLOT_BLOCK = 4096,     /* bytes from one copy to the next                            */
    RAFT_BALLOT_SLOT = 2 * RAFT_BALLOT_BLOCK,
    RAFT_BALLOT_FILE = 2 * RAFT_BALLOT_SLOT,
    RAFT_BALLOT_VERSION = 1,
};

struct raft_ballot {
    uint64_t sequence;    /* of the last write; the first is 1                                           */
    struct raft_vote vote;
    uint64_t segment;     /* the highest number a segment has ever had: one that is missing is missed    */
    uint64_t repair_to;   /* not 0: the log lost entries that it had, up to this index at least; no vote
                           * until a leader has brought them back                                        */
};

/* Write `b` with the next sequence number into out[RAFT_BALLOT_SLOT]; *ret_at: where in the file it goes. The vote is
 * cast when that is synced, not before. */
void raft_ballot_write(struct raft_ballot *b, const struct raft_frame_owner *owner, uint8_t *out, uint32_t *ret_at);

/* Read the whole file, bytes[0..size). ERR_NOT_FOUND: it is empty or zeros, nothing was ever written. ERR_DENIED: it
 * is another node's. ERR_DATA_LOSS: what was written last can't be read. *ret untouched on an error; *ret_heal: a copy
 * is unreadable that the others replace; write the ballot again, twice. */
enum err raft_ballot_read(const struct raft_frame_owner *owner, const uint8_t *bytes, size_t size,
                          struct raft_ballot *ret, bool *ret_heal) MUST_CHECK;

#endif
