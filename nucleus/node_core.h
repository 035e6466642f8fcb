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

/* When an instance with restart_after_exit is ended. */
enum node_turn {
    NODE_TURN_ROLL,  /* one at a time, while the others serve      */
    NODE_TURN_NOW,   /* a person named this very instance          */
    NODE_TURN_GROUP, /* with its strategy's group, dependents first */
};

struct node_slot {
    struct node_instance at;
    uint32_t index;
    struct node_cell *cell; /* never NULL while the slot is used */
    enum node_said said;
    enum node_turn turn;
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
    uint64_t resting[NODE_WORDS]; /* freed in this step: not used again before the next */
    struct node_slot *slot[NODE_INSTANCES_MAX];
    uint32_t dirty[NODE_INSTANCES_MAX];
    uint32_t dirty_count;
    struct node_effects *fx; /* of the step that runs */
};

/* ---- node_effects.c: the list -------------------------------------------------------------- */

/* Make room for everything a step can say about the slots in use and `more` others. */
enum err node_effects_reserve(const struct node *n, struct node_effects *fx, uint32_t more) MUST_CHECK;
struct node_effect *node_effects_add(struct node *n, enum node_effect_kind kind);
struct node_effect *node_effects_slot(struct node *n, enum node_effect_kind kind,
                                      const struct node_slot *s);
struct node_effect *node_effects_cell(struct node *n, enum node_effect_kind kind,
                                      const struct node_cell *c);
void node_effects_dirty(struct node *n, struct node_slot *s);
void node_effects_finish(struct node *n); /* put the STOREs of dirty slots first */

/* ---- node_table.c: slots and cells --------------------------------------------------------- */

enum err node_table_reserve(struct node *n, uint32_t slots) MUST_CHECK;
enum err node_table_reserve_at(struct node *n, uint32_t index) MUST_CHECK;
enum err node_table_reserve_cells(struct node *n, uint32_t count) MUST_CHECK;
struct node_cell *node_table_new_cell(const char space[NAME_SIZE], const char name[NAME_SIZE]);
enum err node_table_grow_cell(struct node_cell *c, uint32_t instances) MUST_CHECK;
bool node_table_is_used(const struct node *n, uint32_t index);
struct node_slot *node_table_next(const struct node *n, uint32_t from); /* used slot >= from */
struct node_slot *node_table_take(struct node *n, uint32_t index);
struct node_slot *node_table_add(struct node *n, struct node_cell *c, uint32_t instance);
void node_table_attach(struct node_slot *s, struct node_cell *c);
void node_table_forget(struct node *n, struct node_slot *s);
struct node_cell *node_table_cell(const struct node *n, const char *space, const char *name);
void node_table_free_cell(struct node_cell *c);
void node_table_drop_cell(struct node *n, struct node_cell *c);
uint32_t node_table_wanted(const struct node_cell *c);
uint32_t node_table_used(const struct node *n);

/* ---- node_manifest.c: a new manifest comes into force -------------------------------------- */

enum err node_manifest_take(struct node *n, const struct manifest *m, struct node_effects *fx)
    MUST_CHECK;

/* Add the instances of `c` that are wanted and missing; memory is reserved. */
void node_manifest_fill(struct node *n, struct node_cell *c);

/* ---- node_adopt.c: recovery ---------------------------------------------------------------- */

enum err node_adopt_record(struct node *n, const struct node_event *ev) MUST_CHECK;
enum err node_adopt_scale(struct node *n, const struct node_scale *scale) MUST_CHECK;
void node_adopt_resume(struct node *n, struct node_slot *s); /* first MANIFEST: go on from here */

/* ---- node_instance.c: one instance --------------------------------------------------------- */

bool node_instance_is_live(const struct node_slot *s);    /* alive or being spawned   */
bool node_instance_is_serving(const struct node_slot *s); /* READY and healthy        */
void node_instance_move(struct node *n, struct node_slot *s, enum node_state state,
                        const char *reason);
void node_instance_arm(struct node *n, struct node_slot *s, uint64_t in_ms);
void node_instance_spawn(struct node *n, struct node_slot *s);
void node_instance_spawned(struct node *n, struct node_slot *s);
enum err node_instance_said(struct node *n, struct node_slot *s, const struct node_event *ev)
    MUST_CHECK;
enum err node_instance_rejoin(struct node *n, struct node_slot *s, enum node_state state) MUST_CHECK;
void node_instance_become_ready(struct node *n, struct node_slot *s);
void node_instance_publish(struct node *n, struct node_slot *s);
void node_instance_end(struct node *n, struct node_slot *s, const char *reason);
void node_instance_resume_end(struct node *n, struct node_slot *s);
void node_instance_kill(struct node *n, struct node_slot *s, const char *reason);
void node_instance_deadline(struct node *n, struct node_slot *s);

/* ---- node_exit.c: an instance has ended ---------------------------------------------------- */

/* reason: what it died of; used unless we ended it for a fault of its own. */
void node_exit_handle(struct node *n, struct node_slot *s, const char *reason);

/* ---- node_beat.c: heartbeats --------------------------------------------------------------- */

/* Expect heartbeats from now on, after pass_ms of grace. */
void node_beat_begin(struct node *n, struct node_slot *s, uint64_t pass_ms);
void node_beat_heard(struct node *n, struct node_slot *s);
void node_beat_sampled(struct node *n, struct node_slot *s, const struct node_event *ev);
void node_beat_clock(struct node *n, struct node_slot *s);

/* ---- node_order.c: what a person asks for -------------------------------------------------- */

enum err node_order_step(struct node *n, const struct node_event *ev, struct node_effects *fx)
    MUST_CHECK;

/* ---- node_plan.c: from what is wanted to what is done --------------------------------------- */

void node_plan_touch(struct node *n, struct node_cell *c);
void node_plan_touch_around(struct node *n, const struct node_slot *s); /* all it may unblock */
void node_plan_touch_below(struct node *n, struct node_cell *c);        /* and what it requires */
void node_plan_touch_all(struct node *n);

/* What is wanted of this cell may have changed. All refreshes of a step come before its pass:
 * whether one may end depends on whether others stay. */
void node_plan_refresh(struct node *n, struct node_cell *c);
void node_plan_group(struct node *n, struct node_slot *crashed);
void node_plan_run(struct node *n);

/* ---- node_text.c --------------------------------------------------------------------------- */

void node_text_exit(const struct node_event *ev, bool was_ready, char out[NODE_REASON_SIZE]);
void node_text_printable(const char *text, char out[NODE_REASON_SIZE]);

#endif
