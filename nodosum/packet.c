#include "nodosum/packet.h"

#include <assert.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/cursor.h"

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

static struct cursor_writer begin(const struct nodosum_packet *p)
{
    struct cursor_writer w = {.at = (uint8_t *)p->bytes, .used = p->size, .room = NODOSUM_PACKET_MAX};

    if (p->size == 0) {
        cursor_put_be(&w, NODOSUM_PACKET_VERSION, 1);
    }
    return w;
}

static bool end(struct nodosum_packet *p, const struct cursor_writer *w)
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
    struct cursor_writer w = begin(p);

    assert(incarnation > 0 && incarnation <= NODOSUM_INCARNATION_MAX);
    assert(about->name_len > 0 && about->meta_size <= NODOSUM_META_MAX);
    assert(about->offers_size <= NODOSUM_OFFERS_BYTES);
    cursor_put_be(&w, NODOSUM_PACKET_ALIVE, 1);
    cursor_put(&w, id->byte, NODOSUM_ID_SIZE);
    cursor_put_be(&w, incarnation, 8);
    cursor_put_be(&w, about->meta_version, 8);
    cursor_put(&w, about->address.ip, sizeof about->address.ip);
    cursor_put_be(&w, about->address.port, 2);
    cursor_put_be(&w, about->name_len, 1);
    cursor_put(&w, about->name, about->name_len);
    cursor_put_be(&w, about->meta_size, 2);
    cursor_put(&w, about->meta, about->meta_size);
    cursor_put_be(&w, about->offers_size, 2);
    cursor_put(&w, about->offers, about->offers_size);
    return end(p, &w);
}

static void put_list(struct cursor_writer *w, const struct nodosum_message *m)
{
    cursor_put_be(w, (uint8_t)m->count, 1);
    for (uint32_t i = 0; i < m->count; i++) {
        if (m->kind == NODOSUM_PACKET_DIGEST) {
            cursor_put_be(w, m->range[i].first, 8);
            cursor_put_be(w, m->range[i].last, 8);
            cursor_put_be(w, m->range[i].members, 2);
            cursor_put_be(w, m->range[i].hash, 8);
        } else if (m->kind == NODOSUM_PACKET_ROWS) {
            cursor_put_be(w, m->row[i].short_id, 8);
            cursor_put_be(w, m->row[i].incarnation, 8);
            cursor_put_be(w, m->row[i].state, 1);
            cursor_put_be(w, m->row[i].check, 2);
        } else {
            cursor_put_be(w, m->kind == NODOSUM_PACKET_SUSPECT ? m->accuser[i] : m->want[i], 8);
        }
    }
}

bool nodosum_packet_add(struct nodosum_packet *p, const struct nodosum_message *m)
{
    struct cursor_writer w = begin(p);

    if (m->kind == NODOSUM_PACKET_ALIVE) {
        return nodosum_packet_add_alive(p, &m->id, m->incarnation, &m->about);
    }
    cursor_put_be(&w, (uint8_t)m->kind, 1);
    switch (m->kind) {
    case NODOSUM_PACKET_PING:
    case NODOSUM_PACKET_ACK:
    case NODOSUM_PACKET_NACK:
        cursor_put_be(&w, m->seq, 4);
        if (m->kind != NODOSUM_PACKET_NACK) {
            cursor_put_be(&w, (uint8_t)(m->attempt | m->flags << FLAG_SHIFT), 1);
        }
        break;
    case NODOSUM_PACKET_PING_REQ:
        cursor_put_be(&w, m->seq, 4);
        cursor_put(&w, m->id.byte, NODOSUM_ID_SIZE);
        break;
    case NODOSUM_PACKET_SUSPECT:
    case NODOSUM_PACKET_DEAD:
    case NODOSUM_PACKET_LEFT:
    case NODOSUM_PACKET_LIVES:
        cursor_put(&w, m->id.byte, NODOSUM_ID_SIZE);
        cursor_put_be(&w, m->incarnation, 8);
        if (m->kind == NODOSUM_PACKET_SUSPECT) {
            put_list(&w, m);
        } else if (m->kind == NODOSUM_PACKET_DEAD) {
            cursor_put_be(&w, m->accuser[0], 8);
        } else {
            cursor_put(&w, m->word, sizeof m->word);
        }
        break;
    case NODOSUM_PACKET_ROWS:
        cursor_put_be(&w, m->first, 8);
        cursor_put_be(&w, m->last, 8);
        put_list(&w, m);
        break;
    case NODOSUM_PACKET_DIGEST:
    case NODOSUM_PACKET_WANT:
        put_list(&w, m);
        break;
    case NODOSUM_PACKET_PUSH:
        cursor_put_be(&w, m->last, 8);
        break;
    case NODOSUM_PACKET_PLACE:
        cursor_put_be(&w, m->place.size, 1);
        cursor_put(&w, m->place.bytes, m->place.size);
        break;
    case NODOSUM_PACKET_ALIVE:
        break;
    }
    return end(p, &w);
}

/* ---- reading ------------------------------------------------------------------------------------- */

static void claim_that(struct cursor_reader *r, bool holds)
{
    r->is_good = r->is_good && holds;
}

static uint64_t get_incarnation(struct cursor_reader *r)
{
    uint64_t incarnation = cursor_get_be(r, 8);

    claim_that(r, incarnation > 0 && incarnation <= NODOSUM_INCARNATION_MAX);
    return incarnation;
}

static uint32_t get_count(struct cursor_reader *r, uint32_t least, uint32_t most)
{
    uint32_t count = (uint8_t)cursor_get_be(r, 1);

    claim_that(r, count >= least && count <= most);
    return r->is_good ? count : 0;
}

static void get_about(struct cursor_reader *r, uint64_t incarnation, struct nodosum_about *about)
{
    static const uint8_t nowhere[16];

    about->meta_version = cursor_get_be(r, 8);
    cursor_get(r, about->address.ip, sizeof about->address.ip);
    about->address.port = (uint16_t)cursor_get_be(r, 2);
    about->name_len = (uint8_t)cursor_get_be(r, 1);
    claim_that(r, about->meta_version > 0 && about->meta_version <= incarnation);
    claim_that(r, about->address.port != 0 && memcmp(about->address.ip, nowhere, sizeof nowhere) != 0);
    claim_that(r, about->name_len <= NAME_MAX_LEN);
    if (!r->is_good) {
        return;
    }
    memset(about->name, 0, sizeof about->name);
    cursor_get(r, about->name, about->name_len);
    claim_that(r, r->is_good && name_valid(about->name, about->name_len));
    about->meta_size = (uint16_t)cursor_get_be(r, 2);
    claim_that(r, about->meta_size <= NODOSUM_META_MAX);
    if (!r->is_good) {
        return;
    }
    cursor_get(r, about->meta, about->meta_size);
    about->offers_size = (uint16_t)cursor_get_be(r, 2);
    claim_that(r, about->offers_size <= NODOSUM_OFFERS_BYTES);
    if (r->is_good) {
        cursor_get(r, about->offers, about->offers_size);
    }
}

static void get_ranges(struct cursor_reader *r, struct nodosum_message *m)
{
    m->count = get_count(r, 1, NODOSUM_RANGES_MAX);
    claim_that(r, m->count * RANGE_SIZE <= r->left);
    for (uint32_t i = 0; i < m->count && r->is_good; i++) {
        struct nodosum_range *range = &m->range[i];
        range->first = cursor_get_be(r, 8);
        range->last = cursor_get_be(r, 8);
        range->members = (uint16_t)cursor_get_be(r, 2);
        range->hash = cursor_get_be(r, 8);
        claim_that(r, range->first <= range->last);
    }
}

static void get_rows(struct cursor_reader *r, struct nodosum_message *m)
{
    uint64_t least;

    m->first = least = cursor_get_be(r, 8);
    m->last = cursor_get_be(r, 8);
    claim_that(r, m->first <= m->last);
    m->count = get_count(r, 0, NODOSUM_ROWS_MAX);
    claim_that(r, m->count * ROW_SIZE <= r->left);
    for (uint32_t i = 0; i < m->count && r->is_good; i++) {
        struct nodosum_row *row = &m->row[i];
        row->short_id = cursor_get_be(r, 8);
        row->incarnation = get_incarnation(r);
        row->state = (uint8_t)cursor_get_be(r, 1);
        row->check = (uint16_t)cursor_get_be(r, 2);
        claim_that(r, (row->state & STATE_BITS) <= NODOSUM_LEFT);
        claim_that(r, row->short_id >= least && row->short_id <= m->last);
        least = row->short_id;
    }
}

static void get_shorts(struct cursor_reader *r, uint32_t most, uint64_t *to, uint32_t *ret_count)
{
    *ret_count = get_count(r, 1, most);
    for (uint32_t i = 0; i < *ret_count && r->is_good; i++) {
        to[i] = cursor_get_be(r, 8);
    }
}

static bool get_message(struct cursor_reader *r, struct nodosum_message *m)
{
    m->kind = (enum nodosum_packet_kind)(uint8_t)cursor_get_be(r, 1);
    switch (m->kind) {
    case NODOSUM_PACKET_PING:
    case NODOSUM_PACKET_ACK:
        m->seq = (uint32_t)cursor_get_be(r, 4);
        m->attempt = (uint8_t)cursor_get_be(r, 1);
        m->flags = m->attempt >> FLAG_SHIFT;
        m->attempt &= (1u << FLAG_SHIFT) - 1;
        claim_that(r, m->attempt < NODOSUM_ATTEMPTS + (m->kind == NODOSUM_PACKET_ACK));
        return r->is_good;
    case NODOSUM_PACKET_NACK:
    case NODOSUM_PACKET_PING_REQ:
        m->seq = (uint32_t)cursor_get_be(r, 4);
        if (m->kind == NODOSUM_PACKET_PING_REQ) {
            cursor_get(r, m->id.byte, NODOSUM_ID_SIZE);
        }
        return r->is_good;
    case NODOSUM_PACKET_ALIVE:
    case NODOSUM_PACKET_SUSPECT:
    case NODOSUM_PACKET_DEAD:
    case NODOSUM_PACKET_LEFT:
    case NODOSUM_PACKET_LIVES:
        cursor_get(r, m->id.byte, NODOSUM_ID_SIZE);
        m->incarnation = get_incarnation(r);
        if (m->kind == NODOSUM_PACKET_ALIVE) {
            get_about(r, m->incarnation, &m->about);
        } else if (m->kind == NODOSUM_PACKET_SUSPECT) {
            get_shorts(r, NODOSUM_ACCUSERS_MAX, m->accuser, &m->count);
        } else if (m->kind == NODOSUM_PACKET_DEAD) {
            m->accuser[0] = cursor_get_be(r, 8);
        } else {
            cursor_get(r, m->word, sizeof m->word);
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
        m->last = cursor_get_be(r, 8);
        return r->is_good;
    case NODOSUM_PACKET_PLACE:
        m->place.size = (uint8_t)get_count(r, 1, NODOSUM_META_PLACE_MAX);
        cursor_get(r, m->place.bytes, m->place.size);
        return r->is_good;
    }
    return false; /* another kind */
}

enum err nodosum_packet_check(const uint8_t *bytes, size_t size)
{
    struct cursor_reader r = {.at = bytes, .left = size, .is_good = true};
    struct nodosum_message m;

    if (size > NODOSUM_PACKET_MAX) {
        return ERR_LIMIT;
    }
    if (size > 0 && (uint8_t)cursor_get_be(&r, 1) != NODOSUM_PACKET_VERSION) {
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
    struct cursor_reader r = {.at = bytes + *at, .left = size - *at, .is_good = true};

    if (r.left == 0) {
        return false;
    }
    bool is_good = get_message(&r, ret);
    assert(is_good); /* the packet was checked */
    *at = size - r.left;
    return true;
}
