#include "nodosum/offers.h"

#include <assert.h>
#include <string.h>

#include "common/base/bytes.h"

enum {
    FIXED = 2 + 1 + 4, /* behind the name                         */
    QUARTER = 4,       /* a change by more than this part is told */
};

bool nodosum_offers_name_valid(const char *text, size_t len)
{
    const char *slash = memchr(text, '/', len);
    size_t space = slash == NULL ? 0 : (size_t)(slash - text);

    return slash == NULL ? name_valid(text, len) : name_valid(text, space) && name_valid(slash + 1, len - space - 1);
}

static bool is_valid(const struct nodosum_offer *o)
{
    size_t len = strnlen(o->name, sizeof o->name);

    return len < sizeof o->name && nodosum_offers_name_valid(o->name, len) && o->ready > 0 &&
           o->ready <= NODOSUM_OFFERS_READY_MAX && o->score <= NODOSUM_OFFERS_SCORE_MAX;
}

enum err nodosum_offers_add(struct nodosum_offers *o, const struct nodosum_offer *item)
{
    uint32_t at = 0;

    if (!is_valid(item)) {
        return ERR_INVALID;
    }
    while (at < o->count && strcmp(o->item[at].name, item->name) < 0) {
        at++;
    }
    if (at < o->count && strcmp(o->item[at].name, item->name) == 0) {
        return ERR_INVALID;
    }
    if (o->count == NODOSUM_OFFERS_MAX) {
        return ERR_LIMIT;
    }
    memmove(&o->item[at + 1], &o->item[at], (o->count - at) * sizeof o->item[0]);
    o->item[at] = *item;
    o->count++;
    return ERR_OK;
}

enum err nodosum_offers_pack(const struct nodosum_offers *o, uint8_t out[NODOSUM_OFFERS_BYTES], uint16_t *ret_size)
{
    size_t size = o->count > 0;

    assert(o->count <= NODOSUM_OFFERS_MAX);
    for (uint32_t i = 0; i < o->count; i++) {
        size += 1 + strlen(o->item[i].name) + FIXED;
    }
    if (size > NODOSUM_OFFERS_BYTES) {
        return ERR_LIMIT;
    }
    uint8_t *at = out;
    if (o->count > 0) {
        *at++ = (uint8_t)o->count;
    }
    for (uint32_t i = 0; i < o->count; i++) {
        const struct nodosum_offer *item = &o->item[i];
        size_t len = strlen(item->name);
        *at++ = (uint8_t)len;
        memcpy(at, item->name, len);
        at += len;
        *at++ = (uint8_t)(item->ready >> 8);
        *at++ = (uint8_t)item->ready;
        *at++ = (uint8_t)item->score;
        bytes_put_be32(at, item->latency_us);
        at += 4;
    }
    assert((size_t)(at - out) == size);
    *ret_size = (uint16_t)size;
    return ERR_OK;
}

enum err nodosum_offers_unpack(const uint8_t *bytes, size_t size, struct nodosum_offers *ret)
{
    struct nodosum_offers o = {0};
    uint32_t count = size == 0 ? 0 : bytes[0];
    size_t at = size > 0;

    if ((size > 0 && count == 0) || count > NODOSUM_OFFERS_MAX) {
        return ERR_MALFORMED;
    }
    for (; o.count < count; o.count++) {
        struct nodosum_offer *item = &o.item[o.count];
        size_t len = at < size ? bytes[at] : 0;
        if (len == 0 || len >= sizeof item->name || size - at < 1 + len + FIXED) {
            return ERR_MALFORMED;
        }
        memcpy(item->name, bytes + at + 1, len);
        at += 1 + len;
        item->ready = (uint32_t)bytes[at] << 8 | bytes[at + 1];
        item->score = bytes[at + 2];
        item->latency_us = bytes_get_be32(bytes + at + 3);
        at += FIXED;
        if (strlen(item->name) != len || !is_valid(item) || (o.count > 0 && strcmp(item[-1].name, item->name) >= 0)) {
            return ERR_MALFORMED;
        }
    }
    if (at != size) {
        return ERR_MALFORMED;
    }
    *ret = o;
    return ERR_OK;
}

bool nodosum_offers_find(const uint8_t *bytes, size_t size, const char *name, struct nodosum_offer *ret)
{
    struct nodosum_offers o;

    if (nodosum_offers_unpack(bytes, size, &o) != ERR_OK) {
        return false;
    }
    for (uint32_t i = 0; i < o.count; i++) {
        if (strcmp(o.item[i].name, name) == 0) {
            *ret = o.item[i];
            return true;
        }
    }
    return false;
}

static bool has_moved(uint32_t told, uint32_t now)
{
    uint32_t apart = told > now ? told - now : now - told;

    return apart > told / QUARTER;
}

enum nodosum_offers_change nodosum_offers_compare(const struct nodosum_offers *told, const struct nodosum_offers *now)
{
    enum nodosum_offers_change change = NODOSUM_OFFERS_SAME;

    if (told->count != now->count) {
        return NODOSUM_OFFERS_OTHER;
    }
    for (uint32_t i = 0; i < now->count; i++) {
        const struct nodosum_offer *a = &told->item[i], *b = &now->item[i];
        if (strcmp(a->name, b->name) != 0 || a->ready != b->ready) {
            return NODOSUM_OFFERS_OTHER;
        }
        if (has_moved(a->score, b->score) || has_moved(a->latency_us, b->latency_us)) {
            change = NODOSUM_OFFERS_MOVED;
        }
    }
    return change;
}

uint64_t nodosum_offers_cost(const struct nodosum_offer *o, uint32_t rtt_us)
{
    uint64_t score = o->score == 0 ? 1 : o->score;

    return ((uint64_t)rtt_us + o->latency_us + NODOSUM_OFFERS_LEAST_US) * NODOSUM_OFFERS_SCORE_MAX / score;
}
