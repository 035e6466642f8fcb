#include "dht/own.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    US = 1000,
    KEPT_PART = 2,    /* said again after this part of its life: one telling may be lost                 */
    SERVICE_PART = 3, /* … two                                                                           */
};

struct dht_own_item *dht_own_find(const struct dht_own *o, enum dht_record_kind kind, const void *name, size_t size)
{
    for (struct dht_own_item *i = o->first; i != NULL; i = i->next) {
        const uint8_t *own = kind == DHT_IMMUTABLE ? i->value : i->salt;
        size_t own_size = kind == DHT_IMMUTABLE ? i->value_size : i->salt_size;
        if (i->kind == kind && own_size == size && memcmp(own, name, size) == 0) {
            return i;
        }
    }
    return NULL;
}

struct dht_own_item *dht_own_serial(const struct dht_own *o, uint64_t serial)
{
    struct dht_own_item *i = o->first;

    while (i != NULL && i->serial != serial) {
        i = i->next;
    }
    return i;
}

enum err dht_own_add(struct dht_own *o, enum dht_record_kind kind, const void *name, size_t size, struct dht_own_item **ret)
{
    assert(size <= DHT_SALT_MAX && (kind != DHT_IMMUTABLE || size == 0));
    if (o->count == DHT_OWN_MAX) {
        return ERR_LIMIT;
    }
    struct dht_own_item *i = calloc(1, sizeof *i);
    if (i == NULL) {
        return ERR_NOMEM;
    }
    i->serial = ++o->serials;
    i->kind = kind;
    i->salt_size = (uint8_t)size;
    memcpy(i->salt, name, size);
    i->next = o->first;
    o->first = i;
    o->count++;
    *ret = i;
    return ERR_OK;
}

void dht_own_set(struct dht_own_item *item, const void *value, size_t size)
{
    assert(size <= DHT_VALUE_MAX);
    item->value_size = (uint16_t)size;
    memcpy(item->value, value, size);
}

void dht_own_remove(struct dht_own *o, struct dht_own_item *item)
{
    struct dht_own_item **at = &o->first;

    while (*at != item) {
        at = &(*at)->next;
    }
    *at = item->next;
    o->count--;
    free(item);
}

void dht_own_free(struct dht_own *o)
{
    while (o->first != NULL) {
        dht_own_remove(o, o->first);
    }
}

struct dht_own_item *dht_own_due(struct dht_own *o, uint64_t now_us)
{
    for (struct dht_own_item *i = o->first; i != NULL; i = i->next) {
        if (i->lapse_us != 0 && i->lapse_us <= now_us && i->value_size > 0) {
            i->value_size = 0;
            i->next_us = now_us;
        }
        if (!i->is_going && i->next_us <= now_us) {
            return i;
        }
    }
    return NULL;
}

void dht_own_go(struct dht_own_item *item)
{
    item->is_going = true;
    item->next_us = UINT64_MAX;
}

bool dht_own_said(struct dht_own_item *item, uint64_t now_us, bool is_held, uint64_t seq)
{
    uint32_t part = item->kind == DHT_SERVICE ? SERVICE_PART : KEPT_PART;
    uint32_t wait_ms = item->ttl_ms / part;

    item->is_going = false;
    item->seq = seq > item->seq ? seq : item->seq;
    if (item->next_us != UINT64_MAX) {
        return false; /* it has changed meanwhile: what it is now is still to be said */
    }
    if (item->value_size == 0) {
        return true; /* also where nobody heard it: its life is short */
    }
    if (!is_held && wait_ms > DHT_OWN_TRY_MS) {
        wait_ms = DHT_OWN_TRY_MS;
    }
    item->next_us = now_us + (uint64_t)wait_ms * US;
    return false;
}

uint64_t dht_own_due_us(const struct dht_own *o)
{
    uint64_t due_us = UINT64_MAX;

    for (const struct dht_own_item *i = o->first; i != NULL; i = i->next) {
        if (i->lapse_us != 0 && i->value_size > 0 && i->lapse_us < due_us) {
            due_us = i->lapse_us;
        }
        if (!i->is_going && i->next_us < due_us) {
            due_us = i->next_us;
        }
    }
    return due_us;
}
