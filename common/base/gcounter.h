/* A counter that only grows and that every replica may add to while it is cut off from the others:
 * whatever order, and however often, the copies are merged, all end with the same value. Plain
 * structs, no allocation.
 *
 * Source: Shapiro, Preguiça, Baquero, Zawirski, "A comprehensive study of Convergent and
 * Commutative Replicated Data Types", INRIA RR-7506 (2011), specification 6 (G-Counter). */
#ifndef CELL_COMMON_BASE_GCOUNTER_H
#define CELL_COMMON_BASE_GCOUNTER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"

enum {
    GCOUNTER_REPLICAS_MAX = 64 /* a struct of 1 KiB; merging walks all of them */
};

/* What one replica has added in all. */
struct gcounter_slot {
    uint64_t replica;
    uint64_t added; /* > 0 */
};

/* Zero-initialised: nothing was added. The slots stand in ascending order of replica, so that equal
 * counters are equal byte for byte up to `count` slots. */
struct gcounter {
    uint32_t count;
    struct gcounter_slot slot[GCOUNTER_REPLICAS_MAX];
};

/* Add `amount` on behalf of `replica`, which must be this side's own id: two writers under one id
 * lose what one of them adds. 0 changes nothing.
 * Returns ERR_OK; ERR_LIMIT when this would be replica GCOUNTER_REPLICAS_MAX + 1; ERR_RANGE when
 * the replica's own sum would pass UINT64_MAX. On errors `c` is unchanged. O(count). */
enum err gcounter_add(struct gcounter *c, uint64_t replica, uint64_t amount) MUST_CHECK;

/* Take over everything `other` knows and `c` does not. Both must be valid.
 * Returns ERR_OK, or ERR_LIMIT when together they name more than GCOUNTER_REPLICAS_MAX replicas,
 * and then `c` is unchanged. Commutative, associative, idempotent; no value ever shrinks. */
enum err gcounter_merge(struct gcounter *c, const struct gcounter *other) MUST_CHECK;

/* The sum over all replicas; UINT64_MAX when it does not fit. */
uint64_t gcounter_value(const struct gcounter *c);

/* Whether `c`, which may come from a stranger, is well formed: count in range, replicas strictly
 * ascending, no empty slot. */
bool gcounter_is_valid(const struct gcounter *c);

#endif
