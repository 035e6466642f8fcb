/* Whether a history is one that a single store, doing one request at a time, could have given.
 *
 * Wing and Gong, "Testing and Verifying Concurrent Objects", JPDC 1993, with the memory of Lowe, "Testing for
 * Linearizability", Concurrency and Computation 2017: a set of requests that were done and the state they led to are
 * tried once. Keys that no request has together are judged apart. */
#ifndef CELL_TESTS_LINEAR_CHECK_H
#define CELL_TESTS_LINEAR_CHECK_H

#include "tests/linear/history.h"

enum check_verdict {
    CHECK_LINEAR,
    CHECK_VIOLATED,
    CHECK_UNDECIDED, /* more was to be remembered than allowed */
};

enum { CHECK_REMEMBERED_MAX = 1000000 }; /* states; a usual one is 100 bytes */

/* *ret_worst: of a violation, the request that could not be placed though most others could. */
enum check_verdict check_linear(const struct history *h, size_t *ret_worst);

/* ret_idle[i]: request i may be left out without a difference: its outcome is unknown, and whatever it wrote was seen by
 * nobody. If it was done, then before another write and with no read between; so it may as well not have been. idle.c. */
void check_idle(const struct history *h, bool *ret_idle);

/* Whether revisions agree with time: what began after another ended has a revision that is not less, and a greater one
 * if it is a write; no two writes share one. *ret: a request that does not. */
bool check_revisions(const struct history *h, size_t *ret);

/* What one request does to values[key]; false: what it was told is not what it would see. */
bool check_apply(const struct history_op *op, uint32_t *values);

/* The same question asked by trying every order; for histories this small. */
enum { CHECK_FORCE_OPS = 8, CHECK_FORCE_KEYS = 8 };
bool check_by_force(const struct history *h);

#endif
