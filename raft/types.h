/* What all of the consensus cell is built of: entries, runs of them, votes. */
#ifndef CELL_RAFT_TYPES_H
#define CELL_RAFT_TYPES_H

#include <stdint.h>

enum {
    RAFT_MEMBERS_MAX = 16,              /* voters of both halves of a joint configuration, and learners */
    RAFT_ENTRY_MAX = (1 << 20) + 4096,  /* bytes of one entry: a value of 1 MiB and what is around it   */
    RAFT_CONTACT_MAX = 128,
    RAFT_NAME_MAX = 64,
};

enum raft_entry_kind {
    RAFT_ENTRY_NOOP = 1,
    RAFT_ENTRY_CONFIG = 2,
    RAFT_ENTRY_COMMAND = 3,
};

/* Entries that follow each other in one term, as they are on disk and on the wire: each is u32 size, u8 kind, bytes
 * (little endian, no padding). */
struct raft_run {
    uint64_t first, term;
    uint32_t count;
    uint32_t size;
    const uint8_t *bytes;
};

/* voted_for 0: nobody. */
struct raft_vote {
    uint64_t term, voted_for;
};

#endif
