/* The replay window: a table of claims, and a naive reference that remembers every counter. */
#include <inttypes.h>
#include <string.h>

#include "common/base/macros.h"
#include "common/base/rng.h"
#include "common/node/sealed_window.h"
#include "tests/support/check.h"

enum { SPAN = SEALED_WINDOW_SPAN, NEW = SEALED_WINDOW_NEW, SEEN = SEALED_WINDOW_SEEN, OLD = SEALED_WINDOW_OLD };

/* Rows share one window, top to bottom; what is new is taken. */
static const struct {
    uint64_t counter;
    int verdict;
    const char *why;
} rows[] = {
    {0, NEW, "the first counter is zero"},
    {0, SEEN, "a repeat"},
    {9, NEW, "a gap is fine"},
    {8, NEW, "late but inside the window"},
    {8, SEEN, "late and repeated"},
    {SPAN + 8, NEW, "jump"},
    {9, SEEN, "SPAN - 1 behind the newest: still told apart"},
    {10, NEW, "and its neighbour is new"},
    {8, OLD, "exactly SPAN behind the newest"},
    {UINT64_C(1) << 40, NEW, "jump far: every word is cleared once"},
    {(UINT64_C(1) << 40) - 1, NEW, "the window still works after the jump"},
    {(UINT64_C(1) << 40) - SPAN + 1, NEW, "the oldest that is told apart"},
    {(UINT64_C(1) << 40) - SPAN, OLD, "one step too old, though its bit is clear"},
    {(UINT64_C(1) << 48) - 1, NEW, "the last counter there is"},
    {(UINT64_C(1) << 48) - 1, SEEN, "once"},
};

static void rows_hold(void)
{
    struct sealed_window w = {0};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int verdict = (int)sealed_window_look(&w, rows[i].counter);
        CHECK(verdict == rows[i].verdict, "row %zu: %" PRIu64 ": %s", i, rows[i].counter, rows[i].why);
        if (verdict == NEW) {
            sealed_window_take(&w, rows[i].counter);
        }
    }
}

/* Against a table of all counters of a world, with jumps of every size. */
static void agrees_with_a_reference(void)
{
    enum { WORLD = 1 << 16, STEPS = 400000 };
    static bool was_taken[WORLD];
    struct rng rng;
    struct sealed_window w = {0};
    uint64_t newest = 0;

    rng_init(&rng, 7);
    for (unsigned i = 0; i < STEPS; i++) {
        uint64_t jump = rng_below(&rng, UINT64_C(1) << rng_below(&rng, 12));
        uint64_t counter = rng_below(&rng, 3) == 0 ? newest + jump : newest - (jump < newest ? jump : newest);
        if (counter >= WORLD) { /* another life */
            memset(was_taken, 0, sizeof was_taken);
            w = (struct sealed_window){0};
            newest = 0;
            continue;
        }
        bool is_old = w.next > 0 && newest >= counter && newest - counter >= SPAN;
        int expected = is_old ? OLD : was_taken[counter] ? SEEN : NEW;
        REQUIRE((int)sealed_window_look(&w, counter) == expected, "step %u: %" PRIu64 " after %" PRIu64, i, counter,
                newest);
        if (expected == NEW) {
            sealed_window_take(&w, counter);
            was_taken[counter] = true;
            newest = counter > newest ? counter : newest;
        }
    }
}

int main(void)
{
    rows_hold();
    agrees_with_a_reference();
    return CHECK_RESULT();
}
