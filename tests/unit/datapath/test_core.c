/* The core as a whole: what two nodes and somebody between them do to each other, one claim a function. */
#include "datapath/core.h"

#include <sodium.h>
#include <string.h>

#include "datapath/cookie.h"
#include "tests/support/check.h"
#include "tests/unit/datapath/core_kit.h"

enum { A, B, C };

static struct kit kit;
static const uint8_t no_psk[32], some_psk[32] = {7};

static void meet(void)
{
    CHECK(kit_send(&kit, A, B, 100) == DATAPATH_WAITING, "there is no session yet");
    kit_settle(&kit);
    REQUIRE(kit.node[B].got == 1, "the packet came");
}

static void a_packet_makes_a_session_and_goes_through_it(void)
{
    uint8_t packet[KIT_ROOM];

    kit_begin(&kit, some_psk);
    CHECK(kit_send(&kit, A, B, 100) == DATAPATH_WAITING && kit.wire == 1, "an initiation");
    CHECK(kit.datagram[0].size == DATAPATH_MESSAGE_INITIATION && kit.datagram[0].bytes[0] == 1, "is what goes");
    CHECK(kit_send(&kit, A, B, 200) == DATAPATH_WAITING && kit.wire == 1, "and no second one");
    CHECK(kit_deliver(&kit) == DATAPATH_TAKEN && kit.wire == 1, "a response");
    CHECK(kit.datagram[0].size == DATAPATH_MESSAGE_RESPONSE && kit.datagram[0].bytes[0] == 2, "is the answer");
    CHECK(kit_send(&kit, B, A, 300) == DATAPATH_WAITING, "who answered may not send yet");
    CHECK(kit_deliver(&kit) == DATAPATH_TAKEN && kit.wire == 2, "what waited goes");
    kit_settle(&kit);
    CHECK(kit.node[B].got == 2 && kit.node[A].got == 1, "everything came");
    kit_packet(packet, A, B, 200);
    CHECK(kit.node[B].last_size == 200 && memcmp(kit.node[B].last, packet, 200) == 0, "in its order, without padding");
    CHECK(kit_send(&kit, A, B, KIT_MTU) == DATAPATH_TAKEN && kit.datagram[0].size == KIT_MTU + 32, "the largest");
    kit_settle(&kit);
    CHECK(kit.node[B].last_size == KIT_MTU, "comes");
    CHECK(kit_send(&kit, A, B, KIT_MTU + 1) == DATAPATH_INNER, "a larger one does not go");
    CHECK(kit.node[A].notes[DATAPATH_NOTE_SESSION] == 1 && kit.node[B].notes[DATAPATH_NOTE_SESSION] == 1, "one each");
    kit_end(&kit);
}

static void another_psk_is_another_peer(void)
{
    kit_begin(&kit, some_psk);
    struct datapath_peer_config c = kit_view(&kit, B, A).config;
    c.psk[31] ^= 1;
    REQUIRE(datapath_core_change(kit.node[B].core, kit.node[B].peer[A], &c, kit.now) == ERR_OK, "one bit");
    CHECK(kit_send(&kit, A, B, 100) == DATAPATH_WAITING && kit_deliver(&kit) == DATAPATH_TAKEN, "B answers");
    CHECK(kit_deliver(&kit) == DATAPATH_FORGED && kit.wire == 0, "and A does not believe it: at the second message");
    CHECK(!kit_view(&kit, A, B).has_session && !kit_view(&kit, B, A).has_session, "there is no session");
    c.psk[31] ^= 1;
    REQUIRE(datapath_core_change(kit.node[B].core, kit.node[B].peer[A], &c, kit.now) == ERR_OK, "and back");
    kit_pass(&kit, 6000, false);
    CHECK(kit_view(&kit, A, B).has_session && kit.node[B].got == 1, "with the next try");
    kit_end(&kit);
}

static void without_data_a_keepalive_confirms(void)
{
    kit_begin(&kit, no_psk);
    struct datapath_peer_config c = kit_view(&kit, A, B).config;
    c.persist_ms = 25000;
    REQUIRE(datapath_core_change(kit.node[A].core, kit.node[A].peer[B], &c, kit.now) == ERR_OK, "persistent");
    kit_pass(&kit, 24999, false);
    CHECK(!kit_view(&kit, A, B).has_session, "not yet");
    kit_pass(&kit, 2, false);
    CHECK(kit_view(&kit, A, B).has_session && kit_view(&kit, B, A).has_session, "a session without any packet");
    uint64_t before = datapath_core_numbers(kit.node[A].core)->keepalives;
    kit_pass(&kit, 100000, false);
    uint64_t now = datapath_core_numbers(kit.node[A].core)->keepalives;
    CHECK(now - before >= 3 && now - before <= 5, "%d in 100 s", (int)(now - before));
    c.persist_ms = DATAPATH_PERSIST_MS_MAX + 1;
    CHECK(datapath_core_change(kit.node[A].core, kit.node[A].peer[B], &c, kit.now) == ERR_INVALID, "past the limit");
    kit_end(&kit);
}

/* DAT-16: what one says that it sent is what the other says that came, whatever the sizes are padded to, handshake and all. */
static void both_count_the_same_bytes(void)
{
    kit_begin(&kit, some_psk);
    for (size_t size = 40; size < 80; size++) {
        (void)kit_send(&kit, A, B, size);
        kit_settle(&kit);
    }
    (void)kit_send(&kit, A, B, 1419);
    (void)kit_send(&kit, B, A, 41);
    kit_settle(&kit);
    for (uint32_t from = A; from <= B; from++) {
        uint32_t to = A + B - from;
        uint64_t sent = kit_view(&kit, from, to).sent_bytes, received = kit_view(&kit, to, from).received_bytes;
        CHECK(sent == received && sent > 0, "%d: %d and %d", (int)from, (int)sent, (int)received);
    }
    kit_end(&kit);
}

/* DAT-5: both begin at once, in each order of arrival; one session comes of it. */
static void both_at_once_make_one_session(void)
{
    for (int order = 0; order < 2; order++) {
        kit_begin(&kit, some_psk);
        (void)kit_send(&kit, A, B, 100);
        (void)kit_send(&kit, B, A, 100);
        if (order == 1) {
            struct kit_datagram first = kit.datagram[0];
            kit.datagram[0] = kit.datagram[1];
            kit.datagram[1] = first;
        }
        kit_settle(&kit);
        CHECK(kit.node[A].got == 1 && kit.node[B].got == 1, "order %d: both packets came", order);
        CHECK(datapath_core_numbers(kit.node[A].core)->sessions == 1, "order %d: one session", order);
        CHECK(datapath_core_numbers(kit.node[B].core)->sessions == 1, "order %d: on both sides", order);
        CHECK(datapath_core_numbers(kit.node[A].core)->verdict[DATAPATH_TIE] +
                  datapath_core_numbers(kit.node[B].core)->verdict[DATAPATH_TIE] == 1, "order %d: one gave way", order);
        kit_end(&kit);
    }
}

static void who_gives_way_still_gets_through(void)
{
    kit_begin(&kit, no_psk);
    (void)kit_send(&kit, A, B, 100);
    kit_lose(&kit);
    (void)kit_send(&kit, B, A, 100); /* one of them has the lower key, and his is lost */
    kit_settle(&kit);
    kit_pass(&kit, 6000, false);
    CHECK(kit.node[A].got == 1 && kit.node[B].got == 1, "within one try more");
    kit_end(&kit);
}

static void the_wire_cannot_say_anything_twice(void)
{
    struct kit_datagram initiation, response, data;

    kit_begin(&kit, no_psk);
    (void)kit_send(&kit, A, B, 100);
    initiation = kit.datagram[0];
    (void)kit_deliver(&kit);
    response = kit.datagram[0];
    (void)kit_deliver(&kit);
    data = kit.datagram[0];
    kit_settle(&kit);
    struct datapath_endpoint elsewhere = kit.node[C].at;
    kit_pass(&kit, 1000, false);
    CHECK(kit_inject(&kit, B, &elsewhere, initiation.bytes, initiation.size) == DATAPATH_STALE, "an initiation");
    CHECK(kit_inject(&kit, A, &elsewhere, response.bytes, response.size) == DATAPATH_UNASKED, "a response");
    CHECK(kit_inject(&kit, B, &elsewhere, data.bytes, data.size) == DATAPATH_REPLAYED, "data");
    struct datapath_view v = kit_view(&kit, B, A);
    CHECK(datapath_message_is_same(&v.config.endpoint, &kit.node[A].at), "and nobody has moved (DAT-7)");
    CHECK(kit.node[B].got == 1 && kit.node[B].notes[DATAPATH_NOTE_MOVED] == 0, "nothing happened");
    kit_restart(&kit, B, true);
    CHECK(kit_inject(&kit, B, &elsewhere, initiation.bytes, initiation.size) == DATAPATH_STALE, "nor after a restart");
    kit_end(&kit);
}

static void no_bit_of_a_datagram_may_differ(void)
{
    struct kit_datagram d;

    kit_begin(&kit, some_psk);
    (void)kit_send(&kit, A, B, 100);
    for (int message = 0; message < 3; message++) {
        d = kit.datagram[0];
        for (size_t bit = 0; bit < 8 * d.size; bit += message == 2 ? 1 : 3) {
            struct kit_datagram bad = d;
            bad.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            bool is_mac2 = message < 2 && bit >= 8 * (d.size - DATAPATH_HASH_MAC);
            uint32_t got = kit.node[d.to].got;
            enum datapath_verdict v = is_mac2 ? DATAPATH_MAC1 : kit_inject(&kit, d.to, &kit.node[C].at, bad.bytes, d.size);
            CHECK(v != DATAPATH_TAKEN && kit.node[d.to].got == got, "message %d, bit %zu", message, bit);
        }
        if (message == 1) { /* whoever knows our public key gets it as far as the handshake itself */
            struct datapath_cookie_peer made = {.has_cookie = false};
            struct kit_datagram bad = d;
            datapath_cookie_keys(datapath_core_public(kit.node[d.to].core), &made.keys);
            bad.bytes[DATAPATH_MESSAGE_NOISE_SECOND + DATAPATH_NOISE_KEY] ^= 1;
            datapath_cookie_stamp(&made, bad.bytes, bad.size, kit.now.ms);
            CHECK(kit_inject(&kit, d.to, &kit.node[C].at, bad.bytes, bad.size) == DATAPATH_FORGED, "with a right MAC");
        }
        CHECK(kit.wire == 1, "message %d: nothing was answered", message);
        for (size_t size = 0; size < d.size; size++) {
            CHECK(kit_inject(&kit, d.to, &d.at, d.bytes, size) != DATAPATH_TAKEN, "message %d cut to %zu", message, size);
        }
        CHECK(kit_deliver(&kit) == DATAPATH_TAKEN, "message %d as it was sent", message);
    }
    CHECK(kit.node[B].got == 1, "and none of it did harm");
    kit_end(&kit);
}

static void peers_speak_with_their_own_addresses(void)
{
    uint8_t packet[KIT_ROOM], out[DATAPATH_ROOM];
    struct datapath_endpoint to;
    struct datapath_prefix v4 = {.ip = {10, 0, 0, C + 1}, .size = 4, .bits = 32};
    size_t total;

    kit_begin(&kit, no_psk);
    meet();
    kit_packet(packet, C, B, 60); /* A says that it is C */
    CHECK(datapath_core_send(kit.node[A].core, kit.now, packet, 60, out, &total, &to, &kit.fx) == DATAPATH_TAKEN, "A may");
    CHECK(kit_inject(&kit, B, &kit.node[A].at, out, total) == DATAPATH_SOURCE, "B does not believe it (DAT-6)");
    CHECK(kit_view(&kit, B, A).verdict[DATAPATH_SOURCE] == 1 && kit.node[B].got == 1, "and counts it");
    kit_packet(packet, A, B, 60);
    packet[3] = 61;
    CHECK(datapath_core_send(kit.node[A].core, kit.now, packet, 60, out, &total, &to, &kit.fx) == DATAPATH_INNER,
          "longer than it is");
    kit_packet(packet, A, 77, 60);
    CHECK(datapath_core_send(kit.node[A].core, kit.now, packet, 60, out, &total, &to, &kit.fx) == DATAPATH_ROUTE,
          "to nobody");
    REQUIRE(datapath_core_allow(kit.node[B].core, kit.node[B].peer[A], &v4) == ERR_OK, "B lets A have it");
    kit_packet(packet, C, B, 60);
    (void)datapath_core_send(kit.node[A].core, kit.now, packet, 60, out, &total, &to, &kit.fx);
    CHECK(kit_inject(&kit, B, &kit.node[A].at, out, total) == DATAPATH_TAKEN, "now he may");
    kit_end(&kit);
}

static void an_endpoint_follows_what_is_proved(void)
{
    kit_begin(&kit, no_psk);
    meet();
    kit.node[A].at.port = 40000; /* a NAT has forgotten */
    CHECK(kit_send(&kit, A, B, 80) == DATAPATH_TAKEN, "A does not know");
    kit_settle(&kit);
    struct datapath_view v = kit_view(&kit, B, A);
    CHECK(v.config.endpoint.port == 40000 && kit.node[B].notes[DATAPATH_NOTE_MOVED] == 1, "B has seen it");
    CHECK(kit_send(&kit, B, A, 80) == DATAPATH_TAKEN && kit.wire == 1 && kit.datagram[0].to == A, "and answers there");
    kit_settle(&kit);
    CHECK(kit.node[A].got == 1, "where A is");
    kit_end(&kit);
}

static void a_session_is_renewed_and_nothing_is_lost(void)
{
    uint32_t sent = 0;

    kit_begin(&kit, no_psk);
    meet();
    for (int i = 0; i < 400; i++) {
        CHECK(kit_send(&kit, A, B, 90) == DATAPATH_TAKEN, "second %d", i);
        CHECK(kit_send(&kit, B, A, 90) == DATAPATH_TAKEN, "second %d", i);
        sent++;
        kit_settle(&kit);
        kit_pass(&kit, 1000, false);
    }
    CHECK(kit.node[B].got == sent + 1 && kit.node[A].got == sent, "all came");
    uint64_t sessions = datapath_core_numbers(kit.node[A].core)->sessions;
    CHECK(sessions == 4, "%d sessions in 400 s: every 120 s", (int)sessions);
    CHECK(datapath_core_numbers(kit.node[B].core)->initiations == 0, "who began the first begins the others");
    kit_end(&kit);
}

static void receiving_alone_renews_too(void)
{
    kit_begin(&kit, no_psk);
    meet();
    kit_pass(&kit, 164000, false);
    CHECK(datapath_core_numbers(kit.node[A].core)->initiations == 1, "A was silent");
    CHECK(kit_send(&kit, B, A, 90) == DATAPATH_TAKEN, "B speaks");
    kit_settle(&kit);
    CHECK(datapath_core_numbers(kit.node[A].core)->initiations == 1, "no need yet");
    kit_pass(&kit, 1500, false);
    CHECK(kit_send(&kit, B, A, 90) == DATAPATH_TAKEN, "again");
    kit_settle(&kit);
    CHECK(datapath_core_numbers(kit.node[A].core)->initiations == 2, "before the session ends");
    kit_end(&kit);
}

static void keys_are_erased(void)
{
    kit_begin(&kit, no_psk);
    meet();
    kit_pass(&kit, 539000, false);
    CHECK(kit_view(&kit, A, B).has_session, "kept");
    kit_pass(&kit, 2000, false);
    CHECK(!kit_view(&kit, A, B).has_session && !kit_view(&kit, B, A).has_session, "gone after nine minutes");
    CHECK(kit.node[A].notes[DATAPATH_NOTE_ERASED] == 1, "and said so");
    kit_end(&kit);
}

static void nobody_is_asked_for_ever(void)
{
    kit_begin(&kit, no_psk);
    for (uint32_t i = 0; i < DATAPATH_WAIT_EACH + 2; i++) {
        CHECK(kit_send(&kit, A, B, 100) == DATAPATH_WAITING, "waits");
    }
    struct datapath_view v = kit_view(&kit, A, B);
    CHECK(v.waiting == DATAPATH_WAIT_EACH && v.lost == 2, "the oldest make room");
    kit_lose(&kit);
    kit_pass(&kit, 100000, true);
    v = kit_view(&kit, A, B);
    CHECK(kit.node[A].notes[DATAPATH_NOTE_GIVEN_UP] == 1 && v.waiting == 0 && v.lost == DATAPATH_WAIT_EACH + 2, "over");
    uint64_t tries = datapath_core_numbers(kit.node[A].core)->initiations;
    CHECK(tries >= 17 && tries <= 19, "%d tries in 90 s", (int)tries);
    kit_pass(&kit, 300000, true);
    CHECK(datapath_core_numbers(kit.node[A].core)->initiations == tries, "silence");
    meet();
    kit_end(&kit);
}

static void silence_is_noticed(void)
{
    kit_begin(&kit, no_psk);
    meet();
    kit_pass(&kit, 20000, false);
    kit_restart(&kit, B, true);
    CHECK(kit_send(&kit, A, B, 100) == DATAPATH_TAKEN, "A knows nothing of it");
    CHECK(kit_deliver(&kit) == DATAPATH_INDEX, "B knows nothing of the session");
    kit_pass(&kit, 15400, false);
    CHECK(kit_view(&kit, B, A).has_session, "A has asked again");
    CHECK(kit_send(&kit, A, B, 100) == DATAPATH_TAKEN, "and goes on");
    kit_settle(&kit);
    CHECK(kit.node[B].got == 2, "B hears");
    kit_end(&kit);
}

enum { DAYS = 400 };
#define DAY_NS UINT64_C(86400000000000)

/* DAT-5: by WireGuard's rules nobody would hear A for 400 days. */
static void a_clock_that_was_ahead_does_no_harm(void)
{
    uint8_t recorded[DATAPATH_MESSAGE_INITIATION];

    kit_begin(&kit, no_psk);
    kit.now.wall_ns += DAYS * DAY_NS;
    CHECK(kit_send(&kit, A, B, 100) == DATAPATH_WAITING, "A begins, by a clock far ahead");
    kit.now.wall_ns -= DAYS * DAY_NS;
    memcpy(recorded, kit.datagram[0].bytes, sizeof recorded);
    kit_settle(&kit);
    CHECK(kit_view(&kit, A, B).has_session && kit.node[B].got == 1, "and is heard, as by every WireGuard");
    CHECK(kit_inject(&kit, B, &kit.node[C].at, recorded, sizeof recorded) == DATAPATH_STALE, "once");

    for (int kept = 1; kept >= 0; kept--) { /* it goes on above all that it said, or has forgotten that it ever was */
        kit_restart(&kit, A, kept == 1);
        kit_pass(&kit, 25, false); /* B answers no more often */
        CHECK(kit_send(&kit, A, B, 100) == DATAPATH_WAITING, "A begins anew, by the right clock");
        kit_settle(&kit);
        CHECK(kit_view(&kit, A, B).has_session, "and is heard: kept %d", kept);
        CHECK(kit_inject(&kit, B, &kit.node[C].at, recorded, sizeof recorded) == DATAPATH_STALE, "what was recorded is not");
    }
    kit_restart(&kit, B, true);
    CHECK(kit_inject(&kit, B, &kit.node[C].at, recorded, sizeof recorded) == DATAPATH_STALE, "nor by the next life of B");
    kit_end(&kit);
}

static void a_clock_that_was_set_back_does_no_harm(void)
{
    kit_begin(&kit, no_psk);
    meet();
    kit_restart(&kit, A, true);
    kit.now.wall_ns -= 3 * DAY_NS;
    CHECK(kit_send(&kit, A, B, 100) == DATAPATH_WAITING, "A begins anew");
    kit_pass(&kit, 25, false); /* B answers no more often */
    kit_settle(&kit);
    kit_pass(&kit, 6000, false);
    CHECK(kit.node[B].got == 2, "with a stamp above all before");
    kit_restart(&kit, A, false);
    CHECK(kit_send(&kit, A, B, 100) == DATAPATH_WAITING, "one that kept nothing");
    CHECK(kit_deliver(&kit) == DATAPATH_STALE, "is not heard: that is what keeping is for");
    kit_end(&kit);
}

/* DAT-5, under load: cookies. */
static void under_load_a_node_wants_to_see_addresses(void)
{
    uint8_t flood[DATAPATH_MESSAGE_INITIATION];
    struct datapath_endpoint spoofed;
    uint32_t busy = 0, forged = 0;

    kit_begin(&kit, no_psk);
    (void)kit_send(&kit, C, B, 100);
    memcpy(flood, kit.datagram[0].bytes, sizeof flood);
    kit_lose(&kit);
    kit_pass(&kit, 10, true);
    spoofed = kit.node[C].at;
    for (int i = 0; i < 1000; i++) {
        spoofed.ip[13] = (uint8_t)(i >> 8);
        spoofed.ip[14] = (uint8_t)i;
        enum datapath_verdict v = kit_inject(&kit, B, &spoofed, flood, sizeof flood);
        busy += v == DATAPATH_BUSY;
        forged += v == DATAPATH_STALE || v == DATAPATH_TAKEN || v == DATAPATH_RATE;
        CHECK(v != DATAPATH_BUSY || kit.fx.send[0].size == DATAPATH_MESSAGE_COOKIE, "a cookie, smaller than what came");
    }
    CHECK(busy > 800 && forged <= 200, "%u were asked where they are, %u were looked at", busy, forged);
    kit_lose(&kit);
    (void)kit_send(&kit, A, B, 100);
    CHECK(kit_deliver(&kit) == DATAPATH_BUSY, "an honest one is asked too");
    CHECK(kit_deliver(&kit) == DATAPATH_TAKEN, "and takes the cookie");
    for (int i = 0; i < 6; i++) { /* the load goes on */
        for (int f = 0; f < 1500; f++) {
            (void)kit_inject(&kit, B, &spoofed, flood, sizeof flood);
        }
        kit.wire = 0;
        kit_pass(&kit, 1000, false);
    }
    CHECK(kit_view(&kit, B, A).has_session && kit.node[B].got == 1, "with it he gets through");
    kit_end(&kit);
}

static void peers_come_and_go(void)
{
    struct datapath_peer_config c = {.endpoint = {.port = 9}};
    uint32_t peer, found;

    kit_begin(&kit, no_psk);
    struct datapath *d = kit.node[A].core;
    CHECK(datapath_core_add(d, &c, kit.now, &peer) == ERR_FORGED, "a key of zeros");
    memcpy(c.public, datapath_core_public(d), 32);
    CHECK(datapath_core_add(d, &c, kit.now, &peer) == ERR_FORGED, "our own");
    memcpy(c.public, datapath_core_public(kit.node[B].core), 32);
    CHECK(datapath_core_add(d, &c, kit.now, &peer) == ERR_EXISTS && peer == kit.node[A].peer[B], "known");
    memset(c.public, 0x77, 32);
    c.persist_ms = DATAPATH_PERSIST_MS_MAX + 1;
    CHECK(datapath_core_add(d, &c, kit.now, &peer) == ERR_INVALID, "a silly time");
    c.persist_ms = 0;
    for (int i = 0; i < 2; i++) {
        c.public[0]++;
        CHECK(datapath_core_add(d, &c, kit.now, &peer) == ERR_OK, "the third, the fourth");
    }
    c.public[0]++;
    CHECK(datapath_core_add(d, &c, kit.now, &found) == ERR_LIMIT, "the fifth of four");
    meet();
    datapath_core_remove(d, kit.node[A].peer[B]);
    CHECK(!datapath_core_find(d, datapath_core_public(kit.node[B].core), &found), "gone");
    CHECK(kit_send(&kit, A, B, 100) == DATAPATH_ROUTE, "with his addresses");
    CHECK(kit_send(&kit, B, A, 100) == DATAPATH_TAKEN && kit_deliver(&kit) == DATAPATH_INDEX, "and his session");
    kit_pass(&kit, 20000, false);
    CHECK(kit.node[A].verdict == DATAPATH_STRANGER, "he is a stranger");
    CHECK(datapath_core_add(d, &c, kit.now, &found) == ERR_OK, "room again");
    kit_end(&kit);
}

static void nobody_nowhere(void)
{
    struct datapath_config c;

    kit_begin(&kit, no_psk);
    struct datapath_peer_config p = kit_view(&kit, A, B).config;
    p.endpoint.port = 0;
    REQUIRE(datapath_core_change(kit.node[A].core, kit.node[A].peer[B], &p, kit.now) == ERR_OK, "no endpoint");
    CHECK(kit_send(&kit, A, B, 100) == DATAPATH_ENDPOINT && kit.wire == 0, "nowhere to send to");
    (void)kit_send(&kit, B, A, 100);
    kit_settle(&kit);
    CHECK(kit_send(&kit, A, B, 100) == DATAPATH_TAKEN, "until he speaks");
    c = kit.node[A].config;
    static const struct {
        uint32_t peers, prefixes, mtu;
    } bad[] = {{0, 1, 1420}, {DATAPATH_PEERS_MAX + 1, 1, 1420}, {1, 0, 1420}, {1, DATAPATH_PREFIXES_MAX + 1, 1420},
               {1, 1, DATAPATH_MTU_MIN - 1}, {1, 1, DATAPATH_MTU_MAX + 1}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct datapath *d;
        uint8_t unused[1];
        c.peers_max = bad[i].peers;
        c.prefixes_max = bad[i].prefixes;
        c.mtu = bad[i].mtu;
        CHECK(datapath_core_init(unused, &c, kit.now, &d) == ERR_INVALID, "row %zu", i);
    }
    kit_end(&kit);
}

int main(void)
{
    REQUIRE(sodium_init() >= 0, "libsodium");
    a_packet_makes_a_session_and_goes_through_it();
    another_psk_is_another_peer();
    without_data_a_keepalive_confirms();
    both_count_the_same_bytes();
    both_at_once_make_one_session();
    who_gives_way_still_gets_through();
    the_wire_cannot_say_anything_twice();
    no_bit_of_a_datagram_may_differ();
    peers_speak_with_their_own_addresses();
    an_endpoint_follows_what_is_proved();
    a_session_is_renewed_and_nothing_is_lost();
    receiving_alone_renews_too();
    keys_are_erased();
    nobody_is_asked_for_ever();
    silence_is_noticed();
    a_clock_that_was_ahead_does_no_harm();
    a_clock_that_was_set_back_does_no_harm();
    under_load_a_node_wants_to_see_addresses();
    peers_come_and_go();
    nobody_nowhere();
    return CHECK_RESULT();
}
