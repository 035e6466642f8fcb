#include "common/node/dns_wire.h"

#include <assert.h>
#include <string.h>

#include "common/base/bytes.h"

enum {
    HEADER = 12,
    LABEL_MAX = 63,
    WIRE_NAME_MAX = 255,
    POINTER = 0xc0,
    CLASS_IN = 1,
    TYPE_CNAME = 5,
    FLAG_ANSWER = 0x80, /* byte 2 */
    OPCODE = 0x78,
    FLAG_CUT = 0x02,
    FLAG_RECURSE = 0x01,
    CODE = 0x0f,        /* byte 3 */
    SRV_FIXED = 6,
};

/* ---- writing --------------------------------------------------------------------------------------- */

static void put_16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

enum err dns_wire_ask(uint16_t id, const char *name, enum dns_type type,
                              uint8_t out[DNS_QUESTION_MAX], size_t *ret_size)
{
    size_t at = HEADER, len = strlen(name);

    if (len == 0 || len > DNS_NAME_MAX) {
        return ERR_INVALID;
    }
    memset(out, 0, HEADER);
    put_16(out, id);
    out[2] = FLAG_RECURSE;
    out[5] = 1; /* one question */
    for (const char *label = name; *label != '\0'; ) {
        size_t size = strcspn(label, ".");
        if (size == 0 || size > LABEL_MAX) {
            return ERR_INVALID;
        }
        out[at++] = (uint8_t)size;
        memcpy(out + at, label, size);
        at += size;
        label += size;
        if (*label == '.' && *++label == '\0') {
            return ERR_INVALID; /* a dot at the end: callers leave it out */
        }
    }
    out[at++] = 0;
    put_16(out + at, (uint32_t)type);
    put_16(out + at + 2, CLASS_IN);
    *ret_size = at + 4;
    assert(*ret_size <= DNS_QUESTION_MAX);
    return ERR_OK;
}

/* ---- reading --------------------------------------------------------------------------------------- */

struct reader {
    const uint8_t *bytes;
    size_t size, at;
    bool is_good; /* false for good once something was read past the end or is no name */
};

static uint32_t get(struct reader *r, size_t width)
{
    uint32_t value = 0;

    if (!r->is_good || width > r->size - r->at) {
        r->is_good = false;
        return 0;
    }
    for (size_t i = 0; i < width; i++) {
        value = value << 8 | r->bytes[r->at++];
    }
    return value;
}

/* Letters in lower case. *is_odd: it has what no host or service has in its name. False: it does not fit. */
static bool take_label(const struct reader *r, size_t from, size_t len, char *out, size_t *out_len, bool *is_odd)
{
    if (from > r->size || len > r->size - from || *out_len + len + 1 > DNS_NAME_MAX + 1) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        char c = (char)r->bytes[from + i];
        c = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
        *is_odd |= !((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_');
        out[(*out_len)++] = c;
    }
    out[(*out_len)++] = '.';
    return true;
}

/* A name, compressed or not. A pointer points before the name it ends, and before the one it was followed from:
 * so there is no loop, and no more steps than bytes. Empty: the root, or a name that no host has (of a printer,
 * with blanks), which is nobody here. */
static void get_name(struct reader *r, char out[DNS_NAME_MAX + 1])
{
    size_t at = r->at, bound = r->at, len = 0;
    bool has_jumped = false, is_odd = false;

    while (r->is_good) {
        uint8_t first = at < r->size ? r->bytes[at] : LABEL_MAX + 1; /* past the end: of no kind */
        if ((first & POINTER) == POINTER && at + 1 < r->size) {
            size_t target = (size_t)(first & ~POINTER) << 8 | r->bytes[at + 1];
            r->at = has_jumped ? r->at : at + 2;
            has_jumped = true;
            r->is_good = target < bound && target >= HEADER;
            at = bound = target;
        } else if (first == 0) {
            r->at = has_jumped ? r->at : at + 1;
            out[is_odd || len == 0 ? 0 : len - 1] = '\0'; /* in place of the last dot */
            return;
        } else {
            r->is_good = first <= LABEL_MAX && take_label(r, at + 1, first, out, &len, &is_odd);
            at += 1 + (size_t)first;
        }
    }
}

struct record {
    char name[DNS_NAME_MAX + 1];
    uint32_t type, class, ttl_s;
    size_t at, size; /* of its data */
};

/* The head of a record; the reader stands behind its data afterwards. */
static void get_record(struct reader *r, struct record *ret)
{
    get_name(r, ret->name);
    ret->type = get(r, 2);
    ret->class = get(r, 2);
    ret->ttl_s = get(r, 4);
    ret->size = get(r, 2);
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
static bool name_in(const struct reader *r, const struct record *record, size_t offset,
                    char out[DNS_NAME_MAX + 1])
{
    struct reader inner = *r;

    inner.at = record->at + offset;
    get_name(&inner, out);
    return inner.is_good && inner.at == record->at + record->size;
}

/* False: it is one of ours, and broken. */
static bool take_service(const struct reader *r, const struct record *record, struct dns_reply *reply)
{
    struct dns_service s;
    struct reader inner = *r;

    inner.at = record->at;
    if (record->size < SRV_FIXED || !name_in(r, record, SRV_FIXED, s.target)) {
        return false;
    }
    s.priority = (uint16_t)get(&inner, 2);
    s.weight = (uint16_t)get(&inner, 2);
    s.port = (uint16_t)get(&inner, 2);
    /* A target of "." says that the service is decidedly not available (RFC 2782). */
    if (s.port != 0 && s.target[0] != '\0' && reply->services < DNS_SERVICES_MAX) {
        reply->service[reply->services++] = s;
        used(reply, record->ttl_s);
    }
    return true;
}

static bool take_host(const struct reader *r, const struct record *record, struct dns_reply *reply)
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

static bool take_record(const struct reader *r, const struct record *record, enum dns_type type,
                        uint32_t *aliases, struct dns_reply *reply)
{
    bool is_ours = strcmp(record->name, reply->name) == 0;

    if (record->class != CLASS_IN) {
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
static bool is_question(struct reader *r, const char *name, enum dns_type type)
{
    char asked[DNS_NAME_MAX + 1];

    get_name(r, asked);
    uint32_t asked_type = get(r, 2), class = get(r, 2);
    if (!r->is_good || asked_type != (uint32_t)type || class != CLASS_IN) {
        return false;
    }
    for (size_t i = 0;; i++) {
        char c = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] | 0x20) : name[i];
        if (c != asked[i]) {
            return false;
        }
        if (c == '\0') {
            return true;
        }
    }
}

enum err dns_wire_read(const uint8_t *bytes, size_t size, uint16_t id, const char *name,
                               enum dns_type type, struct dns_reply *ret)
{
    struct reader r = {.bytes = bytes, .size = size, .at = HEADER, .is_good = size >= HEADER};
    struct dns_reply reply; /* 14 KiB */
    uint32_t aliases = 0;

    if (size < HEADER || (bytes[0] << 8 | bytes[1]) != id || (bytes[2] & (FLAG_ANSWER | OPCODE)) != FLAG_ANSWER ||
        bytes[4] != 0 || bytes[5] != 1 || !is_question(&r, name, type)) {
        return ERR_DENIED;
    }
    memset(&reply, 0, sizeof reply);
    reply.code = bytes[3] & CODE;
    reply.is_cut = (bytes[2] & FLAG_CUT) != 0;
    reply.ttl_s = DNS_TTL_MAX;
    struct reader question = {.bytes = bytes, .size = size, .at = HEADER, .is_good = true};
    get_name(&question, reply.name);
    uint32_t records = 0;
    for (size_t section = 6; section < HEADER; section += 2) {
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
