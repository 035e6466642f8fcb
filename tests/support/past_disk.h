/* A file of old records (raft/past.h) in memory, whose writes can be refused and whose bytes can rot. */
#ifndef CELL_TESTS_SUPPORT_PAST_DISK_H
#define CELL_TESTS_SUPPORT_PAST_DISK_H

#include "raft/past.h"

struct past_disk {
    uint8_t *bytes;
    size_t size, room;
    bool is_full;      /* writes fail */
    uint64_t rot;      /* not 0: what is read has a bit that is another one, where this says */
    uint64_t rotten_reads;
    uint64_t writes, reads, cuts, refused, closed;
    size_t largest;    /* that it ever was */
};

/* Zero-initialised is an empty one. It may be closed, and be the disk of another store then. */
struct raft_past_disk past_disk_of(struct past_disk *d);

/* Of a whole world: small pieces, so that few values have files of many. */
struct raft_past_tuning past_disk_small(uint64_t warm);

void past_disk_fini(struct past_disk *d);

#endif
