/* The replay window: a table of claims, and a naive reference that remembers every counter. */
#include "datapath/replay.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/macros.h"
#include "common/base/rng.h"
#include "tests/support/check.h"

/* Each row: feed `counter`, expect `accepted`. Rows share one window, top to bottom. */
static const struct {
    uint64_t counter;
    bool accepted;
    const char *why;
} rows[] = {
    {0, true, "the first counter is zero"},
    {0, false, "a repeat"},
    {9, true, "a gap is fine"},
    {8, true, "late but inside the window"},
    {8, false, "late and repeated"},
    {DATAPATH_REPLAY_SPAN + 9, true, "jump by a whole window"},
    {10, true, "exactly DATAPATH_REPLAY_SPAN behind the next counter"},
    {9, false, "one step too old, though its word was cleared"},
    {UINT64_C(1) << 40, true, "jump far: every word is cleared once, not 2^34 times"},
    {(UINT64_C(1) << 40) - 1, true, "the window still works after the jump"},
    {(UINT64_C(1) << 40) - DATAPATH_REPLAY_SPAN + 1, true, "its oldest"},
    {(UINT64_C(1) << 40) - DATAPATH_REPLAY_SPAN, false, "and one step further"},
    {DATAPATH_REPLAY_LIMIT - 1, true, "the last counter there is"},
    {DATAPATH_REPLAY_LIMIT - 1, false, "once"},
    {DATAPATH_REPLAY_LIMIT, false, "past the limit"},
    {UINT64_MAX, false, "the last number would wrap `next`"},
};

static bool accept(struct datapath_replay *r, uint64_t counter)
{
    bool is_new = datapath_replay_is_new(r, counter);

    if (is_new) {
        datapath_replay_take(r, counter);
    }
    return is_new;
}

static void rows_hold(void)
{
    struct datapath_replay window = {0};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK(accept(&window, rows[i].counter) == rows[i].accepted, "row %zu: counter %" PRIu64 ": %s", i,
              rows[i].counter, rows[i].why);
    }
}

/* Against a table of all counters of a world, with jumps of every size. */
static void agrees_with_a_reference(void)
{
    enum { WORLD = 1 << 18, STEPS = 1000000 };
    static bool was_taken[WORLD];
    struct rng rng;
    struct datapath_replay w = {0};
    uint64_t next = 0, accepted = 0, late = 0;

    rng_init(&rng, 13);
    for (unsigned i = 0; i < STEPS; i++) {
        uint64_t jump = rng_below(&rng, UINT64_C(1) << rng_below(&rng, 15));
        uint64_t counter = rng_below(&rng, 16) == 0 ? next + jump : next - (jump < next ? jump : next);
        if (counter >= WORLD) {
            memset(was_taken, 0, sizeof was_taken); /* another session */
            w = (struct datapath_replay){0};
            next = 0;
            continue;
        }
        bool expected = !was_taken[counter] && counter + DATAPATH_REPLAY_SPAN >= next;
        CHECK(accept(&w, counter) == expected, "step %u: %" PRIu64 " of %" PRIu64, i, counter, next);
        accepted += expected;
        late += expected && counter < next;
        was_taken[counter] = true;
        next = counter >= next ? counter + 1 : next;
    }
    CHECK(accepted > STEPS / 10 && late > STEPS / 20, "%" PRIu64 " accepted, %" PRIu64 " of them late", accepted, late);
}

int main(void)
{
    rows_hold();
    agrees_with_a_reference();
    return CHECK_RESULT();
}
