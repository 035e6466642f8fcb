/* The state of the lookup core, shared by its files and by nobody else. */
#ifndef CELL_DHT_STATE_H
#define CELL_DHT_STATE_H

#include "common/base/rate.h"
#include "common/base/rng.h"
#include "dht/account.h"
#include "dht/core.h"
#include "dht/limits.h"
#include "dht/order.h"
#include "dht/pool.h"
#include "dht/twin.h"
#include "dht/upkeep.h"

enum dht_peer_flag {
    DHT_PEER_MEMBER = 1,
    DHT_PEER_SUSPECT = 2,
    DHT_PEER_PINGED = 4, /* whether it is there is being asked, for somebody wants its place */
    DHT_PEER_HINT = 8,   /* its round trip was told, not measured                            */
    DHT_PEER_OWES = 16,  /* it was asked twice, and has said nothing since                   */
};

struct dht_peer {
    struct dht_id id; /* first: order.h */
    struct dht_node node;
    struct dht_address at;
    uint8_t fails, flags;
    uint32_t srtt_us, rttvar_us; /* RFC 6298, section 2; 0: not known */
    uint32_t heard;              /* tick of its last packet           */
};

enum dht_entry_flag {
    DHT_ENTRY_CACHED = 1,
    DHT_ENTRY_WITHDRAWN = 2, /* has no value any more */
};

struct dht_entry {
    struct dht_id key; /* first: order.h */
    uint16_t size, flags;
    uint64_t tag, seq, expire_us;
    uint32_t chunk;
    uint16_t owner, source; /* accounts; DHT_NOTHING */
    uint16_t heap_at, heap; /* heap: not of this record: which one has this row's number in the heap of ends */
};

struct dht_chunk {
    uint32_t next;
    uint8_t bytes[DHT_CHUNK];
};

enum dht_ask {
    DHT_ASK_NEW,
    DHT_ASK_OUT,      /* asked                                            */
    DHT_ASK_SLOW,     /* … and late                                       */
    DHT_ASK_ANSWERED,
    DHT_ASK_FAILED,
};

enum dht_keeping {
    DHT_KEEP_NONE,
    DHT_KEEP_SENT,
    DHT_KEEP_SLOW,
    DHT_KEEP_ACKED,
    DHT_KEEP_REFUSED,
    DHT_KEEP_FAILED,
};

/* Somebody who may answer a lookup. */
struct dht_candidate {
    struct dht_id id;
    struct dht_contact who;
    uint64_t token, after;
    uint16_t serial, namer; /* namer: the serial of who named it; DHT_NOTHING: known here */
    uint8_t ask, keeping, path, hop, pages;
    bool is_absent; /* said so                                  */
    bool has_clock; /* the date here is by so much ahead of its */
    bool has_value;
    int32_t ahead_s;
};

enum dht_wish_kind { DHT_WISH_FREE, DHT_WISH_FIND, DHT_WISH_GET, DHT_WISH_PUT };

struct dht_wish {
    enum dht_wish_kind kind;
    bool is_storing, is_told, is_own; /* told: its end is; own: nobody waits for it          */
    bool has_self, has_expected, is_again; /* again: on other paths than the first time      */
    bool is_come, is_near;            /* on all paths; … and all of the nearest have answered */
    enum err status;                  /* once it has ended                                   */
    uint64_t name, end_us;
    struct dht_id target;
    uint64_t best_seq, expected, held_seq;
    uint32_t reads, values;           /* of a PUT: holders that have it                      */
    uint32_t absent, asked, hops, paths, older, cas, limit, past; /* past: refused, or not believed, as being over */
    uint16_t serial;
    uint8_t need, most;               /* answers that end a search; contacts of each         */
    uint16_t record_size;             /* of a PUT                                            */
    uint64_t expire_us;
    uint32_t count;
    struct dht_candidate candidate[DHT_CANDIDATES]; /* nearest first                         */
    uint8_t record[DHT_RECORD_MAX];
};

/* A request under way. */
struct dht_call {
    uint32_t txn; /* 0: free */
    enum dht_packet_kind kind;
    bool has_node, is_slow, is_first; /* first: it made the acquaintance */
    bool is_blind; /* it began before any round trip was known            */
    uint8_t attempts;
    uint16_t wish, serial; /* DHT_NOTHING: the core's own */
    struct dht_contact to;
    uint64_t begun_us, sent_us; /* first and last sent */
};

enum dht_job_kind {
    DHT_JOB_CHANGE, /* who came or went: offer the records this concerns to all of their holders      */
    DHT_JOB_SUM,    /* tell `who` the sum of the records both should hold                             */
    DHT_JOB_CHECK,  /* compare its sum with the own one                                               */
    DHT_JOB_OFFER,  /* offer it these records                                                         */
};

/* With whom something is going on. */
struct dht_lately {
    struct dht_id id;
    uint64_t until_us;
};

/* A walk over all records, some in each step. */
struct dht_job {
    enum dht_job_kind kind;
    bool is_back;            /* of OFFER: it is to offer too      */
    bool is_all;             /* of CHANGE: too many came and went */
    struct dht_id id;        /* of who                       */
    struct dht_contact who;
    struct dht_id from;      /* where the walk goes on       */
    uint32_t count, theirs_count;
    uint64_t hash, theirs_hash;
};

struct dht {
    struct dht_node self;
    struct dht_id id;
    uint8_t secret[DHT_SECRET_SIZE];
    struct dht_tuning tuning;
    struct rng rng;
    uint64_t now_us, wall_s, born_us;
    struct dht_effects *fx;
    struct dht_counters counters;
    dht_verify *verify;
    void *verify_context;
    /* peers */
    uint32_t peers_max, members, spares_max, spares;
    bool is_overflown, has_company; /* there are members that have no place; … others, whether known or not */
    struct dht_peer *peer, *spare;
    struct dht_order peers;
    struct dht_pool peer_rows;
    uint32_t typical_us, typical_var_us; /* round trips of all, as of one */
    /* records */
    uint32_t records_max, chunks_max, chunks_used, owner_bytes, source_bytes;
    uint32_t copies; /* records with DHT_ENTRY_CACHED */
    struct dht_entry *entry;
    struct dht_order records;
    struct dht_pool entry_rows;
    struct dht_accounts owners, sources;
    struct dht_chunk *chunk;
    uint32_t vacant_chunk, chunks_touched; /* those before the latter were in use at some time */
    /* wishes and requests */
    uint32_t wishes_max, wishes, wishes_end, calls_max, calls, calls_end; /* end: all from there on are free */
    struct dht_wish *wish;       /* the first is the core's own */
    struct dht_call *call;
    uint64_t *call_due_us;       /* UINT64_MAX: free */
    bool is_joining, is_hello, has_namesake; /* the way in was asked for, the own place is not found yet; what came asks for nothing */
    struct dht_upkeep upkeep;
    /* defence */
    struct rate rate[DHT_RATES];
    uint64_t verified[DHT_VERIFIED];
    struct dht_twin twin[DHT_TWINS];
    struct dht_address namesake; /* where this node is said to be, with has_namesake */
    /* comparisons */
    uint32_t jobs;
    uint64_t sync_us, sweep_us;
    struct dht_job job[DHT_JOBS_MAX]; /* the first one is under way */
    struct dht_lately offers[DHT_LATELY], wants[DHT_LATELY];
};

static inline uint32_t dht_state_tick(const struct dht *d)
{
    return (uint32_t)(d->now_us >> DHT_TICK_BITS);
}

/* Whether everybody is known: holders are asked at once, and nothing is looked for. */
static inline bool dht_state_is_whole(const struct dht *d)
{
    return d->members > 0 && !d->is_overflown && 2 * d->members >= d->peers.count;
}

#endif
