#include "nodosum/packet.h"

#include <assert.h>
#include <string.h>

#include "common/base/bytes.h"

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

/* Goes on after the end of the room, without writing: whoever began looks once, at the end. */
struct writer {
    uint8_t *at;
    size_t used, room;
};

static uint8_t *claim(struct writer *w, size_t size)
{
    size_t at = w->used;

    w->used += size;
    return w->used <= w->room ? w->at + at : NULL;
}

static void put_bytes(struct writer *w, const void *bytes, size_t size)
{
    uint8_t *to = claim(w, size);

    if (to != NULL && size > 0) {
        memcpy(to, bytes, size);
    }
}

static void put_8(struct writer *w, uint8_t value)
{
    put_bytes(w, &value, 1);
}

static void put_16(struct writer *w, uint16_t value)
{
    put_bytes(w, (uint8_t[]){(uint8_t)(value >> 8), (uint8_t)value}, 2);
}

static void put_32(struct writer *w, uint32_t value)
{
    uint8_t *to = claim(w, 4);

    if (to != NULL) {
        bytes_put_be32(to, value);
    }
}

static void put_64(struct writer *w, uint64_t value)
{
    uint8_t *to = claim(w, 8);

    if (to != NULL) {
        bytes_put_be64(to, value);
    }
}

static struct writer begin(const struct nodosum_packet *p)
{
    struct writer w = {.at = (uint8_t *)p->bytes, .used = p->size, .room = NODOSUM_PACKET_MAX};

    if (p->size == 0) {
        put_8(&w, NODOSUM_PACKET_VERSION);
    }
    return w;
}

static bool end(struct nodosum_packet *p, const struct writer *w)
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
    struct writer w = begin(p);

    assert(incarnation > 0 && incarnation <= NODOSUM_INCARNATION_MAX);
    assert(about->name_len > 0 && about->meta_size <= NODOSUM_META_MAX);
    assert(about->offers_size <= NODOSUM_OFFERS_BYTES);
    put_8(&w, NODOSUM_PACKET_ALIVE);
    put_bytes(&w, id->byte, NODOSUM_ID_SIZE);
    put_64(&w, incarnation);
    put_64(&w, about->meta_version);
    put_bytes(&w, about->address.ip, sizeof about->address.ip);
    put_16(&w, about->address.port);
    put_8(&w, about->name_len);
    put_bytes(&w, about->name, about->name_len);
    put_16(&w, about->meta_size);
    put_bytes(&w, about->meta, about->meta_size);
    put_16(&w, about->offers_size);
    put_bytes(&w, about->offers, about->offers_size);
    return end(p, &w);
}

static void put_list(struct writer *w, const struct nodosum_message *m)
{
    put_8(w, (uint8_t)m->count);
    for (uint32_t i = 0; i < m->count; i++) {
        if (m->kind == NODOSUM_PACKET_DIGEST) {
            put_64(w, m->range[i].first);
            put_64(w, m->range[i].last);
            put_16(w, m->range[i].members);
            put_64(w, m->range[i].hash);
        } else if (m->kind == NODOSUM_PACKET_ROWS) {
            put_64(w, m->row[i].short_id);
            put_64(w, m->row[i].incarnation);
            put_8(w, m->row[i].state);
            put_16(w, m->row[i].check);
        } else {
            put_64(w, m->kind == NODOSUM_PACKET_SUSPECT ? m->accuser[i] : m->want[i]);
        }
    }
}

bool nodosum_packet_add(struct nodosum_packet *p, const struct nodosum_message *m)
{
    struct writer w = begin(p);

    if (m->kind == NODOSUM_PACKET_ALIVE) {
        return nodosum_packet_add_alive(p, &m->id, m->incarnation, &m->about);
    }
    put_8(&w, (uint8_t)m->kind);
    switch (m->kind) {
    case NODOSUM_PACKET_PING:
    case NODOSUM_PACKET_ACK:
    case NODOSUM_PACKET_NACK:
        put_32(&w, m->seq);
        if (m->kind != NODOSUM_PACKET_NACK) {
            put_8(&w, (uint8_t)(m->attempt | m->flags << FLAG_SHIFT));
        }
        break;
    case NODOSUM_PACKET_PING_REQ:
        put_32(&w, m->seq);
        put_bytes(&w, m->id.byte, NODOSUM_ID_SIZE);
        break;
    case NODOSUM_PACKET_SUSPECT:
    case NODOSUM_PACKET_DEAD:
    case NODOSUM_PACKET_LEFT:
    case NODOSUM_PACKET_LIVES:
        put_bytes(&w, m->id.byte, NODOSUM_ID_SIZE);
        put_64(&w, m->incarnation);
        if (m->kind == NODOSUM_PACKET_SUSPECT) {
            put_list(&w, m);
        } else if (m->kind == NODOSUM_PACKET_DEAD) {
            put_64(&w, m->accuser[0]);
        } else {
            put_bytes(&w, m->word, sizeof m->word);
        }
        break;
    case NODOSUM_PACKET_ROWS:
        put_64(&w, m->first);
        put_64(&w, m->last);
        put_list(&w, m);
        break;
    case NODOSUM_PACKET_DIGEST:
    case NODOSUM_PACKET_WANT:
        put_list(&w, m);
        break;
    case NODOSUM_PACKET_PUSH:
        put_64(&w, m->last);
        break;
    case NODOSUM_PACKET_PLACE:
        put_8(&w, m->place.size);
        put_bytes(&w, m->place.bytes, m->place.size);
        break;
    case NODOSUM_PACKET_ALIVE:
        break;
    }
    return end(p, &w);
}

/* ---- reading ------------------------------------------------------------------------------------- */

/* Past the end everything reads as 0 and is_good is false for good. */
struct reader {
    const uint8_t *at;
    size_t left;
    bool is_good;
};

static const uint8_t *take(struct reader *r, size_t size)
{
    const uint8_t *at = r->at;

    if (size > r->left) {
        r->is_good = false;
        r->left = 0;
        return NULL;
    }
    r->at += size;
    r->left -= size;
    return at;
}

static void get_bytes(struct reader *r, void *to, size_t size)
{
    const uint8_t *from = take(r, size);

    if (from != NULL) {
        memcpy(to, from, size);
    }
}

static uint8_t get_8(struct reader *r)
{
    const uint8_t *from = take(r, 1);

    return from == NULL ? 0 : *from;
}

static uint16_t get_16(struct reader *r)
{
    const uint8_t *from = take(r, 2);

    return from == NULL ? 0 : (uint16_t)(from[0] << 8 | from[1]);
}

static uint32_t get_32(struct reader *r)
{
    const uint8_t *from = take(r, 4);

    return from == NULL ? 0 : bytes_get_be32(from);
}

static uint64_t get_64(struct reader *r)
{
    const uint8_t *from = take(r, 8);

    return from == NULL ? 0 : bytes_get_be64(from);
}

static void claim_that(struct reader *r, bool holds)
{
    r->is_good = r->is_good && holds;
}

static uint64_t get_incarnation(struct reader *r)
{
    uint64_t incarnation = get_64(r);

    claim_that(r, incarnation > 0 && incarnation <= NODOSUM_INCARNATION_MAX);
    return incarnation;
}

static uint32_t get_count(struct reader *r, uint32_t least, uint32_t most)
{
    uint32_t count = get_8(r);

    claim_that(r, count >= least && count <= most);
    return r->is_good ? count : 0;
}

static void get_about(struct reader *r, uint64_t incarnation, struct nodosum_about *about)
{
    static const uint8_t nowhere[16];

    about->meta_version = get_64(r);
    get_bytes(r, about->address.ip, sizeof about->address.ip);
    about->address.port = get_16(r);
    about->name_len = get_8(r);
    claim_that(r, about->meta_version > 0 && about->meta_version <= incarnation);
    claim_that(r, about->address.port != 0 && memcmp(about->address.ip, nowhere, sizeof nowhere) != 0);
    claim_that(r, about->name_len <= NAME_MAX_LEN);
    if (!r->is_good) {
        return;
    }
    memset(about->name, 0, sizeof about->name);
    get_bytes(r, about->name, about->name_len);
    claim_that(r, r->is_good && name_valid(about->name, about->name_len));
    about->meta_size = get_16(r);
    claim_that(r, about->meta_size <= NODOSUM_META_MAX);
    if (!r->is_good) {
        return;
    }
    get_bytes(r, about->meta, about->meta_size);
    about->offers_size = get_16(r);
    claim_that(r, about->offers_size <= NODOSUM_OFFERS_BYTES);
    if (r->is_good) {
        get_bytes(r, about->offers, about->offers_size);
    }
}

static void get_ranges(struct reader *r, struct nodosum_message *m)
{
    m->count = get_count(r, 1, NODOSUM_RANGES_MAX);
    claim_that(r, m->count * RANGE_SIZE <= r->left);
    for (uint32_t i = 0; i < m->count && r->is_good; i++) {
        struct nodosum_range *range = &m->range[i];
        range->first = get_64(r);
        range->last = get_64(r);
        range->members = get_16(r);
        range->hash = get_64(r);
        claim_that(r, range->first <= range->last);
    }
}

static void get_rows(struct reader *r, struct nodosum_message *m)
{
    uint64_t least;

    m->first = least = get_64(r);
    m->last = get_64(r);
    claim_that(r, m->first <= m->last);
    m->count = get_count(r, 0, NODOSUM_ROWS_MAX);
    claim_that(r, m->count * ROW_SIZE <= r->left);
    for (uint32_t i = 0; i < m->count && r->is_good; i++) {
        struct nodosum_row *row = &m->row[i];
        row->short_id = get_64(r);
        row->incarnation = get_incarnation(r);
        row->state = get_8(r);
        row->check = get_16(r);
        claim_that(r, (row->state & STATE_BITS) <= NODOSUM_LEFT);
        claim_that(r, row->short_id >= least && row->short_id <= m->last);
        least = row->short_id;
    }
}

static void get_shorts(struct reader *r, uint32_t most, uint64_t *to, uint32_t *ret_count)
{
    *ret_count = get_count(r, 1, most);
    for (uint32_t i = 0; i < *ret_count && r->is_good; i++) {
        to[i] = get_64(r);
    }
}

static bool get_message(struct reader *r, struct nodosum_message *m)
{
    m->kind = (enum nodosum_packet_kind)get_8(r);
    switch (m->kind) {
    case NODOSUM_PACKET_PING:
    case NODOSUM_PACKET_ACK:
        m->seq = get_32(r);
        m->attempt = get_8(r);
        m->flags = m->attempt >> FLAG_SHIFT;
        m->attempt &= (1u << FLAG_SHIFT) - 1;
        claim_that(r, m->attempt < NODOSUM_ATTEMPTS + (m->kind == NODOSUM_PACKET_ACK));
        return r->is_good;
    case NODOSUM_PACKET_NACK:
    case NODOSUM_PACKET_PING_REQ:
        m->seq = get_32(r);
        if (m->kind == NODOSUM_PACKET_PING_REQ) {
            get_bytes(r, m->id.byte, NODOSUM_ID_SIZE);
        }
        return r->is_good;
    case NODOSUM_PACKET_ALIVE:
    case NODOSUM_PACKET_SUSPECT:
    case NODOSUM_PACKET_DEAD:
    case NODOSUM_PACKET_LEFT:
    case NODOSUM_PACKET_LIVES:
        get_bytes(r, m->id.byte, NODOSUM_ID_SIZE);
        m->incarnation = get_incarnation(r);
        if (m->kind == NODOSUM_PACKET_ALIVE) {
            get_about(r, m->incarnation, &m->about);
        } else if (m->kind == NODOSUM_PACKET_SUSPECT) {
            get_shorts(r, NODOSUM_ACCUSERS_MAX, m->accuser, &m->count);
        } else if (m->kind == NODOSUM_PACKET_DEAD) {
            m->accuser[0] = get_64(r);
        } else {
            get_bytes(r, m->word, sizeof m->word);
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
        m->last = get_64(r);
        return r->is_good;
    case NODOSUM_PACKET_PLACE:
        m->place.size = (uint8_t)get_count(r, 1, NODOSUM_META_PLACE_MAX);
        get_bytes(r, m->place.bytes, m->place.size);
        return r->is_good;
    }
    return false; /* another kind */
}

enum err nodosum_packet_check(const uint8_t *bytes, size_t size)
{
    struct reader r = {.at = bytes, .left = size, .is_good = true};
    struct nodosum_message m;

    if (size > NODOSUM_PACKET_MAX) {
        return ERR_LIMIT;
    }
    if (size > 0 && get_8(&r) != NODOSUM_PACKET_VERSION) {
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
    struct reader r = {.at = bytes + *at, .left = size - *at, .is_good = true};

    if (r.left == 0) {
        return false;
    }
    bool is_good = get_message(&r, ret);
    assert(is_good); /* the packet was checked */
    *at = size - r.left;
    return true;
}
