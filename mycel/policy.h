/* Who has to go when a bucket is full. Two queues, of those that came lately (small) and of those that have proved themselves (main), and
 * whom was evicted lately (ghosts); three policies rule over the same queues, and one may follow another at any time in O(1).
 *
 * Sources: Yang, Zhang, Qiu, Yue, Rashmi, "FIFO queues are all you need for cache eviction", SOSP 2023 (S3-FIFO); Johnson, Shasha, "2Q: a
 * low overhead high performance buffer management replacement algorithm", VLDB 1994. */
#ifndef CELL_MYCEL_POLICY_H
#define CELL_MYCEL_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mycel/ghost.h"

enum mycel_policy_kind {
    MYCEL_POLICY_S3FIFO,
    MYCEL_POLICY_LRU,
    MYCEL_POLICY_2Q,
};

enum {
    MYCEL_POLICY_KINDS = 3,
    MYCEL_POLICY_NONE = 0,         /* no node: the first one of memory is never used */
    MYCEL_POLICY_SIZE_BITS = 28,
    MYCEL_POLICY_WALK_MAX = 64,    /* nodes looked at for one victim: the work of an eviction is bounded */
};

/* What a policy keeps of an entry, in its first bytes. */
struct mycel_policy_node {
    uint32_t size;   /* what it costs, in its low MYCEL_POLICY_SIZE_BITS bits; the rest is the holder's */
    uint32_t newer, older;
    uint16_t state;  /* of the policy in its low byte, of the holder in its high one */
    uint16_t other;  /* the holder's */
};

struct mycel_policy_queue {
    uint32_t newest, oldest, count;
    uint64_t size;
};

struct mycel_policy {
    uint8_t *base;             /* node n stands at base + n * unit */
    uint32_t unit;
    enum mycel_policy_kind kind;
    struct mycel_policy_queue small, main;
    struct mycel_ghost *ghost; /* may be shared: hashes of different users differ */
    uint32_t evicted;          /* into ghost */
    uint32_t shift;            /* … in units of 2^shift */
};

/* base, ghost: borrowed. entries_max: no more nodes will ever be there. */
void mycel_policy_init(struct mycel_policy *p, void *base, uint32_t unit, struct mycel_ghost *ghost, uint32_t entries_max);

/* Rule by `kind` from now on. Whoever is there stays. */
void mycel_policy_rule(struct mycel_policy *p, enum mycel_policy_kind kind);

/* A node came, with its size set; hash: of its key, well mixed. */
void mycel_policy_add(struct mycel_policy *p, uint32_t node, uint64_t hash);

/* It was read. */
void mycel_policy_read(struct mycel_policy *p, uint32_t node);

/* It was written anew; a write right after a read is one use with it. */
void mycel_policy_written(struct mycel_policy *p, uint32_t node);

/* It goes, for another reason than room. */
void mycel_policy_remove(struct mycel_policy *p, uint32_t node);

/* It comes back after mycel_policy_remove with another size or at another place, and all else of it unchanged: it stands at the new end
 * of the queue it was in. */
void mycel_policy_return(struct mycel_policy *p, uint32_t node);

/* Take out whoever has to go, MYCEL_POLICY_NONE if nobody is there. *ret_is_ghost: mycel_policy_haunt is to be called with its hash. */
uint32_t mycel_policy_victim(struct mycel_policy *p, bool *ret_is_ghost);
void mycel_policy_haunt(struct mycel_policy *p, uint64_t hash);

static inline uint32_t mycel_policy_size(const struct mycel_policy_node *n)
{
    return n->size & ((1u << MYCEL_POLICY_SIZE_BITS) - 1);
}

#endif
