/* Claims about which instances go. */
#include "autoscaler/choice.h"

#include <math.h>

#include "common/base/macros.h"
#include "tests/support/check.h"

enum { MOST = 8 };

static void each_rule_decides_where_those_before_it_do_not(void)
{
    static const struct {
        const char *why;
        struct autoscaler_candidate c[MOST];
        size_t count, few, first, second;
    } rows[] = {
        {"not ready before an old revision", {{1, 1, 0, 0, 0, true, false}, {2, 9, 0, 9, 0, false, false}}, 2, 2, 1, 0},
        {"the oldest revision, busy as it is", {{1, 2, 5, 0, 0, true, false}, {2, 1, 5, 9, 0, true, false}}, 2, 2, 1, 0},
        {"of the fuller zone", {{1, 1, 5, 0, 1, true, false}, {2, 1, 5, 9, 0, true, false}, {3, 1, 5, 8, 0, true, false}}, 3, 2, 2, 0},
        {"zones stay even: one of each", {{1, 1, 5, 1, 0, true, false}, {2, 1, 5, 2, 0, true, false}, {3, 1, 5, 3, 1, true, false},
                                         {4, 1, 5, 4, 1, true, false}}, 4, 2, 0, 2},
        {"the least loaded", {{1, 1, 5, 2, 0, true, false}, {2, 1, 5, 1, 0, true, false}}, 2, 2, 1, 0},
        {"no number is much", {{1, 1, 5, NAN, 0, true, false}, {2, 1, 5, 1e9, 0, true, false}}, 2, 2, 1, 0},
        {"the newest", {{1, 1, 5, 1, 0, true, false}, {2, 1, 6, 1, 0, true, false}}, 2, 2, 1, 0},
        {"one of them, always the same", {{7, 1, 5, 1, 0, true, false}, {3, 1, 5, 1, 0, true, false}}, 2, 2, 1, 0},
        {"what goes already is not chosen", {{1, 1, 5, 1, 0, false, true}, {2, 1, 5, 1, 0, true, false}}, 2, 2, 1, MOST},
        {"nor makes its zone full", {{1, 1, 5, 0, 0, true, true}, {2, 1, 5, 0, 0, true, true}, {3, 1, 5, 9, 1, true, false},
                                     {4, 1, 5, 8, 1, true, false}, {5, 1, 5, 1, 0, true, false}}, 5, 2, 3, 4},
        {"no more than there are", {{1, 1, 5, 1, 0, true, false}}, 1, 9, 0, MOST},
        {"none", {{1, 1, 5, 1, 0, true, false}}, 1, 0, MOST, MOST},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t chosen[MOST] = {MOST, MOST, MOST}, n = autoscaler_choice_pick(rows[i].c, rows[i].count, rows[i].few, chosen);
        CHECK(chosen[0] == rows[i].first && chosen[1] == rows[i].second, "row %zu: %s: %zu, %zu", i, rows[i].why, chosen[0], chosen[1]);
        CHECK(n == (size_t)(rows[i].first < MOST) + (rows[i].second < MOST), "row %zu: %zu", i, n);
    }
}

int main(void)
{
    each_rule_decides_where_those_before_it_do_not();
    return CHECK_RESULT();
}
