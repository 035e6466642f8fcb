/* Which nodes hold a key: weighted rendezvous hashing over all live nodes. Each node has a score for each key, the highest ones hold it;
 * whoever comes or goes takes or leaves the keys he wins, and nobody else's move. No clock, no I/O, nothing is allocated.
 *
 * Sources: Thaler, Ravishankar, "Using name-based mappings to increase hit rates", IEEE/ACM ToN 6(1), 1998; Schindelhauer, Schomaker,
 * "Weighted distributed hash tables", SPAA 2005 (the logarithmic method: -ln(u) / weight, least first). */
#ifndef CELL_MYCEL_PLACE_H
#define CELL_MYCEL_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"

enum {
    MYCEL_PLACE_NODES_MAX = 1024,
    MYCEL_PLACE_REPLICAS_MAX = 8,
    MYCEL_PLACE_REPLICAS = 3,       /* the usual number */
    MYCEL_PLACE_NO_ZONE = 0,
};

struct mycel_place_node {
    uint64_t id;      /* any, each once                                                                    */
    float weight;     /* what it takes beside others: above 0 and finite                                   */
    uint32_t zone;    /* what fails together with it; MYCEL_PLACE_NO_ZONE: nothing else                     */
};

/* Live nodes as placement wants them: in the order of their ids, so that every member says the same. */
struct mycel_place {
    uint32_t count, zones;  /* zones: different ones; a node without is one */
    bool is_weighted;
    uint32_t seed[MYCEL_PLACE_NODES_MAX]; /* what is left of an id: 32 bits, which no two nodes have alike */
    float share[MYCEL_PLACE_NODES_MAX];   /* 1 / weight */
    uint32_t zone[MYCEL_PLACE_NODES_MAX];
    uint64_t id[MYCEL_PLACE_NODES_MAX];
};

/* Take the nodes over, in whatever order they stand. ERR_LIMIT: more than MYCEL_PLACE_NODES_MAX; ERR_INVALID: a weight is out of range;
 * ERR_EXISTS: two have one id. Then `p` is unchanged. O(count log count). */
enum err mycel_place_set(struct mycel_place *p, const struct mycel_place_node *node, uint32_t count) MUST_CHECK;

/* What is placed: the name of a bucket and a key, each with its length, so that no two pairs are the same bytes. Every member and every
 * version gives the same number: SipHash-2-4 with a key that all know. */
uint64_t mycel_place_hash(const void *bucket, size_t bucket_size, const void *key, size_t key_size);

/* The holders of what has that hash, first the primary, as places of p->id; at most `replicas` (1 to MYCEL_PLACE_REPLICAS_MAX), all
 * in different zones as long as there are so many, and then in order of their scores. Returns how many: fewer only if there are no more
 * nodes. O(nodes): below a microsecond for 100. */
uint32_t mycel_place_of(const struct mycel_place *p, uint64_t hash, uint32_t replicas, uint32_t ret[MYCEL_PLACE_REPLICAS_MAX]);

/* Whether the node with that id is one of the holders. */
bool mycel_place_is_holder(const struct mycel_place *p, uint64_t hash, uint32_t replicas, uint64_t id);

#endif
