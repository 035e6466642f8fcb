/* The waiting policy: claims in a table, then pairs in a drawn world of costs, against policies that
 * never learn. More worlds by hand: test_run_shm_wait FIRST_SEED WORLDS. */
#include "common/run/shm_wait.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/macros.h"
#include "common/base/rng.h"
#include "tests/support/check.h"

enum {
    TURN_PS = 25000,
    TURNS_OF_US = 40,
    ROUNDS = 20000,
    BUDGET = SHM_WAIT_WAKE_NS * SHM_WAIT_BUDGET_WAKES / 1000 * TURNS_OF_US,
};

/* ---- claims --------------------------------------------------------------------------------------- */

static void miss(struct shm_wait *w, int times)
{
    for (int i = 0; i < times; i++) {
        uint32_t turns = shm_wait_begin(w, false);
        if (turns > 0) {
            shm_wait_miss(w, turns, (uint64_t)turns * TURN_PS / 1000);
        }
    }
}

static void spinning_is_the_rule_apart(void)
{
    struct shm_wait w;

    shm_wait_init(&w, TURN_PS);
    CHECK(shm_wait_begin(&w, false) == BUDGET, "seven wakes: %u", w.budget);
    CHECK(shm_wait_is_clean(&w), "nothing learned");
    miss(&w, SHM_WAIT_MISSES - 1);
    CHECK(shm_wait_begin(&w, false) == BUDGET, "one miss short of the limit");
    shm_wait_miss(&w, BUDGET, BUDGET * TURN_PS / 1000);
    for (int i = 1; i < SHM_WAIT_PROBE_EVERY; i++) {
        CHECK(shm_wait_begin(&w, false) == 0, "resting, wait %d", i);
    }
    CHECK(shm_wait_begin(&w, false) == BUDGET, "a probe");
    shm_wait_hit(&w);
    CHECK(shm_wait_is_clean(&w) && shm_wait_begin(&w, false) == BUDGET, "one hit, and spinning is back");
    CHECK(shm_wait_filling(&w) == BUDGET * SHM_WAIT_FILL_TIMES, "a large payload is waited for");
}

static void nobody_spins_beside_the_peer(void)
{
    struct shm_wait w;

    shm_wait_init(&w, TURN_PS);
    for (int i = 0; i < 100000; i++) {
        CHECK(shm_wait_begin(&w, true) == 0, "nor ever tries to, wait %d", i);
    }
    CHECK(shm_wait_begin(&w, false) == BUDGET, "apart it spins at once");
}

static void a_taken_processor_ends_spinning(void)
{
    struct shm_wait w;

    shm_wait_init(&w, TURN_PS);
    for (uint32_t i = 0; i < SHM_WAIT_BUSY_MAX + 3; i++) {
        uint32_t waits = 0, turns;
        while ((turns = shm_wait_begin(&w, false)) == 0) {
            waits++;
        }
        uint32_t steps = i == 0 ? 0 : i - 1 < SHM_WAIT_BUSY_MAX ? i - 1 : SHM_WAIT_BUSY_MAX;
        CHECK(waits == (i == 0 ? 0u : (uint32_t)SHM_WAIT_BUSY_WAITS << steps), "time %u: %u waits", i, waits);
        shm_wait_miss(&w, turns, 3000000);
    }
    shm_wait_init(&w, TURN_PS);
    shm_wait_miss(&w, 1000, 25000 * SHM_WAIT_LATE_TIMES);
    CHECK(w.busy == 0, "slow by just the limit");
    shm_wait_miss(&w, 1000, 25000 * SHM_WAIT_LATE_TIMES + 1);
    CHECK(w.busy == 1, "and past it");
}

static void wakes_are_believed_within_bounds(void)
{
    static const struct {
        uint64_t ns;
        uint32_t from, to;
        const char *why;
    } rows[] = {
        {1500, 1500, 1510, "bare metal"},
        {100, SHM_WAIT_WAKE_MIN_NS, SHM_WAIT_WAKE_MIN_NS + 8, "too good to be true"},
        {UINT64_MAX, SHM_WAIT_WAKE_MAX_NS - 8, SHM_WAIT_WAKE_MAX_NS, "interrupted meanwhile"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct shm_wait w;
        shm_wait_init(&w, TURN_PS);
        for (int k = 0; k < 200; k++) {
            shm_wait_woke(&w, rows[i].ns);
        }
        CHECK(w.wake_ns >= rows[i].from && w.wake_ns <= rows[i].to, "%s: %u ns", rows[i].why, w.wake_ns);
        CHECK(w.budget > 0, "%s: some budget", rows[i].why);
    }
    struct shm_wait w;
    shm_wait_init(&w, 1); /* the fastest and the slowest turn: no overflow, never nothing */
    CHECK(shm_wait_filling(&w) >= w.budget && w.budget > 0, "a turn of a picosecond");
    shm_wait_init(&w, UINT32_MAX);
    CHECK(w.budget >= 1, "a turn of four milliseconds");
}

/* ---- a drawn world -------------------------------------------------------------------------------- */

enum policy { LEARNING, NEVER, SHORT, MIDDLE, POLICIES }; /* SHORT: 20 us, MIDDLE: 50 us; fixed */

struct world {
    struct rng rng;
    enum policy policy;
    uint64_t line_ns;  /* one way, both awake                 */
    uint64_t wake_ns;  /* the waker's cost                    */
    uint64_t up_ns;    /* until the sleeper runs              */
    uint64_t switch_ns; /* hand-over on one processor         */
    uint64_t think_ns, work_ns;
    bool is_together;
    uint32_t taken_one_in; /* spins that lose the processor; 0: none */
};

struct side {
    struct shm_wait wait;
    uint64_t since_ns; /* waits since */
    uint64_t spin_ns;  /* and spins so long */
    uint32_t turns;
    uint64_t burnt_ns; /* spent spinning for nothing */
};

static void begin_wait(struct world *w, struct side *s, uint64_t now_ns)
{
    static const uint32_t fixed_us[POLICIES] = {0, 0, 20, 50};

    s->since_ns = now_ns;
    s->turns = w->policy == LEARNING ? shm_wait_begin(&s->wait, w->is_together)
                                     : fixed_us[w->policy] * TURNS_OF_US;
    s->spin_ns = (uint64_t)s->turns * TURN_PS / 1000;
    if (w->is_together && s->turns > 0) {
        s->burnt_ns += s->spin_ns; /* the peer cannot run before this is over */
    }
}

/* The news is published at *now_ns by `from`; when does `to` have it? Moves *now_ns on by what waking
 * costs `from`. */
static uint64_t arrive(struct world *w, struct side *from, struct side *to, uint64_t *now_ns)
{
    bool is_taken = w->taken_one_in > 0 && rng_below(&w->rng, w->taken_one_in) == 0;
    uint64_t elapsed_ns = to->spin_ns + (is_taken ? 3000000 : 0);

    if (w->is_together) {
        return *now_ns + w->switch_ns + to->spin_ns;
    }
    if (!is_taken && *now_ns < to->since_ns + to->spin_ns) {
        if (w->policy == LEARNING && !shm_wait_is_clean(&to->wait)) {
            shm_wait_hit(&to->wait);
        }
        return *now_ns + w->line_ns;
    }
    to->burnt_ns += to->spin_ns;
    uint64_t asleep_ns = to->since_ns + elapsed_ns;
    if (asleep_ns > *now_ns + w->line_ns && is_taken) {
        asleep_ns = *now_ns + w->line_ns; /* it is given the processor back and sees the news */
    }
    *now_ns += w->wake_ns;
    if (w->policy == LEARNING) {
        if (to->turns > 0) {
            shm_wait_miss(&to->wait, to->turns, elapsed_ns);
        }
        shm_wait_woke(&from->wait, w->wake_ns);
    }
    return *now_ns - w->wake_ns + w->up_ns;
}

struct outcome {
    uint64_t mean_ns;  /* of a round trip, think and work left out */
    uint64_t burnt_ns; /* a round trip, both sides */
};

static struct outcome play(struct world *w, enum policy policy, uint64_t seed, int rounds, bool is_cold)
{
    struct side c, s;
    uint64_t now_ns = 1000000000, sum_ns = 0;

    memset(&c, 0, sizeof c);
    memset(&s, 0, sizeof s);
    rng_init(&w->rng, seed);
    w->policy = policy;
    shm_wait_init(&c.wait, TURN_PS);
    shm_wait_init(&s.wait, TURN_PS);
    if (is_cold) { /* both have long given up spinning */
        miss(&c.wait, 10 * SHM_WAIT_MISSES);
        miss(&s.wait, 10 * SHM_WAIT_MISSES);
    }
    begin_wait(w, &s, now_ns);
    now_ns += 10000000;
    for (int i = 0; i < rounds; i++) {
        uint64_t asked_ns = now_ns, free_ns = now_ns;
        uint64_t heard_ns = arrive(w, &c, &s, &free_ns);
        begin_wait(w, &c, free_ns);
        uint64_t answered_ns = heard_ns + w->work_ns;
        free_ns = answered_ns;
        uint64_t got_ns = arrive(w, &s, &c, &free_ns);
        begin_wait(w, &s, free_ns);
        sum_ns += got_ns - asked_ns - w->work_ns;
        now_ns = got_ns + w->think_ns;
    }
    return (struct outcome){sum_ns / (uint64_t)rounds, (c.burnt_ns + s.burnt_ns) / (uint64_t)rounds};
}

/* Whatever the costs: a hot pair that sleeps finds to spinning by itself, a seldom one burns little, and
 * nobody is much worse than the best of those that never learn. */
static void any_world_is_near_its_best(uint64_t seed)
{
    struct rng rng;
    struct world w = {0};
    uint64_t best_ns = UINT64_MAX;

    rng_init(&rng, seed);
    w.line_ns = 60 + rng_below(&rng, 300);
    w.wake_ns = 1500 + rng_below(&rng, 7000);
    w.up_ns = w.wake_ns * 5 / 2;
    w.switch_ns = 1500 + rng_below(&rng, 1500);
    w.think_ns = rng_below(&rng, 2) == 0 ? rng_below(&rng, 2000) : rng_below(&rng, 1000000);
    w.work_ns = rng_below(&rng, 3000);
    w.is_together = rng_below(&rng, 3) == 0;
    struct outcome ours = play(&w, LEARNING, seed, ROUNDS, true);
    for (enum policy p = NEVER; p < POLICIES; p++) {
        struct outcome o = play(&w, p, seed, ROUNDS, false);
        /* Spinning for seldom news is not what anybody should be measured by: it buys its time. */
        bool is_cheap = o.burnt_ns <= 2 * ours.burnt_ns + 1000;
        best_ns = is_cheap && o.mean_ns < best_ns ? o.mean_ns : best_ns;
    }
    CHECK(ours.mean_ns * 10 <= best_ns * 13, "seed %" PRIu64 ": mean %" PRIu64 " ns, best of the fixed %" PRIu64
          " (line %" PRIu64 " wake %" PRIu64 " think %" PRIu64 " work %" PRIu64 " together %d)", seed,
          ours.mean_ns, best_ns, w.line_ns, w.wake_ns, w.think_ns, w.work_ns, w.is_together);
}

static void cases_that_others_lose(void)
{
    struct world apart = {.line_ns = 65, .wake_ns = 7000, .up_ns = 17500, .switch_ns = 2300, .work_ns = 50,
                          .think_ns = 50};
    struct world together = apart, seldom = apart, busy = apart;

    struct outcome o = play(&apart, LEARNING, 1, ROUNDS, true);
    CHECK(o.mean_ns < 300, "a hot pair that slept is awake for good: %" PRIu64 " ns", o.mean_ns);
    together.is_together = true;
    o = play(&together, LEARNING, 1, ROUNDS, false);
    CHECK(o.mean_ns <= 4600, "on one processor: two hand-overs: %" PRIu64 " ns", o.mean_ns);
    seldom.think_ns = 10000000;
    o = play(&seldom, LEARNING, 1, 2000, false);
    CHECK(o.burnt_ns < 20000, "100 calls a second burn under 0.2 %%: %" PRIu64 " ns each", o.burnt_ns);
    busy.taken_one_in = 20;
    o = play(&busy, LEARNING, 1, ROUNDS, false);
    struct outcome never = play(&busy, NEVER, 1, ROUNDS, false);
    CHECK(o.mean_ns < never.mean_ns, "under hogs spinning still pays: %" PRIu64 " of %" PRIu64, o.mean_ns, never.mean_ns);
}

int main(int argc, char **argv)
{
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    uint64_t worlds = argc > 2 ? strtoull(argv[2], NULL, 10) : 60;

    spinning_is_the_rule_apart();
    nobody_spins_beside_the_peer();
    a_taken_processor_ends_spinning();
    wakes_are_believed_within_bounds();
    cases_that_others_lose();
    for (uint64_t seed = first; seed < first + worlds; seed++) {
        any_world_is_near_its_best(seed);
    }
    return CHECK_RESULT();
}
