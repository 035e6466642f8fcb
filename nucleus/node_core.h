/* Inside the supervisor's machine: what node_*.c share. Nobody else includes this.
 *
 * A step runs in three parts: node.c finds what the event concerns and reserves all memory (the
 * only part that can fail); node_instance.c moves one instance on and marks the cells this may
 * concern; node_plan.c then looks at the marked cells and starts, ends or forgets instances. */
#ifndef CELL_NUCLEUS_NODE_CORE_H
#define CELL_NUCLEUS_NODE_CORE_H

#include "common/base/rng.h"
#include "nucleus/node.h"
#include "nucleus/node_backoff.h"
#include "nucleus/node_health.h"

enum {
    NODE_NONE = -1,
    NODE_WORDS = NODE_INSTANCES_MAX / 64,
    NODE_EFFECTS_PER_SLOT = 8,  /* most one step says about one instance: measured 6          */
    NODE_EFFECTS_PER_CELL = 2,  /* SPARE and STORE_SCALE                                      */
    NODE_LATE_MS = 20,          /* a CLOCK this late means we did not get the CPU; timers of an
                                 * awake process fire within a few ms                         */
    NODE_LATE_GRACE_MS = 100,   /* then what already waits in our queues is read before anyone
                                 * is judged by its absence                                   */
    NODE_ORPHAN_MS = 5000,      /* to drain and to end, for instances of entries we never saw */
    NODE_FAILS_SET_ASIDE = 2,   /* crashes in a row after which a first start no longer waits
                                 * for an instance while others of its cell serve             */
};

/* What a cell has said on its junction, in order. */
enum node_said {
    NODE_SAID_NOTHING,
    NODE_SAID_BOOTING,
    NODE_SAID_LISTENING,
    NODE_SAID_READY,
    NODE_SAID_DRAINING,
    NODE_SAID_STOPPED,
};

struct node_slot {
    struct node_instance at;
    uint32_t index;
    struct node_cell *cell; /* never NULL while the slot is used */
    enum node_said said;
    bool is_adopted;      /* not yet gone on with: waits for the manifest */
    bool is_dirty;        /* a STORE is due at the end of this step       */
    bool is_published;
    bool is_extended;     /* its deadline was moved for our own lateness  */
    struct node_health health;
};

/* A cell: what the machine needs of its manifest entry, also after the entry is gone. */
struct node_cell {
    char space[NAME_SIZE];
    char name[NAME_SIZE];
    int32_t entry;             /* index into the manifest in force, or NODE_NONE: removed */
    uint64_t hash;
    uint32_t of;               /* instances in the manifest                               */
    uint32_t scale;            /* a person's number …                                     */
    bool is_scaled;            /* … if there is one                                       */
    bool is_orphan;            /* adopted and in no manifest since: what it requires is not
                                * known, so it is taken to require all of a lower level   */
    uint32_t level;            /* longest chain of requirements below                     */
    uint32_t epoch;            /* of the last manifest that had it                        */
    bool is_trivial;
    bool has_spare;
    bool on_demand;            /* its first instances wait for somebody to ask for them      */
    bool spare_is_asked; /* since the last spawn                                       */
    bool spare_may_exist;
    enum manifest_strategy strategy;
    struct node_backoff backoff;
    struct node_health_policy heartbeat;
    uint32_t ready_ms, drain_ms, term_ms;
    struct node_cell **requires;
    uint32_t requires_count;
    struct node_cell **dependents; /* into node.edges: who requires this                   */
    uint32_t dependents_count;
    struct node_slot **slot;       /* by instance number; NULL: none                       */
    uint32_t slot_room;
    uint32_t slot_count;           /* not NULL */
    bool is_touched;
    uint64_t mark;                 /* of the last walk that came here */
};

struct node {
    uint64_t generation; /* of the next spawn */
    uint64_t now_ms;
    uint64_t next_ms;
    struct rng rng;
    bool has_manifest;
    uint32_t epoch;      /* counts manifests, over recoveries too           */
    bool is_down;
    bool is_done;        /* DONE was said                                   */
    struct node_cell **cell;
    uint32_t cell_count, cell_room;
    struct node_cell **entry; /* by manifest index */
    uint32_t entry_count;
    struct node_cell **edges;
    struct node_cell **touched; /* stack of cells to plan; room cell_room */
    uint32_t touched_count;
    struct node_cell **walk;    /* of a walk over the graph; room cell_room */
    uint64_t mark;
    uint32_t live;              /* instances alive or being spawned */
    uint64_t used[NODE_WORDS];
    uint32_t used_count;        /* bits set in it: every step asks  */
    uint64_t resting[NODE_WORDS]; /* freed in this step: not used again before the next */
    struct node_slot *slot[NODE_INSTANCES_MAX];
    uint32_t dirty[NODE_INSTANCES_MAX];
    uint32_t dirty_count;
    struct node_effects *fx; /* of the step that runs */
};

#endif
