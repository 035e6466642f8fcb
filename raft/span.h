/* Keys and sets of keys. */
#ifndef CELL_RAFT_SPAN_H
#define CELL_RAFT_SPAN_H

#include "raft/command.h"

/* < 0, 0, > 0: the order of keys, which is that of memcmp, a beginning before what it begins. */
int raft_span_order(struct raft_bytes a, struct raft_bytes b);

bool raft_span_has(const struct raft_span *span, struct raft_bytes key);

/* The keys that begin with `prefix`; its end is written to `end`, which the span borrows. An empty prefix, or one of
 * 0xff alone, has no end. */
struct raft_span raft_span_prefix(struct raft_bytes prefix, uint8_t end[RAFT_KEY_MAX]);

#endif
