/* NUC-5: random graphs. An order is checked edge by edge, a refusal by the cycle it names, and both
 * against a naive search that shares nothing with the code under test. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "nucleus/manifest.h"

enum {
    CELLS = 50,
    GRAPHS = 10000,
};

struct world {
    uint64_t seed;
    struct rng rng;
    struct manifest m;
    struct manifest_cell cells[CELLS];
    struct name_ref requires[CELLS][MANIFEST_LIST_MAX];
    bool needs[CELLS][CELLS]; /* the graph itself: row requires column */
};

static void must(const struct world *w, bool claim, const char *what)
{
    if (!claim) {
        fprintf(stderr, "seed %" PRIu64 ": %s\n", w->seed, what);
        exit(1);
    }
}

static void add_edge(struct world *w, size_t from, size_t to)
{
    struct manifest_cell *c = &w->cells[from];

    if (from == to || w->needs[from][to] || c->requires_count == MANIFEST_LIST_MAX) {
        return;
    }
    w->needs[from][to] = true;
    struct name_ref *ref = &c->requires[c->requires_count++];
    *ref = (struct name_ref){.instance = -1};
    memcpy(ref->cell, w->cells[to].name, NAME_SIZE);
    /* Half of them by the full name: both ways to write it must mean the same. */
    if (rng_below(&w->rng, 2) == 0) {
        memcpy(ref->space, w->cells[to].space, NAME_SIZE);
    }
}

/* Shape and density are drawn: forests, layers, near-complete graphs; cyclic or not. */
static void draw(struct world *w, uint64_t seed)
{
    size_t rank[CELLS];

    memset(w, 0, sizeof *w);
    w->seed = seed;
    rng_init(&w->rng, seed);
    w->m = (struct manifest){.cells = w->cells, .cell_count = 1 + rng_below(&w->rng, CELLS)};
    size_t count = w->m.cell_count;
    for (size_t i = 0; i < count; i++) {
        manifest_cell_init(&w->cells[i]);
        (void)snprintf(w->cells[i].name, NAME_SIZE, "c%u", (unsigned)(i * 37 % 101));
        w->cells[i].requires = w->requires[i];
        size_t at = rng_below(&w->rng, i + 1); /* a random order that a cycle-free graph obeys */
        rank[i] = rank[at];
        rank[at] = i;
    }
    bool is_acyclic = rng_below(&w->rng, 3) != 0;
    size_t edges = rng_below(&w->rng, count * (1 + rng_below(&w->rng, 12)));
    for (size_t i = 0; i < edges; i++) {
        size_t from = rng_below(&w->rng, count), to = rng_below(&w->rng, count);
        if (!is_acyclic || rank[from] > rank[to]) {
            add_edge(w, from, to);
        }
    }
}

/* Reachability by squaring over and over: slow and plain. */
static bool has_cycle(const struct world *w)
{
    static bool reach[CELLS][CELLS];
    size_t n = w->m.cell_count;

    memcpy(reach, w->needs, sizeof reach);
    for (size_t k = 0; k < n; k++) {
        for (size_t i = 0; i < n; i++) {
            for (size_t j = 0; reach[i][k] && j < n; j++) {
                reach[i][j] = reach[i][j] || reach[k][j];
            }
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (reach[i][i]) {
            return true;
        }
    }
    return false;
}

/* The order must be what a person would do by hand: again and again the first entry of the manifest
 * that may start. */
static void check_order(const struct world *w)
{
    uint32_t order[CELLS];
    bool is_started[CELLS] = {false};

    manifest_order(&w->m, order);
    for (size_t at = 0; at < w->m.cell_count; at++) {
        size_t expected = w->m.cell_count;
        for (size_t i = 0; i < w->m.cell_count && expected == w->m.cell_count; i++) {
            bool may = !is_started[i];
            for (size_t k = 0; k < w->m.cell_count; k++) {
                may = may && (!w->needs[i][k] || is_started[k]);
            }
            expected = may ? i : expected;
        }
        must(w, order[at] == expected, "not the first that may start");
        is_started[order[at]] = true;
    }
    /* Backwards: whoever stops is required by nobody that still runs. */
    for (size_t at = w->m.cell_count; at-- > 0;) {
        for (size_t k = 0; k < at; k++) {
            must(w, !w->needs[order[k]][order[at]], "stopped while it is required");
        }
    }
}

static size_t index_of(const struct world *w, const char *name, size_t len)
{
    for (size_t i = 0; i < w->m.cell_count; i++) {
        if (strlen(w->cells[i].name) == len && memcmp(w->cells[i].name, name, len) == 0) {
            return i;
        }
    }
    must(w, false, "a cycle names a stranger");
    return 0;
}

/* Every "->" of the message is an edge, no cell comes twice, and the way ends where it began. */
static void check_cycle(const struct world *w, const char *why)
{
    const char *at = strstr(why, "a cycle: ");
    bool is_seen[CELLS] = {false};
    size_t first = CELLS, previous = CELLS;

    must(w, at != NULL, "no cycle in the message");
    for (at += strlen("a cycle: ");; at += strlen(" -> ")) {
        size_t len = strcspn(at, " ,");
        size_t now = index_of(w, at, len);
        must(w, previous == CELLS || w->needs[previous][now], "no such edge");
        at += len;
        if (previous == CELLS) {
            first = now;
        }
        if (*at == ',') {
            must(w, now == first && previous != CELLS, "the end is not the beginning");
            return;
        }
        must(w, !is_seen[now], "twice in a cycle");
        is_seen[now] = true;
        previous = now;
    }
}

int main(void)
{
    static struct world w;
    unsigned cyclic = 0;

    for (uint64_t seed = 1; seed <= GRAPHS; seed++) {
        char why[MANIFEST_WHY_SIZE];
        draw(&w, seed);
        enum err e = manifest_check(&w.m, why);
        must(&w, e == (has_cycle(&w) ? ERR_INVALID : ERR_OK),
             "a cycle is seen exactly when there is one");
        if (e == ERR_OK) {
            check_order(&w);
        } else {
            check_cycle(&w, why);
            cyclic++;
        }
    }
    printf("%u graphs without and %u with a cycle\n", GRAPHS - cyclic, cyclic);
    return cyclic < GRAPHS / 10 || cyclic > GRAPHS / 2; /* a drawing that leans shows little */
}
