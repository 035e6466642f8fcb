#include "dht/packet.h"

#include <assert.h>
#include <string.h>

#include "common/base/cursor.h"


static_assert(DHT_PACKET_HEAD + 10 + DHT_NODES_MAX * DHT_CONTACT_SIZE <= DHT_PACKET_MAX, "a bucket fits a packet");
static_assert(DHT_PACKET_HEAD + 9 + DHT_ITEMS_MAX * DHT_ITEM_SIZE <= DHT_PACKET_MAX, "as many items as may be fit");
static_assert(DHT_PACKET_HEAD + 23 + DHT_RECORD_MAX <= DHT_PACKET_MAX, "the largest record can be stored");
static_assert(DHT_PACKET_HEAD + 8 + DHT_RECORD_MAX <= DHT_PACKET_MAX, "… and found");

static const uint8_t nowhere[16];

/* What is sent to 0.0.0.0 comes back to this host; a group (RFC 5771, RFC 4291) is nobody. */
bool dht_packet_is_address(const struct dht_address *at)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    bool is_v4 = memcmp(at->ip, mapped, sizeof mapped) == 0;
    bool is_group = is_v4 ? at->ip[12] >= 224 : at->ip[0] == 0xff;

    return at->port != 0 && memcmp(at->ip, nowhere, sizeof nowhere) != 0 && !is_group &&
           (!is_v4 || memcmp(at->ip + sizeof mapped, nowhere, 4) != 0);
}

/* ---- writing ------------------------------------------------------------------------------------- */

static void put_contact(struct cursor_writer *w, const struct dht_contact *c)
{
    cursor_put(w, c->node.byte, DHT_NODE_SIZE);
    cursor_put(w, c->at.ip, sizeof c->at.ip);
    cursor_put_le(w, c->at.port, 2);
}

static void put_item(struct cursor_writer *w, const struct dht_item *i)
{
    cursor_put(w, i->key.byte, DHT_ID_SIZE);
    cursor_put_le(w, i->tag, 8);
    cursor_put_le(w, i->seq, 8);
}

static void put_record(struct cursor_writer *w, const struct dht_packet_record *r)
{
    cursor_put_le(w, r->left_ms, 4);
    cursor_put_le(w, r->size, 2);
    cursor_put(w, r->bytes, r->size);
}

static void put_one(struct cursor_writer *w, const struct dht_message *m, uint32_t i)
{
    if (m->kind == DHT_PACKET_NODES) {
        put_contact(w, &m->contact[i]);
    } else if (m->kind == DHT_PACKET_VALUES || m->kind == DHT_PACKET_STORE) {
        put_record(w, &m->record[i]);
    } else {
        put_item(w, &m->item[i]);
    }
}

/* A byte of count and as many as fit. */
static uint32_t put_list(struct cursor_writer *w, const struct dht_message *m)
{
    size_t count_at = w->used;
    uint32_t written = 0;

    cursor_put_le(w, m->count, 1);
    for (size_t end = w->used; written < m->count; written++) {
        put_one(w, m, written);
        if (w->used > w->room) {
            w->used = end;
            break;
        }
        end = w->used;
    }
    if (count_at < w->room) {
        w->at[count_at] = (uint8_t)written;
    }
    return written;
}

uint32_t dht_packet_write(struct dht_packet *p, const struct dht_message *m, size_t room)
{
    struct cursor_writer w = {.at = p->bytes, .room = room};
    uint32_t written = 0;

    assert(room <= DHT_PACKET_MAX);
    cursor_put_le(&w, DHT_PACKET_VERSION, 1);
    cursor_put_le(&w, m->kind, 1);
    cursor_put_le(&w, m->txn, 4);
    switch (m->kind) {
    case DHT_PACKET_PING:
    case DHT_PACKET_PONG:
        break;
    case DHT_PACKET_FIND:
        cursor_put(&w, m->target.byte, DHT_ID_SIZE);
        cursor_put_le(&w, m->most, 1);
        break;
    case DHT_PACKET_GET:
        cursor_put(&w, m->target.byte, DHT_ID_SIZE);
        cursor_put_le(&w, m->most, 1);
        cursor_put_le(&w, m->after, 8);
        cursor_put_le(&w, m->flags, 1);
        break;
    case DHT_PACKET_NODES:
        cursor_put_le(&w, m->flags, 1);
        cursor_put_le(&w, m->token, 8);
        written = put_list(&w, m);
        break;
    case DHT_PACKET_VALUES:
    case DHT_PACKET_OFFER:
        cursor_put_le(&w, m->flags, 1);
        written = put_list(&w, m);
        break;
    case DHT_PACKET_WANT:
        cursor_put_le(&w, m->token, 8);
        written = put_list(&w, m);
        break;
    case DHT_PACKET_STORE:
        cursor_put_le(&w, m->token, 8);
        cursor_put_le(&w, m->flags, 1);
        cursor_put_le(&w, m->seq, 8);
        put_one(&w, m, 0);
        written = w.used <= room;
        break;
    case DHT_PACKET_STORED:
        cursor_put_le(&w, m->status, 1);
        cursor_put_le(&w, m->seq, 8);
        cursor_put_le(&w, m->token, 8);
        break;
    case DHT_PACKET_SUM:
        cursor_put_le(&w, m->sum_count, 4);
        cursor_put_le(&w, m->sum_hash, 8);
        break;
    }
    p->size = (uint16_t)(w.used <= room ? w.used : 0);
    return p->size == 0 ? 0 : written;
}

/* ---- reading ------------------------------------------------------------------------------------- */

static void claim(struct cursor_reader *r, bool holds)
{
    r->is_good = r->is_good && holds;
}

static void get_contact(struct cursor_reader *r, struct dht_contact *c)
{
    cursor_get(r, c->node.byte, DHT_NODE_SIZE);
    cursor_get(r, c->at.ip, sizeof c->at.ip);
    c->at.port = (uint16_t)cursor_get_le(r, 2);
    claim(r, dht_packet_is_address(&c->at));
}

static void get_item(struct cursor_reader *r, struct dht_item *i)
{
    cursor_get(r, i->key.byte, DHT_ID_SIZE);
    i->tag = cursor_get_le(r, 8);
    i->seq = cursor_get_le(r, 8);
    claim(r, i->seq <= DHT_SEQ_MAX);
}

static void get_record(struct cursor_reader *r, struct dht_packet_record *record)
{
    record->left_ms = (uint32_t)cursor_get_le(r, 4);
    record->size = (uint16_t)cursor_get_le(r, 2);
    claim(r, record->left_ms <= DHT_TTL_MOST_MS && record->size >= DHT_RECORD_LEAST && record->size <= DHT_RECORD_MAX);
    record->bytes = r->is_good ? cursor_take(r, record->size) : NULL;
}

static void get_list(struct cursor_reader *r, struct dht_message *m, uint32_t least, uint32_t most)
{
    m->count = (uint8_t)cursor_get_le(r, 1);
    claim(r, m->count >= least && m->count <= most);
    for (uint32_t i = 0; i < m->count && r->is_good; i++) {
        if (m->kind == DHT_PACKET_NODES) {
            get_contact(r, &m->contact[i]);
        } else if (m->kind == DHT_PACKET_VALUES) {
            get_record(r, &m->record[i]);
        } else {
            get_item(r, &m->item[i]);
        }
    }
}

static void get_flags(struct cursor_reader *r, struct dht_message *m, uint8_t known)
{
    m->flags = (uint8_t)cursor_get_le(r, 1);
    claim(r, (m->flags & ~known) == 0);
}

static void get_question(struct cursor_reader *r, struct dht_message *m)
{
    cursor_get(r, m->target.byte, DHT_ID_SIZE);
    m->most = (uint8_t)cursor_get_le(r, 1);
    claim(r, m->most <= DHT_NODES_MAX);
    if (m->kind == DHT_PACKET_GET) {
        m->after = cursor_get_le(r, 8);
        get_flags(r, m, 0);
    }
}

static void get_store(struct cursor_reader *r, struct dht_message *m)
{
    m->token = cursor_get_le(r, 8);
    get_flags(r, m, DHT_FLAG_CAS | DHT_FLAG_CACHE | DHT_FLAG_REPAIR);
    m->seq = cursor_get_le(r, 8);
    claim(r, m->seq <= DHT_SEQ_MAX && (m->seq == 0 || (m->flags & DHT_FLAG_CAS) != 0));
    claim(r, m->txn != 0 || (m->flags & DHT_FLAG_REPAIR) == 0);
    get_record(r, &m->record[0]);
    m->count = 1;
}

static void get_body(struct cursor_reader *r, struct dht_message *m)
{
    switch (m->kind) {
    case DHT_PACKET_PING:
    case DHT_PACKET_PONG:
        return;
    case DHT_PACKET_FIND:
    case DHT_PACKET_GET:
        get_question(r, m);
        return;
    case DHT_PACKET_NODES:
        get_flags(r, m, DHT_FLAG_ABSENT);
        m->token = cursor_get_le(r, 8);
        get_list(r, m, 0, DHT_NODES_MAX);
        return;
    case DHT_PACKET_VALUES:
        get_flags(r, m, DHT_FLAG_MORE);
        get_list(r, m, 1, DHT_VALUES_MAX);
        return;
    case DHT_PACKET_STORE:
        get_store(r, m);
        return;
    case DHT_PACKET_STORED:
        m->status = (enum dht_status)cursor_get_le(r, 1);
        m->seq = cursor_get_le(r, 8);
        m->token = cursor_get_le(r, 8);
        claim(r, m->status >= DHT_STATUS_OK && m->status <= DHT_STATUS_REFUSED && m->seq <= DHT_SEQ_MAX);
        return;
    case DHT_PACKET_SUM:
        m->sum_count = (uint32_t)cursor_get_le(r, 4);
        m->sum_hash = cursor_get_le(r, 8);
        return;
    case DHT_PACKET_OFFER:
        get_flags(r, m, DHT_FLAG_BACK);
        get_list(r, m, 0, DHT_ITEMS_MAX);
        return;
    case DHT_PACKET_WANT:
        claim(r, m->txn != 0);
        m->token = cursor_get_le(r, 8);
        get_list(r, m, 1, DHT_ITEMS_MAX);
        return;
    }
    r->is_good = false; /* another kind */
}

enum err dht_packet_read(const uint8_t *bytes, size_t size, struct dht_message *ret)
{
    struct cursor_reader r = {.at = bytes, .left = size, .is_good = true};

    if (size > DHT_PACKET_MAX) {
        return ERR_LIMIT;
    }
    if (cursor_get_le(&r, 1) != DHT_PACKET_VERSION && size > 0) {
        return ERR_INCOMPATIBLE;
    }
    ret->kind = (enum dht_packet_kind)cursor_get_le(&r, 1);
    ret->txn = (uint32_t)cursor_get_le(&r, 4);
    ret->flags = ret->most = ret->count = 0;
    ret->seq = ret->after = 0;
    if (r.is_good) {
        get_body(&r, ret);
    }
    return r.is_good && r.left == 0 ? ERR_OK : ERR_MALFORMED;
}
