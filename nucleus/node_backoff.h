/* When to try again after a crash, and when to stop trying. Pure.
 *
 * Sources: Erlang/OTP supervisor principles (intensity in a period); the reset after a stable run
 * is what systemd's users asked for and StartLimit does not give. */
#ifndef CELL_NUCLEUS_NODE_BACKOFF_H
#define CELL_NUCLEUS_NODE_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/rng.h"
#include "nucleus/node.h"

enum {
    NODE_BACKOFF_FROM_MS = 100, /* what a first back-off of 0 doubles from: long enough for a port
                                 * or a file lock of the dead process to be free again            */
    NODE_BACKOFF_JITTER = 10,   /* ± percent: neighbours that died together do not return together */
};

struct node_backoff {
    uint32_t first_ms;
    uint32_t max_ms;
    uint32_t give_up_count; /* 0: never; at most NODE_CRASHES_MAX */
    uint64_t give_up_ms;
    uint64_t stable_ms;
};

/* Note a crash at now_ms in `i` (fails, crash ring, backoff_ms; ready_at_ms is read). Returns true
 * and the wait until the next attempt, 0 = at once, never above max_ms; or false: give_up_count
 * crashes lie within give_up_ms, both ends included. O(1). */
bool node_backoff_crash(const struct node_backoff *policy, struct node_instance *i, uint64_t now_ms,
                        struct rng *rng, uint32_t *ret_wait_ms) MUST_CHECK;

/* Forget all crashes: a person starts it again. */
void node_backoff_reset(struct node_instance *i);

#endif
