/* A service on which something goes wrong at its steepest rise: metrics that are lost, 0 or stuck, instances that start late or never.
 * HPA v2 beside decisions of a policy with the same signals. */
#ifndef CELL_TESTS_SIM_AUTOSCALER_FAULTS_H
#define CELL_TESTS_SIM_AUTOSCALER_FAULTS_H

#include <stdbool.h>

#include "tests/sim/autoscaler/service.h"

enum fault_kind { FAULT_NONE, FAULT_OUTAGE, FAULT_ZERO, FAULT_STUCK, FAULT_LATE, FAULT_NEVER, FAULTS };

struct fault_result {
    uint32_t bad_minutes;
    double instance_hours;
};

/* rate: requests a second of each of `seconds`; the fault begins at from_s. is_hpa: HPA at 70 % of the processor; otherwise arrivals and the
 * processor, of which the fault has the first, or both if is_all. */
struct fault_result faults_run(const struct service_config *config, enum fault_kind kind, uint32_t from_s, bool is_hpa, bool is_all);

/* The second before which the rate has risen most, of ten minutes. */
uint32_t faults_steepest(const double *rate, uint32_t seconds);

#endif
