/* Things by a 64-bit id: open addressing, linear probing, no tombstones (Knuth, The Art of Computer Programming,
 * volume 3, section 6.4, algorithms L and R). */
#ifndef CELL_RAFT_IDMAP_H
#define CELL_RAFT_IDMAP_H

#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"

struct raft_idmap {
    void **slot; /* each begins with its u64 id; NULL: empty */
    uint32_t room; /* a power of two, or 0 */
    uint32_t count;
};

/* NULL when there is none. */
void *raft_idmap_find(const struct raft_idmap *m, uint64_t id);

/* thing: begins with its id, which the map does not have. ERR_NOMEM: nothing has changed. */
enum err raft_idmap_add(struct raft_idmap *m, void *thing) MUST_CHECK;

/* Take it out and return it; NULL when there is none. */
void *raft_idmap_remove(struct raft_idmap *m, uint64_t id);

/* Give the table back; the things are the caller's. */
void raft_idmap_clear(struct raft_idmap *m);

/* All things in the order of ids, room for `count` in `out`. */
void raft_idmap_sorted(const struct raft_idmap *m, void **out);

#endif
