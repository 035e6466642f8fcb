/* Claims about the parts of the world: a fault that the world only pretends would excuse every tenant. */
#include <string.h>

#include "tests/sim/world/clock.h"
#include "tests/sim/world/disk.h"
#include "tests/sim/world/net.h"
#include "tests/sim/world/queue.h"
#include "tests/support/check.h"

enum { SEEDS = 200, FAR = 5 * DISK_SECTOR };

/* ---- disk ---------------------------------------------------------------------------------------- */

static void what_is_synced_is_kept(void)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct disk d = {0};
        struct dice dice;
        char got[8] = {0};
        dice_init(&dice, seed, 0);
        CHECK(disk_write(&d, 0, 0, "synced", 6) == ERR_OK && disk_sync(&d, 0, false) == ERR_OK, "room");
        CHECK(disk_write(&d, 0, 6, "!", 1) == ERR_OK && disk_read(&d, 0, 0, got, 8) == 7, "seen at once");
        disk_lose_power(&d, &dice);
        CHECK(disk_read(&d, 0, 0, got, 8) >= 6 && memcmp(got, "synced", 6) == 0, "seed %d", (int)seed);
        disk_fini(&d);
    }
}

/* Every one of the four ends of a write of two sectors, and each write by itself. */
static void what_is_not_synced_may_be_torn(void)
{
    bool was[2][2] = {0}, later_alone = false;

    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct disk d = {0};
        struct dice dice;
        uint8_t ones[2 * DISK_SECTOR], got[2 * DISK_SECTOR] = {0};
        dice_init(&dice, seed, 0);
        memset(ones, 1, sizeof ones);
        CHECK(disk_write(&d, 0, 0, ones, sizeof ones) == ERR_OK, "room");
        CHECK(disk_write(&d, 0, FAR, ones, 1) == ERR_OK, "room");
        disk_lose_power(&d, &dice);
        (void)disk_read(&d, 0, 0, got, sizeof got);
        bool has_first = got[0] == 1, has_second = got[DISK_SECTOR] == 1;
        CHECK(got[DISK_SECTOR - 1] == got[0] && got[2 * DISK_SECTOR - 1] == got[DISK_SECTOR],
              "a sector is kept whole or not at all, seed %d", (int)seed);
        was[has_first][has_second] = true;
        later_alone |= disk_size(&d, 0) == FAR + 1 && !has_first && !has_second;
        disk_fini(&d);
    }
    CHECK(was[0][0] && was[0][1] && was[1][0] && was[1][1], "lost, whole and torn either way");
    CHECK(later_alone, "the later of two writes is kept without the earlier one");
}

static void a_failed_sync_loses_what_is_still_seen(void)
{
    struct disk d = {0};
    struct dice dice;
    char got[4] = {0};

    dice_init(&dice, 1, 0);
    CHECK(disk_write(&d, 0, 0, "abc", 3) == ERR_OK && disk_sync(&d, 0, true) == ERR_IO, "it fails");
    CHECK(disk_sync(&d, 0, false) == ERR_OK, "and the next one does not");
    CHECK(disk_read(&d, 0, 0, got, 3) == 3, "reads see it");
    disk_lose_power(&d, &dice);
    CHECK(disk_size(&d, 0) == 0, "the medium never got it");
    disk_fini(&d);
}

static void a_liar_keeps_nothing(void)
{
    struct disk d = {.lies = true};
    struct dice dice;

    dice_init(&dice, 1, 1u << DICE_DISK); /* all that may be lost is */
    disk_name(&d, 0, 7);
    CHECK(disk_write(&d, 0, 0, "abc", 3) == ERR_OK && disk_sync(&d, 0, false) == ERR_OK &&
              disk_sync(&d, DISK_NAMES, false) == ERR_OK, "it says so");
    disk_lose_power(&d, &dice);
    CHECK(disk_size(&d, 0) == 0 && disk_name_of(&d, 0) == 0, "and it is not so");
    disk_fini(&d);
}

static void names_are_kept_when_they_are_synced(void)
{
    bool was[2][2] = {0};

    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct disk d = {0};
        struct dice dice;
        dice_init(&dice, seed, 0);
        disk_name(&d, 0, 7);
        CHECK(disk_sync(&d, DISK_NAMES, true) == ERR_IO && disk_sync(&d, DISK_NAMES, false) == ERR_OK, "fails, and does not");
        disk_name(&d, 0, 0);
        disk_name(&d, 1, 8);
        CHECK(disk_name_of(&d, 0) == 0 && disk_name_of(&d, 1) == 8, "seen at once");
        disk_lose_power(&d, &dice);
        CHECK(disk_name_of(&d, 0) == 0 || disk_name_of(&d, 0) == 7, "the old one or the new one, seed %d", (int)seed);
        was[disk_name_of(&d, 0) == 0][disk_name_of(&d, 1) == 8] = true;
        disk_fini(&d);
    }
    CHECK(was[0][0] && was[0][1] && was[1][0] && was[1][1], "each is kept or lost by itself");
}

static void a_disk_is_full_at_its_room(void)
{
    struct disk d = {.room_bytes = 4};

    CHECK(disk_write(&d, 0, 0, "abc", 3) == ERR_OK, "three of four");
    CHECK(disk_write(&d, 1, 0, "de", 2) == ERR_LIMIT && disk_size(&d, 1) == 0, "one past it: nothing");
    CHECK(disk_write(&d, 1, 0, "d", 1) == ERR_OK, "exactly full");
    CHECK(disk_write(&d, 0, 0, "xyz", 3) == ERR_OK, "overwriting takes no room");
    CHECK(disk_resize(&d, 0, 4) == ERR_LIMIT && disk_resize(&d, 0, 2) == ERR_OK, "grow, shrink");
    CHECK(disk_write(&d, 1, 1, "e", 1) == ERR_OK, "what was given up is free");
    disk_fini(&d);
}

static void rot_is_one_bit(void)
{
    struct disk d = {0};
    struct dice dice;
    uint8_t got[16];
    int bits = 0;

    dice_init(&dice, 7, 0);
    CHECK(disk_write(&d, 3, 0, (uint8_t[16]){0}, 16) == ERR_OK && disk_sync(&d, 3, false) == ERR_OK, "room");
    disk_rot(&d, &dice);
    CHECK(disk_read(&d, 3, 0, got, 16) == 16 && d.rotten == 1, "it is counted");
    for (int i = 0; i < 16; i++) {
        bits += __builtin_popcount(got[i]);
    }
    CHECK(bits == 1, "%d bits", bits);
    disk_fini(&d);
}

/* ---- clocks ---------------------------------------------------------------------------------------- */

static void clocks_go_on(void)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct dice dice;
        struct clock c;
        dice_init(&dice, seed, 0);
        clock_init(&c, &dice, 60000000);
        CHECK(c.drift_ppm >= -CLOCK_DRIFT_PPM_MAX && c.drift_ppm <= CLOCK_DRIFT_PPM_MAX, "drift");
        uint64_t at_us = dice_below(&dice, DICE_TENANT, 100000000);
        uint64_t mono_us = clock_mono_us(&c, at_us), wall_us = clock_wall_us(&c, at_us);
        clock_jump(&c, &dice, 3600000000u);
        CHECK(clock_mono_us(&c, at_us) == mono_us, "the wall's jump is not the other's");
        CHECK(clock_mono_us(&c, at_us + 2) > mono_us, "it never stands still for long, nor goes back");
        CHECK(seed == 1 || clock_wall_us(&c, at_us) != wall_us, "it jumps");
        uint64_t then_us = clock_true_us(&c, mono_us + 12345, at_us);
        CHECK(clock_mono_us(&c, then_us) >= mono_us + 12345 && clock_mono_us(&c, then_us - 2) < mono_us + 12345,
              "a timer comes at its time, seed %d", (int)seed);
        CHECK(clock_true_us(&c, mono_us, at_us) == at_us, "what is due is due now");
    }
}

/* ---- wires ----------------------------------------------------------------------------------------- */

static const struct net_settings wires = {.delay_least_us = 1000, .delay_mean_us = 5000, .size_max = 1200};

static void packets_overtake_and_streams_do_not(void)
{
    struct net n;
    struct dice dice;
    uint64_t last_us[2] = {0};
    int overtaken = 0;

    dice_init(&dice, 1, 0);
    net_init(&n, &wires, 3, 1);
    for (uint64_t now_us = 0; now_us < 100000; now_us += 500) {
        for (int is_stream = 0; is_stream < 2; is_stream++) {
            uint64_t at_us = net_arrival_us(&n, &dice, 0, 1, now_us, is_stream != 0);
            CHECK(at_us >= now_us + 1000, "no faster than the least");
            CHECK(!is_stream || at_us >= last_us[1], "a stream is in order");
            overtaken += !is_stream && at_us < last_us[0];
            last_us[is_stream] = at_us;
        }
    }
    CHECK(overtaken > 10, "%d packets overtook", overtaken);
    net_fini(&n);
}

static void a_clog_holds_and_lets_go(void)
{
    struct net n;
    struct dice dice;

    dice_init(&dice, 1, 1u << DICE_DELAY);
    net_init(&n, &wires, 2, 1);
    CHECK(net_clog(&n, 0, 1, 0, 50000), "there is room");
    CHECK(net_arrival_us(&n, &dice, 0, 1, 100, false) == 51001, "held until it opens");
    CHECK(net_arrival_us(&n, &dice, 1, 0, 100, false) == 1101, "not the other way");
    CHECK(net_arrival_us(&n, &dice, 0, 1, 60000, false) == 61001, "open again");
    for (int i = 1; i < NET_CLOGS; i++) {
        CHECK(net_clog(&n, 0, 1, 0, 50000), "clog %d", i);
    }
    CHECK(!net_clog(&n, 0, 1, 0, 50000), "one too many");
    CHECK(net_clog(&n, 0, 1, 50000, 60000), "those that are over make room");
    net_fini(&n);
}

static void partitions_have_directions(void)
{
    struct net n;
    const bool side[3] = {false, true, true};
    uint32_t cut;

    net_init(&n, &wires, 3, 1);
    cut = net_cut(&n, side, true, 1);
    CHECK(net_is_cut(&n, 0, 1) && net_is_cut(&n, 0, 2), "from false to true nothing goes");
    CHECK(!net_is_cut(&n, 1, 0) && !net_is_cut(&n, 1, 2), "back and within a side all does");
    net_heal(&n, cut);
    CHECK(!net_is_cut(&n, 0, 1), "healed");
    for (int i = 0; i < NET_CUTS; i++) {
        CHECK(net_cut(&n, side, false, 1) < NET_CUTS, "cut %d", i);
    }
    CHECK(net_cut(&n, side, false, 1) == NET_CUTS, "one too many");
    CHECK(net_is_cut(&n, 0, 1) && net_is_cut(&n, 1, 0), "both ways");
    net_calm(&n);
    CHECK(!net_is_cut(&n, 0, 1) && !net_is_cut(&n, 1, 0), "calm");
    net_fini(&n);
}

/* ---- order and chance --------------------------------------------------------------------------------- */

static void what_comes_first_happens_first(void)
{
    struct queue q = {0};
    struct queue_item item;
    struct rng r;
    uint64_t last_us = 0, last_seq = 0;

    rng_init(&r, 1);
    for (int i = 0; i < 5000; i++) {
        queue_put(&q, &(struct queue_item){.at_us = rng_below(&r, 100)});
    }
    for (int i = 0; i < 5000; i++) {
        CHECK(queue_take(&q, &item), "item %d", i);
        CHECK(item.at_us > last_us || (item.at_us == last_us && (i == 0 || item.seq > last_seq)), "item %d", i);
        last_us = item.at_us;
        last_seq = item.seq;
    }
    CHECK(!queue_take(&q, &item), "empty");
    queue_fini(&q);
}

static void a_fault_switched_off_changes_no_other(void)
{
    struct dice on, off;

    dice_init(&on, 5, 0);
    dice_init(&off, 5, 1u << DICE_LOSS);
    for (int i = 0; i < 1000; i++) {
        (void)dice_chance(&on, DICE_LOSS, 500000);
        CHECK(!dice_chance(&off, DICE_LOSS, 500000), "it never happens");
        CHECK(dice_below(&on, DICE_CRASH, 1000) == dice_below(&off, DICE_CRASH, 1000), "draw %d", i);
        CHECK(dice_below(&on, DICE_LOSS, 1000) == dice_below(&off, DICE_LOSS, 1000), "draw %d", i);
    }
    dice_init(&off, 5, UINT32_MAX);
    CHECK(!dice_is_off(&off, DICE_SHAPE) && !dice_is_off(&off, DICE_ORDER) && dice_is_off(&off, DICE_CLOCK),
          "what shapes a world is no fault");
    CHECK(dice_find("crash") == DICE_CRASH && dice_find("nothing") == DICE_KINDS, "names");
}

int main(void)
{
    what_is_synced_is_kept();
    what_is_not_synced_may_be_torn();
    a_failed_sync_loses_what_is_still_seen();
    a_liar_keeps_nothing();
    names_are_kept_when_they_are_synced();
    a_disk_is_full_at_its_room();
    rot_is_one_bit();
    clocks_go_on();
    packets_overtake_and_streams_do_not();
    a_clog_holds_and_lets_go();
    partitions_have_directions();
    what_comes_first_happens_first();
    a_fault_switched_off_changes_no_other();
    return CHECK_RESULT();
}
