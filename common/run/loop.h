/* The event loop: libuv behind the few words the project needs, so that nothing outside
 * common/run depends on it. One loop a process, one thread. */
#ifndef CELL_COMMON_RUN_LOOP_H
#define CELL_COMMON_RUN_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"

enum {
    LOOP_CROWDED_US = 100, /* more than the few steps that partners on one processor take in turn */
};

struct loop;
struct loop_timer;
struct loop_watch;

/* NULL without memory or descriptors. */
struct loop *loop_new(void);

/* Ends every timer and watch that is left. Not from inside a callback. */
void loop_free(struct loop *loop);

/* Run until loop_stop. `idle` (may be NULL) is called after each batch of events and timers, before
 * the loop sleeps. */
void loop_run(struct loop *loop, void (*idle)(void *context, uint64_t now_ms), void *context);
void loop_stop(struct loop *loop);

/* Whether the loop only looks at what is ready and comes back, instead of sleeping until something is. */
void loop_hot(struct loop *loop, bool is_hot);

/* Until that moment (of loop_now_us) the loop looks again and again instead of sleeping, and gives the processor away in
 * between; 0: it sleeps when there is nothing. Over before, when somebody else kept the processor for LOOP_CROWDED_US:
 * loop_crowded_us says when that last was, 0: never. Who sleeps is woken at once there, who waits awake is not. */
void loop_linger(struct loop *loop, uint64_t until_us);
uint64_t loop_crowded_us(const struct loop *loop);

/* Monotonic time, read now. */
uint64_t loop_now_us(void);
uint64_t loop_now_ms(void);

/* A timer: fires after delay_ms, then every period_ms if that is not 0. NULL without memory.
 * loop_timer_free may be called from its own callback. */
struct loop_timer *loop_timer_new(struct loop *loop, uint64_t delay_ms, uint64_t period_ms,
                                  void (*fire)(void *context), void *context);
void loop_timer_again(struct loop_timer *t, uint64_t delay_ms, uint64_t period_ms);
void loop_timer_free(struct loop_timer *t); /* NULL is fine */

enum loop_want {
    LOOP_READ = 1,
    LOOP_WRITE = 2, /* together with LOOP_READ: 3 */
};

/* Watch a descriptor (borrowed; must outlive the watch). `ready` gets the ready bits; a hang-up
 * or error counts as readable. NULL without memory. loop_watch_free may be called from `ready`. */
struct loop_watch *loop_watch_new(struct loop *loop, int fd, unsigned want,
                                  void (*ready)(void *context, unsigned bits), void *context);
void loop_watch_want(struct loop_watch *w, unsigned want);
void loop_watch_free(struct loop_watch *w); /* NULL is fine */

/* Call `fire` on the loop's thread when the process gets `signal_number`. ERR_LIMIT past 8. */
enum err loop_signal(struct loop *loop, int signal_number, void (*fire)(void *context),
                     void *context) MUST_CHECK;

/* p99 of how long the loop kept waiting what was due, in microseconds, since start: how late its timers
 * fired and how long its turns took. Costs no timer: an idle loop sleeps. */
uint64_t loop_lag_us_p99(const struct loop *loop);

#endif
