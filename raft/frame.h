/* Frames of the log on disk: what stands around the entries of one run, so that a reader can tell what was
 * written whole, what a loss of power tore, and what rotted after it had been durable.
 *
 * A frame is a header, the run's bytes, zeros up to the last 4 bytes, and an end mark; its size is a multiple of 8.
 * It is written once, over zeros. A write that a loss of power tears leaves zeros where it did not arrive (whole
 * sectors, or all from some byte on), and nothing else does: a frame that fails its checksum though no part of
 * it is missing has rotted. A torn frame was never acknowledged, a rotten one may have been: the difference that
 * Alagappan et al., "Protocol-Aware Recovery for Consensus-Based Storage", FAST 2018, section 3.3, asks of a log.
 * Each header holds the checksum of the one before (a chain) and who wrote it: frames of another log, or of an
 * earlier life of this file, do not fit. */
#ifndef CELL_RAFT_FRAME_H
#define CELL_RAFT_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "raft/types.h"

enum {
    RAFT_FRAME_HEAD = 88,           /* bytes before the entries                                            */
    RAFT_FRAME_TAIL_MAX = 11,       /* zeros and end mark                                                  */
    RAFT_FRAME_BODY_MAX = 2 << 20,  /* bytes of entries in one frame: room for the largest entry           */
    RAFT_FRAME_MAX = RAFT_FRAME_HEAD + RAFT_FRAME_BODY_MAX + 8,
    RAFT_FRAME_SECTOR = 512,        /* bytes that a disk writes whole or not at all; larger units are sums */
};

enum raft_frame_kind {
    RAFT_FRAME_ENTRIES = 1, /* entries from `first` on; what the log had from there on is void           */
    RAFT_FRAME_BASE = 2,    /* the log is void and begins anew at `first`, after prev_term (a snapshot)  */
    RAFT_FRAME_REPAIR = 3,  /* what follows the frame that this one is chained to, in the segment before,
                             * was damaged and is void                                                    */
};

/* Who writes. Neither is 0. */
struct raft_frame_owner {
    uint64_t cluster, member;
};

/* What a header says. Entries are those of a raft_run; the other kinds have none. */
struct raft_frame {
    enum raft_frame_kind kind;
    uint64_t sequence;   /* 1 for the first frame of a log, then one more for each                        */
    uint64_t first;      /* index of the first entry; for no entries: the next index                      */
    uint64_t term;       /* of the entries                                                                */
    uint64_t prev_term;  /* of the entry before `first`; 0 when first is 1                                */
    uint32_t count;      /* entries                                                                       */
    uint32_t size;       /* bytes of them                                                                 */
    uint32_t ahead;      /* frames before this one that were not yet durable when it was written          */
    uint32_t chain;      /* checksum of the header before; 0 for the first                                */
    uint32_t check;      /* of this header: the next one's chain                                          */
    uint32_t body_check; /* of the bytes                                                                  */
    uint32_t blank;      /* sectors' parts after the header that are zeros when all is there              */
};

/* Bytes of a frame with `size` bytes of entries, header and end included. */
uint32_t raft_frame_size(uint32_t size);

/* Write the header of `f` into head[RAFT_FRAME_HEAD] and its end into tail[RAFT_FRAME_TAIL_MAX]; *ret_tail bytes of it.
 * body[0..f->size): the entries, borrowed. offset: where in its file the frame will stand, a multiple of 8. Sets
 * check, body_check and blank. */
void raft_frame_seal(struct raft_frame *f, const struct raft_frame_owner *owner, const uint8_t *body, uint32_t offset,
                     uint8_t *head, uint8_t *tail, uint32_t *ret_tail);

/* What stands at a place of a file. */
enum raft_frame_found {
    RAFT_FRAME_WHOLE,   /* a frame of this owner                                       */
    RAFT_FRAME_EMPTY,   /* where its header would stand are zeros                      */
    RAFT_FRAME_TORN,    /* parts of it are missing                                     */
    RAFT_FRAME_ROTTEN,  /* no part is missing, and it is not what was written          */
    RAFT_FRAME_FOREIGN, /* a whole header of another owner                             */
};

/* Look at bytes[0..size) of a file, from `offset` on. WHOLE: *ret is set, its body follows the header. With only
 * a header (size == RAFT_FRAME_HEAD), the body is not looked at. Otherwise bytes past the end of the file count
 * as zeros that are missing. *ret untouched unless WHOLE. */
enum raft_frame_found raft_frame_look(const struct raft_frame_owner *owner, const uint8_t *bytes, size_t size,
                                      uint32_t offset, struct raft_frame *ret);

/* Whether bytes[0..size) are `count` entries, each of a known kind and at most RAFT_ENTRY_MAX bytes. O(count). */
bool raft_frame_entries_fit(const uint8_t *bytes, uint32_t size, uint32_t count);

/* Whether data[0..size) are zeros. */
bool raft_frame_is_blank(const uint8_t *data, size_t size);

#endif
