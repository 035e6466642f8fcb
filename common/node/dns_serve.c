#include "common/node/dns_serve.h"

#include <assert.h>
#include <string.h>

enum {
    TYPE_SOA = 6,
    TYPE_OPT = 41,
    OPT_SIZE = 11,
    BAD_VERSION = 16,   /* the upper part of it is in OPT (RFC 6891, 6.1.3) */
    RETRY_S = 60,       /* of an SOA whose zone nobody copies                */
    NAME_POINTER = 0xc000 | DNS_HEADER,
};

/* ---- reading --------------------------------------------------------------------------------------- */

/* OPT may come once, in the additional part (RFC 6891, 6.1.1); other records there are none of ours. */
static bool take_opt(struct dns_reader *r, struct dns_asked *a)
{
    char name[DNS_NAME_MAX + 1];
    size_t begin = r->at;

    dns_reader_name(r, name);
    uint32_t type = dns_reader_get(r, 2), room = dns_reader_get(r, 2);
    (void)dns_reader_get(r, 1);
    uint32_t version = dns_reader_get(r, 1);
    (void)dns_reader_get(r, 2);
    uint32_t size = dns_reader_get(r, 2);
    if (!r->is_good || size > r->size - r->at) {
        return false;
    }
    r->at += size;
    if (type != TYPE_OPT) {
        return true;
    }
    if (a->has_edns || r->bytes[begin] != 0) {
        return false;
    }
    a->has_edns = true;
    a->version = (uint8_t)version;
    a->room = (uint16_t)(room < DNS_SERVE_PLAIN ? DNS_SERVE_PLAIN : room > DNS_SERVE_MOST ? DNS_SERVE_MOST : room);
    return true;
}

static uint32_t count_at(const uint8_t *bytes, size_t at)
{
    return (uint32_t)bytes[at] << 8 | bytes[at + 1];
}

enum err dns_serve_read(const uint8_t *bytes, size_t size, struct dns_asked *ret)
{
    struct dns_reader r = {.bytes = bytes, .size = size, .at = DNS_HEADER, .is_good = true};

    if (size < DNS_HEADER || (bytes[2] & DNS_FLAG_ANSWER) != 0) {
        return ERR_DENIED;
    }
    struct dns_asked a = {.id = (uint16_t)count_at(bytes, 0), .opcode = (bytes[2] & DNS_OPCODE) >> 3, .room = DNS_SERVE_PLAIN,
                          .wants_recursion = (bytes[2] & DNS_FLAG_RECURSE) != 0, .end = DNS_HEADER};
    *ret = a;
    if (a.opcode != 0) {
        return ERR_UNSUPPORTED;
    }
    if (count_at(bytes, 4) != 1 || count_at(bytes, 6) != 0 || count_at(bytes, 8) != 0) {
        return ERR_MALFORMED;
    }
    dns_reader_name(&r, a.name);
    a.type = (uint16_t)dns_reader_get(&r, 2);
    a.class = (uint16_t)dns_reader_get(&r, 2);
    a.end = r.at;
    uint32_t more = count_at(bytes, 10);
    for (uint32_t i = 0; r.is_good && i < more; i++) {
        r.is_good = i < DNS_SERVE_RECORDS_MAX && take_opt(&r, &a);
    }
    if (!r.is_good) {
        return ERR_MALFORMED;
    }
    *ret = a;
    return a.version == 0 ? ERR_OK : ERR_UNSUPPORTED;
}

/* ---- writing --------------------------------------------------------------------------------------- */

struct writer {
    uint8_t *out;
    size_t at, room;
};

static void put_32(uint8_t *at, uint32_t value)
{
    dns_put_16(at, value >> 16);
    dns_put_16(at + 2, value);
}

static void put_head(struct writer *w, const uint8_t *question, const struct dns_asked *a, unsigned code, bool is_ours)
{
    memset(w->out, 0, DNS_HEADER);
    dns_put_16(w->out, a->id);
    w->out[2] = (uint8_t)(DNS_FLAG_ANSWER | a->opcode << 3 | (is_ours ? DNS_FLAG_AUTHORITY : 0) |
                          (a->wants_recursion ? DNS_FLAG_RECURSE : 0));
    w->out[3] = (uint8_t)(code & DNS_CODE);
    if (a->end > DNS_HEADER) {
        w->out[5] = 1;
        memcpy(w->out + DNS_HEADER, question + DNS_HEADER, a->end - DNS_HEADER); /* letters as they were asked */
    }
    w->at = a->end;
}

/* What all records begin with; the data follow. False: there is no room for these. */
static bool put_record(struct writer *w, unsigned type, uint32_t ttl_s, size_t size, uint32_t section)
{
    uint8_t *at = w->out + w->at;

    if (12 + size > w->room - w->at) {
        return false;
    }
    dns_put_16(at, NAME_POINTER);
    dns_put_16(at + 2, type);
    dns_put_16(at + 4, DNS_CLASS_IN);
    put_32(at + 6, ttl_s);
    dns_put_16(at + 10, (uint32_t)size);
    w->at += 12 + size;
    w->out[section + 1]++;
    return true;
}

static bool put_one(struct writer *w, const struct dns_record *record, uint32_t ttl_s)
{
    uint8_t wire[DNS_NAME_WIRE_MAX];
    const uint8_t *data = record->ip;
    size_t size = record->type == DNS_A ? 4 : 16;

    if (record->type == DNS_PTR) {
        size = dns_name_write(record->name, wire);
        data = wire;
        assert(size > 0);
    }
    if (!put_record(w, record->type, ttl_s, size, 6)) {
        return false;
    }
    memcpy(w->out + w->at - size, data, size);
    return true;
}

/* RFC 2308, section 3: whoever asked may remember for as long that there is none. */
static void put_authority(struct writer *w, const char *zone, uint32_t ttl_s)
{
    uint8_t name[DNS_NAME_WIRE_MAX];
    size_t size = dns_name_write(zone, name), at = w->at;

    assert(size > 0);
    if (size + 10 + 2 * size + 20 > w->room - w->at) {
        return;
    }
    memcpy(w->out + at, name, size);
    at += size;
    dns_put_16(w->out + at, TYPE_SOA);
    dns_put_16(w->out + at + 2, DNS_CLASS_IN);
    put_32(w->out + at + 4, ttl_s);
    dns_put_16(w->out + at + 8, (uint32_t)(2 * size + 20));
    at += 10;
    memcpy(w->out + at, name, size); /* who serves it, and who is to be asked: nobody by mail */
    memcpy(w->out + at + size, name, size);
    at += 2 * size;
    const uint32_t numbers[] = {1, RETRY_S, RETRY_S, RETRY_S, ttl_s}; /* serial, refresh, retry, expire, minimum */
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++, at += 4) {
        put_32(w->out + at, numbers[i]);
    }
    w->at = at;
    w->out[9]++;
}

static void put_opt(struct writer *w, const struct dns_asked *a, unsigned code)
{
    uint8_t *at = w->out + w->at;

    if (!a->has_edns) {
        return;
    }
    memset(at, 0, OPT_SIZE);
    dns_put_16(at + 1, TYPE_OPT);
    dns_put_16(at + 3, DNS_SERVE_MOST);
    at[5] = (uint8_t)(code >> 4);
    w->at += OPT_SIZE;
    w->out[11]++;
}

size_t dns_serve_write(const uint8_t *question, const struct dns_asked *a, const struct dns_said *said,
                       uint8_t out[DNS_SERVE_MOST])
{
    struct writer w = {.out = out, .room = a->room - (a->has_edns ? (size_t)OPT_SIZE : 0)};

    assert(said->records <= DNS_SERVE_RECORDS_MAX);
    put_head(&w, question, a, said->code, said->zone[0] != '\0');
    for (uint32_t i = 0; i < said->records; i++) {
        if (!put_one(&w, &said->record[i], said->ttl_s)) {
            out[2] |= DNS_FLAG_CUT;
            break;
        }
    }
    if (said->records == 0 && said->zone[0] != '\0') {
        put_authority(&w, said->zone, said->ttl_s);
    }
    put_opt(&w, a, said->code);
    return w.at;
}

size_t dns_serve_refuse(const uint8_t *question, const struct dns_asked *a, enum err e, uint8_t out[DNS_SERVE_MOST])
{
    struct writer w = {.out = out, .room = a->room};
    unsigned code = e != ERR_UNSUPPORTED ? DNS_FORMERR : a->version != 0 ? BAD_VERSION : DNS_NOTIMP;

    put_head(&w, question, a, code, false);
    put_opt(&w, a, code);
    return w.at;
}
