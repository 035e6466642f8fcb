#include "autoscaler/acts.h"

#include <assert.h>
#include <string.h>

enum { SLOTS = AUTOSCALER_ACTS_SLOTS_MAX, BACKOFF_DOUBLINGS = 6 };

enum err autoscaler_acts_init(struct autoscaler_acts *a, uint32_t places, uint32_t start_s, uint32_t drain_s)
{
    if (places == 0 || places > AUTOSCALER_ACTS_PLACES_MAX || start_s == 0 || drain_s == 0) {
        return ERR_INVALID;
    }
    memset(a, 0, sizeof *a);
    a->places = places;
    a->start_s = start_s;
    a->drain_s = drain_s;
    return ERR_OK;
}

static void emit(const struct autoscaler_acts *a, struct autoscaler_orders *ret, enum autoscaler_acts_kind kind, uint32_t slot,
                 uint32_t place)
{
    assert(ret->count < ARRAY_LEN(ret->item));
    ret->item[ret->count++] = (struct autoscaler_order){.kind = kind, .term = a->term, .slot = slot, .place = place};
}

enum err autoscaler_acts_lead(struct autoscaler_acts *a, uint64_t term, uint64_t now_s, struct autoscaler_orders *ret)
{
    if (term <= a->term) {
        return ERR_PRECONDITION;
    }
    memset(a->slot, 0, sizeof a->slot);
    memset(a->has_reported, 0, sizeof a->has_reported);
    a->term = term;
    a->is_taking = true;
    a->taken_s = now_s + a->start_s;
    ret->count = 0;
    for (uint32_t place = 0; place < a->places; place++) {
        emit(a, ret, AUTOSCALER_ACTS_TERM, 0, place);
    }
    return ERR_OK;
}

void autoscaler_acts_reported(struct autoscaler_acts *a, uint32_t place, uint64_t term)
{
    if (place < a->places && term == a->term) {
        a->has_reported[place] = true;
    }
}

/* ---- what is heard ---------------------------------------------------------------------------------- */

void autoscaler_acts_serves(struct autoscaler_acts *a, uint32_t slot, uint32_t place, struct autoscaler_orders *ret)
{
    struct autoscaler_acts_slot *s = &a->slot[slot % SLOTS];

    ret->count = 0;
    if (slot >= SLOTS || place >= a->places) {
        return;
    }
    switch (s->state) {
    case AUTOSCALER_ACTS_EMPTY: /* of whoever decided before, or one that was given up */
    case AUTOSCALER_ACTS_WAITING:
        *s = (struct autoscaler_acts_slot){.state = AUTOSCALER_ACTS_SERVING, .place = place};
        return;
    case AUTOSCALER_ACTS_CLEARING: /* too late, but there */
    case AUTOSCALER_ACTS_ASKED:
        if (s->place == place) {
            *s = (struct autoscaler_acts_slot){.state = s->state == AUTOSCALER_ACTS_ASKED ? AUTOSCALER_ACTS_SERVING : s->state,
                                               .place = place, .tries = s->tries, .until_s = s->until_s};
            return;
        }
        break;
    case AUTOSCALER_ACTS_SERVING:
    case AUTOSCALER_ACTS_DRAINING:
        if (s->place == place) {
            return;
        }
        break;
    }
    emit(a, ret, AUTOSCALER_ACTS_DRAIN, slot, place); /* a second one in a slot */
}

/* Later each time, and elsewhere. */
static void wait(struct autoscaler_acts_slot *s, uint64_t now_s)
{
    uint32_t doublings = s->tries < BACKOFF_DOUBLINGS ? s->tries : BACKOFF_DOUBLINGS;

    s->state = AUTOSCALER_ACTS_WAITING;
    s->until_s = now_s + ((uint64_t)AUTOSCALER_ACTS_BACKOFF_S << doublings);
    s->tries += s->tries < UINT32_MAX;
}

void autoscaler_acts_gone(struct autoscaler_acts *a, uint32_t slot, uint32_t place, uint64_t now_s)
{
    struct autoscaler_acts_slot *s = &a->slot[slot % SLOTS];

    if (slot >= SLOTS || s->place != place) {
        return;
    }
    switch (s->state) {
    case AUTOSCALER_ACTS_EMPTY:
    case AUTOSCALER_ACTS_WAITING:
        break;
    case AUTOSCALER_ACTS_ASKED:
    case AUTOSCALER_ACTS_SERVING:
    case AUTOSCALER_ACTS_CLEARING:
        wait(s, now_s);
        break;
    case AUTOSCALER_ACTS_DRAINING:
        s->state = AUTOSCALER_ACTS_EMPTY;
        break;
    }
}

/* ---- a second --------------------------------------------------------------------------------------- */

static void start(struct autoscaler_acts *a, uint32_t slot, uint64_t now_s, struct autoscaler_orders *ret)
{
    struct autoscaler_acts_slot *s = &a->slot[slot];

    s->place = s->tries == 0 ? slot % a->places : (s->place + 1) % a->places;
    s->state = AUTOSCALER_ACTS_ASKED;
    s->until_s = now_s + a->start_s;
    emit(a, ret, AUTOSCALER_ACTS_START, slot, s->place);
}

static void drain(struct autoscaler_acts *a, uint32_t slot, uint64_t now_s, struct autoscaler_orders *ret)
{
    a->slot[slot].state = AUTOSCALER_ACTS_DRAINING;
    a->slot[slot].until_s = now_s + a->drain_s;
    emit(a, ret, AUTOSCALER_ACTS_DRAIN, slot, a->slot[slot].place);
}

/* What is late. */
static void look_after(struct autoscaler_acts *a, uint32_t slot, uint64_t now_s, struct autoscaler_orders *ret)
{
    struct autoscaler_acts_slot *s = &a->slot[slot];

    if (now_s < s->until_s) {
        return;
    }
    switch (s->state) {
    case AUTOSCALER_ACTS_EMPTY:
    case AUTOSCALER_ACTS_SERVING:
    case AUTOSCALER_ACTS_WAITING: /* begun below, if it is still wanted */
        break;
    case AUTOSCALER_ACTS_ASKED:
        s->state = AUTOSCALER_ACTS_CLEARING;
        s->until_s = now_s + a->drain_s;
        emit(a, ret, AUTOSCALER_ACTS_DRAIN, slot, s->place);
        break;
    case AUTOSCALER_ACTS_DRAINING:
        drain(a, slot, now_s, ret);
        break;
    case AUTOSCALER_ACTS_CLEARING:
        wait(s, now_s); /* its place does not answer */
        break;
    }
}

static bool is_there(enum autoscaler_acts_state state)
{
    return state == AUTOSCALER_ACTS_ASKED || state == AUTOSCALER_ACTS_SERVING;
}

static bool is_between(enum autoscaler_acts_state state)
{
    return state == AUTOSCALER_ACTS_CLEARING || state == AUTOSCALER_ACTS_WAITING;
}

/* Slots between two tries count as there, or another one would be begun beside each. */
static uint32_t grow(struct autoscaler_acts *a, uint64_t now_s, uint32_t there, uint32_t wanted, struct autoscaler_orders *ret)
{
    for (uint32_t slot = 0; slot < SLOTS && there < wanted; slot++) {
        there += is_between(a->slot[slot].state);
        if (a->slot[slot].state == AUTOSCALER_ACTS_WAITING && now_s >= a->slot[slot].until_s) {
            start(a, slot, now_s, ret);
        }
    }
    for (uint32_t slot = 0; slot < SLOTS && there < wanted; slot++) {
        if (a->slot[slot].state == AUTOSCALER_ACTS_EMPTY) {
            a->slot[slot].tries = 0;
            start(a, slot, now_s, ret);
            there++;
        }
    }
    return there;
}

static void shrink(struct autoscaler_acts *a, uint64_t now_s, uint32_t there, uint32_t wanted, const uint32_t *go, size_t go_count,
                   struct autoscaler_orders *ret)
{
    for (uint32_t slot = SLOTS; slot-- > 0 && there > wanted;) { /* what does not serve yet */
        if (a->slot[slot].state == AUTOSCALER_ACTS_ASKED) {
            drain(a, slot, now_s, ret);
            there--;
        }
    }
    for (size_t i = 0; i < go_count + SLOTS && there > wanted; i++) {
        uint32_t slot = i < go_count ? go[i] : SLOTS - 1 - (uint32_t)(i - go_count);
        if (slot < SLOTS && a->slot[slot].state == AUTOSCALER_ACTS_SERVING) {
            drain(a, slot, now_s, ret);
            there--;
        }
    }
}

void autoscaler_acts_step(struct autoscaler_acts *a, uint64_t now_s, uint32_t wanted, const uint32_t *go, size_t go_count,
                          struct autoscaler_orders *ret)
{
    uint32_t there = 0, reported = 0;

    ret->count = 0;
    for (uint32_t place = 0; place < a->places; place++) {
        reported += a->has_reported[place];
    }
    a->is_taking = a->is_taking && reported < a->places && now_s < a->taken_s;
    if (a->is_taking || a->term == 0) {
        return;
    }
    wanted = wanted < SLOTS ? wanted : SLOTS;
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        look_after(a, slot, now_s, ret);
        there += is_there(a->slot[slot].state);
    }
    there = there < wanted ? grow(a, now_s, there, wanted, ret) : there;
    for (uint32_t slot = 0; slot < SLOTS && there >= wanted; slot++) { /* no more tries of what is not wanted */
        bool is_waiting = a->slot[slot].state == AUTOSCALER_ACTS_WAITING && now_s >= a->slot[slot].until_s;
        a->slot[slot].state = is_waiting ? AUTOSCALER_ACTS_EMPTY : a->slot[slot].state;
    }
    shrink(a, now_s, there, wanted, go, go_count, ret);
}

enum err autoscaler_acts_obey(uint64_t *term, const struct autoscaler_order *order, bool is_there_already)
{
    if (order->term < *term) {
        return ERR_PRECONDITION;
    }
    *term = order->term;
    return order->kind == AUTOSCALER_ACTS_START && is_there_already ? ERR_EXISTS : ERR_OK;
}
