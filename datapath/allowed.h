/* Which peer an inner address belongs to: the longest prefix that holds it. One table for both directions: where a
 * packet goes, and whether one may come from whom it came (DAT-6). Two binary tries with compressed paths, in memory
 * of the caller. Source: Donenfeld, "WireGuard", NDSS 2017, section 2 (cryptokey routing). */
#ifndef CELL_DATAPATH_ALLOWED_H
#define CELL_DATAPATH_ALLOWED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"

enum {
    DATAPATH_ALLOWED_NOBODY = 0xffffffff,
    DATAPATH_ALLOWED_V4 = 4,  /* bytes of an address */
    DATAPATH_ALLOWED_V6 = 16,
};

struct datapath_prefix {
    uint8_t ip[DATAPATH_ALLOWED_V6]; /* IPv4: the first four                       */
    uint8_t size;                    /* DATAPATH_ALLOWED_V4 or _V6                 */
    uint8_t bits;                    /* 0 to 8 * size; what is behind them is zero */
};

struct datapath_allowed_node {
    uint8_t ip[DATAPATH_ALLOWED_V6];
    uint8_t bits;
    uint8_t size;      /* of the address */
    uint32_t child[2]; /* index + 1; 0: none */
    uint32_t peer;     /* DATAPATH_ALLOWED_NOBODY: only a fork */
    uint32_t next, prev; /* index + 1: of the same peer, in a circle in the order in which it got them; of a fork 0 */
};

struct datapath_allowed {
    struct datapath_allowed_node *node;
    uint32_t capacity, prefixes, prefixes_max;
    uint32_t used;     /* nodes that were ever taken  */
    uint32_t free;     /* index + 1 of a list through child[0] */
    uint32_t root[2];  /* IPv4, IPv6 */
    uint32_t *first;   /* of each peer: index + 1; 0: it has none. Borrowed */
    uint32_t peers_max;
};

/* Nodes for so many prefixes: each takes one, and a fork at most. */
size_t datapath_allowed_nodes(uint32_t prefixes_max);

/* memory: datapath_allowed_nodes(prefixes_max) of them; first: peers_max, one for each peer that there may be. Both are borrowed. */
void datapath_allowed_init(struct datapath_allowed *a, struct datapath_allowed_node *memory, uint32_t prefixes_max, uint32_t *first,
                           uint32_t peers_max);

/* From now on `prefix` belongs to `peer`, below peers_max; whose it was before is *ret_former (DATAPATH_ALLOWED_NOBODY: nobody's).
 * ERR_INVALID: bits behind the prefix, or more bits than an address has; ERR_LIMIT: no room. */
enum err datapath_allowed_add(struct datapath_allowed *a, const struct datapath_prefix *prefix, uint32_t peer,
                              uint32_t *ret_former) MUST_CHECK;

/* Forget one prefix of `peer`; ERR_NOT_FOUND: it has no such. */
enum err datapath_allowed_drop(struct datapath_allowed *a, const struct datapath_prefix *prefix, uint32_t peer)
    MUST_CHECK;

/* Forget all of a peer. O(its prefixes): a thousand peers are replaced at once while packets wait. */
void datapath_allowed_drop_peer(struct datapath_allowed *a, uint32_t peer);

/* Whose an address of `size` bytes is; DATAPATH_ALLOWED_NOBODY. At most 8 * size steps. */
uint32_t datapath_allowed_find(const struct datapath_allowed *a, const uint8_t *ip, size_t size);

/* Whose the addresses of a prefix are as long as nobody has a longer one: the owner of the longest that is as long at most
 * and holds it; *ret_is_same: it is that prefix itself. DATAPATH_ALLOWED_NOBODY: there is none, or it is no prefix. */
uint32_t datapath_allowed_holder(const struct datapath_allowed *a, const struct datapath_prefix *prefix, bool *ret_is_same);

/* All prefixes of a peer, in the order in which it got them, O(these); or with DATAPATH_ALLOWED_NOBODY those of all, in the order of the
 * trie, O(nodes). */
void datapath_allowed_each(const struct datapath_allowed *a, uint32_t peer,
                           void (*each)(void *context, uint32_t peer, const struct datapath_prefix *prefix), void *context);

#endif
