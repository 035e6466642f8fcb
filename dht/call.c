#include "dht/call.h"

#include <assert.h>

#include "dht/table.h"
#include "dht/wish.h"

enum { ACQUAINTANCE = 3 }; /* round trips until a stranger's first answer (common/node/sealed.h) */

struct dht_packet *dht_call_packet(struct dht *d, bool has_node, const struct dht_contact *to)
{
    struct dht_effects *fx = d->fx;

    if (fx->sends == DHT_SENDS_MAX) {
        d->counters.unsent++;
        return NULL;
    }
    struct dht_send *s = &fx->send[fx->sends++];
    s->has_node = has_node;
    s->to = to->node;
    s->at = to->at;
    s->packet.size = 0;
    return &s->packet;
}

static void count(struct dht *d, const struct dht_packet *p)
{
    d->counters.packets_out++;
    d->counters.bytes_out += p->size;
}

bool dht_call_send(struct dht *d, const struct dht_contact *to, const struct dht_message *m, size_t room)
{
    struct dht_packet *p = dht_call_packet(d, true, to);

    if (p == NULL) {
        return false;
    }
    (void)dht_packet_write(p, m, room);
    if (p->size == 0) {
        d->fx->sends--; /* longer than there is room: nothing is said */
        return false;
    }
    count(d, p);
    return true;
}

/* ---- requests -------------------------------------------------------------------------------------- */

static uint32_t wish_index(const struct dht *d, const struct dht_wish *w)
{
    return (uint32_t)(w - d->wish);
}

/* The record of a put, as its holders are asked to keep it. */
static void fill_store(const struct dht *d, const struct dht_wish *w, const struct dht_candidate *c, struct dht_message *m)
{
    uint64_t left_ms = w->expire_us > d->now_us ? (w->expire_us - d->now_us) / DHT_US : 0;

    m->token = c->token;
    m->flags = w->has_expected ? DHT_FLAG_CAS : 0;
    m->seq = w->has_expected ? w->expected : 0;
    m->count = 1;
    m->record[0] = (struct dht_packet_record){.left_ms = (uint32_t)left_ms, .size = w->record_size, .bytes = w->record};
}

/* Write the request of a call, anew each time: a wish may know more by then. */
static bool write(struct dht *d, const struct dht_call *call)
{
    struct dht_message m = {.kind = call->kind, .txn = call->txn, .target = d->id, .most = DHT_K};
    struct dht_packet *p = dht_call_packet(d, call->has_node, &call->to);

    if (p == NULL) {
        return false;
    }
    if (call->wish != DHT_NOTHING) {
        struct dht_wish *w = &d->wish[call->wish];
        struct dht_candidate *c = dht_wish_candidate(w, call->serial);
        assert(c != NULL);
        m.target = w->target;
        m.after = c->after;
        m.most = dht_state_is_whole(d) ? 0 : w->most;
        if (call->kind == DHT_PACKET_STORE) {
            fill_store(d, w, c, &m);
        }
    }
    (void)dht_packet_write(p, &m, DHT_PACKET_MAX);
    assert(p->size > 0);
    count(d, p);
    d->counters.requests++;
    return true;
}

static bool is_stranger(const struct dht *d, const struct dht_call *call)
{
    struct dht_id id = dht_core_id(&call->to.node);

    return call->has_node ? dht_table_is_stranger(d, &id) : d->tuning.acquaints;
}

static struct dht_peer *peer_of(const struct dht *d, const struct dht_call *call)
{
    struct dht_id id = dht_core_id(&call->to.node);

    return call->has_node ? dht_table_find(d, &id) : NULL;
}

static uint64_t timeout_us(const struct dht *d, const struct dht_call *call)
{
    uint64_t us = dht_table_timeout_us(d, peer_of(d, call)) << (call->attempts - 1);

    us *= call->is_first ? ACQUAINTANCE : 1;

    return us > DHT_TIMEOUT_MOST_US ? DHT_TIMEOUT_MOST_US : us;
}

/* Until whoever waits asks somebody else beside: of what is to be held by all of them only while too few have it. */
static uint64_t late_us(const struct dht *d, const struct dht_call *call)
{
    uint64_t us = dht_table_late_us(d, peer_of(d, call)) * (call->is_first ? ACQUAINTANCE : 1), timeout = timeout_us(d, call);

    return call->wish == DHT_NOTHING || us > timeout ? timeout : us;
}

static bool begin(struct dht *d, struct dht_call call)
{
    uint32_t at = 0;

    if (d->calls == d->calls_max) {
        return false;
    }
    while (at < d->calls_end && d->call[at].txn != 0) {
        at++;
    }
    do { /* the place is in the number; the rest cannot be guessed by who never saw the request */
        call.txn = (uint32_t)rng_next(&d->rng);
        call.txn -= call.txn % d->calls_max;
        call.txn += at;
    } while (call.txn < d->calls_max || call.txn % d->calls_max != at);
    call.attempts = 1;
    call.is_first = is_stranger(d, &call);
    call.is_blind = d->typical_us == 0;
    call.begun_us = call.sent_us = d->now_us;
    if (!write(d, &call)) {
        return false;
    }
    d->call[at] = call;
    d->call_due_us[at] = d->now_us + late_us(d, &call);
    d->calls_end += at == d->calls_end;
    d->calls++;
    return true;
}

static void end(struct dht *d, uint32_t at)
{
    d->call[at].txn = 0;
    d->call_due_us[at] = UINT64_MAX;
    d->calls--;
    while (d->calls_end > 0 && d->call[d->calls_end - 1].txn == 0) {
        d->calls_end--;
    }
}

void dht_call_ping(struct dht *d, const struct dht_peer *peer)
{
    (void)begin(d, (struct dht_call){.kind = DHT_PACKET_PING, .has_node = true, .wish = DHT_NOTHING,
                                     .to = {.node = peer->node, .at = peer->at}}); /* else another time */
}

void dht_call_enter(struct dht *d, const struct dht_contact *at, bool has_node)
{
    (void)begin(d, (struct dht_call){.kind = DHT_PACKET_FIND, .has_node = has_node, .wish = DHT_NOTHING, .to = *at});
}

bool dht_call_ask(struct dht *d, struct dht_wish *w, const struct dht_candidate *c, enum dht_packet_kind kind)
{
    bool is_sent = begin(d, (struct dht_call){.kind = kind, .has_node = true, .wish = (uint16_t)wish_index(d, w),
                                              .serial = c->serial, .to = c->who});

    w->asked += is_sent;
    return is_sent;
}

static bool is_answer(enum dht_packet_kind question, enum dht_packet_kind answer)
{
    return (question == DHT_PACKET_PING && answer == DHT_PACKET_PONG) ||
           (question == DHT_PACKET_FIND && answer == DHT_PACKET_NODES) ||
           (question == DHT_PACKET_GET && (answer == DHT_PACKET_NODES || answer == DHT_PACKET_VALUES)) ||
           (question == DHT_PACKET_STORE && answer == DHT_PACKET_STORED);
}

/* What went out together with the first requests ever is waited for as long as the first of them took, no longer than that. */
static void look_again(struct dht *d)
{
    for (uint32_t at = 0; at < d->calls_end; at++) {
        struct dht_call *call = &d->call[at];
        if (call->txn != 0 && call->is_blind && call->attempts == 1 && !call->is_slow) {
            uint64_t due_us = call->sent_us + late_us(d, call);
            d->call_due_us[at] = due_us < d->call_due_us[at] ? due_us : d->call_due_us[at];
        }
    }
}

bool dht_call_answered(struct dht *d, const struct dht_contact *from, const struct dht_id *id,
                       const struct dht_message *m, struct dht_call *ret)
{
    uint32_t at = m->txn % d->calls_max;
    struct dht_call *call = &d->call[at];

    /* From whoever was asked, if that is known: another's answer is another's claim. */
    if (at >= d->calls_end || m->txn == 0 || call->txn != m->txn || !is_answer(call->kind, m->kind) ||
        (call->has_node && !dht_id_same_node(&call->to.node, &from->node))) {
        d->counters.unasked++;
        return false;
    }
    *ret = *call;
    struct dht_peer *p = dht_table_find(d, id);
    /* Which of several requests it answers is not known, so nothing is measured then (Karn; RFC 6298, section 3). */
    if (p != NULL && call->attempts == 1 && !call->is_first) {
        dht_table_rtt(d, p, (uint32_t)(d->now_us - call->sent_us));
    }
    d->counters.late += call->is_slow;
    bool is_blind = call->is_blind;
    end(d, at);
    if (is_blind) {
        look_again(d);
    }
    return true;
}

static void fail(struct dht *d, uint32_t at)
{
    struct dht_call call = d->call[at];

    d->counters.timeouts++;
    end(d, at);
    if (call.has_node) {
        struct dht_id id = dht_core_id(&call.to.node);
        dht_table_failed(d, &id);
    }
    if (call.wish != DHT_NOTHING) {
        dht_wish_failed(d, &d->wish[call.wish], &call);
    }
}

static void retry(struct dht *d, uint32_t at)
{
    struct dht_call *call = &d->call[at];
    struct dht_peer *peer = peer_of(d, call);

    if (peer != NULL) {
        peer->flags |= DHT_PEER_OWES;
    }
    call->attempts++;
    call->sent_us = d->now_us;
    d->call_due_us[at] = d->now_us + timeout_us(d, call);
    (void)write(d, call); /* or not, this time */
}

static void be_late(struct dht *d, struct dht_call *call)
{
    if (!call->is_slow) {
        call->is_slow = true;
        d->counters.hedges++;
        if (call->wish != DHT_NOTHING) {
            dht_wish_late(d, &d->wish[call->wish], call); /* somebody else is asked meanwhile */
        }
    }
}

void dht_call_clock(struct dht *d)
{
    for (uint32_t at = 0; at < d->calls_end; at++) {
        if (d->call_due_us[at] > d->now_us) {
            continue;
        }
        struct dht_call *call = &d->call[at];
        uint64_t again_us = call->sent_us + timeout_us(d, call);
        /* An address of somebody unknown costs the shell an acquaintance, so it is asked no less often. */
        if (!call->is_slow && again_us > d->now_us) {
            be_late(d, call);
            d->call_due_us[at] = again_us;
        } else if (call->attempts < d->tuning.attempts) {
            be_late(d, call);
            retry(d, at);
        } else {
            fail(d, at);
        }
    }
}

uint64_t dht_call_due_us(const struct dht *d)
{
    uint64_t due_us = UINT64_MAX;

    for (uint32_t at = 0; at < d->calls_end; at++) {
        due_us = d->call_due_us[at] < due_us ? d->call_due_us[at] : due_us;
    }
    return due_us;
}

void dht_call_drop(struct dht *d, const struct dht_wish *w, const struct dht_candidate *to)
{
    for (uint32_t at = 0; at < d->calls_end; at++) {
        if (d->call[at].txn != 0 && d->call[at].wish == wish_index(d, w) && (to == NULL || d->call[at].serial == to->serial)) {
            end(d, at);
        }
    }
}
