#include "nodosum/lan_cache.h"

#include <assert.h>
#include <sodium.h>
#include <stdalign.h>
#include <string.h>

#include "common/base/bytes.h"

/* At least as many buckets as peers. */
static uint32_t count_buckets(uint32_t peers_max)
{
    uint32_t buckets = 1;

    while (buckets < peers_max) {
        buckets *= 2;
    }
    return buckets;
}

size_t nodosum_lan_cache_size(uint32_t peers_max)
{
    return peers_max * sizeof(struct nodosum_lan_entry) + count_buckets(peers_max) * sizeof(uint32_t);
}

void nodosum_lan_cache_init(struct nodosum_lan_cache *c, void *memory, uint32_t peers_max,
                            const uint8_t hash_key[NODOSUM_LAN_HASH_KEY])
{
    static_assert(alignof(struct nodosum_lan_entry) >= alignof(uint32_t), "buckets follow the entries");
    *c = (struct nodosum_lan_cache){.peers_max = peers_max, .buckets = count_buckets(peers_max), .entry = memory};
    memcpy(c->hash_key, hash_key, sizeof c->hash_key);
    c->bucket = (uint32_t *)(c->entry + peers_max);
    c->remembered.oldest = c->remembered.newest = c->there.oldest = c->there.newest = NODOSUM_LAN_NOBODY;
    for (uint32_t i = 0; i < c->buckets; i++) {
        c->bucket[i] = NODOSUM_LAN_NOBODY;
    }
    c->free = 0;
    for (uint32_t i = 0; i < peers_max; i++) {
        c->entry[i].next = i + 1 < peers_max ? i + 1 : NODOSUM_LAN_NOBODY;
    }
}

/* Keyed: whoever may choose ids cannot choose their buckets. */
static uint32_t *bucket_of(const struct nodosum_lan_cache *c, const struct nodosum_id *id)
{
    uint8_t hash[crypto_shorthash_BYTES];

    _Static_assert((int)NODOSUM_LAN_HASH_KEY == (int)crypto_shorthash_KEYBYTES, "a key of its size");
    crypto_shorthash(hash, id->byte, sizeof id->byte, c->hash_key);
    return &c->bucket[bytes_get_be32(hash) & (c->buckets - 1)];
}

uint32_t nodosum_lan_cache_find(const struct nodosum_lan_cache *c, const struct nodosum_id *id)
{
    uint32_t at = *bucket_of(c, id);

    while (at != NODOSUM_LAN_NOBODY && memcmp(c->entry[at].peer.id.byte, id->byte, sizeof id->byte) != 0) {
        at = c->entry[at].next;
    }
    return at;
}

static struct nodosum_lan_order *order_of(struct nodosum_lan_cache *c, const struct nodosum_lan_entry *e)
{
    return e->is_there ? &c->there : &c->remembered;
}

static void take_out(struct nodosum_lan_cache *c, uint32_t at)
{
    struct nodosum_lan_entry *e = &c->entry[at];
    struct nodosum_lan_order *o = order_of(c, e);

    *(e->before == NODOSUM_LAN_NOBODY ? &o->oldest : &c->entry[e->before].after) = e->after;
    *(e->after == NODOSUM_LAN_NOBODY ? &o->newest : &c->entry[e->after].before) = e->before;
    assert(o->count > 0);
    o->count--;
}

static void put_newest(struct nodosum_lan_cache *c, uint32_t at)
{
    struct nodosum_lan_entry *e = &c->entry[at];
    struct nodosum_lan_order *o = order_of(c, e);

    e->before = o->newest;
    e->after = NODOSUM_LAN_NOBODY;
    *(o->newest == NODOSUM_LAN_NOBODY ? &o->oldest : &c->entry[o->newest].after) = at;
    o->newest = at;
    o->count++;
}

static void forget(struct nodosum_lan_cache *c, uint32_t at)
{
    uint32_t *link = bucket_of(c, &c->entry[at].peer.id);

    while (*link != at) {
        assert(*link != NODOSUM_LAN_NOBODY);
        link = &c->entry[*link].next;
    }
    *link = c->entry[at].next;
    take_out(c, at);
    c->entry[at].next = c->free;
    c->free = at;
}

uint32_t nodosum_lan_cache_add(struct nodosum_lan_cache *c, const struct nodosum_id *id, bool *ret_is_evicted,
                               bool *ret_was_there)
{
    *ret_is_evicted = c->free == NODOSUM_LAN_NOBODY;
    *ret_was_there = *ret_is_evicted && c->remembered.count == 0;
    if (*ret_is_evicted) {
        forget(c, *ret_was_there ? c->there.oldest : c->remembered.oldest);
    }
    uint32_t at = c->free;
    uint32_t *bucket = bucket_of(c, id);
    c->free = c->entry[at].next;
    c->entry[at] = (struct nodosum_lan_entry){.peer.id = *id, .next = *bucket};
    *bucket = at;
    put_newest(c, at);
    assert(c->remembered.count + c->there.count <= c->peers_max);
    return at;
}

void nodosum_lan_cache_heard(struct nodosum_lan_cache *c, uint32_t at, uint64_t now_us, bool is_there)
{
    take_out(c, at);
    c->entry[at].is_there = is_there;
    c->entry[at].heard_us = now_us;
    put_newest(c, at);
}
