/* Many drawn worlds. Usage: test_sim_client [--seed N [--loud]] [--from N] [--worlds N]. */
#include <inttypes.h>
#include <stdio.h>

#include "tests/sim/client/world.h"
#include "tests/support/drawn.h"

enum {
    WORLDS = 1500,
    ONCE_FAULTS_LEAST = 10000, /* injected into requests that may not be done twice */
};

struct totals {
    uint64_t worlds, asks, sends, retries, follows, moves, shuts, probes, faults, once_faults, parked;
    uint64_t steady, pressed;
    uint64_t calm_asks, outages, done;
    uint64_t ended[ERR_COUNT];
    double worst;
};

static void add(struct totals *t, const struct world *w)
{
    t->worlds++;
    t->asks += (uint64_t)w->asked;
    t->sends += w->sends;
    t->retries += w->retries;
    t->follows += w->follows;
    t->moves += w->moves;
    t->shuts += w->shuts;
    t->probes += w->probes;
    t->faults += w->faults;
    t->once_faults += w->once_faults;
    t->parked += w->parked;
    t->steady += w->steady;
    t->pressed += w->pressed;
    t->calm_asks += w->calm_asks;
    t->outages += w->worst > 0;
    t->done += w->done;
    t->worst = w->worst > t->worst ? w->worst : t->worst;
    for (int e = 0; e < ERR_COUNT; e++) {
        t->ended[e] += w->ended[e];
    }
}

/* A simulation in which something never happens has not tested it. */
static int check_coverage(const struct totals *t)
{
    static const enum err ends[] = {ERR_OK, ERR_LIMIT, ERR_NOT_LEADER, ERR_TIMEOUT, ERR_CANCELLED,
                                    ERR_INVALID, ERR_UNAVAILABLE, ERR_PEER_DEAD};
    int failed = t->retries == 0 || t->follows == 0 || t->moves == 0 || t->shuts == 0 ||
                 t->probes == 0 || t->parked == 0 || t->calm_asks == 0 || t->outages == 0 || t->pressed == 0;

    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        if (t->ended[ends[i]] == 0) {
            fprintf(stderr, "no request ended with %s\n", err_name(ends[i]));
            failed = 1;
        }
    }
    if (t->once_faults < ONCE_FAULTS_LEAST) {
        fprintf(stderr, "only %" PRIu64 " faults in requests that may not be done twice\n",
                t->once_faults);
        failed = 1;
    }
    return failed;
}

static void print(const struct totals *t, uint64_t from)
{
    printf("%" PRIu64 " worlds from seed %" PRIu64 ": %" PRIu64 " requests, %" PRIu64 " sends, %" PRIu64
           " carried out, %" PRIu64 " retries, %" PRIu64 " moves, %" PRIu64 " hints followed, %" PRIu64
           " breakers opened, %" PRIu64 " probes, %" PRIu64 " faults (%" PRIu64
           " in requests that may not be done twice); %" PRIu64 " at their own pace, %" PRIu64
           " of these at a server that was shut\n",
           t->worlds, from, t->asks, t->sends, t->done, t->retries, t->moves, t->follows, t->shuts,
           t->probes, t->faults, t->once_faults, t->steady, t->pressed);
    printf("%" PRIu64 " outages: at worst %.3f times the load offered\n", t->outages, t->worst);
    for (int e = 0; e < ERR_COUNT; e++) {
        if (t->ended[e] > 0) {
            printf("  %s %" PRIu64 "\n", err_name((enum err)e), t->ended[e]);
        }
    }
}

static int run(uint64_t from, uint64_t worlds, bool is_loud)
{
    static struct world w;
    struct totals totals = {0};
    int failed = 0;

    for (uint64_t seed = from; seed < from + worlds && !failed; seed++) {
        world_run(&w, seed, is_loud);
        add(&totals, &w);
        if (w.has_failed) {
            fprintf(stderr, "seed %" PRIu64 " at %.3f s: %s\n", seed,
                    (double)(w.now_ms - 1000 * 1000) / 1000, w.why);
            failed = 1;
        }
        world_fini(&w);
    }
    print(&totals, from);
    return failed != 0 || (worlds >= WORLDS && check_coverage(&totals) != 0);
}

int main(int argc, char **argv)
{
    struct drawn d = {.from = 1, .worlds = WORLDS};

    if (!drawn_args(argc, argv, &d)) {
        return DRAWN_USAGE;
    }
    return run(d.from, d.worlds, d.is_loud);
}
