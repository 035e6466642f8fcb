#include "nodosum/lan.h"

#include <assert.h>
#include <sodium.h>
#include <stdalign.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/rate.h"
#include "common/base/rng.h"
#include "nodosum/lan_cache.h"
#include "nodosum/lan_wire.h"

enum { US = 1000, SECOND_US = 1000000 };

/* Questions to the group after a start: three, for one or two may be lost (RFC 6762, 8.1). */
static const uint32_t first_asks_ms[] = {0, 250, 1000};

/* A packet that waits for its moment. */
struct waiting {
    bool is_used, is_question;
    struct nodosum_address to;
    uint64_t nonce, due_us;      /* nonce: that is answered */
};

/* A fresh number that is out: whoever answers it is where it was sent. */
struct asked {
    uint64_t nonce, until_us;
    bool is_group;               /* any may answer, each from its own place */
    struct nodosum_address at;
};

struct nodosum_lan {
    struct nodosum_lan_config config;
    struct nodosum_lan_cache cache;
    struct nodosum_lan_counters counters;
    struct nodosum_lan_effects *fx; /* of the step being made */
    struct rng rng;
    uint64_t now_us;
    uint64_t nonce_count;
    uint8_t nonce_key[crypto_shorthash_KEYBYTES], source_key[crypto_shorthash_KEYBYTES];
    uint32_t number;             /* of the last packet sent in this life */
    uint32_t asks;               /* of the first ones, done              */
    uint64_t ask_us, announce_us;
    struct waiting waiting[NODOSUM_LAN_WAITING_MAX];
    struct asked asked[NODOSUM_LAN_ASKED_MAX];
    uint32_t asked_next;
    struct rate total, sent, source[NODOSUM_LAN_SOURCES];
};

size_t nodosum_lan_size(uint32_t peers_max)
{
    return sizeof(struct nodosum_lan) + nodosum_lan_cache_size(peers_max);
}

static void fill_key(struct nodosum_lan *l, uint8_t *key, size_t size)
{
    for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
        bytes_put_be64(key + i, rng_next(&l->rng));
    }
}

static void arrive(struct nodosum_lan *l, uint64_t now_us)
{
    l->asks = 0;
    l->ask_us = now_us;
    l->announce_us = now_us + (uint64_t)NODOSUM_LAN_FIRST_MS * US; /* those who heard only its questions ask back */
}

enum err nodosum_lan_init(void *memory, const struct nodosum_lan_config *config, uint64_t now_us,
                          struct nodosum_lan **ret)
{
    struct nodosum_lan *l = memory;
    uint8_t hash_key[NODOSUM_LAN_HASH_KEY];

    static_assert(alignof(struct nodosum_lan) >= alignof(struct nodosum_lan_entry), "the cache follows the state");
    if (config->peers_max == 0 || config->peers_max > NODOSUM_LAN_PEERS_MAX || config->port == 0 ||
        config->keys == 0 || config->keys > NODOSUM_LAN_KEYS_MAX || !name_valid_str(config->name)) {
        return ERR_INVALID;
    }
    memset(l, 0, sizeof *l);
    l->config = *config;
    rng_init(&l->rng, config->seed);
    fill_key(l, l->nonce_key, sizeof l->nonce_key);
    fill_key(l, l->source_key, sizeof l->source_key);
    fill_key(l, hash_key, sizeof hash_key);
    nodosum_lan_cache_init(&l->cache, l + 1, config->peers_max, hash_key);
    l->now_us = now_us;
    arrive(l, now_us);
    *ret = l;
    return ERR_OK;
}

void nodosum_lan_rekey(struct nodosum_lan *l, const struct nodosum_lan_key *keys, uint32_t count)
{
    assert(count >= 1 && count <= NODOSUM_LAN_KEYS_MAX);
    memset(l->config.key, 0, sizeof l->config.key);
    memcpy(l->config.key, keys, count * sizeof *keys);
    l->config.keys = count;
}

/* ---- sending --------------------------------------------------------------------------------------- */

/* group: to NULL. False: over the rate or the step's room. */
static bool send(struct nodosum_lan *l, enum nodosum_lan_kind kind, const struct nodosum_address *to, uint64_t nonce)
{
    struct nodosum_lan_message m = {.kind = kind, .epoch = l->config.key[0].epoch, .nonce = nonce, .id = l->config.id,
                                    .port = l->config.port, .name_len = (uint8_t)strlen(l->config.name)};
    struct nodosum_lan_effects *fx = l->fx;
    uint64_t held;

    if (fx->sends == NODOSUM_LAN_SENDS_MAX ||
        !rate_pass(&l->sent, NODOSUM_LAN_SEND_RATE, SECOND_US, l->now_us, &held)) {
        l->counters.unsent++;
        return false;
    }
    struct nodosum_lan_send *s = &fx->send[fx->sends++];
    m.stamp = (struct nodosum_lan_stamp){.life = l->config.life, .number = ++l->number};
    memcpy(m.name, l->config.name, m.name_len);
    s->is_group = to == NULL;
    s->to = to == NULL ? (struct nodosum_address){.port = NODOSUM_LAN_PORT} : *to;
    s->size = nodosum_lan_wire_put(&m, l->config.key[0].key, s->bytes);
    l->counters.questions += kind == NODOSUM_LAN_ASK;
    l->counters.answers += kind == NODOSUM_LAN_REPLY;
    return true;
}

/* A number that nobody can guess, never 0: a keyed function of a counter. */
static uint64_t fresh_nonce(struct nodosum_lan *l)
{
    uint8_t count[8], hash[crypto_shorthash_BYTES];

    do {
        bytes_put_be64(count, ++l->nonce_count);
        crypto_shorthash(hash, count, sizeof count, l->nonce_key);
    } while (bytes_get_be64(hash) == 0);
    return bytes_get_be64(hash);
}

static void ask(struct nodosum_lan *l, const struct nodosum_address *to)
{
    struct asked *a = &l->asked[l->asked_next];
    uint64_t nonce = fresh_nonce(l);

    if (send(l, NODOSUM_LAN_ASK, to, nonce)) {
        l->asked_next = (l->asked_next + 1) % NODOSUM_LAN_ASKED_MAX;
        *a = (struct asked){.nonce = nonce, .until_us = l->now_us + (uint64_t)NODOSUM_LAN_ASKED_MS * US,
                            .is_group = to == NULL};
        if (to != NULL) {
            a->at = *to;
        }
    }
}

/* ---- hearing --------------------------------------------------------------------------------------- */

static bool is_newer(const struct nodosum_lan_stamp *a, const struct nodosum_lan_stamp *b)
{
    return a->life != b->life ? a->life > b->life : a->number > b->number;
}

static bool is_same_place(const struct nodosum_address *a, const struct nodosum_address *b)
{
    return a->port == b->port && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

static struct nodosum_address member_address(const struct nodosum_address *from, const struct nodosum_lan_message *m)
{
    struct nodosum_address at = *from;

    at.port = m->port; /* the machine is where the packet came from, whatever it may say */
    return at;
}

static uint32_t remember(struct nodosum_lan *l, const struct nodosum_lan_message *m)
{
    bool is_evicted, was_there;
    uint32_t at = nodosum_lan_cache_add(&l->cache, &m->id, &is_evicted, &was_there);

    l->counters.evicted += is_evicted;
    l->fx->has_changed |= was_there;
    return at;
}

/* Send to `to` after a while, so that what many have to say of one packet does not come at once. */
static void wait_for_moment(struct nodosum_lan *l, const struct nodosum_address *to, bool is_question, uint64_t nonce)
{
    uint64_t jitter_us = (uint64_t)(is_question ? NODOSUM_LAN_DOUBT_JITTER_MS : NODOSUM_LAN_JITTER_MS) * US;

    for (size_t i = 0; i < NODOSUM_LAN_WAITING_MAX; i++) {
        if (!l->waiting[i].is_used) {
            l->waiting[i] = (struct waiting){.is_used = true, .is_question = is_question, .to = *to, .nonce = nonce,
                                             .due_us = l->now_us + rng_below(&l->rng, jitter_us)};
            return;
        }
    }
    l->counters.unsent++;
}

/* A sender whose place is not proved: it is asked there, not too often. */
static void doubt(struct nodosum_lan *l, uint32_t at, const struct nodosum_address *from)
{
    struct nodosum_lan_entry *e = &l->cache.entry[at];

    if (e->doubted_us == 0 || l->now_us - e->doubted_us >= (uint64_t)NODOSUM_LAN_DOUBT_MS * US) {
        e->doubted_us = l->now_us;
        wait_for_moment(l, from, true, 0);
    }
}

static enum err refuse_old(struct nodosum_lan *l, uint32_t at, const struct nodosum_address *from)
{
    /* A replay; or its clock and its disk are gone, and it counts from below. Asked, only the latter answers. */
    doubt(l, at, from);
    l->counters.replayed++;
    return ERR_DENIED;
}

static enum err take_announcement(struct nodosum_lan *l, const struct nodosum_address *from,
                                  const struct nodosum_lan_message *m)
{
    struct nodosum_address place = member_address(from, m);
    uint32_t at = nodosum_lan_cache_find(&l->cache, &m->id);

    if (at != NODOSUM_LAN_NOBODY && !is_newer(&m->stamp, &l->cache.entry[at].stamp)) {
        return refuse_old(l, at, from);
    }
    at = at == NODOSUM_LAN_NOBODY ? remember(l, m) : at;
    struct nodosum_lan_entry *e = &l->cache.entry[at];
    e->stamp = m->stamp;
    if (e->is_there && is_same_place(&e->peer.address, &place)) {
        nodosum_lan_cache_heard(&l->cache, at, l->now_us, true);
    } else {
        doubt(l, at, from);
    }
    return ERR_OK;
}

static enum err take_question(struct nodosum_lan *l, const struct nodosum_address *from,
                              const struct nodosum_lan_message *m)
{
    uint32_t at = nodosum_lan_cache_find(&l->cache, &m->id);

    if (at != NODOSUM_LAN_NOBODY && !is_newer(&m->stamp, &l->cache.entry[at].stamp)) {
        return refuse_old(l, at, from);
    }
    at = at == NODOSUM_LAN_NOBODY ? remember(l, m) : at;
    l->cache.entry[at].stamp = m->stamp;
    wait_for_moment(l, from, false, m->nonce);
    return ERR_OK;
}

/* Whether a number of ours went there; one that went to a single place is good once. */
static bool was_asked(struct nodosum_lan *l, uint64_t nonce, const struct nodosum_address *from)
{
    for (size_t i = 0; i < NODOSUM_LAN_ASKED_MAX; i++) {
        struct asked *a = &l->asked[i];
        if (a->nonce == nonce && l->now_us < a->until_us && (a->is_group || is_same_place(&a->at, from))) {
            a->nonce = a->is_group ? a->nonce : 0;
            return true;
        }
    }
    return false;
}

static enum err take_answer(struct nodosum_lan *l, const struct nodosum_address *from,
                            const struct nodosum_lan_message *m)
{
    struct nodosum_address place = member_address(from, m);
    uint32_t at = nodosum_lan_cache_find(&l->cache, &m->id);

    if (!was_asked(l, m->nonce, from)) {
        l->counters.unasked++;
        return ERR_DENIED;
    }
    if (at != NODOSUM_LAN_NOBODY && l->cache.entry[at].stamp.life == m->stamp.life &&
        !is_newer(&m->stamp, &l->cache.entry[at].stamp)) {
        l->counters.replayed++; /* an answer to the group's question, sent again from elsewhere */
        return ERR_DENIED;
    }
    at = at == NODOSUM_LAN_NOBODY ? remember(l, m) : at;
    struct nodosum_lan_entry *e = &l->cache.entry[at];
    l->fx->has_changed |= !e->is_there || !is_same_place(&e->peer.address, &place);
    e->stamp = m->stamp; /* perhaps lower than before: who answers a fresh number lives now */
    e->doubted_us = 0;
    e->peer.address = place;
    memcpy(e->peer.name, m->name, sizeof e->peer.name);
    nodosum_lan_cache_heard(&l->cache, at, l->now_us, true);
    return ERR_OK;
}

static enum err take_farewell(struct nodosum_lan *l, const struct nodosum_lan_message *m)
{
    uint32_t at = nodosum_lan_cache_find(&l->cache, &m->id);

    if (at == NODOSUM_LAN_NOBODY || !is_newer(&m->stamp, &l->cache.entry[at].stamp)) {
        l->counters.replayed++;
        return ERR_DENIED;
    }
    l->cache.entry[at].stamp = m->stamp;
    l->fx->has_changed |= l->cache.entry[at].is_there;
    nodosum_lan_cache_heard(&l->cache, at, l->now_us, false);
    return ERR_OK;
}

/* What costs nothing first: length, rate, form; then the tag. */
static enum err check(struct nodosum_lan *l, const struct nodosum_address *from, const uint8_t *bytes, size_t size,
                      struct nodosum_lan_message *m)
{
    uint8_t hash[crypto_shorthash_BYTES];
    uint64_t held;
    enum err e = nodosum_lan_wire_get(bytes, size, m);

    if (e != ERR_OK) {
        l->counters.oversized += e == ERR_LIMIT;
        l->counters.malformed += e != ERR_LIMIT;
        return e;
    }
    crypto_shorthash(hash, from->ip, sizeof from->ip, l->source_key);
    struct rate *source = &l->source[hash[0] % NODOSUM_LAN_SOURCES];
    if (!rate_pass(source, NODOSUM_LAN_SOURCE_RATE, SECOND_US, l->now_us, &held) ||
        !rate_pass(&l->total, NODOSUM_LAN_TOTAL_RATE, SECOND_US, l->now_us, &held)) {
        l->counters.busy++;
        return ERR_LIMIT;
    }
    for (uint32_t i = 0; i < l->config.keys; i++) {
        if (l->config.key[i].epoch == m->epoch) {
            bool is_true = nodosum_lan_wire_is_true(bytes, size, l->config.key[i].key);
            l->counters.forged += !is_true;
            return is_true ? ERR_OK : ERR_FORGED;
        }
    }
    l->counters.strange++;
    return ERR_INCOMPATIBLE;
}

/* ---- steps ----------------------------------------------------------------------------------------- */

static void begin(struct nodosum_lan *l, uint64_t now_us, struct nodosum_lan_effects *fx)
{
    assert(now_us >= l->now_us);
    fx->sends = 0;
    fx->has_changed = false;
    l->fx = fx;
    l->now_us = now_us;
}

static void end(struct nodosum_lan *l)
{
    uint64_t due_us = l->ask_us < l->announce_us ? l->ask_us : l->announce_us;
    uint32_t oldest = l->cache.there.oldest;

    for (size_t i = 0; i < NODOSUM_LAN_WAITING_MAX; i++) {
        const struct waiting *w = &l->waiting[i];
        due_us = w->is_used && w->due_us < due_us ? w->due_us : due_us;
    }
    if (oldest != NODOSUM_LAN_NOBODY) {
        uint64_t gone_us = l->cache.entry[oldest].heard_us + (uint64_t)NODOSUM_LAN_EXPIRE_MS * US;
        due_us = gone_us < due_us ? gone_us : due_us;
    }
    l->fx->due_us = due_us;
    l->fx = NULL;
}

static void expire(struct nodosum_lan *l)
{
    uint32_t oldest;

    while ((oldest = l->cache.there.oldest) != NODOSUM_LAN_NOBODY &&
           l->now_us - l->cache.entry[oldest].heard_us >= (uint64_t)NODOSUM_LAN_EXPIRE_MS * US) {
        nodosum_lan_cache_heard(&l->cache, oldest, l->now_us, false);
        l->fx->has_changed = true;
    }
}

static void send_waiting(struct nodosum_lan *l)
{
    for (size_t i = 0; i < NODOSUM_LAN_WAITING_MAX; i++) {
        struct waiting *w = &l->waiting[i];
        if (!w->is_used || w->due_us > l->now_us || l->fx->sends == NODOSUM_LAN_SENDS_MAX) {
            continue;
        }
        w->is_used = false;
        if (w->is_question) {
            ask(l, &w->to);
        } else {
            (void)send(l, NODOSUM_LAN_REPLY, &w->to, w->nonce); /* over the rate it is counted, and lost */
        }
    }
}

void nodosum_lan_clock(struct nodosum_lan *l, uint64_t now_us, struct nodosum_lan_effects *fx)
{
    begin(l, now_us, fx);
    expire(l);
    if (now_us >= l->ask_us) {
        uint64_t began_us = l->ask_us - (uint64_t)first_asks_ms[l->asks] * US;
        ask(l, NULL);
        l->asks++;
        l->ask_us = l->asks < ARRAY_LEN(first_asks_ms) ? began_us + (uint64_t)first_asks_ms[l->asks] * US : UINT64_MAX;
    }
    if (now_us >= l->announce_us) {
        uint64_t fifth_us = (uint64_t)NODOSUM_LAN_ANNOUNCE_MS * US / 5;
        (void)send(l, NODOSUM_LAN_ANNOUNCE, NULL, 0); /* the next one comes */
        l->announce_us = now_us + 4 * fifth_us + rng_below(&l->rng, 2 * fifth_us);
    }
    send_waiting(l);
    end(l);
}

void nodosum_lan_move(struct nodosum_lan *l, uint64_t now_us, struct nodosum_lan_effects *fx)
{
    arrive(l, now_us);
    nodosum_lan_clock(l, now_us, fx);
}

enum err nodosum_lan_packet(struct nodosum_lan *l, uint64_t now_us, const struct nodosum_address *from,
                            const uint8_t *bytes, size_t size, struct nodosum_lan_effects *fx)
{
    struct nodosum_lan_message m;

    begin(l, now_us, fx);
    enum err e = check(l, from, bytes, size, &m);
    if (e == ERR_OK && memcmp(m.id.byte, l->config.id.byte, sizeof m.id.byte) == 0) {
        l->counters.own++;
        end(l);
        return ERR_OK;
    }
    if (e == ERR_OK) {
        switch (m.kind) {
        case NODOSUM_LAN_ASK:
            e = take_question(l, from, &m);
            break;
        case NODOSUM_LAN_REPLY:
            e = take_answer(l, from, &m);
            break;
        case NODOSUM_LAN_ANNOUNCE:
            e = take_announcement(l, from, &m);
            break;
        case NODOSUM_LAN_BYE:
            e = take_farewell(l, &m);
            break;
        }
        l->counters.taken += e == ERR_OK;
    }
    end(l);
    return e;
}

void nodosum_lan_bye(struct nodosum_lan *l, uint64_t now_us, struct nodosum_lan_effects *fx)
{
    begin(l, now_us, fx);
    (void)send(l, NODOSUM_LAN_BYE, NULL, 0); /* otherwise its silence says it */
    end(l);
}

/* ---- looking --------------------------------------------------------------------------------------- */

uint32_t nodosum_lan_list(const struct nodosum_lan *l, struct nodosum_lan_peer *to, uint32_t most)
{
    uint32_t count = 0;

    for (uint32_t at = l->cache.there.newest; at != NODOSUM_LAN_NOBODY && count < most;
         at = l->cache.entry[at].before) {
        to[count++] = l->cache.entry[at].peer;
    }
    return count;
}

uint32_t nodosum_lan_count(const struct nodosum_lan *l, uint32_t *ret_remembered)
{
    *ret_remembered = l->cache.remembered.count;
    return l->cache.there.count;
}

const struct nodosum_lan_counters *nodosum_lan_counters(const struct nodosum_lan *l)
{
    return &l->counters;
}
