/* Many drawn worlds. Usage: test_sim_nucleus [--seed N [--loud]] [--from N] [--worlds N]. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/nucleus/world.h"

enum { WORLDS = 1500 };

struct totals {
    uint64_t worlds, steps, spawns, crashes, kills, loops;
    uint64_t events[NODE_EV_DOWN + 1];
};

static void add(struct totals *t, const struct world *w)
{
    t->worlds++;
    t->steps += w->steps;
    t->spawns += w->spawns;
    t->crashes += w->crashes;
    t->kills += w->kills;
    t->loops += w->loops;
    for (int k = 0; k <= NODE_EV_DOWN; k++) {
        t->events[k] += w->events[k];
    }
}

/* A simulation in which something never happens has not tested it. */
static int check_coverage(const struct totals *t)
{
    int failed = t->crashes == 0 || t->kills == 0 || t->loops == 0;

    for (int k = 0; k <= NODE_EV_DOWN; k++) {
        if (t->events[k] == 0) {
            fprintf(stderr, "no world had the event %s\n", node_event_name((enum node_event_kind)k));
            failed = 1;
        }
    }
    return failed;
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
    printf("%" PRIu64 " worlds from seed %" PRIu64 ": %" PRIu64 " steps, %" PRIu64 " starts, %" PRIu64
           " deaths of the supervisor, %" PRIu64 " kills, %" PRIu64 " crash-loops\n",
           totals.worlds, from, totals.steps, totals.spawns, totals.crashes, totals.kills,
           totals.loops);
    return failed != 0 || (worlds >= WORLDS && check_coverage(&totals) != 0);
}

int main(int argc, char **argv)
{
    uint64_t from = 1, worlds = WORLDS;
    bool is_loud = false;

    for (int i = 1; i < argc; i++) {
        bool has_value = i + 1 < argc;
        if (strcmp(argv[i], "--loud") == 0) {
            is_loud = true;
        } else if (strcmp(argv[i], "--seed") == 0 && has_value) {
            from = strtoull(argv[++i], NULL, 10);
            worlds = 1;
        } else if (strcmp(argv[i], "--from") == 0 && has_value) {
            from = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--worlds") == 0 && has_value) {
            worlds = strtoull(argv[++i], NULL, 10);
        } else {
            fprintf(stderr, "usage: %s [--seed N [--loud]] [--from N] [--worlds N]\n", argv[0]);
            return 64;
        }
    }
    return run(from, worlds, is_loud);
}
