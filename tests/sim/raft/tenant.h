/* The consensus core as a tenant of the world, with all that a member has around it: log, vote and snapshots on the
 * world's disk in their real formats (store.h), and the replicated store that they make (machine.h); and the truth that
 * checkers compare it with. */
#ifndef CELL_TESTS_SIM_RAFT_TENANT_H
#define CELL_TESTS_SIM_RAFT_TENANT_H

#include "raft/core.h"
#include "tests/sim/raft/client.h"
#include "tests/sim/raft/machine.h"
#include "tests/sim/raft/store.h"
#include "tests/sim/world/world.h"

enum {
    QUORUM_CLUSTER = 77,
    QUORUM_BORN_MAX = 12,      /* entries of different terms that one index may have had */
    QUORUM_READS = 256,
};

/* Orders: what, and an argument in the upper bits. */
enum quorum_order {
    QUORUM_PROPOSE = 1, /* argument: how many entries               */
    QUORUM_READ,
    QUORUM_TRANSFER,    /* argument: node; beyond the last: the best */
    QUORUM_CHANGE,      /* argument: bit set of nodes that shall vote */
    QUORUM_SNAPSHOT,
    QUORUM_LINK_DOWN,   /* argument: node */
    QUORUM_LINK_UP,
    QUORUM_EVENT,       /* the truth's `event` */
    QUORUM_CLIENT,      /* argument: client; it goes on here */
    QUORUM_WATCH,       /* argument: watcher; it asks here   */
    QUORUM_LEASE,       /* argument: holder of a lease       */
    QUORUM_ROT,         /* argument: what decides about the bit of the log that flips */
    QUORUM_WIPE,        /* the disk is lost with all that is on it */
};

enum { QUORUM_SHIFT = 8 };

/* One entry as a node holds it. */
struct quorum_item {
    uint64_t term;
    uint32_t size;   /* head included */
    uint8_t *bytes;  /* owned */
};

/* What the shell of a leader does for a member that needs a snapshot. */
struct quorum_sending {
    uint64_t peer; /* id; 0: nobody */
    uint64_t index, offset;
};

/* One life of one node. */
struct quorum_seat {
    void *memory;
    struct raft *core;
    uint64_t id, due_us;
    struct store store;
    struct quorum_item *item;      /* entries (base, base + items] */
    uint64_t base;
    uint32_t items, room;
    struct machine machine;        /* everything applied so far */
    struct client_waits waits;
    uint64_t commit;
    uint64_t snapshot_index, snapshot_term; /* of the newest whole one, and its bytes */
    uint8_t *blob;                 /* owned */
    size_t blob_size;
    struct { uint8_t *bytes; uint64_t index; size_t size; } made; /* one that is being written */
    uint8_t *taken;                /* owned: of one that is received */
    uint64_t taken_index, taken_size, taken_room;
    struct quorum_sending sending[2 * RAFT_MEMBERS_MAX];
    uint8_t *proposal;             /* bytes of the one being made */
    uint32_t reads;
    uint64_t read_context[QUORUM_READS], read_least[QUORUM_READS]; /* what was committed when it began */
};

struct quorum_born {
    uint32_t count;
    struct { uint64_t term, before, value, at_us; } of[QUORUM_BORN_MAX];
};

struct quorum_agreed {
    uint64_t term, value, in;      /* first committed in term `in`      */
    uint64_t answer, image;        /* what it came to, and the store after it; 0: nobody knows yet */
    uint64_t at_us;                /* when it was proposed              */
};

struct quorum_truth {
    struct raft_tuning tuning;
    bool is_stream;                /* bulk goes over streams */
    uint32_t founders, old;        /* nodes < old have no pre-vote */
    uint32_t segment_size;
    uint64_t indexes;              /* room of the arrays below */
    struct quorum_born *born;      /* every entry that any leader ever made */
    struct quorum_agreed *agreed;  /* committed by anybody */
    uint64_t agreed_last;
    uint64_t *leader_of;           /* by term: id */
    uint64_t terms;
    uint64_t proposals, accepted, read_asked, read_ready, changes, transfers, snapshots, installs, elections;
    uint64_t removed, torn, damaged, rotten_snapshots, repaired, wiped, rebased;
    bool past_rots;     /* files of old values rot now and then        */
    uint64_t past_lost; /* images and events that there were not for it */
    uint64_t contexts;
    uint32_t incarnation[WORLD_NODES_MAX]; /* disks that it had before this one */
    uint64_t term_most[WORLD_NODES_MAX], voted[WORLD_NODES_MAX]; /* said aloud, of each node */
    bool loses_disk[WORLD_NODES_MAX];      /* at its next start */
    struct raft_counters sum;
    struct raft_event event;       /* for QUORUM_EVENT */
    struct raft_config event_config;
    bool has_no_hints;             /* nobody hears of closed connections */
    uint32_t liars;                /* bit set of nodes whose disks forget what they said they have */
    uint32_t rotten;               /* bit set of nodes whose disks lose what they have */
    struct clients clients;
    /* For whoever measures; may be NULL. */
    void (*became)(struct world *w, uint32_t node, const struct raft_effect *e);
    void (*committed)(struct world *w, uint32_t node, uint64_t to);
    void (*sent)(struct world *w, uint32_t node, const struct raft_message *m);
    bool (*holds)(struct world *w, uint32_t node, const struct raft_message *m); /* this message is lost */
    void (*result)(struct world *w, uint32_t node, enum quorum_order what, enum err e);
    void (*fx)(struct world *w, uint32_t node, const struct raft_effect *e);
};

extern const struct world_tenant tenant_raft;

struct quorum_truth *quorum_truth(const struct world *w);
void quorum_begin_truth(struct world *w);
uint8_t quorum_place(const struct world *w); /* among the world's tenants */

/* A node's member id, and back; WORLD_NODES_MAX: nobody's, or not any more. */
uint64_t quorum_id(const struct world *w, uint32_t node);
uint64_t quorum_founder(uint32_t node); /* … with its first disk */
uint32_t quorum_of(const struct world *w, uint64_t id);

struct quorum_seat *quorum_seat(const struct world *w, uint32_t node); /* NULL: it is down */
uint64_t quorum_value(const uint8_t *bytes, size_t size);
const struct quorum_item *quorum_item(const struct quorum_seat *s, uint64_t index); /* NULL: not there */

/* memory.c: entries as they are read from the disk; what was there from their first on goes. */
void quorum_recall(struct quorum_seat *s, const struct raft_run *run);
void quorum_forget(struct quorum_seat *s, uint64_t base); /* all: the log begins behind `base` */
void quorum_push(struct quorum_seat *s, const struct raft_run *run);
void quorum_drop_from(struct quorum_seat *s, uint64_t first);
void quorum_cut(struct quorum_seat *s, uint64_t base); /* forget entries up to it */

/* shell.c: events into the core, its effects into the world's */
void quorum_start(struct world *w, uint32_t node, struct quorum_seat *s, const struct world_event *ev,
                  struct world_effects *fx);
enum err quorum_feed(struct world *w, uint32_t node, struct quorum_seat *s, uint64_t now_us,
                     const struct raft_event *e, struct world_effects *fx, uint64_t *ret_leader);
/* Entries of the seat's `proposal`; *ret_first: index of the first. */
enum err quorum_propose(struct world *w, uint32_t node, struct quorum_seat *s, uint64_t now_us, uint32_t count,
                        uint32_t size, struct world_effects *fx, uint64_t *ret_first, uint64_t *ret_leader);
void quorum_synced(struct world *w, uint32_t node, struct quorum_seat *s, const struct world_event *ev,
                   struct world_effects *fx);
void quorum_send_chunks(struct world *w, uint32_t node, struct quorum_seat *s, struct world_effects *fx);
bool quorum_snapshot(struct world *w, uint32_t node, struct quorum_seat *s); /* begin to write one; false: not now */

#endif
