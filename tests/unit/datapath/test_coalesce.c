/* What comes together is joined only if the kernel could make of it again what came: pairs of packets, limits, and drawn
 * mixtures of flows, each of which must come out as it went in. usage: test_coalesce [ROUNDS] */
#include "datapath/coalesce.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/macros.h"
#include "tests/support/check.h"
#include "tests/unit/datapath/packet_kit.h"

enum {
    PACKETS = 200,     /* of one drawn mixture */
    ROOM = 2048,       /* bytes of each        */
    FLOWS = 12,        /* more than there are groups */
};

static struct datapath_coalesce c;
static uint8_t in[PACKETS][ROOM], given[PACKETS][ROOM]; /* as it is to come out, and as it is handed in */
static bool is_unfinished[PACKETS];
static size_t in_size[PACKETS];
static uint64_t state;

static uint32_t draw(uint32_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 33) % below;
}

/* ---- pairs ------------------------------------------------------------------------------------------------ */

#define FIRST {.payload = 100, .sequence = 1000, .id = 5, .port = 7}
#define UDP_FIRST {.is_udp = true, .payload = 100, .id = 5, .port = 7}

/* The second packet comes after the first; one byte of it may be changed, its checksums are mended then. */
static const struct {
    struct kit_packet first, second;
    size_t at;
    uint8_t flip;
    enum datapath_coalesce_result result;
    const char *why;
} pairs[] = {
    {FIRST, {.payload = 100, .sequence = 1100, .id = 6, .port = 7}, 0, 0, DATAPATH_COALESCE_HELD, "the next"},
    {FIRST, {.payload = 99, .sequence = 1100, .id = 6, .port = 7}, 0, 0, DATAPATH_COALESCE_HELD, "a shorter one"},
    {FIRST, {.payload = 101, .sequence = 1100, .id = 6, .port = 7}, 0, 0, DATAPATH_COALESCE_BLOCKED, "a longer one"},
    {FIRST, {.payload = 0, .sequence = 1100, .id = 6, .port = 7}, 0, 0, DATAPATH_COALESCE_BLOCKED, "an acknowledgement alone"},
    {FIRST, {.payload = 100, .sequence = 1101, .id = 6, .port = 7}, 0, 0, DATAPATH_COALESCE_BLOCKED, "a gap"},
    {FIRST, {.payload = 100, .sequence = 1000, .id = 6, .port = 7}, 0, 0, DATAPATH_COALESCE_BLOCKED, "a repetition"},
    {FIRST, {.payload = 100, .sequence = 1100, .id = 9, .port = 7}, 0, 0, DATAPATH_COALESCE_HELD, "its id says nothing"},
    {FIRST, {.payload = 100, .sequence = 1100, .id = 6, .port = 7, .flags = 0x08}, 0, 0, DATAPATH_COALESCE_HELD, "one that pushes"},
    {FIRST, {.payload = 100, .sequence = 1100, .id = 6, .port = 7, .flags = 0x01}, 0, 0, DATAPATH_COALESCE_BLOCKED, "the last"},
    {FIRST, {.payload = 100, .sequence = 1100, .id = 6, .port = 7, .flags = 0x04}, 0, 0, DATAPATH_COALESCE_BLOCKED, "a reset"},
    {FIRST, {.payload = 100, .sequence = 1100, .id = 6, .port = 7, .flags = 0x20}, 0, 0, DATAPATH_COALESCE_BLOCKED, "urgent"},
    {FIRST, {.payload = 100, .sequence = 1100, .id = 6, .port = 7, .flags = 0x40}, 0, 0, DATAPATH_COALESCE_BLOCKED, "ECN echoed"},
    {FIRST, {.payload = 100, .sequence = 1100, .id = 6, .port = 7, .options = 12}, 0, 0, DATAPATH_COALESCE_BLOCKED, "options"},
    {FIRST, {.payload = 100, .sequence = 1100, .id = 6, .port = 8}, 0, 0, DATAPATH_COALESCE_HELD, "another flow, in its own group"},
    {FIRST, {.payload = 100, .sequence = 1100, .id = 6, .port = 7, .address = 1}, 0, 0, DATAPATH_COALESCE_HELD, "another sender's"},
    {FIRST, {.payload = 100, .sequence = 1100, .id = 6, .port = 7, .is_udp = true}, 0, 0, DATAPATH_COALESCE_HELD, "another protocol"},
    {FIRST, {.payload = 100, .sequence = 1100, .id = 6, .port = 7, .may_be_cut = true}, 0, 0, DATAPATH_COALESCE_BLOCKED, "may be cut"},
    {FIRST, {.payload = 100, .sequence = 1100, .id = 6, .port = 7}, 1, 1, DATAPATH_COALESCE_BLOCKED, "another service class"},
    {FIRST, {.payload = 100, .sequence = 1100, .id = 6, .port = 7}, 8, 1, DATAPATH_COALESCE_BLOCKED, "another way: time to live"},
    {FIRST, {.payload = 100, .sequence = 1100, .id = 6, .port = 7}, 6, 0x20, DATAPATH_COALESCE_ALONE, "a fragment has no flow"},
    {FIRST, {.payload = 100, .sequence = 1100, .id = 6, .port = 7}, 28, 1, DATAPATH_COALESCE_BLOCKED, "acknowledges something else"},
    {FIRST, {.payload = 100, .sequence = 1100, .id = 6, .port = 7}, 34, 1, DATAPATH_COALESCE_BLOCKED, "another window"},
    {FIRST, {.payload = 100, .sequence = 1100, .id = 6, .port = 7}, 38, 1, DATAPATH_COALESCE_BLOCKED, "an urgent pointer"},
    {{.payload = 100, .sequence = 1, .may_be_cut = true, .id = 5}, {.payload = 100, .sequence = 101, .may_be_cut = true, .id = 7}, 0, 0,
     DATAPATH_COALESCE_BLOCKED, "where the id counts"},
    {{.payload = 100, .sequence = 1, .may_be_cut = true, .id = 5}, {.payload = 100, .sequence = 101, .may_be_cut = true, .id = 6}, 0, 0,
     DATAPATH_COALESCE_HELD, "and it is the next"},
    {{.payload = 100, .sequence = 1, .flags = 8}, {.payload = 100, .sequence = 101}, 0, 0, DATAPATH_COALESCE_BLOCKED, "after a push"},
    {{.payload = 100, .sequence = 1, .options = 12}, {.payload = 100, .sequence = 101, .options = 12}, 41, 1, DATAPATH_COALESCE_BLOCKED,
     "another time stamp"},
    {{.payload = 100, .sequence = 1, .options = 12}, {.payload = 100, .sequence = 101, .options = 12}, 0, 0, DATAPATH_COALESCE_HELD,
     "the same"},
    {{.payload = 100, .sequence = 0xffffffff}, {.payload = 100, .sequence = 99}, 0, 0, DATAPATH_COALESCE_HELD, "numbers wrap"},
    {{.is_v6 = true, .payload = 100}, {.is_v6 = true, .payload = 100, .sequence = 100}, 0, 0, DATAPATH_COALESCE_HELD, "IPv6"},
    {{.is_v6 = true, .payload = 100}, {.is_v6 = true, .payload = 100, .sequence = 100}, 3, 1, DATAPATH_COALESCE_BLOCKED, "its flow label"},
    {{.is_v6 = true, .payload = 100}, {.is_v6 = true, .payload = 100, .sequence = 100}, 7, 1, DATAPATH_COALESCE_BLOCKED, "its hops"},
    {{.is_v6 = true, .payload = 100}, {.is_v6 = true, .payload = 100, .sequence = 100}, 6, 6 ^ 44, DATAPATH_COALESCE_ALONE, "a fragment"},
    {UDP_FIRST, {.is_udp = true, .payload = 100, .id = 6, .port = 7}, 0, 0, DATAPATH_COALESCE_HELD, "UDP of one size"},
    {UDP_FIRST, {.is_udp = true, .payload = 99, .id = 6, .port = 7}, 0, 0, DATAPATH_COALESCE_HELD, "a shorter one"},
    {UDP_FIRST, {.is_udp = true, .payload = 101, .id = 6, .port = 7}, 0, 0, DATAPATH_COALESCE_BLOCKED, "a longer one"},
    {UDP_FIRST, {.is_udp = true, .payload = 0, .id = 6, .port = 7}, 0, 0, DATAPATH_COALESCE_BLOCKED, "an empty one"},
};

static void pairs_are_judged(void)
{
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        const struct kit_packet *two = &pairs[i].second;
        size_t transport = two->is_v6 ? 40 : 20;
        int group;

        memset(&c, 0, sizeof c);
        in_size[0] = kit_packet_write(&pairs[i].first, in[0]);
        in_size[1] = kit_packet_write(two, in[1]);
        in[1][pairs[i].at] ^= pairs[i].flip;
        kit_packet_mend(in[1], in_size[1], transport, two->is_udp);
        REQUIRE(datapath_coalesce_add(&c, in[0], in_size[0], false, &group) == DATAPATH_COALESCE_HELD, "row %zu: the first", i);
        enum datapath_coalesce_result r = datapath_coalesce_add(&c, in[1], in_size[1], false, &group);
        CHECK(r == pairs[i].result, "row %zu: %s: %d", i, pairs[i].why, (int)r);
        CHECK((group >= 0) == (r == DATAPATH_COALESCE_BLOCKED), "row %zu: whose turn it is", i);
    }
}

/* A wrong byte anywhere is not made right. */
static void what_is_damaged_is_not_joined(void)
{
    for (int kind = 0; kind < 4; kind++) {
        struct kit_packet one = {.payload = 50, .is_udp = (kind & 1) != 0, .is_v6 = (kind & 2) != 0}, two = one;
        int group;

        two.sequence = 50;
        two.id = 1;
        in_size[0] = kit_packet_write(&one, in[0]);
        for (size_t at = 0; at < in_size[0]; at++) {
            memset(&c, 0, sizeof c);
            in_size[1] = kit_packet_write(&two, in[1]);
            in[1][at] ^= 0x11;
            REQUIRE(datapath_coalesce_add(&c, in[0], in_size[0], false, &group) == DATAPATH_COALESCE_HELD, "the first");
            bool is_outside = (kind & 2) != 0 && at < 8; /* IPv6's head has no checksum but for addresses: kept apart, or the same */
            enum datapath_coalesce_result r = datapath_coalesce_add(&c, in[1], in_size[1], false, &group);
            CHECK(r != DATAPATH_COALESCE_HELD || c.groups == 2 || is_outside, "kind %d, byte %zu: %d", kind, at, (int)r);
            CHECK(c.groups < 2 || is_outside || r != DATAPATH_COALESCE_HELD, "kind %d, byte %zu: a group of its own", kind, at);
        }
    }
    struct kit_packet none = {.is_udp = true, .payload = 10};
    int group;
    memset(&c, 0, sizeof c);
    in_size[0] = kit_packet_write(&none, in[0]);
    in[0][26] = in[0][27] = 0;
    CHECK(datapath_coalesce_add(&c, in[0], in_size[0], false, &group) == DATAPATH_COALESCE_ALONE, "UDP without a checksum gets none");
}

/* Nothing is said of a packet in which the kernel would sum what is none of a transport's. */
static void what_is_unfinished_is_said_of_what_it_can_be(void)
{
    struct kit_packet tcp = {.payload = 50}, udp = {.payload = 50, .is_udp = true, .is_v6 = true};
    struct datapath_offload o;
    int group;

    in_size[0] = kit_packet_write(&tcp, in[0]);
    datapath_coalesce_alone(in[0], in_size[0], &o);
    CHECK(o.flags == DATAPATH_OFFLOAD_PARTIAL && o.kind == DATAPATH_OFFLOAD_NONE && o.sum_start == 20 && o.sum_offset == 16, "TCP");
    in[0][10] ^= 1;
    memset(&c, 0, sizeof c);
    CHECK(datapath_coalesce_add(&c, in[0], in_size[0], true, &group) == DATAPATH_COALESCE_ALONE, "IPv4's own checksum is never unfinished");
    in[0][9] = 1;
    datapath_coalesce_alone(in[0], in_size[0], &o);
    CHECK(o.flags == 0, "ICMP");
    in_size[0] = kit_packet_write(&tcp, in[0]);
    in[0][0] = 0x46;
    datapath_coalesce_alone(in[0], in_size[0], &o);
    CHECK(o.flags == 0, "options");
    in[0][0] = 0x45;
    datapath_coalesce_alone(in[0], 20 + 19, &o);
    CHECK(o.flags == 0, "too short for its head");
    in_size[0] = kit_packet_write(&udp, in[0]);
    datapath_coalesce_alone(in[0], in_size[0], &o);
    CHECK(o.flags == DATAPATH_OFFLOAD_PARTIAL && o.sum_start == 40 && o.sum_offset == 6, "UDP over IPv6");
}

/* ---- limits ----------------------------------------------------------------------------------------------- */

static enum datapath_coalesce_result add(uint32_t index, const struct kit_packet *p, int *ret_group)
{
    in_size[index] = kit_packet_write(p, in[index]);
    return datapath_coalesce_add(&c, in[index], in_size[index], false, ret_group);
}

static void limits_hold(void)
{
    struct kit_packet p = {.is_udp = true, .payload = 10};
    int group;

    memset(&c, 0, sizeof c);
    for (uint32_t i = 0; i <= DATAPATH_COALESCE_PIECES; i++) {
        p.id = (uint16_t)i;
        CHECK((add(i, &p, &group) == DATAPATH_COALESCE_HELD) == (i < DATAPATH_COALESCE_PIECES), "piece %" PRIu32, i);
    }
    memset(&c, 0, sizeof c);
    for (uint16_t i = 0; i <= DATAPATH_COALESCE_GROUPS; i++) {
        p.port = i;
        CHECK((add(i, &p, &group) == DATAPATH_COALESCE_HELD) == (i < DATAPATH_COALESCE_GROUPS), "flow %u", i);
    }
    CHECK(group == 0, "the oldest goes first");
    /* 20 + 20 + 63 * 1,039 bytes: what is left for the last decides. */
    for (size_t last = 38; last < 40; last++) {
        struct kit_packet t = {.payload = 1039};
        memset(&c, 0, sizeof c);
        for (uint32_t i = 0; i < 63; i++) {
            REQUIRE(add(i, &t, &group) == DATAPATH_COALESCE_HELD, "piece %" PRIu32, i);
            t.sequence += 1039;
        }
        t.payload = last;
        CHECK((add(63, &t, &group) == DATAPATH_COALESCE_HELD) == (last == 38), "%zu bytes more are %zu", last, 65497 + last);
    }
}

/* ---- mixtures --------------------------------------------------------------------------------------------- */

static struct kit_packet flow[FLOWS];
static uint32_t flow_of[PACKETS], next_of[FLOWS]; /* of each flow, the next packet that must come out */

static void comes_out(const uint8_t *packet, size_t size, uint32_t who)
{
    uint32_t i = next_of[who];

    while (i < PACKETS && flow_of[i] != who) {
        i++;
    }
    CHECK(i < PACKETS && size == in_size[i] && memcmp(packet, in[i], size) == 0, "packet %" PRIu32 " of flow %" PRIu32, i, who);
    next_of[who] = i + 1;
}

static uint32_t who_is(const uint8_t *packet)
{
    size_t transport = packet[0] >> 4 == 6 ? 40 : 20;

    return (uint32_t)(packet[transport] << 8 | packet[transport + 1]);
}

/* … and the kernel finishes it if it is told to. */
static void comes_out_alone(const struct datapath_offload *o, const uint8_t *packet, size_t size)
{
    static uint8_t whole[ROOM];

    memcpy(whole, packet, size);
    CHECK(o->kind == DATAPATH_OFFLOAD_NONE && datapath_offload_finish(o, whole, size), "one packet");
    comes_out(whole, size, who_is(whole));
}

/* Write a group as the kernel would. */
static uint32_t take(int group)
{
    static uint8_t whole[KIT_PACKET_MAX], out[ROOM];
    struct datapath_coalesce_group g;
    struct datapath_offload o;
    struct datapath_segments s;
    size_t size;

    datapath_coalesce_take(&c, group, &g, &o, whole, &size);
    if (size == 0) {
        comes_out_alone(&o, g.first, g.first_size);
        return 1;
    }
    for (uint32_t i = 0; i < g.pieces; i++) {
        memcpy(whole + size, g.piece[i].bytes, g.piece[i].size);
        size += g.piece[i].size;
    }
    REQUIRE(datapath_offload_open(&o, whole, size, &s) && s.count == g.pieces, "the kernel can take it apart");
    for (uint32_t i = 0; i < s.count; i++) {
        size_t one = datapath_offload_segment(&s, i, out);
        comes_out(out, one, who_is(out));
    }
    return s.count;
}

/* Each as a sender without offloads would have sent it; of some the checksum is left to who gets them. */
static void draw_packet(uint32_t i)
{
    static const uint8_t flags[] = {0, 0, 0, 0, 0, 0, 8, 1, 2, 4};
    uint32_t who = draw(FLOWS);
    struct kit_packet *f = &flow[who];

    f->payload = draw(8) == 0 ? draw(1400) : 1000 + who;
    f->flags = f->is_udp ? 0 : flags[draw(ARRAY_LEN(flags))];
    f->sequence += draw(16) == 0;
    in_size[i] = kit_packet_write(f, in[i]);
    f->sequence += (uint32_t)f->payload;
    f->id++;
    flow_of[i] = who;
    is_unfinished[i] = draw(3) == 0;
    if (draw(16) == 0 && !is_unfinished[i]) {
        in[i][in_size[i] - 1] ^= 1; /* damaged on its way to the sender */
    }
    memcpy(given[i], in[i], in_size[i]);
    if (is_unfinished[i]) {
        kit_packet_leave(given[i], in_size[i], f->is_v6 ? 40 : 20, f->is_udp);
    }
}

static void mixtures_come_out_as_they_went_in(uint64_t seed)
{
    uint64_t joined = 0;

    state = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
    memset(&c, 0, sizeof c);
    memset(next_of, 0, sizeof next_of);
    for (uint32_t who = 0; who < FLOWS; who++) {
        flow[who] = (struct kit_packet){.is_v6 = draw(2) == 0, .is_udp = draw(3) == 0, .port = (uint16_t)who,
                                        .may_be_cut = draw(2) == 0, .sequence = draw(UINT32_MAX), .options = draw(2) == 0 ? 12 : 0};
    }
    for (uint32_t i = 0; i < PACKETS; i++) {
        int group;
        enum datapath_coalesce_result r;
        draw_packet(i);
        while ((r = datapath_coalesce_add(&c, given[i], in_size[i], is_unfinished[i], &group)) == DATAPATH_COALESCE_BLOCKED) {
            joined += take(group) > 1;
        }
        if (r == DATAPATH_COALESCE_ALONE) {
            struct datapath_offload o = {.kind = DATAPATH_OFFLOAD_NONE};
            if (is_unfinished[i]) {
                datapath_coalesce_alone(given[i], in_size[i], &o);
            }
            comes_out_alone(&o, given[i], in_size[i]);
        }
    }
    while (c.groups > 0) {
        joined += take(0) > 1;
    }
    for (uint32_t i = 0; i < PACKETS; i++) {
        CHECK(next_of[flow_of[i]] > i, "seed %" PRIu64 ": packet %" PRIu32 " is lost", seed, i);
    }
    CHECK(joined > 0, "seed %" PRIu64 ": nothing was joined", seed);
}

int main(int argc, char **argv)
{
    uint64_t rounds = argc > 1 ? strtoull(argv[1], NULL, 10) : 300;

    pairs_are_judged();
    what_is_damaged_is_not_joined();
    what_is_unfinished_is_said_of_what_it_can_be();
    limits_hold();
    for (uint64_t seed = 1; seed <= rounds; seed++) {
        mixtures_come_out_as_they_went_in(seed);
    }
    return CHECK_RESULT();
}
