#include "datapath/kin.h"

#include <assert.h>
#include <string.h>

#include "datapath/meet.h"
#include "datapath/state.h"

enum { WORD = DATAPATH_WAYS_BELIEVED + 1 }; /* whose a name is that membership told: no rendezvous' */

size_t datapath_kin_size(uint32_t peers)
{
    return peers * sizeof(struct datapath_kin_one);
}

void datapath_kin_init(struct datapath_kin *k, void *memory, struct datapath_ways *ways)
{
    memset(memory, 0, datapath_kin_size(ways->config.peers_max));
    *k = (struct datapath_kin){.ways = ways, .of = memory};
}

bool datapath_kin_is(const struct datapath_kin *k, uint32_t peer)
{
    return k->ways != NULL && k->of[peer].serial != 0 && k->of[peer].serial == datapath_guide_serial(k->ways->core, peer);
}

bool datapath_kin_find(const struct datapath_kin *k, const uint8_t id[DATAPATH_KIN_ID], uint32_t *ret)
{
    for (uint32_t peer = 0; peer < k->ways->config.peers_max; peer++) {
        if (k->of[peer].serial != 0 && memcmp(k->of[peer].id, id, DATAPATH_KIN_ID) == 0 && datapath_kin_is(k, peer)) {
            *ret = peer;
            return true;
        }
    }
    return false;
}

void datapath_kin_begin(struct datapath_kin *k)
{
    k->round++;
}

static bool may_lose_nothing(const void *context, uint32_t peer, bool is_whole)
{
    return false;
}

/* Whether his address in network n is his: it was before, it is nobody's, or it came to a member with a higher id just now. Who had
 * it when a list ended keeps it: an id that is lower and has the same address in a small network is found by trying some. */
static bool allow(struct datapath_kin *k, uint32_t peer, uint32_t n, const struct datapath_prefix *p)
{
    struct datapath *core = k->ways->core;
    uint32_t holder;

    for (uint32_t i = 0; i < k->own_prefixes; i++) {
        if (k->own[i].size == p->size && memcmp(k->own[i].ip, p->ip, p->size) == 0) {
            return false;
        }
    }
    if (datapath_core_owner(core, p->ip, p->size, &holder) && holder != peer && datapath_kin_is(k, holder) &&
        (k->of[holder].keeps >> n & 1) == 0 && memcmp(k->of[peer].id, k->of[holder].id, DATAPATH_KIN_ID) < 0 &&
        datapath_core_disallow(core, holder, p) == ERR_OK) {
        k->of[holder].has &= ~(UINT32_C(1) << n);
    }
    return datapath_guide_allow(core, peer, p, may_lose_nothing, NULL) == ERR_OK;
}

static enum datapath_kin_verdict allow_all(struct datapath_kin *k, uint32_t peer, const struct datapath_kin_member *m)
{
    struct datapath_kin_one *one = &k->of[peer];

    one->has = 0;
    for (uint32_t i = 0; i < m->prefixes; i++) {
        one->has |= (uint32_t)allow(k, peer, i, &m->prefix[i]) << i;
    }
    uint32_t lacks = ~one->has & ((UINT32_C(1) << m->prefixes) - 1);
    bool is_news = (lacks & ~one->lacked) != 0;
    one->lacked = lacks;
    k->collisions += is_news;
    return is_news ? DATAPATH_KIN_COLLIDES : DATAPATH_KIN_KNOWN;
}

static void remove_peer(struct datapath_kin *k, uint32_t peer)
{
    datapath_core_remove(k->ways->core, peer);
    (void)datapath_ways_touch(k->ways, peer);
    k->of[peer] = (struct datapath_kin_one){.serial = 0};
}

/* He is where membership reaches him now; WireGuard's own word, an authentic packet, counts from then on again. */
static void follow(struct datapath_kin *k, struct datapath_time now, uint32_t peer, const struct datapath_kin_member *m,
                   struct datapath_effects *fx)
{
    struct datapath_kin_one *one = &k->of[peer];

    if (m->at.port != 0 && !datapath_message_is_same(&one->at, &m->at)) {
        one->at = m->at;
        datapath_guide_lead(k->ways->core, now, peer, &m->at, fx);
    }
}

static void call(struct datapath_kin *k, uint32_t peer, const char *name)
{
    struct datapath_ways *w = k->ways;
    const char *his = w->labels.of[peer].text;
    bool is_ours = his[0] == '\0' || w->way[peer].named_by == WORD;

    if (is_ours && strcmp(his, name) != 0 && !datapath_ways_call(w, peer, name, WORD)) {
        (void)datapath_ways_call(w, peer, "", WORD); /* it is another's; looked at again with the next list */
    }
}

enum datapath_kin_verdict datapath_kin_take(struct datapath_kin *k, struct datapath_time now, const struct datapath_kin_member *m,
                                            struct datapath_effects *fx)
{
    struct datapath *core = k->ways->core;
    enum datapath_kin_verdict came = DATAPATH_KIN_KNOWN;
    uint32_t peer;

    assert(m->prefixes <= DATAPATH_KIN_PREFIXES);
    datapath_effects_clear(fx);
    bool is_there = datapath_core_find(core, m->key, &peer), is_kin = is_there && datapath_kin_is(k, peer);
    if (is_there && !is_kin) {
        return DATAPATH_KIN_OTHERS;
    }
    if (!is_there && !m->is_living) {
        return DATAPATH_KIN_KNOWN;
    }
    if (m->has_left) {
        remove_peer(k, peer);
        return DATAPATH_KIN_WENT;
    }
    if (!is_there) {
        if (datapath_meet_make(k->ways, now, m->key, &m->at, &peer) != ERR_OK) {
            k->refused++;
            return DATAPATH_KIN_REFUSED;
        }
        k->of[peer] = (struct datapath_kin_one){.serial = datapath_guide_serial(core, peer), .at = m->at};
        memcpy(k->of[peer].id, m->id, sizeof m->id);
        came = DATAPATH_KIN_CAME;
    }
    k->of[peer].round = k->round;
    if (!m->is_living) {
        k->of[peer].gone_ms = k->of[peer].gone_ms == 0 ? now.ms : k->of[peer].gone_ms;
        return came;
    }
    k->of[peer].gone_ms = 0;
    follow(k, now, peer, m, fx);
    call(k, peer, m->name);
    enum datapath_kin_verdict v = allow_all(k, peer, m);
    return v == DATAPATH_KIN_COLLIDES ? v : came;
}

void datapath_kin_end(struct datapath_kin *k, uint64_t now_ms)
{
    k->count = 0;
    for (uint32_t peer = 0; peer < k->ways->config.peers_max; peer++) {
        struct datapath_kin_one *one = &k->of[peer];
        if (datapath_kin_is(k, peer) && one->round != k->round && one->gone_ms == 0) {
            one->gone_ms = now_ms;
        }
        one->keeps = one->has;
        k->count += datapath_kin_is(k, peer);
    }
}

bool datapath_kin_bury(struct datapath_kin *k, uint64_t now_ms, uint8_t ret_key[DATAPATH_NOISE_KEY])
{
    for (uint32_t peer = 0; peer < k->ways->config.peers_max; peer++) {
        const struct datapath_kin_one *one = &k->of[peer];
        if (one->gone_ms != 0 && now_ms - one->gone_ms >= DATAPATH_KIN_DEAD_MS && datapath_kin_is(k, peer)) {
            memcpy(ret_key, datapath_guide_key(k->ways->core, peer), DATAPATH_NOISE_KEY);
            remove_peer(k, peer);
            return true;
        }
    }
    return false;
}

void datapath_kin_claim(struct datapath_kin *k, uint32_t peer)
{
    if (datapath_kin_is(k, peer)) {
        k->of[peer] = (struct datapath_kin_one){.serial = 0};
    }
}
