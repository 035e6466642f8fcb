/* Sealed datagrams in many drawn worlds.
 *
 * test_sim_sealed --seed N --loud     one world, and all that happens in it
 * test_sim_sealed --from N --worlds M more than the suite runs */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sealed/world.h"

enum { STEPS = 1200, WORLDS = 250 };

static bool run(struct world *w, uint64_t seed)
{
    world_init(w, seed);
    for (unsigned i = 0; i < STEPS && w->fault == NULL; i++) {
        world_step(w);
    }
    if (w->fault == NULL) {
        world_rest(w);
    }
    if (w->fault == NULL) {
        check_progress(w);
    }
    if (w->fault != NULL) {
        fprintf(stderr, "seed %" PRIu64 ": %s (at %" PRIu64 " ms)\n", seed, w->fault, w->now_ms);
    }
    world_fini(w);
    return w->fault == NULL;
}

int main(int argc, char **argv)
{
    static struct world w;
    uint64_t from = 1, worlds = WORLDS;

    for (int i = 1; i < argc; i++) {
        bool has_value = i + 1 < argc;
        if (strcmp(argv[i], "--loud") == 0) {
            w.is_loud = true;
        } else if (strcmp(argv[i], "--seed") == 0 && has_value) {
            from = strtoull(argv[++i], NULL, 10);
            worlds = 1;
        } else if (strcmp(argv[i], "--from") == 0 && has_value) {
            from = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--worlds") == 0 && has_value) {
            worlds = strtoull(argv[++i], NULL, 10);
        }
    }
    for (uint64_t seed = from; seed < from + worlds; seed++) {
        if (!run(&w, seed)) {
            return 1;
        }
    }
    printf("%" PRIu64 " worlds: %" PRIu64 " delivered, %" PRIu64 " lost, %" PRIu64 " attacks, %" PRIu64 " restarts, %" PRIu64
           " moves, %" PRIu64 " rotations\n", worlds, w.delivered, w.lost, w.attacked, w.restarts, w.moves, w.rotations);
    if (worlds >= 100 && (w.delivered < 1000 * worlds || w.attacked < 100 * worlds || w.restarts < worlds || w.rotations < worlds / 2 ||
                          w.moves < worlds)) {
        fprintf(stderr, "too little happened\n");
        return 1;
    }
    return 0;
}
