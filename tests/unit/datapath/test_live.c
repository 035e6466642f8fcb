/* Ids for the shield, beside a list of them. */
#include "datapath/live.h"

#include <string.h>

#include "common/base/rng.h"
#include "tests/support/check.h"

enum { SETS = 8, IDS = 400 };

static struct datapath_shield_set memory[SETS];
static struct datapath_live live;

static void begin(void)
{
    memset(memory, 0, sizeof memory);
    datapath_live_init(&live, memory, SETS);
}

/* The `n`th id of one set. */
static uint32_t of_set(uint32_t set, uint32_t n)
{
    return set << 8 | n << 16 | 0x40;
}

static void sets_are_enough(void)
{
    static const struct {
        uint32_t peers, sets;
        const char *why;
    } rows[] = {
        {1, 1, "one peer has four ids, one set fifteen places"},
        {2, 2, "a power of two stays"},
        {3, 4, "or the next one"},
        {16384, 16384, "the most peers: 1 MiB"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CHECK(datapath_live_sets(rows[i].peers) == rows[i].sets, "%s", rows[i].why);
    }
}

static void a_full_set_lets_all_through_until_one_goes(void)
{
    begin();
    for (uint32_t i = 0; i < DATAPATH_SHIELD_WAYS; i++) {
        datapath_live_add(&live, of_set(3, i));
    }
    CHECK(live.spilled == 0 && !datapath_live_has(&live, of_set(3, 100)), "the last place of a set");
    datapath_live_add(&live, of_set(3, 50));
    CHECK(live.spilled == 1 && datapath_live_has(&live, of_set(3, 50)), "one more is known too");
    CHECK(datapath_live_has(&live, of_set(3, 100)), "and so is every id of that set");
    CHECK(!datapath_live_has(&live, of_set(2, 100)), "but not of others");
    datapath_live_drop(&live, of_set(3, 0));
    CHECK(datapath_live_has(&live, of_set(3, 50)), "one with a place goes: that without one is still known");
    datapath_live_drop(&live, of_set(3, 50));
    CHECK(live.spilled == 0 && !datapath_live_has(&live, of_set(3, 100)), "that goes: the set is closed again");
    CHECK(datapath_live_has(&live, of_set(3, 1)), "its others stay");
}

static void nobody_is_not_live(void)
{
    begin();
    CHECK(!datapath_live_has(&live, 0), "a free place is no id");
}

/* Any order of coming and going: what is there is known, and nothing else where no set spilled. */
static void as_a_list_says(void)
{
    static bool there[IDS];
    struct rng rng;
    uint32_t spills = 0;

    begin();
    rng_init(&rng, 4);
    memset(there, 0, sizeof there);
    for (int step = 0; step < 20000; step++) {
        uint32_t i = (uint32_t)rng_below(&rng, step % 5000 < 2500 ? IDS : 60), id = of_set(i % SETS, i / SETS);
        if (there[i]) {
            datapath_live_drop(&live, id);
        } else {
            datapath_live_add(&live, id);
        }
        there[i] = !there[i];
        spills += live.spilled > 0;
        uint32_t j = (uint32_t)rng_below(&rng, IDS), other = of_set(j % SETS, j / SETS);
        bool has = datapath_live_has(&live, other);
        CHECK(has == (there[j] || memory[j % SETS].spilled > 0), "step %d, id %u", step, j);
    }
    CHECK(spills > 0, "sets spilled in this run");
    for (uint32_t i = 0; i < IDS; i++) {
        if (there[i]) {
            datapath_live_drop(&live, of_set(i % SETS, i / SETS));
        }
    }
    struct datapath_shield_set zeros[SETS] = {0};
    CHECK(live.spilled == 0 && memcmp(memory, zeros, sizeof zeros) == 0, "nothing is left");
}

int main(void)
{
    sets_are_enough();
    a_full_set_lets_all_through_until_one_goes();
    nobody_is_not_live();
    as_a_list_says();
    return CHECK_RESULT();
}
