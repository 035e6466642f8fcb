/* What a member keeps on the world's disk: the real formats of votes, log and snapshots (raft/ballot.h, wal.h,
 * snapshot_form.h) in files that bear names, written and read in the order in which raft/store_open.c, store_make.c and
 * syncer.c do it. */
#ifndef CELL_TESTS_SIM_RAFT_STORE_H
#define CELL_TESTS_SIM_RAFT_STORE_H

#include "raft/ballot.h"
#include "raft/places.h"
#include "raft/snapshot_form.h"
#include "raft/wal.h"
#include "tests/sim/world/world.h"

struct quorum_seat;

enum {
    STORE_INSTALLS = 8,        /* new beginnings of the log in one batch              */
    STORE_IMAGES = 2,          /* snapshots that are written: an own one, one received */
    STORE_SEGMENT_USUAL = 16 << 10,
    STORE_MARGIN = 600,        /* bytes of log that the core itself may add           */
};

/* What a name says: kind, and a number below it. */
enum store_kind { STORE_NODE = 1, STORE_BALLOT, STORE_SEGMENT, STORE_SNAPSHOT };

/* What a sync was for. */
enum store_sync {
    STORE_SYNC_LOG = 1,
    STORE_SYNC_BALLOT,
    STORE_SYNC_FREED,  /* names that were taken away: their files may be filled anew */
    STORE_SYNC_FILLED, /* a segment, zeros                                          */
    STORE_SYNC_NAMED,
    STORE_SYNC_IMAGE,  /* + which of them */
    STORE_SYNC_IMAGE_NAMED = STORE_SYNC_IMAGE + STORE_IMAGES,
};

/* What is durable when a batch is, as the core wants to hear of it. */
struct store_mark {
    uint64_t index, term, epoch;
};

struct store_item {
    struct raft_run run;       /* bytes: owned. Of a base: none, first is behind it */
    uint64_t prev_term;
    struct store_mark mark;
    bool is_base, is_last;     /* is_last: of a run that takes several frames       */
};

enum store_growth { STORE_GROWS_NOT, STORE_GROWS_SEGMENT, STORE_GROWS_IMAGE };

struct store_image {
    uint8_t *bytes;            /* owned; NULL: none is written */
    size_t size;
    uint64_t index;
    uint32_t file;
    bool is_waiting;           /* for its turn to grow the disk */
};

struct store {
    struct raft_frame_owner owner;
    uint32_t segment_size;
    struct raft_wal wal;
    struct raft_places places;
    uint64_t oldest, newest;   /* segments */
    uint64_t name[DISK_FILES]; /* as they are when all effects so far are performed */
    uint8_t freed[DISK_FILES]; /* 1: has lost its name; 2: … before the sync of names that is under way */

    struct raft_ballot ballot;
    bool is_ballot_dirty, is_ballot_flying;
    struct raft_ballot ballot_flying;

    struct store_item *item;   /* to be written, in order */
    uint32_t items, room, taken;
    bool is_log_flying;
    struct raft_wal_piece *piece; /* in flight, without their bytes */
    uint32_t pieces, piece_room;
    struct store_mark last, install[STORE_INSTALLS];
    uint32_t installs;

    bool is_making, is_full;
    uint32_t making_file;
    uint64_t retry_us;
    struct store_image image[STORE_IMAGES];
    enum store_growth wants, growing; /* of the disk's room, at the end of this step; in the one before */
    uint32_t growing_image;
};

/* What a start finds. */
struct store_found {
    uint64_t member;           /* id */
    bool is_fresh;
    enum raft_wal_verdict verdict;
    struct raft_snapshot_head head; /* index 0: there is no snapshot */
    uint8_t *snapshot;         /* owned by the caller: the whole file */
    size_t snapshot_size;
    uint64_t rotten;           /* index of a newer one that was not whole; 0: none */
};

/* store_open.c. Read the disk, or make it that of `member`; entries go to the seat's memory. What must be written before
 * anything else is, by effects that are waited for. false: the world has failed. */
bool store_open(struct world *w, uint32_t node, struct quorum_seat *s, uint64_t member, struct world_effects *fx,
                struct store_found *ret);

/* store.c */
void store_fini(struct store *t);
void store_append(struct store *t, const struct raft_run *run, uint64_t prev_term, const struct store_mark *mark);
void store_base(struct store *t, const struct store_mark *mark);
void store_vote(struct store *t, const struct raft_vote *vote);
void store_repaired(struct store *t);
bool store_has_room(const struct store *t, uint64_t bytes);
void store_cut(struct world *w, struct store *t, uint64_t index, struct world_effects *fx); /* entries up to it may go */

/* Write a snapshot; bytes are taken. false: one of its kind is being written. */
bool store_write_image(struct store *t, uint32_t which, uint64_t index, uint8_t *bytes, size_t size);

/* Begin what can be begun; then, as the last thing of a step, what needs room. */
void store_turn(struct world *w, struct store *t, uint64_t now_us, struct world_effects *fx);
void store_grow(struct world *w, struct store *t, struct world_effects *fx);

/* A sync ended well; what it means to others comes back by ret. */
struct store_told {
    bool is_vote, is_log, is_image;
    struct raft_vote vote;
    struct store_mark last, install[STORE_INSTALLS]; /* last.index 0: none */
    uint32_t installs, image;
    uint64_t image_index;
};
void store_synced(struct world *w, struct store *t, const struct world_event *ev, struct world_effects *fx,
                  struct store_told *ret);

/* The last thing of the step before found no room. false: it was something that must not fail. */
bool store_failed(struct store *t, uint64_t now_us);

/* For both files. */
uint64_t store_name(enum store_kind kind, uint64_t number);
uint32_t store_file(const struct store *t, uint64_t name); /* DISK_FILES: there is none */
uint32_t store_free(const struct store *t);                /* DISK_FILES: all are taken */
void store_blank(const struct store *t, uint64_t number, uint8_t *out); /* segment_size bytes of a new segment */
void store_write(struct world *w, struct world_effects *fx, uint32_t file, uint64_t offset, const void *bytes, size_t size);
void store_set_name(struct world *w, struct store *t, struct world_effects *fx, uint32_t file, uint64_t name);
void store_write_ballot(struct world *w, struct store *t, struct world_effects *fx);
size_t store_piece_bytes(const struct raft_wal_piece *p, uint8_t *out); /* head, body and tail together */

/* For checkers: what the medium of a node would say after a loss of power right now. */
bool store_medium_has(const struct world *w, uint32_t node, uint64_t index, uint64_t term);
struct raft_vote store_medium_vote(const struct world *w, uint32_t node);

#endif
