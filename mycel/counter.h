/* A number that many may add to at once, cut off from each other, without any of it getting lost: each writer's sums are kept apart, and
 * the later of two states of one writer's is the larger one. Setting the number begins anew: it wins over additions to what was there
 * before, also over those made at the same time elsewhere, as a put wins over a put. No clock, no I/O, nothing is allocated.
 *
 * Source: Shapiro, Preguiça, Baquero, Zawirski, INRIA RR-7506, 2011, specifications 7 (PN-counter) and 8 (LWW register). */
#ifndef CELL_MYCEL_COUNTER_H
#define CELL_MYCEL_COUNTER_H

#include "mycel/version.h"

enum {
    MYCEL_COUNTER_WRITERS_MAX = 64, /* since it was set; a counter is 1.3 KB then */
    MYCEL_COUNTER_HEAD = 20,        /* bytes on the wire: stamp 8, writer 4, start 8 */
    MYCEL_COUNTER_SLOT = 20,        /* … and for each writer: his name 4, up 8, down 8; big-endian */
    MYCEL_COUNTER_BYTES_MAX = MYCEL_COUNTER_HEAD + MYCEL_COUNTER_WRITERS_MAX * MYCEL_COUNTER_SLOT,
};

struct mycel_counter_slot {
    uint32_t writer;
    uint64_t up, down;  /* sums; not both 0 */
};

/* Zero-initialised: never set, 0. */
struct mycel_counter {
    struct mycel_version set; /* stamp 0: never */
    int64_t start;
    uint32_t count;
    struct mycel_counter_slot slot[MYCEL_COUNTER_WRITERS_MAX]; /* by writer, ascending */
};

/* Begin anew at `start`. ERR_PRECONDITION: `set` is not later than what is there. */
enum err mycel_counter_set(struct mycel_counter *c, const struct mycel_version *set, int64_t start) MUST_CHECK;

/* Add `amount` for `writer`, who must be this side. ERR_RANGE: the number, or what the writer has added in all, would not fit;
 * ERR_LIMIT: too many writers: set it anew. On errors nothing has changed. */
enum err mycel_counter_add(struct mycel_counter *c, uint32_t writer, int64_t amount) MUST_CHECK;

/* Take over what `other`, a valid one, knows. ERR_LIMIT: together they have too many writers; nothing has changed. Commutative,
 * associative, idempotent. */
enum err mycel_counter_merge(struct mycel_counter *c, const struct mycel_counter *other) MUST_CHECK;

/* The number; at the ends of its range what others added at the same time may not fit: the end itself. */
int64_t mycel_counter_value(const struct mycel_counter *c);

/* To and from bytes. Equal counters are equal bytes. size: MYCEL_COUNTER_BYTES_MAX is enough. Returns how many. */
size_t mycel_counter_write(const struct mycel_counter *c, uint8_t *bytes);

/* ERR_MALFORMED: not what mycel_counter_write makes. */
enum err mycel_counter_read(struct mycel_counter *ret, const uint8_t *bytes, size_t size) MUST_CHECK;

#endif
