#include "nodosum/packet.h"

#include <assert.h>
#include <string.h>

#include "common/base/bytes.h"
#include "nodosum/bytes.h"

enum {
    RANGE_SIZE = 26,
    ROW_SIZE = 19,
    STATE_BITS = NODOSUM_ROW_STALE - 1,
    FLAG_SHIFT = 7,
};

uint64_t nodosum_packet_short(const struct nodosum_id *id)
{
    return bytes_get_be64(id->byte);
}

/* ---- writing ------------------------------------------------------------------------------------- */

static struct nodosum_writer begin(const struct nodosum_packet *p)
{
    struct nodosum_writer w = {.at = (uint8_t *)p->bytes, .used = p->size, .room = NODOSUM_PACKET_MAX};

    if (p->size == 0) {
        nodosum_bytes_put_8(&w, NODOSUM_PACKET_VERSION);
    }
    return w;
}

static bool end(struct nodosum_packet *p, const struct nodosum_writer *w)
{
    if (w->used > w->room) {
        return false;
    }
    p->size = (uint16_t)w->used;
    return true;
}

bool nodosum_packet_add_alive(struct nodosum_packet *p, const struct nodosum_id *id, uint64_t incarnation,
                              const struct nodosum_about *about)
{
    struct nodosum_writer w = begin(p);

    assert(incarnation > 0 && incarnation <= NODOSUM_INCARNATION_MAX);
    assert(about->name_len > 0 && about->meta_size <= NODOSUM_META_MAX);
    assert(about->offers_size <= NODOSUM_OFFERS_BYTES);
    nodosum_bytes_put_8(&w, NODOSUM_PACKET_ALIVE);
    nodosum_bytes_put(&w, id->byte, NODOSUM_ID_SIZE);
    nodosum_bytes_put_64(&w, incarnation);
    nodosum_bytes_put_64(&w, about->meta_version);
    nodosum_bytes_put(&w, about->address.ip, sizeof about->address.ip);
    nodosum_bytes_put_16(&w, about->address.port);
    nodosum_bytes_put_8(&w, about->name_len);
    nodosum_bytes_put(&w, about->name, about->name_len);
    nodosum_bytes_put_16(&w, about->meta_size);
    nodosum_bytes_put(&w, about->meta, about->meta_size);
    nodosum_bytes_put_16(&w, about->offers_size);
    nodosum_bytes_put(&w, about->offers, about->offers_size);
    return end(p, &w);
}

static void put_list(struct nodosum_writer *w, const struct nodosum_message *m)
{
    nodosum_bytes_put_8(w, (uint8_t)m->count);
    for (uint32_t i = 0; i < m->count; i++) {
        if (m->kind == NODOSUM_PACKET_DIGEST) {
            nodosum_bytes_put_64(w, m->range[i].first);
            nodosum_bytes_put_64(w, m->range[i].last);
            nodosum_bytes_put_16(w, m->range[i].members);
            nodosum_bytes_put_64(w, m->range[i].hash);
        } else if (m->kind == NODOSUM_PACKET_ROWS) {
            nodosum_bytes_put_64(w, m->row[i].short_id);
            nodosum_bytes_put_64(w, m->row[i].incarnation);
            nodosum_bytes_put_8(w, m->row[i].state);
            nodosum_bytes_put_16(w, m->row[i].check);
        } else {
            nodosum_bytes_put_64(w, m->kind == NODOSUM_PACKET_SUSPECT ? m->accuser[i] : m->want[i]);
        }
    }
}

bool nodosum_packet_add(struct nodosum_packet *p, const struct nodosum_message *m)
{
    struct nodosum_writer w = begin(p);

    if (m->kind == NODOSUM_PACKET_ALIVE) {
        return nodosum_packet_add_alive(p, &m->id, m->incarnation, &m->about);
    }
    nodosum_bytes_put_8(&w, (uint8_t)m->kind);
    switch (m->kind) {
    case NODOSUM_PACKET_PING:
    case NODOSUM_PACKET_ACK:
    case NODOSUM_PACKET_NACK:
        nodosum_bytes_put_32(&w, m->seq);
        if (m->kind != NODOSUM_PACKET_NACK) {
            nodosum_bytes_put_8(&w, (uint8_t)(m->attempt | m->flags << FLAG_SHIFT));
        }
        break;
    case NODOSUM_PACKET_PING_REQ:
        nodosum_bytes_put_32(&w, m->seq);
        nodosum_bytes_put(&w, m->id.byte, NODOSUM_ID_SIZE);
        break;
    case NODOSUM_PACKET_SUSPECT:
    case NODOSUM_PACKET_DEAD:
    case NODOSUM_PACKET_LEFT:
    case NODOSUM_PACKET_LIVES:
        nodosum_bytes_put(&w, m->id.byte, NODOSUM_ID_SIZE);
        nodosum_bytes_put_64(&w, m->incarnation);
        if (m->kind == NODOSUM_PACKET_SUSPECT) {
            put_list(&w, m);
        } else if (m->kind == NODOSUM_PACKET_DEAD) {
            nodosum_bytes_put_64(&w, m->accuser[0]);
        } else {
            nodosum_bytes_put(&w, m->word, sizeof m->word);
        }
        break;
    case NODOSUM_PACKET_ROWS:
        nodosum_bytes_put_64(&w, m->first);
        nodosum_bytes_put_64(&w, m->last);
        put_list(&w, m);
        break;
    case NODOSUM_PACKET_DIGEST:
    case NODOSUM_PACKET_WANT:
        put_list(&w, m);
        break;
    case NODOSUM_PACKET_PUSH:
        nodosum_bytes_put_64(&w, m->last);
        break;
    case NODOSUM_PACKET_PLACE:
        nodosum_bytes_put_8(&w, m->place.size);
        nodosum_bytes_put(&w, m->place.bytes, m->place.size);
        break;
    case NODOSUM_PACKET_ALIVE:
        break;
    }
    return end(p, &w);
}

/* ---- reading ------------------------------------------------------------------------------------- */

static void claim_that(struct nodosum_reader *r, bool holds)
{
    r->is_good = r->is_good && holds;
}

static uint64_t get_incarnation(struct nodosum_reader *r)
{
    uint64_t incarnation = nodosum_bytes_get_64(r);

    claim_that(r, incarnation > 0 && incarnation <= NODOSUM_INCARNATION_MAX);
    return incarnation;
}

static uint32_t get_count(struct nodosum_reader *r, uint32_t least, uint32_t most)
{
    uint32_t count = nodosum_bytes_get_8(r);

    claim_that(r, count >= least && count <= most);
    return r->is_good ? count : 0;
}

static void get_about(struct nodosum_reader *r, uint64_t incarnation, struct nodosum_about *about)
{
    static const uint8_t nowhere[16];

    about->meta_version = nodosum_bytes_get_64(r);
    nodosum_bytes_get(r, about->address.ip, sizeof about->address.ip);
    about->address.port = nodosum_bytes_get_16(r);
    about->name_len = nodosum_bytes_get_8(r);
    claim_that(r, about->meta_version > 0 && about->meta_version <= incarnation);
    claim_that(r, about->address.port != 0 && memcmp(about->address.ip, nowhere, sizeof nowhere) != 0);
    claim_that(r, about->name_len <= NAME_MAX_LEN);
    if (!r->is_good) {
        return;
    }
    memset(about->name, 0, sizeof about->name);
    nodosum_bytes_get(r, about->name, about->name_len);
    claim_that(r, r->is_good && name_valid(about->name, about->name_len));
    about->meta_size = nodosum_bytes_get_16(r);
    claim_that(r, about->meta_size <= NODOSUM_META_MAX);
    if (!r->is_good) {
        return;
    }
    nodosum_bytes_get(r, about->meta, about->meta_size);
    about->offers_size = nodosum_bytes_get_16(r);
    claim_that(r, about->offers_size <= NODOSUM_OFFERS_BYTES);
    if (r->is_good) {
        nodosum_bytes_get(r, about->offers, about->offers_size);
    }
}

static void get_ranges(struct nodosum_reader *r, struct nodosum_message *m)
{
    m->count = get_count(r, 1, NODOSUM_RANGES_MAX);
    claim_that(r, m->count * RANGE_SIZE <= r->left);
    for (uint32_t i = 0; i < m->count && r->is_good; i++) {
        struct nodosum_range *range = &m->range[i];
        range->first = nodosum_bytes_get_64(r);
        range->last = nodosum_bytes_get_64(r);
        range->members = nodosum_bytes_get_16(r);
        range->hash = nodosum_bytes_get_64(r);
        claim_that(r, range->first <= range->last);
    }
}

static void get_rows(struct nodosum_reader *r, struct nodosum_message *m)
{
    uint64_t least;

    m->first = least = nodosum_bytes_get_64(r);
    m->last = nodosum_bytes_get_64(r);
    claim_that(r, m->first <= m->last);
    m->count = get_count(r, 0, NODOSUM_ROWS_MAX);
    claim_that(r, m->count * ROW_SIZE <= r->left);
    for (uint32_t i = 0; i < m->count && r->is_good; i++) {
        struct nodosum_row *row = &m->row[i];
        row->short_id = nodosum_bytes_get_64(r);
        row->incarnation = get_incarnation(r);
        row->state = nodosum_bytes_get_8(r);
        row->check = nodosum_bytes_get_16(r);
        claim_that(r, (row->state & STATE_BITS) <= NODOSUM_LEFT);
        claim_that(r, row->short_id >= least && row->short_id <= m->last);
        least = row->short_id;
    }
}

static void get_shorts(struct nodosum_reader *r, uint32_t most, uint64_t *to, uint32_t *ret_count)
{
    *ret_count = get_count(r, 1, most);
    for (uint32_t i = 0; i < *ret_count && r->is_good; i++) {
        to[i] = nodosum_bytes_get_64(r);
    }
}

static bool get_message(struct nodosum_reader *r, struct nodosum_message *m)
{
    m->kind = (enum nodosum_packet_kind)nodosum_bytes_get_8(r);
    switch (m->kind) {
    case NODOSUM_PACKET_PING:
    case NODOSUM_PACKET_ACK:
        m->seq = nodosum_bytes_get_32(r);
        m->attempt = nodosum_bytes_get_8(r);
        m->flags = m->attempt >> FLAG_SHIFT;
        m->attempt &= (1u << FLAG_SHIFT) - 1;
        claim_that(r, m->attempt < NODOSUM_ATTEMPTS + (m->kind == NODOSUM_PACKET_ACK));
        return r->is_good;
    case NODOSUM_PACKET_NACK:
    case NODOSUM_PACKET_PING_REQ:
        m->seq = nodosum_bytes_get_32(r);
        if (m->kind == NODOSUM_PACKET_PING_REQ) {
            nodosum_bytes_get(r, m->id.byte, NODOSUM_ID_SIZE);
        }
        return r->is_good;
    case NODOSUM_PACKET_ALIVE:
    case NODOSUM_PACKET_SUSPECT:
    case NODOSUM_PACKET_DEAD:
    case NODOSUM_PACKET_LEFT:
    case NODOSUM_PACKET_LIVES:
        nodosum_bytes_get(r, m->id.byte, NODOSUM_ID_SIZE);
        m->incarnation = get_incarnation(r);
        if (m->kind == NODOSUM_PACKET_ALIVE) {
            get_about(r, m->incarnation, &m->about);
        } else if (m->kind == NODOSUM_PACKET_SUSPECT) {
            get_shorts(r, NODOSUM_ACCUSERS_MAX, m->accuser, &m->count);
        } else if (m->kind == NODOSUM_PACKET_DEAD) {
            m->accuser[0] = nodosum_bytes_get_64(r);
        } else {
            nodosum_bytes_get(r, m->word, sizeof m->word);
        }
        return r->is_good;
    case NODOSUM_PACKET_DIGEST:
        get_ranges(r, m);
        return r->is_good;
    case NODOSUM_PACKET_ROWS:
        get_rows(r, m);
        return r->is_good;
    case NODOSUM_PACKET_WANT:
        get_shorts(r, NODOSUM_WANT_MAX, m->want, &m->count);
        return r->is_good;
    case NODOSUM_PACKET_PUSH:
        m->last = nodosum_bytes_get_64(r);
        return r->is_good;
    case NODOSUM_PACKET_PLACE:
        m->place.size = (uint8_t)get_count(r, 1, NODOSUM_META_PLACE_MAX);
        nodosum_bytes_get(r, m->place.bytes, m->place.size);
        return r->is_good;
    }
    return false; /* another kind */
}

enum err nodosum_packet_check(const uint8_t *bytes, size_t size)
{
    struct nodosum_reader r = {.at = bytes, .left = size, .is_good = true};
    struct nodosum_message m;

    if (size > NODOSUM_PACKET_MAX) {
        return ERR_LIMIT;
    }
    if (size > 0 && nodosum_bytes_get_8(&r) != NODOSUM_PACKET_VERSION) {
        return ERR_INCOMPATIBLE;
    }
    if (r.left == 0) {
        return ERR_MALFORMED; /* nothing in it */
    }
    while (r.left > 0) {
        if (!get_message(&r, &m)) {
            return ERR_MALFORMED;
        }
    }
    return ERR_OK;
}

bool nodosum_packet_next(const uint8_t *bytes, size_t size, size_t *at, struct nodosum_message *ret)
{
    struct nodosum_reader r = {.at = bytes + *at, .left = size - *at, .is_good = true};

    if (r.left == 0) {
        return false;
    }
    bool is_good = get_message(&r, ret);
    assert(is_good); /* the packet was checked */
    *at = size - r.left;
    return true;
}
