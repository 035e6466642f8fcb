/* DAT-5: with three of ten datagrams lost in both directions a session always comes to be, and when both begin at
 * once, one. test_datapath_loss RUNS PPM SEED */
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>

#include "common/base/rng.h"
#include "tests/support/check.h"
#include "tests/unit/datapath/core_kit.h"

enum {
    RUNS = 100, /* of the suite; 1,000 by hand: docs/TESTING.md */
    LOSS_PPM = 300000,
    ATTEMPT_MS = 90000, /* in which it has to be */
    ONE_WAY_MS = 20,
    ASK_MS = 1000,
};

enum { A, B };

static struct kit kit;

/* One run; both: they begin at once. Returns after how many ms a packet
 * of each has come, 0: not at all. */
static uint64_t run(uint64_t seed, uint32_t loss_ppm, bool both)
{
    static const uint8_t psk[32] = {5};
    struct rng rng;
    uint64_t ms = 0, asked_ms = 0, quiet_ms = 0;

    rng_init(&rng, seed);
    kit_begin(&kit, psk);
    for (uint32_t i = 0; i < 2; i++) {
        kit.node[i].config.seed[0] = (uint8_t)seed;
        kit.node[i].config.seed[1] = (uint8_t)(seed >> 8);
        kit_restart(&kit, i, false);
    }
    while (ms < ATTEMPT_MS) {
        if (ms >= asked_ms) { /* somebody wants something each second */
            (void)kit_send(&kit, A, B, 100);
            if (both) {
                (void)kit_send(&kit, B, A, 100);
            }
            asked_ms += ASK_MS;
        }
        for (uint32_t count = kit.wire; count > 0; count--) {
            if (rng_below(&rng, 1000000) < loss_ppm) {
                kit_drop(&kit);
            } else {
                (void)kit_deliver(&kit);
            }
        }
        uint64_t pass_ms = kit.wire > 0 ? ONE_WAY_MS : quiet_ms < asked_ms - ms ? quiet_ms : asked_ms - ms;
        pass_ms = pass_ms > 0 ? pass_ms : 1;
        quiet_ms = kit_tick(&kit, pass_ms);
        ms += pass_ms;
        if (kit.node[B].got > 0 && (!both || kit.node[A].got > 0)) {
            return ms;
        }
    }
    return 0;
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
    uint64_t runs = argc > 1 ? strtoull(argv[1], NULL, 10) : RUNS, seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    uint32_t loss_ppm = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : LOSS_PPM;
    uint64_t *took = calloc(runs, sizeof *took);

    REQUIRE(sodium_init() >= 0 && took != NULL && runs > 0, "begin");
    for (int both = 0; both < 2; both++) {
        uint64_t most = 0;
        for (uint64_t i = 0; i < runs; i++) {
            took[i] = run(seed + i, loss_ppm, both);
            CHECK(took[i] > 0, "seed %" PRIu64 ": no session", seed + i);
            if (both) {
                uint64_t sessions = datapath_core_numbers(kit.node[A].core)->sessions;
                most = sessions > most ? sessions : most;
            }
            kit_end(&kit);
        }
        qsort(took, runs, sizeof *took, by_size);
        printf("%s: a packet each way after p50 %" PRIu64 " ms, p99 %" PRIu64 ", worst %" PRIu64 "; at most %" PRIu64
               " sessions\n", both ? "both begin" : "one begins", took[runs / 2], took[runs * 99 / 100], took[runs - 1],
               most);
    }
    for (uint64_t i = 0; i < runs; i++) { /* without loss it is one, always */
        CHECK(run(seed + i, 0, true) > 0, "seed %" PRIu64, seed + i);
        CHECK(datapath_core_numbers(kit.node[A].core)->sessions == 1, "seed %" PRIu64, seed + i);
        CHECK(datapath_core_numbers(kit.node[B].core)->sessions == 1, "seed %" PRIu64, seed + i);
        kit_end(&kit);
    }
    free(took);
    return CHECK_RESULT();
}
