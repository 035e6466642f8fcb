/* A member's part of the cache as replication sees it: copies are taken if they are later than what is there, and of what it holds sums are
 * kept for each other member, over those entries that both are to hold, so that two members know what is the same without speaking of
 * it. The sums cost nothing for an entry, and for each change of one as much as asking for its holders. No clock, no I/O, nothing is
 * allocated.
 *
 * Sources: Merkle, "A digital signature based on a conventional encryption function", CRYPTO 1987 (comparing by digests, here of one level
 * for each pair); Bellare, Micciancio, "A new paradigm for collision-free hashing", EUROCRYPT 1997 (sums instead of a list's hash:
 * AdHash, of 64 bits, against chance, not against a member who lies). */
#ifndef CELL_MYCEL_REPLICA_H
#define CELL_MYCEL_REPLICA_H

#include "mycel/place.h"
#include "mycel/store.h"
#include "mycel/version.h"

enum {
    MYCEL_REPLICA_RANGES = 256,       /* of placement's hashes, by their highest bits: 2 KB for each other member */
    MYCEL_REPLICA_ENDING_MS = 10000,  /* who has less than that to live is not copied by comparison: what has ended at one
                                         member and, for copies take time, not yet at another does not come back       */
    MYCEL_REPLICA_NOBODY = UINT32_MAX,
};

/* A bucket's name, the same at all members. */
struct mycel_replica_name {
    const char *bytes;
    size_t size;
};

struct mycel_replica {
    struct mycel_store *store;
    const struct mycel_replica_name *name;  /* of each bucket, by its number here */
    struct mycel_version_clock clock;
    const struct mycel_place *place;        /* who is there; NULL: nobody said yet  */
    uint64_t view;                          /* … in a number                        */
    uint32_t self, replicas, nodes_max;
    uint32_t counted;                       /* slots of the store's index that the sums hold */
    uint64_t (*sum)[MYCEL_REPLICA_RANGES];  /* for each member, by his place         */
};

/* sum: of nodes_max members; all pointers are borrowed. replicas: 1 to MYCEL_PLACE_REPLICAS_MAX. The store's `told` is this one's. */
void mycel_replica_init(struct mycel_replica *r, struct mycel_store *store, const struct mycel_replica_name *name, uint32_t writer,
                        uint32_t replicas, uint64_t (*sum)[MYCEL_REPLICA_RANGES], uint32_t nodes_max);

/* Who is there now: borrowed until the next call; at most nodes_max. Sums begin anew. */
void mycel_replica_place(struct mycel_replica *r, const struct mycel_place *place, uint64_t self);

/* Go on with the sums, `steps` (> 0) slots of the index; true: they hold everything. */
bool mycel_replica_count(struct mycel_replica *r, uint32_t steps);
bool mycel_replica_is_counted(const struct mycel_replica *r);

uint64_t mycel_replica_hash(const struct mycel_replica *r, uint16_t bucket, const void *key, uint32_t size);
uint32_t mycel_replica_range(uint64_t hash);

/* The holders, as places; returns how many, 0 if nobody said who is there. is_mine: whether this member is one of them. */
uint32_t mycel_replica_holders(const struct mycel_replica *r, uint64_t hash, uint32_t ret[MYCEL_PLACE_REPLICAS_MAX], bool *is_mine);

/* Take a copy from elsewhere, or of a write of this member's own. left_ms: of its life, 0: it is over, which may end something earlier.
 * ERR_OK; ERR_EXISTS: the same or a later one is there; ERR_RANGE, ERR_INVALID: of a wrong clock (version.h); else as mycel_store_put
 * says, and then nothing earlier is there any more either. */
enum err mycel_replica_take(struct mycel_replica *r, const struct mycel_store_key *key, const struct mycel_version_copy *copy, uint64_t left_ms,
                            uint64_t wall_ms, uint64_t now_ms) MUST_CHECK;

/* The copy that is there, its bytes valid until the next change; stamp 0: none. */
struct mycel_version_copy mycel_replica_find(const struct mycel_replica *r, const struct mycel_store_key *key, uint64_t now_ms);

struct mycel_version_copy mycel_replica_copy_of(const struct mycel_store_view *v);

#endif
