/* Nodes that find ways to each other: the world of ways_kit.h. Signals alone are carried; whether packets would arrive is where
 * the core sends them. */
#include "tests/unit/datapath/ways_kit.h"

#include "tests/support/check.h"

static void they_hear_of_each_other_and_meet(void)
{
    struct datapath_endpoint b = place(B);

    begin();
    CHECK(number(A, B) != UINT32_MAX && number(B, A) != UINT32_MAX, "brought together by the rendezvous alone");
    CHECK(w.node[R].ways.roll.here == 2, "both are there");
    struct datapath_prefix p = address(B);
    uint8_t packet[20] = {0x45, 0, 0, 20, [16] = 10, 9, 0, B + 1};
    uint32_t owner;
    CHECK(datapath_guide_owner(w.node[A].core, packet, sizeof packet, &owner) && owner == number(A, B) && p.bits == 32,
          "with the inner address that the rendezvous has for it");
    for (int i = 0; i < 600; i++) {
        if (datapath_ways_used(&w.node[A].ways, w.now, number(A, B), MTU + 32, &fx)) {
            perform(A);
        }
        run(5);
        CHECK(datapath_ways_limit(&w.node[A].ways, number(A, B)) == UINT32_MAX, "while nothing is known packets go as they are: %d", i);
    }
    CHECK(datapath_message_is_same(goes_to(A, B), &b) && kind_of(A, B) != DATAPATH_PATH_RELAY, "directly");
    CHECK(w.node[B].ways.way[number(B, A)].path.used != DATAPATH_PATH_NONE, "and the other found the way back");
    CHECK(datapath_guide_serial(w.node[R].core, number(R, B)) != 0 && datapath_ways_limit(&w.node[A].ways, number(A, B)) == UINT32_MAX,
          "which carries all");
    end();
}

static void a_relay_serves_until_there_is_a_way(void)
{
    begin();
    w.is_cut = true;
    talk(A, B, 4000, 200);
    CHECK(kind_of(A, B) == DATAPATH_PATH_RELAY && goes_to(A, B)->relay != 0, "by the relay");
    CHECK(w.passed > 0, "which passes on");
    w.is_cut = false;
    talk(A, B, 70000, 200);
    CHECK(kind_of(A, B) != DATAPATH_PATH_RELAY && goes_to(A, B)->relay == 0, "and directly as soon as that is possible");
    /* What the other sends by the relay after that moves nothing. */
    uint32_t b = number(A, B);
    struct datapath_endpoint relay = place(R), direct = *goes_to(A, B);
    relay.relay = 77;
    datapath_guide_lead(w.node[A].core, w.now, b, &relay, &fx.core);
    datapath_ways_moved(&w.node[A].ways, w.now, b, &fx);
    CHECK(datapath_message_is_same(goes_to(A, B), &direct), "a straggler changes nothing");
    end();
}

/* A member speaks to his rendezvous, and that one has packets for him: he never sent it any. */
static void a_rendezvous_reaches_who_is_on_its_roll(void)
{
    struct datapath_endpoint a = place(A), moved = a;

    begin();
    CHECK(goes_to(R, A)->port == 0, "its operator did not say where A is");
    talk(R, A, 3000, 200);
    CHECK(datapath_message_is_same(goes_to(R, A), &a) && kind_of(R, A) != DATAPATH_PATH_RELAY, "it goes where A is heard from");
    moved.port++;
    w.node[A].at = moved; /* a NAT that forgot him gives him another port with his next heartbeat */
    talk(R, A, 30000, 200);
    CHECK(datapath_message_is_same(goes_to(R, A), &moved), "and where he is heard from then");
    CHECK(datapath_message_is_same(&w.node[R].ways.way[number(R, A)].place[0], &moved), "which it has for when it seeks him");
    end();
}

static void who_is_removed_goes_everywhere(void)
{
    begin();
    datapath_core_remove(w.node[R].core, number(R, B));
    run(12000);
    CHECK(number(A, B) == UINT32_MAX, "the others hear of it");
    CHECK(w.node[R].ways.roll.here == 1, "and it is off the roll");
    end();
    begin();
    datapath_core_remove(w.node[R].core, number(R, B)); /* while nobody could be told */
    make_ways(R);
    run(2 * DATAPATH_ROLL_KEEP_MS);
    CHECK(number(A, B) == UINT32_MAX, "who is not on the list of the rendezvous' next life is gone, too");
    CHECK(number(A, R) != UINT32_MAX, "but not the rendezvous, whom it did not bring");
    end();
}

/* Our operator's word stands: a rendezvous does not give away an address of his peers, nor remove one. */
static void what_the_operator_said_stands(void)
{
    struct datapath_prefix p = address(B);

    begin();
    uint32_t plain = add(A, PLAIN);
    datapath_core_remove(w.node[A].core, number(A, B));
    CHECK(datapath_core_allow(w.node[A].core, plain, &p) == ERR_OK, "B's address is another's here");
    make_ways(A); /* another life: it hears of all anew */
    CHECK(datapath_ways_believe(&w.node[A].ways, number(A, R), w.now.ms) == ERR_OK, "it believes the rendezvous");
    run(12000);
    uint8_t packet[20] = {0x45, 0, 0, 20, [16] = 10, 9, 0, B + 1};
    uint32_t owner;
    CHECK(number(A, B) != UINT32_MAX, "B is known again");
    CHECK(datapath_guide_owner(w.node[A].core, packet, sizeof packet, &owner) && owner == plain, "and has not that address");
    end();
}

/* Who was brought and is then changed by hand is the operator's, with the addresses that he has: whatever the rendezvous says
 * of him after that, also that he is gone. */
static void who_is_changed_by_hand_is_the_operators(void)
{
    struct datapath_prefix more = {.ip = {10, 9, 7, 0}, .size = 4, .bits = 24}, other = {.ip = {10, 9, 8, 0}, .size = 4, .bits = 24};
    uint8_t packet[20] = {0x45, 0, 0, 20, [16] = 10, 9, 7, 7};
    uint32_t owner;

    begin();
    REQUIRE(w.node[A].ways.way[number(A, B)].introduced != 0, "the rendezvous brought B");
    uint32_t b = number(A, B);
    CHECK(datapath_core_allow(w.node[A].core, b, &more) == ERR_OK, "the operator gives him an address");
    datapath_ways_claim(&w.node[A].ways, w.now, b);
    CHECK(datapath_core_allow(w.node[R].core, number(R, B), &other) == ERR_OK, "the rendezvous another");
    run(24000);
    CHECK(datapath_guide_owner(w.node[A].core, packet, sizeof packet, &owner) && owner == b, "he keeps that of the operator");
    packet[18] = 8;
    CHECK(!datapath_guide_owner(w.node[A].core, packet, sizeof packet, &owner), "and has not got the other");
    talk(A, B, 3000, 200);
    CHECK(kind_of(A, B) != DATAPATH_PATH_RELAY && w.node[A].ways.way[b].path.used != DATAPATH_PATH_NONE, "a way is found all the same");
    datapath_core_remove(w.node[R].core, number(R, B));
    run(24000);
    CHECK(number(A, B) == b, "he stays when the rendezvous lets him go");
    /* Where he is, too, is the operator's word: it is asked at once, in the midst of whatever goes on. */
    struct datapath_endpoint elsewhere = place(PLAIN);
    uint32_t heard = w.node[PLAIN].heard;
    datapath_guide_lead(w.node[A].core, w.now, b, &elsewhere, &fx.core);
    datapath_ways_claim(&w.node[A].ways, w.now, b);
    talk(A, B, 3000, 200);
    CHECK(w.node[PLAIN].heard > heard, "a new place is asked");
    end();
}

static void a_path_that_swallows_is_noticed(void)
{
    begin();
    talk(A, B, 3000, MTU + 32);
    w.carries = 1300;
    talk(A, B, 3000, MTU + 32);
    uint32_t limit = datapath_ways_limit(&w.node[A].ways, number(A, B));
    CHECK(limit <= 1300 - 32 && limit >= 1168, "within three seconds packets are told to be smaller: %u", limit);
    talk(A, B, 10000, 1200);
    limit = datapath_ways_limit(&w.node[A].ways, number(A, B));
    CHECK(limit <= 1300 - 32 && limit + 16 + 8 > 1300 - 32 && limit % 16 == 0, "as small as they must be: %u", limit);
    end();
}

/* The interface's mtu is another: a way that carried all there could be may not carry what there may be now. */
static void another_mtu_is_measured_anew(void)
{
    begin();
    w.carries = 1500;
    datapath_ways_resize(&w.node[A].ways, 1280);
    talk(A, B, 3000, 1280 + 32);
    CHECK(datapath_ways_limit(&w.node[A].ways, number(A, B)) == UINT32_MAX, "all that there may be goes through");
    datapath_ways_resize(&w.node[A].ways, 1600);
    talk(A, B, 10000, 1600 + 32);
    uint32_t limit = datapath_ways_limit(&w.node[A].ways, number(A, B));
    CHECK(limit <= 1500 - 32 && limit + 16 + 8 > 1500 - 32, "what goes through of what there may be now: %u", limit);
    datapath_ways_resize(&w.node[A].ways, 1280);
    talk(A, B, 3000, 1280 + 32);
    CHECK(datapath_ways_limit(&w.node[A].ways, number(A, B)) == UINT32_MAX, "all again");
    end();
}

/* All that was said is said again, from another place: to those who heard it, and to their next lives. */
static void what_was_said_before_moves_nobody(void)
{
    struct datapath_endpoint foe = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 203, [15] = 9}, .port = 9};

    begin();
    talk(A, B, 3000, 200);
    uint32_t said = w.count, taken = 0;
    for (uint32_t i = 0; i < said; i++) {
        int to = whose(&w.recorded[i].to);
        struct datagram d = w.recorded[i];
        taken += to < NODES && hand_over(to, &foe, d.bytes, d.size) == DATAPATH_WAYS_HEARD;
    }
    CHECK(said > 30 && taken == 0, "%u of %u were taken again", taken, said);
    make_ways(R);
    make_ways(A);
    CHECK(datapath_ways_believe(&w.node[A].ways, number(A, R), w.now.ms) == ERR_OK, "it believes the rendezvous");
    for (uint32_t i = 0; i < said; i++) {
        int to = whose(&w.recorded[i].to);
        struct datagram d = w.recorded[i];
        if (to < NODES) {
            (void)hand_over(to, &foe, d.bytes, d.size);
            run(1);
        }
    }
    struct datapath_endpoint at;
    run(12000);
    for (int n = A; n <= B; n++) {
        struct datapath_endpoint own = place(n);
        CHECK(!datapath_roll_is_here(&w.node[R].ways.roll, number(R, n), &at) || datapath_message_is_same(&at, &own),
              "the next life of the rendezvous has %d where it is", n);
    }
    struct datapath_endpoint b = place(B);
    talk(A, B, 3000, 200);
    CHECK(datapath_message_is_same(goes_to(A, B), &b), "and packets go to B");
    end();
}

/* What answered the pings of an earlier life answers none of this one: there is no way that is not there now. */
static void an_old_answer_makes_no_way(void)
{
    begin();
    talk(A, B, 3000, 200);
    uint32_t said = w.count;
    make_ways(A);
    CHECK(datapath_ways_believe(&w.node[A].ways, number(A, R), w.now.ms) == ERR_OK, "it believes the rendezvous");
    w.is_cut = true;
    for (int round = 0; round < 3; round++) {
        talk(A, B, 300, 200);
        for (uint32_t i = 0; i < said; i++) {
            struct datagram d = w.recorded[i];
            if (whose(&d.to) == A) {
                (void)hand_over(A, &d.from, d.bytes, d.size);
            }
            CHECK(w.node[A].ways.way[number(A, B)].path.used == DATAPATH_PATH_NONE || kind_of(A, B) == DATAPATH_PATH_RELAY,
                  "round %d: %u made a way where there is none", round, i);
        }
    }
    end();
}

/* A peer that is removed and added again within one life of ours hears us at once: what we say to him is not what he heard
 * before, whatever number he has then. */
static void who_comes_back_hears_us(void)
{
    for (int other = 0; other < 2; other++) {
        begin();
        uint32_t plain = add(A, PLAIN), former = number(A, B);
        talk(A, B, 5000, 200);
        w.is_cut = true; /* what is under way comes to its end */
        run(1000);
        w.is_cut = false;
        uint64_t refused = w.node[B].ways.numbers.verdict[DATAPATH_WAYS_FALSE];
        datapath_core_remove(w.node[A].core, former);
        if (other == 1) {
            datapath_core_remove(w.node[A].core, plain); /* whose number he gets */
        }
        uint32_t again = add(A, B);
        struct datapath_endpoint b = place(B);
        CHECK((again == former) == (other == 0), "the number that he has");
        datapath_guide_lead(w.node[A].core, w.now, again, &b, &fx.core);
        talk(A, B, 1000, 200);
        CHECK(w.node[B].ways.numbers.verdict[DATAPATH_WAYS_FALSE] == refused, "%d: nothing is taken for a repetition: %u", other,
              (unsigned)(w.node[B].ways.numbers.verdict[DATAPATH_WAYS_FALSE] - refused));
        CHECK(kind_of(A, B) != DATAPATH_PATH_RELAY && w.node[A].ways.way[again].path.used != DATAPATH_PATH_NONE, "and there is a way");
        end();
    }
}

static void a_plain_peer_is_left_in_peace(void)
{
    begin();
    uint32_t plain = add(A, PLAIN);
    talk(A, PLAIN, 60000, 200);
    CHECK(w.node[PLAIN].heard > 0 && w.node[PLAIN].heard <= DATAPATH_PATH_PUNCHES, "asked %u times", w.node[PLAIN].heard);
    CHECK(!w.node[A].ways.way[plain].is_active, "and no more");
    struct datapath_endpoint at = place(PLAIN);
    CHECK(datapath_message_is_same(goes_to(A, PLAIN), &at), "he is where he was");
    talk(A, PLAIN, 4 * (uint64_t)DATAPATH_WAYS_DEAF_MS_MAX, 200);
    CHECK(w.node[PLAIN].heard <= 9 * DATAPATH_PATH_PUNCHES, "less and less: %u times in four hours", w.node[PLAIN].heard);
    end();
}

/* Two who know each other's keys alone, by their operators' word: where they are the rendezvous says, also when it says so
 * after the first packet wanted to go. */
static void who_has_no_address_is_found(void)
{
    make_all();
    for (int n = A; n <= B; n++) {
        (void)add(R, n);
        (void)add(n, A + B - n);
        CHECK(datapath_ways_believe(&w.node[n].ways, add(n, R), w.now.ms) == ERR_OK, "it believes the rendezvous");
    }
    talk(A, B, 15000, 200);
    CHECK(kind_of(A, B) != DATAPATH_PATH_RELAY && w.node[A].ways.way[number(A, B)].path.used != DATAPATH_PATH_NONE,
          "a way, directly");
    end();
}

/* He has no address until a packet of his says it, as with a peer that is nobody's configuration but his own. */
static void who_shows_where_he_is_is_asked(void)
{
    struct datapath_endpoint b = place(B);

    make_all();
    uint32_t his = add(A, B);
    (void)add(B, A);
    talk(A, B, 3000, 200);
    datapath_guide_lead(w.node[A].core, w.now, his, &b, &fx.core);
    datapath_ways_moved(&w.node[A].ways, w.now, his, &fx);
    perform(A);
    talk(A, B, 1000, 200);
    CHECK(w.node[A].ways.way[his].path.used != DATAPATH_PATH_NONE, "a way at once");
    end();
}

/* Each asked while the other did not hear. */
static void who_could_not_hear_is_asked_again(void)
{
    make_all();
    for (int n = A; n <= B; n++) {
        struct datapath_endpoint at = place(A + B - n);
        datapath_guide_lead(w.node[n].core, w.now, add(n, A + B - n), &at, &fx.core);
    }
    w.is_cut = true;
    talk(A, B, 3000, 200);
    talk(B, A, 3000, 200);
    CHECK(!w.node[A].ways.way[number(A, B)].is_active && !w.node[B].ways.way[number(B, A)].is_active, "each takes the other for any WireGuard");
    w.is_cut = false;
    talk(A, B, 90000, 200);
    CHECK(w.node[A].ways.way[number(A, B)].path.used != DATAPATH_PATH_NONE, "a minute later they have a way");
    end();
}

/* Each answers the other's pings, and that is no reason to go on: packets are. */
static void who_says_nothing_more_is_forgotten(void)
{
    for (int n = 0; n < 2; n++) {
        begin();
        talk(A, B, 5000, 200);
        if (n == 1) {
            talk(B, A, 5000, 200);
        }
        REQUIRE(w.node[A].ways.way[number(A, B)].is_active && w.node[B].ways.way[number(B, A)].is_active, "both have a way");
        run(DATAPATH_WAYS_IDLE_MS - 20000);
        CHECK(w.node[A].ways.way[number(A, B)].is_active && w.node[B].ways.way[number(B, A)].is_active, "kept a while");
        run(60000);
        CHECK(!w.node[A].ways.way[number(A, B)].is_active && !w.node[B].ways.way[number(B, A)].is_active, "and not for ever");
        uint64_t pings = w.node[A].ways.numbers.pings + w.node[B].ways.numbers.pings;
        run(600000);
        CHECK(w.node[A].ways.numbers.pings + w.node[B].ways.numbers.pings == pings, "nothing is said");
        talk(B, A, 2000, 200);
        CHECK(w.node[B].ways.way[number(B, A)].path.used != DATAPATH_PATH_NONE && w.node[A].ways.way[number(A, B)].path.used != DATAPATH_PATH_NONE,
              "but a packet finds the way again, both ways");
        end();
    }
}

/* A way that packets take in one direction alone stays both ways': who only hears keeps his for who speaks. */
static void one_direction_keeps_both_ways(void)
{
    begin();
    talk(A, B, 4 * DATAPATH_WAYS_IDLE_MS, 200);
    const struct datapath_way *way = &w.node[B].ways.way[number(B, A)];
    CHECK(way->is_active && way->path.used != DATAPATH_PATH_NONE, "B's, too");
    CHECK(way->path.sequence > 3 * DATAPATH_WAYS_IDLE_MS / DATAPATH_PATH_IDLE_MS, "and it is one and the same: %u pings", way->path.sequence);
    end();
}

static uint32_t pings_to(int n, const struct datapath_endpoint *to)
{
    uint32_t pings = 0;

    for (int i = 0; i < FLYING; i++) {
        pings += w.flying[i].is_there && datapath_message_is_same(&w.flying[i].to, to) && w.flying[i].from.ip[15] == place(n).ip[15];
    }
    return pings;
}

/* A PING that was recorded before a restart opens, and says where its sender was then: that place is answered and asked once,
 * and whoever is there now hears no more of it. */
static void an_old_ping_is_asked_back_once(void)
{
    struct datapath_endpoint former = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 203, [15] = 9}, .port = 9}, b = place(B);
    uint32_t said, old, heard = 0;

    begin();
    talk(B, A, 3000, 200);
    said = w.count;
    run(2 * DATAPATH_WAYS_IDLE_MS); /* neither says anything any more */
    make_ways(A);
    CHECK(datapath_ways_believe(&w.node[A].ways, number(A, R), w.now.ms) == ERR_OK, "it believes the rendezvous");
    run(12000);
    for (uint32_t i = 0; i < said && w.node[A].ways.numbers.pongs < 3; i++) {
        struct datagram d = w.recorded[i];
        if (whose(&d.from) == B && whose(&d.to) == A) {
            (void)hand_over(A, &former, d.bytes, d.size);
        }
    }
    old = (uint32_t)w.node[A].ways.numbers.pongs;
    run(1);
    for (int ms = 0; ms < 60000; ms += DELAY_MS) { /* each datagram is under way for so long */
        heard += pings_to(A, &former);
        run(DELAY_MS);
    }
    CHECK(old == 3 && heard > old && heard <= 2 * old, "an answer and at most a question: %u for %u", heard, old);
    talk(A, B, 3000, 200);
    CHECK(datapath_message_is_same(goes_to(A, B), &b), "packets go to where B is");
    end();
}

/* A member's addresses change at the rendezvous just before he speaks there: the others hear of that all the same. */
static void who_has_another_address_is_told_of(void)
{
    struct datapath_prefix more = {.ip = {10, 9, 7, 0}, .size = 4, .bits = 24};
    uint8_t packet[20] = {0x45, 0, 0, 20, [16] = 10, 9, 7, 7};
    uint32_t owner;

    begin();
    run(300);
    CHECK(datapath_core_allow(w.node[R].core, number(R, B), &more) == ERR_OK, "one more");
    w.node[B].ways.believe[0].guest.due_ms = w.now.ms; /* before the rendezvous looks for changes */
    REQUIRE(w.node[R].ways.scan_ms > w.now.ms + DELAY_MS, "or this shows nothing");
    run(24000);
    CHECK(datapath_guide_owner(w.node[A].core, packet, sizeof packet, &owner) && owner == number(A, B), "A knows it");
    end();
}

static void who_is_silent_says_nothing(void)
{
    struct datapath_endpoint here = place(A);
    struct datapath_signal ping = {.kind = DATAPATH_SIGNAL_PING};

    begin();
    CHECK(say(A, &ping, &here) == DATAPATH_WAYS_HEARD && fx.sends > 0, "a ping is answered");
    w.node[R].ways.config.is_silent = true;
    CHECK(say(A, &ping, &here) == DATAPATH_WAYS_UNASKED && fx.sends == 0, "by who is silent it is not");
    CHECK(!datapath_ways_used(&w.node[R].ways, w.now, number(R, B), 200, &fx), "and he seeks no way");
    end();
}

static void limits_hold(void)
{
    begin();
    for (int i = 0; i < DATAPATH_WAYS_BELIEVED - 1; i++) {
        struct datapath_peer_config c = {.endpoint = place(R)};
        struct datapath_noise_self self;
        uint32_t peer;
        memset(self.secret, 100 + i, sizeof self.secret);
        CHECK(datapath_noise_public(&self) == ERR_OK, "a key");
        memcpy(c.public, self.public, sizeof c.public);
        CHECK(datapath_core_add(w.node[A].core, &c, w.now, &peer) == ERR_OK, "a peer");
        CHECK(datapath_ways_believe(&w.node[A].ways, peer, w.now.ms) == ERR_OK, "believed");
    }
    uint32_t one_more = add(A, PLAIN);
    CHECK(datapath_ways_believe(&w.node[A].ways, one_more, w.now.ms) == ERR_LIMIT, "and no more");
    CHECK(datapath_ways_believe(&w.node[A].ways, number(A, R), w.now.ms) == ERR_OK, "who is believed may be named again");
    run(5000);
    datapath_core_remove(w.node[A].core, number(A, R));
    run(30000); /* he is no peer any more: nothing is said to nobody */
    end();
}

int main(void)
{
    they_hear_of_each_other_and_meet();
    a_relay_serves_until_there_is_a_way();
    a_rendezvous_reaches_who_is_on_its_roll();
    who_is_removed_goes_everywhere();
    what_the_operator_said_stands();
    who_is_changed_by_hand_is_the_operators();
    a_path_that_swallows_is_noticed();
    another_mtu_is_measured_anew();
    what_was_said_before_moves_nobody();
    an_old_answer_makes_no_way();
    who_comes_back_hears_us();
    a_plain_peer_is_left_in_peace();
    who_has_no_address_is_found();
    who_shows_where_he_is_is_asked();
    who_could_not_hear_is_asked_again();
    who_says_nothing_more_is_forgotten();
    one_direction_keeps_both_ways();
    an_old_ping_is_asked_back_once();
    who_has_another_address_is_told_of();
    who_is_silent_says_nothing();
    limits_hold();
    return CHECK_RESULT();
}
