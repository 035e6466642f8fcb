/* Who is chosen. Each row sets the endpoints' condition and says who is picked then; rows of one way
 * share the turn and the credits, top to bottom. */
#include <string.h>

#include "common/base/macros.h"
#include "common/client/balance.h"
#include "tests/support/check.h"

enum { COUNT = 3, NOBODY = -1, NOW_MS = 1000 };

/* One letter per endpoint: i idle, c connecting, u up, d down, r resting, o breaker open. */
static const struct {
    enum balance way;
    const char *condition;
    uint32_t outstanding[COUNT];
    int avoid;
    int picked;
    const char *why;
} rows[] = {
    {BALANCE_TURNS, "iii", {0}, NOBODY, 0, "in turn"},
    {BALANCE_TURNS, "iii", {0}, NOBODY, 1, "in turn"},
    {BALANCE_TURNS, "iii", {9, 9, 9}, NOBODY, 2, "whatever they have to do"},
    {BALANCE_TURNS, "ucu", {0}, NOBODY, 0, "round"},
    {BALANCE_TURNS, "udu", {0}, NOBODY, 2, "who is away is left out"},
    {BALANCE_TURNS, "rui", {0}, NOBODY, 1, "who asked for rest, too"},
    {BALANCE_TURNS, "uuo", {0}, NOBODY, 0, "and who keeps failing"},
    {BALANCE_TURNS, "uuu", {0}, 1, 2, "and who has just failed this request"},
    {BALANCE_TURNS, "ddd", {0}, NOBODY, 0, "all are away: better one of them than nobody"},
    {BALANCE_TURNS, "ouo", {0}, 1, 1, "the only one is tried again"},
    {BALANCE_TURNS, "ooo", {0}, NOBODY, NOBODY, "all keep failing: nobody"},
    {BALANCE_LEAST, "uuu", {3, 1, 2}, NOBODY, 1, "the fewest"},
    {BALANCE_LEAST, "uuu", {1, 1, 1}, NOBODY, 2, "equals take turns"},
    {BALANCE_LEAST, "uuu", {1, 1, 1}, NOBODY, 0, "equals take turns"},
    {BALANCE_LEAST, "udu", {5, 0, 6}, NOBODY, 0, "the fewest of those that are there"},
    {BALANCE_NEAREST, "uuu", {9, 0, 0}, NOBODY, 0, "the nearest, however busy"},
    {BALANCE_NEAREST, "duu", {0}, NOBODY, 1, "the second when it is away"},
    {BALANCE_NEAREST, "ddu", {0}, NOBODY, 2, "unknown is last, and better than away"},
    {BALANCE_WEIGHTED, "uuu", {0}, NOBODY, 0, "5 : 1 : 1 is a a b a c a a, not a a a a a b c"},
    {BALANCE_WEIGHTED, "uuu", {0}, NOBODY, 0, "second"},
    {BALANCE_WEIGHTED, "uuu", {0}, NOBODY, 1, "third"},
    {BALANCE_WEIGHTED, "uuu", {0}, NOBODY, 0, "fourth"},
    {BALANCE_WEIGHTED, "uuu", {0}, NOBODY, 2, "fifth"},
    {BALANCE_WEIGHTED, "uuu", {0}, NOBODY, 0, "sixth"},
    {BALANCE_WEIGHTED, "uuu", {0}, NOBODY, 0, "seventh"},
    {BALANCE_WEIGHTED, "duu", {0}, NOBODY, 1, "the heavy one is away"},
};

static void condition(struct balance_endpoint *e, char letter)
{
    e->breaker = (struct breaker){0};
    e->rest_until_ms = 0;
    e->line = BALANCE_LINE_UP;
    switch (letter) {
    case 'i':
        e->line = BALANCE_LINE_IDLE;
        break;
    case 'c':
        e->line = BALANCE_LINE_CONNECTING;
        break;
    case 'd':
        e->line = BALANCE_LINE_DOWN;
        break;
    case 'r':
        e->rest_until_ms = NOW_MS + 1;
        break;
    case 'o':
        e->breaker = (struct breaker){.state = BREAKER_OPEN, .until_ms = NOW_MS + 1};
        break;
    default:
        break;
    }
}

static void a_new_list_keeps_what_is_owed(void)
{
    struct balance_endpoint e[2] = {{.weight = 9}, {.weight = 1}};
    struct balance_endpoint *list[] = {&e[0], &e[1]}, *turned[] = {&e[1], &e[0]};
    struct balance_list l = {0};
    int light = 0;

    for (int i = 0; i < 100; i++) {
        balance_set(&l, i % 2 == 0 ? list : turned, 2);
        light += balance_pick(&l, BALANCE_WEIGHTED, NULL, NOW_MS) == &e[1];
    }
    CHECK(light == 10, "one in ten, though the list is new each time: %d", light);
}

int main(void)
{
    struct balance_endpoint e[COUNT] = {{.weight = 5, .latency_us = 10},
                                        {.weight = 1, .latency_us = 20}, {.weight = 1}};
    struct balance_endpoint *list[COUNT] = {&e[0], &e[1], &e[2]};
    struct balance_list l = {0};

    CHECK(balance_pick(&l, BALANCE_TURNS, NULL, NOW_MS) == NULL, "an empty list has nobody");
    balance_set(&l, list, COUNT);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (size_t k = 0; k < COUNT; k++) {
            condition(&e[k], rows[i].condition[k]);
            e[k].outstanding = rows[i].outstanding[k];
        }
        const struct balance_endpoint *avoid = rows[i].avoid == NOBODY ? NULL : &e[rows[i].avoid];
        struct balance_endpoint *got = balance_pick(&l, rows[i].way, avoid, NOW_MS);
        int picked = got == NULL ? NOBODY : (int)(got - e);
        CHECK(picked == rows[i].picked, "row %zu: %s: %d", i, rows[i].why, picked);
    }
    CHECK(balance_better(&l, BALANCE_TURNS, &e[1], NOW_MS) != &e[1], "better is somebody else");
    condition(&e[1], 'd');
    condition(&e[2], 'd');
    CHECK(balance_better(&l, BALANCE_TURNS, &e[0], NOW_MS) == NULL, "those who are away are no better");
    a_new_list_keeps_what_is_owed();
    return CHECK_RESULT();
}
