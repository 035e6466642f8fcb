#include "dht/table.h"

#include <assert.h>

#include "dht/call.h"
#include "dht/keep.h"

static_assert(sizeof(struct dht_peer) + sizeof(uint16_t) == DHT_PEER_BYTES, "what a peer costs is documented");

static bool is_there(const void *context, uint16_t index)
{
    const struct dht *d = context;

    return d->peer[index].fails < DHT_FAILS_MAX;
}

uint32_t dht_table_nearest(const struct dht *d, const struct dht_id *target, uint16_t *to, uint32_t most)
{
    return dht_order_nearest(&d->peers, target, false, is_there, d, to, most);
}

bool dht_table_is_holder(const struct dht *d, const struct dht_id *key, uint32_t most)
{
    uint16_t near[DHT_K];

    assert(most <= DHT_K);
    uint32_t count = dht_table_nearest(d, key, near, most);
    return count < most || dht_id_is_nearer(key, &d->id, &d->peer[near[most - 1]].id);
}

uint32_t dht_table_depth(const struct dht *d)
{
    uint16_t near;

    return dht_order_nearest(&d->peers, &d->id, false, NULL, NULL, &near, 1) == 1
               ? dht_id_common(&d->id, &d->peer[near].id)
               : 0;
}

struct dht_peer *dht_table_find(const struct dht *d, const struct dht_id *id)
{
    uint32_t place = dht_order_lower(&d->peers, id);

    if (place == d->peers.count || !dht_id_equal(dht_order_id(&d->peers, place), id)) {
        return NULL;
    }
    return &d->peer[d->peers.index[place]];
}

/* ---- time ---------------------------------------------------------------------------------------- */

/* RFC 6298, section 2, in microseconds. */
static void smooth(uint32_t *srtt_us, uint32_t *rttvar_us, uint32_t rtt_us)
{
    uint32_t off = rtt_us > *srtt_us ? rtt_us - *srtt_us : *srtt_us - rtt_us;

    *rttvar_us = (uint32_t)((3 * (uint64_t)*rttvar_us + off) / 4);
    *srtt_us = (uint32_t)((7 * (uint64_t)*srtt_us + rtt_us) / 8);
}

void dht_table_rtt(struct dht *d, struct dht_peer *peer, uint32_t rtt_us)
{
    rtt_us = rtt_us == 0 ? 1 : rtt_us;
    if (peer->srtt_us == 0 || (peer->flags & DHT_PEER_HINT) != 0) {
        peer->srtt_us = rtt_us;
        peer->rttvar_us = rtt_us / 2;
        peer->flags &= (uint8_t)~DHT_PEER_HINT;
    } else {
        smooth(&peer->srtt_us, &peer->rttvar_us, rtt_us);
    }
    if (d->typical_us == 0) {
        d->typical_us = rtt_us;
        d->typical_var_us = rtt_us / 2;
    } else {
        smooth(&d->typical_us, &d->typical_var_us, rtt_us);
    }
}

/* RFC 6298's; a path that never varied still does once: a quarter stands for what was not seen yet. */
static uint64_t patience_us(uint32_t srtt_us, uint32_t rttvar_us)
{
    uint64_t margin_us = 4 * (uint64_t)rttvar_us;

    return srtt_us + (margin_us < srtt_us / 4 ? srtt_us / 4 : margin_us);
}

/* How much it varies nobody knows after one round trip, for which RFC 6298 takes half of it. Whoever only asks somebody else beside
 * goes by what the others vary: that costs a request at the worst. */
static uint32_t variation_us(const struct dht *d, const struct dht_peer *peer, bool is_beside)
{
    bool is_hint = (peer->flags & DHT_PEER_HINT) != 0, is_measured_once = !is_hint && peer->rttvar_us == peer->srtt_us / 2;

    if (is_beside && is_hint) {
        return peer->rttvar_us / 4; /* a coordinate is seldom off by more than half: half as long again */
    }
    return is_beside && is_measured_once && d->typical_var_us < peer->rttvar_us ? d->typical_var_us : peer->rttvar_us;
}

static uint64_t wait_us(const struct dht *d, const struct dht_peer *peer, uint64_t least_us, bool is_beside)
{
    uint64_t us = (uint64_t)d->tuning.timeout_ms * DHT_US;

    if (peer != NULL && peer->srtt_us != 0) {
        us = patience_us(peer->srtt_us, variation_us(d, peer, is_beside));
    } else if (d->typical_us != 0) {
        us = patience_us(d->typical_us, d->typical_var_us); /* as the others are, and as they differ */
    }
    us = us < least_us ? least_us : us;
    return us > DHT_TIMEOUT_MOST_US ? DHT_TIMEOUT_MOST_US : us;
}

uint64_t dht_table_timeout_us(const struct dht *d, const struct dht_peer *peer)
{
    return wait_us(d, peer, DHT_TIMEOUT_LEAST_US, false);
}

uint64_t dht_table_late_us(const struct dht *d, const struct dht_peer *peer)
{
    return wait_us(d, peer, DHT_LATE_LEAST_US, true);
}

uint64_t dht_table_way_us(const struct dht *d, const struct dht_id *id, uint64_t elapsed_us)
{
    const struct dht_peer *p = dht_table_find(d, id);
    uint64_t there_us = p == NULL ? 0 : p->srtt_us / 2;

    return there_us < elapsed_us / 2 ? elapsed_us - there_us : elapsed_us / 2;
}

/* ---- places ---------------------------------------------------------------------------------------- */

static void bucket_of(const struct dht *d, const struct dht_id *id, uint32_t *first, uint32_t *end)
{
    dht_order_stretch(&d->peers, &d->id, dht_id_common(&d->id, id), true, first, end);
}

bool dht_table_is_full(const struct dht *d, const struct dht_id *id)
{
    uint32_t first = 0, end = 0;

    if (!dht_id_equal(id, &d->id)) {
        bucket_of(d, id, &first, &end);
    }
    return end - first >= (d->tuning.lan_table != 0 ? DHT_TABLE_LINK : DHT_K);
}

/* The peer of places first to end that was heard of least lately; those that failed come before all. */
static struct dht_peer *stalest(const struct dht *d, uint32_t first, uint32_t end, bool with_members)
{
    struct dht_peer *found = NULL;

    for (uint32_t i = first; i < end; i++) {
        struct dht_peer *p = &d->peer[d->peers.index[i]];
        if (!with_members && (p->flags & DHT_PEER_MEMBER) != 0) {
            continue;
        }
        if (found == NULL || p->fails > found->fails || (p->fails == found->fails && p->heard < found->heard)) {
            found = p;
        }
    }
    return found;
}

static struct dht_peer *add(struct dht *d, const struct dht_contact *who, const struct dht_id *id, uint8_t flags)
{
    assert(d->peers.count < d->peers_max);
    uint16_t index = dht_pool_take(&d->peer_rows);
    struct dht_peer *p = &d->peer[index];

    *p = (struct dht_peer){.id = *id, .node = who->node, .at = who->at, .flags = flags, .heard = dht_state_tick(d)};
    dht_order_insert(&d->peers, dht_order_lower(&d->peers, id), index);
    d->members += (flags & DHT_PEER_MEMBER) != 0;
    d->has_company = d->has_company || (flags & DHT_PEER_MEMBER) == 0;
    dht_upkeep_stirred(d, id);
    dht_keep_changed(d, who, id);
    return p;
}

static void take_out(struct dht *d, uint32_t place)
{
    uint16_t index = d->peers.index[place];
    struct dht_contact who = {.node = d->peer[index].node, .at = d->peer[index].at};
    struct dht_id id = d->peer[index].id;

    d->members -= (d->peer[index].flags & DHT_PEER_MEMBER) != 0;
    dht_order_remove(&d->peers, place);
    dht_pool_give(&d->peer_rows, index);
    dht_upkeep_stirred(d, &id);
    dht_keep_changed(d, &who, &id);
}

static bool is_v4(const struct dht_address *at)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

    return memcmp(at->ip, mapped, sizeof mapped) == 0;
}

/* Whether two addresses are of one group: /24, or /48 of IPv6. A host has as many addresses there as it likes. */
static bool is_same_group(const struct dht_address *a, const struct dht_address *b)
{
    return memcmp(a->ip, b->ip, is_v4(a) ? 15 : 6) == 0;
}

static bool is_same_host(const struct dht_address *a, const struct dht_address *b)
{
    return memcmp(a->ip, b->ip, is_v4(a) ? 16 : 8) == 0;
}

/* Whoever is there runs on this host. */
static bool is_loopback(const struct dht_address *at)
{
    static const uint8_t one[16] = {[15] = 1};

    return is_v4(at) ? at->ip[12] == 127 : memcmp(at->ip, one, sizeof one) == 0;
}

/* Not to be had on the Internet (RFC 1918, 3927, 4193, 4291, 6598): whoever is there shares a network with this node, where many real
 * ones live on one link, or behind one address. */
static bool is_private(const struct dht_address *at)
{
    const uint8_t *ip = is_v4(at) ? at->ip + 12 : at->ip;

    if (!is_v4(at)) {
        return (ip[0] & 0xfe) == 0xfc || (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80);
    }
    return ip[0] == 10 || (ip[0] == 172 && (ip[1] & 0xf0) == 16) || (ip[0] == 192 && ip[1] == 168) || (ip[0] == 169 && ip[1] == 254) ||
           (ip[0] == 100 && (ip[1] & 0xc0) == 64);
}

void dht_table_source(const struct dht_contact *who, struct dht_node *ret_site, struct dht_node *ret_source)
{
    const struct dht_address *at = &who->at;
    size_t site = is_v4(at) ? 16 : is_private(at) ? 8 : 6;

    *ret_site = *ret_source = who->node;
    if (is_loopback(at)) {
        return;
    }
    *ret_site = (struct dht_node){0};
    memcpy(ret_site->byte, at->ip, site);
    if (site == 6) {
        *ret_source = (struct dht_node){0};
        memcpy(ret_source->byte, at->ip, 8);
    }
}

/* Those of the same host, at places first to end. */
static uint32_t count_host(const struct dht *d, const struct dht_address *at, uint32_t first, uint32_t end)
{
    uint32_t count = 0;

    for (uint32_t i = first; i < end; i++) {
        count += is_same_host(at, &d->peer[d->peers.index[i]].at);
    }
    return count;
}

static bool is_crowded(const struct dht *d, const struct dht_address *at, uint32_t first, uint32_t end)
{
    const struct dht_tuning *t = &d->tuning;
    bool is_near = is_private(at), is_home = is_loopback(at);
    uint32_t bucket = 0, all = 0, host = 0, host_most = is_home ? 0 : is_near ? t->lan_table : t->host_table;
    uint32_t site_most = is_home || is_near || is_v4(at) ? 0 : t->site_table;

    if (t->group_bucket == 0 && t->group_table == 0 && host_most == 0 && site_most == 0) {
        return false;
    }
    if (is_near && t->lan_table != 0 && count_host(d, at, first, end) >= DHT_TABLE_LINK) {
        return true;
    }
    for (uint32_t i = 0; i < d->peers.count; i++) {
        const struct dht_address *other = &d->peer[d->peers.index[i]].at;
        bool is_same = is_same_group(at, other);
        all += is_same;
        bucket += is_same && i >= first && i < end;
        host += is_same_host(at, other);
    }
    return (t->group_bucket != 0 && bucket >= t->group_bucket) || (t->group_table != 0 && all >= t->group_table) ||
           (host_most != 0 && host >= host_most) || (site_most != 0 && all >= site_most);
}

/* ---- those that wait ------------------------------------------------------------------------------- */

/* The last heard of comes first when a place is free (section 2.4). */
static void wait_for_place(struct dht *d, const struct dht_contact *who, const struct dht_id *id)
{
    uint32_t bucket = dht_id_common(&d->id, id), same = 0;
    struct dht_peer *at = NULL, *oldest = NULL, *oldest_same = NULL;

    for (uint32_t i = 0; i < d->spares && at == NULL; i++) {
        struct dht_peer *s = &d->spare[i];
        if (dht_id_equal(&s->id, id)) {
            at = s;
        }
        if (dht_id_common(&d->id, &s->id) == bucket) {
            same++;
            oldest_same = oldest_same == NULL || s->heard < oldest_same->heard ? s : oldest_same;
        }
        oldest = oldest == NULL || s->heard < oldest->heard ? s : oldest;
    }
    if (at == NULL && same >= DHT_SPARES_BUCKET) {
        at = oldest_same;
    } else if (at == NULL) {
        at = d->spares < d->spares_max ? &d->spare[d->spares++] : oldest;
    }
    if (at != NULL) {
        *at = (struct dht_peer){.id = *id, .node = who->node, .at = who->at, .heard = dht_state_tick(d)};
    }
}

/* Who waits longest-known-living for a place in the bucket of `id`; NULL: nobody. */
static struct dht_peer *next_spare(const struct dht *d, const struct dht_id *id)
{
    uint32_t bucket = dht_id_common(&d->id, id);
    struct dht_peer *found = NULL;

    for (uint32_t i = 0; i < d->spares; i++) {
        struct dht_peer *s = &d->spare[i];
        if (dht_id_common(&d->id, &s->id) == bucket && (found == NULL || s->heard > found->heard)) {
            found = s;
        }
    }
    return found;
}

static void promote(struct dht *d, const struct dht_id *gone)
{
    struct dht_peer *s = next_spare(d, gone);
    uint32_t first, end;

    bucket_of(d, gone, &first, &end);
    if (s != NULL && end - first < DHT_K && d->peers.count < d->peers_max) {
        struct dht_peer taken = *s;
        *s = d->spare[--d->spares];
        const struct dht_contact who = {.node = taken.node, .at = taken.at};
        add(d, &who, &taken.id, 0)->heard = taken.heard;
        d->counters.evictions++;
    }
}

void dht_table_remove(struct dht *d, const struct dht_id *id)
{
    struct dht_id gone = *id; /* perhaps of the very peer */
    uint32_t place = dht_order_lower(&d->peers, &gone);

    if (place < d->peers.count && dht_id_equal(dht_order_id(&d->peers, place), &gone)) {
        take_out(d, place);
        promote(d, &gone);
    }
}

/* ---- news of peers --------------------------------------------------------------------------------- */

/* A bucket is full of peers that are there as far as is known: ask the one heard of least lately. Not for whoever only asks whether
 * this node is there: to whom is asked it may itself be a stranger, so one such question would beget another, for ever. */
static void ask_stalest(struct dht *d, uint32_t first, uint32_t end)
{
    struct dht_peer *p = stalest(d, first, end, false);

    if (p != NULL && !d->is_hello && (p->flags & DHT_PEER_PINGED) == 0 &&
        dht_state_tick(d) - p->heard > (DHT_FRESH_MS * DHT_US) >> DHT_TICK_BITS) {
        p->flags |= DHT_PEER_PINGED;
        dht_call_ping(d, p);
    }
}

/* Membership told of more than there is room for, of whom it likes: buckets of many, all far away. Whoever is nearer than most
 * has a place before the rest of them, or nobody would know who is next to it. */
static void make_place(struct dht *d)
{
    uint32_t depth = dht_table_depth(d), first, end, most = DHT_K;
    struct dht_peer *worst = NULL;

    for (uint32_t b = 0; b <= depth && b < DHT_BITS; b++) {
        dht_order_stretch(&d->peers, &d->id, b, true, &first, &end);
        if (end - first > most) {
            most = end - first;
            worst = stalest(d, first, end, true);
        }
    }
    if (worst != NULL) {
        struct dht_id gone = worst->id;
        take_out(d, dht_order_lower(&d->peers, &gone));
        d->counters.evictions++;
    }
}

static void meet(struct dht *d, const struct dht_contact *who, const struct dht_id *id)
{
    uint32_t first, end;

    bucket_of(d, id, &first, &end);
    if (is_crowded(d, &who->at, first, end)) {
        d->counters.poisoned++;
        return;
    }
    if (end - first < DHT_K && d->peers.count == d->peers_max && d->is_overflown) {
        make_place(d);
    }
    if (end - first < DHT_K && d->peers.count < d->peers_max) {
        add(d, who, id, 0);
        return;
    }
    struct dht_peer *worst = stalest(d, first, end, false);
    if (worst != NULL && worst->fails > 1) {
        struct dht_id gone = worst->id;
        take_out(d, dht_order_lower(&d->peers, &gone));
        add(d, who, id, 0);
        d->counters.evictions++;
        return;
    }
    wait_for_place(d, who, id);
    ask_stalest(d, first, end);
}

void dht_table_heard(struct dht *d, const struct dht_contact *who, const struct dht_id *id, uint64_t session)
{
    struct dht_peer *p = dht_table_find(d, id);

    if (dht_id_equal(id, &d->id)) {
        return;
    }
    if (p == NULL) {
        meet(d, who, id);
        return;
    }
    dht_twin_heard(d, &who->node, &p->at, &who->at, session);
    p->at = who->at;
    p->heard = dht_state_tick(d);
    p->fails = 0;
    p->flags &= (uint8_t)~(DHT_PEER_PINGED | DHT_PEER_OWES);
}

bool dht_table_is_stranger(const struct dht *d, const struct dht_id *id)
{
    const struct dht_peer *p = d->tuning.acquaints ? dht_table_find(d, id) : NULL;

    return d->tuning.acquaints && (p == NULL || dht_state_tick(d) - p->heard > (DHT_ACQUAINTED_MS * DHT_US) >> DHT_TICK_BITS);
}

bool dht_table_is_doubted(const struct dht *d, const struct dht_id *id)
{
    const struct dht_peer *p = dht_table_find(d, id);

    return p != NULL && (p->fails > 0 || (p->flags & (DHT_PEER_SUSPECT | DHT_PEER_OWES)) != 0);
}

bool dht_table_member(struct dht *d, const struct dht_contact *who, const struct dht_id *id)
{
    struct dht_peer *p = dht_table_find(d, id);

    if (p == NULL && d->peers.count == d->peers_max) {
        struct dht_peer *worst = stalest(d, 0, d->peers.count, false);
        if (worst == NULL) {
            return false;
        }
        struct dht_id gone = worst->id;
        take_out(d, dht_order_lower(&d->peers, &gone));
    }
    if (p == NULL) {
        p = add(d, who, id, DHT_PEER_MEMBER);
    } else if ((p->flags & DHT_PEER_MEMBER) == 0) {
        p->flags |= DHT_PEER_MEMBER;
        d->members++;
    }
    p->at = who->at;
    p->fails = 0;
    p->flags &= (uint8_t)~DHT_PEER_SUSPECT;
    return true;
}

void dht_table_failed(struct dht *d, const struct dht_id *id)
{
    struct dht_peer *p = dht_table_find(d, id);

    if (p == NULL) {
        return;
    }
    p->fails += p->fails < UINT8_MAX;
    dht_upkeep_stirred(d, id);
    if ((p->flags & DHT_PEER_MEMBER) != 0) {
        return; /* membership knows better whether it is gone */
    }
    bool is_wanted = (p->flags & DHT_PEER_PINGED) != 0 && next_spare(d, id) != NULL;
    p->flags &= (uint8_t)~DHT_PEER_PINGED;
    if (is_wanted || p->fails >= DHT_FAILS_MAX) {
        dht_table_remove(d, id);
    }
}
