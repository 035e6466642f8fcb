/* A deterministic world for pure cores: nodes with clocks and disks, wires between them, and everything
 * that goes wrong with these, in one process and in virtual time. What happens follows from one seed.
 *
 * A tenant is a core together with the few lines that turn its effects into those below. Each node runs
 * every tenant; a tenant gets events, fills effects, and never acts: the world performs the effects in
 * their order, and may let the node crash before, between and after them. */
#ifndef CELL_TESTS_SIM_WORLD_WORLD_H
#define CELL_TESTS_SIM_WORLD_WORLD_H

#include "tests/sim/world/clock.h"
#include "tests/sim/world/count.h"
#include "tests/sim/world/dice.h"
#include "tests/sim/world/disk.h"
#include "tests/sim/world/net.h"
#include "tests/sim/world/queue.h"

enum {
    WORLD_NODES_MAX = 1024,
    WORLD_TENANTS_MAX = 8,
    WORLD_EFFECTS_MAX = 256,     /* of one step */
    WORLD_BYTES_MAX = 1 << 20,   /* of one step's packets and writes together */
    WORLD_INBOX_MAX = 256,       /* packets that wait for a busy node: a socket's buffer (rmem_default) */
    WORLD_WHY_SIZE = 256,
    WORLD_STORM_STEPS = 50000,   /* a node in one virtual second: more, and a core goes round in circles */
};

struct world;

enum world_event_kind {
    WORLD_EV_START,  /* the process begins; read the disk now                              */
    WORLD_EV_PACKET, /* bytes, size, from                                                  */
    WORLD_EV_TIMER,  /* the time set by the last TIMER has come                            */
    WORLD_EV_SYNCED, /* a SYNC that was not waited for ended: value is its, is_ok           */
    WORLD_EV_FAILED, /* an effect of the last step could not be performed, those after it were not: value is
                      * its place in the list. It was a WRITE, a RESIZE or a SYNC that is waited for. Comes
                      * before anything else */
    WORLD_EV_ORDER,  /* what the tenant planned with world_order: value                    */
};

struct world_event {
    enum world_event_kind kind;
    uint64_t now_us;  /* the node's monotonic clock */
    uint64_t wall_us; /* the node's wall clock      */
    uint64_t value;
    uint32_t from;    /* node */
    bool is_ok;
    const uint8_t *bytes;
    size_t size;
};

enum world_effect_kind {
    WORLD_FX_SEND,   /* bytes to the same tenant of node `to`: may be lost, doubled, late               */
    WORLD_FX_STREAM, /* the same in order and without loss, while both live and no partition is between */
    WORLD_FX_WRITE,  /* bytes at `offset` of `file`                                                     */
    WORLD_FX_RESIZE, /* `file` to `offset` bytes                                                        */
    WORLD_FX_NAME,   /* `file` bears the name `value` (0: none); its sync is that of DISK_NAMES           */
    WORLD_FX_SYNC,   /* `file`; nothing after it happens, and no event comes, before it is on disk      */
    WORLD_FX_SYNC_LATER, /* the same, and WORLD_EV_SYNCED with `value` says when                        */
    WORLD_FX_TIMER,  /* TIMER at `value` of the monotonic clock, instead of any set before              */
    WORLD_FX_TELL,   /* the outside world sees this: the tenant's checkers get it                       */
    WORLD_FX_DIE,    /* the process ends by itself, and is started again as after a crash               */
};

struct world_effect {
    enum world_effect_kind kind;
    uint32_t to, file;
    uint64_t offset, value;
    uint64_t more[3];          /* TELL's, as the tenant likes */
    size_t at, size;           /* in the list's bytes */
};

struct world_effects {
    struct world_effect item[WORLD_EFFECTS_MAX];
    uint32_t count;
    uint8_t *bytes;
    size_t used;
};

/* A core as the world sees it. Hooks that are NULL are left out. */
struct world_tenant {
    const char *name;
    size_t state_size;                          /* bytes of one node's state: zeroed at each start */
    void (*draw)(struct world *w);              /* after the world's settings, before there are nodes */
    void (*begin)(struct world *w);             /* there are nodes; they start after this, in scripted worlds
                                                 * only those that the tenant starts */
    void (*step)(struct world *w, uint32_t node, void *state, const struct world_event *ev,
                 struct world_effects *fx);
    void (*stop)(void *state);                  /* the process is gone: free what the state owns */
    void (*told)(struct world *w, uint32_t node, const struct world_effect *fx);
    void (*crashed)(struct world *w, uint32_t node); /* before its state goes */
    void (*check)(struct world *w);             /* every check_us of the settings */
    void (*end)(struct world *w);               /* at the end, everything being calm since calm_us */
    void (*fini)(struct world *w);
};

/* What is drawn for a whole world. Times of faults are means; 0: never. */
struct world_settings {
    uint32_t nodes;
    struct net_settings net;
    uint64_t calm_us, end_us, check_us;         /* no faults from calm_us on */
    uint64_t crash_us, down_us, pause_us, paused_us, cut_us, healed_us, clog_us, clogged_us, jump_us, rot_us;
    uint32_t crash_step_ppm;                    /* that a step is a node's last, somewhere in it */
    uint32_t power_ppm, wipe_ppm;               /* of the crashes */
    uint32_t one_way_ppm;                       /* of the partitions */
    uint32_t sync_fails_ppm;
    uint64_t sync_us;                           /* a sync takes, on average */
    size_t disk_bytes;                          /* 0: no bound */
    uint64_t skew_us;
    uint64_t jump_most_us;
};

struct world_node {
    bool is_up;
    uint32_t epoch;                  /* lives so far */
    uint64_t busy_until_us;          /* paused or in a sync */
    uint32_t inbox;
    struct clock clock;
    struct disk disk;
    void *state[WORLD_TENANTS_MAX];
    uint64_t timer_us[WORLD_TENANTS_MAX]; /* monotonic; 0: none */
    struct world_effects *rest;      /* what is to be done after the sync; NULL: nothing */
    uint32_t rest_at;
    uint8_t rest_tenant;
};

struct world {
    uint64_t seed;
    struct dice dice;
    struct world_settings set;
    const struct world_tenant *const *tenant;
    uint32_t tenants;
    uint64_t now_us;
    bool has_failed, is_loud, is_scripted; /* scripted: the tenant draws everything, faults included */
    char why[WORLD_WHY_SIZE];
    uint64_t failed_us;
    uint64_t digest;                 /* of everything that happened */
    uint64_t second_us, second_steps; /* when a virtual second began, and the steps since then */
    struct count count;
    struct net net;
    struct queue queue;
    struct world_node *node;
    struct world_effects *fx;        /* of the step being made */
    void *aim[WORLD_TENANTS_MAX];    /* a tenant's own truth */
};

/* ---- for whoever runs worlds (suite.h, or a test of its own) ----------------------------------- */

/* Draw the world of `seed` and run it to its end or first failure. nodes: 0, or instead of the number
 * drawn. Always followed by world_fini. */
void world_run(struct world *w, const struct world_tenant *const *tenants, uint32_t count, uint64_t seed,
               uint32_t off, uint32_t nodes, bool is_loud);
void world_fini(struct world *w);

/* The same in pieces, for scenes that act between them: world_begin, world_until as often as one likes with times
 * that only grow, world_end; then world_fini. */
void world_begin(struct world *w, const struct world_tenant *const *tenants, uint32_t count, uint64_t seed,
                 uint32_t off, uint32_t nodes, bool is_loud);
void world_until(struct world *w, uint64_t at_us);
void world_end(struct world *w);

/* ---- for tenants and checkers --------------------------------------------------------------------- */

/* An effect, appended; bytes are copied. Too many or too much is a fault of the tenant. */
void world_effect(struct world *w, struct world_effects *fx, struct world_effect item, const void *bytes,
                  size_t size);

/* An ORDER for a tenant of `node`, in_us from now; lost when the node is down then. */
void world_order(struct world *w, uint8_t tenant, uint32_t node, uint64_t in_us, uint64_t value);

/* Which of the world's tenants this is, by the name that it has itself, not a copy of it; 0 when it is none. */
uint8_t world_place(const struct world *w, const char *name);

bool world_is_calm(const struct world *w);
void world_fail(struct world *w, const char *format, ...) PRINTF_LIKE(2, 3);
void world_say(struct world *w, const char *format, ...) PRINTF_LIKE(2, 3); /* when it is loud */

#endif
