#include "autoscaler/signal.h"

#include <assert.h>
#include <math.h>

#include "autoscaler/rules.h"

enum { FEW = 4 };

#define LEVEL .05       /* of an exponential mean: 19 s                                           */
#define GAP .1          /* of a mean of changes                                                   */
#define GAP_MOST 50     /* seconds: what changes more seldom is not known well enough to doubt it */
#define CHANGES_LEAST 10
#define CHURN_MOST .9
#define BY_CHANCE 1e-6
#define BY_CHANCE_COUNT 14 /* of so many that come in a second none does once in 10^6 (Poisson)   */
#define BUSY .1         /* of an instance's target: less is as good as nothing                    */
#define FELL .8         /* of its value when it began to want more: then more instances helped    */
#define FULL .95        /* a processor that is busy to its end                                    */
#define LATENCY_MOST 2  /* times as many instances: by how much it is too slow says nothing of how many are missing */
#define LATENCY_LOW .5  /* of its target: only then a tenth of the instances may go               */

static bool is_of_all(enum autoscaler_policy_kind kind)
{
    return kind == AUTOSCALER_POLICY_ARRIVALS || kind == AUTOSCALER_POLICY_CUSTOM_ALL;
}

static bool is_use(enum autoscaler_policy_kind kind)
{
    return kind == AUTOSCALER_POLICY_CPU_SHARE || kind == AUTOSCALER_POLICY_CPU_CORES || kind == AUTOSCALER_POLICY_MEMORY;
}

enum autoscaler_signal_trust autoscaler_signal_look(const struct autoscaler_policy *p, size_t index, const struct autoscaler_heard *h,
                                                    uint32_t serving)
{
    bool is_all = is_of_all(p->signal[index].kind);

    if (!is_all && serving == 0) {
        return AUTOSCALER_SIGNAL_NONE;
    }
    if (!h->is_there || (!is_all && h->of == 0)) {
        return AUTOSCALER_SIGNAL_ABSENT;
    }
    if (!isfinite(h->value) || h->value < 0) {
        return AUTOSCALER_SIGNAL_ODD;
    }
    if (h->age_s > p->stale_s) {
        return AUTOSCALER_SIGNAL_STALE;
    }
    return !is_all && h->of < p->heard_least * serving ? AUTOSCALER_SIGNAL_PARTIAL : AUTOSCALER_SIGNAL_BELIEVED;
}

enum autoscaler_signal_word autoscaler_signal_word(const struct autoscaler_policy_signal *s, const struct autoscaler_heard *h)
{
    if (h->value <= 0 || s->kind == AUTOSCALER_POLICY_MEMORY || s->kind == AUTOSCALER_POLICY_LATENCY) {
        return AUTOSCALER_SIGNAL_SILENT; /* what is idle keeps its memory, and who asks nothing waits for nothing */
    }
    return h->value < BUSY * s->target ? AUTOSCALER_SIGNAL_IDLE : AUTOSCALER_SIGNAL_BUSY;
}

static uint32_t add_one(uint32_t count)
{
    return count + (count < UINT32_MAX);
}

/* A 0 that cannot be, or not so suddenly. */
static bool is_zero_odd(const struct autoscaler_signal *m, const struct autoscaler_policy_signal *s, enum autoscaler_signal_word others)
{
    bool is_busy = s->kind == AUTOSCALER_POLICY_ARRIVALS ? m->level >= BY_CHANCE_COUNT : is_use(s->kind) && m->level >= BUSY * s->target;

    if (s->kind == AUTOSCALER_POLICY_MEMORY) {
        return true; /* who serves has some */
    }
    if (!is_busy || others == AUTOSCALER_SIGNAL_IDLE) {
        return false;
    }
    return others == AUTOSCALER_SIGNAL_BUSY || m->zero_s <= AUTOSCALER_SIGNAL_DOUBT_S;
}

enum autoscaler_signal_trust autoscaler_signal_doubt(struct autoscaler_signal *m, const struct autoscaler_policy_signal *s,
                                                     const struct autoscaler_heard *h, enum autoscaler_signal_word others,
                                                     bool are_others_still)
{
    bool is_same = m->has_last && h->value == m->last;
    uint32_t gap = add_one(m->same_s);

    m->same_s = is_same ? gap : 0;
    m->zero_s = h->value > 0 ? 0 : add_one(m->zero_s);
    m->last = h->value;
    if (h->value <= 0 && m->has_last && is_zero_odd(m, s, others)) {
        return AUTOSCALER_SIGNAL_ZERO; /* level and churn stay those of before */
    }
    /* How often it changes is learned of itself, so that one measured each minute is not doubted after ten seconds. A processor at
     * its end and a 0 stay as they are in truth. */
    double churn = m->gap_s > 1 / CHURN_MOST ? 1 / m->gap_s : CHURN_MOST;
    bool is_end = h->value <= 0 || (s->kind == AUTOSCALER_POLICY_CPU_SHARE && h->value >= FULL);
    bool is_known = m->changes >= CHANGES_LEAST && m->gap_s <= GAP_MOST;
    bool is_still = is_same && is_known && !is_end && pow(1 - churn, m->same_s) < BY_CHANCE;
    if (is_still && !are_others_still) {
        return AUTOSCALER_SIGNAL_STUCK;
    }
    if (!is_same && m->has_last) {
        m->changes = add_one(m->changes);
        double weight = 1. / m->changes;
        m->gap_s += (weight > GAP ? weight : GAP) * (gap - m->gap_s);
    }
    m->level = m->has_last ? m->level + LEVEL * (h->value - m->level) : h->value;
    m->has_last = true;
    return is_still ? AUTOSCALER_SIGNAL_STILL : AUTOSCALER_SIGNAL_BELIEVED;
}

static uint32_t whole(double instances)
{
    double up = ceil(instances - 1e-9);

    return up < 0 ? 0 : up > AUTOSCALER_RULES_INSTANCES_MAX ? AUTOSCALER_RULES_INSTANCES_MAX : (uint32_t)up;
}

static uint32_t wish_by_latency(const struct autoscaler_policy *p, double ratio, uint32_t serving, uint32_t there)
{
    if (ratio > 1 + p->tolerance) {
        uint32_t more = whole(serving * (ratio < LATENCY_MOST ? ratio : LATENCY_MOST));
        return more > there ? more : there;
    }
    return ratio < LATENCY_LOW && serving == there ? there - (there >= 10 ? there / 10 : there > 0) : there;
}

uint32_t autoscaler_signal_wish(const struct autoscaler_policy *p, size_t index, const struct autoscaler_heard *h, uint32_t serving,
                                uint32_t there)
{
    const struct autoscaler_policy_signal *s = &p->signal[index];
    double ratio = h->value / s->target, sure = ratio, perhaps = ratio; /* instances' worth of work: at least, at most */

    assert(s->kind != AUTOSCALER_POLICY_ARRIVALS);
    if (s->kind == AUTOSCALER_POLICY_LATENCY) {
        return wish_by_latency(p, ratio, serving, there);
    }
    if (s->kind != AUTOSCALER_POLICY_CUSTOM_ALL) {
        uint32_t of = h->of < serving ? h->of : serving;
        sure = ratio * of;
        perhaps = sure + (ratio > 1 ? ratio : 1) * (serving - of);
    }
    if (sure > serving * (1 + p->tolerance)) {
        uint32_t more = whole(sure);
        return more > there ? more : there; /* what starts is to serve that */
    }
    uint32_t less = whole(perhaps);
    return less < there && perhaps < there * (1 - p->tolerance) ? less : there;
}

uint32_t autoscaler_signal_bound(struct autoscaler_signal *m, const struct autoscaler_policy_signal *s, double value, uint32_t serving)
{
    bool is_full = s->kind == AUTOSCALER_POLICY_CPU_SHARE && value >= FULL;

    if (is_of_all(s->kind) || is_full || value <= s->target) {
        m->base = m->paused_s = 0;
        m->pause_s = value <= s->target ? 0 : m->pause_s;
        return UINT32_MAX;
    }
    if (m->paused_s > 0) {
        m->paused_s--;
        return 0;
    }
    if (m->base == 0 || value < FELL * m->base_value) { /* it began, or they helped */
        m->pause_s = m->base == 0 ? m->pause_s : 0;
        m->base = serving > 0 ? serving : 1;
        m->base_value = value;
        m->settled_s = 0;
    }
    uint32_t twice = m->base < FEW ? m->base + FEW : 2 * m->base, bound = m->pause_s == 0 ? twice : m->base + 1 + m->base / 8;
    m->settled_s = serving >= bound ? m->settled_s + 1 : 0;
    if (m->settled_s < AUTOSCALER_SIGNAL_SETTLE_S) {
        return bound;
    }
    uint32_t longer = m->pause_s == 0 ? AUTOSCALER_SIGNAL_PAUSE_S : 2 * m->pause_s;
    m->pause_s = m->paused_s = longer < AUTOSCALER_POLICY_WINDOW_MAX_S ? longer : AUTOSCALER_POLICY_WINDOW_MAX_S;
    m->base = 0;
    return 0;
}

const char *autoscaler_signal_trust_text(enum autoscaler_signal_trust trust)
{
#define X(constant, text) text,
    static const char *const texts[] = {AUTOSCALER_SIGNAL_TRUSTS(X)};
#undef X

    return (size_t)trust < ARRAY_LEN(texts) ? texts[trust] : "?";
}
