#include "dht/core.h"

#include <assert.h>
#include <stdalign.h>

#include "dht/call.h"
#include "dht/keep.h"
#include "dht/proof.h"
#include "dht/serve.h"
#include "dht/store.h"
#include "dht/table.h"
#include "dht/token.h"
#include "dht/wish.h"

enum {
    TIMEOUT_MS = 300,          /* a far continent and back, of a first request                              */
    WISH_MS = 10000,
    REFRESH_MS = 600000,       /* OpenDHT, go-libp2p: 10 minutes                                            */
    QUIET_MS = 3600000,        /* the paper: an hour                                                        */
    PING_MS = 15000,
    SYNC_MS = 60000,
    CACHE_MS = 300000,
    RATE = 4000,               /* packets a second: 30 times what a busy peer of 256 sends                  */
    QUORUM = DHT_REPLICAS / 2 + 1,
    ALPHA_MAX = 16,
    ATTEMPTS = 3,
};

struct dht_tuning dht_core_usual(void)
{
    return (struct dht_tuning){.alpha = DHT_ALPHA, .paths = 1, .replicas = DHT_REPLICAS, .quorum = QUORUM,
                               .attempts = ATTEMPTS, .timeout_ms = TIMEOUT_MS, .wish_ms = WISH_MS,
                               .refresh_ms = REFRESH_MS, .quiet_ms = QUIET_MS, .ping_ms = PING_MS, .sync_ms = SYNC_MS,
                               .cache_ms = CACHE_MS, .rate = RATE, .needs_token = true};
}

/* ---- memory ---------------------------------------------------------------------------------------- */

static uint32_t calls_of(const struct dht_config *c)
{
    return DHT_CALLS_OWN + (c->wishes_max + 1) * DHT_CALLS_WISH;
}

static uint32_t chunks_of(const struct dht_config *c)
{
    return c->store_bytes / (uint32_t)sizeof(struct dht_chunk);
}

struct layout {
    uint8_t *memory; /* NULL: it is only measured */
    size_t size;
};

/* One block after another, each aligned for any type. Each is used from its beginning on, and not touched beyond: what is always
 * used comes first, the short lists on the pages of what is before them. */
static void *lay(struct layout *l, size_t count, size_t size)
{
    void *here = l->memory == NULL ? NULL : l->memory + l->size;

    l->size += (count * size + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
    return here;
}

static size_t lay_out(struct dht *d, uint8_t *memory, const struct dht_config *c)
{
    struct layout l = {.memory = memory};

    (void)lay(&l, 1, sizeof *d);
    d->peers.index = lay(&l, c->peers_max, sizeof *d->peers.index);
    d->call_due_us = lay(&l, calls_of(c), sizeof *d->call_due_us);
    d->call = lay(&l, calls_of(c), sizeof *d->call);
    d->wish = lay(&l, c->wishes_max + 1, sizeof *d->wish);
    d->peer = lay(&l, c->peers_max, sizeof *d->peer);
    d->spare = lay(&l, c->spares_max, sizeof *d->spare);
    d->records.index = lay(&l, c->records_max, sizeof *d->records.index);
    d->entry = lay(&l, c->records_max, sizeof *d->entry);
    d->owners.row = lay(&l, c->records_max, sizeof *d->owners.row);
    d->sources.row = lay(&l, c->records_max, sizeof *d->sources.row);
    d->chunk = lay(&l, chunks_of(c), sizeof *d->chunk);
    return l.size;
}

size_t dht_core_size(const struct dht_config *config)
{
    struct dht nowhere;

    return lay_out(&nowhere, NULL, config);
}

static bool is_valid(const struct dht_config *c)
{
    const struct dht_tuning *t = &c->tuning;

    return c->peers_max >= 1 && c->peers_max <= DHT_PEERS_MAX && c->spares_max <= DHT_PEERS_MAX &&
           c->records_max <= DHT_RECORDS_MAX && c->wishes_max >= 1 && c->wishes_max < DHT_NOTHING / DHT_CALLS_WISH &&
           c->verify != NULL && t->alpha >= 1 && t->alpha <= ALPHA_MAX && t->paths >= 1 && t->paths <= DHT_PATHS_MAX &&
           t->replicas >= 1 && t->replicas < DHT_K && t->quorum >= 1 && t->quorum <= t->replicas && t->attempts >= 1 &&
           t->attempts <= 8 && t->timeout_ms > 0 && t->wish_ms > 0 && t->refresh_ms > 0 && t->quiet_ms >= t->refresh_ms &&
           t->ping_ms > 0 && t->sync_ms > 0;
}

enum err dht_core_init(void *memory, const struct dht_config *config, uint64_t now_us, struct dht **ret)
{
    struct dht *d = memory;

    if (!is_valid(config)) {
        return ERR_INVALID;
    }
    (void)lay_out(d, memory, config);
    d->self = config->node;
    d->id = dht_core_id(&config->node);
    memcpy(d->secret, config->secret, sizeof d->secret);
    d->tuning = config->tuning;
    rng_init(&d->rng, config->seed);
    d->now_us = d->born_us = now_us;
    d->verify = config->verify;
    d->verify_context = config->verify_context;
    d->peers_max = config->peers_max;
    d->spares_max = config->spares_max;
    d->peers.base = (const uint8_t *)d->peer;
    d->peers.stride = sizeof *d->peer;
    dht_pool_init(&d->peer_rows, d->peer, sizeof *d->peer, d->peers_max);
    d->records_max = config->records_max;
    d->chunks_max = chunks_of(config);
    d->owner_bytes = config->owner_bytes;
    d->source_bytes = config->source_bytes;
    dht_store_init(d);
    d->wishes_max = config->wishes_max;
    d->calls_max = calls_of(config);
    d->sync_us = now_us + rng_below(&d->rng, (uint64_t)d->tuning.sync_ms * DHT_US);
    dht_upkeep_init(d);
    *ret = d;
    return ERR_OK;
}

/* ---- steps ----------------------------------------------------------------------------------------- */

static void begin(struct dht *d, uint64_t now_us, struct dht_effects *fx)
{
    assert(now_us >= d->now_us);
    fx->sends = fx->found_count = fx->done_count = 0;
    d->fx = fx;
    d->now_us = now_us;
    dht_store_expire(d);
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void end(struct dht *d)
{
    dht_wish_run(d);
    uint64_t due_us = least(dht_call_due_us(d), dht_wish_due_us(d));
    due_us = least(due_us, least(dht_keep_due_us(d), dht_store_due_us(d)));
    due_us = least(due_us, dht_upkeep_due_us(d));
    if (d->fx->sends == DHT_SENDS_MAX) {
        due_us = least(due_us, d->now_us + DHT_US); /* somebody may have had no room */
    }
    d->fx->due_us = due_us;
    assert(d->fx->sends <= DHT_SENDS_MAX && d->peers.count <= d->peers_max && d->records.count <= d->records_max);
    d->fx = NULL;
}

void dht_core_clock(struct dht *d, uint64_t now_us, uint64_t wall_s, struct dht_effects *fx)
{
    begin(d, now_us, fx);
    d->wall_s = wall_s;
    dht_call_clock(d);
    dht_keep_clock(d);
    dht_upkeep_clock(d);
    end(d);
}

/* ---- packets --------------------------------------------------------------------------------------- */

/* Whoever was asked for the way in says who is near the own place: go there. */
static void enter(struct dht *d, const struct dht_message *m)
{
    struct dht_wish *w = &d->wish[0];

    if (w->kind == DHT_WISH_FREE) {
        w = dht_wish_begin(d, DHT_WISH_FIND, 0, &d->id);
    }
    for (uint32_t i = 0; i < m->count && w != NULL && w->paths == 1; i++) {
        dht_search_add(d, w, &m->contact[i], 0, 2, DHT_NOTHING);
    }
    dht_upkeep_entered(d);
}

static void take_answer(struct dht *d, const struct dht_contact *from, const struct dht_id *id,
                        const struct dht_message *m)
{
    struct dht_call call;

    if (!dht_call_answered(d, from, id, m, &call)) {
        return;
    }
    if (call.wish == DHT_NOTHING) {
        if (call.kind == DHT_PACKET_FIND) {
            enter(d, m);
        }
        return;
    }
    struct dht_wish *w = &d->wish[call.wish];
    assert(w->kind != DHT_WISH_FREE); /* its calls end with it */
    if (m->kind == DHT_PACKET_NODES) {
        dht_wish_nodes(d, w, &call, m);
    } else if (m->kind == DHT_PACKET_VALUES) {
        dht_wish_values(d, w, &call, m);
    } else {
        assert(m->kind == DHT_PACKET_STORED);
        dht_put_stored(d, w, &call, m);
    }
}

static void take(struct dht *d, const struct dht_contact *from, uint64_t session, const struct dht_message *m, size_t room)
{
    struct dht_id id = dht_core_id(&from->node);

    if (dht_id_equal(&id, &d->id)) {
        d->counters.unasked++; /* our own packet came back to us */
        return;
    }
    if (session != 0) {
        d->is_hello = m->kind == DHT_PACKET_PING || m->kind == DHT_PACKET_PONG;
        dht_table_heard(d, from, &id, session);
        d->is_hello = false;
    }
    switch (m->kind) {
    case DHT_PACKET_PING:
    case DHT_PACKET_FIND:
    case DHT_PACKET_GET:
    case DHT_PACKET_STORE:
        dht_serve_request(d, from, &id, m, room);
        break;
    case DHT_PACKET_PONG:
    case DHT_PACKET_NODES:
    case DHT_PACKET_VALUES:
    case DHT_PACKET_STORED:
        take_answer(d, from, &id, m);
        break;
    case DHT_PACKET_SUM:
    case DHT_PACKET_OFFER:
    case DHT_PACKET_WANT:
        if (session != 0 && dht_table_find(d, &id) != NULL) {
            dht_keep_heard(d, from, &id, m);
        } else {
            d->counters.unasked++;
        }
        break;
    }
}

enum err dht_core_packet(struct dht *d, uint64_t now_us, uint64_t wall_s, const struct dht_contact *from,
                         uint64_t session, const uint8_t *bytes, size_t size, struct dht_effects *fx)
{
    struct dht_message m;
    uint64_t held;
    enum err e = ERR_OK;

    begin(d, now_us, fx);
    d->wall_s = wall_s;
    d->counters.packets_in++;
    d->counters.bytes_in += size;
    uint64_t source = dht_token_tag(d, from->node.byte, sizeof from->node.byte);
    if (d->tuning.rate != 0 && !rate_pass(&d->rate[source % DHT_RATES], d->tuning.rate, 1000 * DHT_US, now_us, &held)) {
        d->counters.flooded++;
        e = ERR_UNAVAILABLE;
    } else {
        e = dht_packet_read(bytes, size, &m);
        d->counters.malformed += e != ERR_OK;
    }
    if (e == ERR_OK) {
        size_t room = session != 0 || size * DHT_AMPLIFY > DHT_PACKET_MAX ? DHT_PACKET_MAX : size * DHT_AMPLIFY;
        take(d, from, session, &m, room);
    }
    end(d);
    return e;
}

/* ---- members --------------------------------------------------------------------------------------- */

void dht_core_member(struct dht *d, uint64_t now_us, const struct dht_contact *who, enum dht_member_state state,
                     struct dht_effects *fx)
{
    struct dht_id id = dht_core_id(&who->node);

    begin(d, now_us, fx);
    struct dht_peer *p = dht_table_find(d, &id);
    if (dht_id_equal(&id, &d->id)) {
        p = NULL; /* the own node is no peer */
    } else if (state == DHT_MEMBER_HERE && dht_packet_is_address(&who->at)) {
        d->is_overflown = !dht_table_member(d, who, &id) || d->is_overflown;
    } else if (p != NULL && state == DHT_MEMBER_SUSPECT) {
        p->flags |= DHT_PEER_SUSPECT;
    } else if (p != NULL && state == DHT_MEMBER_GONE) {
        dht_table_remove(d, &id);
        d->has_company = d->has_company && d->peers.count > 0;
    }
    end(d);
}

void dht_core_company(struct dht *d, bool is_there)
{
    d->has_company = is_there;
}

void dht_core_beyond(struct dht *d)
{
    d->is_overflown = true;
}

void dht_core_rtt(struct dht *d, const struct dht_node *node, uint32_t rtt_us)
{
    struct dht_id id = dht_core_id(node);
    struct dht_peer *p = dht_table_find(d, &id);

    if (p != NULL && rtt_us > 0 && rtt_us <= DHT_TIMEOUT_MOST_US &&
        (p->srtt_us == 0 || (p->flags & DHT_PEER_HINT) != 0)) {
        p->srtt_us = rtt_us;
        p->rttvar_us = rtt_us / 2;
        p->flags |= DHT_PEER_HINT;
    }
}

enum err dht_core_bootstrap(struct dht *d, uint64_t now_us, const struct dht_contact *at, const bool *has_node,
                            uint32_t count, struct dht_effects *fx)
{
    enum err e = count > DHT_BOOTSTRAP_MAX ? ERR_LIMIT : ERR_OK;

    begin(d, now_us, fx);
    for (uint32_t i = 0; i < count && e == ERR_OK; i++) {
        e = dht_packet_is_address(&at[i].at) ? ERR_OK : ERR_INVALID;
    }
    for (uint32_t i = 0; i < count && e == ERR_OK; i++) {
        dht_call_enter(d, &at[i], has_node[i]);
        d->is_joining = true;
        d->has_company = d->has_company || !has_node[i];
    }
    end(d);
    return e;
}

/* ---- wishes ---------------------------------------------------------------------------------------- */

enum err dht_core_find(struct dht *d, uint64_t now_us, uint64_t wish, const struct dht_id *target,
                       struct dht_effects *fx)
{
    assert(wish != 0);
    begin(d, now_us, fx);
    struct dht_wish *w = dht_wish_begin(d, DHT_WISH_FIND, wish, target);
    end(d);
    return w == NULL ? ERR_LIMIT : ERR_OK;
}

/* What is held here needs nobody. */
static void find_own(struct dht *d, struct dht_wish *w)
{
    uint32_t place, last;

    dht_store_places(d, &w->target, &place, &last);
    for (; place < last && d->fx->found_count < DHT_FOUND_MAX; place++) {
        struct dht_found *f = &d->fx->found[d->fx->found_count];
        (void)dht_store_read(d, place, d->fx->own + (size_t)d->fx->found_count * DHT_RECORD_MAX, &f->record);
        f->wish = w->name;
        f->is_own = true;
        w->values = 1;
        w->best_seq = f->record.kind == DHT_MUTABLE ? f->record.seq : 0;
        d->fx->found_count++;
    }
    if (place < last) {
        w->values = 0; /* more than one step tells: ask somebody who tells them in several */
    }
}

enum err dht_core_get(struct dht *d, uint64_t now_us, uint64_t wish, const struct dht_id *key, uint32_t reads,
                      struct dht_effects *fx)
{
    assert(wish != 0 && reads >= 1 && reads <= DHT_REPLICAS);
    begin(d, now_us, fx);
    struct dht_wish *w = dht_wish_begin(d, DHT_WISH_GET, wish, key);
    if (w != NULL) {
        w->reads = reads;
        find_own(d, w);
    }
    end(d);
    return w == NULL ? ERR_LIMIT : ERR_OK;
}

enum err dht_core_put(struct dht *d, uint64_t now_us, uint64_t wish, const struct dht_record *r,
                      const uint64_t *expected, struct dht_effects *fx)
{
    bool is_living = r->left_ms >= DHT_TTL_LEAST_MS && r->left_ms <= DHT_TTL_MOST_MS;
    enum err e = dht_record_check(r);

    assert(wish != 0);
    begin(d, now_us, fx);
    e = e == ERR_OK && !is_living ? ERR_INVALID : e;
    struct dht_wish *w = e == ERR_OK ? dht_wish_begin(d, DHT_WISH_PUT, wish, &r->key) : NULL;
    if (w != NULL) {
        w->record_size = (uint16_t)dht_record_write(r, w->record);
        w->expire_us = now_us + (uint64_t)r->left_ms * DHT_US;
        w->has_expected = expected != NULL;
        w->expected = expected != NULL ? *expected : 0;
    } else if (e == ERR_OK) {
        e = ERR_LIMIT;
    }
    end(d);
    return e;
}

void dht_core_cancel(struct dht *d, uint64_t wish)
{
    for (uint32_t i = 1; i < d->wishes_end; i++) {
        if (d->wish[i].kind != DHT_WISH_FREE && d->wish[i].name == wish) {
            dht_wish_free(d, &d->wish[i]);
        }
    }
}

/* ---- looking --------------------------------------------------------------------------------------- */

uint32_t dht_core_peers(const struct dht *d)
{
    return d->peers.count;
}

uint32_t dht_core_records(const struct dht *d)
{
    return d->records.count;
}

uint32_t dht_core_store_bytes(const struct dht *d)
{
    return dht_store_used(d);
}

const struct dht_counters *dht_core_counters(const struct dht *d)
{
    return &d->counters;
}

uint32_t dht_core_save(const struct dht *d, struct dht_contact *to, uint32_t most)
{
    uint32_t heard[DHT_SAVED_MAX], count = 0;

    most = most < DHT_SAVED_MAX ? most : DHT_SAVED_MAX;
    for (uint32_t i = 0; i < d->peers.count; i++) {
        const struct dht_peer *p = &d->peer[d->peers.index[i]];
        uint32_t at = count, since = p->fails > 0 ? 0 : p->heard; /* who does not answer now may, in the next life */
        while (at > 0 && heard[at - 1] < since) {
            at--;
        }
        if (at == most) {
            continue;
        }
        uint32_t moved = count < most ? count - at : most - 1 - at;
        memmove(&heard[at + 1], &heard[at], moved * sizeof *heard);
        memmove(&to[at + 1], &to[at], moved * sizeof *to);
        heard[at] = since;
        to[at] = (struct dht_contact){.node = p->node, .at = p->at};
        count += count < most;
    }
    return count;
}

bool dht_core_hold(struct dht *d, uint64_t wall_s, const uint8_t *bytes, size_t size, uint32_t left_ms)
{
    struct dht_record r;
    uint64_t seq;

    d->wall_s = wall_s;
    return dht_record_read(bytes, size, &r) == ERR_OK && left_ms > 0 && left_ms <= DHT_TTL_MOST_MS &&
           dht_proof_is_living(d, &r, left_ms, &r.left_ms) && dht_proof_is_genuine(d, &r, bytes, size) &&
           dht_store_put(d, &r, bytes, size, 0, DHT_STORE_HELD, 0, &seq) == DHT_STATUS_OK;
}

void dht_core_look(const struct dht *d, uint32_t i, uint8_t *bytes, struct dht_record *ret)
{
    (void)dht_store_read(d, i, bytes, ret);
}
