/* A retry budget: retries are a fixed share of the requests, so that in an outage, when every
 * request fails, callers do not multiply the load they put on those who try to come back. Pure.
 *
 * Source: "Site Reliability Engineering" (O'Reilly 2016), chapter 21, per-client retry budget. */
#ifndef CELL_COMMON_CLIENT_BUDGET_H
#define CELL_COMMON_CLIENT_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

enum {
    BUDGET_PER_CENT = 10, /* retries a hundred requests pay for                                   */
    BUDGET_BURST = 10,    /* retries that are saved up at most, and there from the start: over any
                           * hundred requests of an outage that is 1.2 times the load, not more   */
};

struct budget {
    uint32_t per_cent; /* hundredths of a retry, 0 to 100 * BUDGET_BURST */
};

void budget_init(struct budget *b);

/* A new request was made. */
void budget_earn(struct budget *b);

/* Whether a retry may be made; then it is paid for. */
bool budget_spend(struct budget *b);

#endif
