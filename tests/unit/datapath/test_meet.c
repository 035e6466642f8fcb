/* What a rendezvous and a relay do for members, and what nobody gets of them: the world of ways_kit.h. */
#include "tests/unit/datapath/ways_kit.h"

#include "tests/support/check.h"

/* So much time passes, and B is the peer of A that he was. */
static void keeps(uint32_t serial, uint64_t ms, const char *why)
{
    bool is_kept = true;

    for (uint64_t i = 0; i < ms; i += 100) {
        run(100);
        is_kept = is_kept && number(A, B) != UINT32_MAX && datapath_guide_serial(w.node[A].core, number(A, B)) == serial;
    }
    CHECK(is_kept, "%s", why);
}

/* What a rendezvous forgot when it began again is no reason to forget anybody. */
static void another_life_of_the_rendezvous_parts_nobody(void)
{
    begin();
    uint32_t serial = datapath_guide_serial(w.node[A].core, number(A, B));
    make_ways(R);
    keeps(serial, 60000, "B spoke to the next life later than A, and is the same peer");
    CHECK(w.node[R].ways.roll.here == 2, "both are there again");
    w.is_lonely = true;
    make_ways(R);
    keeps(serial, 120000, "B does not reach the next life, which knows that he is a member");
    CHECK(w.node[R].ways.roll.here == 1, "and has not heard him");
    w.is_lonely = false;
    run(12000);
    datapath_core_remove(w.node[R].core, number(R, B));
    make_ways(R);
    keeps(serial, DATAPATH_ROLL_KEEP_MS / 2, "B is no peer of the next life");
    (void)add(R, B);
    keeps(serial, 60000, "until he is added again, in time");
    end();
}

/* A member who was not heard by this life can be removed from it; who was never heard is nobody to tell of. */
static void who_was_not_heard_can_go(void)
{
    begin();
    uint32_t plain = add(R, PLAIN);
    w.is_lonely = true;
    make_ways(R);
    run(24000);
    CHECK(number(A, B) != UINT32_MAX && number(A, PLAIN) == UINT32_MAX, "who was never there is nobody's peer");
    datapath_core_remove(w.node[R].core, number(R, B));
    datapath_core_remove(w.node[R].core, plain);
    run(12000);
    CHECK(number(A, B) == UINT32_MAX, "and who is removed is gone, though this life never heard him");
    end();
}

/* Whose packets to 10.a.b.c are at n. */
static uint32_t owner_at(int n, uint8_t a, uint8_t b, uint8_t c)
{
    uint8_t packet[20] = {0x45, 0, 0, 20, [16] = 10, a, b, c};
    uint32_t owner;

    return datapath_guide_owner(w.node[n].core, packet, sizeof packet, &owner) ? owner : UINT32_MAX;
}

static void say_of(int n, int of, uint8_t b, uint8_t c, uint8_t bits)
{
    struct datapath_prefix p = {.ip = {10, 9, b, c}, .size = 4, .bits = bits};

    CHECK(datapath_core_allow(w.node[n].core, number(n, of), &p) == ERR_OK, "10.9.%u.%u/%u", b, c, bits);
}

/* A longer prefix takes addresses away as well as the same one does. Inside of its own it may say who has which. */
static void a_rendezvous_takes_no_part_of_what_the_operator_gave(void)
{
    begin();
    uint32_t plain = add(A, PLAIN);
    say_of(A, PLAIN, 7, 0, 24);
    say_of(A, PLAIN, 8, 128, 25);
    say_of(A, R, 6, 0, 24);
    say_of(R, B, 7, 5, 32);   /* inside of the operator's */
    say_of(R, B, 7, 128, 25);
    say_of(R, B, 8, 0, 24);   /* around it */
    say_of(R, B, 6, 9, 32);   /* inside of its own */
    say_of(R, B, 6, 0, 24);   /* … and all of that */
    run(24000);
    uint32_t b = number(A, B), r = number(A, R);
    CHECK(b != UINT32_MAX && owner_at(A, 9, 0, B + 1) == b, "B has its own address still");
    CHECK(owner_at(A, 9, 7, 5) == plain && owner_at(A, 9, 7, 200) == plain, "and nothing of PLAIN's network: %u", owner_at(A, 9, 7, 5));
    CHECK(owner_at(A, 9, 8, 1) == b && owner_at(A, 9, 8, 200) == plain, "around it what was nobody's");
    CHECK(owner_at(A, 9, 6, 9) == b && owner_at(A, 9, 6, 10) == r, "of the rendezvous' own network a part, not the whole");
    end();
}

/* What a rendezvous said to an earlier life of a node, in the same life of its own, is said again to the next: before that one
 * heard anything, and when it knows the epoch. */
static void what_was_said_to_an_earlier_life_brings_nobody(void)
{
    begin();
    w.is_cut = true; /* so that there are a MEET and a RELAYING, too */
    talk(A, B, 3000, 200);
    w.is_cut = false;
    uint32_t said = w.count, of_r = 0, taken = 0;
    datapath_core_remove(w.node[A].core, number(A, B));
    for (int round = 0; round < 2; round++) {
        make_ways(A);
        CHECK(datapath_ways_believe(&w.node[A].ways, number(A, R), w.now.ms) == ERR_OK, "it believes the rendezvous");
        run(round == 0 ? 0 : 100); /* the new life hears the rendezvous */
        for (uint32_t i = 0; i < said; i++) {
            struct datagram d = w.recorded[i];
            bool is_of_r = whose(&d.from) == R && whose(&d.to) == A && d.to.relay == 0;
            of_r += is_of_r;
            taken += is_of_r && hand_over(A, &d.from, d.bytes, d.size) == DATAPATH_WAYS_HEARD;
        }
        CHECK(round > 0 || number(A, B) == UINT32_MAX, "an old word brings nobody");
    }
    CHECK(of_r >= 6 && taken == 0, "%u of %u were taken", taken, of_r);
    CHECK(w.node[A].ways.way[number(A, B)].relay_id[0] == 0, "nor does an old word say what the relay calls B");
    end();
}

/* A member's word counts from where he is; and what he asks the rendezvous for is asked of it by nobody else. */
static void calls_come_from_where_a_member_is(void)
{
    struct datapath_endpoint here = place(A), elsewhere = place(NODES), by_relay = place(A);
    struct datapath_signal call = {.kind = DATAPATH_SIGNAL_CALL};

    begin();
    by_relay.relay = 5;
    call.epoch = w.node[R].ways.roll.epoch;
    memcpy(call.key, w.node[B].public, sizeof call.key);
    CHECK(say(A, &call, &elsewhere) == DATAPATH_WAYS_UNASKED && fx.sends == 0, "from elsewhere");
    CHECK(say(A, &call, &by_relay) == DATAPATH_WAYS_UNASKED && fx.sends == 0, "by way of a relay");
    CHECK(say(A, &call, &here) == DATAPATH_WAYS_HEARD && fx.sends == 2, "from where he is: both are told");
    call.epoch++;
    CHECK(say(A, &call, &here) == DATAPATH_WAYS_UNASKED && fx.sends == 0, "of another life");
    call.epoch--;
    memcpy(call.key, w.node[A].public, sizeof call.key);
    CHECK(say(A, &call, &here) == DATAPATH_WAYS_UNASKED, "with himself");
    memcpy(call.key, w.node[PLAIN].public, sizeof call.key);
    CHECK(say(A, &call, &here) == DATAPATH_WAYS_UNASKED, "with nobody that the rendezvous knows");
    end();
}

/* Nobody has the rendezvous say more than he said himself; nor at length, to whomever it knows. */
/* A rendezvous speaks to a member on its own link by an address of that; nobody else hears of it. */
static void who_is_on_its_link_is_a_member_as_any(void)
{
    struct datapath_endpoint link = {.ip = {0xfe, 0x80, [15] = 7}, .port = 9, .scope = 3}, elsewhere = link;
    struct datapath_signal roll = {.kind = DATAPATH_SIGNAL_ROLL, .question = 5, .places = 1, .place = {place(B)}},
                           call = {.kind = DATAPATH_SIGNAL_CALL};
    struct datapath_signal_member m;

    begin();
    roll.epoch = call.epoch = w.node[R].ways.roll.epoch;
    memcpy(call.key, w.node[A].public, sizeof call.key);
    CHECK(say(B, &roll, &link) == DATAPATH_WAYS_HEARD && datapath_message_is_same(&fx.send[0].to, &link), "it is answered there");
    CHECK(say(B, &call, &link) == DATAPATH_WAYS_HEARD && fx.sends == 2 && datapath_message_is_same(&fx.send[0].to, &link),
          "and heard from there: %u", fx.sends);
    elsewhere.scope = 4;
    CHECK(say(B, &call, &elsewhere) == DATAPATH_WAYS_UNASKED, "another link is another place");
    datapath_roll_member(&w.node[R].ways.roll, number(R, B), w.node[B].public, &m);
    struct datapath_endpoint his = place(B);
    CHECK(m.places == 1 && datapath_message_is_same(&m.place[0], &his), "others are told where else he is: %u", m.places);
    uint64_t change = w.node[R].ways.roll.change;
    CHECK(say(B, &roll, &link) == DATAPATH_WAYS_HEARD && w.node[R].ways.roll.change == change, "a heartbeat is no change");
    end();
}

static void a_call_costs_who_calls(void)
{
    struct datapath_endpoint here = place(A), b = place(B), also = place(PLAIN);
    struct datapath_signal call = {.kind = DATAPATH_SIGNAL_CALL}, roll = {.kind = DATAPATH_SIGNAL_ROLL, .places = DATAPATH_SIGNAL_PLACES - 1};
    struct datapath_signal relay = {.kind = DATAPATH_SIGNAL_RELAY};
    uint32_t heard = 0;

    begin();
    call.epoch = roll.epoch = relay.epoch = w.node[R].ways.roll.epoch;
    memcpy(call.key, w.node[B].public, sizeof call.key);
    memcpy(relay.key, w.node[B].public, sizeof relay.key);
    for (uint32_t i = 0; i < roll.places; i++) { /* a member of whom there is much to say */
        roll.place[i] = also;
        roll.place[i].ip[0] = 0xfd;
    }
    CHECK(say(B, &roll, &b) == DATAPATH_WAYS_HEARD, "B says where he is");
    for (int i = 0; i < DATAPATH_SIGNAL_PREFIXES; i++) {
        struct datapath_prefix p = {.ip = {0xfd, 1, [15] = (uint8_t)i}, .size = 16, .bits = 128};
        CHECK(datapath_core_allow(w.node[R].core, number(R, B), &p) == ERR_OK, "and has many addresses");
    }
    run(2000);
    CHECK(say_in(A, &call, &here, DATAPATH_WAYS_CALL_SIZE - 1) == DATAPATH_WAYS_FALSE && fx.sends == 0, "a call into which no answer fits");
    CHECK(say(A, &call, &here) == DATAPATH_WAYS_HEARD && fx.sends == 2, "one into which it does");
    CHECK(fx.send[0].size > DATAPATH_WAYS_CALL_SIZE * 3 / 4 && fx.send[0].size <= DATAPATH_WAYS_CALL_SIZE &&
          fx.send[1].size <= DATAPATH_WAYS_CALL_SIZE, "no answer is longer: %u, %u", fx.send[0].size, fx.send[1].size);
    run(2000);
    uint32_t refused = 0;
    for (int i = 0; i < 2 * DATAPATH_WAYS_ASK_BURST; i++) {
        enum datapath_ways_verdict v = i % 2 == 0 ? say(A, &call, &here) : say(A, &relay, &here);
        heard += v == DATAPATH_WAYS_HEARD;
        refused += v == DATAPATH_WAYS_MUCH && fx.sends == 0;
    }
    CHECK(heard + refused == 2 * DATAPATH_WAYS_ASK_BURST, "heard, or too much: %u and %u", heard, refused);
    CHECK(heard == DATAPATH_WAYS_ASK_BURST, "so many at once: %u", heard);
    memcpy(call.key, w.node[A].public, sizeof call.key);
    CHECK(say(B, &call, &b) == DATAPATH_WAYS_HEARD, "others have their own");
    memcpy(call.key, w.node[B].public, sizeof call.key);
    w.now.ms += 1000;
    for (heard = 0; heard <= DATAPATH_WAYS_ASK_RATE && say(A, &call, &here) == DATAPATH_WAYS_HEARD; heard++) {
    }
    CHECK(heard == DATAPATH_WAYS_ASK_RATE, "and so many in a second: %u", heard);
    end();
}

static struct datapath_endpoint v4_at(uint8_t a, uint8_t d, uint16_t port)
{
    return (struct datapath_endpoint){.ip = {[10] = 0xff, [11] = 0xff, [12] = a, [15] = d}, .port = port};
}

/* Neither a member nor a rendezvous sends others to where nobody can be, nor to themselves. */
static void nobody_is_sent_to_himself(void)
{
    struct datapath_endpoint b = place(B), good = v4_at(10, 7, 4000);
    struct datapath_signal roll = {.kind = DATAPATH_SIGNAL_ROLL, .places = 4,
                                   .place = {v4_at(127, 1, 4000), v4_at(224, 1, 4000), good, v4_at(0, 0, 4000)}};

    begin();
    roll.epoch = w.node[R].ways.roll.epoch;
    CHECK(say(B, &roll, &b) == DATAPATH_WAYS_HEARD, "B says where he is");
    struct datapath_roll_entry *e = &w.node[R].ways.roll.entry[number(R, B)];
    CHECK(e->places == 2 && datapath_message_is_same(&e->place[0], &b) && datapath_message_is_same(&e->place[1], &good),
          "others are told of the place where he can be: of %u", e->places);
    e->places = 4; /* a rendezvous that tells of all */
    e->place[2] = e->place[1];
    e->place[1] = v4_at(127, 1, 51820);
    e->place[3] = (struct datapath_endpoint){.ip = {0xff, 2, [15] = 1}, .port = 4000};
    datapath_roll_changed(&w.node[R].ways.roll, number(R, B));
    run(12000);
    const struct datapath_way *way = &w.node[A].ways.way[number(A, B)];
    CHECK(way->places == 2 && datapath_message_is_same(&way->place[0], &b) && datapath_message_is_same(&way->place[1], &good),
          "and who is told asks no other: %u", way->places);
    e->place[0] = v4_at(127, 1, 51820);
    e->places = 1;
    datapath_roll_changed(&w.node[R].ways.roll, number(R, B));
    run(12000);
    CHECK(datapath_message_is_same(goes_to(A, B), &b), "nor do his packets go there");
    end();
}

/* A relay, too, passes on for who is here, to where he was heard; and who is heard elsewhere goes on from there. */
static void a_relay_serves_who_is_here(void)
{
    struct datapath_endpoint here = place(A), elsewhere = place(NODES), direct = place(R);
    struct datapath_signal relay = {.kind = DATAPATH_SIGNAL_RELAY};

    begin();
    relay.epoch = w.node[R].ways.roll.epoch;
    memcpy(relay.key, w.node[B].public, sizeof relay.key);
    CHECK(say(A, &relay, &elsewhere) == DATAPATH_WAYS_UNASKED && fx.sends == 0, "from elsewhere");
    CHECK(say(A, &relay, &here) == DATAPATH_WAYS_HEARD && fx.sends == 1, "from where he is");
    end();
    begin();
    w.is_cut = true;
    talk(A, B, 4000, 200);
    uint32_t id = goes_to(A, B)->relay;
    CHECK(kind_of(A, B) == DATAPATH_PATH_RELAY && id != 0, "by the relay");
    w.node[A].at = elsewhere; /* another address; with the next heartbeat and question the relay knows */
    w.node[A].ways.believe[0].guest.due_ms = w.now.ms;
    run(2 * DELAY_MS);
    w.node[A].ways.way[number(A, B)].relay_ms = w.now.ms;
    datapath_ways_schedule(&w.node[A].ways, number(A, B));
    talk(A, B, 1000, 200);
    CHECK(kind_of(A, B) == DATAPATH_PATH_RELAY && goes_to(A, B)->relay != id && goes_to(A, B)->relay == w.node[A].ways.way[number(A, B)].relay_id[0] &&
          goes_to(A, B)->port == direct.port, "packets go by the id that he has there");
    end();
}

/* A and B believe two, who know both; A heard of B from R first. */
static void begin_with_two(void)
{
    begin();
    (void)add(S, A);
    (void)add(S, B);
    for (int n = A; n <= B; n++) {
        CHECK(datapath_ways_believe(&w.node[n].ways, add(n, S), w.now.ms) == ERR_OK, "it believes the other rendezvous, too");
    }
    run(24000);
    CHECK(w.node[S].ways.roll.here == 2, "who knows both");
}

/* What one of two rendezvous says is beside what the other says, not in its place. */
static void two_rendezvous_speak_for_themselves(void)
{
    begin_with_two();
    uint32_t serial = datapath_guide_serial(w.node[A].core, number(A, B));
    say_of(S, B, 4, 0, 24);
    run(24000);
    CHECK(owner_at(A, 9, 4, 4) == UINT32_MAX, "R brought him, and says nothing of that");
    datapath_core_remove(w.node[R].core, number(R, B));
    keeps(serial, 30000, "R has B no more, and S has him still");
    CHECK(owner_at(A, 9, 4, 4) == number(A, B), "and what S said before is what counts");
    struct datapath_prefix more = {.ip = {10, 9, 5, 0}, .size = 4, .bits = 24};
    CHECK(datapath_core_allow(w.node[S].core, number(S, B), &more) == ERR_OK, "whose word it is now");
    keeps(serial, 24000, "what addresses he has");
    CHECK(owner_at(A, 9, 5, 5) == number(A, B) && owner_at(A, 9, 0, B + 1) == number(A, B), "and A knows them");
    make_ways(S);
    keeps(serial, 90000, "another life of S");
    datapath_core_remove(w.node[S].core, number(S, B));
    run(12000);
    CHECK(number(A, B) == UINT32_MAX, "neither has him");
    end();
    begin_with_two();
    serial = datapath_guide_serial(w.node[A].core, number(A, B));
    datapath_core_remove(w.node[S].core, number(S, B));
    make_ways(S);
    keeps(serial, 90000, "who was brought by R is on no list of S, and stays");
    datapath_core_remove(w.node[R].core, number(R, B));
    run(12000);
    CHECK(number(A, B) == UINT32_MAX, "until R has him no more");
    end();
}

static void one_rendezvous_takes_nothing_from_the_other(void)
{
    struct datapath_endpoint b = place(B), plain = place(PLAIN);

    begin_with_two();
    (void)add(S, PLAIN);
    say_of(R, B, 5, 0, 24);
    run(24000);
    say_of(S, PLAIN, 5, 9, 32); /* a part of what R's member has */
    w.node[S].ways.roll.entry[number(S, B)].place[0] = v4_at(10, 66, 4000); /* and where he is not */
    datapath_roll_changed(&w.node[S].ways.roll, number(S, B));
    struct datapath_signal roll = {.kind = DATAPATH_SIGNAL_ROLL, .epoch = w.node[S].ways.roll.epoch, .question = 7}, news;
    uint8_t members[DATAPATH_ROLL_TEXT];
    datapath_roll_answer(&w.node[S].ways.roll, w.now.ms, number(S, PLAIN), w.node[PLAIN].public, &plain, &roll, DATAPATH_SIGNAL_LEAST, &news, members);
    w.node[B].ways.believe[1].guest.due_ms += 15000; /* so that it is not set right before A asks */
    bool is_there = true;
    for (int i = 0; i < 240; i++) {
        run(100);
        is_there = is_there && datapath_message_is_same(goes_to(A, B), &b);
    }
    CHECK(number(A, PLAIN) != UINT32_MAX && owner_at(A, 9, 5, 9) == number(A, B), "what R's member has stays his");
    CHECK(is_there, "and packets to him go where R sees him");
    say_of(S, A, 5, 10, 32); /* what is refused twice is asked for no more often */
    say_of(S, PLAIN, 5, 11, 32);
    uint64_t rolls = w.node[A].ways.numbers.rolls;
    run(60000);
    CHECK(w.node[A].ways.numbers.rolls - rolls <= 2 * 6 + 6, "%d questions in a minute to two", (int)(w.node[A].ways.numbers.rolls - rolls));
    datapath_core_remove(w.node[S].core, number(S, B));
    run(12000);
    CHECK(owner_at(A, 9, 5, 9) == number(A, B), "while R has him");
    datapath_core_remove(w.node[R].core, number(R, B));
    run(30000);
    CHECK(number(A, B) == UINT32_MAX && owner_at(A, 9, 5, 9) == number(A, PLAIN), "when he is gone S's member has what was refused: %u", owner_at(A, 9, 5, 9));
    end();
}

/* A packet from n for `to` waits for a session. */
static void wants(int n, int to)
{
    struct datapath_endpoint at;
    struct datapath_effects core;
    uint8_t packet[28] = {0x45, [3] = 28, [12] = 10, 9, 0, (uint8_t)(n + 1), 10, 9, 0, (uint8_t)(to + 1)}, out[DATAPATH_ROOM];
    size_t sealed;

    CHECK(datapath_core_send(w.node[n].core, w.now, packet, sizeof packet, out, &sealed, &at, &core) == DATAPATH_WAITING, "to %d", to);
}

/* A rendezvous that hears that a network has moved tells all of its nodes in one answer: each handshake that was under way
 * begins again at once, not when it would be tried again. */
static void all_who_moved_are_asked_at_once(void)
{
    enum { MANY = 6 };
    struct datapath_endpoint plain = place(PLAIN);
    struct datapath_signal roll = {.kind = DATAPATH_SIGNAL_ROLL, .question = 7}, news;
    uint8_t members[DATAPATH_ROLL_TEXT], keys[MANY][32];

    begin();
    roll.epoch = w.node[R].ways.roll.epoch;
    for (int i = 0; i < MANY; i++) {
        struct datapath_peer_config c = {.public = {9, (uint8_t)i}};
        struct datapath_prefix p = address(20 + i);
        uint32_t peer;
        memcpy(keys[i], c.public, 32);
        REQUIRE(datapath_core_add(w.node[R].core, &c, w.now, &peer) == ERR_OK && datapath_core_allow(w.node[R].core, peer, &p) == ERR_OK, "a member");
        datapath_serve_scan(&w.node[R].ways, w.now.ms);
        datapath_roll_answer(&w.node[R].ways.roll, w.now.ms, peer, keys[i], &plain, &roll, DATAPATH_SIGNAL_LEAST, &news, members);
    }
    run(12000);
    for (int i = 0; i < MANY; i++) {
        wants(A, 20 + i);
    }
    for (int i = 0; i < MANY; i++) {
        uint32_t peer;
        REQUIRE(datapath_core_find(w.node[R].core, keys[i], &peer), "known");
        w.node[R].ways.roll.entry[peer].place[0] = v4_at(10, 66, (uint16_t)(4000 + i));
        datapath_roll_changed(&w.node[R].ways.roll, peer);
    }
    uint32_t before = w.shakes;
    run(12000);
    CHECK(w.shakes - before == MANY, "%u of %d began again", w.shakes - before, MANY);
    for (uint32_t i = before; i < w.shakes; i++) {
        CHECK(w.shook[i % SHOOK].port >= 4000 && w.shook[i % SHOOK].port < 4000 + MANY, "where they are now: %u", w.shook[i % SHOOK].port);
    }
    /* One too many for a step: it is the clock's turn at once. */
    struct datapath_endpoint at = v4_at(10, 66, 5000);
    fx.core.sends = DATAPATH_SENDS_MAX;
    wants(A, B);
    datapath_guide_lead(w.node[A].core, w.now, number(A, B), &at, &fx.core);
    CHECK(fx.core.sends == DATAPATH_SENDS_MAX && datapath_core_due_ms(w.node[A].core) <= w.now.ms, "there was no room");
    bool is_asked = false;
    do {
        datapath_core_clock(w.node[A].core, w.now, &fx.core);
        for (uint32_t i = 0; i < fx.core.sends; i++) {
            is_asked = is_asked || datapath_message_is_same(&fx.core.send[i].to, &at);
        }
    } while (fx.core.due_ms <= w.now.ms);
    CHECK(is_asked, "he is asked where he is");
    end();
}

int main(void)
{
    another_life_of_the_rendezvous_parts_nobody();
    who_was_not_heard_can_go();
    a_rendezvous_takes_no_part_of_what_the_operator_gave();
    what_was_said_to_an_earlier_life_brings_nobody();
    calls_come_from_where_a_member_is();
    who_is_on_its_link_is_a_member_as_any();
    a_call_costs_who_calls();
    nobody_is_sent_to_himself();
    a_relay_serves_who_is_here();
    two_rendezvous_speak_for_themselves();
    one_rendezvous_takes_nothing_from_the_other();
    all_who_moved_are_asked_at_once();
    return CHECK_RESULT();
}
