/* Old records on disk. What a newer state of its key has replaced is asked for by watchers that are late, by reads at a
 * revision and by snapshots, seldom; so it goes to a file as soon as it is no longer among the newest of the old ones, and
 * memory keeps 16 bytes an event (journal.h). Every record there has a check over its content and its own place.
 *
 * The file is nothing that a restart needs: the log and the snapshot have all of it. So it is never synced, a process
 * begins with an empty one, and a crash between the record and what points to it means nothing. Without a file, or
 * while there is no room on the disk, old records stay in memory. What is rotten there is an error of whoever asks for it,
 * until it is forgotten as all that is old.
 *
 * Places go up for ever. The file is of chunks, each given back as a whole when all of its events are freed, and then used
 * again: so it is as large as what the window keeps, and a page is written again before the kernel writes it back. */
#ifndef CELL_RAFT_PAST_H
#define CELL_RAFT_PAST_H

#include <assert.h>

#include "raft/record.h"

enum {
    RAFT_PAST_WARM = 512 << 10,  /* cost of old records that stay in memory: what watchers that keep up ask for */
    RAFT_PAST_CHUNK = 2 << 20,   /* bytes: a largest record and as much again                                   */
    RAFT_PAST_CHUNKS = 4096,     /* 8 GiB: more can wait for a snapshot only where the quota was made larger    */
    RAFT_PAST_BATCH = 64 << 10,  /* bytes written at once                                                       */
    RAFT_PAST_LOOK = 1024,       /* bytes read at first: most records are no longer                             */
    RAFT_PAST_PATIENCE = 256,    /* records that stay in memory after a write that failed before the next try   */
    RAFT_PAST_HEAD = 60,         /* bytes in front of key and value                                             */
};

static_assert(RAFT_PAST_CHUNK >= RAFT_PAST_HEAD + RAFT_KEY_MAX + RAFT_VALUE_MAX, "a record is in one chunk");

/* How much of it is where: a world that is to see files of few values has smaller ones. */
struct raft_past_tuning {
    uint64_t warm;
    uint32_t chunk, batch; /* what is larger than a chunk stays in memory */
};

static inline struct raft_past_tuning raft_past_usual(void)
{
    return (struct raft_past_tuning){.warm = RAFT_PAST_WARM, .chunk = RAFT_PAST_CHUNK, .batch = RAFT_PAST_BATCH};
}

/* The file, as whoever owns the store provides it. Called by the thread that has the store. */
struct raft_past_disk {
    void *context;
    enum err (*write)(void *context, uint64_t at, const uint8_t *bytes, size_t size);
    /* Up to `size` bytes; *ret_size there were. */
    enum err (*read)(void *context, uint64_t at, uint8_t *bytes, size_t size, size_t *ret_size);
    void (*cut)(void *context, uint64_t size); /* what is at `size` and beyond is needed no more */
    void (*close)(void *context);
};

struct raft_past_chunk {
    uint32_t slot; /* where it is in the file, in chunks               */
    uint64_t last; /* number of the last event that needs a record in it */
};

struct raft_past {
    struct raft_past_disk disk;
    struct raft_past_tuning tuning;
    struct raft_past_chunk *chunk; /* owned; of the places from first_chunk chunks on                */
    uint32_t chunks, chunk_room, slots; /* slots: of the file, so far                               */
    uint64_t first_chunk;
    uint8_t *buffer;             /* owned; [written, end) is here, what is before that in the file  */
    size_t buffer_room;
    uint64_t written, end;       /* places */
    uint32_t patience;
    uint64_t failed_writes, rotten; /* counted */
    struct raft_record **shown;  /* owned: read back for the answer that is being made */
    size_t shown_count, shown_room;
};

/* A past on `disk`, which it closes in the end. NULL without memory: then the disk is still the caller's. */
struct raft_past *raft_past_new(const struct raft_past_disk *disk, const struct raft_past_tuning *tuning);
void raft_past_free(struct raft_past *p); /* NULL is fine */

/* Forget all. */
void raft_past_clear(struct raft_past *p);

/* Put a record that event number `event`, which never falls, replaced. Its own `before` must be a place or nothing. *ret:
 * what a `before` may be. The record is still the caller's. false: it did not get there, and is to stay in memory. */
bool raft_past_put(struct raft_past *p, const struct raft_record *r, uint64_t event, uint64_t *ret);

/* Events below `freed` need nothing any more. */
void raft_past_release(struct raft_past *p, uint64_t freed);

/* The record at a place: a copy, the caller's. ERR_DATA_LOSS: what is there is not what was put; ERR_IO; ERR_NOMEM. */
enum err raft_past_get(struct raft_past *p, uint64_t ref, struct raft_record **ret) MUST_CHECK;

/* Keep a copy until raft_past_hide: what is shown is borrowed for longer than the next is looked at. ERR_NOMEM: it is
 * freed. */
enum err raft_past_show(struct raft_past *p, struct raft_record *r) MUST_CHECK;
void raft_past_hide(struct raft_past *p); /* NULL is fine */

/* Bytes of the file that are in use, whole chunks. */
uint64_t raft_past_bytes(const struct raft_past *p); /* NULL: 0 */

#endif
