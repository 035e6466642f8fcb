/* The store that the log makes: an ordered map with revisions, a window of what happened, leases and sessions.
 * Commands go in in the order of the log, the same on every member; nothing in here reads a clock, draws, or depends on
 * anything but them. Reads ask at any time between two commands.
 *
 * A revision is one command that changed keys; 0 is the empty store. A value's history is a chain of records, newest
 * first, and the journal says what to forget (journal.h). */
#ifndef CELL_RAFT_KV_H
#define CELL_RAFT_KV_H

#include "raft/answer.h"
#include "raft/journal.h"
#include "raft/lease.h"
#include "raft/past.h"
#include "raft/session.h"
#include "raft/tree.h"

enum {
    RAFT_QUOTA_BYTES = 2000000000, /* of keys and values, 64 each with them; replicated, RAFT_COMMAND_LIMITS */
    RAFT_DELETE_MAX = 1 << 18,     /* keys that one command ends: some 50 ms                                */
    RAFT_DUE_AGAIN_MS = 1000,      /* until an end that was proposed and did not come is proposed again     */
};

/* Where the reading of an image is: image.h. */
struct raft_load {
    uint32_t part;        /* the next one of a restore; UINT32_MAX: it was refused and must begin anew */
    bool has_head;
    bool is_nested;       /* the image is of a store that itself was in a restore, at nested_part */
    uint32_t nested_part;
    uint64_t shift_ms;    /* from its clock to ours */
    struct raft_record *tail; /* of the last key's chain; NULL: look for it */
};

struct raft_kv {
    uint64_t revision;
    uint64_t applied;     /* index of the last entry */
    uint64_t time_ms;     /* the cluster's clock, as the last command said */
    uint64_t quota_bytes;
    uint64_t keys;        /* that exist now */
    uint64_t live_bytes;  /* cost of them */
    uint64_t held_bytes;  /* cost of the records in memory: what is old may be on disk, and differs between members */
    uint64_t due_ms;      /* nothing runs out before this moment of the cluster's clock */
    uint64_t generation;  /* one more when all is thrown away */
    bool is_loading;      /* a restore has begun and not ended: nothing else is done meanwhile */
    struct raft_load load;
    uint32_t part;        /* changes of the command that is being applied */
    struct raft_tree tree;
    struct raft_journal journal;
    struct raft_past *past; /* owned; NULL: what is old stays in memory */
    struct raft_leases leases;
    struct raft_sessions sessions;
    struct raft_buffer body;
};

void raft_kv_init(struct raft_kv *kv);
void raft_kv_fini(struct raft_kv *kv);

/* Keep old records on `disk` (past.h), all but the newest of them; raft_kv_fini closes it. Of a store that was only
 * initialised. ERR_NOMEM: the disk is still the caller's. */
enum err raft_kv_keep_past(struct raft_kv *kv, const struct raft_past_disk *disk,
                           const struct raft_past_tuning *tuning) MUST_CHECK;

/* Apply the entry at `index`, which must be higher than all before; bytes: a command. ERR_OK: *ret says what came of
 * it, errors of the request included (then nothing but sessions has changed). ERR_MALFORMED: the bytes are none, nothing
 * was done but that the index was taken. ERR_NOMEM: the store is no longer what the log says; the process must end. */
enum err raft_kv_apply(struct raft_kv *kv, uint64_t index, const uint8_t *bytes, size_t size,
                       struct raft_answer *ret) MUST_CHECK;

/* An entry that is not for the store: no-op or configuration. */
void raft_kv_skip(struct raft_kv *kv, uint64_t index);

/* ---- reads ---------------------------------------------------------------------------------- */

/* The newest state of a key, or as of a revision (0: now). Borrowed until the next command or read.
 * ERR_RANGE: a revision that is compacted or still to come; ERR_NOT_FOUND. ERR_DATA_LOSS, ERR_IO: it is on disk, and what
 * is there is not what was (only with a revision); ERR_NOMEM. */
enum err raft_kv_get(const struct raft_kv *kv, struct raft_bytes key, uint64_t revision,
                     const struct raft_record **ret) MUST_CHECK;

/* One page. `show` gets each record in order, borrowed as raft_kv_get's; `bytes` what the page may hold (RAFT_PAGE_BYTES:
 * usual). Errors as raft_kv_get's, but for ERR_NOT_FOUND. */
struct raft_page {
    uint64_t count;
    bool has_more;
    struct raft_bytes next; /* with has_more: first key of the next page, or its end when descending; borrowed */
};
enum err raft_kv_range(const struct raft_kv *kv, const struct raft_query *query, size_t bytes,
                       void (*show)(void *context, const struct raft_record *r), void *context,
                       struct raft_page *ret) MUST_CHECK;

/* What has run out at `now_ms` of the cluster's clock and is to be proposed: LEASE_EXPIRE and SESSION_EXPIRE with these
 * numbers. At most `room`; `kv->due_ms` is when to ask again. O(leases + sessions), and nothing before due_ms. */
struct raft_due {
    enum raft_command_kind kind;
    uint64_t id, stamp;
};
size_t raft_kv_due(struct raft_kv *kv, uint64_t now_ms, struct raft_due *out, size_t room);

/* ---- for the other files of the store ------------------------------------------------------- */

/* Changes within the command that is being applied. `slot`: raft_tree_slot of the put's key, as it is now. ERR_NOMEM as in
 * raft_kv_apply. */
enum err raft_kv_put(struct raft_kv *kv, const struct raft_put *put, struct raft_record **slot,
                     const struct raft_record **ret_previous) MUST_CHECK;
enum err raft_kv_delete(struct raft_kv *kv, const struct raft_span *span, struct raft_buffer *shown, size_t begin,
                        uint64_t *ret_deleted) MUST_CHECK;

enum err raft_kv_end_key(struct raft_kv *kv, struct raft_record **slot) MUST_CHECK;

/* What was replaced and is not among the newest of that goes to disk. */
void raft_kv_cool(struct raft_kv *kv);

/* Whether a put may be done, after others of the same command; what it lacks. `slot`: raft_tree_slot of its key. */
struct raft_kv_more {
    uint64_t bytes, puts; /* of those before it */
};
enum err raft_kv_may_put(const struct raft_kv *kv, const struct raft_put *put, struct raft_record *const *slot,
                         struct raft_kv_more more, const char **ret_text) MUST_CHECK;

/* Keys of a span that exist now, counted up to `most`. */
uint64_t raft_kv_count(const struct raft_kv *kv, const struct raft_span *span, uint64_t most);

/* A transaction: kv_txn.c. */
enum err raft_kv_txn(struct raft_kv *kv, const struct raft_txn *txn, struct raft_answer *ret) MUST_CHECK;

/* Throw all keys, leases and sessions away: a restore begins. Images that are being written end with ERR_ABORTED. */
void raft_kv_empty(struct raft_kv *kv);

/* The same, also of the index and the clock: a snapshot comes in the place of all (raft_image_expect), and whoever loads
 * it is where its maker was. */
void raft_kv_replace(struct raft_kv *kv);

/* One part of a restore: image.c. */
enum err raft_kv_restore(struct raft_kv *kv, const struct raft_command *c, struct raft_answer *ret) MUST_CHECK;

/* Whether a deadline is the next one. */
void raft_kv_watch_deadline(struct raft_kv *kv, uint64_t deadline_ms);

#endif
