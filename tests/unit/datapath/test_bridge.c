/* Where addresses are, and to whom frames go; then drawn frames beside a plain list of what was learned. */
#include "datapath/bridge.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "tests/support/check.h"

enum { PEERS = 3, MACS = 8, EACH = 4, NAMES = 14, START = 5000, SIZE = 64, DRAWN = 300000, OWN = PEERS };

static struct datapath_bridge bridge;
static void *memory;
static uint8_t frame[SIZE];

static void begin(uint32_t macs, uint32_t each)
{
    static const uint8_t key[DATAPATH_BRIDGE_KEY] = {3};

    free(memory);
    memory = malloc(datapath_bridge_size(macs, PEERS)); /* of exactly this size */
    REQUIRE(memory != NULL, "memory");
    datapath_bridge_init(&bridge, memory, macs, each, PEERS, key, START);
}

/* A frame between two addresses that are numbers here; 0 is ff:ff:ff:ff:ff:ff. tag: 0, none. */
static void make(uint32_t to, uint32_t from, uint32_t tag)
{
    memset(frame, 0, sizeof frame);
    memset(frame, to == 0 ? 0xff : 0, 6);
    frame[0] = to == 0 ? 0xff : 2;
    frame[5] = to == 0 ? 0xff : (uint8_t)to;
    frame[6] = 2;
    frame[11] = (uint8_t)from;
    frame[12] = tag != 0 ? 0x81 : 0x88;
    frame[13] = tag != 0 ? 0x00 : 0xb5;
    frame[14] = (uint8_t)(0xe0 | tag >> 8); /* with a priority, which is no part of its number */
    frame[15] = (uint8_t)tag;
}

static uint32_t made;

/* The same bytes are never made twice, so that nothing looks as if it went round. */
static enum datapath_bridge_verdict in(uint64_t now_ms, uint32_t peer, uint32_t to, uint32_t from)
{
    make(to, from, 0);
    return datapath_bridge_in(&bridge, now_ms, peer, frame, SIZE);
}

/* To which peer, or a verdict above all of them. */
static uint32_t out(uint64_t now_ms, uint32_t to, uint32_t from)
{
    uint32_t peer = UINT32_MAX;

    make(to, from, 0);
    made++;
    memcpy(frame + 20, &made, sizeof made);
    enum datapath_bridge_verdict v = datapath_bridge_out(&bridge, now_ms, frame, SIZE, &peer);
    return v == DATAPATH_BRIDGE_ONE ? peer : PEERS + (uint32_t)v;
}

#define ALL (PEERS + (uint32_t)DATAPATH_BRIDGE_ALL)
#define HERE (PEERS + (uint32_t)DATAPATH_BRIDGE_HERE)
#define STORM (PEERS + (uint32_t)DATAPATH_BRIDGE_STORM)

static void unknown_goes_to_all_and_known_to_one(void)
{
    begin(MACS, EACH);
    CHECK(out(START, 5, 1) == ALL, "nobody knows 5");
    CHECK(in(START, 2, 1, 5) == DATAPATH_BRIDGE_OURS, "5 speaks, at peer 2");
    CHECK(out(START, 5, 1) == 2, "and is there");
    CHECK(out(START, 0, 1) == ALL, "a broadcast");
    make(5, 1, 0);
    frame[0] = 3;
    uint32_t peer;
    CHECK(datapath_bridge_out(&bridge, START, frame, SIZE, &peer) == DATAPATH_BRIDGE_ALL, "a group of anybody's");
    CHECK(in(START, 1, 6, 7) == DATAPATH_BRIDGE_OURS, "of a peer to an address that nobody knows: the own side may");
    CHECK(in(START, 1, 5, 7) == DATAPATH_BRIDGE_OURS, "… or that another peer has: to that it never goes");
    CHECK(out(START, 8, 9) == ALL && out(START, 9, 8) == HERE && out(START, 8, 9) == HERE, "both on this side: nobody needs it");
}

static void what_speaks_stays(void)
{
    enum { STILL = DATAPATH_BRIDGE_STILL_MS };

    begin(MACS, EACH);
    CHECK(in(START, 0, 0, 5) == DATAPATH_BRIDGE_OURS && in(START + STILL - 1, 1, 0, 5) == DATAPATH_BRIDGE_ELSEWHERE,
          "who says that he is 5 a moment later is not heard");
    CHECK(out(START + STILL - 1, 5, 1) == 0 && bridge.moved == 0, "and gets nothing");
    CHECK(in(START + STILL, 1, 0, 5) == DATAPATH_BRIDGE_OURS && out(START + STILL, 5, 1) == 1 && bridge.moved == 1,
          "5 was silent for a second: it moved");
    CHECK(in(START + STILL, 0, 0, 5) == DATAPATH_BRIDGE_ELSEWHERE, "and has a second there");
    CHECK(out(START + STILL, 0, 5) == ALL && bridge.moved == 2, "what speaks on the own side is there at once");
    CHECK(in(START + 2 * STILL - 1, 1, 0, 5) == DATAPATH_BRIDGE_ELSEWHERE, "so a frame that went round ends here");
    CHECK(out(START + 2 * STILL - 1, 5, 1) == HERE, "and 5 is on this side still");
    CHECK(in(START + 2 * STILL, 1, 0, 5) == DATAPATH_BRIDGE_OURS, "until it is silent");
}

static void what_is_silent_is_forgotten(void)
{
    enum { AGE = DATAPATH_BRIDGE_AGE_MS };

    begin(MACS, EACH);
    (void)in(START, 0, 0, 5);
    (void)in(START + 1, 0, 0, 6);
    CHECK(out(START + AGE - 1, 5, 1) == 0, "the last moment");
    CHECK(in(START + AGE - 1, 0, 0, 6) == DATAPATH_BRIDGE_OURS, "6 speaks again");
    CHECK(out(START + AGE, 5, 1) == ALL && bridge.aged == 1 && bridge.count == 2, "and one more");
    datapath_bridge_clock(&bridge, START + 2 * AGE - 2);
    CHECK(bridge.count == 2, "6 and 1 are there");
    datapath_bridge_clock(&bridge, START + 2 * AGE - 1);
    CHECK(bridge.count == 1 && bridge.aged == 2, "6 is not");
    (void)in(START + 2 * AGE, 1, 0, 7);
    (void)in(START + 2 * AGE, 2, 0, 8);
    datapath_bridge_forget(&bridge, 1);
    CHECK(out(START + 2 * AGE, 7, 1) == ALL && out(START + 2 * AGE, 8, 1) == 2, "what was at one who is gone");
}

static void tags_are_cables_of_their_own(void)
{
    uint32_t peer = UINT32_MAX;

    begin(MACS, EACH);
    make(0, 5, 10);
    CHECK(datapath_bridge_in(&bridge, START, 0, frame, SIZE) == DATAPATH_BRIDGE_OURS, "5 in 10, at peer 0");
    make(0, 5, 0xfff);
    CHECK(datapath_bridge_in(&bridge, START, 1, frame, SIZE) == DATAPATH_BRIDGE_OURS, "and in 4095, at peer 1");
    make(5, 1, 10);
    CHECK(datapath_bridge_out(&bridge, START, frame, SIZE, &peer) == DATAPATH_BRIDGE_ONE && peer == 0, "in 10");
    make(5, 1, 0xfff);
    CHECK(datapath_bridge_out(&bridge, START, frame, SIZE, &peer) == DATAPATH_BRIDGE_ONE && peer == 1, "in 4095");
    frame[12] = 0x88, frame[13] = 0xa8;
    CHECK(datapath_bridge_out(&bridge, START, frame, SIZE, &peer) == DATAPATH_BRIDGE_ONE && peer == 1, "of a provider");
    make(5, 1, 11);
    CHECK(datapath_bridge_out(&bridge, START, frame, SIZE, &peer) == DATAPATH_BRIDGE_ALL, "in another");
    CHECK(out(START, 5, 1) == ALL, "in none");
    CHECK(datapath_bridge_out(&bridge, START, frame, 17, &peer) == DATAPATH_BRIDGE_ALL, "no tag: 14 bytes do");
    make(5, 1, 10);
    CHECK(datapath_bridge_out(&bridge, START, frame, 17, &peer) == DATAPATH_BRIDGE_SHORT, "half a tag");
}

static void what_is_no_frame_teaches_nothing(void)
{
    static const struct {
        int at;
        uint8_t value;
        enum datapath_bridge_verdict verdict;
        const char *why;
    } rows[] = {
        {6, 3, DATAPATH_BRIDGE_SOURCE, "from a group"},
        {6, 0xff, DATAPATH_BRIDGE_SOURCE, "from all"},
        {12, 0x88, DATAPATH_BRIDGE_LINK, "a pause"},
    };
    uint32_t peer;

    begin(MACS, EACH);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        make(0, 5, 0);
        frame[rows[i].at] = rows[i].value;
        frame[13] = rows[i].verdict == DATAPATH_BRIDGE_LINK ? 0x08 : frame[13];
        CHECK(datapath_bridge_in(&bridge, START, 0, frame, SIZE) == rows[i].verdict, "of a peer: %s", rows[i].why);
        CHECK(datapath_bridge_out(&bridge, START, frame, SIZE, &peer) == rows[i].verdict, "of the own side: %s", rows[i].why);
    }
    make(0, 0, 0);
    frame[6] = 0;
    CHECK(datapath_bridge_in(&bridge, START, 0, frame, SIZE) == DATAPATH_BRIDGE_SOURCE, "from nobody");
    make(0, 5, 0);
    for (size_t size = 0; size < DATAPATH_BRIDGE_HEAD; size++) {
        CHECK(datapath_bridge_in(&bridge, START, 0, frame, size) == DATAPATH_BRIDGE_SHORT, "%zu bytes", size);
    }
    CHECK(bridge.count == 0, "nothing was learned");
    CHECK(datapath_bridge_in(&bridge, START, 0, frame, DATAPATH_BRIDGE_HEAD) == DATAPATH_BRIDGE_OURS, "a head is a frame");
}

static void frames_for_all_are_not_without_end(void)
{
    uint32_t passed = 0;

    begin(MACS, EACH);
    for (int i = 0; i < 2000; i++) {
        passed += in(START, 0, 0, 5) == DATAPATH_BRIDGE_OURS;
    }
    CHECK(passed == DATAPATH_BRIDGE_BURST, "so many at once: %" PRIu32, passed);
    CHECK(in(START, 0, 9, 5) == DATAPATH_BRIDGE_OURS, "those for one are no storm");
    CHECK(in(START, 1, 0, 6) == DATAPATH_BRIDGE_OURS, "nor is what another sends");
    CHECK(in(START + 1, 0, 0, 5) == DATAPATH_BRIDGE_OURS && in(START + 1, 0, 0, 5) == DATAPATH_BRIDGE_STORM, "one a millisecond");
    passed = 0;
    for (int i = 0; i < 2000; i++) {
        passed += out(START, i % 2 == 0 ? 0 : 77, 1) == ALL;
    }
    CHECK(passed == DATAPATH_BRIDGE_BURST && out(START, 77, 1) == STORM, "of our own, those for unknown addresses with them");
    CHECK(out(START + 1, 5, 1) == 0, "what is known goes");
    CHECK(out(START + UINT64_C(100000000000), 0, 1) == ALL, "a long silence");
}

static enum datapath_bridge_verdict again(uint64_t now_ms, uint32_t to, uint8_t what)
{
    uint32_t peer;

    make(to, 1, 0);
    frame[30] = what;
    return datapath_bridge_out(&bridge, now_ms, frame, SIZE, &peer);
}

static void what_goes_round_ends(void)
{
    begin(MACS, EACH);
    (void)in(START, 0, 1, 5);
    for (int i = 0; i < DATAPATH_BRIDGE_AGAIN; i++) {
        CHECK(again(START + 10 * (uint64_t)i, 0, 7) == DATAPATH_BRIDGE_ALL, "a host may say a thing again: %d", i);
    }
    CHECK(again(START + 100, 0, 7) == DATAPATH_BRIDGE_ROUND, "but not so often");
    CHECK(again(START + 100, 77, 7) == DATAPATH_BRIDGE_ALL && again(START + 100, 0, 8) == DATAPATH_BRIDGE_ALL, "others may");
    for (int i = 0; i < 100; i++) {
        CHECK(again(START + 100, 5, 7) == DATAPATH_BRIDGE_ONE, "nor is it counted what goes to one");
    }
    CHECK(again(START + DATAPATH_BRIDGE_AGAIN_MS - 1, 0, 7) == DATAPATH_BRIDGE_ROUND, "until a second is over");
    CHECK(again(START + DATAPATH_BRIDGE_AGAIN_MS, 0, 7) == DATAPATH_BRIDGE_ALL, "since the first");
    for (int i = 0; i < 100; i++) {
        (void)again(START + 2000, 78, 9);
    }
    CHECK(bridge.verdict[DATAPATH_BRIDGE_ROUND] == 100 - DATAPATH_BRIDGE_AGAIN + 2, "for an unknown address, too");
}

static void nobody_fills_the_table(void)
{
    begin(MACS, EACH);
    (void)in(START, 1, 0, 100);
    for (uint32_t i = 0; i < 50; i++) {
        (void)in(START + i, 0, 99, 1 + i);
    }
    CHECK(bridge.place[0].count == EACH && bridge.count == EACH + 1 && bridge.pushed == 50 - EACH, "its share, and no more");
    CHECK(out(START + 50, 50, 200) == 0 && out(START + 50, 46, 200) == ALL, "the newest of it");
    CHECK(out(START + 50, 100, 200) == 1, "others' are there");
    (void)in(START + 51, 1, 99, 101); /* 4 of peer 0, 2 of 1, 1 of our own */
    (void)in(START + 51, 2, 99, 110);
    CHECK(bridge.count == MACS, "full");
    (void)in(START + 52, 2, 99, 111);
    CHECK(bridge.count == MACS && bridge.place[0].count == EACH - 1 && bridge.place[2].count == 2, "he who has most gives");
    CHECK(out(START + 52, 47, 200) == ALL && out(START + 52, 48, 200) == 0, "his oldest");
}

/* ---- beside a plain list ---------------------------------------------------------------------------------- */

struct plain {
    uint32_t name, at;
    uint64_t seen_ms;
};

static struct plain list[MACS]; /* the oldest frame first */
static uint32_t listed;

static void plain_drop(uint32_t i)
{
    listed--;
    memmove(&list[i], &list[i + 1], (listed - i) * sizeof list[0]);
}

static int plain_find(uint64_t now_ms, uint32_t name)
{
    for (uint32_t i = 0; i < listed; i++) {
        if (list[i].name == name) {
            if (now_ms - list[i].seen_ms < DATAPATH_BRIDGE_AGE_MS) {
                return (int)i;
            }
            plain_drop(i);
            return -1;
        }
    }
    return -1;
}

static uint32_t plain_count(uint32_t at)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < listed; i++) {
        count += list[i].at == at;
    }
    return count;
}

static void plain_oldest(uint32_t at)
{
    uint32_t i = 0;

    while (list[i].at != at) {
        i++;
    }
    plain_drop(i);
}

static bool plain_learn(uint64_t now_ms, uint32_t name, uint32_t at)
{
    int i = plain_find(now_ms, name);

    if (i >= 0 && list[i].at != at && at != OWN && now_ms - list[i].seen_ms < DATAPATH_BRIDGE_STILL_MS) {
        return false;
    }
    bool was_here = i >= 0 && list[i].at == at;
    if (!was_here && plain_count(at) == EACH) {
        plain_oldest(at);
        i = plain_find(now_ms, name);
    } else if (i < 0 && listed == MACS) {
        uint32_t who = at;
        for (uint32_t k = 0; k <= PEERS; k++) {
            who = plain_count(k) > plain_count(who) ? k : who;
        }
        plain_oldest(who);
    }
    if (i >= 0) {
        plain_drop((uint32_t)i);
    }
    list[listed++] = (struct plain){.name = name, .at = at, .seen_ms = now_ms};
    return true;
}

static void drawn_frames_go_where_a_plain_list_says(uint64_t seed)
{
    struct rng r;
    uint64_t now_ms = START, verdicts[DATAPATH_BRIDGE_VERDICTS] = {0};

    rng_init(&r, seed);
    begin(MACS, EACH);
    listed = 0;
    for (int step = 0; step < DRAWN; step++) {
        uint32_t to = (uint32_t)rng_below(&r, NAMES) + 1, from = (uint32_t)rng_below(&r, NAMES) + 1, at = (uint32_t)rng_below(&r, PEERS + 1);
        now_ms += rng_below(&r, 100) == 0 ? rng_below(&r, 2 * DATAPATH_BRIDGE_AGE_MS) : rng_below(&r, 700);
        if (rng_below(&r, 200) == 0 && at < OWN) {
            datapath_bridge_forget(&bridge, at);
            while (plain_count(at) > 0) {
                plain_oldest(at);
            }
        }
        bool may = plain_learn(now_ms, from, at);
        if (at < OWN) {
            enum datapath_bridge_verdict v = in(now_ms, at, to, from);
            CHECK(v == (may ? DATAPATH_BRIDGE_OURS : DATAPATH_BRIDGE_ELSEWHERE), "step %d of seed %" PRIu64, step, seed);
            verdicts[v]++;
            continue;
        }
        int i = plain_find(now_ms, to);
        uint32_t expected = i < 0 ? ALL : list[i].at == OWN ? HERE : list[i].at, got = out(now_ms, to, from);
        CHECK(got == expected || (got == STORM && expected == ALL), "step %d of seed %" PRIu64 ": %" PRIu32 ", not %" PRIu32, step,
              seed, got, expected);
        CHECK(bridge.count == listed, "step %d of seed %" PRIu64 ": %" PRIu32 " of %" PRIu32, step, seed, bridge.count, listed);
        verdicts[got < PEERS ? (uint32_t)DATAPATH_BRIDGE_ONE : got - PEERS]++;
    }
    CHECK(verdicts[DATAPATH_BRIDGE_ONE] > 100 && verdicts[DATAPATH_BRIDGE_ALL] > 100 && verdicts[DATAPATH_BRIDGE_HERE] > 100 &&
              verdicts[DATAPATH_BRIDGE_ELSEWHERE] > 100 && bridge.moved > 100 && bridge.aged > 100 && bridge.pushed > 100,
          "all of it happened");
}

static void addresses_are_listed_from_the_newest_on(void)
{
    uint64_t mac[2] = {0};

    begin(MACS, EACH);
    CHECK(datapath_bridge_list(&bridge, 2, mac, 2) == 0, "nobody spoke");
    (void)in(START, 2, 1, 5);
    make(1, 6, 7);
    (void)datapath_bridge_in(&bridge, START, 2, frame, SIZE);
    CHECK(datapath_bridge_list(&bridge, 2, mac, 1) == 2 && mac[0] == ((UINT64_C(0x020000000006) << 16) | 7) && mac[1] == 0, "one of two");
    (void)in(START, 2, 1, 5);
    CHECK(datapath_bridge_list(&bridge, 2, mac, 2) == 2 && mac[0] == UINT64_C(0x020000000005) << 16 && mac[1] == (UINT64_C(0x020000000006) << 16 | 7), "who speaks is first");
    (void)out(START, 5, 9);
    CHECK(datapath_bridge_list(&bridge, PEERS, mac, 2) == 1 && mac[0] == UINT64_C(0x020000000009) << 16, "the own side is a place");
    datapath_bridge_forget(&bridge, 2);
    CHECK(datapath_bridge_list(&bridge, 2, mac, 2) == 0, "nobody is there any more");
}

int main(void)
{
    addresses_are_listed_from_the_newest_on();
    unknown_goes_to_all_and_known_to_one();
    what_speaks_stays();
    what_is_silent_is_forgotten();
    tags_are_cables_of_their_own();
    what_is_no_frame_teaches_nothing();
    frames_for_all_are_not_without_end();
    what_goes_round_ends();
    nobody_fills_the_table();
    for (uint64_t seed = 1; seed <= 3; seed++) {
        drawn_frames_go_where_a_plain_list_says(seed);
    }
    free(memory);
    return CHECK_RESULT();
}
