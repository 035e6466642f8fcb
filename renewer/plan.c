#include "renewer/plan.h"

#include <assert.h>
#include <string.h>

/* A quarter more or less. */
static uint64_t about(struct renewer_plan *p, uint32_t ms)
{
    return (uint64_t)ms * 3 / 4 + rng_below(&p->rng, ms / 2 + 1);
}

static uint32_t longer(uint32_t ms)
{
    return 2 * ms < RENEWER_PLAN_POLL_MS ? 2 * ms : RENEWER_PLAN_POLL_MS;
}

/* No later than that. */
static void ask_by(struct renewer_plan *p, uint64_t due_ms)
{
    p->due_ms = due_ms < p->due_ms ? due_ms : p->due_ms;
}

static bool is_newer(const struct renewer_plan *p)
{
    return p->claimed_epoch > p->epoch || p->claimed_crl > p->crl;
}

void renewer_plan_init(struct renewer_plan *p, uint32_t epoch, uint32_t crl, uint64_t now_ms, uint64_t seed)
{
    memset(p, 0, sizeof *p);
    rng_init(&p->rng, seed);
    p->epoch = epoch;
    p->crl = crl;
    p->due_ms = now_ms;
    p->again_ms = RENEWER_PLAN_AGAIN_MS;
    p->lie_ms = RENEWER_PLAN_LIE_MS;
}

/* Claims that came while a question was under way, or too soon after a lie, wait for their time. */
static void look_at_claim(struct renewer_plan *p, uint64_t now_ms)
{
    if (p->has_claim && is_newer(p)) {
        uint64_t from_ms = now_ms > p->claims_from_ms ? now_ms : p->claims_from_ms;
        ask_by(p, from_ms + rng_below(&p->rng, RENEWER_PLAN_SPREAD_MS + 1));
    }
}

void renewer_plan_claim(struct renewer_plan *p, uint64_t now_ms, uint32_t epoch, uint32_t crl)
{
    bool is_higher = epoch > p->claimed_epoch || crl > p->claimed_crl;

    p->claimed_epoch = epoch > p->claimed_epoch ? epoch : p->claimed_epoch;
    p->claimed_crl = crl > p->claimed_crl ? crl : p->claimed_crl;
    if (is_higher && is_newer(p)) {
        p->has_claim = true;
        if (!p->is_asking) {
            look_at_claim(p, now_ms);
        }
    }
}

uint64_t renewer_plan_due_ms(const struct renewer_plan *p)
{
    return p->is_asking ? UINT64_MAX : p->due_ms;
}

void renewer_plan_begin(struct renewer_plan *p)
{
    assert(!p->is_asking);
    p->is_asking = true;
    p->has_claim = false;
}

/* The issuer's word is what there is: a claim beyond it was a lie, or one from before a restore. */
static void weigh_claims(struct renewer_plan *p, uint64_t now_ms)
{
    if (p->has_claim) {
        return; /* it came after the question: perhaps the answer is older than it */
    }
    if (is_newer(p)) {
        p->claims_from_ms = now_ms + p->lie_ms;
        p->lie_ms = longer(p->lie_ms);
    } else {
        p->lie_ms = RENEWER_PLAN_LIE_MS;
    }
    p->claimed_epoch = p->epoch;
    p->claimed_crl = p->crl;
}

void renewer_plan_end(struct renewer_plan *p, uint64_t now_ms, enum renewer_plan_end end, uint32_t epoch, uint32_t crl)
{
    assert(p->is_asking);
    p->is_asking = false;
    p->epoch = epoch;
    p->crl = crl;
    switch (end) {
    case RENEWER_PLAN_ANSWERED:
        p->again_ms = RENEWER_PLAN_AGAIN_MS;
        p->due_ms = now_ms + about(p, RENEWER_PLAN_POLL_MS);
        weigh_claims(p, now_ms);
        look_at_claim(p, now_ms);
        break;
    case RENEWER_PLAN_FAILED:
        p->due_ms = now_ms + about(p, p->again_ms);
        p->again_ms = longer(p->again_ms);
        break;
    case RENEWER_PLAN_STRANGER:
        p->due_ms = now_ms + about(p, RENEWER_PLAN_REMOVED_MS);
        break;
    }
}
