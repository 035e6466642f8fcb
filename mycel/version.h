/* Which of two copies of an entry is the later one, on every replica alike: stamps of a hybrid clock, whose drift is bounded, the writer
 * for equal ones, and the bytes if one writer used a stamp twice. Tombstones are copies like any other until nobody can have what they
 * deleted. No clock, no I/O, nothing is allocated.
 *
 * Sources: Kulkarni, Demirbas, Madappa, Avva, Leone, "Logical physical clocks", OPODIS 2014 (common/base/hlc.h); Shapiro, Preguiça, Baquero,
 * Zawirski, INRIA RR-7506, 2011, specification 8 (LWW register). */
#ifndef CELL_MYCEL_VERSION_H
#define CELL_MYCEL_VERSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"

enum {
    MYCEL_VERSION_AHEAD_MS = 5000,             /* a stamp so far ahead of our wall clock is from a wrong one           */
    MYCEL_VERSION_TOMBSTONE_MS = 24 * 3600000, /* so long a tombstone lives at least; who was away for longer, as long
                                                  as that by his own clock, begins empty                               */
};

/* stamp 0: there is no copy at all. */
struct mycel_version {
    uint64_t stamp;   /* hlc.h */
    uint32_t writer;  /* of 32 bits of a node's id */
};

/* One copy of an entry; `bytes` is borrowed. */
struct mycel_version_copy {
    struct mycel_version version;
    bool is_tombstone;
    const uint8_t *bytes;
    size_t size;      /* 0 of a tombstone */
};

/* Below 0: a is earlier; 0: the same; above 0: later. A total order: of copies with one version a tombstone is the later one, then the
 * longer value, then the one with the greater bytes. */
int mycel_version_compare(const struct mycel_version_copy *a, const struct mycel_version_copy *b);

/* The clock of a member. */
struct mycel_version_clock {
    uint64_t last;
    uint32_t writer;
    uint64_t refused; /* stamps of wrong clocks */
};

/* A version for a write here, later than all that was seen. wall_ms: since 1970, <= HLC_MS_MAX; it may go back. */
struct mycel_version mycel_version_next(struct mycel_version_clock *c, uint64_t wall_ms);

/* A copy came from elsewhere. ERR_OK: what is written here from now on is later. ERR_RANGE: it is of a clock that is more than
 * MYCEL_VERSION_AHEAD_MS ahead, and is not to be taken: it would win over every honest write until then. ERR_INVALID: stamp 0. */
enum err mycel_version_heard(struct mycel_version_clock *c, const struct mycel_version *v, uint64_t wall_ms) MUST_CHECK;

/* What a write expects to find. */
enum mycel_version_wish {
    MYCEL_VERSION_ANY,
    MYCEL_VERSION_NONE,   /* nothing, or a tombstone */
    MYCEL_VERSION_SOME,   /* a value, whichever      */
    MYCEL_VERSION_THIS,   /* the value of `version`  */
};

/* Whether a write may go on over `there`. ERR_ABORTED: it is another one; ERR_EXISTS (NONE); ERR_NOT_FOUND (SOME, THIS). */
enum err mycel_version_expect(const struct mycel_version_copy *there, enum mycel_version_wish wish, const struct mycel_version *version) MUST_CHECK;

/* Whether a tombstone may be forgotten: all holders have it, and it is so old that whoever may bring back what it deleted begins empty. */
bool mycel_version_is_forgettable(const struct mycel_version *tombstone, bool all_have_it, uint64_t wall_ms);

#endif
