#include "dht/serve.h"

#include <assert.h>

#include "dht/call.h"
#include "dht/keep.h"
#include "dht/proof.h"
#include "dht/store.h"
#include "dht/table.h"
#include "dht/token.h"

/* The nearest that are known, but not the one who asks: unless there are two of it. */
static void say_nodes(struct dht *d, const struct dht_contact *to, const struct dht_id *id, const struct dht_message *m,
                      uint8_t flags, size_t room)
{
    struct dht_message out = {.kind = DHT_PACKET_NODES, .txn = m->txn, .flags = flags, .token = dht_token_make(d, to)};
    uint16_t near[DHT_K + 1];
    uint32_t count = dht_table_nearest(d, &m->target, near, m->most + 1u);
    struct dht_address other;

    if (m->most > 0 && dht_twin_other(d, to, &other)) {
        out.contact[out.count++] = (struct dht_contact){.node = to->node, .at = other};
    }

    for (uint32_t i = 0; i < count && out.count < m->most; i++) {
        const struct dht_peer *p = &d->peer[near[i]];
        if (!dht_id_equal(&p->id, id)) {
            out.contact[out.count++] = (struct dht_contact){.node = p->node, .at = p->at};
        }
    }
    (void)dht_call_send(d, to, &out, room);
}

/* Records of the key after a tag, as many as fit. False: there is none. */
static bool say_values(struct dht *d, const struct dht_contact *to, const struct dht_message *m, size_t room)
{
    struct dht_message out = {.kind = DHT_PACKET_VALUES, .txn = m->txn};
    uint8_t bytes[DHT_VALUES_MAX][DHT_RECORD_MAX];
    size_t used = DHT_PACKET_HEAD + 2;
    uint32_t place, end;
    struct dht_record r;

    dht_store_places(d, &m->target, &place, &end);
    while (place < end && m->after != 0 && dht_store_entry(d, place)->tag <= m->after) {
        place++;
    }
    for (; place < end; place++) {
        const struct dht_entry *e = dht_store_entry(d, place);
        if (out.count == DHT_VALUES_MAX || (out.count > 0 && used + 6 + e->size > room)) {
            out.flags = DHT_FLAG_MORE;
            break;
        }
        used += 6 + e->size;
        uint16_t size = (uint16_t)dht_store_read(d, place, bytes[out.count], &r);
        out.record[out.count] = (struct dht_packet_record){.left_ms = r.left_ms, .size = size, .bytes = bytes[out.count]};
        out.count++;
    }
    return out.count > 0 && used <= room && dht_call_send(d, to, &out, room);
}

/* ---- storing --------------------------------------------------------------------------------------- */

static bool is_member(const struct dht *d, const struct dht_id *id)
{
    const struct dht_peer *p = dht_table_find(d, id);

    return p != NULL && (p->flags & DHT_PEER_MEMBER) != 0;
}

static bool may_store(const struct dht *d, const struct dht_contact *from, const struct dht_id *id, uint64_t token)
{
    return is_member(d, id) || !d->tuning.needs_token || dht_token_is_good(d, from, token);
}

static void count(struct dht *d, enum dht_status status, uint8_t flags)
{
    switch (status) {
    case DHT_STATUS_OK:
        d->counters.repaired += (flags & DHT_FLAG_REPAIR) != 0;
        break;
    case DHT_STATUS_TOKEN:
        d->counters.no_token++;
        break;
    case DHT_STATUS_OLDER:
    case DHT_STATUS_CAS:
        d->counters.older++;
        break;
    case DHT_STATUS_QUOTA:
        d->counters.quota++;
        break;
    case DHT_STATUS_FULL:
        d->counters.full++;
        break;
    case DHT_STATUS_FORGED:
        d->counters.forged++;
        break;
    case DHT_STATUS_REFUSED:
        d->counters.refused++;
        break;
    }
}

/* In the order of what it costs to look: the signature last. */
static enum dht_status store(struct dht *d, const struct dht_contact *from, const struct dht_id *id,
                             const struct dht_message *m, uint64_t *ret_seq)
{
    const struct dht_packet_record *in = &m->record[0];
    uint32_t left_ms = (m->flags & DHT_FLAG_REPAIR) != 0 ? dht_keep_left_ms(d, id, m) : in->left_ms;
    uint32_t most_ms = (m->flags & DHT_FLAG_CACHE) != 0 ? d->tuning.cache_ms : DHT_TTL_MOST_MS;
    struct dht_record r;

    *ret_seq = 0;
    if (!may_store(d, from, id, m->token)) {
        return DHT_STATUS_TOKEN;
    }
    if (dht_record_read(in->bytes, in->size, &r) != ERR_OK ||
        !dht_proof_is_living(d, &r, left_ms < most_ms ? left_ms : most_ms, &r.left_ms) ||
        ((m->flags & DHT_FLAG_CACHE) != 0 && r.kind != DHT_IMMUTABLE)) {
        return DHT_STATUS_REFUSED;
    }
    if (!dht_proof_is_genuine(d, &r, in->bytes, in->size)) {
        return DHT_STATUS_FORGED;
    }
    bool is_wanted = dht_keep_wanted(d, id), is_known = is_member(d, id);
    struct dht_node source = from->node, site = from->node;
    if (!is_known) {
        dht_table_source(from, &site, &source); /* of repairs, too, which it may have made up */
    }
    uint8_t flags = is_wanted && is_known ? m->flags : m->flags & (uint8_t)~DHT_FLAG_REPAIR;
    return dht_store_put(d, &r, in->bytes, in->size, dht_token_source(d, &site, &source), flags, m->seq, ret_seq);
}

static void answer_store(struct dht *d, const struct dht_contact *from, const struct dht_id *id,
                         const struct dht_message *m, size_t room)
{
    struct dht_message out = {.kind = DHT_PACKET_STORED, .txn = m->txn};

    out.status = store(d, from, id, m, &out.seq);
    count(d, out.status, m->flags);
    d->counters.served_store++;
    out.token = out.status == DHT_STATUS_TOKEN ? dht_token_make(d, from) : d->wall_s; /* whose clock is wrong is for whoever asks */
    if (m->txn != 0 && (m->flags & DHT_FLAG_REPAIR) == 0) {
        (void)dht_call_send(d, from, &out, room);
    }
}

void dht_serve_request(struct dht *d, const struct dht_contact *from, const struct dht_id *id,
                       const struct dht_message *m, size_t room)
{
    if (m->kind == DHT_PACKET_PING) {
        const struct dht_message out = {.kind = DHT_PACKET_PONG, .txn = m->txn};
        (void)dht_call_send(d, from, &out, room);
    } else if (m->kind == DHT_PACKET_FIND) {
        d->counters.served_find++;
        say_nodes(d, from, id, m, 0, room);
    } else if (m->kind == DHT_PACKET_GET) {
        d->counters.served_get++;
        if (say_values(d, from, m, room)) {
            d->counters.served_hit++;
        } else {
            say_nodes(d, from, id, m, DHT_FLAG_ABSENT, room);
        }
    } else {
        assert(m->kind == DHT_PACKET_STORE);
        answer_store(d, from, id, m, room);
    }
}
