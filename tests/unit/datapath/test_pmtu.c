/* Sizes of paths: scenes in virtual time, and paths that change at random, with and without loss.
 *
 * Usage: test_datapath_pmtu [WORLDS [FIRST SEED]] */
#include "datapath/pmtu.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "tests/support/check.h"

enum { MOST = 8952, TICK_MS = 5, FLYING = 64, BOUND_MS = 3000, LOSSY_MS = 90000, WORLDS = 60 };

struct probe {
    uint64_t at_ms;          /* when its answer comes; 0: none */
    uint32_t number, rtt_ms;
};

/* A path, and who uses it. */
struct world {
    struct datapath_pmtu core;
    struct rng rng;
    uint64_t now_ms;
    uint32_t real, rtt_ms, loss; /* what goes through; of a round trip; percent each way */
    bool is_down, is_used;
    struct probe flying[FLYING];
    uint32_t told, probes, fallen; /* the last size; probes in all; how often it was told less than before */
    uint64_t over_ms;              /* since when more is told than goes through; 0: it is not */
    uint64_t longest_ms;           /* … the longest of these times */
    uint64_t measured_ms;          /* when it was first known that not all goes through, or what does */
};

static bool is_lost(struct world *w)
{
    return w->is_down || rng_below(&w->rng, 100) < w->loss || rng_below(&w->rng, 100) < w->loss;
}

static void send_probe(struct world *w, const struct datapath_pmtu_probe *e)
{
    w->probes++;
    if (e->size > w->real || is_lost(w)) {
        return;
    }
    for (int i = 0; i < FLYING; i++) {
        if (w->flying[i].at_ms == 0) {
            w->flying[i] = (struct probe){.at_ms = w->now_ms + w->rtt_ms, .number = e->number, .rtt_ms = w->rtt_ms};
            return;
        }
    }
    CHECK(false, "more probes are out than there may be");
}

static void step(struct world *w, struct datapath_pmtu_event ev)
{
    struct datapath_pmtu_effects fx;

    ev.now_ms = w->now_ms;
    datapath_pmtu_step(&w->core, &ev, &fx);
    for (uint32_t i = 0; i < fx.count; i++) {
        CHECK(fx.probe[i].size <= w->core.most, "a probe that we cannot send");
        send_probe(w, &fx.probe[i]);
    }
    w->fallen += w->core.size < w->told;
    w->told = w->core.size;
    w->measured_ms = datapath_pmtu_is_measured(&w->core) && w->measured_ms == 0 ? w->now_ms : w->measured_ms;
}

static void pass(struct world *w, uint64_t ms)
{
    for (uint64_t end = w->now_ms + ms; w->now_ms < end;) {
        w->now_ms += TICK_MS;
        for (int i = 0; i < FLYING; i++) {
            if (w->flying[i].at_ms != 0 && w->flying[i].at_ms <= w->now_ms) {
                struct probe p = w->flying[i];
                w->flying[i].at_ms = 0;
                step(w, (struct datapath_pmtu_event){.kind = DATAPATH_PMTU_EV_ANSWERED, .number = p.number, .rtt_ms = p.rtt_ms});
            }
        }
        if (w->is_used) {
            step(w, (struct datapath_pmtu_event){.kind = DATAPATH_PMTU_EV_USED, .size = w->told});
        }
        if (datapath_pmtu_due_ms(&w->core) <= w->now_ms) {
            step(w, (struct datapath_pmtu_event){.kind = DATAPATH_PMTU_EV_CLOCK});
        }
        if (w->told <= w->real || w->is_down || !w->is_used) {
            w->over_ms = 0;
            continue;
        }
        w->over_ms = w->over_ms != 0 ? w->over_ms : w->now_ms;
        w->longest_ms = w->now_ms - w->over_ms > w->longest_ms ? w->now_ms - w->over_ms : w->longest_ms;
    }
}

static struct world begin(uint32_t real, uint32_t rtt_ms, uint64_t seed)
{
    struct world w = {.real = real, .rtt_ms = rtt_ms, .now_ms = 1000, .told = DATAPATH_PMTU_BASE, .is_used = true};

    rng_init(&w.rng, seed);
    datapath_pmtu_init(&w.core, MOST);
    step(&w, (struct datapath_pmtu_event){.kind = DATAPATH_PMTU_EV_BEGIN});
    return w;
}

/* As close as it is looked for. */
static bool is_found(const struct world *w)
{
    uint32_t real = w->real < MOST ? w->real : MOST;

    return w->told <= real && real - w->told < DATAPATH_PMTU_STEP;
}

static void every_size_is_found(void)
{
    for (uint32_t real = DATAPATH_PMTU_BASE; real <= MOST + 20; real += 61) {
        struct world w = begin(real, 20, real);
        pass(&w, 20000);
        CHECK(is_found(&w), "%u: told %u", real, w.told);
        CHECK(w.longest_ms == 0 && w.fallen == 0, "%u: never more than goes through", real);
    }
}

static void the_largest_and_the_usual_are_found_at_once(void)
{
    struct world w = begin(MOST, 20, 1);

    pass(&w, 100);
    CHECK(w.told == MOST, "jumbo frames: two round trips, told %u", w.told);
    w = begin(DATAPATH_PMTU_USUAL, 20, 1);
    pass(&w, 40 + DATAPATH_PMTU_TRIES * DATAPATH_PMTU_WAIT_MS + 100);
    CHECK(w.told == DATAPATH_PMTU_USUAL, "an Ethernet: one size is too large first, told %u", w.told);
}

static void a_black_hole_is_noticed(void)
{
    for (uint32_t rtt_ms = 5; rtt_ms <= 200; rtt_ms += 39) {
        struct world w = begin(DATAPATH_PMTU_USUAL, rtt_ms, rtt_ms);
        pass(&w, 60000);
        w.real = 1372;
        pass(&w, BOUND_MS);
        CHECK(w.told <= w.real && w.fallen == 1, "%u ms: told %u within 3 s", rtt_ms, w.told);
        CHECK(w.longest_ms < BOUND_MS, "%u ms: it took %u", rtt_ms, (unsigned)w.longest_ms);
        pass(&w, 30000);
        CHECK(is_found(&w), "%u ms: and what is left is found: %u", rtt_ms, w.told);
    }
}

static void a_path_that_is_gone_has_no_size(void)
{
    struct world w = begin(DATAPATH_PMTU_USUAL, 20, 1);

    pass(&w, 60000);
    w.is_down = true;
    uint32_t before = w.probes;
    pass(&w, 60000);
    CHECK(w.told == DATAPATH_PMTU_USUAL, "all is lost, small ones too: %u", w.told);
    CHECK(w.probes - before < 60 * 5, "%u probes in a minute", w.probes - before);
    w.is_down = false;
    pass(&w, 5000);
    CHECK(w.told == DATAPATH_PMTU_USUAL && w.fallen == 0, "and goes on");
}

static void who_sends_nothing_asks_nothing(void)
{
    struct world w = begin(DATAPATH_PMTU_USUAL, 20, 1);

    w.is_used = false;
    pass(&w, 60000);
    uint32_t before = w.probes;
    pass(&w, 500000);
    CHECK(w.probes == before, "%u probes", w.probes - before);
    w.real = MOST;
    pass(&w, 60000);
    CHECK(w.told == MOST, "but whether there is more is asked every ten minutes: %u", w.told);
}

/* Until then senders are told nothing, and packets that are too large are lost. */
static void a_narrow_path_is_known_soon(void)
{
    for (uint32_t real = DATAPATH_PMTU_BASE; real < MOST; real += 397) {
        struct world w = begin(real, 100, real);
        CHECK(!datapath_pmtu_is_measured(&w.core), "%u: at first nothing is known", real);
        pass(&w, 60000);
        CHECK(w.measured_ms - 1000 < BOUND_MS, "%u: after %u ms", real, (unsigned)w.measured_ms - 1000);
    }
    struct world all = begin(MOST, 200, 1);
    pass(&all, 1000);
    CHECK(datapath_pmtu_is_measured(&all.core) && all.told == MOST, "one that carries all, too");
}

static void late_answers_are_to_what_was_asked(void)
{
    struct world w = begin(MOST, 20, 1);
    struct datapath_pmtu_event late = {.kind = DATAPATH_PMTU_EV_ANSWERED, .number = 0, .rtt_ms = 1};

    pass(&w, 25); /* the first, small one was answered: MOST is asked about */
    w.real = DATAPATH_PMTU_BASE;
    memset(w.flying, 0, sizeof w.flying);
    step(&w, late);
    late.number = w.core.next;
    step(&w, late);
    late.number = w.core.first - 1;
    step(&w, late);
    CHECK(w.told == DATAPATH_PMTU_BASE, "told %u", w.told);
}

/* Paths that change again and again. */
static void at_random(uint64_t first, uint64_t worlds)
{
    uint32_t fallen = 0;

    for (uint64_t seed = first; seed < first + worlds; seed++) {
        struct world w = begin(DATAPATH_PMTU_BASE, 1, seed);
        bool is_lossy = rng_below(&w.rng, 3) == 0;
        w.rtt_ms = TICK_MS + (uint32_t)rng_below(&w.rng, 200);
        w.loss = is_lossy ? (uint32_t)rng_below(&w.rng, 31) : 0;
        for (int change = 0; change < 6; change++) {
            w.real = DATAPATH_PMTU_BASE + (uint32_t)rng_below(&w.rng, rng_below(&w.rng, 2) == 0 ? 300 : MOST);
            w.is_down = rng_below(&w.rng, 8) == 0;
            w.over_ms = 0;
            pass(&w, 1000 + rng_below(&w.rng, 40000));
            w.is_down = false;
        }
        CHECK(is_lossy || w.longest_ms < BOUND_MS, "seed %d: %u ms too large", (int)seed, (unsigned)w.longest_ms);
        /* More is looked for only now and then, so it becomes less at the end. */
        w.real = DATAPATH_PMTU_BASE + (uint32_t)rng_below(&w.rng, w.told - DATAPATH_PMTU_BASE + 1);
        w.over_ms = 0;
        pass(&w, is_lossy ? LOSSY_MS : 30000);
        w.longest_ms = is_lossy ? 0 : w.longest_ms;
        CHECK(w.told <= w.real && (is_lossy || is_found(&w) || w.told == w.real), "seed %d: %u of %u", (int)seed, w.told, w.real);
        fallen += w.fallen;
    }
    CHECK(worlds < WORLDS || fallen > worlds, "%u black holes", fallen);
}

int main(int argc, char **argv)
{
    every_size_is_found();
    the_largest_and_the_usual_are_found_at_once();
    a_black_hole_is_noticed();
    a_path_that_is_gone_has_no_size();
    who_sends_nothing_asks_nothing();
    a_narrow_path_is_known_soon();
    late_answers_are_to_what_was_asked();
    at_random(1364, 1); /* what is in use becomes too large while more is looked for */
    at_random(1578, 1);
    at_random(argc > 2 ? strtoull(argv[2], NULL, 10) : 1, argc > 1 ? strtoull(argv[1], NULL, 10) : WORLDS);
    return CHECK_RESULT();
}
