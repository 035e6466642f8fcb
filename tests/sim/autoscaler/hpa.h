/* Kubernetes' HorizontalPodAutoscaler v2 on processor use, as its controller decides (kubernetes/kubernetes, pkg/controller/podautoscaler,
 * and its default behaviour): every 15 s the ratio of use to target, kept within a tolerance of a tenth; up by as many again or four
 * in 15 s; down by the highest wish of 300 s. What it sees is the mean of 30 s, 15 s old, as its pipeline of metrics has it. */
#ifndef CELL_TESTS_SIM_AUTOSCALER_HPA_H
#define CELL_TESTS_SIM_AUTOSCALER_HPA_H

#include "tests/sim/autoscaler/service.h"

enum { HPA_PERIOD_S = 15, HPA_SEEN_S = 30, HPA_DOWN = 20 /* periods: 300 s */ };

struct hpa {
    double target;                              /* 0 to 1 */
    double busy[HPA_PERIOD_S + HPA_SEEN_S];
    uint32_t wished[HPA_DOWN], wishes;
};

uint32_t hpa_step(void *hpa, const struct service_seen *seen);

#endif
