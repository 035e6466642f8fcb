/* Which of a target's endpoints gets the next request. Pure.
 *
 * All four ways first leave out whom the breaker does not admit, then prefer whoever is not known
 * to be away; only among the rest does the way decide. Equals take turns. */
#ifndef CELL_COMMON_CLIENT_BALANCE_H
#define CELL_COMMON_CLIENT_BALANCE_H

#include <stddef.h>

#include "common/client/breaker.h"
#include "common/client/budget.h"

enum {
    BALANCE_ENDPOINTS_MAX = 64, /* of one target                       */
    BALANCE_WEIGHT_ONE = 1000,  /* weight of an instance in full health */
};

enum balance {
    BALANCE_TURNS,    /* one after the other                                                    */
    BALANCE_WEIGHTED, /* in proportion to their weights, evenly spread in time                  */
    BALANCE_LEAST,    /* whoever has the fewest of our requests: the slow ones get few          */
    BALANCE_NEAREST,  /* whoever has the lowest latency; those without a known one come last    */
};

/* The connection to an endpoint, as the shell sees it. */
enum balance_line {
    BALANCE_LINE_IDLE,       /* none is kept: made when something is to be sent */
    BALANCE_LINE_CONNECTING,
    BALANCE_LINE_UP,
    BALANCE_LINE_DOWN,       /* it was lost, or did not come in time; tried on  */
};

/* One endpoint; may belong to several targets ("greeter" and "greeter.2"). Zero-initialised:
 * nothing known, never used. */
struct balance_endpoint {
    struct breaker breaker;
    enum balance_line line;
    uint32_t outstanding;   /* requests given to it that have not ended there       */
    uint32_t weight;        /* 0: gets nothing under BALANCE_WEIGHTED if others can */
    uint64_t latency_us;    /* 0: unknown                                           */
    uint64_t rest_until_ms; /* it asked to be left alone until then                 */
};

struct balance_seat {
    struct balance_endpoint *endpoint; /* borrowed from the shell */
    int64_t credit;                    /* under BALANCE_WEIGHTED  */
};

struct balance_list {
    struct balance_seat seat[BALANCE_ENDPOINTS_MAX];
    size_t count;
    size_t turn; /* where equals are looked for first */
};

/* Replace the endpoints; those that stay keep what they are owed. count <= BALANCE_ENDPOINTS_MAX,
 * without duplicates. */
void balance_set(struct balance_list *list, struct balance_endpoint *const *endpoint, size_t count);

/* The endpoint for the next request; NULL when the list is empty or no breaker admits one. `avoid`
 * (may be NULL) has just failed this request: taken only when nobody else can be. O(count). */
struct balance_endpoint *balance_pick(struct balance_list *list, enum balance way,
                                      const struct balance_endpoint *avoid, uint64_t now_ms);

/* Someone admitted, not known to be away and not `from`; NULL: no use in moving. */
struct balance_endpoint *balance_better(struct balance_list *list, enum balance way,
                                        const struct balance_endpoint *from, uint64_t now_ms);

#endif
