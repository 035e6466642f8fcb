/* A file of records that are only ever added, each bound to the one before by a checksum: what was synced is read
 * back whole, what was not up to its first lost byte. */
#ifndef CELL_TESTS_SIM_RAFT_JOURNAL_H
#define CELL_TESTS_SIM_RAFT_JOURNAL_H

#include "tests/sim/world/world.h"

enum journal_kind { JOURNAL_VOTE = 1, JOURNAL_APPEND, JOURNAL_TRUNCATE, JOURNAL_SNAPSHOT, JOURNAL_RESET };

enum { JOURNAL_HEAD = 9 };

struct journal {
    uint32_t file;
    uint64_t end;
    uint32_t chain;
    bool is_dirty, is_flying; /* written and in no sync; a sync is under way */
};

struct journal_record {
    enum journal_kind kind;
    const uint8_t *bytes;
    uint32_t size;
};

void journal_add(struct world *w, struct world_effects *fx, struct journal *j, enum journal_kind kind,
                 const void *bytes, uint32_t size);

/* The record at j->end of bytes[0..size), and j behind it; false: no whole one. */
bool journal_next(struct journal *j, const uint8_t *bytes, size_t size, struct journal_record *ret);

#endif
