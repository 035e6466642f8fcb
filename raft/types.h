/* What the rooms of raft have in common: entries as they are on disk and on the wire, votes, limits. */
#ifndef CELL_RAFT_TYPES_H
#define CELL_RAFT_TYPES_H

#include <stdbool.h>
#include <stdint.h>

enum {
    RAFT_MEMBERS_MAX = 16,             /* voters of both halves of a joint configuration, and learners */
    RAFT_ENTRY_MAX = (1 << 20) + 4096, /* bytes of one entry: a value of 1 MiB and what is around it   */
    RAFT_ENTRY_HEAD = 5,               /* bytes before an entry's own: u32 size, u8 kind               */
    RAFT_CONTACT_MAX = 128,            /* bytes of a member's contact, terminator included             */
    RAFT_NAME_MAX = 64,                /* … of its name                                                */
};

enum raft_entry_kind {
    RAFT_ENTRY_NOOP = 1,    /* a leader's first entry in its term: no bytes                */
    RAFT_ENTRY_CONFIG = 2,  /* a configuration, packed as raft/config.h says               */
    RAFT_ENTRY_COMMAND = 3, /* for the state machine: opaque                               */
};

/* Entries that follow each other in one term, as they are on disk and on the wire: each is u32 size, u8 kind,
 * bytes; little endian, no padding. `size` of an entry counts its own bytes only. */
struct raft_run {
    uint64_t first, term;
    uint32_t count;       /* entries */
    uint32_t size;        /* bytes of all, heads included */
    const uint8_t *bytes; /* borrowed */
};

/* The two things a node must not forget (Ongaro, "Consensus: Bridging Theory and Practice", 2014, figure 3.1:
 * persistent state). */
struct raft_vote {
    uint64_t term;
    uint64_t voted_for; /* member; 0: nobody */
};

#endif
