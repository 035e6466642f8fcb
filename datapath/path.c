#include "datapath/path.h"

#include <assert.h>
#include <string.h>

enum {
    PLACE_BITS = 4, /* of a number: which place was asked */
    ROOM_FOR_ALL = 1 << PLACE_BITS,
    SEQUENCES = (1 << (32 - PLACE_BITS)) - 1, /* … and its other bits */
    RELAYED = 100000, /* of a way's length: no relay is shorter than a direct way */
};

_Static_assert((int)DATAPATH_PATH_PLACES <= (int)ROOM_FOR_ALL, "a number has room for every place");

static void emit(struct datapath_path_effects *fx, enum datapath_path_effect_kind kind,
                 const struct datapath_path_place *place, uint32_t number)
{
    assert(fx->count < DATAPATH_PATH_EFFECTS);
    struct datapath_path_effect *e = &fx->effect[fx->count++];
    *e = (struct datapath_path_effect){.kind = kind, .number = number};
    if (place != NULL) {
        e->at = place->at;
        e->place_kind = place->kind;
    }
}

void datapath_path_init(struct datapath_path *p, uint64_t now_ms)
{
    *p = (struct datapath_path){.used = DATAPATH_PATH_NONE, .call_ms = now_ms, .call_each_ms = DATAPATH_PATH_CALL_MS};
    for (uint32_t i = 0; i < DATAPATH_PATH_PLACES; i++) {
        p->place[i].due_ms = UINT64_MAX;
    }
}

/* How long a way is, for comparing. */
static uint32_t length(const struct datapath_path_place *place)
{
    return place->rtt_8ths / 8 + (place->kind == DATAPATH_PATH_RELAY ? RELAYED : 0);
}

static bool is_same_way(const struct datapath_path_place *place, const struct datapath_endpoint *at,
                        enum datapath_path_kind kind)
{
    /* A relay's address may be the peer's own as well, when he relays for others: these are two ways. */
    return place->is_there && datapath_message_is_same(&place->at, at) &&
           (place->kind == DATAPATH_PATH_RELAY) == (kind == DATAPATH_PATH_RELAY);
}

static uint32_t find(const struct datapath_path *p, const struct datapath_endpoint *at, enum datapath_path_kind kind)
{
    uint32_t i = 0;

    while (i < DATAPATH_PATH_PLACES && !is_same_way(&p->place[i], at, kind)) {
        i++;
    }
    return i;
}

/* A place to remember one more in: a free one, else that of one which has been asked for long and never answered. */
static uint32_t room(const struct datapath_path *p)
{
    uint32_t worst = DATAPATH_PATH_NONE;

    for (uint32_t i = 0; i < DATAPATH_PATH_PLACES; i++) {
        const struct datapath_path_place *place = &p->place[i];
        if (!place->is_there) {
            return i;
        }
        if (!place->is_alive && place->punches == 0 && place->kind != DATAPATH_PATH_RELAY) {
            worst = i;
        }
    }
    return worst;
}

/* From here on: what was asked before is not answered any more. */
static void begin_count(const struct datapath_path *p, struct datapath_path_place *place)
{
    place->last = p->sequence;
    place->first = p->sequence + 1;
}

/* How many. Anybody's address can be claimed, and who has it hears what is asked there. */
static uint32_t volley(const struct datapath_path_place *place)
{
    uint32_t n = place->volleys;

    if (!place->is_sure) {
        return 1;
    }
    if (place->kind != DATAPATH_PATH_LOCAL || place->is_shown) {
        return DATAPATH_PATH_PUNCHES;
    }
    return n == 0 ? DATAPATH_PATH_CLAIMS : (n & (n - 1)) == 0 || n % DATAPATH_PATH_CLAIMS_EVERY == 0;
}

static void punch(struct datapath_path_place *place, uint64_t now_ms)
{
    place->punches = volley(place);
    place->volleys++;
    place->missed = 0;
    place->is_asked = false;
    place->due_ms = now_ms;
}

/* A way that he may have. Returns its place; DATAPATH_PATH_NONE: there is no room. */
static uint32_t learn(struct datapath_path *p, const struct datapath_path_event *ev)
{
    uint32_t i = find(p, &ev->at, ev->place_kind);
    bool is_sure = ev->kind == DATAPATH_PATH_EV_PLACE || ev->place_kind == DATAPATH_PATH_RELAY;

    if (i != DATAPATH_PATH_NONE) {
        bool is_seen = p->place[i].kind == DATAPATH_PATH_LOCAL && ev->place_kind == DATAPATH_PATH_SEEN;
        bool is_surer = is_seen || (is_sure && !p->place[i].is_sure);
        p->place[i].is_sure |= is_sure;
        p->place[i].kind = is_seen ? DATAPATH_PATH_SEEN : p->place[i].kind;
        if (is_surer && !p->place[i].is_alive) {
            punch(&p->place[i], ev->now_ms);
        }
        return i;
    }
    i = room(p);
    if (i == DATAPATH_PATH_NONE) {
        p->refused++;
        return i;
    }
    p->place[i] = (struct datapath_path_place){.is_there = true, .at = ev->at, .kind = ev->place_kind, .is_sure = is_sure};
    begin_count(p, &p->place[i]);
    punch(&p->place[i], ev->now_ms);
    return i;
}

/* Use the shortest way that answers; the one in use while none is clearly shorter. */
static void choose(struct datapath_path *p, uint64_t now_ms, struct datapath_path_effects *fx)
{
    uint32_t best = DATAPATH_PATH_NONE, now = p->used;

    for (uint32_t i = 0; i < DATAPATH_PATH_PLACES; i++) {
        if (p->place[i].is_there && p->place[i].is_alive &&
            (best == DATAPATH_PATH_NONE || length(&p->place[i]) < length(&p->place[best]))) {
            best = i;
        }
    }
    if (best == now) {
        return;
    }
    if (now != DATAPATH_PATH_NONE && p->place[now].is_alive &&
        length(&p->place[best]) + DATAPATH_PATH_BETTER_MS + p->place[now].rtt_8ths / 8 / 5 >= length(&p->place[now])) {
        return;
    }
    p->used = best;
    if (best == DATAPATH_PATH_NONE) {
        emit(fx, DATAPATH_PATH_FX_LOST, NULL, 0);
        return;
    }
    emit(fx, DATAPATH_PATH_FX_USE, &p->place[best], 0);
    /* It may have fallen silent since it was asked last. */
    if (!p->place[best].is_asked) {
        p->place[best].due_ms = now_ms;
    }
}

static bool is_in_use(const struct datapath_path *p, uint64_t now_ms)
{
    return p->used_ms != 0 && now_ms - p->used_ms < DATAPATH_PATH_USED_MS;
}

/* When a place that just answered is asked again. */
static uint64_t rest_ms(const struct datapath_path *p, uint32_t i, uint64_t now_ms)
{
    return i == p->used && is_in_use(p, now_ms) ? DATAPATH_PATH_KEEP_MS : DATAPATH_PATH_IDLE_MS;
}

static void ping(struct datapath_path *p, uint32_t i, uint64_t now_ms, struct datapath_path_effects *fx)
{
    struct datapath_path_place *place = &p->place[i];

    place->last = ++p->sequence;
    place->is_asked = true;
    place->due_ms = now_ms + (place->is_alive ? DATAPATH_PATH_WAIT_MS + place->rtt_8ths / 4 : DATAPATH_PATH_PUNCH_MS);
    emit(fx, DATAPATH_PATH_FX_PING, place, p->sequence << PLACE_BITS | i);
}

/* It is this place's time: the answer did not come, or it is to be asked. */
static void turn(struct datapath_path *p, uint32_t i, uint64_t now_ms, struct datapath_path_effects *fx)
{
    struct datapath_path_place *place = &p->place[i];

    if (place->is_alive) {
        place->missed += place->is_asked;
        if (place->missed < DATAPATH_PATH_MISSES) {
            ping(p, i, now_ms, fx);
            return;
        }
        place->is_alive = false;
        begin_count(p, place);
        punch(place, now_ms);
    }
    if (place->punches == 0) {
        place->due_ms = UINT64_MAX; /* until he calls, or we do */
        return;
    }
    place->punches--;
    ping(p, i, now_ms, fx);
}

/* Try all that do not answer again. */
static void punch_all(struct datapath_path *p, uint64_t now_ms)
{
    for (uint32_t i = 0; i < DATAPATH_PATH_PLACES; i++) {
        if (p->place[i].is_there && p->place[i].is_sure && !p->place[i].is_alive && p->place[i].punches == 0) {
            punch(&p->place[i], now_ms);
        }
    }
}

static bool is_direct(const struct datapath_path *p)
{
    return p->used != DATAPATH_PATH_NONE && p->place[p->used].kind != DATAPATH_PATH_RELAY;
}

static void look(struct datapath_path *p, uint64_t now_ms, struct datapath_path_effects *fx)
{
    if (now_ms >= p->call_ms && !is_direct(p)) {
        emit(fx, DATAPATH_PATH_FX_CALL, NULL, 0);
        punch_all(p, now_ms);
        p->called_ms = now_ms;
        p->call_ms = now_ms + p->call_each_ms;
        p->call_each_ms = p->call_each_ms * 2 < DATAPATH_PATH_CALL_MS_MAX ? p->call_each_ms * 2 : DATAPATH_PATH_CALL_MS_MAX;
    }
    for (uint32_t i = 0; i < DATAPATH_PATH_PLACES; i++) {
        if (p->place[i].is_there && now_ms >= p->place[i].due_ms) {
            turn(p, i, now_ms, fx);
        }
    }
    choose(p, now_ms, fx);
}

static void hear_pong(struct datapath_path *p, const struct datapath_path_event *ev, struct datapath_path_effects *fx)
{
    uint32_t i = ev->number & (ROOM_FOR_ALL - 1), sequence = ev->number >> PLACE_BITS;

    if (i >= DATAPATH_PATH_PLACES || !p->place[i].is_there) {
        return;
    }
    /* A way may be longer than pings are apart: an answer to an earlier one is as good. Numbers go round. */
    struct datapath_path_place *place = &p->place[i];
    if (((sequence - place->first) & SEQUENCES) >= ((place->last + 1 - place->first) & SEQUENCES)) {
        return;
    }
    place->rtt_8ths = place->is_alive ? place->rtt_8ths - place->rtt_8ths / 8 + ev->rtt_ms : 8 * ev->rtt_ms;
    place->is_alive = place->is_sure = place->is_shown = true;
    place->is_asked = false;
    place->missed = place->punches = 0;
    choose(p, ev->now_ms, fx);
    place->due_ms = ev->now_ms + rest_ms(p, i, ev->now_ms);
    if (is_direct(p)) {
        p->call_each_ms = DATAPATH_PATH_CALL_MS;
    }
}

/* He calls: he is called back, for he may not know our places, unless he just was. His call may be the answer to one of
 * ours, which took a while: the more there were in vain the longer ago the last must be, or two go on for ever. */
static void hear_call(struct datapath_path *p, uint64_t now_ms)
{
    punch_all(p, now_ms);
    if (p->called_ms == 0 || now_ms - p->called_ms >= p->call_each_ms / DATAPATH_PATH_BACK) {
        p->call_ms = now_ms;
    }
}

/* Packets begin to go after a pause: how the way is must be known soon. */
static void hear_use(struct datapath_path *p, uint64_t now_ms)
{
    bool was = is_in_use(p, now_ms);

    p->used_ms = now_ms;
    if (!was && p->used != DATAPATH_PATH_NONE && !p->place[p->used].is_asked) {
        p->place[p->used].due_ms = now_ms;
    }
}

void datapath_path_step(struct datapath_path *p, const struct datapath_path_event *ev, struct datapath_path_effects *fx)
{
    fx->count = 0;
    switch (ev->kind) {
    case DATAPATH_PATH_EV_PLACE:
        (void)learn(p, ev);
        break;
    case DATAPATH_PATH_EV_PING: {
        /* It came through, so an answer would: what was given up is worth another try. But it may be a recorded one, of
         * a time before we know of, and somebody else be there by now: it is worth one, no more, until it is answered. */
        uint32_t i = learn(p, ev);
        if (i != DATAPATH_PATH_NONE && !p->place[i].is_alive && p->place[i].punches == 0) {
            punch(&p->place[i], ev->now_ms);
            p->place[i].punches += p->place[i].punches == 0;
        }
        break;
    }
    case DATAPATH_PATH_EV_PONG:
        hear_pong(p, ev, fx);
        break;
    case DATAPATH_PATH_EV_CALLED:
        hear_call(p, ev->now_ms);
        break;
    case DATAPATH_PATH_EV_USED:
        hear_use(p, ev->now_ms);
        break;
    case DATAPATH_PATH_EV_CLOCK:
        look(p, ev->now_ms, fx);
        break;
    }
    assert(p->used == DATAPATH_PATH_NONE || p->place[p->used].is_there);
}

uint64_t datapath_path_due_ms(const struct datapath_path *p)
{
    uint64_t due = is_direct(p) ? UINT64_MAX : p->call_ms;

    for (uint32_t i = 0; i < DATAPATH_PATH_PLACES; i++) {
        if (p->place[i].is_there && p->place[i].due_ms < due) {
            due = p->place[i].due_ms;
        }
    }
    return due;
}
