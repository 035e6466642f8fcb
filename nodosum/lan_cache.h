/* Whom this node heard on the local network: a bounded table by id, with two orders. Those who are there (proved) and
 * those whose last word is remembered (so that a replay of it is known). Room is made one at a time, by
 * forgetting whoever is unheard longest among the remembered, and only then among those who are there. */
#ifndef CELL_NODOSUM_LAN_CACHE_H
#define CELL_NODOSUM_LAN_CACHE_H

#include "nodosum/lan_wire.h"

enum {
    NODOSUM_LAN_NOBODY = UINT32_MAX,
    NODOSUM_LAN_HASH_KEY = 16,
};

struct nodosum_lan_entry {
    struct nodosum_lan_peer peer;
    struct nodosum_lan_stamp stamp;     /* newest heard                       */
    uint64_t heard_us;
    uint64_t doubted_us;                /* asked where it is; 0: never        */
    uint32_t before, after;             /* in its order; after: newer         */
    uint32_t next;                      /* in its bucket, or among the free   */
    bool is_there;
};

struct nodosum_lan_order {
    uint32_t oldest, newest, count;
};

struct nodosum_lan_cache {
    uint8_t hash_key[NODOSUM_LAN_HASH_KEY];
    uint32_t peers_max, buckets;        /* buckets: a power of two            */
    uint32_t free;
    struct nodosum_lan_order remembered, there;
    struct nodosum_lan_entry *entry;
    uint32_t *bucket;
};

size_t nodosum_lan_cache_size(uint32_t peers_max);
void nodosum_lan_cache_init(struct nodosum_lan_cache *c, void *memory, uint32_t peers_max,
                            const uint8_t hash_key[NODOSUM_LAN_HASH_KEY]);

/* Its place, or NODOSUM_LAN_NOBODY. O(1). */
uint32_t nodosum_lan_cache_find(const struct nodosum_lan_cache *c, const struct nodosum_id *id);

/* A place for an id that has none, remembered and newest. *ret_is_evicted: somebody was forgotten; one who
 * was there, when *ret_was_there. O(1). */
uint32_t nodosum_lan_cache_add(struct nodosum_lan_cache *c, const struct nodosum_id *id, bool *ret_is_evicted,
                               bool *ret_was_there);

/* It was heard now; it is there or only remembered from now on. Newest of that order. O(1). */
void nodosum_lan_cache_heard(struct nodosum_lan_cache *c, uint32_t at, uint64_t now_us, bool is_there);

#endif
