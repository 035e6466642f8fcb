/* What the supervisor knows of one instance, and what it stores so that a successor knows it too.
 * Plain data; nucleus/node.h has the machine that changes it. */
#ifndef CELL_NUCLEUS_NODE_RECORD_H
#define CELL_NUCLEUS_NODE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/name.h"

enum {
    NODE_INSTANCES_MAX = 4096, /* slots of a node, each about 1 KiB, made as needed           */
    NODE_REASON_SIZE = 96,     /* one line of a status table; longer text is cut              */
    NODE_CRASHES_MAX = 16,     /* crash times kept of an instance: the largest give_up_count  */
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

enum node_turn { /* when an instance with restart_after_exit is ended, or started again */
    NODE_TURN_ROLL,  /* one at a time, while the others serve       */
    NODE_TURN_NOW,   /* a person named this very instance           */
    NODE_TURN_GROUP, /* with its strategy's group, dependents first; one that ended waits for the
                      * others before it starts again               */
};

/* One instance. Everything a successor needs to go on is in here: STORE hands out a copy. */
struct node_instance {
    enum node_state state;
    uint32_t cell;           /* index into the manifest now in force; UINT32_MAX: being removed */
    char space[NAME_SIZE];
    char name[NAME_SIZE];
    uint32_t instance;
    uint64_t generation;     /* of the running or last process; node-wide increasing            */
    uint64_t hash;           /* of the manifest entry that process was started from             */
    uint32_t level;          /* longest chain of requirements below: the higher ends first, …  */
    uint32_t epoch;          /* … by the last manifest that had it: of an earlier one, earlier */
    uint32_t every_ms;       /* heartbeat and protocol as that process was told …              */
    uint32_t dead_after;
    bool is_trivial;         /* … does not speak on its junction                               */
    bool is_spawning;        /* SPAWN was asked and is not answered yet                         */
    bool is_alive;           /* a process of ours exists (spawn done, exit not seen)            */
    bool is_wanted;          /* should run: in the manifest, not held, the node not going down  */
    bool is_held;            /* a person stopped it, or nobody has asked for it yet: not wanted until somebody starts it */
    bool is_healthy;         /* READY and its heartbeat is in time                              */
    bool is_blamed;          /* we end it for a fault: its exit counts as a crash               */
    bool was_ready;          /* at least once since a person started it or the entry changed    */
    bool restart_after_exit; /* to be ended, now or in its turn, and started again              */
    enum node_turn turn;
    enum node_ending ending;
    uint64_t deadline_ms;    /* of the state (ready, drain, term, back-off), 0: none            */
    uint64_t started_ms;     /* of the process                                                  */
    uint64_t ready_at_ms;    /* 0: not ready                                                    */
    uint64_t beat_ms;        /* last heartbeat or sign of life                                  */
    uint64_t cpu_us;         /* at the last sample, see NODE_EV_SAMPLE                          */
    uint64_t delay_us;
    uint32_t backoff_ms;     /* the last one used                                               */
    uint32_t fails;          /* crashes in a row, none of them after a stable run               */
    uint32_t restarts;       /* since the cell was started by a person                          */
    uint64_t crash_ms[NODE_CRASHES_MAX]; /* ring of the last crash times, for give_up           */
    uint32_t crash_count;    /* crashes written to the ring so far                              */
    char reason[NODE_REASON_SIZE];
};

/* A number of instances a person asked for; holds until a manifest changes `of`. */
struct node_scale {
    char space[NAME_SIZE];
    char name[NAME_SIZE];
    uint32_t count; /* instances wanted                        */
    uint32_t of;    /* what the manifest said when it was asked */
};

#endif
