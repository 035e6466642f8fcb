#include "datapath/ways.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "datapath/meet.h"
#include "datapath/state.h"

enum {
    ALIGN = 16,
    USE_WAY = 0,  /* whose number a ping has: a way's … */
    USE_SIZE = 1, /* … or a size's                      */
    RTT_MS_MAX = 60000,
    OVER = DATAPATH_MESSAGE_HEAD + DATAPATH_MESSAGE_TAG,
};

_Static_assert(DATAPATH_WAYS_SENDS <= 64, "one bit for each");
_Static_assert((int)DATAPATH_WAYS_KEY == (int)crypto_shorthash_KEYBYTES, "a key of SipHash");

/* ---- memory ------------------------------------------------------------------------------------------- */

static size_t align(size_t size)
{
    return (size + ALIGN - 1) / ALIGN * ALIGN;
}

/* Places in the one block; the last is its size. */
static void lay_out(uint32_t peers, bool is_rendezvous, bool is_relay, size_t at[5])
{
    uint32_t pairs = peers < DATAPATH_RELAY_PAIRS_MAX ? peers : DATAPATH_RELAY_PAIRS_MAX;

    at[0] = align(peers * sizeof(struct datapath_way));
    at[1] = at[0] + align(peers * sizeof(struct datapath_agenda_item));
    at[2] = at[1] + (is_rendezvous ? align(datapath_roll_size(peers)) : 0);
    at[3] = at[2] + (is_relay ? align(datapath_relay_size(pairs)) : 0);
    at[4] = at[3] + align(datapath_label_size(peers));
}

size_t datapath_ways_size(uint32_t peers, bool is_rendezvous, bool is_relay)
{
    size_t at[5];

    lay_out(peers, is_rendezvous, is_relay, at);
    return at[4];
}

void datapath_ways_init(struct datapath_ways *w, void *memory, struct datapath *core, const struct datapath_ways_config *c,
                        uint64_t now_ms)
{
    uint8_t *base = memory, key[DATAPATH_LABEL_KEY];
    uint64_t epoch;
    size_t at[5];

    lay_out(c->peers_max, c->is_rendezvous, c->is_relay, at);
    memset(memory, 0, at[4]);
    assert(c->is_rendezvous || !c->is_relay);
    *w = (struct datapath_ways){.core = core, .config = *c, .way = memory, .scan_ms = now_ms};
    datapath_random_init(&w->random, c->seed);
    sodium_memzero(w->config.seed, sizeof w->config.seed);
    datapath_agenda_init(&w->agenda, (void *)(base + at[0]), c->peers_max);
    datapath_random_draw(&w->random, w->key, sizeof w->key);
    datapath_random_draw(&w->random, key, sizeof key);
    datapath_label_init(&w->labels, base + at[3], c->peers_max, key);
    if (c->is_rendezvous) {
        do {
            datapath_random_draw(&w->random, &epoch, sizeof epoch);
        } while (epoch == 0);
        datapath_roll_init(&w->roll, base + at[1], c->peers_max, epoch, now_ms);
        w->roll.describe = datapath_serve_describe;
        w->roll.context = w;
        datapath_serve_scan(w, now_ms); /* nobody who asks at once is told that there is nobody */
    }
    if (c->is_relay) {
        datapath_relay_init(&w->relay, base + at[2],
                            c->peers_max < DATAPATH_RELAY_PAIRS_MAX ? c->peers_max : DATAPATH_RELAY_PAIRS_MAX);
    }
}

void datapath_ways_fini(struct datapath_ways *w)
{
    sodium_memzero(w, sizeof *w);
}

/* ---- effects ------------------------------------------------------------------------------------------ */

static void clear(struct datapath_ways_effects *fx)
{
    fx->sends = fx->notes = fx->used = fx->whole = fx->untold = 0;
    datapath_effects_clear(&fx->core);
}

void datapath_ways_note(struct datapath_ways_effects *fx, enum datapath_ways_note_kind kind, uint32_t peer, uint32_t by,
                        const uint8_t *key)
{
    if (fx->notes == DATAPATH_WAYS_NOTES) {
        fx->untold++;
        return;
    }
    struct datapath_ways_note *n = &fx->note[fx->notes++];
    *n = (struct datapath_ways_note){.kind = kind, .peer = peer, .by = by};
    if (key != NULL) {
        memcpy(n->key, key, sizeof n->key);
    }
}

void datapath_ways_say(struct datapath_ways *w, uint32_t peer, const struct datapath_endpoint *to,
                       const struct datapath_signal *s, size_t size, bool is_whole, struct datapath_ways_effects *fx)
{
    struct datapath_way *way = datapath_ways_touch(w, peer);
    struct datapath_signal_keys keys;
    size_t total, most = size > DATAPATH_SIGNAL_MOST ? size : DATAPATH_SIGNAL_MOST;

    if (to->port == 0) {
        return; /* nobody knows where he is */
    }
    assert(fx->sends < DATAPATH_WAYS_SENDS && fx->used + most <= DATAPATH_WAYS_BYTES);
    datapath_guide_keys(w->core, peer, true, &keys);
    bool is_sealed = datapath_signal_seal(&keys, w->config.life, ++way->counter, &w->random, s, size, fx->bytes + fx->used, &total);
    assert(is_sealed); /* all that we say fits */
    w->said = way->counter > w->said ? way->counter : w->said;
    sodium_memzero(&keys, sizeof keys);
    fx->whole |= (uint64_t)is_whole << fx->sends;
    fx->send[fx->sends++] = (struct datapath_send){.to = *to, .at = fx->used, .size = (uint32_t)total, .peer = peer};
    fx->used += (uint32_t)total;
}

/* ---- one way ------------------------------------------------------------------------------------------ */

static void set_limit(struct datapath_ways *w, struct datapath_way *way, uint32_t limit)
{
    w->limited += (limit != 0) - (uint32_t)(way->limit != 0);
    way->limit = limit;
}

struct datapath_way *datapath_ways_touch(struct datapath_ways *w, uint32_t peer)
{
    struct datapath_way *way = &w->way[peer];
    uint32_t serial = datapath_guide_serial(w->core, peer);

    if (way->serial != serial) {
        if (way->serial != 0 && w->config.is_rendezvous) {
            datapath_roll_removed(&w->roll, peer);
        }
        if (way->serial != 0 && w->config.is_relay) {
            datapath_relay_forget(&w->relay, peer);
        }
        set_limit(w, way, 0);
        (void)datapath_label_give(&w->labels, peer, "");
        /* He may have been here before, under any number: what he heard then is behind him. */
        *way = (struct datapath_way){.serial = serial, .counter = w->said};
        datapath_agenda_set(&w->agenda, peer, UINT64_MAX);
    }
    return way;
}

const struct datapath_way *datapath_ways_of(const struct datapath_ways *w, uint32_t peer)
{
    uint32_t serial = datapath_guide_serial(w->core, peer);

    return serial != 0 && w->way[peer].serial == serial ? &w->way[peer] : NULL;
}

/* ---- names -------------------------------------------------------------------------------------------- */

bool datapath_ways_call(struct datapath_ways *w, uint32_t peer, const char *name, uint32_t by)
{
    const char *settled = w->config.settle != NULL ? w->config.settle(w->config.names, datapath_guide_key(w->core, peer), name) : name;
    struct datapath_way *way = datapath_ways_touch(w, peer);
    uint32_t holder;

    if (settled != NULL && settled != name) {
        return true;
    }
    if (settled != NULL && datapath_label_find(&w->labels, name, &holder)) {
        (void)datapath_ways_touch(w, holder); /* who is no peer any more has none */
    }
    if (settled == NULL || !datapath_label_give(&w->labels, peer, name)) {
        return false;
    }
    way->named_by = name[0] != '\0' ? by : 0;
    return true;
}

const char *datapath_ways_name(const struct datapath_ways *w, uint32_t peer)
{
    const char *said = datapath_ways_of(w, peer) != NULL ? w->labels.of[peer].text : "";
    const char *settled = w->config.settle != NULL ? w->config.settle(w->config.names, datapath_guide_key(w->core, peer), said) : said;

    return settled != NULL ? settled : "";
}

bool datapath_ways_named(const struct datapath_ways *w, const char *name, uint32_t *ret_peer)
{
    return datapath_label_find(&w->labels, name, ret_peer) && datapath_ways_of(w, *ret_peer) != NULL;
}

void datapath_ways_schedule(struct datapath_ways *w, uint32_t peer)
{
    const struct datapath_way *way = &w->way[peer];
    uint64_t due_ms = UINT64_MAX;

    if (way->is_active) {
        due_ms = datapath_path_due_ms(&way->path);
        uint64_t size_ms = way->path.used != DATAPATH_PATH_NONE ? datapath_pmtu_due_ms(&way->pmtu) : UINT64_MAX;
        due_ms = size_ms < due_ms ? size_ms : due_ms;
        due_ms = way->relay_ms != 0 && way->relay_ms < due_ms ? way->relay_ms : due_ms;
        due_ms = way->used_ms + DATAPATH_WAYS_IDLE_MS < due_ms ? way->used_ms + DATAPATH_WAYS_IDLE_MS : due_ms;
    }
    datapath_agenda_set(&w->agenda, peer, due_ms);
}

/* Where packets go that take this way: a relay's place needs its id. False: it has none any more. */
static bool endpoint_of(const struct datapath_ways *w, const struct datapath_way *way, const struct datapath_endpoint *at,
                        enum datapath_path_kind kind, struct datapath_endpoint *ret)
{
    *ret = *at;
    ret->relay = 0;
    for (uint32_t i = 0; kind == DATAPATH_PATH_RELAY && i < w->believed; i++) {
        const struct datapath_endpoint *relay = datapath_guide_endpoint(w->core, w->believe[i].peer);
        if (relay != NULL && way->relay_id[i] != 0 && datapath_message_is_same(relay, at)) {
            ret->relay = way->relay_id[i];
            return true;
        }
    }
    return kind != DATAPATH_PATH_RELAY;
}

/* What a ping has in it that nobody can say who did not get it. Otherwise a peer could answer for places where he is not, and
 * packets for him would go to whoever is there. */
static uint64_t word_of(const struct datapath_ways *w, uint32_t peer, uint8_t use, uint32_t number, uint32_t sent_ms)
{
    const uint32_t ping[] = {w->way[peer].serial, use, number, sent_ms};
    uint8_t hash[crypto_shorthash_BYTES];

    (void)crypto_shorthash(hash, (const uint8_t *)ping, sizeof ping, w->key);
    return datapath_message_get64(hash);
}

static void ping(struct datapath_ways *w, struct datapath_time now, uint32_t peer, const struct datapath_endpoint *at,
                 enum datapath_path_kind kind, uint8_t use, uint32_t number, uint32_t size, struct datapath_ways_effects *fx)
{
    struct datapath_signal s = {.kind = DATAPATH_SIGNAL_PING, .use = use, .number = number, .sent_ms = (uint32_t)now.ms,
                                .epoch = word_of(w, peer, use, number, (uint32_t)now.ms)};
    const struct datapath_way *way = &w->way[peer];
    struct datapath_endpoint to;

    if (way->told_ms == 0 || now.ms - way->told_ms >= DATAPATH_PATH_USED_MS) {
        s.flags = DATAPATH_SIGNAL_IDLE; /* or each would keep the way for the other, for ever */
    }
    if (endpoint_of(w, way, at, kind, &to)) {
        datapath_ways_say(w, peer, &to, &s, size, use == USE_SIZE, fx);
        w->numbers.pings++;
    }
}

/* Bytes of an inner packet that fit, padding included; 0: as many as any. A way of which nothing is known yet is taken for a
 * good one: its packets go, and mostly arrive. Once it was known, whatever it carries for certain is all that it gets. */
static uint32_t limit_of(const struct datapath_way *way)
{
    if (!way->is_measured || way->pmtu.size >= way->pmtu.most) {
        return 0;
    }
    return (way->pmtu.size - OVER) / DATAPATH_MESSAGE_PAD * DATAPATH_MESSAGE_PAD;
}

/* What our own end can send. */
static uint32_t most_of(const struct datapath_ways *w)
{
    uint32_t most = w->config.mtu + OVER;

    return most < DATAPATH_PMTU_BASE ? DATAPATH_PMTU_BASE : most;
}

/* Another mtu than when it was measured: as if nothing were known. Answers to earlier probes are none to the next. */
static void measure_again(struct datapath_way *way, uint32_t most)
{
    uint32_t next = way->pmtu.next;

    datapath_pmtu_init(&way->pmtu, most);
    way->pmtu.next = next;
    way->is_measured = false;
}

static void step_size(struct datapath_ways *w, struct datapath_time now, uint32_t peer, const struct datapath_pmtu_event *ev,
                      struct datapath_ways_effects *fx)
{
    const struct datapath_pmtu_event begin = {.kind = DATAPATH_PMTU_EV_BEGIN, .now_ms = now.ms};
    struct datapath_way *way = &w->way[peer];
    struct datapath_pmtu_effects pfx;

    if (way->pmtu.most != most_of(w)) {
        measure_again(way, most_of(w));
        ev = &begin;
    }
    if (way->path.used == DATAPATH_PATH_NONE || way->pmtu.most <= DATAPATH_PMTU_BASE) {
        return;
    }
    const struct datapath_path_place *place = &way->path.place[way->path.used];
    datapath_pmtu_step(&way->pmtu, ev, &pfx);
    for (uint32_t i = 0; i < pfx.count; i++) {
        ping(w, now, peer, &place->at, place->kind, USE_SIZE, pfx.probe[i].number, pfx.probe[i].size, fx);
    }
    way->is_measured = way->is_measured || datapath_pmtu_is_measured(&way->pmtu);
    if (limit_of(way) != way->limit) {
        set_limit(w, way, limit_of(way));
        datapath_ways_note(fx, DATAPATH_WAYS_SIZE, peer, 0, NULL);
        fx->note[fx->notes - 1].size = way->pmtu.size;
    }
}

static void use(struct datapath_ways *w, struct datapath_time now, uint32_t peer, const struct datapath_path_effect *e,
                struct datapath_ways_effects *fx)
{
    struct datapath_pmtu_event begin = {.kind = DATAPATH_PMTU_EV_BEGIN, .now_ms = now.ms};
    struct datapath_endpoint at;

    if (!endpoint_of(w, &w->way[peer], &e->at, e->place_kind, &at)) {
        return;
    }
    datapath_guide_lead(w->core, now, peer, &at, &fx->core);
    datapath_ways_note(fx, DATAPATH_WAYS_USE, peer, 0, NULL);
    w->way[peer].is_measured = false;
    step_size(w, now, peer, &begin, fx);
}

void datapath_ways_step(struct datapath_ways *w, struct datapath_time now, uint32_t peer,
                        const struct datapath_path_event *ev, struct datapath_ways_effects *fx)
{
    struct datapath_path_effects pfx;

    datapath_path_step(&w->way[peer].path, ev, &pfx);
    for (uint32_t i = 0; i < pfx.count; i++) {
        const struct datapath_path_effect *e = &pfx.effect[i];
        switch (e->kind) {
        case DATAPATH_PATH_FX_PING:
            ping(w, now, peer, &e->at, e->place_kind, USE_WAY, e->number, 0, fx);
            break;
        case DATAPATH_PATH_FX_USE:
            use(w, now, peer, e, fx);
            break;
        case DATAPATH_PATH_FX_LOST:
            datapath_ways_note(fx, DATAPATH_WAYS_LOST, peer, 0, NULL);
            break;
        case DATAPATH_PATH_FX_CALL:
            datapath_meet_call(w, now, peer, fx);
            break;
        }
    }
    datapath_ways_schedule(w, peer);
}

static void learn(struct datapath_way *way, uint64_t now_ms, const struct datapath_endpoint *at, enum datapath_path_kind kind)
{
    struct datapath_path_event ev = {.kind = DATAPATH_PATH_EV_PLACE, .now_ms = now_ms, .at = *at, .place_kind = kind};
    struct datapath_path_effects none;

    if (at->port != 0 && at->relay == 0) {
        datapath_path_step(&way->path, &ev, &none);
        assert(none.count == 0); /* to know of a place is to ask it when the clock says so */
    }
}

bool datapath_ways_seek(struct datapath_ways *w, struct datapath_time now, uint32_t peer)
{
    struct datapath_way *way = datapath_ways_touch(w, peer);

    if (w->config.is_silent) {
        return false;
    }
    if (!way->is_active) {
        way->is_active = true;
        way->used_ms = now.ms;
        datapath_path_init(&way->path, now.ms);
        datapath_pmtu_init(&way->pmtu, most_of(w));
        learn(way, now.ms, datapath_guide_endpoint(w->core, peer), DATAPATH_PATH_FOUND);
    }
    for (uint32_t i = 0; i < way->places; i++) {
        learn(way, now.ms, &way->place[i], i == 0 ? DATAPATH_PATH_SEEN : DATAPATH_PATH_LOCAL);
    }
    datapath_ways_schedule(w, peer);
    return true;
}

/* He never said a signal, no rendezvous knows where he is, and all places were asked in vain: any WireGuard. Who has no
 * place was asked nowhere. */
static bool is_deaf(const struct datapath_way *way)
{
    bool has_place = false, is_asked = false;

    for (uint32_t i = 0; i < DATAPATH_PATH_PLACES; i++) {
        has_place = has_place || way->path.place[i].is_there;
        is_asked = is_asked || (way->path.place[i].is_there && way->path.place[i].punches > 0);
    }
    return way->heard_ms == 0 && way->introduced == 0 && way->places == 0 && has_place && !is_asked;
}

/* Who he is may come out differently the next time: he, or what is between, may not have been there. */
static void leave_in_peace(struct datapath_way *way, uint64_t now_ms)
{
    uint64_t each_ms = way->deaf_each_ms == 0 ? DATAPATH_WAYS_DEAF_MS : 2 * way->deaf_each_ms;

    way->deaf_each_ms = each_ms < DATAPATH_WAYS_DEAF_MS_MAX ? each_ms : DATAPATH_WAYS_DEAF_MS_MAX;
    way->deaf_ms = now_ms + way->deaf_each_ms;
}

static void rest(struct datapath_ways *w, uint32_t peer)
{
    struct datapath_way *way = &w->way[peer];

    way->is_active = false;
    way->relay_ms = 0;
    set_limit(w, way, 0);
    datapath_ways_schedule(w, peer);
}

static bool has_direct(const struct datapath_way *way)
{
    return way->path.used != DATAPATH_PATH_NONE && way->path.place[way->path.used].kind != DATAPATH_PATH_RELAY;
}

static void turn(struct datapath_ways *w, struct datapath_time now, uint32_t peer, struct datapath_ways_effects *fx)
{
    struct datapath_way *way = datapath_ways_touch(w, peer);
    struct datapath_path_event clock = {.kind = DATAPATH_PATH_EV_CLOCK, .now_ms = now.ms};
    struct datapath_pmtu_event size_clock = {.kind = DATAPATH_PMTU_EV_CLOCK, .now_ms = now.ms};

    if (!way->is_active) {
        datapath_ways_schedule(w, peer);
        return;
    }
    if (is_deaf(way)) {
        leave_in_peace(way, now.ms);
        rest(w, peer);
        return;
    }
    if (now.ms - way->used_ms >= DATAPATH_WAYS_IDLE_MS) {
        rest(w, peer);
        return;
    }
    if (way->relay_ms != 0 && now.ms >= way->relay_ms) {
        way->relay_ms = 0;
        if (!has_direct(way)) {
            datapath_meet_ask_relays(w, now, peer, fx);
        }
    }
    if (now.ms >= datapath_path_due_ms(&way->path)) {
        datapath_ways_step(w, now, peer, &clock, fx);
    }
    if (way->path.used != DATAPATH_PATH_NONE && now.ms >= datapath_pmtu_due_ms(&way->pmtu)) {
        step_size(w, now, peer, &size_clock, fx);
    }
    datapath_ways_schedule(w, peer);
}

/* ---- signals ------------------------------------------------------------------------------------------ */

static enum datapath_ways_verdict hear_ping(struct datapath_ways *w, struct datapath_time now, uint32_t peer,
                                            const struct datapath_endpoint *from, const struct datapath_signal *s,
                                            struct datapath_ways_effects *fx)
{
    struct datapath_signal pong = {.kind = DATAPATH_SIGNAL_PONG, .use = s->use, .number = s->number, .sent_ms = s->sent_ms,
                                   .epoch = s->epoch, .seen = *from};
    struct datapath_path_event ev = {.kind = DATAPATH_PATH_EV_PING, .now_ms = now.ms, .at = *from,
                                     .place_kind = from->relay != 0 ? DATAPATH_PATH_RELAY : DATAPATH_PATH_FOUND};

    if (w->config.is_silent) {
        return DATAPATH_WAYS_UNASKED;
    }
    bool is_sought = (s->flags & DATAPATH_SIGNAL_IDLE) == 0;
    datapath_ways_say(w, peer, from, &pong, 0, false, fx);
    w->numbers.pongs++;
    if (s->use == USE_WAY && (is_sought || w->way[peer].is_active) && datapath_ways_seek(w, now, peer)) {
        w->way[peer].used_ms = is_sought ? now.ms : w->way[peer].used_ms;
        for (uint32_t i = 0; i < w->believed && from->relay != 0; i++) {
            const struct datapath_endpoint *relay = datapath_guide_endpoint(w->core, w->believe[i].peer);
            bool is_his = relay != NULL && memcmp(relay->ip, from->ip, sizeof from->ip) == 0 && relay->port == from->port;
            w->way[peer].relay_id[i] = is_his ? from->relay : w->way[peer].relay_id[i];
        }
        ev.at.relay = 0;
        datapath_ways_step(w, now, peer, &ev, fx);
    }
    return DATAPATH_WAYS_HEARD;
}

static enum datapath_ways_verdict hear_pong(struct datapath_ways *w, struct datapath_time now, uint32_t peer,
                                            const struct datapath_signal *s, struct datapath_ways_effects *fx)
{
    uint32_t rtt_ms = (uint32_t)now.ms - s->sent_ms; /* our own clock, which came back */
    struct datapath_path_event ev = {.kind = DATAPATH_PATH_EV_PONG, .now_ms = now.ms, .number = s->number, .rtt_ms = rtt_ms};
    struct datapath_pmtu_event size_ev = {.kind = DATAPATH_PMTU_EV_ANSWERED, .now_ms = now.ms, .number = s->number, .rtt_ms = rtt_ms};

    /* What answered a life before this one was recorded: its words were others. */
    if (!w->way[peer].is_active || s->epoch != word_of(w, peer, s->use, s->number, s->sent_ms) || rtt_ms > RTT_MS_MAX || s->use > USE_SIZE) {
        return DATAPATH_WAYS_UNASKED;
    }
    if (s->use == USE_WAY) {
        datapath_ways_step(w, now, peer, &ev, fx);
    } else {
        step_size(w, now, peer, &size_ev, fx);
        datapath_ways_schedule(w, peer);
    }
    return DATAPATH_WAYS_HEARD;
}

static enum datapath_ways_verdict hear(struct datapath_ways *w, struct datapath_time now, uint32_t peer,
                                       const struct datapath_endpoint *from, const struct datapath_signal *s, size_t size,
                                       struct datapath_ways_effects *fx)
{
    bool is_direct = from->relay == 0; /* a rendezvous is spoken to where it is */

    switch (s->kind) {
    case DATAPATH_SIGNAL_PING:
        return hear_ping(w, now, peer, from, s, fx);
    case DATAPATH_SIGNAL_PONG:
        return hear_pong(w, now, peer, s, fx);
    case DATAPATH_SIGNAL_ROLL:
        return w->config.is_rendezvous && is_direct ? datapath_serve_roll(w, now, peer, from, s, size, fx) : DATAPATH_WAYS_UNASKED;
    case DATAPATH_SIGNAL_NEWS:
        return is_direct ? datapath_meet_news(w, now, peer, s, fx) : DATAPATH_WAYS_UNASKED;
    case DATAPATH_SIGNAL_CALL:
        return w->config.is_rendezvous && is_direct ? datapath_serve_call(w, now, peer, from, s, size, fx) : DATAPATH_WAYS_UNASKED;
    case DATAPATH_SIGNAL_MEET:
        return is_direct ? datapath_meet_met(w, now, peer, s, fx) : DATAPATH_WAYS_UNASKED;
    case DATAPATH_SIGNAL_RELAY:
        return w->config.is_rendezvous && is_direct ? datapath_serve_relay(w, now, peer, from, s, fx) : DATAPATH_WAYS_UNASKED;
    case DATAPATH_SIGNAL_RELAYING:
        return is_direct ? datapath_meet_relaying(w, now, peer, from, s, fx) : DATAPATH_WAYS_UNASKED;
    }
    return DATAPATH_WAYS_FALSE;
}

enum datapath_ways_verdict datapath_ways_receive(struct datapath_ways *w, struct datapath_time now,
                                                 const struct datapath_endpoint *from, uint8_t *bytes, size_t size,
                                                 struct datapath_ways_effects *fx)
{
    uint64_t who = datapath_signal_who(bytes, size);
    enum datapath_ways_verdict v = DATAPATH_WAYS_FALSE;
    struct datapath_signal_keys keys;
    struct datapath_signal s;
    uint32_t peer;

    clear(fx);
    if (who != 0 && from->port != 0 && !datapath_guide_find(w->core, who, &peer)) {
        v = DATAPATH_WAYS_STRANGER;
    } else if (who != 0 && from->port != 0) {
        struct datapath_way *way = datapath_ways_touch(w, peer);
        datapath_guide_keys(w->core, peer, false, &keys);
        if (datapath_signal_open(&keys, &way->window, bytes, size, &s)) {
            way->heard_ms = now.ms;
            way->deaf_ms = 0;
            v = hear(w, now, peer, from, &s, size, fx);
        }
        sodium_memzero(&keys, sizeof keys);
    }
    w->numbers.verdict[v]++;
    return v;
}

/* ---- other steps --------------------------------------------------------------------------------------- */

void datapath_ways_clock(struct datapath_ways *w, struct datapath_time now, struct datapath_ways_effects *fx)
{
    uint32_t peer;

    clear(fx);
    for (uint32_t i = 0; i < w->believed; i++) {
        if (now.ms >= w->believe[i].guest.due_ms) {
            datapath_meet_roll(w, now, i, 0, fx);
        }
    }
    if (w->config.is_rendezvous && now.ms >= w->scan_ms) {
        datapath_serve_scan(w, now.ms);
    }
    if (datapath_agenda_first(&w->agenda, &peer) <= now.ms) {
        turn(w, now, peer, fx);
    }
}

uint64_t datapath_ways_due_ms(const struct datapath_ways *w)
{
    uint32_t peer;
    uint64_t due_ms = datapath_agenda_first(&w->agenda, &peer);

    for (uint32_t i = 0; i < w->believed; i++) {
        due_ms = w->believe[i].guest.due_ms < due_ms ? w->believe[i].guest.due_ms : due_ms;
    }
    return w->config.is_rendezvous && w->scan_ms < due_ms ? w->scan_ms : due_ms;
}

bool datapath_ways_used(struct datapath_ways *w, struct datapath_time now, uint32_t peer, uint32_t size,
                        struct datapath_ways_effects *fx)
{
    const struct datapath_way *seen = &w->way[peer];
    bool is_large = size > DATAPATH_PMTU_BASE;

    if (now.ms - seen->told_ms < DATAPATH_WAYS_TOLD_MS && (!is_large || now.ms - seen->large_ms < DATAPATH_WAYS_TOLD_MS)) {
        return false;
    }
    struct datapath_way *way = datapath_ways_touch(w, peer);
    struct datapath_path_event ev = {.kind = DATAPATH_PATH_EV_USED, .now_ms = now.ms};
    struct datapath_pmtu_event size_ev = {.kind = DATAPATH_PMTU_EV_USED, .now_ms = now.ms, .size = size};
    clear(fx);
    way->told_ms = way->used_ms = now.ms;
    way->large_ms = is_large ? now.ms : way->large_ms;
    if ((now.ms < way->deaf_ms && way->places == 0) || !datapath_ways_seek(w, now, peer)) {
        return false;
    }
    datapath_ways_step(w, now, peer, &ev, fx);
    step_size(w, now, peer, &size_ev, fx);
    datapath_ways_schedule(w, peer);
    return true;
}

void datapath_ways_moved(struct datapath_ways *w, struct datapath_time now, uint32_t peer, struct datapath_ways_effects *fx)
{
    struct datapath_way *way = datapath_ways_touch(w, peer);
    const struct datapath_endpoint *at = datapath_guide_endpoint(w->core, peer);

    clear(fx);
    if (!way->is_active || at->port == 0) {
        return;
    }
    if (at->relay != 0 && has_direct(way)) {
        /* A straggler: what he sends by a relay after there is a direct way says nothing against that. */
        struct datapath_endpoint direct = way->path.place[way->path.used].at;
        datapath_guide_lead(w->core, now, peer, &direct, &fx->core);
    } else if (at->relay == 0) {
        struct datapath_path_event ev = {.kind = DATAPATH_PATH_EV_PING, .now_ms = now.ms, .at = *at, .place_kind = DATAPATH_PATH_FOUND};
        learn(way, now.ms, at, DATAPATH_PATH_FOUND); /* a session's packet was never recorded: he is there */
        datapath_ways_step(w, now, peer, &ev, fx);
    }
}

void datapath_ways_claim(struct datapath_ways *w, struct datapath_time now, uint32_t peer)
{
    struct datapath_way *way = datapath_ways_touch(w, peer);

    way->introduced = 0;
    way->prefixes = 0;
    way->deaf_ms = way->deaf_each_ms = 0; /* he may be another, and somewhere else */
    if (way->is_active) {
        learn(way, now.ms, datapath_guide_endpoint(w->core, peer), DATAPATH_PATH_FOUND);
        datapath_ways_schedule(w, peer);
    }
}

void datapath_ways_leave(struct datapath_ways *w, struct datapath_time now, struct datapath_ways_effects *fx)
{
    clear(fx);
    for (uint32_t i = 0; i < w->believed; i++) {
        datapath_meet_roll(w, now, i, DATAPATH_SIGNAL_LEAVES, fx);
    }
}

/* ---- words -------------------------------------------------------------------------------------------- */

const char *datapath_ways_verdict_name(enum datapath_ways_verdict v)
{
    static const char *const names[] = {
#define X(name, text) #name,
        DATAPATH_WAYS_MAP(X)
#undef X
    };

    return names[v];
}

const char *datapath_ways_verdict_text(enum datapath_ways_verdict v)
{
    static const char *const texts[] = {
#define X(name, text) text,
        DATAPATH_WAYS_MAP(X)
#undef X
    };

    return texts[v];
}
