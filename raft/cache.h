/* The newest entries in memory: what goes to disk, to followers and into the state machine is read from here once it was
 * put here, so an entry is copied once. A ring of fixed size; entries of one batch stand together. What is older is read
 * back from disk (store.h). */
#ifndef CELL_RAFT_CACHE_H
#define CELL_RAFT_CACHE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"
#include "common/base/macros.h"
#include "raft/types.h"

enum {
    RAFT_CACHE_MIN = 4 << 20,  /* bytes: a largest entry, one on its way to disk, and some others */
    RAFT_CACHE_BLOCKS = 4096,  /* batches that are remembered                                     */
    RAFT_CACHE_LAP = 3 << 19,  /* bytes behind which the ring begins anew where nobody lags: half of them stay behind a
                                * largest reservation, and pages of the rest are touched by who has to           */
};

/* Entries that were put together: one run. */
struct raft_cache_block {
    struct raft_run run;  /* bytes: in the ring. count 0: what it had is void */
    uint64_t ticket;      /* of the writer that still reads it                */
    uint32_t start, end;  /* of the ring                                      */
};

struct raft_cache {
    uint8_t *ring;        /* owned */
    uint32_t size;
    uint32_t used;        /* offset behind the newest block                                       */
    struct raft_cache_block *block; /* owned; a ring of RAFT_CACHE_BLOCKS, oldest at `oldest`     */
    uint32_t oldest, count;
    uint64_t done;        /* tickets up to this are written: their blocks may be forgotten        */
    uint64_t pinned;      /* entries from this one on are being read: 0, none                     */
    uint64_t needed;      /* … are still to be read                                               */
    uint32_t reserved;    /* bytes of the last reservation, at `reserved_at`                      */
    uint32_t reserved_at;
};

/* size: bytes, RAFT_CACHE_MIN to 1 GiB. ERR_NOMEM. Memory that is not used is not touched. */
enum err raft_cache_open(struct raft_cache *c, uint32_t size) MUST_CHECK;
void raft_cache_close(struct raft_cache *c); /* also a closed one */

/* Room for `size` bytes of entries (1 to half the ring), in one piece, for raft_cache_put; a later reservation replaces
 * it. Forgets the oldest blocks for it, and behind RAFT_CACHE_LAP bytes begins anew if none of those is needed. NULL: those that are not yet written take the room; come back later. */
uint8_t *raft_cache_reserve(struct raft_cache *c, uint32_t size);

/* The first `size` bytes reserved are the entries first..first + count - 1 of `term`; what there was from `first` on is
 * void. ticket: never falls; the bytes stay where they are until raft_cache_written says so. */
void raft_cache_put(struct raft_cache *c, uint64_t first, uint64_t term, uint32_t count, uint32_t size, uint64_t ticket);

/* Tickets up to this one are written. */
void raft_cache_written(struct raft_cache *c, uint64_t ticket);

/* Entries from `index` on stay, whatever is reserved; 0: none has to. */
void raft_cache_pin(struct raft_cache *c, uint64_t index);

/* Entries from `first` on are void. Bytes that a writer reads stay. */
void raft_cache_truncate(struct raft_cache *c, uint64_t first);

/* Entries from `index` on will be asked for, by appliers or members; 0, as in the beginning: all. It is asked for when the
 * ring is long, by whoever is about to reserve: others cost nothing. */
bool raft_cache_is_long(const struct raft_cache *c);
void raft_cache_need(struct raft_cache *c, uint64_t index);

/* Number of the oldest entry here, or UINT64_MAX. */
uint64_t raft_cache_oldest(const struct raft_cache *c);

/* Entries of one term from `index` on, at most max_bytes of them but one at least: *ret, good until the next reservation.
 * false: they are not here. O(log blocks + entries of a block before `index`). */
bool raft_cache_find(const struct raft_cache *c, uint64_t index, uint32_t max_bytes, struct raft_run *ret);

/* `run` cut to its entries from `index` on, at most max_bytes but one at least. `index` is in it. */
struct raft_run raft_cache_part(const struct raft_run *run, uint64_t index, uint32_t max_bytes);

/* Bytes of the first `count` entries of a run that has them. O(count). */
uint32_t raft_cache_bytes(const struct raft_run *run, uint64_t count);

#endif
