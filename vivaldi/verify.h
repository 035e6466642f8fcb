/* Measuring a few before something is built on their distance: the best of the coordinates' three by one probe each is 1.03
 * times as far as need be where the coordinates' first alone is 1.13 times (docs/TESTING.md). */
#ifndef CELL_VIVALDI_VERIFY_H
#define CELL_VIVALDI_VERIFY_H

#include "common/run/cell.h"
#include "vivaldi/route.h"

struct vivaldi_shell;

enum {
    VIVALDI_VERIFY_LEAST_MS = 50,  /* beside two round trips as they are expected: the way through both machines' queues */
    VIVALDI_VERIFY_MOST_MS = 1000, /* nobody waits longer for an answer that is only better */
    VIVALDI_VERIFY_MAX = 64,       /* waits at one time; whoever comes then is answered by what is known */
    VIVALDI_VERIFY_ID_SIZE = 32,
};

/* Storage of the caller, from vivaldi_verify_begin until `done`. */
struct vivaldi_verify {
    void (*done)(void *context); /* they are measured as far as that was possible */
    void *context;
    uint32_t count, wait_ms;
    uint64_t id[VIVALDI_ROUTE_VERIFY];
    uint8_t key[VIVALDI_ROUTE_VERIFY][VIVALDI_VERIFY_ID_SIZE];
    /* its own */
    struct vivaldi_shell *shell;
    struct cell_timer *timer;    /* NULL: membership has not begun yet */
    struct vivaldi_verify *next;
};

/* Measure v->id[0..count), whose public keys are v->key, and call done within about wait_ms (at most
 * VIVALDI_VERIFY_MOST_MS). ERR_LIMIT: too many wait already; errors as cell_ask. done is not called then. */
enum err vivaldi_verify_begin(struct vivaldi_shell *s, struct vivaldi_verify *v) MUST_CHECK;

/* Round trips have come in. */
void vivaldi_verify_heard(struct vivaldi_shell *s);

/* End all waits: done is called for each. */
void vivaldi_verify_stop(struct vivaldi_shell *s);

#endif
