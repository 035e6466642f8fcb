#include "autoscaler/decide.h"

#include <assert.h>
#include <string.h>

/* A second's thoughts. */
struct thought {
    const struct autoscaler_decide_seen *seen;
    uint32_t goal;
    bool is_still; /* nothing that is measured changes any more */
    struct autoscaler_record record;
};

static bool is_of_all(const struct autoscaler_policy_signal *s)
{
    return s->kind == AUTOSCALER_POLICY_ARRIVALS || s->kind == AUTOSCALER_POLICY_CUSTOM_ALL;
}

static const struct autoscaler_policy_signal *arrivals_of(const struct autoscaler_policy *p)
{
    for (size_t i = 0; i < p->signals; i++) {
        if (p->signal[i].kind == AUTOSCALER_POLICY_ARRIVALS) {
            return &p->signal[i];
        }
    }
    return NULL;
}

static enum err begin_rules(struct autoscaler_decide *d)
{
    const struct autoscaler_policy_signal *s = arrivals_of(&d->policy);

    if (s == NULL) {
        return ERR_OK;
    }
    struct autoscaler_rules_config config = autoscaler_rules_usual(s->target, d->policy.wait_s, d->policy.start_s);
    d->learned = d->wanted;
    return autoscaler_rules_init(&d->rules, &config, d->wanted);
}

enum err autoscaler_decide_init(struct autoscaler_decide *d, const struct autoscaler_policy *policy)
{
    enum err e = autoscaler_policy_check(policy, NULL);

    if (e != ERR_OK) {
        return e;
    }
    memset(d, 0, sizeof *d);
    d->policy = *policy;
    d->changed_s = UINT32_MAX;
    return begin_rules(d);
}

enum err autoscaler_decide_change(struct autoscaler_decide *d, const struct autoscaler_policy *policy)
{
    struct autoscaler_signal kept[AUTOSCALER_POLICY_SIGNALS_MAX] = {0};
    const struct autoscaler_policy_signal *before = arrivals_of(&d->policy), *after = arrivals_of(policy);
    enum err e = autoscaler_policy_check(policy, NULL);

    if (e != ERR_OK) {
        return e;
    }
    for (size_t i = 0; i < policy->signals; i++) {
        for (size_t k = 0; k < d->policy.signals; k++) {
            if (policy->signal[i].kind == d->policy.signal[k].kind && strcmp(policy->signal[i].name, d->policy.signal[k].name) == 0) {
                kept[i] = d->signal[k];
            }
        }
    }
    bool is_other = after != NULL && (before == NULL || before->target < after->target || before->target > after->target ||
                                      d->policy.start_s != policy->start_s || d->policy.wait_s < policy->wait_s ||
                                      d->policy.wait_s > policy->wait_s);
    memcpy(d->signal, kept, sizeof kept);
    d->policy = *policy;
    d->doubt_s = 0;
    return is_other ? begin_rules(d) : ERR_OK;
}

/* ---- time ------------------------------------------------------------------------------------------- */

static uint32_t add(uint32_t a, uint32_t b)
{
    return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

static bool has_jumped(const struct autoscaler_decide *d, uint64_t wall_s, uint32_t passed_s)
{
    uint64_t expected = d->wall_s + passed_s;

    return (wall_s > expected ? wall_s - expected : expected - wall_s) > AUTOSCALER_DECIDE_JUMP_S;
}

/* Of a state that was read only the wall's clock knows how old it is. */
static uint32_t passed(struct autoscaler_decide *d, const struct autoscaler_decide_seen *seen)
{
    const uint32_t long_ago = AUTOSCALER_WINDOW_S;

    if (!d->is_read) {
        return seen->passed_s > 0 ? seen->passed_s : 1;
    }
    d->is_read = false;
    uint64_t missed = seen->wall_s >= d->wall_s ? seen->wall_s - d->wall_s : long_ago;
    return missed == 0 ? 1 : missed < long_ago ? (uint32_t)missed : long_ago;
}

/* Seconds that nobody saw count as the last one that was. */
static void pass(struct autoscaler_decide *d, uint32_t passed_s)
{
    for (uint32_t i = 1; i < passed_s && i <= AUTOSCALER_WINDOW_S && d->wished.count > 0; i++) {
        autoscaler_window_push(&d->wished, autoscaler_window_back(&d->wished, 0));
        autoscaler_window_push(&d->asked, autoscaler_window_back(&d->asked, 0));
    }
    d->seen_s = passed_s > AUTOSCALER_DECIDE_GRACE_S + 1 ? 1 : add(d->seen_s, passed_s);
    d->changed_s = d->changed_s == UINT32_MAX ? UINT32_MAX : add(d->changed_s, passed_s);
}

/* Other bounds by a clock that has just jumped wait until it is known to be right; until then the wider ones hold. */
static void look_at_clock(struct autoscaler_decide *d, const struct autoscaler_decide_seen *seen, uint32_t passed_s, struct thought *t)
{
    struct autoscaler_policy_bounds b = autoscaler_policy_at(&d->policy, seen->wall_s, seen->utc_offset_s);

    if (d->is_begun && has_jumped(d, seen->wall_s, passed_s)) {
        d->doubt_s = AUTOSCALER_DECIDE_TRUST_S;
    }
    d->wall_s = seen->wall_s;
    if (d->doubt_s == 0 || b.slot == d->bounds.slot) {
        d->bounds = b;
    } else {
        t->record.limit = AUTOSCALER_EXPLAIN_CLOCK;
    }
    d->doubt_s = d->doubt_s > passed_s ? d->doubt_s - passed_s : 0;
}

/* ---- instances -------------------------------------------------------------------------------------- */

/* Those that take too long are no capacity, and not idle; how long is too long doubles while none gets ready: a start that is slow is not
 * begun anew for ever. */
static uint32_t find_late(struct autoscaler_decide *d, const struct autoscaler_decide_seen *seen)
{
    uint32_t late = 0;

    d->patience = seen->serving > d->serving ? 0 : d->patience;
    d->serving = seen->serving;
    uint64_t patience_s = (uint64_t)d->policy.ready_within_s << d->patience;
    for (uint32_t i = 0; i < seen->starting; i++) {
        late += seen->starting_for_s[i] > patience_s;
    }
    /* Only when those that were late are gone: until then they stay late, whatever their successors are given. */
    d->patience += d->late > 0 && late == 0 && d->patience < AUTOSCALER_DECIDE_PATIENCE_MAX;
    d->late = late;
    return late;
}

/* ---- signals ---------------------------------------------------------------------------------------- */

static enum autoscaler_signal_word word_of_others(const struct autoscaler_decide *d, const struct thought *t, size_t self,
                                                  const enum autoscaler_signal_trust *trust, bool *ret_are_still)
{
    bool is_idle = false, is_busy = false;
    uint32_t others = 0, still = 0;

    for (size_t i = 0; i < d->policy.signals; i++) {
        if (i == self || (trust[i] != AUTOSCALER_SIGNAL_BELIEVED && trust[i] != AUTOSCALER_SIGNAL_STILL)) {
            continue;
        }
        enum autoscaler_signal_word word = autoscaler_signal_word(&d->policy.signal[i], &t->seen->heard[i]);
        is_idle = is_idle || word == AUTOSCALER_SIGNAL_IDLE;
        is_busy = is_busy || word == AUTOSCALER_SIGNAL_BUSY;
        others++;
        still += d->signal[i].same_s >= d->signal[self].same_s;
    }
    *ret_are_still = others > 0 && still == others;
    return is_busy ? AUTOSCALER_SIGNAL_BUSY : is_idle ? AUTOSCALER_SIGNAL_IDLE : AUTOSCALER_SIGNAL_SILENT;
}

static uint32_t wish_of(struct autoscaler_decide *d, const struct thought *t, size_t i)
{
    const struct autoscaler_heard *h = &t->seen->heard[i];

    if (d->policy.signal[i].kind != AUTOSCALER_POLICY_ARRIVALS) {
        return autoscaler_signal_wish(&d->policy, i, h, t->seen->serving, d->wanted);
    }
    const struct autoscaler_rules_seen seen = {.arrivals = h->value, .queued = t->seen->queued, .serving = t->seen->serving};
    d->learned = autoscaler_rules_step(&d->rules, &seen);
    return d->learned;
}

/* Of what a signal wants what may be wanted of it. */
static uint32_t bound_wish(struct autoscaler_decide *d, struct thought *t, size_t i, uint32_t wish, enum autoscaler_signal_trust *trust)
{
    uint32_t bound = autoscaler_signal_bound(&d->signal[i], &d->policy.signal[i], t->seen->heard[i].value, t->seen->serving);

    if (wish <= bound || wish <= d->wanted) {
        return wish;
    }
    if (bound == 0) {
        *trust = AUTOSCALER_SIGNAL_FUTILE;
        return d->wanted;
    }
    t->record.limit = AUTOSCALER_EXPLAIN_EFFECT;
    return bound > d->wanted ? bound : d->wanted;
}

static void keep_most(struct thought *t, const struct autoscaler_decide *d, size_t i, uint32_t wish)
{
    const struct autoscaler_policy_signal *s = &d->policy.signal[i];

    t->goal = wish;
    t->record.signal = (int8_t)i;
    t->record.kind = s->kind;
    memcpy(t->record.name, s->name, sizeof t->record.name);
    t->record.value = t->seen->heard[i].value;
    t->record.target = s->target;
    t->record.rules = s->kind == AUTOSCALER_POLICY_ARRIVALS ? d->rules.reason : (struct autoscaler_rules_reason){0};
}

/* Nothing comes and nothing waits, and that is believed. */
static bool is_idle(const struct autoscaler_decide *d, const struct thought *t)
{
    bool is_heard = false;

    for (size_t i = 0; i < d->policy.signals; i++) {
        bool is_all = is_of_all(&d->policy.signal[i]);
        if (is_all && (t->seen->heard[i].value > 0 || (d->policy.signal[i].kind == AUTOSCALER_POLICY_ARRIVALS && t->seen->queued > 0))) {
            return false;
        }
        is_heard = is_heard || is_all;
    }
    return is_heard && t->record.doubted < 0;
}

static bool is_heard(enum autoscaler_signal_trust trust)
{
    return trust == AUTOSCALER_SIGNAL_BELIEVED || trust == AUTOSCALER_SIGNAL_STILL || trust == AUTOSCALER_SIGNAL_STUCK;
}

static bool is_doubted(enum autoscaler_signal_trust trust)
{
    return trust != AUTOSCALER_SIGNAL_BELIEVED && trust != AUTOSCALER_SIGNAL_STILL && trust != AUTOSCALER_SIGNAL_NONE;
}

static void listen(struct autoscaler_decide *d, struct thought *t)
{
    enum autoscaler_signal_trust trust[AUTOSCALER_POLICY_SIGNALS_MAX];
    struct autoscaler_record *r = &t->record;

    for (size_t i = 0; i < d->policy.signals; i++) {
        trust[i] = autoscaler_signal_look(&d->policy, i, &t->seen->heard[i], t->seen->serving);
    }
    for (size_t i = 0; i < d->policy.signals; i++) {
        bool are_still = false;
        enum autoscaler_signal_word others = word_of_others(d, t, i, trust, &are_still);
        uint32_t wish = 0;
        if (trust[i] == AUTOSCALER_SIGNAL_BELIEVED) {
            trust[i] = autoscaler_signal_doubt(&d->signal[i], &d->policy.signal[i], &t->seen->heard[i], others, are_still);
        }
        if (is_heard(trust[i])) {
            wish = wish_of(d, t, i);
            wish = bound_wish(d, t, i, wish, &trust[i]);
        }
        if (is_heard(trust[i]) && (r->signal < 0 || wish > t->goal)) {
            keep_most(t, d, i, wish);
        }
        t->is_still = t->is_still || trust[i] == AUTOSCALER_SIGNAL_STILL;
        if (is_doubted(trust[i]) && r->doubted < 0) {
            r->doubted = (int8_t)i;
            r->doubted_kind = d->policy.signal[i].kind;
            r->doubted_value = t->seen->heard[i].is_there ? t->seen->heard[i].value : 0;
            r->doubted_target = d->policy.signal[i].target;
            r->trust = trust[i];
        }
    }
    d->idle_s = is_idle(d, t) ? add(d->idle_s, 1) : 0;
}

/* ---- limits ----------------------------------------------------------------------------------------- */

static void set(struct thought *t, uint32_t goal, enum autoscaler_explain_limit limit)
{
    t->record.limit = goal != t->goal ? limit : t->record.limit;
    t->goal = goal;
}

/* The furthest that a side's step lets it come from what there was a period ago. */
static uint32_t step_end(const struct autoscaler_decide *d, const struct autoscaler_policy_side *s, bool is_up)
{
    uint32_t base = autoscaler_window_back(&d->asked, s->period_s - 1), share = (uint32_t)(s->share * base);
    uint32_t by_share = share > 0 || s->share <= 0 ? share : 1, far = by_share > s->count ? by_share : s->count;

    if (s->is_least && s->count > 0 && s->share > 0) {
        far = by_share < s->count ? by_share : s->count;
    }
    return is_up ? base + far : base > far ? base - far : 0;
}

static void limit_side(struct autoscaler_decide *d, struct thought *t, const struct autoscaler_policy_side *s, bool is_up)
{
    if (t->goal != d->wanted && d->changed_s <= s->cooldown_s) {
        set(t, d->wanted, AUTOSCALER_EXPLAIN_COOLDOWN);
    }
    if (t->goal != d->wanted && s->period_s > 0) {
        uint32_t end = step_end(d, s, is_up);
        uint32_t near = is_up ? (end < t->goal ? end : t->goal) : (end > t->goal ? end : t->goal);
        bool is_behind = is_up ? near < d->wanted : near > d->wanted;
        set(t, is_behind ? d->wanted : near, AUTOSCALER_EXPLAIN_STEP);
    }
}

static void limit_up(struct autoscaler_decide *d, struct thought *t)
{
    const struct autoscaler_policy_side *up = &d->policy.up;
    uint32_t least = autoscaler_window_least(&d->wished, up->window_s);

    set(t, least > d->wanted ? least : d->wanted, AUTOSCALER_EXPLAIN_WINDOW_UP);
    limit_side(d, t, up, true);
}

static void limit_down(struct autoscaler_decide *d, struct thought *t)
{
    const struct autoscaler_policy_side *down = &d->policy.down;
    uint32_t learn_s = arrivals_of(&d->policy) != NULL ? AUTOSCALER_DECIDE_LEARN_S : 0;

    if (t->record.doubted >= 0) {
        set(t, d->wanted, AUTOSCALER_EXPLAIN_UNSURE);
        return;
    }
    if (d->seen_s < (down->window_s > learn_s ? down->window_s : learn_s)) {
        set(t, d->wanted, AUTOSCALER_EXPLAIN_NOT_WHOLE);
        return;
    }
    uint32_t most = autoscaler_window_most(&d->wished, down->window_s);
    set(t, most < d->wanted ? most : d->wanted, AUTOSCALER_EXPLAIN_WINDOW_DOWN);
    limit_side(d, t, down, false);
}

/* To zero when nothing came for long, and not sooner; from zero as soon as anything does. */
static void limit_zero(struct autoscaler_decide *d, struct thought *t)
{
    uint32_t whole_s = d->policy.idle_s > d->policy.down.window_s ? d->policy.idle_s : d->policy.down.window_s;

    if (d->idle_s > 0 && d->idle_s >= d->policy.idle_s && d->bounds.min == 0 && d->seen_s >= whole_s) {
        t->goal = 0;
        t->record.limit = AUTOSCALER_EXPLAIN_NONE;
    } else if (d->wanted > 0 && t->goal == 0) {
        set(t, 1, AUTOSCALER_EXPLAIN_IDLE);
    } else if (d->wanted == 0 && d->idle_s > 0) {
        set(t, 0, AUTOSCALER_EXPLAIN_NONE); /* learned rules want one at least */
    } else if (d->wanted == 0 && t->record.signal >= 0 && t->goal == 0 && t->record.wish > 0) {
        set(t, 1, AUTOSCALER_EXPLAIN_WAKE); /* no window and no pause for the first one */
    }
}

/* Bounds are orders: they wait for nothing. */
static void clamp(const struct autoscaler_decide *d, struct thought *t)
{
    bool is_slot = d->bounds.slot >= 0;

    if (t->goal < d->bounds.min) {
        set(t, d->bounds.min, is_slot ? AUTOSCALER_EXPLAIN_SLOT_MIN : AUTOSCALER_EXPLAIN_MIN);
    }
    if (t->goal > d->bounds.max) {
        set(t, d->bounds.max, is_slot ? AUTOSCALER_EXPLAIN_SLOT_MAX : AUTOSCALER_EXPLAIN_MAX);
    }
}

/* ---- a second --------------------------------------------------------------------------------------- */

static void begin(struct autoscaler_decide *d, uint32_t there)
{
    bool is_known = d->wished.count > 0 && d->seen_s > 1;

    d->wanted = is_known && d->wanted > there ? d->wanted : there;
    d->wanted = d->wanted < AUTOSCALER_RULES_INSTANCES_MAX ? d->wanted : AUTOSCALER_RULES_INSTANCES_MAX;
    d->is_begun = true;
    if (begin_rules(d) != ERR_OK) {
        assert(false); /* the policy was checked, and the number is bounded */
    }
}

/* Where something is not known the time of day says what is needed, if it has told the last hours well. By a clock that has just jumped
 * it says nothing and learns nothing. */
static void foresee(struct autoscaler_decide *d, struct thought *t)
{
    bool is_clear = d->doubt_s == 0, is_dark = t->record.doubted >= 0 || t->is_still, is_known = !is_dark && t->record.signal >= 0;

    autoscaler_season_step(&d->season, t->seen->wall_s, t->goal, is_clear && is_known);
    uint32_t floor = is_clear && is_dark ? autoscaler_season_floor(&d->season, t->seen->wall_s + d->policy.start_s) : 0;
    if (floor > t->goal) {
        set(t, floor < AUTOSCALER_RULES_INSTANCES_MAX ? floor : AUTOSCALER_RULES_INSTANCES_MAX, AUTOSCALER_EXPLAIN_SEASON);
    }
}

static void decide(struct autoscaler_decide *d, struct thought *t)
{
    t->goal = d->wanted;
    listen(d, t);
    t->record.wish = (uint16_t)t->goal;
    foresee(d, t);
    /* What is held for want of knowledge is remembered as wished, or it would fall as soon as more is known. */
    uint32_t wished = t->record.doubted >= 0 && t->goal < d->wanted ? d->wanted : t->goal;
    autoscaler_window_push(&d->wished, (uint16_t)wished);
    if (t->goal > d->wanted) {
        limit_up(d, t);
    } else if (t->record.signal < 0 && d->policy.signals > 0) {
        t->record.limit = AUTOSCALER_EXPLAIN_NOTHING_KNOWN;
    } else if (t->goal < d->wanted) {
        limit_down(d, t);
    }
    limit_zero(d, t);
    clamp(d, t);
}

struct autoscaler_decision autoscaler_decide_step(struct autoscaler_decide *d, const struct autoscaler_decide_seen *seen)
{
    struct thought t = {.seen = seen, .record = {.wall_s = seen->wall_s, .signal = -1, .doubted = -1}};
    uint32_t passed_s = passed(d, seen), late = find_late(d, seen);
    uint32_t there = seen->serving + seen->starting - late;

    pass(d, passed_s);
    look_at_clock(d, seen, passed_s, &t);
    if (!d->is_begun) {
        begin(d, there);
    }
    if (d->asked.count == 0) {
        autoscaler_window_push(&d->asked, (uint16_t)d->wanted);
    }
    decide(d, &t);
    t.record.from = (uint16_t)d->wanted;
    t.record.to = (uint16_t)t.goal;
    t.record.replaced = (uint16_t)(late + seen->failed < UINT16_MAX ? late + seen->failed : UINT16_MAX);
    autoscaler_explain_add(&d->explain, &t.record);
    d->changed_s = t.goal != d->wanted ? 0 : d->changed_s;
    d->wanted = t.goal;
    autoscaler_window_push(&d->asked, (uint16_t)d->wanted);
    assert(d->wanted >= d->bounds.min && d->wanted <= d->bounds.max);
    return (struct autoscaler_decision){.wanted = d->wanted, .start = d->wanted > there ? d->wanted - there : 0,
                                        .drain = there > d->wanted ? there - d->wanted : 0, .replaced = late + seen->failed};
}
