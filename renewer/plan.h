/* When the issuer is asked what is new. Pure: events and time in, a time out.
 *
 * At the start, then about every minute; soon after a member says that it has something newer, which is a claim: who claims
 * what the issuer does not confirm is listened to later and later. An issuer that is not reached is asked again after
 * longer and longer times. Times of a quarter more or less, so that a cluster does not ask as one. */
#ifndef CELL_RENEWER_PLAN_H
#define CELL_RENEWER_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/rng.h"

enum {
    RENEWER_PLAN_POLL_MS = 60000,   /* without any reason; also the longest wait after failures and lies         */
    RENEWER_PLAN_SPREAD_MS = 250,   /* after a claim: 1,000 nodes ask an issuer that serves 100 a second          */
    RENEWER_PLAN_AGAIN_MS = 250,    /* first wait after a failure, then doubled                                   */
    RENEWER_PLAN_LIE_MS = 1000,     /* first wait after a claim that was none                                     */
    RENEWER_PLAN_REMOVED_MS = 300000, /* once the issuer has said that this node is no member: it may be let in again */
};

/* How one question ended. */
enum renewer_plan_end {
    RENEWER_PLAN_ANSWERED,
    RENEWER_PLAN_FAILED,   /* not reached, busy, not believed, or not taken by the supervisor */
    RENEWER_PLAN_STRANGER, /* the issuer itself says that we are no member                    */
};

struct renewer_plan {
    uint32_t epoch, crl;               /* what this node has                  */
    uint32_t claimed_epoch, claimed_crl; /* the highest that anybody claims   */
    bool is_asking;
    bool has_claim;                    /* … since the last question           */
    uint64_t due_ms;                   /* of the next question                */
    uint64_t claims_from_ms;           /* claims are listened to again        */
    uint32_t again_ms, lie_ms;         /* the next waits                      */
    struct rng rng;
};

/* Begin: the first question is due at once. */
void renewer_plan_init(struct renewer_plan *p, uint32_t epoch, uint32_t crl, uint64_t now_ms, uint64_t seed);

/* Some member says that it has these. */
void renewer_plan_claim(struct renewer_plan *p, uint64_t now_ms, uint32_t epoch, uint32_t crl);

/* When to ask next; UINT64_MAX: not before renewer_plan_end. */
uint64_t renewer_plan_due_ms(const struct renewer_plan *p);

/* A question begins, and ends: the node now has epoch and crl. */
void renewer_plan_begin(struct renewer_plan *p);
void renewer_plan_end(struct renewer_plan *p, uint64_t now_ms, enum renewer_plan_end end, uint32_t epoch, uint32_t crl);

#endif
