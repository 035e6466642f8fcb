/* What a user asks of a service's number of instances: bounds, targets, windows, limits, a schedule; and whether that makes sense.
 * Words and defaults as of HPA v2, Nomad's autoscaler and KEDA (their manuals), which users know. No clock, no I/O, no allocation. */
#ifndef CELL_AUTOSCALER_POLICY_H
#define CELL_AUTOSCALER_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"

enum {
    AUTOSCALER_POLICY_SIGNALS_MAX = 8,
    AUTOSCALER_POLICY_SLOTS_MAX = 16,
    AUTOSCALER_POLICY_NAME_SIZE = 32,
    AUTOSCALER_POLICY_WINDOW_MAX_S = 3600, /* what a decision remembers */
    AUTOSCALER_POLICY_DAY_MIN = 24 * 60,
    AUTOSCALER_POLICY_WEEK_MIN = 7 * AUTOSCALER_POLICY_DAY_MIN,
    AUTOSCALER_POLICY_OFFSET_MAX_S = 14 * 3600, /* no zone is further from UTC */
};

/* X(constant, name, unit of its value and target) */
#define AUTOSCALER_POLICY_KINDS(X)                                                                                                         \
    X(CPU_SHARE, "cpu", "of the limit")                   /* mean of the instances, 0 to 1                */                             \
    X(CPU_CORES, "cpu", "cores an instance")                                                                                             \
    X(MEMORY, "memory", "of the limit")                   /* mean of the instances, 0 to 1                */                             \
    X(LATENCY, "p99 latency", "s")                        /* of all; grows without measure when there are too few */                    \
    X(QUEUE, "queue", "an instance")                      /* what waits, mean of the instances            */                             \
    X(ARRIVALS, "arrivals", "requests/s")                 /* of all; the target is what an instance serves in a second: rules.h */        \
    X(CUSTOM_EACH, "custom", "an instance")               /* mean of the instances                        */                             \
    X(CUSTOM_ALL, "custom", "in all")                     /* of all; the target is one instance's part    */

enum autoscaler_policy_kind {
#define X(constant, name, unit) AUTOSCALER_POLICY_##constant,
    AUTOSCALER_POLICY_KINDS(X)
#undef X
};

struct autoscaler_policy_signal {
    enum autoscaler_policy_kind kind;
    char name[AUTOSCALER_POLICY_NAME_SIZE]; /* of a custom one; terminated; two of a kind differ by it */
    double target;                          /* above 0; in the unit of its kind                         */
};

/* One direction. Of what was wished in window_s the least goes up, the most goes down. */
struct autoscaler_policy_side {
    uint32_t window_s;   /* 0: at once */
    uint32_t cooldown_s; /* none sooner after a change in either direction */
    uint32_t count;      /* in period_s no more instances than that, 0: any number … */
    double share;        /* … or no more of what there was at its beginning, 0: any   */
    uint32_t period_s;   /* 1 or more if there is a limit */
    bool is_least;       /* both limits hold; otherwise whichever permits more */
};

/* Other bounds at some hours of some days. */
struct autoscaler_policy_slot {
    uint8_t days;            /* bit 0: Monday … bit 6: Sunday; of its beginning           */
    uint16_t from_min, to_min; /* of the day, to_min excluded; from_min > to_min: past midnight; 0 to 24 * 60 */
    uint32_t min, max;
};

struct autoscaler_policy {
    uint32_t min, max;       /* min 0: to zero when nothing comes for idle_s, and from zero when something does */
    double tolerance;        /* a target's share by which a value may be off; 0 to 1, excluded      */
    struct autoscaler_policy_side up, down;
    uint32_t stale_s;        /* a value that is older is not known; 1 or more                       */
    double heard_least;      /* … nor one of a lesser share of the instances; 0 to 1                */
    uint32_t ready_within_s; /* an instance that takes longer to start is not counted on; 1 or more */
    uint32_t idle_s;         /* to the last instance's end; 0 to AUTOSCALER_POLICY_WINDOW_MAX_S     */
    double wait_s;           /* for arrivals: longer is bad service …                               */
    uint32_t start_s;        /* … and so long takes a start, usually                                */
    size_t signals, slots;
    struct autoscaler_policy_signal signal[AUTOSCALER_POLICY_SIGNALS_MAX];
    struct autoscaler_policy_slot slot[AUTOSCALER_POLICY_SLOTS_MAX];
};

/* What is wrong with a policy. */
struct autoscaler_policy_fault {
    char field[48]; /* "signals[1].target" */
    char why[96];   /* "is 0; a target is above 0" */
};

struct autoscaler_policy_bounds {
    uint32_t min, max;
    int32_t slot; /* whose they are; -1: of none */
};

/* Nothing but bounds and what is usual: a tolerance of a tenth, down by the most of 300 s, up at once by as much again or by 4 in 15 s. */
struct autoscaler_policy autoscaler_policy_usual(uint32_t min, uint32_t max);

/* ERR_INVALID: and *ret_fault (may be NULL) names the first field that is wrong, and why. */
enum err autoscaler_policy_check(const struct autoscaler_policy *p, struct autoscaler_policy_fault *ret_fault) MUST_CHECK;

/* The bounds at wall_s (seconds since 1970, UTC), where the clock on the wall is utc_offset_s ahead. Of a policy that was checked. */
struct autoscaler_policy_bounds autoscaler_policy_at(const struct autoscaler_policy *p, uint64_t wall_s, int32_t utc_offset_s);

const char *autoscaler_policy_kind_name(enum autoscaler_policy_kind kind);
const char *autoscaler_policy_kind_unit(enum autoscaler_policy_kind kind);

#endif
