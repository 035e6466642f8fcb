#include "tests/sim/autoscaler/hpa.h"

#include <math.h>

enum { KEPT = HPA_PERIOD_S + HPA_SEEN_S, WARM_S = 60 };

#define TOLERANCE .1

static uint32_t at_least_one(uint32_t n)
{
    return n > 0 ? n : 1;
}

uint32_t hpa_step(void *hpa, const struct service_seen *seen)
{
    struct hpa *h = hpa;
    uint32_t there = seen->serving + seen->starting, wish = there;
    double mean = 0;

    h->busy[seen->second % KEPT] = seen->busy;
    if (seen->second < WARM_S || seen->second % HPA_PERIOD_S != HPA_PERIOD_S - 1) {
        return there;
    }
    for (uint32_t back = HPA_PERIOD_S; back < KEPT; back++) {
        mean += h->busy[(seen->second - back) % KEPT] / HPA_SEEN_S;
    }
    if (fabs(mean / h->target - 1) > TOLERANCE) {
        wish = (uint32_t)ceil(mean / h->target * seen->serving - 1e-9);
    }
    uint32_t up = 2 * there > there + 4 ? 2 * there : there + 4;
    wish = wish < up ? wish : up;
    h->wished[h->wishes++ % HPA_DOWN] = wish;
    uint32_t highest = wish;
    for (uint32_t i = 0; i < HPA_DOWN && i < h->wishes; i++) {
        highest = h->wished[i] > highest ? h->wished[i] : highest;
    }
    return at_least_one(wish >= there ? wish : highest < there ? highest : there);
}
