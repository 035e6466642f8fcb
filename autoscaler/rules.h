/* How many instances a service needs, by the work that comes. No rule of thumb (a window, a headroom) suits every service, so many
 * simple ones live side by side on the same demand, each beside a queue as it would be had that rule ruled alone: who then would have
 * waited too long, how many instances would have been paid, how often their number would have changed. The cheapest of late rules.
 * A step function, one step a second: no clock, no I/O, no allocation.
 *
 * Sources: Littlestone, Warmuth, "The weighted majority algorithm", 1994, and Herbster, Warmuth, "Tracking the best expert", 1998 (rules
 * by what they would have cost, forgotten by and by); Halfin, Whitt, "Heavy-traffic limits for queues with many servers", 1981 (headroom
 * as the root of the load). */
#ifndef CELL_AUTOSCALER_RULES_H
#define CELL_AUTOSCALER_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"

enum {
    AUTOSCALER_RULES_WINDOWS = 6,
    AUTOSCALER_RULES_MARGINS = 5,
    AUTOSCALER_RULES = 2 * AUTOSCALER_RULES_WINDOWS * AUTOSCALER_RULES_MARGINS,
    AUTOSCALER_RULES_BACK_S = 3700,   /* the longest window: a wave of an hour is remembered */
    AUTOSCALER_RULES_START_MAX_S = 600,
    AUTOSCALER_RULES_INSTANCES_MAX = 10000,
};

struct autoscaler_rules_config {
    double rate;          /* requests that one instance serves in a second, when busy; above 0                            */
    double wait_s;        /* whoever waits for longer is served badly; above 0                                             */
    uint32_t start_s;     /* from being asked for until an instance serves: 1 to AUTOSCALER_RULES_START_MAX_S              */
    double bad_cost;      /* instance-seconds that a second of bad service is worth, for each instance of work; 0 or more  */
    double change_cost;   /* … and a change of the number of instances                                                     */
    uint32_t memory_s;    /* what happened so long ago counts for a third of what happens now; above 0                     */
};

/* The config as users get it: rate, wait_s and start_s are theirs. */
struct autoscaler_rules_config autoscaler_rules_usual(double rate, double wait_s, uint32_t start_s);

/* What was seen in the last second. Negative and not finite numbers count as 0. */
struct autoscaler_rules_seen {
    double arrivals;      /* requests that came             */
    double queued;        /* … and that wait now            */
    uint32_t serving;     /* instances that serve           */
};

/* Why so many: the rule, and what it saw. */
struct autoscaler_rules_reason {
    uint32_t window_s;    /* the most work of so many seconds …                       */
    double margin;        /* … and so much more of it                                 */
    bool is_ahead;        /* … or what it will be when what is asked for serves       */
    double load, most;    /* instances' worth of work: now; by the window, or ahead   */
    uint32_t queue;       /* instances for those who wait already                     */
    uint32_t held;        /* more than that: so few less are not worth a change       */
};

/* A queue as it would be. */
struct autoscaler_rules_life {
    double queued, cost;  /* instances' worth; instance-seconds of late               */
    uint16_t wanted;      /* asked for in the last second                             */
};

struct autoscaler_rules {
    struct autoscaler_rules_config config;
    uint32_t now_s;                                    /* steps that were made         */
    double fast, slow;                                 /* smoothed work, over 3 and 20 s */
    uint32_t rule, wanted;                             /* that rules; asked for last   */
    uint32_t most[AUTOSCALER_RULES_WINDOWS];           /* when the most of a window was */
    struct autoscaler_rules_life life[AUTOSCALER_RULES];
    float past[AUTOSCALER_RULES_BACK_S];               /* fast, of each second         */
    uint16_t asked[AUTOSCALER_RULES][AUTOSCALER_RULES_START_MAX_S]; /* … and what each rule asked for */
    uint32_t least[AUTOSCALER_RULES];                  /* when that was least, of start_s; in steps + START_MAX_S - 1 */
    struct autoscaler_rules_reason reason;
};

/* Begin with `instances` that serve. ERR_INVALID: a value of the config is out of its range. */
enum err autoscaler_rules_init(struct autoscaler_rules *r, const struct autoscaler_rules_config *config, uint32_t instances) MUST_CHECK;

/* A second has passed: how many instances are to be there, starting ones included; 1 to AUTOSCALER_RULES_INSTANCES_MAX. About 3 us. */
uint32_t autoscaler_rules_step(struct autoscaler_rules *r, const struct autoscaler_rules_seen *seen);

/* The fewest instances with which work of `load` that comes by chance (Poisson) waits for longer than wait_s about once in 10^5 seconds. */
uint32_t autoscaler_rules_staff(const struct autoscaler_rules_config *config, double load);

#endif
