#include "tests/sim/dht/drawn.h"

#include <stdlib.h>
#include <string.h>

#include "dht/id.h"
#include "dht/limits.h"
#include "dht/table.h"

struct named {
    struct dht_id id;
    uint32_t node;
};

static int by_id(const void *a, const void *b)
{
    return memcmp(((const struct named *)a)->id.byte, ((const struct named *)b)->id.byte, DHT_ID_SIZE);
}

/* The first of [first, end) that has `bit` set; all of them have the bits before it in common. */
static uint32_t split(const struct named *all, uint32_t first, uint32_t end, uint32_t bit)
{
    while (first < end) {
        uint32_t middle = first + (end - first) / 2;
        if (dht_id_bit(&all[middle].id, bit)) {
            end = middle;
        } else {
            first = middle + 1;
        }
    }
    return first;
}

/* Up to DHT_K of [first, end), each as likely as another (Knuth, "Seminumerical Algorithms", 3.4.2, algorithm S). */
static void meet(struct swarm *s, struct dht *d, const struct named *all, uint32_t first, uint32_t end)
{
    uint32_t wanted = end - first < DHT_K ? end - first : DHT_K;

    if (end - first <= 4 * DHT_K) {
        for (uint32_t i = first; wanted > 0; i++) {
            if (rng_below(&s->rng, end - i) < wanted) {
                struct dht_contact who = swarm_contact(s, all[i].node);
                dht_table_heard(d, &who, &all[i].id, 1);
                wanted--;
            }
        }
        return;
    }
    while (wanted > 0) { /* of so many hardly any is drawn twice */
        const struct named *one = &all[first + rng_below(&s->rng, end - first)];
        if (dht_table_find(d, &one->id) == NULL) {
            struct dht_contact who = swarm_contact(s, one->node);
            dht_table_heard(d, &who, &one->id, 1);
            wanted--;
        }
    }
}

/* Those of [first, end) that are hostile, as many as there is room for. */
static void meet_hostile(struct swarm *s, struct dht *d, const struct named *all, uint32_t first, uint32_t end)
{
    for (uint32_t i = first, met = 0; i < end && met < DHT_K; i++) {
        if (s->node[all[i].node].is_hostile) {
            struct dht_contact who = swarm_contact(s, all[i].node);
            dht_table_heard(d, &who, &all[i].id, 1);
            met++;
        }
    }
}

static void fill(struct swarm *s, const struct named *all, uint32_t at, uint32_t besieged)
{
    struct dht *d = s->node[all[at].node].core;
    uint32_t first = 0, end = s->nodes, age = (uint32_t)((uint64_t)d->tuning.refresh_ms * DHT_US >> DHT_TICK_BITS);

    d->born_us = 0; /* it has been there for long: nobody is greeted */
    for (uint32_t bit = 0; bit < DHT_BITS && end - first > 1; bit++) {
        uint32_t middle = split(all, first, end, bit);
        bool is_one = dht_id_bit(&d->id, bit);
        if (all[at].node == besieged) {
            meet_hostile(s, d, all, is_one ? first : middle, is_one ? middle : end);
        }
        meet(s, d, all, is_one ? first : middle, is_one ? middle : end);
        first = is_one ? middle : first;
        end = is_one ? end : middle;
    }
    for (uint32_t b = 0; b < DHT_UPKEEP_PLACES; b++) {
        d->upkeep.looked[b] = (dht_state_tick(d) - (uint32_t)rng_below(&s->rng, age)) | 1;
    }
}

void drawn_start(struct swarm *s)
{
    drawn_besiege(s, UINT32_MAX);
}

void drawn_besiege(struct swarm *s, uint32_t besieged)
{
    struct named *all = calloc(s->nodes, sizeof *all);

    if (all == NULL) {
        abort();
    }
    /* As old as the oldest lookup: before that nobody was there. */
    s->now_us += (uint64_t)s->config.tuning.refresh_ms * DHT_US + SWARM_S;
    for (uint32_t i = 0; i < s->nodes; i++) {
        swarm_start(s, i);
        struct dht_contact who = swarm_contact(s, i);
        all[i] = (struct named){.id = dht_core_id(&who.node), .node = i};
    }
    qsort(all, s->nodes, sizeof *all, by_id);
    for (uint32_t i = 0; i < s->nodes; i++) {
        if (!s->node[all[i].node].is_hostile) {
            fill(s, all, i, besieged);
        }
    }
    free(all);
    for (uint32_t i = 0; i < s->nodes; i++) {
        if (!s->node[i].is_hostile) {
            swarm_wake(s, i);
        }
    }
}
