/* Which policy would serve a bucket best: each of them lives on a sample of its keys, in a bucket that is as much smaller as the sample,
 * and the one that finds what another does not, more often than chance explains, rules. Memory of the caller, nothing is allocated.
 *
 * Sources: Waldspurger, Saemundsson, Ahmad, Park, "Cache modeling and optimization using miniature simulations", USENIX ATC 2017 (a sample
 * of keys in a small cache stands for all of them in a large one); Herbster, Warmuth, "Tracking the best expert", 1998 (experts by what
 * they would have lost, forgotten by and by). */
#ifndef CELL_MYCEL_SHADOW_H
#define CELL_MYCEL_SHADOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mycel/policy.h"

enum {
    MYCEL_SHADOW_NODES = 512,  /* at most, of a policy                                                          */
    MYCEL_SHADOW_WINDOWS = 2,  /* what was better lately, and for long: the one finds a change, the other one a small difference */
};

struct mycel_shadow_node;

struct mycel_shadow_life {
    struct mycel_policy policy;
    struct mycel_ghost ghost;
    struct mycel_shadow_node *node; /* nodes + 1 */
    uint32_t *first;                /* chains by hash, 2 * nodes */
    uint32_t vacant;
    double ahead[MYCEL_SHADOW_WINDOWS]; /* reads found that the ruling one missed, less those it alone found … */
    double apart[MYCEL_SHADOW_WINDOWS]; /* … and both together; forgotten by and by */
    double beyond, beyond_apart;        /* the same beside the bucket itself, lately */
    uint64_t barred;                    /* until so many reads: the bucket did not find what it found */
    uint32_t bar;                       /* how long the last time */
};

struct mycel_shadow {
    uint32_t nodes;
    uint32_t halvings;        /* one key in 2^halvings is of the sample */
    uint64_t limit;           /* size that a policy has here */
    enum mycel_policy_kind rules;
    double keep[MYCEL_SHADOW_WINDOWS];
    struct mycel_shadow_life life[MYCEL_POLICY_KINDS];
    double seen;              /* reads that count in `beyond` */
    uint64_t reads, changes;  /* of the sample; of who rules */
};

/* Bytes of memory for the shadow of a bucket of so many entries; 150 KB at most. */
size_t mycel_shadow_bytes(uint32_t entries_max);

/* memory: mycel_shadow_bytes(entries_max), aligned to 8, borrowed. The policies begin empty. */
void mycel_shadow_init(struct mycel_shadow *s, void *memory, uint32_t entries_max);

/* What the bucket holds now. */
void mycel_shadow_fit(struct mycel_shadow *s, uint32_t count, uint64_t size);

/* Whether what happens to a key is to be told. */
static inline bool mycel_shadow_has(const struct mycel_shadow *s, uint64_t hash)
{
    return (hash >> 16 & ((1u << s->halvings) - 1)) == 0;
}

/* A key of the sample was asked for. size: what it costs if the bucket has it, so that nobody will write it now, though a policy here may
 * lack it; 0: it has not. is_full: the bucket, so that it matters who rules. */
void mycel_shadow_read(struct mycel_shadow *s, uint64_t hash, uint32_t size, bool is_full);

/* … was written, and costs `size`; … is gone. */
void mycel_shadow_written(struct mycel_shadow *s, uint64_t hash, uint32_t size);
void mycel_shadow_removed(struct mycel_shadow *s, uint64_t hash);

#endif
