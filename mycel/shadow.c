#include "mycel/shadow.h"

#include <assert.h>
#include <string.h>

enum {
    NONE = MYCEL_POLICY_NONE,
    NODES_MIN = 32,
    FLAT = 4,        /* reads that decide nothing                                            */
    SURE = 3,        /* standard deviations above that make a policy better than who rules … */
    SHORT = 16,      /* one in so many reads that the bucket misses and its policy finds here is far less */
    BAR = 512,       /* reads for each node, twice as many at each time                      */
    VETO = 2,        /* … unless it was so much worse by the other window                    */
};

/* Reads of the sample, for each of its nodes, after which a third of what was seen still counts. */
static const double memory_of[MYCEL_SHADOW_WINDOWS] = {8, 256};

struct mycel_shadow_node {
    struct mycel_policy_node policy;
    uint32_t next; /* of a chain, or of the vacant ones */
    uint32_t spare;
    uint64_t hash;
};

static uint32_t nodes_of(uint32_t entries_max)
{
    return entries_max < NODES_MIN ? NODES_MIN : entries_max < MYCEL_SHADOW_NODES ? entries_max : MYCEL_SHADOW_NODES;
}

size_t mycel_shadow_bytes(uint32_t entries_max)
{
    uint32_t nodes = nodes_of(entries_max);

    return MYCEL_POLICY_KINDS * ((nodes + 1) * sizeof(struct mycel_shadow_node) + 2 * nodes * sizeof(uint32_t) + mycel_ghost_bytes(nodes));
}

void mycel_shadow_init(struct mycel_shadow *s, void *memory, uint32_t entries_max)
{
    uint32_t nodes = nodes_of(entries_max);
    uint8_t *at = memory;

    memset(memory, 0, mycel_shadow_bytes(entries_max));
    *s = (struct mycel_shadow){.nodes = nodes, .rules = MYCEL_POLICY_S3FIFO};
    for (uint32_t w = 0; w < MYCEL_SHADOW_WINDOWS; w++) {
        s->keep[w] = 1 - 1 / (memory_of[w] * nodes);
    }
    for (uint32_t k = 0; k < MYCEL_POLICY_KINDS; k++) {
        struct mycel_shadow_life *l = &s->life[k];
        l->node = (void *)at;
        at += (nodes + 1) * sizeof(struct mycel_shadow_node);
        l->first = (void *)at;
        at += 2 * nodes * sizeof(uint32_t);
        mycel_ghost_init(&l->ghost, at, nodes);
        at += mycel_ghost_bytes(nodes);
        mycel_policy_init(&l->policy, l->node, sizeof(struct mycel_shadow_node), &l->ghost, nodes);
        mycel_policy_rule(&l->policy, k);
        for (uint32_t n = nodes; n > 0; n--) {
            l->node[n].next = l->vacant;
            l->vacant = n;
        }
    }
}

/* ---- one life --------------------------------------------------------------------------------------- */

static uint32_t *chain(const struct mycel_shadow *s, struct mycel_shadow_life *l, uint64_t hash)
{
    return &l->first[(uint32_t)((hash * 0x9e3779b97f4a7c15u) >> 32) % (2 * s->nodes)];
}

static uint32_t find(const struct mycel_shadow *s, struct mycel_shadow_life *l, uint64_t hash)
{
    uint32_t n = *chain(s, l, hash);

    while (n != NONE && l->node[n].hash != hash) {
        n = l->node[n].next;
    }
    return n;
}

static void forget(const struct mycel_shadow *s, struct mycel_shadow_life *l, uint32_t n)
{
    uint32_t *link = chain(s, l, l->node[n].hash);

    while (*link != n) {
        link = &l->node[*link].next;
    }
    *link = l->node[n].next;
    l->node[n].next = l->vacant;
    l->vacant = n;
}

static uint64_t size_of(const struct mycel_shadow_life *l)
{
    return l->policy.small.size + l->policy.main.size;
}

static void make_room(const struct mycel_shadow *s, struct mycel_shadow_life *l, uint64_t size)
{
    while (l->vacant == NONE || (size_of(l) > 0 && size_of(l) + size > s->limit)) {
        bool is_ghost;
        uint32_t n = mycel_policy_victim(&l->policy, &is_ghost);
        if (is_ghost) {
            mycel_policy_haunt(&l->policy, l->node[n].hash);
        }
        forget(s, l, n);
    }
}

static void put(const struct mycel_shadow *s, struct mycel_shadow_life *l, uint64_t hash, uint32_t size)
{
    uint32_t n = find(s, l, hash);

    if (n != NONE) {
        uint32_t old = mycel_policy_size(&l->node[n].policy);
        mycel_policy_written(&l->policy, n);
        if (size != old) {
            mycel_policy_remove(&l->policy, n);
            l->node[n].policy.size = size;
            mycel_policy_return(&l->policy, n);
            make_room(s, l, 0);
        }
        return;
    }
    make_room(s, l, size);
    n = l->vacant;
    l->vacant = l->node[n].next;
    l->node[n].policy = (struct mycel_policy_node){.size = size};
    l->node[n].hash = hash;
    l->node[n].next = *chain(s, l, hash);
    *chain(s, l, hash) = n;
    mycel_policy_add(&l->policy, n, hash);
}

static void drop(const struct mycel_shadow *s, struct mycel_shadow_life *l, uint64_t hash)
{
    uint32_t n = find(s, l, hash);

    if (n != NONE) {
        mycel_policy_remove(&l->policy, n);
        forget(s, l, n);
    }
}

/* ---- all of them ------------------------------------------------------------------------------------ */

/* Half the sample: whoever is no longer of it goes. */
static void halve(struct mycel_shadow *s)
{
    s->halvings++;
    for (uint32_t k = 0; k < MYCEL_POLICY_KINDS; k++) {
        struct mycel_shadow_life *l = &s->life[k];
        for (uint32_t c = 0; c < 2 * s->nodes; c++) {
            for (uint32_t n = l->first[c], next; n != NONE; n = next) {
                next = l->node[n].next;
                if (!mycel_shadow_has(s, l->node[n].hash)) {
                    mycel_policy_remove(&l->policy, n);
                    forget(s, l, n);
                }
            }
        }
    }
}

void mycel_shadow_fit(struct mycel_shadow *s, uint32_t count, uint64_t size)
{
    if (count >> s->halvings > s->nodes) {
        halve(s);
    }
    s->limit = size >> s->halvings;
}

/* How much better than who rules, as the square of standard deviations; 0: not surely. If all were chance, `ahead` would be the sum of
 * `apart` draws of +1 and -1. */
static double better(const struct mycel_shadow_life *l)
{
    double most = 0;

    for (uint32_t w = 0; w < MYCEL_SHADOW_WINDOWS; w++) {
        double by = l->ahead[w] - FLAT, apart = l->apart[w] + 1, squares = by * by / apart;
        if (by < 0 && squares > VETO * VETO) {
            return 0;
        }
        most = by > 0 && squares > SURE * SURE && squares > most ? squares : most;
    }
    return most;
}

static void rule(struct mycel_shadow *s, enum mycel_policy_kind kind)
{
    s->rules = kind;
    s->changes++;
    s->seen = 0;
    for (uint32_t k = 0; k < MYCEL_POLICY_KINDS; k++) {
        struct mycel_shadow_life *l = &s->life[k];
        memset(l->ahead, 0, sizeof l->ahead);
        memset(l->apart, 0, sizeof l->apart);
        l->beyond = l->beyond_apart = 0;
    }
}

static void judge(struct mycel_shadow *s, const bool *has_found)
{
    enum mycel_policy_kind best = s->rules;
    double most = 0;

    for (uint32_t k = 0; k < MYCEL_POLICY_KINDS; k++) {
        struct mycel_shadow_life *l = &s->life[k];
        for (uint32_t w = 0; w < MYCEL_SHADOW_WINDOWS; w++) {
            l->ahead[w] = l->ahead[w] * s->keep[w] + has_found[k] - has_found[s->rules];
            l->apart[w] = l->apart[w] * s->keep[w] + (has_found[k] != has_found[s->rules]);
        }
        double by = s->reads < l->barred ? 0 : better(l);
        best = by > most ? k : best;
        most = by > most ? by : most;
    }
    if (best != s->rules) {
        rule(s, best);
    }
}

static bool is_beyond(const struct mycel_shadow *s, const struct mycel_shadow_life *l)
{
    return l->beyond > s->seen / SHORT + FLAT && l->beyond * l->beyond > SURE * SURE * (l->beyond_apart + 1);
}

/* A bucket that was ruled otherwise before may be in another state than who began empty, and stay so: 2Q serves sessions well while it
 * has never seen any of them twice, and badly ever after. If it finds far less than its policy does here, LRU takes over, which is soon
 * in the state it would always have been in. */
static void compare(struct mycel_shadow *s, const bool *has_found, bool is_here)
{
    struct mycel_shadow_life *ruling = &s->life[s->rules];

    s->seen = s->seen * s->keep[0] + 1;
    for (uint32_t k = 0; k < MYCEL_POLICY_KINDS; k++) {
        struct mycel_shadow_life *l = &s->life[k];
        l->beyond = l->beyond * s->keep[0] + has_found[k] - is_here;
        l->beyond_apart = l->beyond_apart * s->keep[0] + (has_found[k] != is_here);
    }
    if (s->rules != MYCEL_POLICY_LRU && is_beyond(s, ruling) && is_beyond(s, &s->life[MYCEL_POLICY_LRU])) {
        ruling->bar = ruling->bar == 0 ? BAR * s->nodes : ruling->bar < UINT32_MAX / 2 ? 2 * ruling->bar : ruling->bar;
        ruling->barred = s->reads + ruling->bar;
        rule(s, MYCEL_POLICY_LRU);
    }
}

void mycel_shadow_read(struct mycel_shadow *s, uint64_t hash, uint32_t size, bool is_full)
{
    bool has_found[MYCEL_POLICY_KINDS];

    for (uint32_t k = 0; k < MYCEL_POLICY_KINDS; k++) {
        uint32_t n = find(s, &s->life[k], hash);
        has_found[k] = n != NONE;
        if (n != NONE) {
            mycel_policy_read(&s->life[k].policy, n);
        } else if (size > 0) {
            put(s, &s->life[k], hash, size);
        }
    }
    s->reads++;
    if (is_full) {
        judge(s, has_found);
        compare(s, has_found, size > 0);
    }
}

void mycel_shadow_written(struct mycel_shadow *s, uint64_t hash, uint32_t size)
{
    for (uint32_t k = 0; k < MYCEL_POLICY_KINDS; k++) {
        put(s, &s->life[k], hash, size);
    }
}

void mycel_shadow_removed(struct mycel_shadow *s, uint64_t hash)
{
    for (uint32_t k = 0; k < MYCEL_POLICY_KINDS; k++) {
        drop(s, &s->life[k], hash);
    }
}
