/* The consensus core as a tenant of the world: a shell that keeps its log, its vote and its snapshots on the
 * world's disk, and the truth that checkers compare it with. */
#ifndef CELL_TESTS_SIM_RAFT_TENANT_H
#define CELL_TESTS_SIM_RAFT_TENANT_H

#include "raft/core.h"
#include "tests/sim/raft/journal.h"
#include "tests/sim/world/world.h"

enum {
    TENANT_CLUSTER = 77,
    TENANT_BORN_MAX = 12,      /* entries of different terms that one index may have had */
    TENANT_READS = 256,
};

/* Orders: what, and an argument in the upper bits. */
enum tenant_order {
    TENANT_PROPOSE = 1, /* argument: how many entries               */
    TENANT_READ,
    TENANT_TRANSFER,    /* argument: node; beyond the last: the best */
    TENANT_CHANGE,      /* argument: bit set of nodes that shall vote */
    TENANT_SNAPSHOT,
    TENANT_LINK_DOWN,   /* argument: node */
    TENANT_LINK_UP,
    TENANT_EVENT,       /* the truth's `event` */
};

enum { TENANT_SHIFT = 8 };

/* One entry as a node holds it. */
struct tenant_item {
    uint64_t term;
    uint32_t size;   /* head included */
    uint8_t *bytes;  /* owned */
};

struct tenant_snapshot {
    uint64_t index, term, hash;
    struct raft_config config;
};

/* What the shell of a leader does for a member that needs a snapshot. */
struct tenant_sending {
    bool is_on;
    uint64_t index, offset;
};

/* One life of one node. */
struct tenant_seat {
    void *memory;
    struct raft *core;
    uint64_t id;
    struct tenant_item *item;      /* entries (base, base + items] */
    uint64_t base;
    uint32_t items, room;
    uint64_t applied, hash;        /* state machine: everything applied so far, folded */
    struct journal votes, log;
    struct raft_vote vote, vote_flying;            /* as written; in a sync under way */
    struct tenant_mark { uint64_t index, term, epoch; } end, flying, install, install_flying; /* the same of the log */
    struct tenant_snapshot snapshot, receiving;
    uint8_t blob[RAFT_CONFIG_BYTES_MAX + 8], taken[RAFT_CONFIG_BYTES_MAX + 8];
    uint64_t blob_size, taken_index, taken_size;
    struct tenant_sending sending[WORLD_INBOX_MAX];
    uint8_t *proposal;             /* bytes of the one being made */
    uint32_t reads;
    uint64_t read_context[TENANT_READS], read_least[TENANT_READS]; /* what was committed when it began */
};

struct tenant_born {
    uint32_t count;
    struct { uint64_t term, before, value; } of[TENANT_BORN_MAX];
};

struct tenant_truth {
    struct raft_tuning tuning;
    bool is_stream;                /* bulk goes over streams */
    uint32_t founders, old;        /* nodes < old have no pre-vote */
    uint64_t indexes;              /* room of the arrays below */
    struct tenant_born *born;      /* every entry that any leader ever made */
    struct { uint64_t term, value, hash, in; } *agreed; /* committed by anybody, first in term `in` */
    uint64_t agreed_last;
    uint64_t *leader_of;           /* by term: id */
    uint64_t terms;
    uint64_t proposals, accepted, read_asked, read_ready, changes, transfers, snapshots, installs, elections;
    uint64_t contexts;
    uint64_t term_most[WORLD_NODES_MAX], voted[WORLD_NODES_MAX]; /* said aloud, of each node */
    struct raft_counters sum;
    struct raft_event event;       /* for TENANT_EVENT */
    struct raft_config event_config;
    bool has_no_hints;             /* nobody hears of closed connections */
    /* For whoever measures; may be NULL. */
    void (*became)(struct world *w, uint32_t node, const struct raft_effect *e);
    void (*committed)(struct world *w, uint32_t node, uint64_t to);
    void (*sent)(struct world *w, uint32_t node, const struct raft_message *m);
    bool (*holds)(struct world *w, uint32_t node, const struct raft_message *m); /* this message is lost */
    void (*result)(struct world *w, uint32_t node, enum tenant_order what, enum err e);
    void (*fx)(struct world *w, uint32_t node, const struct raft_effect *e);
};

extern const struct world_tenant tenant_raft;

struct tenant_truth *tenant_truth(const struct world *w);
void tenant_begin_truth(struct world *w);

/* A node's member id, and back. */
uint64_t tenant_id(uint32_t node);
uint32_t tenant_of(uint64_t id);

struct tenant_seat *tenant_seat(const struct world *w, uint32_t node); /* NULL: it is down */
uint64_t tenant_value(const uint8_t *bytes, size_t size);
uint64_t tenant_fold(uint64_t hash, uint64_t value);
const struct tenant_item *tenant_item(const struct tenant_seat *s, uint64_t index); /* NULL: not there */

/* shell.c: events into the core, its effects into the world's */
void tenant_start(struct world *w, uint32_t node, struct tenant_seat *s, const struct world_event *ev,
                  struct world_effects *fx);
enum err tenant_feed(struct world *w, uint32_t node, struct tenant_seat *s, uint64_t now_us,
                     const struct raft_event *e, struct world_effects *fx, uint64_t *ret_leader);
void tenant_synced(struct world *w, uint32_t node, struct tenant_seat *s, const struct world_event *ev,
                   struct world_effects *fx);
void tenant_send_chunks(struct world *w, uint32_t node, struct tenant_seat *s, struct world_effects *fx);
void tenant_save_snapshot(struct world *w, struct tenant_seat *s, struct world_effects *fx); /* s->snapshot */
void tenant_cut(struct tenant_seat *s, uint64_t base); /* forget entries up to it */

#endif
