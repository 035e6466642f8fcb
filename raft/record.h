/* One state of one key: what a put or a delete made of it. A record never changes its content; newer ones point to
 * older ones, in memory or on disk (past.h), for as long as somebody may ask for them (journal.h).
 *
 * 40 bytes and the key and the value, in one allocation: of 200,000 values of 256 bytes the records are 61 MiB, and
 * each 8 bytes more in every record were 1.5. So the few keys that end with a lease carry that in front. */
#ifndef CELL_RAFT_RECORD_H
#define CELL_RAFT_RECORD_H

#include "raft/command.h"

enum {
    RAFT_RECORD_DELETE = 1, /* flags: the key ended here                               */
    RAFT_RECORD_OLD = 2,    /* a newer record of this key exists                       */
    RAFT_RECORD_LEASED = 4, /* a struct raft_tether stands in front                    */
};

enum { RAFT_RECORD_PAST = 1 }; /* in a reference to a record: it is a place on disk, one bit up, and no address */

struct raft_record {
    uint64_t before;          /* reference to the state before; 0: none, or forgotten. Followed by chain.h */
    uint64_t created;         /* revision                                                                  */
    uint64_t modified;        /* revision                                                                  */
    uint32_t version;
    uint32_t part;            /* which change of its revision this is, from 0                              */
    uint32_t value_size;
    uint16_t key_size;
    uint8_t flags;
    uint8_t bytes[];          /* key, value */
} __attribute__((packed, aligned(8)));

struct raft_lease;

/* What a record with a lease has in front of it: its place among the keys of that lease. */
struct raft_tether {
    struct raft_tether *prev, *next; /* a ring through the lease itself; to itself when the lease is gone */
    struct raft_lease *lease;        /* NULL when it is gone, or the record is an old one                 */
    uint64_t lease_id;
    struct raft_record record;
};

static inline uint64_t raft_record_ref(const struct raft_record *r)
{
    return (uint64_t)(uintptr_t)r;
}

/* NULL for a place on disk, and for 0. */
static inline struct raft_record *raft_record_in_memory(uint64_t ref)
{
    return (ref & RAFT_RECORD_PAST) == 0 ? (struct raft_record *)(uintptr_t)ref : NULL;
}

static inline struct raft_bytes raft_record_key(const struct raft_record *r)
{
    return (struct raft_bytes){r->bytes, r->key_size};
}

static inline struct raft_bytes raft_record_value(const struct raft_record *r)
{
    return (struct raft_bytes){r->bytes + r->key_size, r->value_size};
}

static inline bool raft_record_is_delete(const struct raft_record *r)
{
    return (r->flags & RAFT_RECORD_DELETE) != 0;
}

/* A record with its key and value copied in and all else zero; with lease_id != 0 it has a tether, to nothing.
 * NULL without memory. */
struct raft_record *raft_record_new(struct raft_bytes key, struct raft_bytes value, uint64_t lease_id);

void raft_record_free(struct raft_record *r); /* NULL is fine */

/* NULL when it has none. */
struct raft_tether *raft_record_tether(const struct raft_record *r);
uint64_t raft_record_lease(const struct raft_record *r); /* 0: none */

/* Bytes that it costs, for quotas and windows: key, value and 64. The same on every member, whatever the allocator. */
uint64_t raft_record_cost(const struct raft_record *r);

#endif
