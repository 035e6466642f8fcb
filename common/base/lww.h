/* A register whose last writer wins, on every replica alike, in whatever order they hear of the
 * writes. Plain struct, no allocation.
 *
 * Source: Shapiro, Preguiça, Baquero, Zawirski, "A comprehensive study of Convergent and
 * Commutative Replicated Data Types", INRIA RR-7506 (2011), specification 8 (LWW-Register). */
#ifndef CELL_COMMON_BASE_LWW_H
#define CELL_COMMON_BASE_LWW_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"

enum {
    LWW_VALUE_MAX = 232 /* bytes; the struct is 256 */
};

/* Zero-initialised: never written, which every write beats. */
struct lww {
    uint64_t stamp;   /* of a hybrid clock (hlc_next); 0: never written */
    uint64_t replica; /* who wrote it: decides between equal stamps     */
    uint32_t size;    /* bytes of `value`                               */
    uint8_t value[LWW_VALUE_MAX];
};

/* Write value[0..size) at `stamp` (from hlc_next of this replica, which has heard r->stamp).
 * Returns ERR_OK; ERR_LIMIT when size > LWW_VALUE_MAX; ERR_PRECONDITION when the write is not later
 * than what is there, so that it would be lost. On errors `r` is unchanged. */
enum err lww_set(struct lww *r, uint64_t stamp, uint64_t replica, const void *value,
                 uint32_t size) MUST_CHECK;

/* Take over `other` (a valid one) if it is later. Returns whether `r` changed. Commutative,
 * associative, idempotent; never goes back to an earlier write. Equal stamps are decided by the
 * replica, and two values that one replica wrote under one stamp (it must not) by their bytes. */
bool lww_merge(struct lww *r, const struct lww *other);

/* Whether `r`, which may come from a stranger, is well formed: size in range; written, or empty. */
bool lww_is_valid(const struct lww *r);

#endif
