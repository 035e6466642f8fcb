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
#include "nucleus/node_record.h"

struct node;

/* What a program says with its exit status (sysexits(3)). Every end that nobody asked for is followed
 * by a restart, with one exception: one of these before it was ready (of a trivial one: ever). The next
 * attempt would get the same command line and configuration, so the instance is given up at once. */
enum {
    NODE_EXIT_USAGE = 64,  /* EX_USAGE  */
    NODE_EXIT_CONFIG = 78, /* EX_CONFIG */
};

enum node_event_kind {
    NODE_EV_CLOCK,        /* time passed                                                        */
    NODE_EV_MANIFEST,     /* `manifest` is in force from now on; copied, borrowed by the step   */
    NODE_EV_ADOPT,        /* recovery: a stored record in `adopt` for the slot it was stored under,
                           * with is_alive telling whether that very process (that generation)
                           * still runs                                                         */
    NODE_EV_ADOPT_SCALE,  /* recovery: a stored `scale`                                         */
    NODE_EV_SPAWNED,      /* slot, generation: the process runs                                 */
    NODE_EV_SPAWN_FAILED, /* slot, generation, text: it could not be started                    */
    NODE_EV_BOOTING,      /* slot, generation: the cell said so (likewise the next four)        */
    NODE_EV_LISTENING,
    NODE_EV_READY,
    NODE_EV_DRAINING,
    NODE_EV_STOPPED,      /* text: why                                                          */
    NODE_EV_REJOIN,       /* slot, generation, state: an adopted cell says where it stands
                           * (BOOTING, LISTENING, READY or DRAINING)                            */
    NODE_EV_EXITED,       /* slot, generation, code or signal, by pidfd; text: why, where the kernel
                           * told, or NULL                                                      */
    NODE_EV_BEAT,         /* slot, generation: heartbeat                                        */
    NODE_EV_SAMPLE,       /* slot, generation, the six values below: answer to SAMPLE           */
    NODE_EV_START,        /* cell (index) and instance (-1: all), likewise the next two; also whoever asks
                           * for a cell that starts on demand                                   */
    NODE_EV_STOP,         /* holds it: it stays down, also over an apply, until START or RESTART */
    NODE_EV_RESTART,      /* one instance: at once; all: one after the other                    */
    NODE_EV_SCALE,        /* cell, count                                                        */
    NODE_EV_DOWN,         /* stop everything in reverse order                                   */
};

/* Recovery is: node_new, ADOPT for each stored record, ADOPT_SCALE for each stored scale, DOWN if
 * that had been asked (storing this wish is the shell's), then MANIFEST with the one in force. The
 * machine acts from the first MANIFEST on; until then every other event is ERR_PRECONDITION. */

struct node_event {
    enum node_event_kind kind;
    uint64_t now_ms;     /* monotonic, > 0; an earlier one than the last is taken for the last */
    uint32_t slot;
    uint64_t generation; /* a stale one is ignored */
    uint32_t cell;
    int32_t instance;
    uint32_t count;
    int32_t exit_code;   /* EXITED: >= 0 exit status, -1: unknown or killed by `signal` */
    int32_t signal;      /* 0: none */
    enum node_state state; /* REJOIN */
    uint64_t cpu_us;       /* SAMPLE: CPU time the process has used, all its threads     */
    uint64_t delay_us;     /* SAMPLE: time they were runnable but had no CPU             */
    uint64_t own_delay_us; /* SAMPLE: the same of the supervisor's own threads: what it
                            * could not receive is not held against a cell               */
    bool is_stopped;       /* SAMPLE: stopped by a signal or traced (T, t)               */
    bool is_blocked;       /* SAMPLE: in uninterruptible sleep (D): waits for a disk     */
    bool is_runnable;      /* SAMPLE: a thread of it is runnable (R). Linux adds a wait to
                            * delay_us only when it ends, so one that lasts shows in
                            * nothing else                                               */
    const char *text;
    const struct manifest *manifest;
    const struct node_instance *adopt;
    const struct node_scale *scale;
};

enum node_effect_kind {
    NODE_FX_STORE_SCALE, /* space, name, count, of: keep it; count == of: delete it. First in the
                          * list                                                                */
    NODE_FX_STORE,       /* slot, record: keep it so that a successor can adopt it. All STOREs come
                          * before what follows from them                                       */
    NODE_FX_SPAWN,       /* slot, generation: answer SPAWNED or SPAWN_FAILED                    */
    NODE_FX_DRAIN,       /* slot, deadline_ms (relative): say Drain on its junction             */
    NODE_FX_TERM,        /* slot: SIGTERM                                                       */
    NODE_FX_KILL,        /* slot: SIGKILL                                                       */
    NODE_FX_PUBLISH,     /* slot: its sockets become reachable: it is READY and healthy         */
    NODE_FX_UNPUBLISH,   /* slot: and are taken away: it drains, ended or does not answer       */
    NODE_FX_SAMPLE,      /* slot: look at its CPU time and report it                            */
    NODE_FX_CHANGED,     /* slot, state, is_healthy, reason: for events, log and status         */
    NODE_FX_FORGET,      /* slot: the instance is gone for good, and so is its record. The slot
                          * is not used again before the next step                              */
    NODE_FX_SPARE,       /* cell, count: 1: an initialised twin should wait (spare: true), again
                          * after each SPAWN that may have used it; 0: it should not. On MANIFEST
                          * the shell itself ends twins whose entry changed or is gone          */
    NODE_FX_DONE,        /* after DOWN: nothing runs any more                                   */
};

struct node_effect {
    enum node_effect_kind kind;
    uint32_t slot;     /* UINT32_MAX: it concerns no instance                            */
    uint32_t cell;     /* index into the manifest in force; UINT32_MAX: being removed    */
    uint32_t instance;
    char space[NAME_SIZE];
    char name[NAME_SIZE];
    uint64_t generation;
    uint32_t deadline_ms;
    uint32_t count;
    uint32_t of;
    enum node_state state;
    bool is_healthy;
    char reason[NODE_REASON_SIZE];
    const struct node_instance *record; /* STORE: lives as long as the list */
};

/* What the shell must do, in list order. An effect carries its data. Grows as needed; zeroed is
 * empty. */
struct node_effects {
    struct node_effect *item;
    size_t count;
    size_t room;
    struct node_instance *record; /* of the STOREs */
    size_t record_room;
};

/* NULL without memory. first_generation: greater than any generation this node has used. */
struct node *node_new(uint64_t first_generation, uint64_t seed);
void node_free(struct node *n);
void node_effects_fini(struct node_effects *fx);

/* Advance by one event; fills `fx` afresh. Returns ERR_OK, ERR_NOMEM (nothing changed), ERR_NOT_FOUND
 * (cell, instance or slot unknown), ERR_LIMIT (more instances than slots), ERR_INVALID (a value no
 * checked manifest or record has), ERR_PRECONDITION (the state does not permit it: an illegal order
 * on a junction, a start during DOWN). On every error nothing changed and `fx` is empty. An event of
 * a stale generation is ERR_OK without effects. Cost: O(what it concerns); CLOCK and MANIFEST are
 * O(instances). */
enum err node_step(struct node *n, const struct node_event *ev, struct node_effects *fx) MUST_CHECK;

/* When the next CLOCK is needed, or UINT64_MAX. Feed it on time: what comes late is taken for a
 * supervisor that did not get the CPU, and judged leniently. */
uint64_t node_next_ms(const struct node *n);

const struct node_instance *node_at(const struct node *n, uint32_t slot); /* NULL: free or out of range */
uint32_t node_slots(const struct node *n); /* one past the highest slot in use */
int32_t node_find(const struct node *n, const char *space, const char *cell, uint32_t instance);

/* Instances wanted now of manifest entry `cell`: the person's number or the manifest's. */
uint32_t node_wanted(const struct node *n, uint32_t cell);

const char *node_state_name(enum node_state state);
const char *node_event_name(enum node_event_kind kind);

#endif
