#include "dht/twin.h"

#include <string.h>

#include "dht/id.h"
#include "dht/state.h"

static bool is_same(const struct dht_address *a, const struct dht_address *b)
{
    return a->port == b->port && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

static bool is_within(const struct dht *d, uint32_t tick, uint32_t ms)
{
    return dht_state_tick(d) - tick <= (uint32_t)((uint64_t)ms * DHT_US >> DHT_TICK_BITS);
}

static bool is_lately(const struct dht *d, const struct dht_twin *t)
{
    return t->tick != 0 && is_within(d, t->tick, DHT_TWIN_LATELY_MS);
}

/* The node's own place, or the one that is the longest unused. */
static struct dht_twin *place_of(struct dht *d, const struct dht_node *node)
{
    struct dht_twin *oldest = &d->twin[0];

    for (uint32_t i = 0; i < DHT_TWINS; i++) {
        struct dht_twin *t = &d->twin[i];
        if (t->tick != 0 && dht_id_same_node(&t->node, node)) {
            return t;
        }
        oldest = t->tick < oldest->tick ? t : oldest;
    }
    *oldest = (struct dht_twin){.node = *node};
    return oldest;
}

/* It is where it was: in which session is worth knowing if it was elsewhere lately. */
static void stay(struct dht *d, const struct dht_node *node, uint64_t session)
{
    for (uint32_t i = 0; i < DHT_TWINS; i++) {
        struct dht_twin *t = &d->twin[i];
        if (t->tick != 0 && t->here_in != session && dht_id_same_node(&t->node, node)) {
            t->here_in = session;
        }
    }
}

/* A life speaks in the newest session that it agreed on, wherever it is: one that goes on after another one was heard elsewhere is
 * another life's. So is a new one as soon as that. */
static void count_return(const struct dht *d, struct dht_twin *t, uint64_t session)
{
    bool is_another = session == t->there_in || is_within(d, t->tick, DHT_TWIN_SOON_MS);

    if (session == t->here_in) {
        t->returns = 0; /* it is one node, and speaks at both */
    } else if (is_another && (t->returns == 0 || !is_within(d, t->counted, DHT_TWIN_PACE_MS))) {
        t->returns += t->returns < UINT8_MAX;
        t->counted = dht_state_tick(d);
    }
}

void dht_twin_heard(struct dht *d, const struct dht_node *node, const struct dht_address *before, const struct dht_address *at,
                    uint64_t session)
{
    if (is_same(before, at)) {
        stay(d, node, session);
        return;
    }
    struct dht_twin *t = place_of(d, node);
    bool is_back = is_lately(d, t) && is_same(&t->there, at);
    uint8_t returns = t->returns;
    if (!is_lately(d, t)) {
        t->is_told = false;
    }
    if (is_back) {
        count_return(d, t, session);
    } else {
        t->returns = 0;
    }
    d->counters.twins += returns < DHT_TWIN_RETURNS && t->returns == DHT_TWIN_RETURNS;
    t->there = *before;
    t->there_in = t->here_in;
    t->here = *at;
    t->here_in = session;
    t->tick = dht_state_tick(d) > 0 ? dht_state_tick(d) : 1; /* 0: nobody */
}

bool dht_twin_other(const struct dht *d, const struct dht_contact *who, struct dht_address *ret)
{
    for (uint32_t i = 0; i < DHT_TWINS; i++) {
        const struct dht_twin *t = &d->twin[i];
        if (is_lately(d, t) && t->returns >= DHT_TWIN_RETURNS && dht_id_same_node(&t->node, &who->node)) {
            *ret = is_same(&t->here, &who->at) ? t->there : t->here;
            return true;
        }
    }
    return false;
}

void dht_twin_named(struct dht *d, const struct dht_address *at)
{
    d->namesake = *at;
    d->has_namesake = true;
}

bool dht_twin_take(struct dht *d, struct dht_twin *ret)
{
    for (uint32_t i = 0; i < DHT_TWINS; i++) {
        struct dht_twin *t = &d->twin[i];
        if (t->returns >= DHT_TWIN_RETURNS && !t->is_told && is_lately(d, t)) {
            t->is_told = true;
            *ret = *t;
            return true;
        }
    }
    return false;
}

bool dht_twin_take_own(struct dht *d, struct dht_address *ret)
{
    bool is_new = d->has_namesake;

    if (is_new) {
        *ret = d->namesake;
        d->has_namesake = false;
    }
    return is_new;
}
