/* A circuit breaker: after a row of transport failures an endpoint is left alone for a while, then
 * one request tries whether it is back. Pure: time and randomness come in as arguments.
 *
 * What counts as a failure is the caller's to say (client.c: connections, not answers that are
 * errors). Requests that were under way when a failure was counted say nothing new: a thousand that
 * are lost with one connection are one failure, or one crash would look like a dead server. A probe
 * may be a question that is answered in an hour (a long poll): it keeps others out for a while only.
 *
 * Source: Nygard, "Release It!", 2nd edition, section 5.2 (Circuit Breaker). */
#ifndef CELL_COMMON_CLIENT_BREAKER_H
#define CELL_COMMON_CLIENT_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/rng.h"

enum {
    BREAKER_FAILURES = 5,     /* in a row; then it opens                                       */
    BREAKER_FIRST_MS = 500,   /* it stays open between half of this and this, then twice …     */
    BREAKER_MAX_MS = 10000,   /* … up to this                                                  */
    BREAKER_PROBE_MS = 2000,  /* a probe that has told nothing by then is not waited for: longer than a
                               * connection may take                                           */
};

enum breaker_state {
    BREAKER_CLOSED,    /* everything passes                                              */
    BREAKER_OPEN,      /* nothing passes before until_ms                                 */
    BREAKER_HALF_OPEN, /* one request passes; how it fares decides                       */
};

/* Zero-initialised: closed, never failed. */
struct breaker {
    enum breaker_state state;
    uint32_t failures; /* in a row                                                 */
    uint32_t epoch;    /* counts failures: tells old requests from new ones        */
    uint32_t trips;    /* times it opened without an answer in between             */
    uint32_t probe;    /* number of the newest probe; 0: there was none            */
    uint64_t until_ms; /* open: nothing before; half-open: the probe is waited for */
    bool is_probing;   /* the newest one is under way                              */
};

/* Whether a request may pass now. */
bool breaker_admits(const struct breaker *b, uint64_t now_ms);

/* A request passes (breaker_admits said so). Not 0: it is the probe of that number, and breaker_answered,
 * breaker_failed or breaker_left must follow for it. Remember b->epoch with it. */
uint32_t breaker_enter(struct breaker *b, uint64_t now_ms);

/* The endpoint answered a request: it lives. probe: what breaker_enter said of that request, as below; one whose
 * place another has taken is a request like any. */
void breaker_answered(struct breaker *b, uint32_t probe);

/* The transport failed a request that entered at `epoch`. True: this opened the breaker. */
bool breaker_failed(struct breaker *b, uint32_t epoch, uint32_t probe, uint64_t now_ms, struct rng *rng);

/* The probe ended without telling anything (cancelled, or no answer in time): the next request
 * takes its place. */
void breaker_left(struct breaker *b, uint32_t probe);

/* A connection came up. After a first trip that is reason enough to try; when probes have failed
 * too, only time is: a server that dies of every request connects again at once. */
void breaker_connected(struct breaker *b);

/* It spoke to us by itself, so it lives, and whatever it failed may be over: the next request tries. */
void breaker_heard(struct breaker *b);

/* "closed", "open" or "half-open". */
const char *breaker_name(const struct breaker *b);

#endif
