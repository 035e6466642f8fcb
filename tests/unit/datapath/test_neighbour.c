/* Claims about answering in others' place on the overlay's Ethernet: what is learned and from whom, which questions are
 * answered, the bytes of answers, and that what is wrong does not last. */
#include "datapath/neighbour.h"

#include <string.h>

#include "common/base/macros.h"
#include "common/base/rng.h"
#include "tests/support/check.h"

enum { P = 3, Q = 4, ROOM = 200 };

#define OURS "\x02\x00\x00\x00\x00\x01"
#define HIS "\x02\x00\x00\x00\x00\x02"
#define OTHERS "\x02\x00\x00\x00\x00\x03"
#define ALL "\xff\xff\xff\xff\xff\xff"
#define GROUP "\x33\x33\xff\x00\x00\x02"

static struct datapath_neighbours n;
static uint8_t frame[ROOM], answer[DATAPATH_NEIGHBOUR_ANSWER_MAX];

static void begin(void)
{
    datapath_neighbour_init(&n, (const uint8_t[DATAPATH_NEIGHBOUR_KEY]){1});
}

/* An ARP packet; tag 0: without one. Its size. */
static size_t arp(const char *to, const char *from, unsigned tag, unsigned op, const char *mac, const char *sender, const char *target)
{
    size_t at = 12;

    memset(frame, 0, sizeof frame);
    memcpy(frame, to, 6);
    memcpy(frame + 6, from, 6);
    if (tag != 0) {
        memcpy(frame + at, (uint8_t[]){0x81, 0, (uint8_t)(tag >> 8), (uint8_t)tag}, 4);
        at += 4;
    }
    memcpy(frame + at, "\x08\x06\x00\x01\x08\x00\x06\x04\x00", 9);
    frame[at + 9] = (uint8_t)op;
    memcpy(frame + at + 10, mac, 6);
    memcpy(frame + at + 16, sender, 4);
    memcpy(frame + at + 26, target, 4);
    return at + 30;
}

static uint32_t add(const uint8_t *bytes, size_t size, uint32_t sum)
{
    for (size_t i = 0; i < size; i += 2) {
        sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
    }
    return sum;
}

/* The checksum of an ICMPv6 message of so many bytes behind this head (RFC 8200, 8.1); 0: the one in it is right. */
static uint16_t checksum(const uint8_t *v6, size_t icmp)
{
    uint32_t sum = add(v6 + 40, icmp, add(v6 + 8, 32, (uint32_t)icmp + 58));

    while (sum > 0xffff) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)~sum;
}

/* fd00::x asks for (135) or says it has (136) fd00::target. */
static size_t nd(const char *to, const char *from, uint8_t kind, uint8_t flags, uint8_t x, uint8_t target, const char *option)
{
    uint8_t *v6 = frame + 14, *icmp = v6 + 40;
    size_t size = option != NULL ? 32 : 24;

    memset(frame, 0, sizeof frame);
    memcpy(frame, to, 6);
    memcpy(frame + 6, from, 6);
    memcpy(frame + 12, "\x86\xdd\x60", 3);
    v6[5] = (uint8_t)size;
    v6[6] = 58;
    v6[7] = 255;
    if (x != 0) {
        v6[8] = 0xfd;
        v6[23] = x;
    }
    memcpy(v6 + 24, "\xff\x02\0\0\0\0\0\0\0\0\0\x01\xff\0\0", 15);
    v6[39] = target;
    icmp[0] = kind;
    icmp[4] = flags;
    icmp[8] = 0xfd;
    icmp[23] = target;
    if (option != NULL) {
        icmp[24] = kind == 135 ? 1 : 2;
        icmp[25] = 1;
        memcpy(icmp + 26, option, 6);
    }
    uint16_t made = checksum(v6, size);
    icmp[2] = (uint8_t)(made >> 8);
    icmp[3] = (uint8_t)made;
    return 54 + size;
}

static size_t ask_v4(uint64_t now_ms, unsigned tag)
{
    size_t size = arp(ALL, OURS, tag, 1, OURS, "\x0a\x00\x00\x01", "\x0a\x00\x00\x02");

    return datapath_neighbour_out(&n, now_ms, frame, size, answer);
}

static void say_v4(uint64_t now_ms, uint32_t peer, const char *mac, unsigned tag, unsigned op)
{
    size_t size = arp(ALL, mac, tag, op, mac, "\x0a\x00\x00\x02", "\x0a\x00\x00\x01");

    datapath_neighbour_in(&n, now_ms, peer, frame, size);
}

static void what_was_said_is_answered_once(void)
{
    static const uint8_t expected[] = OURS HIS "\x08\x06\x00\x01\x08\x00\x06\x04\x00\x02" HIS "\x0a\x00\x00\x02" OURS "\x0a\x00\x00\x01";

    begin();
    CHECK(ask_v4(0, 0) == 0, "nobody said so");
    for (unsigned op = 1; op <= 2; op++) { /* who asks says where he is, too */
        say_v4(10, P, HIS, 0, op);
        CHECK(ask_v4(20, 0) == 42 && memcmp(answer, expected, 42) == 0, "op %u: it is answered", op);
        CHECK(ask_v4(30, 0) == 0, "op %u: he who asks again asks all", op);
    }
    say_v4(40, P, HIS, 0, 2);
    CHECK(ask_v4(40 + DATAPATH_NEIGHBOUR_AGE_MS - 1, 0) == 42, "before it is old");
    say_v4(40, P, HIS, 0, 2);
    CHECK(ask_v4(40 + DATAPATH_NEIGHBOUR_AGE_MS, 0) == 0, "it is too old");
    CHECK(n.answered == 3 && n.learned == 1, "%u, %u", (unsigned)n.answered, (unsigned)n.learned);
}

static void vlans_are_apart(void)
{
    begin();
    say_v4(0, P, HIS, 5, 2);
    CHECK(ask_v4(1, 0) == 0 && ask_v4(1, 6) == 0, "elsewhere it is not known");
    CHECK(ask_v4(1, 5) == 46 && memcmp(answer + 12, "\x81\x00\x00\x05\x08\x06", 6) == 0, "the answer has the question's tag");
}

/* What asks no such thing, or is no such thing, changes nothing and is answered by nobody. */
static void other_frames_pass(void)
{
    static const struct {
        const char *why, *to, *mac, *sender, *target;
        unsigned op;
    } asks[] = {
        {"he is asked himself", HIS, OURS, "\x0a\x00\x00\x01", "\x0a\x00\x00\x02", 1},
        {"whether it is free", ALL, OURS, "\x00\x00\x00\x00", "\x0a\x00\x00\x02", 1},
        {"it is announced", ALL, OURS, "\x0a\x00\x00\x02", "\x0a\x00\x00\x02", 1},
        {"it is answered", ALL, OURS, "\x0a\x00\x00\x01", "\x0a\x00\x00\x02", 2},
        {"backwards", ALL, OURS, "\x0a\x00\x00\x01", "\x0a\x00\x00\x02", 3},
    };

    for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
        begin();
        say_v4(0, P, HIS, 0, 2);
        size_t size = arp(asks[i].to, OURS, 0, asks[i].op, asks[i].mac, asks[i].sender, asks[i].target);
        CHECK(datapath_neighbour_out(&n, 1, frame, size, answer) == 0, "%s", asks[i].why);
    }
    begin();
    for (size_t cut = 0; cut < 42; cut++) {
        (void)arp(ALL, HIS, 0, 2, HIS, "\x0a\x00\x00\x02", "\x0a\x00\x00\x01");
        datapath_neighbour_in(&n, 0, P, frame, cut);
    }
    (void)arp(ALL, HIS, 0, 2, HIS, "\x0a\x00\x00\x02", "\x0a\x00\x00\x01");
    for (size_t at = 14; at < 20; at++) { /* of another kind of network */
        frame[at] ^= 1;
        datapath_neighbour_in(&n, 0, P, frame, 42);
        frame[at] ^= 1;
    }
    size_t size = arp(ALL, HIS, 0, 2, OTHERS, "\x0a\x00\x00\x02", "\x0a\x00\x00\x01");
    datapath_neighbour_in(&n, 0, P, frame, size); /* for another's hardware address */
    size = arp(ALL, "\x03\x00\x00\x00\x00\x02", 0, 2, "\x03\x00\x00\x00\x00\x02", "\x0a\x00\x00\x02", "\x0a\x00\x00\x01");
    datapath_neighbour_in(&n, 0, P, frame, size); /* from a group */
    size = arp(ALL, HIS, 0, 1, HIS, "\x00\x00\x00\x00", "\x0a\x00\x00\x02");
    datapath_neighbour_in(&n, 0, P, frame, size); /* he asks whether it is free: he does not have it */
    CHECK(n.learned == 0 && ask_v4(1, 0) == 0, "%u learned", (unsigned)n.learned);
}

static void who_has_it_now_is_known(void)
{
    begin();
    say_v4(0, P, HIS, 0, 2);
    say_v4(DATAPATH_NEIGHBOUR_STILL_MS - 1, Q, OTHERS, 0, 2);
    CHECK(ask_v4(1000, 0) == 42 && memcmp(answer + 6, HIS, 6) == 0 && n.kept == 1, "another says so at once after");
    say_v4(1000, Q, OTHERS, 0, 2);
    CHECK(ask_v4(1001, 0) == 42 && memcmp(answer + 6, OTHERS, 6) == 0, "… and later");
    datapath_neighbour_forget(&n, P);
    say_v4(1001, Q, OTHERS, 0, 2);
    CHECK(ask_v4(1002, 0) == 42, "he is no peer of whom this is");
    say_v4(1003, Q, OTHERS, 0, 2);
    datapath_neighbour_forget(&n, Q);
    CHECK(ask_v4(1004, 0) == 0, "he is no peer any more");
    say_v4(1005, Q, OTHERS, 0, 2);
    size_t size = arp(ALL, OURS, 0, 2, OURS, "\x0a\x00\x00\x02", "\x0a\x00\x00\x02");
    CHECK(datapath_neighbour_out(&n, 1006, frame, size, answer) == 0 && ask_v4(1007, 0) == 0, "it is on this side now");
}

static size_t ask_v6(uint64_t now_ms, const char *to, uint8_t x)
{
    size_t size = nd(to, OURS, 135, 0, x, 2, OURS);

    return datapath_neighbour_out(&n, now_ms, frame, size, answer);
}

static void neighbours_of_ipv6_are_answered_for(void)
{
    static const uint8_t head[] = OURS HIS "\x86\xdd\x60\x00\x00\x00\x00\x20\x3a\xff\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x88\x00";

    begin();
    for (unsigned flags = 0; flags <= 0x80; flags += 0x80) { /* a router stays one */
        size_t size = nd(OURS, HIS, 136, (uint8_t)(flags | 0x60), 2, 2, HIS);
        datapath_neighbour_in(&n, 0, P, frame, size);
        CHECK(ask_v6(1, GROUP, 1) == 86 && memcmp(answer, head, sizeof head - 1) == 0, "it is answered");
        CHECK(answer[58] == (flags | 0x40) && memcmp(answer + 78, "\x02\x01" HIS, 8) == 0 && checksum(answer + 14, 32) == 0,
              "by whom, and with a checksum: flags %x", answer[58]);
        CHECK(ask_v6(2, GROUP, 1) == 0, "once");
    }
    const struct {
        const char *why, *from, *option;
        uint8_t kind, x;
    } says[] = {
        {"without its hardware address", HIS, NULL, 136, 2},
        {"for another's hardware address", HIS, OTHERS, 136, 2},
        {"who asks says nothing of its own", HIS, HIS, 135, 2},
    };
    for (size_t i = 0; i < ARRAY_LEN(says); i++) {
        begin();
        size_t size = nd(ALL, says[i].from, says[i].kind, 0x20, says[i].x, 2, says[i].option);
        datapath_neighbour_in(&n, 0, P, frame, size);
        CHECK(n.learned == 0, "%s", says[i].why);
    }
    begin();
    size_t size = nd(OURS, HIS, 136, 0x60, 2, 2, HIS);
    for (size_t i = 18; i < size; i++) { /* any bit that is not as it was sealed by the sum; the head's first four are not */
        frame[i] ^= 1;
        datapath_neighbour_in(&n, 0, P, frame, size);
        frame[i] ^= 1;
    }
    for (size_t cut = 0; cut < size; cut++) {
        datapath_neighbour_in(&n, 0, P, frame, cut);
    }
    CHECK(n.learned == 0, "%u damaged ones", (unsigned)n.learned);
    datapath_neighbour_in(&n, 0, P, frame, size);
    CHECK(ask_v6(1, GROUP, 0) == 0, "whether it is free");
    CHECK(ask_v6(1, HIS, 1) == 0, "he is asked himself");
    CHECK(ask_v6(1, GROUP, 1) == 86, "and now all");
}

/* Whoever says that it has every address pushes out its own. */
static void one_peer_does_not_fill_it(void)
{
    struct rng r;
    uint32_t kept = 0, count = 0;

    begin();
    rng_init(&r, 1);
    for (uint32_t i = 0; i < 256; i++) {
        const char ip[] = {10, 1, 0, (char)i};
        size_t size = arp(ALL, HIS, 0, 2, HIS, ip, "\x0a\x00\x00\x01");
        datapath_neighbour_in(&n, 0, P, frame, size);
    }
    for (uint32_t i = 0; i < 20000; i++) {
        const char ip[] = {11, (char)rng_below(&r, 256), (char)rng_below(&r, 256), (char)rng_below(&r, 256)};
        size_t size = arp(ALL, OTHERS, 0, 2, OTHERS, ip, "\x0a\x00\x00\x01");
        datapath_neighbour_in(&n, 1 + i, Q, frame, size);
    }
    for (uint32_t i = 0; i < 256; i++) {
        const char ip[] = {10, 1, 0, (char)i};
        size_t size = arp(ALL, OURS, 0, 1, OURS, "\x0a\x00\x00\x01", ip);
        kept += datapath_neighbour_out(&n, 20001, frame, size, answer) > 0;
    }
    for (uint32_t i = 0; i < DATAPATH_NEIGHBOUR_SETS; i++) {
        for (uint32_t k = 0; k < DATAPATH_NEIGHBOUR_WAYS; k++) {
            count += n.entry[i][k].is_there && n.entry[i][k].peer == Q;
        }
    }
    CHECK(kept > 240, "%u of 256", kept);
    CHECK(count <= DATAPATH_NEIGHBOUR_SETS * DATAPATH_NEIGHBOUR_EACH, "%u are his", count);
}

int main(void)
{
    what_was_said_is_answered_once();
    vlans_are_apart();
    other_frames_pass();
    who_has_it_now_is_known();
    neighbours_of_ipv6_are_answered_for();
    one_peer_does_not_fill_it();
    return CHECK_RESULT();
}
