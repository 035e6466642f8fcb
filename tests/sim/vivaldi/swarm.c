#include "tests/sim/vivaldi/swarm.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ALL_PAIRS_NODES = 500,  /* of more a sample is looked at */
    PAIRS = 200000,
    BAD_ONE_IN = 50,
    TRACE_CHOICES = -2,     /* in a trace: what follows are choices */
    TRACE_ROUND = -1,       /* … a round ends */
    US = 1000,
};

#define LONGER_TIMES 3.0f
#define LIE_MS 2000.0
#define LIE_ERROR 0.01

static void *get(size_t count, size_t size)
{
    void *memory = calloc(count, size);

    if (memory == NULL) {
        abort();
    }
    return memory;
}

static double normal(struct rng *r)
{
    double sum = -6;

    for (int i = 0; i < 12; i++) {
        sum += rng_unit(r);
    }
    return sum;
}

void swarm_init(struct swarm *s, const struct swarm_set *set)
{
    uint32_t n = set->places->nodes;

    *s = (struct swarm){.set = *set, .nodes = n, .node = get(n, sizeof *s->node), .memory = get(n, sizeof *s->memory),
                        .plain = get(n, sizeof *s->plain), .is_liar = get(n, sizeof *s->is_liar),
                        .lie = get(n, sizeof *s->lie), .plain_lie = get(n, sizeof *s->plain_lie)};
    rng_init(&s->rng, set->seed);
    rng_init(&s->bad_rng, ~set->seed);
    for (uint32_t i = 0; i < n; i++) {
        struct vivaldi_config c = {.self = i, .seed = set->seed * n + i, .dims = set->dims, .has_height = set->has_height,
                                   .peers_max = set->peers_max};
        s->memory[i] = get(1, vivaldi_core_size(set->peers_max));
        if (vivaldi_core_init(&s->node[i], &c, s->memory[i]) != ERR_OK) {
            abort();
        }
        if (set->has_plain) {
            plain_init(&s->plain[i], n);
        }
        s->is_liar[i] = rng_below(&s->rng, 100) < set->liars_per_cent;
        s->lie[i].error = (float)LIE_ERROR;
        s->plain_lie[i].error = LIE_ERROR;
        for (uint32_t k = 0; k < VIVALDI_DIMS_MAX; k++) {
            double side = (2 * rng_unit(&s->rng) - 1) * LIE_MS;
            s->lie[i].at[k] = k < set->dims ? (float)side : 0;
            s->plain_lie[i].at[k] = side;
        }
    }
    told_init(s);
    if (set->way != SWARM_ANY) {
        cluster_init(s);
    }
}

void swarm_free(struct swarm *s)
{
    for (uint32_t i = 0; i < s->nodes; i++) {
        free(s->memory[i]);
        plain_free(&s->plain[i]);
    }
    free(s->node);
    free(s->memory);
    free(s->plain);
    free(s->is_liar);
    free(s->lie);
    free(s->plain_lie);
    told_free(s);
    cluster_free(s);
}

/* ---- a round ------------------------------------------------------------------------------------- */

static double measure_ms(const struct swarm *s, struct rng *rng, uint32_t i, uint32_t j)
{
    double ms = places_rtt_ms(s->set.places, i, j);

    if (ms > 0 && s->set.has_noise) {
        ms *= exp(0.1 * normal(rng));
        ms *= rng_below(rng, 50) == 0 ? 3 + 17 * rng_unit(rng) : 1;
    }
    return ms;
}

uint32_t swarm_now_s(const struct swarm *s)
{
    return s->set.way == SWARM_ANY ? s->round : s->round / SWARM_ROUNDS_S;
}

/* `self` takes what `peer` says (NULL: nothing of where it is); what is bad is refused and changes nothing. */
static void take(struct swarm *s, uint32_t self, uint32_t peer, double ms, const struct vivaldi_coord *c)
{
    struct vivaldi *v = &s->node[self], before = *v;
    uint64_t rtt_us = (uint64_t)(ms * US) + 1;
    struct vivaldi_coord said = c != NULL ? *c : (struct vivaldi_coord){0};
    bool is_good = true;

    if (s->set.is_bad && rng_below(&s->bad_rng, BAD_ONE_IN) == 0) {
        static const float none[] = {NAN, INFINITY, -INFINITY, 3e38f, -20000};
        is_good = false;
        if (c == NULL || rng_below(&s->bad_rng, 2) == 0) {
            rtt_us = rng_below(&s->bad_rng, 2) == 0 ? 0 : UINT64_C(60000001) << rng_below(&s->bad_rng, 30);
        } else {
            said.at[rng_below(&s->bad_rng, VIVALDI_DIMS_MAX)] = none[rng_below(&s->bad_rng, ARRAY_LEN(none))];
        }
    }
    enum err e = vivaldi_core_sample(v, swarm_now_s(s), peer, rtt_us, c == NULL ? NULL : &said);
    s->refused += e != ERR_OK;
    s->updates += e == ERR_OK;
    if ((e == ERR_OK) != is_good) {
        fprintf(stderr, "seed %lu round %u: %s of what is %s\n", (unsigned long)s->set.seed, s->round, err_name(e), is_good ? "good" : "bad");
        exit(1);
    }
    check_sample(&before, v, peer, (double)rtt_us, is_good);
    s->live_moved_ms += vivaldi_coord_moved_ms(&before.live, &v->live);
    s->stable_moved_ms += vivaldi_coord_moved_ms(&before.stable, &v->stable);
    vivaldi_core_told(v, swarm_now_s(s), peer, told_by(s, peer));
}

/* Both learn: who asks first, as membership's probes do. */
static void trace(const struct swarm *s, uint32_t i, uint32_t j, double ms)
{
    const uint32_t who[] = {i, j};
    float value = (float)ms;

    if (s->set.trace != NULL) {
        (void)fwrite(who, sizeof who, 1, s->set.trace); /* whoever reads it sees that it is short */
        (void)fwrite(&value, sizeof value, 1, s->set.trace);
    }
}

static void trace_word(const struct swarm *s, uint32_t word)
{
    if (s->set.trace != NULL) {
        (void)fwrite(&word, sizeof word, 1, s->set.trace); /* the same */
    }
}

void swarm_trace_begin(const struct swarm *s)
{
    trace_word(s, s->nodes);
    for (uint32_t i = 0; i < s->nodes && s->set.trace != NULL; i++) {
        for (uint32_t j = 0; j < s->nodes; j++) {
            float ms = places_rtt_ms(s->set.places, i, j);
            (void)fwrite(&ms, sizeof ms, 1, s->set.trace); /* the same */
        }
    }
}

static void ask_plain(struct swarm *s, uint32_t i, uint32_t j, double ms)
{
    struct plain_coord here = s->is_liar[i] ? s->plain_lie[i] : s->plain[i].c;
    struct plain_coord there = s->is_liar[j] ? s->plain_lie[j] : s->plain[j].c;

    plain_sample(&s->plain[i], &s->bad_rng, j, ms, &there);
    if (s->set.way == SWARM_ANY) {
        plain_sample(&s->plain[j], &s->bad_rng, i, ms, &here);
    }
}

/* A liar has told all what it says now. */
static void turn(struct swarm *s, uint32_t i, const struct vivaldi_coord *said)
{
    if (s->is_liar[i] && s->set.lie == SWARM_LIE_TURNS) {
        s->told[i] = *said;
        s->told_round[i] = s->round;
    }
}

static void probe(struct swarm *s, uint32_t i, uint32_t j)
{
    struct vivaldi_coord here = liars_say(s, i, j), there = liars_say(s, j, i);
    double ms = measure_ms(s, &s->rng, i, j);

    if (ms <= 0) {
        return;
    }
    trace(s, i, j, ms);
    trace(s, j, i, ms);
    turn(s, i, &here);
    turn(s, j, &there);
    if (liars_learn(s, i)) {
        take(s, i, j, ms + liars_delay_ms(s, j, i), &there);
    }
    if (liars_learn(s, j)) {
        take(s, j, i, ms + liars_delay_ms(s, i, j), &here);
    }
    if (s->set.has_plain) {
        ask_plain(s, i, j, ms);
    }
}

void swarm_ask(struct swarm *s, uint32_t i, uint32_t j, bool has_places)
{
    struct vivaldi_coord here = liars_say(s, i, j), there = liars_say(s, j, i);
    double ms = measure_ms(s, &s->rng, i, j);

    if (ms <= 0) {
        return;
    }
    trace(s, i, j, ms);
    turn(s, i, &here);
    turn(s, j, &there);
    if (liars_learn(s, i)) {
        /* What it has told all is believed when it has not said better of late: vivaldi/shell.c. */
        const struct vivaldi_coord *told = told_by(s, j);
        bool is_news = told != NULL && (s->set.way == SWARM_TOLD || vivaldi_core_is_news(&s->node[i], swarm_now_s(s), j, told));
        take(s, i, j, ms + liars_delay_ms(s, j, i), has_places ? &there : is_news ? told : NULL);
    }
    if (liars_learn(s, j) && has_places && vivaldi_core_heard(&s->node[j], swarm_now_s(s), i, &here) != ERR_OK) {
        abort();
    }
    vivaldi_core_told(&s->node[j], swarm_now_s(s), i, told_by(s, i));
    if (s->set.has_plain) {
        ask_plain(s, i, j, ms);
    }
}

/* One in five knows nothing any more. */
static void begin_anew(struct swarm *s)
{
    for (uint32_t i = 0; i < s->nodes; i += 5) {
        struct vivaldi_config c = s->node[i].config;
        if (!s->is_liar[i] && vivaldi_core_init(&s->node[i], &c, s->memory[i]) != ERR_OK) {
            abort();
        }
    }
}

void swarm_round(struct swarm *s)
{
    s->round++;
    s->live_moved_ms = s->stable_moved_ms = 0;
    if (s->set.slice_rounds > 0) {
        s->set.places->slice = s->round / s->set.slice_rounds % s->set.places->slices;
    }
    if (s->set.longer_round > 0 && s->round == s->set.longer_round) {
        s->set.places->times = LONGER_TIMES;
    }
    if (s->round == s->set.newcomers_round) {
        begin_anew(s);
    }
    told_round(s);
    if (s->set.way != SWARM_ANY) {
        cluster_round(s);
    }
    for (uint32_t i = 0; i < s->nodes && s->set.way == SWARM_ANY; i++) {
        uint32_t j = (i + 1 + (uint32_t)rng_below(&s->rng, s->nodes - 1)) % s->nodes;
        probe(s, i, j);
        told_look(s, i);
    }
    trace_word(s, TRACE_ROUND);
    check_round(s);
}

/* ---- looking at it ------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

static double predict(const struct swarm *s, uint32_t i, uint32_t j, enum swarm_by by)
{
    const struct vivaldi_coord *there = &s->node[j].live;

    switch (by) {
    case SWARM_BY_COORD:
        return vivaldi_coord_rtt_ms(&s->node[i].live, there);
    case SWARM_BY_ALL:
    case SWARM_BY_VERIFIED:
        return vivaldi_core_estimate(&s->node[i], swarm_now_s(s), j, there).rtt_ms;
    case SWARM_BY_PLAIN:
        return plain_rtt_ms(&s->plain[i].c, &s->plain[j].c);
    }
    abort();
}

static bool is_pair(const struct swarm *s, uint32_t i, uint32_t j)
{
    return i != j && !s->is_liar[i] && !s->is_liar[j] && places_rtt_ms(s->set.places, i, j) > 0;
}

static struct swarm_errors look(const struct swarm *s, enum swarm_by by)
{
    bool is_all = s->nodes <= ALL_PAIRS_NODES;
    size_t most = is_all ? (size_t)s->nodes * s->nodes / 2 : PAIRS, count = 0;
    float *error = get(most, sizeof *error);
    struct rng r;

    rng_init(&r, 1);
    for (size_t k = 0; k < (is_all ? (size_t)s->nodes * s->nodes : PAIRS); k++) {
        uint32_t i = is_all ? (uint32_t)(k / s->nodes) : (uint32_t)rng_below(&r, s->nodes);
        uint32_t j = is_all ? (uint32_t)(k % s->nodes) : (uint32_t)rng_below(&r, s->nodes);
        if ((!is_all || i < j) && is_pair(s, i, j)) {
            double rtt = places_rtt_ms(s->set.places, i, j);
            error[count++] = (float)(fabs(predict(s, i, j, by) - rtt) / rtt);
        }
    }
    qsort(error, count, sizeof *error, compare);
    struct swarm_errors e = {error[count / 2], error[count * 9 / 10], error[count * 99 / 100]};
    free(error);
    return e;
}

struct swarm_errors swarm_look(const struct swarm *s)
{
    return look(s, SWARM_BY_COORD);
}

struct swarm_errors swarm_look_plain(const struct swarm *s)
{
    return look(s, SWARM_BY_PLAIN);
}

/* Of the estimates' first three that which is nearest when each that never was is measured once. */
static uint32_t verify(const struct swarm *s, struct rng *r, uint32_t i, const uint32_t *node, const double *estimate)
{
    double nearest = INFINITY;
    uint32_t pick = 0;

    for (uint32_t k = 0; k < SWARM_CHOICES; k++) {
        uint32_t before = 0;
        for (uint32_t l = 0; l < SWARM_CHOICES; l++) {
            before += estimate[l] < estimate[k];
        }
        bool is_known = vivaldi_core_estimate(&s->node[i], swarm_now_s(s), node[k], NULL).source == VIVALDI_MEASURED;
        double ms = before >= VIVALDI_ROUTE_VERIFY ? INFINITY : is_known ? estimate[k] : measure_ms(s, r, i, node[k]);
        pick = ms < nearest ? k : pick;
        nearest = ms < nearest ? ms : nearest;
    }
    return pick;
}

/* One honest node and ten honest others; nearer[k]: which place the nearest has among the estimates. */
static void choose_once(const struct swarm *s, struct rng *r, enum swarm_by by, struct swarm_choice *sum)
{
    double rtt[SWARM_CHOICES], estimate[SWARM_CHOICES], best = INFINITY, chosen = INFINITY, best_estimate = 0;
    uint32_t i, before = 0, pick = 0, node[SWARM_CHOICES];

    do {
        i = (uint32_t)rng_below(r, s->nodes);
    } while (s->is_liar[i]);
    for (uint32_t k = 0; k < SWARM_CHOICES;) {
        uint32_t j = (uint32_t)rng_below(r, s->nodes);
        if (is_pair(s, i, j)) {
            node[k] = j;
            rtt[k] = places_rtt_ms(s->set.places, i, j);
            estimate[k] = predict(s, i, j, by);
            pick = estimate[k] < chosen ? k : pick;
            chosen = estimate[k] < chosen ? estimate[k] : chosen;
            best_estimate = rtt[k] < best ? estimate[k] : best_estimate;
            best = rtt[k] < best ? rtt[k] : best;
            k++;
        }
    }
    for (uint32_t k = 0; k < SWARM_CHOICES; k++) {
        before += estimate[k] < best_estimate;
    }
    if (by == SWARM_BY_COORD && s->set.trace != NULL) {
        trace_word(s, i);
        (void)fwrite(node, sizeof node, 1, s->set.trace); /* the same */
    }
    pick = by == SWARM_BY_VERIFIED ? verify(s, r, i, node, estimate) : pick;
    sum->first += rtt[pick] <= best;
    sum->third += before < 3;
    sum->within += rtt[pick] <= 1.2 * best;
    sum->stretch += rtt[pick] / best;
}

struct swarm_choice swarm_choose(const struct swarm *s, enum swarm_by by, uint32_t trials)
{
    struct swarm_choice c = {0};
    struct rng r;

    rng_init(&r, 2);
    if (by == SWARM_BY_COORD) {
        trace_word(s, (uint32_t)TRACE_CHOICES);
    }
    for (uint32_t t = 0; t < trials; t++) {
        choose_once(s, &r, by, &c);
    }
    return (struct swarm_choice){c.first / trials, c.third / trials, c.stretch / trials, c.within / trials};
}
