/* The cluster's clock: what leases and sessions are measured by. It goes on only while somebody leads, from where the
 * log had it when he began, by his own monotonic clock; every command carries it into the log, and heartbeats to the others.
 * So no lease ends early because nobody led, and what was left of one is left of it under the next leader, up to what went
 * by since he last heard a heartbeat: at the most, when all were down, RAFT_LESSOR_MARK_MS.
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
    uint64_t heard_ms, heard_term; /* the cluster's, by the word of the leader of that term */
};

/* This node was elected: what it proposes from now on is no earlier than what it heard. term_before: of the last entry
 * before its own. What it heard in an earlier term than that counts for nothing: whoever led since may have begun further
 * back, and what he renewed lives from there. */
void raft_lessor_elect(struct raft_lessor *l, uint64_t applied_ms, uint64_t term_before);

/* Its own first entry is applied: the clock goes on from now on; or stands, for this node leads no longer. */
void raft_lessor_lead(struct raft_lessor *l, uint64_t now_us, uint64_t applied_ms);
void raft_lessor_leave(struct raft_lessor *l);

/* The leader of today's term says how late it is. Only his word counts: one who was deposed and does not know it yet has a
 * clock that goes on alone. */
void raft_lessor_hear(struct raft_lessor *l, uint64_t term, uint64_t time_ms);

/* The cluster's clock now; applied_ms: as the store has it, which it never falls behind. To be asked at least every
 * RAFT_LESSOR_TICK_MS while it leads; when it does not, it stands still. */
uint64_t raft_lessor_time_ms(struct raft_lessor *l, uint64_t now_us, uint64_t applied_ms);

/* Whether the leader should propose a CLOCK: something can run out, and the log is far behind. */
bool raft_lessor_must_mark(const struct raft_lessor *l, uint64_t applied_ms, bool has_any);

#endif
