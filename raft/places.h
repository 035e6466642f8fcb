/* Where entries stand in the log's files, for reading back what is no longer in memory: one place for about
 * 64 KiB of log, from which a reader walks on. */
#ifndef CELL_RAFT_PLACES_H
#define CELL_RAFT_PLACES_H

#include <stdbool.h>

#include "common/base/err.h"
#include "common/base/macros.h"
#include "raft/frame.h"

enum {
    RAFT_PLACES_STEP = 64 << 10, /* bytes of log between two places: a reader walks over half of them on average */
};

struct raft_place {
    uint64_t first;   /* index of the first entry of the frame */
    uint64_t segment;
    uint32_t at;
};

/* Both indices and positions rise: what a later frame made void has no place any more. */
struct raft_places {
    struct raft_place *place; /* owned */
    size_t count, room;
    uint64_t base, last;      /* as raft_wal's */
};

/* Zero-initialised knows no entries. */
void raft_places_fini(struct raft_places *p);

/* `f`, which stands at (segment, at), follows all frames told so far. ERR_NOMEM: nothing changed. Amortised O(1). */
enum err raft_places_add(struct raft_places *p, const struct raft_frame *f, uint64_t segment, uint32_t at) MUST_CHECK;

/* Where to begin reading for entry `index`: *ret, a frame at or before the one that has it. Frames read from there on
 * are good for entries below *ret_until; for those begin anew. false: there is no such entry. O(log count). */
bool raft_places_find(const struct raft_places *p, uint64_t index, struct raft_place *ret, uint64_t *ret_until);

/* Entries up to `index` are in a snapshot: forget segments that have no later one. Returns the oldest segment that is
 * needed still; 0: none is known. `index` past the last entry counts as the last. */
uint64_t raft_places_cut(struct raft_places *p, uint64_t index);

#endif
