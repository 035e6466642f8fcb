#include "dht/upkeep.h"

#include "dht/call.h"
#include "dht/table.h"
#include "dht/wish.h"

enum {
    STEP_US = 500000,          /* between two looks for buckets to look through while there are some        */
    REST_US = 10000000,        /* … and while there are none                                                */
    NEAR = 16,                 /* peers nearest to itself that must be there: two sets of holders           */
    OWN = DHT_UPKEEP_PLACES - 1, /* the own place's number                                                    */
    QUIET_FEW = DHT_ALPHA,     /* answers that are asked for where nothing has changed                      */
    CONTACTS = DHT_REPLICAS,   /* contacts of an answer: as many as a search is to find                     */
    QUIET_PINGS = 4,           /* times the gap between pings: heard so lately, a peer is there             */
};

void dht_upkeep_init(struct dht *d)
{
    d->upkeep.look_us = d->now_us + STEP_US;
    d->upkeep.ping_us = d->now_us + rng_below(&d->rng, (uint64_t)d->tuning.ping_ms * DHT_US);
}

void dht_upkeep_looked(struct dht *d, const struct dht_id *target)
{
    uint32_t bucket = dht_id_common(&d->id, target);

    if (bucket < OWN) {
        d->upkeep.looked[bucket] = dht_state_tick(d) | 1;
    }
}

/* Whoever looks for its own place is told of all who are in this bucket and those beyond it. */
static uint32_t own_from(const struct dht *d)
{
    uint32_t bucket = 0, depth = dht_table_depth(d), first, end;

    for (; bucket < depth; bucket++) {
        dht_order_stretch(&d->peers, &d->id, bucket, false, &first, &end);
        if (end - first <= DHT_K) {
            break;
        }
    }
    return bucket < OWN ? bucket : OWN;
}

void dht_upkeep_stirred(struct dht *d, const struct dht_id *id)
{
    uint32_t bucket = dht_id_common(&d->id, id);

    d->upkeep.quiet[bucket < OWN ? bucket : OWN] = 0;
    if (bucket >= own_from(d)) {
        d->upkeep.quiet[OWN] = 0;
    }
}

void dht_upkeep_entered(struct dht *d)
{
    d->upkeep.look_us = d->now_us + STEP_US;
}

/* ---- looking --------------------------------------------------------------------------------------- */

/* An id of the bucket that shares `bits` bits with the own id: the next bit differs, the others are drawn. */
static struct dht_id drawn_id(struct dht *d, uint32_t bits)
{
    struct dht_id id;

    for (uint32_t i = 0; i < DHT_ID_SIZE; i++) {
        id.byte[i] = (uint8_t)rng_next(&d->rng);
    }
    for (uint32_t i = 0; i <= bits && i < DHT_BITS; i++) {
        uint8_t mask = (uint8_t)(1u << (7 - i % 8));
        bool bit = dht_id_bit(&d->id, i) != (i == bits);
        id.byte[i / 8] = (uint8_t)(bit ? id.byte[i / 8] | mask : id.byte[i / 8] & ~mask);
    }
    return id;
}

/* Twice as long with each look after which nothing had changed. */
static bool is_due(const struct dht *d, uint32_t at)
{
    const struct dht_tuning *t = &d->tuning;
    uint64_t gap_ms = (uint64_t)t->refresh_ms << d->upkeep.quiet[at];

    gap_ms = gap_ms < t->quiet_ms ? gap_ms : t->quiet_ms;
    return d->upkeep.looked[at] == 0 || dht_state_tick(d) - d->upkeep.looked[at] >= gap_ms * DHT_US >> DHT_TICK_BITS;
}

/* Somewhere where much may have changed several are asked, for all they can say; elsewhere a few are enough to notice if it did. */
static void look(struct dht *d, uint32_t at)
{
    struct dht_id target = at == OWN ? d->id : drawn_id(d, at);
    struct dht_wish *w = dht_wish_begin(d, DHT_WISH_FIND, 0, &target);
    bool is_quiet = d->upkeep.quiet[at] > 0;

    if (w == NULL) {
        return;
    }
    w->need = is_quiet ? QUIET_FEW : (uint8_t)d->tuning.replicas;
    w->most = at == OWN && !is_quiet ? DHT_K : CONTACTS;
    d->upkeep.looked[at] = dht_state_tick(d) | 1;
    if ((uint64_t)d->tuning.refresh_ms << d->upkeep.quiet[at] < d->tuning.quiet_ms) {
        d->upkeep.quiet[at]++;
    }
}

/* Look something up in each bucket in which nothing was looked up for long (section 2.3), and at the own place for all of
 * those that it covers. */
static void look_through(struct dht *d)
{
    uint32_t own = own_from(d);

    d->upkeep.look_us = d->now_us + REST_US / 2 + rng_below(&d->rng, REST_US);
    for (uint32_t i = 0; i <= own; i++) {
        uint32_t at = i < own ? i : OWN;
        if (is_due(d, at)) {
            look(d, at);
            d->upkeep.look_us = d->now_us + STEP_US; /* the next of them soon */
            return;
        }
    }
}

/* ---- asking ---------------------------------------------------------------------------------------- */

/* Who of those that are there as far as is known was heard of least lately; NULL: nobody. */
static struct dht_peer *stalest(const struct dht *d, const uint16_t *index, uint32_t count)
{
    struct dht_peer *found = NULL;

    for (uint32_t i = 0; i < count; i++) {
        struct dht_peer *p = &d->peer[index[i]];
        if (p->fails < DHT_FAILS_MAX && (found == NULL || p->heard < found->heard)) {
            found = p;
        }
    }
    return found;
}

/* Holders of the same records must know when one of them is gone: every second time one of those nearest to this node is
 * asked, else one of all. Whoever was heard lately need not be. */
static void ping(struct dht *d)
{
    uint64_t gap_us = (uint64_t)d->tuning.ping_ms * DHT_US;
    uint16_t near[NEAR];
    uint32_t count = dht_table_nearest(d, &d->id, near, NEAR);
    bool is_near = rng_below(&d->rng, 2) != 0;
    struct dht_peer *p = is_near ? stalest(d, near, count) : stalest(d, d->peers.index, d->peers.count);

    d->upkeep.ping_us = d->now_us + gap_us / 2 + rng_below(&d->rng, gap_us);
    if (p != NULL && dht_state_tick(d) - p->heard > QUIET_PINGS * gap_us >> DHT_TICK_BITS) {
        dht_call_ping(d, p);
    }
}

/* ---- time ------------------------------------------------------------------------------------------ */

static bool is_needed(const struct dht *d)
{
    return !dht_state_is_whole(d) && d->peers.count > 0;
}

void dht_upkeep_clock(struct dht *d)
{
    if (is_needed(d) && d->now_us >= d->upkeep.look_us) {
        look_through(d);
    }
    if (is_needed(d) && d->now_us >= d->upkeep.ping_us) {
        ping(d);
    }
}

uint64_t dht_upkeep_due_us(const struct dht *d)
{
    const struct dht_upkeep *u = &d->upkeep;

    return !is_needed(d) ? UINT64_MAX : u->look_us < u->ping_us ? u->look_us : u->ping_us;
}
