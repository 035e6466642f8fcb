/* A service in virtual time, a step a second: requests come by chance, instances serve them from one queue, whoever has waited for ten
 * seconds goes; an instance serves start_s after it was asked for, and one that is not wanted any more goes at once. */
#ifndef CELL_TESTS_SIM_AUTOSCALER_SERVICE_H
#define CELL_TESTS_SIM_AUTOSCALER_SERVICE_H

#include <stdint.h>

#include "common/base/rng.h"

enum { SERVICE_START_MAX_S = 600 };

struct service_config {
    const double *rate;       /* requests a second, of each second */
    uint32_t seconds;
    double instance_rate;     /* that one instance serves          */
    double wait_s;            /* longer is bad                     */
    uint32_t start_s;
    uint64_t seed;
};

/* What a policy sees of the last second. */
struct service_seen {
    uint32_t second;
    double arrivals, queued;
    double busy;              /* of what serves, 0 to 1 */
    uint32_t serving, starting;
};

typedef uint32_t (*service_policy)(void *context, const struct service_seen *seen);

struct service_result {
    uint32_t bad_minutes;     /* more than 1 % of its requests waited too long, or went */
    double bad_share, instance_hours;
    uint32_t actions, flaps;  /* changes; … within 600 s of one the other way           */
    uint32_t most;            /* instances at one time                                  */
};

struct service_result service_run(const struct service_config *config, service_policy policy, void *context);

#endif
