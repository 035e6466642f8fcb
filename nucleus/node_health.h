/* Whether a process that owes heartbeats is healthy, starved of CPU, or hung. Pure; one per
 * instance. Judged by what the process did with the CPU it got, not by wall time alone: under load
 * a wall-clock watchdog kills the busy, which makes the load worse.
 *
 * Age = time since the last beat, less what is excused: time the process was runnable without CPU
 * or waited for a disk, time the supervisor itself could not listen, and, once that is over, time it
 * was stopped or computed. */
#ifndef CELL_NUCLEUS_NODE_HEALTH_H
#define CELL_NUCLEUS_NODE_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "nucleus/node.h"

enum {
    NODE_HEALTH_PATIENCE = 30, /* periods excused in a row at most: starved for longer is as useless
                                * to its callers as hung, and a restart may land on a free core    */
    NODE_HEALTH_LOOKS = 16,    /* in half a period at most: each sample reads /proc                 */
    NODE_HEALTH_MISSES_MIN = 2, /* a beat is missed when the next is due as well: with one period a
                                 * jitter of a millisecond would be a death sentence              */
    NODE_HEALTH_EARLY = 8, /* an eighth of a period before a count of periods is full, its last beat
                            * counts as missed: then late timers, the way and the telling still fit
                            * into "within two periods". Only who missed a beat notices: the next of
                            * one in time comes no more than its delay after a period             */
};

struct node_health_policy {
    uint32_t every_ms;
    uint32_t dead_after; /* misses */
};

enum node_health_view {
    NODE_HEALTH_UNKNOWN, /* not looked at since the last beat                    */
    NODE_HEALTH_SLEPT,   /* had its chance and did not take it                   */
    NODE_HEALTH_BUSY,    /* burned CPU and did not beat                          */
    NODE_HEALTH_STARVED, /* had no chance: no CPU, a disk, or we could not hear  */
    NODE_HEALTH_STOPPED, /* by a signal or a tracer                              */
};

enum node_health_verdict {
    NODE_HEALTH_FINE,
    NODE_HEALTH_LOOK,      /* overdue: take a sample */
    NODE_HEALTH_UNHEALTHY,
    NODE_HEALTH_DEAD,      /* end it                 */
};

struct node_health {
    uint64_t since_ms;   /* age counts from here: last beat or end of a free pass */
    uint64_t look_ms;    /* when to look next                                     */
    uint64_t excused_ms;
    uint64_t held_ms;    /* stopped or busy so far, excused as soon as a look finds that it is over */
    uint64_t sample_ms;  /* of the last sample; 0: none since the last beat       */
    uint64_t cpu_us, delay_us, own_us;
    enum node_health_view view;
    uint64_t asleep_ms; /* every look after this one found it asleep              */
    bool had_reason;    /* a look since the last beat found it stopped, busy or starved */
};

/* Start to expect beats, the first by now_ms + pass_ms + one period. */
void node_health_begin(struct node_health *h, const struct node_health_policy *p, uint64_t now_ms,
                       uint64_t pass_ms);
void node_health_beat(struct node_health *h, const struct node_health_policy *p, uint64_t now_ms);

/* Time in which the supervisor did not run is not held against anyone. */
void node_health_excuse(struct node_health *h, uint64_t ms);

/* Take in a sample (cpu_us, delay_us, own_delay_us, is_stopped, is_blocked, is_runnable of `ev`). */
void node_health_sample(struct node_health *h, uint64_t now_ms, const struct node_event *ev);

/* What to do as time passes: FINE, LOOK (now and half a period later again), or DEAD when nobody
 * answered any look. */
enum node_health_verdict node_health_clock(struct node_health *h,
                                           const struct node_health_policy *p, uint64_t now_ms);

/* What a sample taken at now_ms means: FINE, UNHEALTHY or DEAD. */
enum node_health_verdict node_health_judge(const struct node_health *h,
                                           const struct node_health_policy *p, uint64_t now_ms);

/* After a sample was judged: when to take the next. Half a period later, or sooner when it reaches a
 * limit before: a busy one lost a few ms to others, so it is found a few ms after the second period
 * and not half a period. */
void node_health_plan_look(struct node_health *h, const struct node_health_policy *p, uint64_t now_ms);

uint64_t node_health_age_ms(const struct node_health *h, const struct node_health_policy *p,
                            uint64_t now_ms);

#endif
