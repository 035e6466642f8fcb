/* When a loop does the next piece of work that is large and that nobody waits for: seldom while it has other work, so that
 * most turns have none of it; at once while it has none. A piece that took long, because it was large or because others had
 * the processor, is followed by a long rest. */
#ifndef CELL_RAFT_PACE_H
#define CELL_RAFT_PACE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    RAFT_PACE_REST = 7,         /* times as long as a piece took no other is begun: an eighth of the time is the most … */
    RAFT_PACE_QUIET_US = 20000, /* … unless nothing else was done for so long                                           */
};

/* Zeros: nothing was done yet. Times are any monotonic clock's. */
struct raft_pace {
    uint64_t next_us;
    uint64_t seen, seen_us; /* how much other work was done, and since when that has not changed */
};

/* Whether a piece may be begun. `work` goes up with whatever else is done. *ret_us: when to ask again, now_us if at once. */
bool raft_pace_may(struct raft_pace *p, uint64_t now_us, uint64_t work, uint64_t *ret_us);

/* A piece was begun and ended; *ret_us: when to ask again. */
void raft_pace_did(struct raft_pace *p, uint64_t began_us, uint64_t ended_us, uint64_t *ret_us);

#endif
