#include "common/node/dns_wire.h"

#include <assert.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/node/dns_name.h"

enum {
    TYPE_CNAME = 5,
    SRV_FIXED = 6,
};

/* ---- writing --------------------------------------------------------------------------------------- */

enum err dns_wire_ask(uint16_t id, const char *name, enum dns_type type, uint8_t out[DNS_QUESTION_MAX], size_t *ret_size)
{
    uint8_t wire[DNS_NAME_WIRE_MAX];
    size_t size = dns_name_write(name, wire);

    if (size == 0) {
        return ERR_INVALID;
    }
    memset(out, 0, DNS_HEADER);
    dns_put_16(out, id);
    out[2] = DNS_FLAG_RECURSE;
    out[5] = 1; /* one question */
    memcpy(out + DNS_HEADER, wire, size);
    dns_put_16(out + DNS_HEADER + size, (uint32_t)type);
    dns_put_16(out + DNS_HEADER + size + 2, DNS_CLASS_IN);
    *ret_size = DNS_HEADER + size + 4;
    assert(*ret_size <= DNS_QUESTION_MAX);
    return ERR_OK;
}

/* ---- reading --------------------------------------------------------------------------------------- */

struct record {
    char name[DNS_NAME_MAX + 1];
    uint32_t type, class, ttl_s;
    size_t at, size; /* of its data */
};

/* The head of a record; the reader stands behind its data afterwards. */
static void get_record(struct dns_reader *r, struct record *ret)
{
    dns_reader_name(r, ret->name);
    ret->type = dns_reader_get(r, 2);
    ret->class = dns_reader_get(r, 2);
    ret->ttl_s = dns_reader_get(r, 4);
    ret->size = dns_reader_get(r, 2);
    ret->at = r->at;
    r->is_good = r->is_good && ret->size <= r->size - r->at;
    r->at += r->is_good ? ret->size : 0;
}

static void used(struct dns_reply *reply, uint32_t ttl_s)
{
    /* The top bit set is 0 (RFC 2181, section 8). */
    ttl_s = ttl_s > INT32_MAX ? 0 : ttl_s > DNS_TTL_MAX ? DNS_TTL_MAX : ttl_s;
    reply->ttl_s = ttl_s < reply->ttl_s ? ttl_s : reply->ttl_s;
}

/* The name in a record's data. */
static bool name_in(const struct dns_reader *r, const struct record *record, size_t offset,
                    char out[DNS_NAME_MAX + 1])
{
    struct dns_reader inner = *r;

    inner.at = record->at + offset;
    dns_reader_name(&inner, out);
    return inner.is_good && inner.at == record->at + record->size;
}

/* Where there are too many, those of the least priority number stay: records come in any order. */
static void keep_service(const struct dns_service *s, struct dns_reply *reply)
{
    uint32_t at = reply->services;

    if (at == DNS_SERVICES_MAX) {
        at = 0;
        for (uint32_t i = 1; i < DNS_SERVICES_MAX; i++) {
            at = reply->service[i].priority >= reply->service[at].priority ? i : at;
        }
        if (reply->service[at].priority <= s->priority) {
            return;
        }
        memmove(&reply->service[at], &reply->service[at + 1], (DNS_SERVICES_MAX - 1 - at) * sizeof *s);
        at = DNS_SERVICES_MAX - 1;
    } else {
        reply->services++;
    }
    reply->service[at] = *s;
}

/* False: it is one of ours, and broken. */
static bool take_service(const struct dns_reader *r, const struct record *record, struct dns_reply *reply)
{
    struct dns_service s;
    struct dns_reader inner = *r;

    inner.at = record->at;
    if (record->size < SRV_FIXED || !name_in(r, record, SRV_FIXED, s.target)) {
        return false;
    }
    s.priority = (uint16_t)dns_reader_get(&inner, 2);
    s.weight = (uint16_t)dns_reader_get(&inner, 2);
    s.port = (uint16_t)dns_reader_get(&inner, 2);
    /* A target of "." says that the service is decidedly not available (RFC 2782). */
    if (s.port != 0 && s.target[0] != '\0') {
        keep_service(&s, reply);
        used(reply, record->ttl_s);
    }
    return true;
}

static bool take_host(const struct dns_reader *r, const struct record *record, struct dns_reply *reply)
{
    size_t size = record->type == DNS_A ? 4 : 16;

    if (record->size != size) {
        return false;
    }
    if (record->name[0] != '\0' && reply->hosts < DNS_HOSTS_MAX) {
        struct dns_host *h = &reply->host[reply->hosts++];
        *h = (struct dns_host){.ip = {[10] = 0xff, [11] = 0xff}};
        memcpy(h->name, record->name, sizeof h->name);
        memcpy(h->ip + 16 - size, r->bytes + record->at, size);
        used(reply, record->ttl_s);
    }
    return true;
}

static bool take_record(const struct dns_reader *r, const struct record *record, enum dns_type type,
                        uint32_t *aliases, struct dns_reply *reply)
{
    bool is_ours = strcmp(record->name, reply->name) == 0;

    if (record->class != DNS_CLASS_IN) {
        return true;
    }
    if (record->type == TYPE_CNAME && is_ours && *aliases < DNS_ALIASES_MAX) {
        ++*aliases;
        used(reply, record->ttl_s);
        char target[DNS_NAME_MAX + 1];
        if (!name_in(r, record, 0, target)) {
            return false;
        }
        memcpy(reply->name, target, sizeof target);
    } else if (record->type == DNS_SRV && is_ours && type == DNS_SRV) {
        return take_service(r, record, reply);
    } else if (record->type == DNS_A || record->type == DNS_AAAA) {
        return take_host(r, record, reply);
    }
    return true;
}

/* Whether what follows the header is the question that was asked. */
static bool is_question(struct dns_reader *r, const char *name, enum dns_type type)
{
    char asked[DNS_NAME_MAX + 1];

    dns_reader_name(r, asked);
    uint32_t asked_type = dns_reader_get(r, 2), class = dns_reader_get(r, 2);
    if (!r->is_good || asked_type != (uint32_t)type || class != DNS_CLASS_IN) {
        return false;
    }
    return dns_name_same(name, asked);
}

enum err dns_wire_read(const uint8_t *bytes, size_t size, uint16_t id, const char *name,
                       enum dns_type type, struct dns_reply *ret)
{
    struct dns_reader r = {.bytes = bytes, .size = size, .at = DNS_HEADER, .is_good = size >= DNS_HEADER};
    struct dns_reply reply; /* 14 KiB */
    uint32_t aliases = 0;

    if (size < DNS_HEADER || (bytes[0] << 8 | bytes[1]) != id || (bytes[2] & (DNS_FLAG_ANSWER | DNS_OPCODE)) != DNS_FLAG_ANSWER ||
        bytes[4] != 0 || bytes[5] != 1 || !is_question(&r, name, type)) {
        return ERR_DENIED;
    }
    memset(&reply, 0, sizeof reply);
    reply.code = bytes[3] & DNS_CODE;
    reply.is_cut = (bytes[2] & DNS_FLAG_CUT) != 0;
    reply.ttl_s = DNS_TTL_MAX;
    struct dns_reader question = {.bytes = bytes, .size = size, .at = DNS_HEADER, .is_good = true};
    dns_reader_name(&question, reply.name);
    uint32_t records = 0;
    for (size_t section = 6; section < DNS_HEADER; section += 2) {
        records += (uint32_t)(bytes[section] << 8 | bytes[section + 1]);
    }
    if (records > DNS_RECORDS_MAX) {
        return ERR_LIMIT;
    }
    for (uint32_t i = 0; i < records; i++) {
        struct record record;
        get_record(&r, &record);
        if (!r.is_good && reply.is_cut) {
            break; /* what was cut off ends somewhere; TCP has the rest */
        }
        if (!r.is_good || !take_record(&r, &record, type, &aliases, &reply)) {
            return ERR_MALFORMED;
        }
    }
    reply.ttl_s = reply.services + reply.hosts + aliases == 0 ? 0 : reply.ttl_s;
    *ret = reply;
    return ERR_OK;
}
