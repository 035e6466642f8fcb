/* A drawn world for the supervisor's machine: processes that boot, crash, hang, starve and ignore;
 * a person who applies, scales, starts and stops; a supervisor that dies before, between and after
 * the effects of a step and is recovered from what it stored. Everything follows from one seed.
 *
 * The world keeps its own truth (what lives, what a person asked for) and never asks the machine;
 * checkers (check_*.c) compare the two. */
#ifndef CELL_TESTS_SIM_NUCLEUS_WORLD_H
#define CELL_TESTS_SIM_NUCLEUS_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/base/rng.h"
#include "nucleus/node.h"
#include "tests/sim/nucleus/proc.h"

enum {
    WORLD_CELLS = 50,
    WORLD_SEATS = 6,      /* highest number of instances of a cell               */
    WORLD_CRASHES = 64,   /* remembered per seat                                 */
    WORLD_NOBODY = -1,
    WORLD_SLACK_MS = 30,  /* of deliveries and clocks, where a checker times     */
};

/* The place of one instance: what a person wants of it and how it fared. */
struct seat {
    bool is_known;           /* the machine has a slot for it */
    bool is_held;
    bool was_spawned;
    bool in_group;           /* it starts again when its group has ended */
    uint64_t generation;     /* of its last start */
    int live;                /* process or WORLD_NOBODY */
    uint64_t asked_ms;       /* a person asked for its restart */
    uint64_t maybe_anew_ms, surely_anew_ms; /* crashes before perhaps, surely do not count */
    uint64_t end_ms[WORLD_CRASHES];  /* every end the machine heard of */
    uint64_t sure_ms[WORLD_CRASHES]; /* those that are surely crashes  */
    uint32_t ends, sures;
    uint64_t gave_up_ms, hopeless_ms; /* its end said that there is no use in another start */
};

struct place {
    char name[NAME_SIZE];
    bool is_listed;          /* in the manifest in force */
    struct manifest_cell entry; /* latest; requires owned by the manifest */
    int requires[WORLD_CELLS], requires_count;
    bool is_scaled;
    uint32_t scale, scale_of;
    struct seat seat[WORLD_SEATS];
    bool is_rotten;          /* whatever is started crashes, until the storm is over */
    uint64_t crash_ms;       /* last end of any of its processes that was not asked for */
    uint32_t ended;          /* processes that ended */
};

enum happening_kind {
    HAPPEN_STAGE,    /* a process is ready to say its next word */
    HAPPEN_BEAT,     /* … sends a heartbeat */
    HAPPEN_MOOD,     /* … falls into a mood */
    HAPPEN_WELL,     /* … is well again */
    HAPPEN_DIE,
    HAPPEN_REJOIN,   /* … reaches the new supervisor */
    HAPPEN_DRAIN,    /* … hears Drain */
    HAPPEN_DRAINED,
    HAPPEN_TERM,     /* … gets SIGTERM */
    HAPPEN_TELL,     /* the supervisor gets an event */
    HAPPEN_ORDER,    /* a person acts */
    HAPPEN_RECOVER,
    HAPPEN_STALL,    /* the supervisor gets no CPU for a while */
    HAPPEN_SUDDEN,   /* the supervisor is killed between two steps */
    HAPPEN_GUARD_DIES,
    HAPPEN_GUARD_NEW,
    HAPPEN_LOOK,     /* a checker looks at a hung process: by now it is found */
};

struct happening {
    uint64_t at_ms, seq;
    enum happening_kind kind;
    int proc;
    uint32_t incarnation;
    uint64_t value;
    struct node_event tell;
};

struct record {
    bool is_kept;
    struct node_instance at;
};

struct world {
    uint64_t seed;
    struct rng rng;
    uint64_t now_ms;
    bool has_failed, has_ended, is_loud;
    char why[256];
    /* drawn */
    uint64_t crash_one_in, spawn_fails_one_in, stall_one_in, bad_one_in, lose_one_in;
    uint32_t cells_max;
    uint64_t storm_ms;       /* until then faults happen */
    bool ends_with_down, is_moody, guard_dies;
    bool kernel_keeps;       /* the exit status of a process for whoever watched it (Linux 6.15) */
    uint32_t delay_ms_max;
    /* the guard */
    uint32_t guard;          /* counts them */
    bool guard_lives, guard_is_above; /* … the supervisor: orphans come to it */
    /* the machine and its disk */
    struct node *node;       /* NULL: dead */
    struct node_effects fx;
    uint32_t incarnation;
    uint64_t incarnation_ms;
    bool is_recovering;      /* records go in, nothing is decided yet */
    uint64_t stall_until_ms, last_stall_ms;
    uint64_t own_delay_us, lost_sample_ms;
    struct record record[NODE_INSTANCES_MAX];
    uint32_t records;        /* one past the highest kept */
    struct node_scale scale[WORLD_CELLS];
    bool scale_is_kept[WORLD_CELLS];
    uint64_t generation_max;
    struct manifest manifest;
    bool is_down, is_done;
    /* truth */
    struct place place[WORLD_CELLS];
    struct proc *proc;
    int procs, proc_room;
    struct happening *heap;
    uint32_t heap_count, heap_room;
    uint64_t seq;
    /* coverage */
    uint64_t steps, spawns, crashes, loops, kills, guard_deaths, unknown_ends, events[NODE_EV_DOWN + 1];
};

/* ---- world.c: time ------------------------------------------------------------------------- */

uint64_t world_draw(struct world *w, uint64_t bound);
bool world_chance(struct world *w, uint64_t one_in); /* 0: never */
bool world_is_calm(const struct world *w);
void world_later(struct world *w, uint64_t in_ms, struct happening h);
void world_run(struct world *w, uint64_t seed, bool is_loud);
void world_fini(struct world *w);
void world_fail(struct world *w, const char *format, ...) PRINTF_LIKE(2, 3);
void world_tell_loud(struct world *w, const char *format, ...) PRINTF_LIKE(2, 3);

/* ---- world_draw.c: what the seed decides ----------------------------------------------------- */

void world_draw_settings(struct world *w);
void world_draw_manifest(struct world *w, bool is_first);
void world_draw_character(struct world *w, struct proc *p);
void world_hold_new_seats(struct world *w, int cell);
void world_order(struct world *w);
void world_manifest_free(struct manifest *m);

/* ---- world_process.c: processes --------------------------------------------------------------- */

int world_process_born(struct world *w, int cell, int seat, const struct node_effect *e);
void world_process_happen(struct world *w, const struct happening *h);
void world_process_count(struct world *w, struct proc *p);
uint32_t world_process_losses_max(const struct proc *p); /* beats lost in a row */
void world_process_die(struct world *w, int proc, int exit_code, int signal);
void world_process_tell(struct world *w, int proc, enum node_event_kind kind, uint64_t in_ms);

/* ---- world_guard.c: the guard ------------------------------------------------------------------- */

void world_guard_begin(struct world *w);
void world_guard_happen(struct world *w, const struct happening *h);
void world_guard_orphans(struct world *w); /* the supervisor has died */
bool world_guard_knows(const struct world *w, const struct proc *p); /* how it ends, or ended */

/* ---- world_shell.c: the supervisor's hands ----------------------------------------------------- */

/* Feed what the machine must accept. */
enum err world_shell_feed(struct world *w, struct node_event ev);
void world_shell_must(struct world *w, struct node_event ev);
void world_shell_crash(struct world *w);
void world_shell_recover(struct world *w);
int world_cell_of(const struct world *w, const char *name);
uint32_t world_wanted(const struct world *w, int cell);
bool world_is_above(const struct world *w, int above, int below); /* requires it, directly or not */
bool world_is_wanted(const struct world *w, int cell, int seat);

#endif
