/* What the supervisor decides: which instances should run, when each is started, drained, ended
 * and restarted, in which order, and whether one is healthy. One pure machine for a whole node:
 * event in, effects out. No clock, no process, no file.
 *
 * Sources: restart strategies and intensity after Erlang/OTP's supervisor principles; back-off with
 * reset after a stable run; "free pass" while an instance initialises after MINIX RS. */
#ifndef CELL_NUCLEUS_NODE_H
#define CELL_NUCLEUS_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"
#include "nucleus/manifest.h"

enum {
    NODE_INSTANCES_MAX = 4096, /* slots; each about 200 bytes */
    NODE_REASON_SIZE = 96,
};

enum node_state {
    NODE_EMPTY,      /* the slot is free                                             */
    NODE_WAITING,    /* wanted, a requirement is not ready yet, or it backs off      */
    NODE_BOOTING,    /* spawned                                                      */
    NODE_LISTENING,  /* its sockets exist                                            */
    NODE_READY,
    NODE_DRAINING,   /* told to finish                                               */
    NODE_STOPPED,    /* not wanted to run now, and does not                          */
    NODE_FAILED,     /* ended or could not start; the next attempt is planned        */
    NODE_CRASH_LOOP, /* gave up; only start, restart or apply tries again            */
};

enum node_ending { /* of a draining instance: which signal has been sent so far */
    NODE_END_NONE,
    NODE_END_DRAIN,
    NODE_END_TERM,
    NODE_END_KILL,
};

struct node_instance {
    enum node_state state;
    uint32_t cell;           /* index into the manifest now in force; UINT32_MAX: being removed */
    char space[NAME_SIZE];
    char name[NAME_SIZE];
    uint32_t instance;
    uint64_t generation;     /* of the running or last process; node-wide increasing            */
    bool is_alive;           /* a process of ours exists (spawn done, exit not seen)            */
    bool is_wanted;
    bool is_healthy;         /* READY and its heartbeat is in time                              */
    bool restart_after_exit; /* draining in order to be started again                           */
    enum node_ending ending;
    uint64_t deadline_ms;    /* of the state (ready, drain, term, back-off), 0: none            */
    uint64_t started_ms;     /* of the process                                                  */
    uint64_t ready_at_ms;    /* 0: not ready                                                    */
    uint64_t beat_ms;        /* last heartbeat or sign of life                                  */
    uint64_t cpu_us;         /* at the last sample, see NODE_EV_SAMPLE                          */
    uint64_t delay_us;
    uint32_t backoff_ms;     /* the last one used                                               */
    uint32_t restarts;       /* since the cell was started by a person                          */
    uint64_t crash_ms[16];   /* ring of the last crash times, for give_up                       */
    uint32_t crash_count;
    char reason[NODE_REASON_SIZE];
};

struct node;

enum node_event_kind {
    NODE_EV_CLOCK,        /* time passed                                                        */
    NODE_EV_MANIFEST,     /* `manifest` is in force from now on; borrowed until replaced        */
    NODE_EV_ADOPT,        /* recovery, before the first CLOCK: slot content in `adopt`          */
    NODE_EV_SPAWNED,      /* slot, generation: the process runs                                 */
    NODE_EV_SPAWN_FAILED, /* slot, generation, text: it could not be started                    */
    NODE_EV_BOOTING,      /* slot, generation: the cell said so (likewise the next four)        */
    NODE_EV_LISTENING,
    NODE_EV_READY,
    NODE_EV_DRAINING,
    NODE_EV_STOPPED,
    NODE_EV_EXITED,       /* slot, generation, code or signal; by pidfd                         */
    NODE_EV_BEAT,         /* slot, generation: heartbeat                                        */
    NODE_EV_SAMPLE,       /* slot, generation, cpu_us, delay_us, is_stopped: answer to SAMPLE   */
    NODE_EV_START,        /* cell (index) and instance (-1: all), likewise the next two         */
    NODE_EV_STOP,
    NODE_EV_RESTART,
    NODE_EV_SCALE,        /* cell, count                                                        */
    NODE_EV_DOWN,         /* stop everything in reverse order                                   */
};

struct node_event {
    enum node_event_kind kind;
    uint64_t now_ms; /* monotonic */
    uint32_t slot;
    uint64_t generation; /* a stale one is ignored */
    uint32_t cell;
    int32_t instance;
    uint32_t count;
    int32_t exit_code;   /* EXITED: >= 0 exit status, -1: unknown or killed by `signal` */
    int32_t signal;      /* 0: none */
    uint64_t cpu_us;     /* SAMPLE: CPU time the process has used                       */
    uint64_t delay_us;   /* SAMPLE: time it was runnable but had no CPU                 */
    bool is_stopped;     /* SAMPLE: stopped by a signal or traced                       */
    const char *text;
    const struct manifest *manifest;
    const struct node_instance *adopt;
};

enum node_effect_kind {
    NODE_FX_STORE,     /* slot: write the record that lets a successor adopt it; comes before
                        * anything that would make it wrong                                    */
    NODE_FX_SPAWN,     /* slot, generation                                                     */
    NODE_FX_DRAIN,     /* slot, deadline_ms (relative): say Drain on its junction              */
    NODE_FX_TERM,      /* slot: SIGTERM                                                        */
    NODE_FX_KILL,      /* slot: SIGKILL                                                        */
    NODE_FX_PUBLISH,   /* slot: its sockets become reachable                                   */
    NODE_FX_UNPUBLISH, /* slot: and are taken away                                             */
    NODE_FX_SAMPLE,    /* slot: look at its CPU time and report it                             */
    NODE_FX_CHANGED,   /* slot, state, reason: for events, log and status                      */
    NODE_FX_FORGET,    /* slot: the instance is gone for good; the slot is free                */
    NODE_FX_SPARE,     /* cell: an initialised twin should wait (spare: true)                  */
    NODE_FX_DONE,      /* after DOWN: nothing runs any more                                    */
};

struct node_effect {
    enum node_effect_kind kind;
    uint32_t slot;
    uint32_t cell;
    uint64_t generation;
    uint32_t deadline_ms;
    enum node_state state;
    char reason[NODE_REASON_SIZE];
};

/* What the shell must do, in list order. An effect carries its data. Grows as needed. */
struct node_effects {
    struct node_effect *item;
    size_t count;
    size_t room;
};

/* NULL without memory. first_generation: greater than any generation this node has used. */
struct node *node_new(uint64_t first_generation, uint64_t seed);
void node_free(struct node *n);
void node_effects_fini(struct node_effects *fx);

/* Advance by one event; fills `fx` afresh. Returns ERR_OK, ERR_NOMEM (nothing changed), ERR_NOT_FOUND
 * (cell, instance or slot unknown), ERR_LIMIT (more instances than slots), ERR_PRECONDITION (the
 * state does not permit it: an illegal order on a junction, a start during DOWN). An event of a
 * stale generation is ERR_OK without effects. */
enum err node_step(struct node *n, const struct node_event *ev, struct node_effects *fx) MUST_CHECK;

/* When the next CLOCK is needed, or UINT64_MAX. */
uint64_t node_next_ms(const struct node *n);

const struct node_instance *node_at(const struct node *n, uint32_t slot); /* NULL: free or out of range */
int32_t node_find(const struct node *n, const char *space, const char *cell, uint32_t instance);
const char *node_state_name(enum node_state state);
const char *node_event_name(enum node_event_kind kind);

#endif
