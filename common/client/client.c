#include "common/client/client.h"

#include <assert.h>

/* ---- effects ----------------------------------------------------------------------------------- */

static struct client_effect *emit(struct client_effects *fx, enum client_effect_kind kind,
                                  struct client_ask *ask)
{
    assert(fx->count < CLIENT_EFFECTS_MAX);
    struct client_effect *effect = &fx->item[fx->count++];

    *effect = (struct client_effect){.kind = kind, .ask = ask};
    return effect;
}

static void end(struct client_ask *ask, enum err e, const char *why, struct client_effects *fx)
{
    struct client_effect *effect = emit(fx, CLIENT_FX_END, ask);

    assert(ask->endpoint == NULL && ask->probe == 0 && ask->phase != CLIENT_ENDED);
    ask->phase = CLIENT_ENDED;
    ask->due_ms = UINT64_MAX;
    effect->e = e;
    effect->why = why;
}

/* ---- coming to an endpoint and leaving it ------------------------------------------------------ */

static void arm(struct client_ask *ask, uint64_t now_ms, uint64_t wait_ms)
{
    ask->due_ms = ask->deadline_ms;
    if (ask->deadline_ms > now_ms && wait_ms < ask->deadline_ms - now_ms) {
        ask->due_ms = now_ms + wait_ms;
    }
}

static uint64_t patience_ms(const struct client_ask *ask)
{
    return ask->is_hasty ? CLIENT_HASTY_MS : CLIENT_CONNECT_MS;
}

static void give(struct client_ask *ask, struct balance_endpoint *to, uint64_t now_ms,
                 struct client_effects *fx)
{
    assert(ask->endpoint == NULL);
    ask->endpoint = to;
    ask->phase = CLIENT_QUEUED;
    ask->probe = breaker_enter(&to->breaker, now_ms);
    ask->epoch = to->breaker.epoch;
    to->outstanding++;
    arm(ask, now_ms, patience_ms(ask));
    emit(fx, CLIENT_FX_GIVE, ask)->endpoint = to;
}

/* It no longer concerns its endpoint. What the breaker learned from it is said before. */
static void leave(struct client_ask *ask)
{
    struct balance_endpoint *from = ask->endpoint;

    assert(from != NULL && from->outstanding > 0);
    from->outstanding--;
    if (ask->probe != 0) {
        breaker_left(&from->breaker, ask->probe);
        ask->probe = 0;
    }
    ask->failed = from;
    ask->endpoint = NULL;
}

static void recall(struct client_ask *ask, struct client_effects *fx)
{
    struct client_effect *effect = emit(fx, CLIENT_FX_RECALL, ask);

    effect->endpoint = ask->endpoint;
    effect->was_sent = ask->phase == CLIENT_SENT;
    leave(ask);
}

/* The transport failed it; *ret_opened is set when that was once too often. */
static void blame(struct client_target *t, struct client_ask *ask, uint64_t now_ms, bool *ret_opened)
{
    struct breaker *b = &ask->endpoint->breaker;

    *ret_opened = breaker_failed(b, ask->epoch, ask->probe, now_ms, &t->rng);
    ask->probe = 0;
}

static void shut(struct balance_endpoint *e, bool has_opened, struct client_effects *fx)
{
    if (has_opened) {
        emit(fx, CLIENT_FX_SHUT, NULL)->endpoint = e; /* last: it makes further steps */
    }
}

/* Find it an endpoint. */
static void place(struct client_target *t, struct client_ask *ask, uint64_t now_ms,
                  struct client_effects *fx)
{
    if (t->list.count == 0) {
        ask->phase = CLIENT_PARKED;
        ask->due_ms = ask->deadline_ms;
        (void)emit(fx, CLIENT_FX_PARK, ask);
        return;
    }
    struct balance_endpoint *to = balance_pick(&t->list, ask->way, ask->failed, now_ms);
    if (to == NULL) {
        end(ask, ERR_UNAVAILABLE, "every instance keeps failing: not tried", fx);
        return;
    }
    give(ask, to, now_ms, fx);
}

/* ---- trying again ------------------------------------------------------------------------------ */

/* Full jitter: anything between nothing and twice as much as the last time. */
static uint64_t backoff_ms(const struct client_ask *ask, struct rng *rng)
{
    uint64_t most_ms = CLIENT_BACKOFF_FIRST_MS;

    for (uint8_t i = 0; i < ask->retries && most_ms < CLIENT_BACKOFF_MAX_MS; i++) {
        most_ms *= 2;
    }
    most_ms = most_ms < CLIENT_BACKOFF_MAX_MS ? most_ms : CLIENT_BACKOFF_MAX_MS;
    return rng_below(rng, most_ms + 1);
}

static bool may_retry(const struct client_ask *ask)
{
    return ask->is_idempotent && !ask->has_parts && ask->retries < CLIENT_RETRIES_MAX;
}

/* It was sent and failed with `e`: once more after a wait, or the end. */
static void retry(struct client_target *t, struct client_ask *ask, enum err e, const char *why,
                  uint32_t after_ms, uint64_t now_ms, struct client_effects *fx)
{
    if (!may_retry(ask)) {
        end(ask, e, why, fx);
        return;
    }
    uint64_t wait_ms = after_ms + backoff_ms(ask, &t->rng);
    /* No time for another try: the error at hand says more than TIMEOUT will. */
    if (now_ms + wait_ms >= ask->deadline_ms || !budget_spend(&t->budget)) {
        end(ask, e, why, fx);
        return;
    }
    ask->retries++;
    ask->phase = CLIENT_WAITING;
    arm(ask, now_ms, wait_ms);
    (void)emit(fx, CLIENT_FX_WAIT, ask);
}

/* Errors that say nothing about the request. LIMIT may be the request's own size: only with a time
 * to come back does it mean that the callee is busy. */
static bool is_passing(enum err e, uint32_t retry_after_ms)
{
    return e == ERR_UNAVAILABLE || e == ERR_PEER_DEAD || (e == ERR_LIMIT && retry_after_ms > 0);
}

/* ---- one event --------------------------------------------------------------------------------- */

static void take_answer(struct client_target *t, const struct client_event *ev,
                        struct client_effects *fx)
{
    struct client_ask *ask = ev->ask;
    struct balance_endpoint *from = ask->endpoint;
    bool has_opened = false;

    if (ev->e == ERR_UNAVAILABLE) {
        blame(t, ask, ev->now_ms, &has_opened); /* it lives, and is of no use to anybody */
    } else {
        breaker_answered(&from->breaker, ask->probe);
        ask->probe = 0;
    }
    leave(ask);
    if (is_passing(ev->e, ev->retry_after_ms)) {
        from->rest_until_ms = ev->now_ms + ev->retry_after_ms;
        retry(t, ask, ev->e, NULL, ev->retry_after_ms, ev->now_ms, fx);
    } else if (ev->e == ERR_NOT_LEADER && ev->hint != NULL && !ask->has_followed &&
               !ask->has_parts && breaker_admits(&ev->hint->breaker, ev->now_ms)) {
        ask->has_followed = true; /* once: two that name each other would never end */
        give(ask, ev->hint, ev->now_ms, fx);
    } else {
        end(ask, ev->e, NULL, fx);
    }
    shut(from, has_opened, fx);
}

/* It comes back untouched: as if it had never been sent. */
static void come_back(struct client_ask *ask, struct client_effects *fx)
{
    assert(!ask->has_parts);
    breaker_answered(&ask->endpoint->breaker, ask->probe);
    ask->probe = 0;
    leave(ask);
    ask->sends--;
    ask->failed = NULL;
    ask->phase = CLIENT_PARKED;
    ask->due_ms = ask->deadline_ms;
    (void)emit(fx, CLIENT_FX_PARK, ask);
}

/* Not sent, and its endpoint is no good: to a better one; false: there is none. */
static bool move(struct client_target *t, struct client_ask *ask, uint64_t now_ms,
                 struct client_effects *fx)
{
    struct balance_endpoint *to = NULL;

    assert(ask->phase == CLIENT_QUEUED);
    if (ask->moves < CLIENT_MOVES_MAX) {
        to = balance_better(&t->list, ask->way, ask->endpoint, now_ms);
    }
    if (to == NULL) {
        return false;
    }
    ask->moves++;
    recall(ask, fx);
    give(ask, to, now_ms, fx);
    return true;
}

static void lose(struct client_target *t, const struct client_event *ev, struct client_effects *fx)
{
    struct client_ask *ask = ev->ask;
    struct balance_endpoint *from = ask->endpoint;
    bool has_opened;

    if (ask->phase == CLIENT_QUEUED) {
        (void)move(t, ask, ev->now_ms, fx); /* nobody better: who restarts comes back where it was */
        return;
    }
    blame(t, ask, ev->now_ms, &has_opened);
    leave(ask);
    retry(t, ask, ERR_PEER_DEAD, "the connection ended before the answer", 0, ev->now_ms, fx);
    shut(from, has_opened, fx);
}

static void shut_out(struct client_target *t, const struct client_event *ev,
                     struct client_effects *fx)
{
    if (!move(t, ev->ask, ev->now_ms, fx)) {
        recall(ev->ask, fx);
        end(ev->ask, ERR_UNAVAILABLE, "the instance keeps failing: not tried", fx);
    }
}

static void time_out(struct client_target *t, const struct client_event *ev,
                     struct client_effects *fx)
{
    struct client_ask *ask = ev->ask;
    struct balance_endpoint *from = ask->endpoint;
    const char *why = "no answer before the deadline";
    bool has_opened = false;

    if (ask->phase == CLIENT_PARKED) {
        why = "the name was not resolved before the deadline";
    } else if (ask->phase == CLIENT_QUEUED) {
        why = "not connected before the deadline";
        if (from->line != BALANCE_LINE_UP) {
            blame(t, ask, ev->now_ms, &has_opened);
        }
    }
    if (from != NULL) {
        recall(ask, fx);
    }
    end(ask, ERR_TIMEOUT, why, fx);
    shut(from, has_opened, fx);
}

/* Queued for so long: the connection does not come. */
static void lose_patience(struct client_target *t, const struct client_event *ev,
                          struct client_effects *fx)
{
    struct client_ask *ask = ev->ask;
    struct balance_endpoint *from = ask->endpoint;
    bool has_opened;

    if (from->line == BALANCE_LINE_UP) { /* it is there and slow to take what we send */
        arm(ask, ev->now_ms, patience_ms(ask));
        return;
    }
    from->line = BALANCE_LINE_DOWN;
    blame(t, ask, ev->now_ms, &has_opened);
    if (!move(t, ask, ev->now_ms, fx)) {
        if (ask->is_hasty || has_opened) {
            recall(ask, fx);
            end(ask, ERR_UNAVAILABLE, "no connection to the instance", fx);
        } else {
            ask->epoch = from->breaker.epoch; /* another wait, another failure */
            arm(ask, ev->now_ms, patience_ms(ask));
        }
    }
    shut(from, has_opened, fx);
}

static void become_due(struct client_target *t, const struct client_event *ev,
                       struct client_effects *fx)
{
    struct client_ask *ask = ev->ask;

    assert(ev->now_ms >= ask->due_ms);
    if (ev->now_ms >= ask->deadline_ms) {
        time_out(t, ev, fx);
    } else if (ask->phase == CLIENT_WAITING) {
        place(t, ask, ev->now_ms, fx);
    } else {
        assert(ask->phase == CLIENT_QUEUED);
        lose_patience(t, ev, fx);
    }
}

static void cancel(struct client_ask *ask, struct client_effects *fx)
{
    if (ask->endpoint != NULL) {
        recall(ask, fx);
    }
    end(ask, ERR_CANCELLED, "cancelled", fx);
}

static void begin(struct client_target *t, const struct client_event *ev, struct client_effects *fx)
{
    struct client_ask *ask = ev->ask;

    if (ask->phase == CLIENT_NEW) {
        budget_earn(&t->budget);
    }
    if (ev->now_ms >= ask->deadline_ms) {
        end(ask, ERR_TIMEOUT, "no time was left to ask", fx);
        return;
    }
    place(t, ask, ev->now_ms, fx);
}

/* The phases an event is possible in. */
static bool fits(enum client_event_kind kind, enum client_phase phase)
{
    switch (kind) {
    case CLIENT_EV_ASKED:
        return phase == CLIENT_NEW || phase == CLIENT_PARKED;
    case CLIENT_EV_NOBODY:
        return phase == CLIENT_PARKED;
    case CLIENT_EV_SENT:
    case CLIENT_EV_UNLISTED:
    case CLIENT_EV_SHUT:
        return phase == CLIENT_QUEUED;
    case CLIENT_EV_UNSENT:
    case CLIENT_EV_PART:
    case CLIENT_EV_ANSWERED:
    case CLIENT_EV_RETURNED:
        return phase == CLIENT_SENT;
    case CLIENT_EV_LOST:
        return phase == CLIENT_QUEUED || phase == CLIENT_SENT;
    case CLIENT_EV_DUE:
    case CLIENT_EV_CANCELLED:
        return phase != CLIENT_NEW && phase != CLIENT_ENDED;
    }
    return false;
}

void client_step(struct client_target *t, const struct client_event *ev, struct client_effects *fx)
{
    struct client_ask *ask = ev->ask;

    assert(fits(ev->kind, ask->phase));
    fx->count = 0;
    switch (ev->kind) {
    case CLIENT_EV_ASKED:
        begin(t, ev, fx);
        break;
    case CLIENT_EV_NOBODY:
        end(ask, ev->e, NULL, fx);
        break;
    case CLIENT_EV_SENT:
        ask->phase = CLIENT_SENT;
        ask->sends++;
        ask->due_ms = ask->deadline_ms;
        break;
    case CLIENT_EV_UNSENT:
        ask->phase = CLIENT_QUEUED;
        ask->sends--;
        arm(ask, ev->now_ms, patience_ms(ask));
        break;
    case CLIENT_EV_PART:
        breaker_answered(&ask->endpoint->breaker, ask->probe);
        ask->probe = 0;
        ask->has_parts = true;
        break;
    case CLIENT_EV_ANSWERED:
        take_answer(t, ev, fx);
        break;
    case CLIENT_EV_RETURNED:
        come_back(ask, fx);
        break;
    case CLIENT_EV_LOST:
        lose(t, ev, fx);
        break;
    case CLIENT_EV_UNLISTED:
        (void)move(t, ask, ev->now_ms, fx);
        break;
    case CLIENT_EV_SHUT:
        shut_out(t, ev, fx);
        break;
    case CLIENT_EV_DUE:
        become_due(t, ev, fx);
        break;
    case CLIENT_EV_CANCELLED:
        cancel(ask, fx);
        break;
    }
    assert((ask->endpoint != NULL) == (ask->phase == CLIENT_QUEUED || ask->phase == CLIENT_SENT));
    assert(ask->is_idempotent || ask->has_followed || ask->sends <= 1);
}

void client_line(struct balance_endpoint *e, enum balance_line line)
{
    e->line = line;
    if (line == BALANCE_LINE_UP) {
        breaker_connected(&e->breaker);
    }
}

void client_init(struct client_target *t, uint64_t seed)
{
    *t = (struct client_target){0};
    budget_init(&t->budget);
    rng_init(&t->rng, seed);
}
