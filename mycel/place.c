#include "mycel/place.h"

#include <assert.h>
#include <math.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static int by_id(const void *a, const void *b)
{
    uint64_t x = ((const struct mycel_place_node *)a)->id, y = ((const struct mycel_place_node *)b)->id;

    return x < y ? -1 : x > y;
}

/* MurmurHash3's finalisers (Appleby, public domain): every bit of the input moves every bit of the output. */
static inline uint32_t mix32(uint32_t x)
{
    x = (x ^ x >> 16) * 0x85ebca6bu;
    x = (x ^ x >> 13) * 0xc2b2ae35u;
    return x ^ x >> 16;
}

static uint64_t mix64(uint64_t x)
{
    x = (x ^ x >> 33) * 0xff51afd7ed558ccdu;
    x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53u;
    return x ^ x >> 33;
}

static bool has_seed(const struct mycel_place *p, uint32_t count, uint32_t seed)
{
    for (uint32_t i = 0; i < count; i++) {
        if (p->seed[i] == seed) {
            return true;
        }
    }
    return false;
}

static uint32_t count_zones(const struct mycel_place *p)
{
    uint32_t zones = 0;

    for (uint32_t i = 0; i < p->count; i++) {
        bool is_new = true;
        for (uint32_t j = 0; j < i && is_new && p->zone[i] != MYCEL_PLACE_NO_ZONE; j++) {
            is_new = p->zone[j] != p->zone[i];
        }
        zones += is_new;
    }
    return zones;
}

enum err mycel_place_set(struct mycel_place *p, const struct mycel_place_node *node, uint32_t count)
{
    struct mycel_place_node sorted[MYCEL_PLACE_NODES_MAX];

    if (count > MYCEL_PLACE_NODES_MAX) {
        return ERR_LIMIT;
    }
    if (count > 0) {
        memcpy(sorted, node, count * sizeof *node);
        qsort(sorted, count, sizeof *sorted, by_id);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!(sorted[i].weight > 0) || !isfinite(sorted[i].weight) || !isfinite(1 / sorted[i].weight)) {
            return ERR_INVALID;
        }
        if (i > 0 && sorted[i].id == sorted[i - 1].id) {
            return ERR_EXISTS;
        }
    }
    memset(p, 0, sizeof *p);
    p->count = count;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t word = sorted[i].id;
        do {
            word = mix64(word + 0x9e3779b97f4a7c15u); /* two of a thousand are alike in 32 bits once in 10,000 clusters */
        } while (has_seed(p, i, (uint32_t)word));
        p->seed[i] = (uint32_t)word;
        p->id[i] = sorted[i].id;
        p->share[i] = 1 / sorted[i].weight;
        p->zone[i] = sorted[i].zone;
        p->is_weighted |= sorted[i].weight != sorted[0].weight;
    }
    p->zones = count_zones(p);
    return ERR_OK;
}

uint64_t mycel_place_hash(const void *bucket, size_t bucket_size, const void *key, size_t key_size)
{
    static const uint8_t known[2][crypto_shorthash_KEYBYTES] = {"mycel bucket  1", "mycel key     1"};
    uint8_t inner[crypto_shorthash_KEYBYTES];
    uint64_t size = bucket_size, hash;

    memcpy(inner, known[1], sizeof inner);
    crypto_shorthash((uint8_t *)&hash, bucket, bucket_size, known[0]);
    for (uint32_t i = 0; i < 8; i++) {
        inner[i] ^= (uint8_t)(hash >> (8 * i));
        inner[8 + i] ^= (uint8_t)(size >> (8 * i));
    }
    crypto_shorthash((uint8_t *)&hash, key, key_size, inner);
    return hash;
}

/* ---- scores ----------------------------------------------------------------------------------------- */

/* Many nodes at once, and no multiplication that is drawn into an addition: members on other processors must reckon the same. */
#define MANY_AT_ONCE __attribute__((optimize("O3", "fp-contract=off")))

/* A score is a whole number, the higher the better. Nodes of one weight: the mixed bits themselves. */
MANY_AT_ONCE static void score_equal(const struct mycel_place *p, uint32_t hash, uint32_t *score)
{
    for (uint32_t i = 0; i < p->count; i++) {
        score[i] = mix32(p->seed[i] ^ hash);
    }
}

/* -ln(u) / weight, u in (0, 1), least first; as bits of a float above 0, whose order is that of the numbers. The logarithm is that of the
 * exponent and a polynomial of the rest, so that a compiler can do many at once and every machine says the same: 2e-6 off. */
MANY_AT_ONCE static void score_weighted(const struct mycel_place *p, uint32_t hash, uint32_t *score)
{
    for (uint32_t i = 0; i < p->count; i++) {
        float u = (float)((mix32(p->seed[i] ^ hash) >> 8) | 1) * 0x1p-24f;
        uint32_t bits, exponent;
        memcpy(&bits, &u, sizeof bits);
        exponent = bits >> 23;
        bits = (bits & 0x7fffff) | 0x3f800000;
        float m;
        memcpy(&m, &bits, sizeof m);
        float s = (m - 1) / (m + 1), t = s * s;
        float ln = 2 * s * (1 + t * (1 / 3.f + t * (1 / 5.f + t * (1 / 7.f + t * (1 / 9.f + t * (1 / 11.f))))));
        float cost = (.69314718f * (float)(127 - (int32_t)exponent) - ln) * p->share[i];
        cost = cost > 0x1p-126f ? cost : 0x1p-126f;
        memcpy(&bits, &cost, sizeof bits);
        score[i] = ~bits;
    }
}

/* The best so far, in order. */
struct top {
    uint32_t count, most;                    /* most: as many as are looked for */
    uint32_t at[MYCEL_PLACE_REPLICAS_MAX], score[MYCEL_PLACE_REPLICAS_MAX];
};

/* A better one comes in; gap: which one goes for it, top->count if nobody has to. Ties: who stands first in the order of ids. */
static void come_in(struct top *top, uint32_t node, uint32_t score, uint32_t gap)
{
    uint32_t i = gap;

    for (; i > 0 && top->score[i - 1] < score; i--) {
        top->score[i] = top->score[i - 1];
        top->at[i] = top->at[i - 1];
    }
    top->score[i] = score;
    top->at[i] = node;
    top->count += gap == top->count;
}

static uint32_t gap_of(const struct top *top)
{
    return top->count < top->most ? top->count : top->count - 1;
}

/* Hardly any is among the best so far: one comparison each. */
static void look(const struct mycel_place *p, const uint32_t *score, struct top *top)
{
    for (uint32_t i = 0; i < p->count; i++) {
        if (top->count < top->most || score[i] > top->score[top->most - 1]) {
            come_in(top, i, score[i], gap_of(top));
        }
    }
}

/* The same, of each zone only the best one. */
static void look_by_zone(const struct mycel_place *p, const uint32_t *score, struct top *top)
{
    for (uint32_t i = 0; i < p->count; i++) {
        if (top->count == top->most && score[i] <= top->score[top->most - 1]) {
            continue;
        }
        uint32_t gap = 0;
        while (gap < top->count && (p->zone[i] == MYCEL_PLACE_NO_ZONE || p->zone[top->at[gap]] != p->zone[i])) {
            gap++;
        }
        if (gap == top->count) {
            come_in(top, i, score[i], gap_of(top));
        } else if (score[i] > top->score[gap]) {
            come_in(top, i, score[i], gap);
        }
    }
}

/* There are fewer zones than replicas: those that are still looked for, by score alone, behind the ones there are. */
static void look_for_rest(const struct mycel_place *p, const uint32_t *score, struct top *top)
{
    struct top rest = {.most = top->most - top->count};

    for (uint32_t i = 0; i < p->count; i++) {
        bool is_in = false;
        for (uint32_t j = 0; j < top->count; j++) {
            is_in |= top->at[j] == i;
        }
        if (!is_in && (rest.count < rest.most || score[i] > rest.score[rest.most - 1])) {
            come_in(&rest, i, score[i], gap_of(&rest));
        }
    }
    memcpy(top->at + top->count, rest.at, rest.count * sizeof rest.at[0]);
    top->count += rest.count;
}

uint32_t mycel_place_of(const struct mycel_place *p, uint64_t hash, uint32_t replicas, uint32_t ret[MYCEL_PLACE_REPLICAS_MAX])
{
    uint32_t score[MYCEL_PLACE_NODES_MAX], half = (uint32_t)(hash ^ hash >> 32);
    struct top top = {.most = replicas < p->count ? replicas : p->count};

    assert(replicas > 0 && replicas <= MYCEL_PLACE_REPLICAS_MAX);
    if (top.most == 0) {
        return 0;
    }
    if (p->is_weighted) {
        score_weighted(p, half, score);
    } else {
        score_equal(p, half, score);
    }
    if (p->zones == p->count) {
        look(p, score, &top);
    } else {
        look_by_zone(p, score, &top);
        if (top.count < top.most) {
            look_for_rest(p, score, &top);
        }
    }
    memcpy(ret, top.at, top.count * sizeof top.at[0]);
    return top.count;
}

bool mycel_place_is_holder(const struct mycel_place *p, uint64_t hash, uint32_t replicas, uint64_t id)
{
    uint32_t at[MYCEL_PLACE_REPLICAS_MAX], count = mycel_place_of(p, hash, replicas, at);

    for (uint32_t i = 0; i < count; i++) {
        if (p->id[at[i]] == id) {
            return true;
        }
    }
    return false;
}
