#include "vivaldi/route.h"

#include <math.h>
#include <string.h>

enum { US = 1000 };

static struct vivaldi_estimate estimate(const struct vivaldi *v, uint32_t now_s, const struct vivaldi_coord *source,
                                        const struct vivaldi_candidate *c)
{
    if (source == NULL) {
        return vivaldi_core_estimate(v, now_s, c->id, c->has_coord ? &c->coord : NULL);
    }
    return c->has_coord ? vivaldi_core_predict(source, &c->coord)
                        : (struct vivaldi_estimate){.source = VIVALDI_UNKNOWN};
}

static uint64_t cost_us(const struct vivaldi *v, const struct vivaldi_candidate *c, const struct vivaldi_estimate *e)
{
    float rtt_ms = e->source == VIVALDI_UNKNOWN ? v->usual_ms : e->rtt_ms;
    uint64_t us = (uint64_t)llrintf(rtt_ms * US) + c->latency_us + VIVALDI_ROUTE_LEAST_US;

    return us * VIVALDI_ROUTE_SCORE_ONE / (c->score == 0 ? 1 : c->score);
}

static bool is_before(const struct vivaldi_candidate *candidate, const struct vivaldi_choice *a,
                      const struct vivaldi_choice *b)
{
    bool a_lives = candidate[a->candidate].is_alive, b_lives = candidate[b->candidate].is_alive;

    return a_lives != b_lives ? a_lives : a->cost_us < b->cost_us;
}

uint32_t vivaldi_route_choose(const struct vivaldi *v, uint32_t now_s, const struct vivaldi_coord *source,
                              const struct vivaldi_candidate *candidate, uint32_t count, uint32_t k,
                              struct vivaldi_choice *ret)
{
    uint32_t kept = 0;

    count = count < VIVALDI_ROUTE_MAX ? count : VIVALDI_ROUTE_MAX;
    for (uint32_t i = 0; i < count && k > 0; i++) {
        struct vivaldi_choice one = {.candidate = i, .estimate = estimate(v, now_s, source, &candidate[i])};
        one.cost_us = cost_us(v, &candidate[i], &one.estimate);
        uint32_t at = kept;
        while (at > 0 && is_before(candidate, &one, &ret[at - 1])) {
            at--;
        }
        if (at == k) {
            continue; /* as good as the last or worse */
        }
        kept += kept < k;
        memmove(&ret[at + 1], &ret[at], (kept - 1 - at) * sizeof *ret);
        ret[at] = one;
    }
    for (uint32_t i = 0; i < kept && i < VIVALDI_ROUTE_VERIFY; i++) {
        ret[i].is_doubted = source == NULL && ret[i].estimate.source < VIVALDI_MEASURED;
    }
    return kept;
}
