/* How many instances there are to be: a service's policy on what is heard of it, one step a second. The most that any signal wants; a
 * signal that is not known, or cannot be believed, neither raises nor lowers. A step function: no clock, no I/O, no allocation.
 *
 * Sources: kubernetes/kubernetes, pkg/controller/podautoscaler (windows, steps, the most of all signals); KEDA's manual (to and from zero);
 * its failures: issues 99394 (a lost signal lowered), 75247 and 83698 (above max, or more without need), 119788 (stuck at a value). */
#ifndef CELL_AUTOSCALER_DECIDE_H
#define CELL_AUTOSCALER_DECIDE_H

#include "autoscaler/explain.h"
#include "autoscaler/rules.h"
#include "autoscaler/season.h"
#include "autoscaler/window.h"

enum {
    AUTOSCALER_DECIDE_GRACE_S = 15,     /* seconds that were missed and do not break a window                    */
    AUTOSCALER_DECIDE_LEARN_S = 180,    /* learned rules do not lower before they have seen that much            */
    AUTOSCALER_DECIDE_JUMP_S = 5,       /* a clock that is off by more than this has jumped …                    */
    AUTOSCALER_DECIDE_TRUST_S = 60,     /* … and counts again when it has not for so long                        */
    AUTOSCALER_DECIDE_PATIENCE_MAX = 3, /* doublings of ready_within_s while none gets ready: 8 times            */
    AUTOSCALER_DECIDE_IMAGE_SIZE = 4 * (14 + AUTOSCALER_WINDOW_S) + 2 * AUTOSCALER_SEASON_SLOTS, /* bytes of what is kept; image.c */
};

/* What was seen in the second that has passed. */
struct autoscaler_decide_seen {
    uint32_t passed_s;              /* since the last step, by a clock that does not jump; usually 1; 0 counts as 1 */
    uint64_t wall_s;                /* seconds since 1970, UTC: for the schedule and records alone                  */
    int32_t utc_offset_s;           /* of the schedule's zone now                                                   */
    uint32_t serving, draining;     /* instances that serve; that were told to go (counted nowhere)                 */
    uint32_t failed;                /* that ended or could not be started, and nobody starts again                  */
    uint32_t starting;
    const uint32_t *starting_for_s; /* of each that starts, how long already; borrowed                              */
    double queued;                  /* requests that wait; heard with arrivals                                      */
    struct autoscaler_heard heard[AUTOSCALER_POLICY_SIGNALS_MAX]; /* as the policy has them                         */
};

struct autoscaler_decision {
    uint32_t wanted;                /* instances that serve or will in time          */
    uint32_t start, drain;          /* what lacks, or is too much, beside replaced; one of them is 0 */
    uint32_t replaced;              /* not ready in time, or failed: end these and start others; they are in `start` */
};

struct autoscaler_decide {
    struct autoscaler_policy policy;
    struct autoscaler_signal signal[AUTOSCALER_POLICY_SIGNALS_MAX];
    struct autoscaler_window wished, asked;
    uint32_t wanted, seen_s;        /* asked for; seconds seen without a gap         */
    uint32_t changed_s;             /* since the last change; UINT32_MAX: never      */
    uint32_t idle_s, patience, late, serving, learned;
    uint64_t wall_s;
    uint32_t doubt_s;               /* the clock's, still                            */
    struct autoscaler_policy_bounds bounds;
    bool is_begun, is_read;
    struct autoscaler_explain explain;
    struct autoscaler_rules rules;
    struct autoscaler_season season;
};

/* Begin, of nothing known: wanted is what is there at the first step. ERR_INVALID: see autoscaler_policy_check. */
enum err autoscaler_decide_init(struct autoscaler_decide *d, const struct autoscaler_policy *policy) MUST_CHECK;

/* Another policy from now on; windows and explanations stay, a signal whose kind and name stay keeps what is known of it. ERR_INVALID: the
 * old one stays. */
enum err autoscaler_decide_change(struct autoscaler_decide *d, const struct autoscaler_policy *policy) MUST_CHECK;

/* A second has passed. Always within the policy's bounds. Under 4 us, also with an hour's window. */
struct autoscaler_decision autoscaler_decide_step(struct autoscaler_decide *d, const struct autoscaler_decide_seen *seen);

/* What is to outlive the process: windows, the number, the last change, the season. Big-endian, with version and checksum. */
void autoscaler_decide_write(const struct autoscaler_decide *d, uint8_t out[AUTOSCALER_DECIDE_IMAGE_SIZE]);

/* Take it over, once, between init and the first step, which finds by the wall's clock how long was missed: up to GRACE_S nothing is
 * forgotten; after more, or if the clock went back, all is still remembered, but it is not lowered before a window was seen whole. Errors,
 * and nothing changed: ERR_MALFORMED (size), ERR_INCOMPATIBLE (version), ERR_DATA_LOSS (checksum, or no state that there can be). */
enum err autoscaler_decide_read(struct autoscaler_decide *d, const uint8_t *data, size_t size) MUST_CHECK;

#endif
