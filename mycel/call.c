#include "mycel/call.h"

#include <assert.h>
#include <string.h>

static void emit(struct mycel_call_effects *fx, struct mycel_call_effect e)
{
    assert(fx->count < MYCEL_CALL_EFFECTS_MAX);
    fx->item[fx->count++] = e;
}

static uint8_t count(const struct mycel_call *c, enum mycel_call_state state)
{
    uint8_t n = 0;

    for (uint8_t i = 0; i < c->targets; i++) {
        n += c->state[i] == state;
    }
    return n;
}

static void ask_next(struct mycel_call *c, uint64_t now_ms, struct mycel_call_effects *fx)
{
    for (uint8_t i = 0; i < c->targets; i++) {
        if (c->state[i] == MYCEL_CALL_NOT_ASKED) {
            c->state[i] = MYCEL_CALL_ASKED;
            c->hedge_at_ms = now_ms + MYCEL_CALL_HEDGE_MS;
            emit(fx, (struct mycel_call_effect){.kind = MYCEL_CALL_FX_ASK, .to = i});
            return;
        }
    }
}

/* The latest copy of all that came; NULL: none came, or all said there is nothing. */
static const struct mycel_version_copy *latest(const struct mycel_call *c)
{
    const struct mycel_version_copy *best = NULL;

    for (uint8_t i = 0; i < c->targets; i++) {
        if (c->state[i] == MYCEL_CALL_ANSWERED && c->copy[i].version.stamp != 0 &&
            (best == NULL || mycel_version_compare(&c->copy[i], best) > 0)) {
            best = &c->copy[i];
        }
    }
    return best;
}

static uint64_t left_of(const struct mycel_call *c, const struct mycel_version_copy *copy, uint64_t now_ms)
{
    uint64_t end_ms = c->end_ms[copy - c->copy];

    return end_ms == UINT64_MAX ? end_ms : end_ms > now_ms ? end_ms - now_ms : 0;
}

static void done(struct mycel_call *c, enum err error, const struct mycel_version_copy *copy, uint64_t now_ms, struct mycel_call_effects *fx)
{
    struct mycel_call_effect e = {.kind = MYCEL_CALL_FX_DONE, .error = error};

    if (c->is_done) {
        return;
    }
    c->is_done = true;
    if (copy != NULL) {
        e.copy = *copy;
        e.left_ms = left_of(c, copy, now_ms);
    }
    emit(fx, e);
}

/* Everybody who said something earlier is told the latest; whoever answers later, when he does. */
static void repair(struct mycel_call *c, uint64_t now_ms, struct mycel_call_effects *fx)
{
    const struct mycel_version_copy *best = latest(c);

    for (uint8_t i = 0; i < c->targets && best != NULL; i++) {
        if (c->state[i] == MYCEL_CALL_ANSWERED && mycel_version_compare(&c->copy[i], best) < 0) {
            emit(fx, (struct mycel_call_effect){.kind = MYCEL_CALL_FX_REPAIR, .to = i, .copy = *best, .left_ms = left_of(c, best, now_ms)});
            c->copy[i] = *best;
            c->end_ms[i] = c->end_ms[best - c->copy];
        }
    }
}

static bool is_enough(const struct mycel_call *c)
{
    uint8_t answered = count(c, MYCEL_CALL_ANSWERED);

    if (answered < c->need) {
        return false;
    }
    /* One answer of nothing is not enough as long as somebody else may know better. */
    return c->is_write || c->need > 1 || latest(c) != NULL || answered + count(c, MYCEL_CALL_NO_OPINION) == c->targets;
}

static void end(struct mycel_call *c, struct mycel_call_effects *fx)
{
    c->is_over = true;
    emit(fx, (struct mycel_call_effect){.kind = MYCEL_CALL_FX_OVER});
}

/* What follows from who has answered. */
static void look(struct mycel_call *c, uint64_t now_ms, struct mycel_call_effects *fx)
{
    if (!c->is_done && is_enough(c)) {
        const struct mycel_version_copy *best = c->is_write ? NULL : latest(c);
        bool is_value = c->is_write || (best != NULL && !best->is_tombstone);
        done(c, is_value ? ERR_OK : ERR_NOT_FOUND, best, now_ms, fx);
    }
    if (c->is_done && !c->is_write) {
        repair(c, now_ms, fx);
    }
    if (!c->is_done && c->targets - count(c, MYCEL_CALL_NO_OPINION) < c->need) {
        done(c, ERR_UNAVAILABLE, NULL, now_ms, fx);
    }
    /* Those who wait are not enough: who failed has another one asked at once. */
    while (!c->is_done && count(c, MYCEL_CALL_NOT_ASKED) > 0 &&
           (count(c, MYCEL_CALL_ANSWERED) + count(c, MYCEL_CALL_ASKED) < c->need || count(c, MYCEL_CALL_ASKED) == 0)) {
        ask_next(c, now_ms, fx);
    }
    if (c->is_done && count(c, MYCEL_CALL_ASKED) == 0) {
        end(c, fx);
    }
}

void mycel_call_start(struct mycel_call *c, bool is_write, enum mycel_call_need need, uint8_t targets, uint64_t now_ms, uint32_t timeout_ms,
                      struct mycel_call_effects *fx)
{
    assert(targets > 0 && targets <= MYCEL_CALL_TARGETS_MAX && timeout_ms > 0);
    memset(c, 0, sizeof *c);
    fx->count = 0;
    c->is_write = is_write;
    c->targets = targets;
    c->need = need == MYCEL_CALL_ONE ? 1 : need == MYCEL_CALL_QUORUM ? targets / 2 + 1 : targets;
    c->deadline_ms = now_ms + timeout_ms;
    for (uint8_t i = 0; i < (is_write ? targets : c->need); i++) {
        ask_next(c, now_ms, fx);
    }
}

/* Somebody is not going to answer. What was written is kept for him. */
static void lose(struct mycel_call *c, uint8_t from, struct mycel_call_effects *fx)
{
    c->state[from] = MYCEL_CALL_NO_OPINION;
    if (c->is_write) {
        emit(fx, (struct mycel_call_effect){.kind = MYCEL_CALL_FX_HINT, .to = from});
    }
}

static void clock(struct mycel_call *c, uint64_t now_ms, struct mycel_call_effects *fx)
{
    if (now_ms >= c->deadline_ms) {
        done(c, ERR_TIMEOUT, NULL, now_ms, fx);
        for (uint8_t i = 0; i < c->targets; i++) {
            if (c->state[i] == MYCEL_CALL_ASKED) {
                lose(c, i, fx);
            }
        }
        return;
    }
    if (!c->is_done && now_ms >= c->hedge_at_ms) {
        ask_next(c, now_ms, fx);
    }
}

/* Whether anybody waits for it. Who took a write and died before enough had it took it for nothing: it may be back, without it, before
 * the others have it. */
static bool is_expected(const struct mycel_call *c, const struct mycel_call_event *ev)
{
    if (ev->kind == MYCEL_CALL_EV_CLOCK) {
        return true;
    }
    return ev->from < c->targets &&
           (c->state[ev->from] == MYCEL_CALL_ASKED ||
            (ev->kind == MYCEL_CALL_EV_FAILED && c->is_write && !c->is_done && c->state[ev->from] == MYCEL_CALL_ANSWERED));
}

void mycel_call_step(struct mycel_call *c, const struct mycel_call_event *ev, struct mycel_call_effects *fx)
{
    fx->count = 0;
    if (c->is_over || !is_expected(c, ev)) {
        return;
    }
    switch (ev->kind) {
    case MYCEL_CALL_EV_ANSWER:
        c->state[ev->from] = MYCEL_CALL_ANSWERED;
        c->copy[ev->from] = ev->copy;
        c->end_ms[ev->from] = ev->left_ms < UINT64_MAX - ev->now_ms ? ev->now_ms + ev->left_ms : UINT64_MAX;
        break;
    case MYCEL_CALL_EV_UNSURE:
        c->state[ev->from] = MYCEL_CALL_NO_OPINION; /* what was written he has */
        break;
    case MYCEL_CALL_EV_FAILED:
        lose(c, ev->from, fx);
        break;
    case MYCEL_CALL_EV_CLOCK:
        clock(c, ev->now_ms, fx);
        break;
    }
    look(c, ev->now_ms, fx);
}

uint64_t mycel_call_due_ms(const struct mycel_call *c)
{
    if (c->is_over) {
        return UINT64_MAX;
    }
    bool may_ask = !c->is_done && count(c, MYCEL_CALL_NOT_ASKED) > 0;
    return may_ask && c->hedge_at_ms < c->deadline_ms ? c->hedge_at_ms : c->deadline_ms;
}
