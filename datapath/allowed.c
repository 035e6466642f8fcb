#include "datapath/allowed.h"

#include <assert.h>
#include <string.h>

/* ---- bits ------------------------------------------------------------------------------------------- */

static unsigned bit_at(const uint8_t *ip, unsigned at)
{
    return ip[at / 8] >> (7 - at % 8) & 1;
}

/* How many bits two addresses have in common, at most `most`. */
static unsigned common_bits(const uint8_t *a, const uint8_t *b, unsigned most)
{
    unsigned at = 0;

    while (at + 8 <= most && a[at / 8] == b[at / 8]) {
        at += 8;
    }
    while (at < most && bit_at(a, at) == bit_at(b, at)) {
        at++;
    }
    return at;
}

static bool is_well_formed(const struct datapath_prefix *p)
{
    if ((p->size != DATAPATH_ALLOWED_V4 && p->size != DATAPATH_ALLOWED_V6) || p->bits > 8 * p->size) {
        return false;
    }
    for (unsigned at = p->bits; at < 8u * p->size; at++) {
        if (bit_at(p->ip, at) != 0) {
            return false;
        }
    }
    return true;
}

/* ---- nodes ------------------------------------------------------------------------------------------ */

size_t datapath_allowed_nodes(uint32_t prefixes_max)
{
    return 2 * (size_t)prefixes_max;
}

void datapath_allowed_init(struct datapath_allowed *a, struct datapath_allowed_node *memory, uint32_t prefixes_max, uint32_t *first,
                           uint32_t peers_max)
{
    *a = (struct datapath_allowed){.node = memory, .prefixes_max = prefixes_max, .first = first, .peers_max = peers_max,
                                   .capacity = (uint32_t)datapath_allowed_nodes(prefixes_max)};
    memset(first, 0, peers_max * sizeof *first);
}

/* At the end of his circle. */
static void join(struct datapath_allowed *a, uint32_t index, uint32_t peer)
{
    struct datapath_allowed_node *n = &a->node[index - 1];

    assert(peer < a->peers_max && n->peer == DATAPATH_ALLOWED_NOBODY);
    uint32_t first = a->first[peer] == 0 ? index : a->first[peer], last = a->first[peer] == 0 ? index : a->node[first - 1].prev;
    n->peer = peer;
    n->next = first;
    n->prev = last;
    a->node[last - 1].next = index;
    a->node[first - 1].prev = index;
    a->first[peer] = first;
}

static void part(struct datapath_allowed *a, uint32_t index)
{
    struct datapath_allowed_node *n = &a->node[index - 1];
    uint32_t *first = &a->first[n->peer];

    a->node[n->prev - 1].next = n->next;
    a->node[n->next - 1].prev = n->prev;
    *first = n->next == index ? 0 : *first == index ? n->next : *first;
    n->next = n->prev = 0;
    n->peer = DATAPATH_ALLOWED_NOBODY;
}

static uint32_t take_node(struct datapath_allowed *a, const uint8_t *ip, unsigned bits, unsigned size)
{
    uint32_t index = a->free;

    if (index != 0) {
        a->free = a->node[index - 1].child[0];
    } else {
        assert(a->used < a->capacity); /* a prefix has a node and at most one fork above it */
        index = ++a->used;
    }
    struct datapath_allowed_node *n = &a->node[index - 1];
    *n = (struct datapath_allowed_node){.bits = (uint8_t)bits, .size = (uint8_t)size, .peer = DATAPATH_ALLOWED_NOBODY};
    memcpy(n->ip, ip, size);
    for (unsigned at = bits; at < 8 * size; at++) {
        n->ip[at / 8] &= (uint8_t)~(0x80u >> at % 8);
    }
    return index;
}

static void give_node(struct datapath_allowed *a, uint32_t index)
{
    a->node[index - 1] = (struct datapath_allowed_node){.child = {a->free}, .peer = DATAPATH_ALLOWED_NOBODY};
    a->free = index;
}

/* The link at which a node for this prefix stands or would stand: everything above it is shorter and holds it. */
static uint32_t *link_of(struct datapath_allowed *a, const struct datapath_prefix *p)
{
    uint32_t *link = &a->root[p->size == DATAPATH_ALLOWED_V6];

    while (*link != 0) {
        struct datapath_allowed_node *n = &a->node[*link - 1];
        if (n->bits >= p->bits || common_bits(n->ip, p->ip, n->bits) < n->bits) {
            break;
        }
        link = &n->child[bit_at(p->ip, n->bits)];
    }
    return link;
}

/* A fork with one branch, and nobody's, is no more than a longer path. */
static void prune(struct datapath_allowed *a, uint32_t *link)
{
    struct datapath_allowed_node *n = &a->node[*link - 1];

    if (n->peer != DATAPATH_ALLOWED_NOBODY || (n->child[0] != 0 && n->child[1] != 0)) {
        return;
    }
    uint32_t gone = *link;
    *link = n->child[0] != 0 ? n->child[0] : n->child[1];
    give_node(a, gone);
}

/* ---- what others ask -------------------------------------------------------------------------------- */

enum err datapath_allowed_add(struct datapath_allowed *a, const struct datapath_prefix *prefix, uint32_t peer,
                              uint32_t *ret_former)
{
    if (!is_well_formed(prefix)) {
        return ERR_INVALID;
    }
    uint32_t *link = link_of(a, prefix);
    uint32_t below = *link;
    struct datapath_allowed_node *n = below == 0 ? NULL : &a->node[below - 1];
    unsigned common = n == NULL ? 0 : common_bits(n->ip, prefix->ip, prefix->bits < n->bits ? prefix->bits : n->bits);
    if (n != NULL && n->bits == prefix->bits && common == prefix->bits && n->peer != DATAPATH_ALLOWED_NOBODY) {
        *ret_former = n->peer;
        if (n->peer != peer) {
            part(a, below);
            join(a, below, peer);
        }
        return ERR_OK;
    }
    if (a->prefixes == a->prefixes_max) {
        return ERR_LIMIT;
    }
    a->prefixes++;
    *ret_former = DATAPATH_ALLOWED_NOBODY;
    if (n != NULL && n->bits == prefix->bits && common == prefix->bits) {
        join(a, below, peer); /* a fork becomes a prefix */
        return ERR_OK;
    }
    uint32_t own = take_node(a, prefix->ip, prefix->bits, prefix->size);
    join(a, own, peer);
    if (n == NULL) {
        *link = own;
    } else if (common == prefix->bits) { /* it holds what stands here */
        a->node[own - 1].child[bit_at(n->ip, prefix->bits)] = below;
        *link = own;
    } else {
        uint32_t fork = take_node(a, prefix->ip, common, prefix->size);
        a->node[fork - 1].child[bit_at(prefix->ip, common)] = own;
        a->node[fork - 1].child[bit_at(n->ip, common)] = below;
        *link = fork;
    }
    return ERR_OK;
}

enum err datapath_allowed_drop(struct datapath_allowed *a, const struct datapath_prefix *prefix, uint32_t peer)
{
    if (!is_well_formed(prefix)) {
        return ERR_INVALID;
    }
    uint32_t *link = &a->root[prefix->size == DATAPATH_ALLOWED_V6], *above = NULL;
    while (*link != 0 && a->node[*link - 1].bits < prefix->bits) {
        above = link;
        link = &a->node[*link - 1].child[bit_at(prefix->ip, a->node[*link - 1].bits)];
    }
    struct datapath_allowed_node *n = *link == 0 ? NULL : &a->node[*link - 1];
    if (n == NULL || n->bits != prefix->bits || memcmp(n->ip, prefix->ip, prefix->size) != 0 || n->peer != peer) {
        return ERR_NOT_FOUND;
    }
    part(a, *link);
    a->prefixes--;
    prune(a, link);
    if (above != NULL) {
        prune(a, above);
    }
    return ERR_OK;
}

static struct datapath_prefix prefix_of(const struct datapath_allowed_node *n)
{
    struct datapath_prefix p = {.size = n->size, .bits = n->bits};

    memcpy(p.ip, n->ip, sizeof p.ip);
    return p;
}

void datapath_allowed_drop_peer(struct datapath_allowed *a, uint32_t peer)
{
    while (a->first[peer] != 0) {
        struct datapath_prefix p = prefix_of(&a->node[a->first[peer] - 1]);
        enum err e = datapath_allowed_drop(a, &p, peer);
        assert(e == ERR_OK);
    }
}

uint32_t datapath_allowed_find(const struct datapath_allowed *a, const uint8_t *ip, size_t size)
{
    uint32_t at = a->root[size == DATAPATH_ALLOWED_V6], found = DATAPATH_ALLOWED_NOBODY;

    while (at != 0) {
        const struct datapath_allowed_node *n = &a->node[at - 1];
        if (common_bits(n->ip, ip, n->bits) < n->bits) {
            break;
        }
        found = n->peer == DATAPATH_ALLOWED_NOBODY ? found : n->peer;
        if (n->bits == 8 * size) {
            break;
        }
        at = n->child[bit_at(ip, n->bits)];
    }
    return found;
}

uint32_t datapath_allowed_holder(const struct datapath_allowed *a, const struct datapath_prefix *prefix, bool *ret_is_same)
{
    uint32_t at = a->root[prefix->size == DATAPATH_ALLOWED_V6], found = DATAPATH_ALLOWED_NOBODY;

    *ret_is_same = false;
    if (!is_well_formed(prefix)) {
        return DATAPATH_ALLOWED_NOBODY;
    }
    while (at != 0) {
        const struct datapath_allowed_node *n = &a->node[at - 1];
        if (n->bits > prefix->bits || common_bits(n->ip, prefix->ip, n->bits) < n->bits) {
            break;
        }
        if (n->peer != DATAPATH_ALLOWED_NOBODY) {
            found = n->peer;
            *ret_is_same = n->bits == prefix->bits;
        }
        if (n->bits == prefix->bits) {
            break;
        }
        at = n->child[bit_at(prefix->ip, n->bits)];
    }
    return found;
}

struct walk {
    const struct datapath_allowed *a;
    void (*each)(void *context, uint32_t peer, const struct datapath_prefix *prefix);
    void *context;
};

/* Depth-first; at most 129 levels, since each has more bits than the one above it. */
static void walk_below(const struct walk *w, uint32_t at)
{
    if (at == 0) {
        return;
    }
    const struct datapath_allowed_node *n = &w->a->node[at - 1];
    if (n->peer != DATAPATH_ALLOWED_NOBODY) {
        struct datapath_prefix p = prefix_of(n);
        w->each(w->context, n->peer, &p);
    }
    walk_below(w, n->child[0]);
    walk_below(w, n->child[1]);
}

void datapath_allowed_each(const struct datapath_allowed *a, uint32_t peer,
                           void (*each)(void *context, uint32_t peer, const struct datapath_prefix *prefix), void *context)
{
    const struct walk w = {.a = a, .each = each, .context = context};

    if (peer == DATAPATH_ALLOWED_NOBODY) {
        walk_below(&w, a->root[0]);
        walk_below(&w, a->root[1]);
        return;
    }
    uint32_t at = a->first[peer];
    while (at != 0) {
        struct datapath_prefix p = prefix_of(&a->node[at - 1]);
        each(context, peer, &p);
        at = a->node[at - 1].next == a->first[peer] ? 0 : a->node[at - 1].next;
    }
}
