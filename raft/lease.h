/* Leases: keys that end together. When one has run out is decided by the leader and done by the log (kv.h); here is
 * what it holds. Time is the cluster's (lessor.h). */
#ifndef CELL_RAFT_LEASE_H
#define CELL_RAFT_LEASE_H

#include "raft/idmap.h"
#include "raft/record.h"

enum {
    RAFT_LEASES_MAX = 1 << 16,      /* each is looked at when one runs out: 3 ms for all            */
    RAFT_TTL_LEAST_MS = 500,        /* less than a failover takes means nothing                     */
    RAFT_TTL_MOST_MS = 2147483647,  /* 24 days                                                      */
};

struct raft_lease {
    uint64_t id; /* first: idmap.h */
    uint64_t renewed_ms;
    uint64_t stamp;  /* one more with each renewal: an end that was decided before one is void */
    uint64_t key_count;
    uint32_t ttl_ms;
    struct raft_tether keys; /* head of the ring; its record is none */
};

struct raft_leases {
    struct raft_idmap map;
};

struct raft_lease *raft_lease_find(const struct raft_leases *l, uint64_t id);

/* ERR_NOMEM, ERR_LIMIT (RAFT_LEASES_MAX), ERR_EXISTS. */
enum err raft_lease_grant(struct raft_leases *l, uint64_t id, uint32_t ttl_ms, uint64_t now_ms) MUST_CHECK;

/* Give a lease without keys back. */
void raft_lease_end(struct raft_leases *l, struct raft_lease *lease);

/* Tie a record that has a tether to its lease, which exists; untie one from it, if it is tied. */
void raft_lease_tie(struct raft_lease *lease, struct raft_record *record);
void raft_lease_untie(struct raft_record *record);

/* Cluster time at which it runs out. */
uint64_t raft_lease_deadline_ms(const struct raft_lease *lease);

/* Forget all; no record may be tied any more, or none is ever looked at again. */
void raft_lease_clear(struct raft_leases *l);

#endif
