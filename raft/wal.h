/* The log on disk, thought only: where the next frame goes, and what a reader may conclude from what it finds. No
 * file is touched here: the caller writes what is planned and reads by a function that it brings.
 *
 * The log is a row of segments (files of one size, filled with zeros before their first use) and is only ever
 * appended to: what a new leader overwrites stays where it is, and a later frame says that it is void. So nothing that
 * was durable is written again, and a loss of power can tear only the last batch. A batch is the frames between two
 * syncs; the next one is written after the sync of the one before has come back, and never reaches into another
 * segment. A frame that says that more was durable than is found proves that what is missing was acknowledged.
 *
 * Source: Ongaro, "Consensus: Bridging Theory and Practice" (2014), section 3.8; Alagappan et al., "Protocol-Aware
 * Recovery for Consensus-Based Storage", FAST 2018. */
#ifndef CELL_RAFT_WAL_H
#define CELL_RAFT_WAL_H

#include "common/base/err.h"
#include "common/base/macros.h"
#include "raft/frame.h"

enum {
    RAFT_WAL_HEAD = 512,            /* bytes of a segment before its first frame                         */
    RAFT_WAL_VERSION = 1,
    RAFT_WAL_BATCH_MAX = 4 << 20,   /* bytes of frames between two syncs                                 */
    RAFT_WAL_SEGMENT_MIN = 4096,    /* bytes; those with room for any entry are RAFT_WAL_SEGMENT_ANY     */
    RAFT_WAL_SEGMENT_ANY = 4 << 20,
    RAFT_WAL_SEGMENT_MAX = 1 << 30,
};

/* Where the log ends. Plain memory of the caller. */
struct raft_wal {
    struct raft_frame_owner owner;
    uint32_t segment_size;    /* bytes of each                                                        */
    uint64_t segment;         /* number of the one that is written; the first is 1                    */
    uint32_t at;              /* offset of the next frame in it                                       */
    uint64_t sequence;        /* of the last frame; 0: none                                           */
    uint64_t durable;         /* sequence up to which all frames are on disk                          */
    uint32_t chain;           /* check of the last frame                                              */
    uint64_t base, base_term; /* the entry before the first one; 0, 0 in a log that has all           */
    uint64_t last, last_term; /* the last entry; base and base_term when there is none                */
    bool is_repair;           /* the next frame starts a segment after a damaged one                  */
};

/* An empty log that begins after the entry (base, base_term). segment_size: RAFT_WAL_SEGMENT_MIN to
 * RAFT_WAL_SEGMENT_MAX, a multiple of RAFT_WAL_SEGMENT_MIN. */
void raft_wal_init(struct raft_wal *w, const struct raft_frame_owner *owner, uint32_t segment_size);

/* Bytes of entries that one frame takes in segments of this size. */
uint32_t raft_wal_body_max(uint32_t segment_size);

/* What to write: head, body, tail at `at` of `segment`. The body is the run's, borrowed. */
struct raft_wal_piece {
    uint64_t segment;
    uint32_t at;
    struct raft_frame frame;
    const uint8_t *body;
    uint32_t tail_size;
    uint8_t head[RAFT_FRAME_HEAD], tail[RAFT_FRAME_TAIL_MAX];
};

/* Append `run`, whose first entry follows one of term `prev_term`; what the log had from run->first on is void. A run
 * without entries only makes void. run->first: base + 1 to last + 1. A piece in another segment than the one before
 * begins a batch: sync what was written to the old one, say raft_wal_synced, and plan it again.
 * ERR_UNAVAILABLE: that is to be done, and nothing has changed. ERR_LIMIT: it does not fit into any segment. */
enum err raft_wal_append(struct raft_wal *w, const struct raft_run *run, uint64_t prev_term, struct raft_wal_piece *ret)
    MUST_CHECK;

/* The log is void and begins anew after the entry (base, base_term). Errors as raft_wal_append. */
enum err raft_wal_rebase(struct raft_wal *w, uint64_t base, uint64_t base_term, struct raft_wal_piece *ret) MUST_CHECK;

/* After raft_wal_recover said DAMAGED and the segments after the damaged one are out of the way: go on in a new one,
 * segment + 1, without what is damaged. */
enum err raft_wal_repair(struct raft_wal *w, struct raft_wal_piece *ret) MUST_CHECK;

/* All that was planned so far is on disk. */
void raft_wal_synced(struct raft_wal *w);

/* Whether a frame with `size` bytes of entries would begin another segment. */
bool raft_wal_turns(const struct raft_wal *w, uint32_t size);

/* ---- heads of segments ------------------------------------------------------------------------ */

enum raft_wal_head {
    RAFT_WAL_HEAD_OURS,
    RAFT_WAL_HEAD_DAMAGED,       /* says nothing; the frames after it say whose they are */
    RAFT_WAL_HEAD_OTHER_CLUSTER,
    RAFT_WAL_HEAD_OTHER_MEMBER,
    RAFT_WAL_HEAD_OTHER_NUMBER,  /* files were swapped, copied or renamed                */
    RAFT_WAL_HEAD_OTHER_SIZE,
    RAFT_WAL_HEAD_OTHER_VERSION,
};

/* Write the head of segment `number` into out[RAFT_WAL_HEAD]. */
void raft_wal_head_write(const struct raft_frame_owner *owner, uint64_t number, uint32_t segment_size, uint8_t *out);

/* Whose the head in[RAFT_WAL_HEAD] is. */
enum raft_wal_head raft_wal_head_look(const struct raft_frame_owner *owner, uint64_t number, uint32_t segment_size,
                                      const uint8_t *in);

/* ---- recovery --------------------------------------------------------------------------------- */

/* What the caller brings to read by. */
struct raft_wal_reader {
    void *context;
    /* Fill out[0..size) from `offset` of a segment; returns how many bytes there were. */
    size_t (*read)(void *context, uint64_t segment, uint32_t offset, void *out, size_t size);
    uint64_t oldest, newest; /* numbers of the segments there are; all between exist */
    /* Each frame in order, entries in bytes[0..frame->size), borrowed. May be NULL. */
    void (*take)(void *context, const struct raft_frame *frame, const uint8_t *bytes, uint64_t segment, uint32_t at);
    uint8_t *scratch;        /* RAFT_FRAME_MAX bytes */
};

enum raft_wal_verdict {
    RAFT_WAL_CLEAN,   /* all there is was written whole                                            */
    RAFT_WAL_TORN,    /* the last batch was torn; it cannot have been acknowledged, and is dropped */
    RAFT_WAL_DAMAGED, /* something is missing that may have been acknowledged                      */
};

struct raft_wal_found {
    enum raft_wal_verdict verdict;
    uint64_t segment;       /* where it is torn or damaged                                                */
    uint32_t at;
    uint32_t void_from, void_to; /* TORN: make these bytes of `segment` zeros and sync, before any append */
    /* Where the last batch begins, up to the end that *w says; 0: none. The process that wrote it may have ended because
     * its sync failed, and what is read then need not be on disk: write it again and sync before it counts. */
    uint64_t batch_segment;
    uint32_t batch_at;
    uint64_t later_last;    /* DAMAGED: the highest index of an entry in whole frames after it; 0: none   */
    const char *reason;     /* for a person; NULL when CLEAN                                              */
};

/* Read the whole log; *w (initialised) is set to its end, before what is torn or damaged. O(bytes of the log). */
void raft_wal_recover(struct raft_wal *w, const struct raft_wal_reader *r, struct raft_wal_found *ret);

#endif
