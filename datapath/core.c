#include "datapath/core.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "datapath/guide.h"
#include "datapath/state.h"

enum {
    ALIGN = 16,
    CLOCK_SENDS = 2, /* of one peer and one thing that is due, at most: a keepalive and an initiation */
    CLOCK_NOTES = 1,
};

_Static_assert(sizeof(((struct datapath *)NULL)->hash_key) == crypto_shorthash_KEYBYTES, "a key of SipHash");

/* ---- memory ------------------------------------------------------------------------------------------- */

/* Places in the one block, in this order. */
struct layout {
    size_t peer, bucket, who_bucket, agenda, index, allowed, allowed_first, wait, total;
    uint32_t buckets;
};

static size_t place(size_t *at, size_t size)
{
    size_t begin = *at;

    *at = (*at + size + ALIGN - 1) / ALIGN * ALIGN;
    return begin;
}

static struct layout lay_out(uint32_t peers_max, uint32_t prefixes_max, uint32_t mtu)
{
    struct layout l = {.buckets = 1};
    size_t at = 0;

    while (l.buckets < peers_max) {
        l.buckets *= 2;
    }
    (void)place(&at, sizeof(struct datapath));
    l.peer = place(&at, peers_max * sizeof(struct datapath_peer));
    l.bucket = place(&at, l.buckets * sizeof(uint32_t));
    l.who_bucket = place(&at, l.buckets * sizeof(uint32_t));
    l.agenda = place(&at, peers_max * sizeof(struct datapath_agenda_item));
    l.index = place(&at, datapath_index_slots(peers_max) * sizeof(struct datapath_index_slot));
    l.allowed = place(&at, datapath_allowed_nodes(prefixes_max) * sizeof(struct datapath_allowed_node));
    l.allowed_first = place(&at, peers_max * sizeof(uint32_t));
    l.wait = place(&at, DATAPATH_WAIT_MAX * (size_t)mtu);
    l.total = at;
    return l;
}

size_t datapath_core_size(uint32_t peers_max, uint32_t prefixes_max, uint32_t mtu)
{
    return lay_out(peers_max, prefixes_max, mtu).total;
}

static bool is_valid(const struct datapath_config *c)
{
    return c->peers_max > 0 && c->peers_max <= DATAPATH_PEERS_MAX && c->prefixes_max > 0 &&
           c->prefixes_max <= DATAPATH_PREFIXES_MAX && c->mtu >= DATAPATH_MTU_MIN && c->mtu <= DATAPATH_MTU_MAX &&
           c->pace.jitter_ms > 0 && c->pace.retry_ms > 0 &&
           c->pace.reject_ms > c->pace.keepalive_ms + c->pace.retry_ms;
}

enum err datapath_core_init(void *memory, const struct datapath_config *config, struct datapath_time now,
                            struct datapath **ret)
{
    struct layout l = lay_out(config->peers_max, config->prefixes_max, config->mtu);
    uint8_t *base = memory, secret[DATAPATH_HASH_SIZE], key[DATAPATH_LIMIT_KEY];
    struct datapath *d = memory;
    struct datapath_noise_self self;

    memcpy(self.secret, config->secret, sizeof self.secret);
    if (!is_valid(config) || datapath_noise_public(&self) != ERR_OK) {
        return ERR_INVALID;
    }
    memset(base, 0, l.wait); /* what waits there is written before it is read */
    *d = (struct datapath){.self = self, .peers_max = config->peers_max, .mtu = config->mtu, .pace = config->pace,
                           .aead = config->aead, .own = config->own,
                           .kinds = (config->own != NULL ? DATAPATH_OWN_AES : 0u) | (config->has_frames ? DATAPATH_OWN_FRAMES : 0u) |
                                    (config->own != NULL && config->has_sums ? DATAPATH_OWN_SUMS : 0u),
                           .peer = (void *)(base + l.peer), .free = 1,
                           .bucket = (void *)(base + l.bucket), .bucket_mask = l.buckets - 1,
                           .who_bucket = (void *)(base + l.who_bucket),
                           .floor_ns = config->stamp_ns, .stamp_ns = config->stamp_ns};
    datapath_shake_init(d);
    datapath_random_init(&d->random, config->seed);
    datapath_random_draw(&d->random, secret, sizeof secret);
    datapath_cookie_open(&d->gate, self.public, secret, now.ms);
    datapath_random_draw(&d->random, key, sizeof key);
    datapath_limit_init(&d->limit, key, now.ms);
    datapath_random_draw(&d->random, d->hash_key, sizeof d->hash_key);
    datapath_index_init(&d->index, (void *)(base + l.index), config->peers_max);
    d->index.live = config->live;
    d->callers = config->callers;
    datapath_allowed_init(&d->allowed, (void *)(base + l.allowed), config->prefixes_max, (void *)(base + l.allowed_first), config->peers_max);
    datapath_agenda_init(&d->agenda, (void *)(base + l.agenda), config->peers_max);
    datapath_wait_init(&d->wait, base + l.wait, config->mtu);
    for (uint32_t i = 0; i < config->peers_max; i++) {
        d->peer[i].next = i + 1 < config->peers_max ? i + 2 : 0;
    }
    sodium_memzero(secret, sizeof secret);
    sodium_memzero(&self, sizeof self);
    *ret = d;
    return ERR_OK;
}

void datapath_core_resize(struct datapath *d, uint32_t mtu)
{
    assert(mtu >= DATAPATH_MTU_MIN && mtu <= d->wait.room);
    d->mtu = mtu;
}

void datapath_core_fini(struct datapath *d)
{
    sodium_memzero(d->peer, d->peers_max * sizeof *d->peer);
    sodium_memzero(d, sizeof *d);
}

void datapath_core_stir(struct datapath *d, const uint8_t seed[DATAPATH_RANDOM_SEED])
{
    datapath_random_stir(&d->random, seed);
}

const uint8_t *datapath_core_public(const struct datapath *d)
{
    return d->self.public;
}

const struct datapath_numbers *datapath_core_numbers(const struct datapath *d)
{
    return &d->numbers;
}

uint64_t datapath_core_cookies(const struct datapath *d, uint8_t ret[2][DATAPATH_HASH_SIZE], uint32_t *ret_count)
{
    *ret_count = d->gate.has_former ? 2 : 1;
    memcpy(ret, d->gate.secret, *ret_count * sizeof ret[0]);
    return d->gate.born_ms;
}

uint64_t datapath_core_stamp_ns(const struct datapath *d)
{
    return d->stamp_ns;
}

uint64_t datapath_core_due_ms(const struct datapath *d)
{
    uint32_t who;

    return datapath_agenda_first(&d->agenda, &who);
}

/* ---- peers -------------------------------------------------------------------------------------------- */

static uint32_t *bucket_of(const struct datapath *d, const uint8_t public[DATAPATH_NOISE_KEY])
{
    uint8_t hash[crypto_shorthash_BYTES];

    (void)crypto_shorthash(hash, public, DATAPATH_NOISE_KEY, d->hash_key);
    return &d->bucket[datapath_message_get32(hash) & d->bucket_mask];
}

bool datapath_core_find(const struct datapath *d, const uint8_t public[DATAPATH_NOISE_KEY], uint32_t *ret)
{
    for (uint32_t at = *bucket_of(d, public); at != 0; at = d->peer[at - 1].next) {
        if (memcmp(d->peer[at - 1].config.public, public, DATAPATH_NOISE_KEY) == 0) {
            *ret = at - 1;
            return true;
        }
    }
    return false;
}

void datapath_core_schedule(struct datapath *d, uint32_t peer)
{
    uint64_t when_ms = datapath_timers_when_ms(&d->peer[peer].timers);

    /* What is due later than it was is found out when the earlier time comes: most are moved with every packet. */
    if (when_ms < datapath_agenda_of(&d->agenda, peer)) {
        datapath_agenda_set(&d->agenda, peer, when_ms);
    }
}

enum err datapath_core_add(struct datapath *d, const struct datapath_peer_config *config, struct datapath_time now,
                           uint32_t *ret)
{
    uint8_t shared[DATAPATH_NOISE_KEY];

    if (datapath_core_find(d, config->public, ret)) {
        return ERR_EXISTS;
    }
    if (memcmp(config->public, d->self.public, sizeof d->self.public) == 0) {
        return ERR_FORGED;
    }
    enum err e = datapath_noise_shared(&d->self, config->public, shared);
    if (e != ERR_OK) {
        return e;
    }
    if (config->persist_ms > DATAPATH_PERSIST_MS_MAX) {
        return ERR_INVALID;
    }
    if (d->free == 0) {
        return ERR_LIMIT;
    }
    uint32_t peer = d->free - 1, *bucket = bucket_of(d, config->public);
    struct datapath_peer *p = &d->peer[peer];
    d->free = p->next;
    *p = (struct datapath_peer){.is_used = true, .next = *bucket, .config = *config, .stamp_ns = d->floor_ns};
    *bucket = peer + 1;
    memcpy(p->shared, shared, sizeof p->shared);
    sodium_memzero(shared, sizeof shared);
    p->serial = ++d->serial;
    datapath_guide_enter(d, peer);
    datapath_cookie_keys(config->public, &p->cookie.keys);
    datapath_timers_persist(&p->timers, config->persist_ms, now.ms);
    datapath_core_schedule(d, peer);
    *ret = peer;
    return ERR_OK;
}

void datapath_core_free_ids(struct datapath *d, const struct datapath_freed *freed)
{
    for (uint32_t i = 0; i < freed->count; i++) {
        datapath_index_drop(&d->index, freed->id[i]);
    }
}

static void erase_keys(struct datapath *d, struct datapath_peer *p)
{
    struct datapath_freed freed;

    datapath_session_erase(&p->session, &freed);
    datapath_core_free_ids(d, &freed);
    datapath_shake_forget(d, p);
}

static void drop_waiting(struct datapath *d, struct datapath_peer *p)
{
    const uint8_t *packet;
    size_t size;

    while (datapath_wait_take(&d->wait, &p->waiting, &packet, &size)) {
        p->numbers.lost++;
    }
}

void datapath_core_remove(struct datapath *d, uint32_t peer)
{
    struct datapath_peer *p = &d->peer[peer];
    uint32_t *link = bucket_of(d, p->config.public);

    assert(peer < d->peers_max && p->is_used);
    while (*link != peer + 1) {
        link = &d->peer[*link - 1].next;
    }
    *link = p->next;
    datapath_guide_leave(d, peer);
    erase_keys(d, p);
    drop_waiting(d, p);
    datapath_allowed_drop_peer(&d->allowed, peer);
    datapath_agenda_set(&d->agenda, peer, UINT64_MAX);
    sodium_memzero(p, sizeof *p);
    p->next = d->free;
    d->free = peer + 1;
}

enum err datapath_core_change(struct datapath *d, uint32_t peer, const struct datapath_peer_config *config,
                              struct datapath_time now)
{
    struct datapath_peer *p = &d->peer[peer];

    assert(peer < d->peers_max && p->is_used);
    if (config->persist_ms > DATAPATH_PERSIST_MS_MAX) {
        return ERR_INVALID;
    }
    memcpy(p->config.psk, config->psk, sizeof p->config.psk);
    p->config.endpoint = config->endpoint;
    if (p->config.persist_ms != config->persist_ms) {
        p->config.persist_ms = config->persist_ms;
        datapath_timers_persist(&p->timers, config->persist_ms, now.ms);
        datapath_core_schedule(d, peer);
    }
    return ERR_OK;
}

enum err datapath_core_allow(struct datapath *d, uint32_t peer, const struct datapath_prefix *prefix)
{
    uint32_t former;

    assert(peer < d->peers_max && d->peer[peer].is_used);
    d->peer[peer].changes++;
    enum err e = datapath_allowed_add(&d->allowed, prefix, peer, &former);
    if (e == ERR_OK && former != DATAPATH_ALLOWED_NOBODY) {
        d->peer[former].changes++;
    }
    return e;
}

enum err datapath_core_disallow(struct datapath *d, uint32_t peer, const struct datapath_prefix *prefix)
{
    d->peer[peer].changes++;
    return datapath_allowed_drop(&d->allowed, prefix, peer);
}

void datapath_core_disallow_all(struct datapath *d, uint32_t peer)
{
    d->peer[peer].changes++;
    datapath_allowed_drop_peer(&d->allowed, peer);
}

bool datapath_core_owner(const struct datapath *d, const uint8_t *ip, size_t size, uint32_t *ret_peer)
{
    *ret_peer = datapath_allowed_find(&d->allowed, ip, size);
    return *ret_peer != DATAPATH_ALLOWED_NOBODY;
}

void datapath_core_each_prefix(const struct datapath *d, uint32_t peer,
                               void (*each)(void *context, uint32_t peer, const struct datapath_prefix *prefix), void *context)
{
    datapath_allowed_each(&d->allowed, peer, each, context);
}

bool datapath_core_view(const struct datapath *d, uint32_t peer, struct datapath_view *ret)
{
    const struct datapath_peer *p = &d->peer[peer];

    if (peer >= d->peers_max || !p->is_used) {
        return false;
    }
    *ret = p->numbers;
    ret->config = p->config;
    ret->has_session = p->session.current.local != DATAPATH_INDEX_NONE;
    ret->is_own = p->session.current.opens_aes;
    ret->takes_frames = p->takes_frames;
    ret->waiting = p->waiting.count;
    return true;
}

enum datapath_taking datapath_core_taking(const struct datapath *d, uint32_t peer)
{
    const struct datapath_peer *p = &d->peer[peer];

    if (peer >= d->peers_max || !p->is_used) {
        return DATAPATH_TAKES_NONE;
    }
    if (p->takes_frames) { /* in this session or an earlier one, unless he says nothing of it any more */
        return p->unanswered < DATAPATH_OWN_TRIES ? DATAPATH_TAKES_FRAMES : DATAPATH_TAKES_NONE;
    }
    return p->numbers.session_wall_ns == 0 ? DATAPATH_TAKES_UNKNOWN : DATAPATH_TAKES_NONE;
}

void datapath_core_moved(struct datapath *d, uint32_t peer, const struct datapath_endpoint *from,
                         struct datapath_effects *fx)
{
    struct datapath_endpoint *at = &d->peer[peer].config.endpoint;

    if (!datapath_message_is_same(at, from)) {
        *at = *from;
        datapath_effects_note(fx, DATAPATH_NOTE_MOVED, peer);
    }
}

/* ---- steps -------------------------------------------------------------------------------------------- */

static void perform(struct datapath *d, struct datapath_time now, uint32_t peer, enum datapath_timers_due due,
                    struct datapath_effects *fx)
{
    struct datapath_peer *p = &d->peer[peer];

    switch (due) {
    case DATAPATH_DUE_NOTHING:
        break;
    case DATAPATH_DUE_RETRY:
        (void)datapath_shake_begin(d, now, peer, true, fx);
        break;
    case DATAPATH_DUE_GIVE_UP:
        datapath_shake_forget(d, p);
        drop_waiting(d, p);
        datapath_effects_note(fx, DATAPATH_NOTE_GIVEN_UP, peer);
        break;
    case DATAPATH_DUE_KEEPALIVE:
        datapath_transfer_keepalive(d, now, peer, fx);
        break;
    case DATAPATH_DUE_SILENCE:
        (void)datapath_shake_begin(d, now, peer, false, fx);
        break;
    case DATAPATH_DUE_ERASE:
        erase_keys(d, p);
        datapath_effects_note(fx, DATAPATH_NOTE_ERASED, peer);
        break;
    }
}

void datapath_core_clock(struct datapath *d, struct datapath_time now, struct datapath_effects *fx)
{
    uint32_t peer;

    datapath_effects_clear(fx);
    while ((fx->due_ms = datapath_agenda_first(&d->agenda, &peer)) <= now.ms) {
        if (fx->sends + CLOCK_SENDS > DATAPATH_SENDS_MAX || fx->notes + CLOCK_NOTES > DATAPATH_NOTES_MAX) {
            return;
        }
        struct datapath_timers *t = &d->peer[peer].timers;
        enum datapath_timers_due due = datapath_timers_next(t, &d->pace, now.ms);
        perform(d, now, peer, due, fx);
        uint64_t when_ms = datapath_timers_when_ms(t);
        datapath_agenda_set(&d->agenda, peer, when_ms);
    }
}

enum datapath_verdict datapath_core_receive(struct datapath *d, struct datapath_time now,
                                            const struct datapath_endpoint *from, uint8_t *bytes, size_t size,
                                            const uint8_t **ret_packet, size_t *ret_size, uint32_t *ret_peer,
                                            struct datapath_effects *fx)
{
    enum datapath_verdict v = DATAPATH_KIND;
    uint32_t peer = UINT32_MAX;

    datapath_effects_clear(fx);
    *ret_size = 0;
    switch (from->port == 0 ? DATAPATH_KIND_NONE : datapath_message_kind(bytes, size)) {
    case DATAPATH_KIND_DATA:
        v = datapath_transfer_open(d, now, from, bytes, size, ret_packet, ret_size, &peer, fx);
        break;
    case DATAPATH_KIND_INITIATION:
        v = datapath_shake_initiation(d, now, from, bytes, &peer, fx);
        break;
    case DATAPATH_KIND_RESPONSE:
        v = datapath_shake_response(d, now, from, bytes, &peer, fx);
        break;
    case DATAPATH_KIND_COOKIE:
        v = datapath_shake_cookie(d, now, bytes, &peer);
        break;
    case DATAPATH_KIND_NONE:
    case DATAPATH_KIND_SIGNAL: /* ours go another way: ways.h */
    case DATAPATH_KIND_RELAYED:
        break;
    }
    d->numbers.verdict[v]++;
    if (peer != UINT32_MAX) {
        d->peer[peer].numbers.verdict[v]++;
        *ret_peer = peer;
    }
    return v;
}

/* ---- words -------------------------------------------------------------------------------------------- */

const char *datapath_core_verdict_name(enum datapath_verdict v)
{
    static const char *const names[] = {
#define X(name, text) #name,
        DATAPATH_VERDICT_MAP(X)
#undef X
    };

    return names[v];
}

const char *datapath_core_verdict_text(enum datapath_verdict v)
{
    static const char *const texts[] = {
#define X(name, text) text,
        DATAPATH_VERDICT_MAP(X)
#undef X
    };

    return texts[v];
}
