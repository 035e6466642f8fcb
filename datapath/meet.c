/* The side of who believes a rendezvous: he says where he is, hears of others, and asks for who he cannot reach. */
#include "datapath/meet.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "datapath/hash.h"
#include "datapath/psk.h"

uint32_t datapath_meet_index(const struct datapath_ways *w, uint32_t peer)
{
    for (uint32_t i = 0; i < w->believed; i++) {
        if (w->believe[i].peer == peer && w->believe[i].serial == datapath_guide_serial(w->core, peer)) {
            return i;
        }
    }
    return DATAPATH_WAYS_BELIEVED;
}

enum err datapath_ways_believe(struct datapath_ways *w, uint32_t peer, uint64_t now_ms)
{
    if (datapath_meet_index(w, peer) != DATAPATH_WAYS_BELIEVED) {
        return ERR_OK;
    }
    if (w->believed == DATAPATH_WAYS_BELIEVED) {
        return ERR_LIMIT;
    }
    struct datapath_ways_believed *b = &w->believe[w->believed++];
    *b = (struct datapath_ways_believed){.peer = peer, .serial = datapath_guide_serial(w->core, peer)};
    datapath_guest_init(&b->guest, now_ms);
    return ERR_OK;
}

void datapath_ways_own(struct datapath_ways *w, const struct datapath_endpoint *place, uint32_t count)
{
    assert(count <= DATAPATH_WAYS_OWN);
    w->config.own = count;
    memcpy(w->config.place, place, count * sizeof *place);
}

void datapath_ways_resize(struct datapath_ways *w, uint32_t mtu)
{
    w->config.mtu = mtu;
}

void datapath_meet_roll(struct datapath_ways *w, struct datapath_time now, uint32_t index, uint8_t flags,
                        struct datapath_ways_effects *fx)
{
    struct datapath_ways_believed *b = &w->believe[index];
    struct datapath_signal s;
    size_t size;

    datapath_guest_ask(&b->guest, now.ms, &w->random, &s, &size);
    if (datapath_guide_serial(w->core, b->peer) != b->serial) {
        b->guest.due_ms = UINT64_MAX; /* he is no peer any more */
        return;
    }
    s.flags |= flags;
    memcpy(s.name, w->config.name, sizeof s.name);
    s.places = w->config.own;
    memcpy(s.place, w->config.place, w->config.own * sizeof *s.place);
    datapath_ways_say(w, b->peer, datapath_guide_endpoint(w->core, b->peer), &s, size, false, fx);
    w->numbers.rolls++;
}

/* ---- what it says of others ---------------------------------------------------------------------------- */

struct word {
    const struct datapath_ways *ways;
    uint32_t index;
};

/* What our own operator said stands, and what another rendezvous says of whom it brought; but inside of its own prefixes a
 * rendezvous says who has which address. */
static bool may_lose(const void *context, uint32_t peer, bool is_whole)
{
    const struct word *said = context;
    const struct datapath_way *way = datapath_ways_of(said->ways, peer);

    return (way != NULL && way->introduced == said->index + 1) || (!is_whole && datapath_meet_index(said->ways, peer) == said->index);
}

/* By this one's word addresses are nobody's any more: what others were refused may be right now, and is on their lists of all. */
static void may_be_free(struct datapath_ways *w, uint32_t index)
{
    for (uint32_t i = 0; i < w->believed; i++) {
        if (i != index && w->believe[i].is_refused) {
            w->believe[i].is_refused = false;
            datapath_guest_forget(&w->believe[i].guest);
        }
    }
}

/* His inner addresses are those that it says, if they are others than before. Those of our operator's peers it cannot
 * give away, nor a part of them. */
static void allow(struct datapath_ways *w, uint32_t peer, const struct datapath_signal_member *m, uint32_t index,
                  struct datapath_ways_effects *fx)
{
    struct datapath_way *way = datapath_ways_touch(w, peer);
    const struct word said_by = {.ways = w, .index = index};
    uint8_t hash[DATAPATH_HASH_SIZE];
    bool is_refused = false;

    datapath_hash_of(m->prefix, m->prefixes * sizeof *m->prefix, NULL, 0, hash);
    uint64_t said = datapath_message_get64(hash) | 1;
    if (said == way->prefixes) {
        return;
    }
    if (way->prefixes != 0) { /* otherwise he had not all of what was said */
        may_be_free(w, index);
    }
    way->prefixes = said;
    datapath_core_disallow_all(w->core, peer);
    for (uint32_t i = 0; i < m->prefixes; i++) {
        is_refused = datapath_guide_allow(w->core, peer, &m->prefix[i], may_lose, &said_by) != ERR_OK || is_refused;
    }
    if (is_refused) {
        way->prefixes = 0; /* to be said again */
        w->believe[index].is_refused = true;
        datapath_ways_note(fx, DATAPATH_WAYS_REFUSED, peer, w->believe[index].peer, m->key);
    }
}

/* He is called what it says, unless he or another rendezvous said something else before. Of its own words the newest counts,
 * of others' the first; what is refused is asked for again when theirs have changed. */
static void call(struct datapath_ways *w, uint64_t now_ms, uint32_t peer, const struct datapath_signal_member *m, uint32_t index,
                 struct datapath_ways_effects *fx)
{
    const struct datapath_ways_believed *b = &w->believe[index];
    const char *his = w->labels.of[peer].text;
    uint32_t holder;

    if (his[0] != '\0' && (w->way[peer].named_by != index + 1 || strcmp(his, m->name) == 0)) {
        return;
    }
    if (m->name[0] == '\0' && m->state == DATAPATH_SIGNAL_AWAY && now_ms < b->grace_ms) {
        return; /* a new life of it has not heard him yet */
    }
    if (m->name[0] != '\0' && datapath_ways_named(w, m->name, &holder) && w->way[holder].named_by == index + 1) {
        (void)datapath_ways_call(w, holder, "", 0);
    }
    if (his[0] != '\0') {
        (void)datapath_ways_call(w, peer, "", 0);
        may_be_free(w, index);
    }
    if (!datapath_ways_call(w, peer, m->name, index + 1)) {
        w->believe[index].is_refused = true;
        datapath_ways_note(fx, DATAPATH_WAYS_REFUSED, peer, b->peer, m->key);
    }
}

enum err datapath_meet_make(struct datapath_ways *w, struct datapath_time now, const uint8_t key[DATAPATH_NOISE_KEY],
                            const struct datapath_endpoint *at, uint32_t *ret_peer)
{
    struct datapath_peer_config c = {.endpoint = *at};

    memcpy(c.public, key, sizeof c.public);
    if (w->config.has_secret) {
        datapath_psk_pair(w->config.secret, datapath_core_public(w->core), key, c.psk);
    }
    if (w->config.recall != NULL) {
        w->config.recall(w->config.memory, c.public, &c.heard);
    }
    enum err e = datapath_core_add(w->core, &c, now, ret_peer);
    sodium_memzero(c.psk, sizeof c.psk);
    if (e == ERR_OK) {
        (void)datapath_ways_touch(w, *ret_peer);
    }
    return e;
}

static bool add(struct datapath_ways *w, struct datapath_time now, const struct datapath_signal_member *m, uint32_t index,
                uint32_t *ret_peer, struct datapath_ways_effects *fx)
{
    const struct datapath_endpoint nowhere = {.port = 0};

    if (datapath_meet_make(w, now, m->key, m->places > 0 ? &m->place[0] : &nowhere, ret_peer) != ERR_OK) {
        datapath_ways_note(fx, DATAPATH_WAYS_REFUSED, 0, w->believe[index].peer, m->key);
        return false;
    }
    datapath_ways_touch(w, *ret_peer)->introduced = index + 1;
    datapath_ways_note(fx, DATAPATH_WAYS_CAME, *ret_peer, w->believe[index].peer, m->key);
    return true;
}

static void remove_peer(struct datapath_ways *w, uint32_t peer, uint32_t index, struct datapath_ways_effects *fx)
{
    datapath_ways_note(fx, DATAPATH_WAYS_WENT, peer, w->believe[index].peer, datapath_guide_key(w->core, peer));
    datapath_core_remove(w->core, peer);
    (void)datapath_ways_touch(w, peer);
    may_be_free(w, index);
}

/* It does not have him. He goes with the last that has; until then another's word is what counts, and is asked for. */
static void lose(struct datapath_ways *w, uint32_t peer, uint32_t index, struct datapath_ways_effects *fx)
{
    struct datapath_way *way = datapath_ways_touch(w, peer);

    way->named &= ~(UINT32_C(1) << index);
    if (way->named_by == index + 1) {
        (void)datapath_ways_call(w, peer, "", 0);
        may_be_free(w, index);
    }
    if (way->introduced != index + 1) {
        return;
    }
    if (way->named == 0) {
        remove_peer(w, peer, index, fx);
        return;
    }
    way->introduced = (uint32_t)__builtin_ctz(way->named) + 1;
    way->prefixes = 0;
    datapath_guest_forget(&w->believe[way->introduced - 1].guest);
}

/* Whether it says where he is: who brought him does, and as long as nobody else knows any other. */
static bool is_word(const struct datapath_ways *w, uint64_t now_ms, const struct datapath_way *way, uint32_t index)
{
    return way->introduced == 0 || way->introduced == index + 1 || way->places == 0 ||
           !datapath_guest_is_there(&w->believe[way->introduced - 1].guest, now_ms);
}

/* One member as it is now; of his places those stay in *m where he can be. Returns his number; UINT32_MAX: he is no peer. */
static uint32_t take(struct datapath_ways *w, struct datapath_time now, struct datapath_signal_member *m,
                     uint32_t index, bool is_meeting, struct datapath_ways_effects *fx)
{
    uint32_t peer;

    m->places = datapath_message_keep_places(m->place, m->places, datapath_guide_endpoint(w->core, w->believe[index].peer));
    if (memcmp(m->key, datapath_core_public(w->core), sizeof m->key) == 0) {
        return UINT32_MAX;
    }
    bool is_known = datapath_core_find(w->core, m->key, &peer);
    if (!is_known && m->state == DATAPATH_SIGNAL_AWAY) {
        return UINT32_MAX; /* we hear of him when he comes */
    }
    if (m->state == DATAPATH_SIGNAL_GONE) {
        if (is_known) {
            lose(w, peer, index, fx);
        }
        return UINT32_MAX;
    }
    if (!is_known && !add(w, now, m, index, &peer, fx)) {
        return UINT32_MAX;
    }
    struct datapath_way *way = datapath_ways_touch(w, peer);
    way->named |= UINT32_C(1) << index;
    way->round[index] = w->believe[index].guest.round;
    if (way->introduced == index + 1) {
        allow(w, peer, m, index, fx);
    }
    if (!is_meeting) { /* a MEET has no names */
        call(w, now.ms, peer, m, index, fx);
    }
    if (m->places == 0 || (!is_meeting && !is_word(w, now.ms, way, index))) {
        return peer; /* where he was is as good a guess as any */
    }
    bool is_elsewhere = way->places == 0 || !datapath_message_is_same(&way->place[0], &m->place[0]);
    way->places = m->places;
    memcpy(way->place, m->place, sizeof way->place);
    if (way->is_active) {
        (void)datapath_ways_seek(w, now, peer); /* asks the new ones */
    } else if (is_elsewhere && way->introduced != 0) {
        datapath_guide_lead(w->core, now, peer, &m->place[0], &fx->core);
    }
    return peer;
}

/* Whom it did not mention on a list of all it does not have; but not before a new life of it can have heard of all. */
static void sweep(struct datapath_ways *w, uint64_t now_ms, uint32_t index, struct datapath_ways_effects *fx)
{
    struct datapath_ways_believed *b = &w->believe[index];

    if (!b->wants_sweep || b->guest.is_full || now_ms < b->grace_ms) {
        return;
    }
    b->wants_sweep = false;
    for (uint32_t peer = 0; peer < w->config.peers_max; peer++) {
        const struct datapath_way *way = datapath_ways_of(w, peer);
        if (way != NULL && (way->named >> index & 1) != 0 && way->round[index] != b->guest.round) {
            lose(w, peer, index, fx);
        }
    }
}

enum datapath_ways_verdict datapath_meet_news(struct datapath_ways *w, struct datapath_time now, uint32_t peer,
                                              const struct datapath_signal *s, struct datapath_ways_effects *fx)
{
    uint32_t index = datapath_meet_index(w, peer);
    struct datapath_signal_member m;
    bool is_whole;
    size_t at = 0, name_at = 0;

    if (index == DATAPATH_WAYS_BELIEVED) {
        return DATAPATH_WAYS_UNASKED;
    }
    struct datapath_ways_believed *b = &w->believe[index];
    uint64_t former = b->guest.epoch;
    if (!datapath_guest_hear(&b->guest, now.ms, s, &is_whole)) {
        return DATAPATH_WAYS_UNASKED;
    }
    if (b->guest.epoch != former) {
        b->grace_ms = now.ms + DATAPATH_ROLL_KEEP_MS;
    }
    while (datapath_signal_take_member(s->members, s->members_size, &at, &m)) {
        (void)datapath_signal_take_name(s->names, s->names_size, &name_at, m.name);
        (void)take(w, now, &m, index, false, fx);
    }
    bool is_unnamed = (s->flags & DATAPATH_SIGNAL_REFUSED) != 0;
    if (is_unnamed && !b->is_unnamed) {
        datapath_ways_note(fx, DATAPATH_WAYS_UNNAMED, peer, peer, NULL);
    }
    b->is_unnamed = is_unnamed;
    b->wants_sweep = b->wants_sweep || is_whole;
    sweep(w, now.ms, index, fx);
    return DATAPATH_WAYS_HEARD;
}

/* ---- meeting ------------------------------------------------------------------------------------------- */

void datapath_meet_ask_relays(struct datapath_ways *w, struct datapath_time now, uint32_t peer, struct datapath_ways_effects *fx)
{
    struct datapath_signal s = {.kind = DATAPATH_SIGNAL_RELAY};

    memcpy(s.key, datapath_guide_key(w->core, peer), sizeof s.key);
    for (uint32_t i = 0; i < w->believed; i++) {
        const struct datapath_ways_believed *b = &w->believe[i];
        if (b->peer != peer && datapath_guest_is_there(&b->guest, now.ms) && datapath_meet_index(w, b->peer) == i) {
            s.epoch = b->guest.epoch;
            datapath_ways_say(w, b->peer, datapath_guide_endpoint(w->core, b->peer), &s, 0, false, fx);
            w->way[peer].relay_ms = now.ms + DATAPATH_WAYS_RELAY_MS;
        }
    }
}

void datapath_meet_call(struct datapath_ways *w, struct datapath_time now, uint32_t peer, struct datapath_ways_effects *fx)
{
    struct datapath_signal s = {.kind = DATAPATH_SIGNAL_CALL};

    memcpy(s.key, datapath_guide_key(w->core, peer), sizeof s.key);
    for (uint32_t i = 0; i < w->believed; i++) {
        const struct datapath_ways_believed *b = &w->believe[i];
        if (b->peer != peer && datapath_guest_is_there(&b->guest, now.ms) && datapath_meet_index(w, b->peer) == i) {
            s.epoch = b->guest.epoch;
            datapath_ways_say(w, b->peer, datapath_guide_endpoint(w->core, b->peer), &s, DATAPATH_WAYS_CALL_SIZE, false, fx);
            w->numbers.calls++;
        }
    }
    /* Not instead of calling, but until it is known what comes of it: packets go on meanwhile. */
    datapath_meet_ask_relays(w, now, peer, fx);
}

enum datapath_ways_verdict datapath_meet_met(struct datapath_ways *w, struct datapath_time now, uint32_t peer,
                                             const struct datapath_signal *s, struct datapath_ways_effects *fx)
{
    uint32_t index = datapath_meet_index(w, peer);
    struct datapath_path_event called = {.kind = DATAPATH_PATH_EV_CALLED, .now_ms = now.ms};
    struct datapath_signal_member m;
    size_t at = 0;

    if (index == DATAPATH_WAYS_BELIEVED || s->life != w->config.life || !datapath_signal_take_member(s->members, s->members_size, &at, &m) ||
        m.state != DATAPATH_SIGNAL_HERE) {
        return DATAPATH_WAYS_UNASKED;
    }
    uint32_t who = take(w, now, &m, index, true, fx);
    if (who == UINT32_MAX || !datapath_ways_seek(w, now, who)) {
        return DATAPATH_WAYS_UNASKED;
    }
    w->way[who].used_ms = now.ms;
    datapath_ways_step(w, now, who, &called, fx);
    return DATAPATH_WAYS_HEARD;
}

enum datapath_ways_verdict datapath_meet_relaying(struct datapath_ways *w, struct datapath_time now, uint32_t peer,
                                                  const struct datapath_endpoint *from, const struct datapath_signal *s,
                                                  struct datapath_ways_effects *fx)
{
    uint32_t index = datapath_meet_index(w, peer), other;
    struct datapath_path_event ev = {.kind = DATAPATH_PATH_EV_PING, .now_ms = now.ms, .at = *from, .place_kind = DATAPATH_PATH_RELAY};

    if (index == DATAPATH_WAYS_BELIEVED || (s->flags & DATAPATH_SIGNAL_REFUSED) != 0 || s->id == 0 ||
        s->epoch != w->believe[index].guest.epoch || s->life != w->config.life ||
        !datapath_message_is_same(from, datapath_guide_endpoint(w->core, peer)) ||
        !datapath_core_find(w->core, s->key, &other) || !datapath_ways_seek(w, now, other)) {
        return DATAPATH_WAYS_UNASKED;
    }
    struct datapath_endpoint at = *datapath_guide_endpoint(w->core, other);
    bool is_by_it = at.relay != 0 && at.port == from->port && memcmp(at.ip, from->ip, sizeof at.ip) == 0;
    w->way[other].relay_id[index] = s->id;
    if (is_by_it && at.relay != s->id) { /* we are elsewhere: packets that went by the former id go by this one */
        at.relay = s->id;
        datapath_guide_lead(w->core, now, other, &at, &fx->core);
    }
    if ((s->flags & DATAPATH_SIGNAL_WHOLE) != 0) {
        datapath_ways_step(w, now, other, &ev, fx);
    }
    return DATAPATH_WAYS_HEARD;
}

bool datapath_ways_is_relay(const struct datapath_ways *w, const struct datapath_endpoint *from)
{
    for (uint32_t i = 0; i < w->believed; i++) {
        const struct datapath_endpoint *at = datapath_guide_endpoint(w->core, w->believe[i].peer);
        if (at != NULL && datapath_message_is_same(at, from)) {
            return true;
        }
    }
    return false;
}
