#include "datapath/guide.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "datapath/inner.h"
#include "datapath/state.h"

/* It was drawn by a hash under a secret: it is its own hash. */
static uint32_t *bucket_of(const struct datapath *d, uint64_t who)
{
    return &d->who_bucket[who & d->bucket_mask];
}

void datapath_guide_enter(struct datapath *d, uint32_t peer)
{
    struct datapath_peer *p = &d->peer[peer];
    struct datapath_signal_keys keys;

    datapath_guide_keys(d, peer, false, &keys);
    p->who = keys.who;
    p->next_who = *bucket_of(d, p->who);
    *bucket_of(d, p->who) = peer + 1;
    if (d->callers != NULL) {
        datapath_live_add(d->callers, datapath_shield_caller((uint32_t)p->who));
    }
    sodium_memzero(&keys, sizeof keys);
}

void datapath_guide_leave(struct datapath *d, uint32_t peer)
{
    uint32_t *link = bucket_of(d, d->peer[peer].who);

    if (d->callers != NULL) {
        datapath_live_drop(d->callers, datapath_shield_caller((uint32_t)d->peer[peer].who));
    }
    while (*link != peer + 1) {
        link = &d->peer[*link - 1].next_who;
    }
    *link = d->peer[peer].next_who;
}

bool datapath_guide_find(const struct datapath *d, uint64_t who, uint32_t *ret_peer)
{
    for (uint32_t at = *bucket_of(d, who); at != 0; at = d->peer[at - 1].next_who) {
        if (d->peer[at - 1].who == who) {
            *ret_peer = at - 1;
            return true;
        }
    }
    return false;
}

void datapath_guide_keys(const struct datapath *d, uint32_t peer, bool is_ours, struct datapath_signal_keys *ret)
{
    const struct datapath_peer *p = &d->peer[peer];

    datapath_signal_derive(p->shared, p->config.psk, is_ours ? d->self.public : p->config.public, ret);
}

static bool is_there(const struct datapath *d, uint32_t peer)
{
    return peer < d->peers_max && d->peer[peer].is_used;
}

const uint8_t *datapath_guide_key(const struct datapath *d, uint32_t peer)
{
    return is_there(d, peer) ? d->peer[peer].config.public : NULL;
}

const struct datapath_endpoint *datapath_guide_endpoint(const struct datapath *d, uint32_t peer)
{
    return is_there(d, peer) ? &d->peer[peer].config.endpoint : NULL;
}

uint32_t datapath_guide_serial(const struct datapath *d, uint32_t peer)
{
    return is_there(d, peer) ? d->peer[peer].serial : 0;
}

uint32_t datapath_guide_changes(const struct datapath *d, uint32_t peer)
{
    return d->peer[peer].changes;
}

void datapath_guide_lead(struct datapath *d, struct datapath_time now, uint32_t peer, const struct datapath_endpoint *at,
                         struct datapath_effects *fx)
{
    struct datapath_peer *p = &d->peer[peer];

    assert(is_there(d, peer) && at->port != 0);
    if (datapath_message_is_same(&p->config.endpoint, at)) {
        return;
    }
    p->config.endpoint = *at;
    if (p->timers.retry_ms == 0 && p->waiting.count == 0) {
        return;
    }
    p->initiated_ms = 0;
    if (fx->sends < DATAPATH_SENDS_MAX && fx->used + DATAPATH_MESSAGE_INITIATION <= DATAPATH_BYTES_MAX) {
        (void)datapath_shake_begin(d, now, peer, p->timers.retry_ms != 0, fx);
        return;
    }
    if (p->timers.retry_ms == 0) {
        datapath_timers_begun(&p->timers, &d->pace, now.ms);
    }
    p->timers.retry_ms = now.ms;
    datapath_core_schedule(d, peer);
}

enum err datapath_guide_allow(struct datapath *d, uint32_t peer, const struct datapath_prefix *prefix,
                              bool (*may_lose)(const void *context, uint32_t peer, bool is_whole), const void *context)
{
    bool is_whole;
    uint32_t former, holder = datapath_allowed_holder(&d->allowed, prefix, &is_whole);

    assert(is_there(d, peer));
    if (holder != DATAPATH_ALLOWED_NOBODY && holder != peer && !may_lose(context, holder, is_whole)) {
        return ERR_EXISTS;
    }
    enum err e = datapath_allowed_add(&d->allowed, prefix, peer, &former);
    if (e == ERR_OK && former != peer) {
        d->peer[peer].changes++;
        if (former != DATAPATH_ALLOWED_NOBODY) {
            d->peer[former].changes++;
        }
    }
    return e;
}

bool datapath_guide_owner(const struct datapath *d, const uint8_t *packet, size_t size, uint32_t *ret_peer)
{
    struct datapath_inner head;

    if (!datapath_inner_read(packet, size, &head)) {
        return false;
    }
    *ret_peer = datapath_allowed_find(&d->allowed, head.destination, head.address_size);
    return *ret_peer != DATAPATH_ALLOWED_NOBODY;
}

uint32_t datapath_guide_last(const struct datapath *d)
{
    return d->routed;
}
