/* The cluster's clock: what leases and sessions are measured by. It goes on only while somebody leads, from where the
 * log had it when he began, by his own monotonic clock; every command carries it into the log. So no lease ends early
 * because nobody led, and what was left of one is left of it under the next leader, up to RAFT_LESSOR_MARK_MS.
 *
 * A leader that was stopped does not count that time either: whoever holds a lease may have been stopped with him, or
 * could not reach him. */
#ifndef CELL_RAFT_LESSOR_H
#define CELL_RAFT_LESSOR_H

#include <stdbool.h>
#include <stdint.h>

enum {
    RAFT_LESSOR_TICK_MS = 100, /* how often it must be asked while it leads                               */
    RAFT_LESSOR_GAP_MS = 250,  /* of a longer silence no more than this counts: it was stopped            */
    RAFT_LESSOR_MARK_MS = 500, /* how far the log's clock may fall behind while there is something to end */
};

struct raft_lessor {
    bool is_leading;
    uint64_t time_us; /* of the cluster's clock, at seen_us */
    uint64_t seen_us; /* of our own */
};

/* This node leads, from now on; or no longer. */
void raft_lessor_lead(struct raft_lessor *l, uint64_t now_us, uint64_t applied_ms);
void raft_lessor_leave(struct raft_lessor *l);

/* The cluster's clock now; applied_ms: as the store has it, which it never falls behind. To be asked at least every
 * RAFT_LESSOR_TICK_MS while it leads; when it does not, it stands still. */
uint64_t raft_lessor_time_ms(struct raft_lessor *l, uint64_t now_us, uint64_t applied_ms);

/* Whether the leader should propose a CLOCK: something can run out, and the log is far behind. */
bool raft_lessor_must_mark(const struct raft_lessor *l, uint64_t applied_ms, bool has_any);

#endif
