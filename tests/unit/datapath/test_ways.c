/* Nodes that find ways to each other: a rendezvous that relays, two who believe it, and what comes between them. Signals
 * alone are carried; whether packets would arrive is where the core sends them. */
#include "datapath/ways.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"

enum { NODES = 4, R = 0, A = 1, B = 2, PLAIN = 3, PEERS = 8, PREFIXES = 32, MTU = 1420, FLYING = 256, DELAY_MS = 10, RECORDED = 512 };

struct datagram {
    bool is_there;
    uint64_t at_ms;
    struct datapath_endpoint from, to;
    size_t size;
    uint8_t bytes[DATAPATH_ROOM];
};

struct node {
    struct datapath_endpoint at;
    uint8_t secret[32], public[32];
    void *memory, *ways_memory;
    struct datapath *core;
    struct datapath_ways ways;
    uint64_t life;
    uint32_t heard;   /* datagrams that came */
};

static struct world {
    struct datapath_time now;
    struct node node[NODES];
    bool is_cut;      /* between A and B     */
    uint32_t carries; /* bytes of a datagram between A and B */
    uint32_t passed;  /* by the relay        */
    struct datagram flying[FLYING], recorded[RECORDED];
    uint32_t count;   /* recorded            */
} w;

static struct datapath_ways_effects fx;

static struct datapath_endpoint place(int n)
{
    return (struct datapath_endpoint){.ip = {[10] = 0xff, [11] = 0xff, [12] = 192, [15] = (uint8_t)(n + 1)}, .port = 51820};
}

static struct datapath_prefix address(int n)
{
    return (struct datapath_prefix){.ip = {10, 9, 0, (uint8_t)(n + 1)}, .size = 4, .bits = 32};
}

static void fly(const struct datapath_endpoint *from, const struct datapath_endpoint *to, const uint8_t *bytes, size_t size)
{
    for (int i = 0; i < FLYING; i++) {
        struct datagram *d = &w.flying[i];
        if (!d->is_there) {
            *d = (struct datagram){.is_there = true, .at_ms = w.now.ms + DELAY_MS, .from = *from, .to = *to, .size = size};
            memcpy(d->bytes, bytes, size);
            return;
        }
    }
    CHECK(false, "more is on the wire than there ever should be");
}

static void perform(int n)
{
    for (uint32_t i = 0; i < fx.sends; i++) {
        const struct datapath_send *s = &fx.send[i];
        fly(&w.node[n].at, &s->to, fx.bytes + s->at, s->size);
        if (w.count < RECORDED && s->size <= DATAPATH_SIGNAL_MOST) {
            struct datagram *d = &w.recorded[w.count++];
            *d = (struct datagram){.from = w.node[n].at, .to = s->to, .size = s->size};
            memcpy(d->bytes, fx.bytes + s->at, s->size);
        }
    }
}

static int whose(const struct datapath_endpoint *to)
{
    int n = 0;

    while (n < NODES && (memcmp(w.node[n].at.ip, to->ip, sizeof to->ip) != 0 || w.node[n].at.port != to->port)) {
        n++;
    }
    return n;
}

static enum datapath_ways_verdict hand_over(int n, const struct datapath_endpoint *from, uint8_t *bytes, size_t size)
{
    w.node[n].heard++;
    if (n == PLAIN || datapath_message_own(bytes, size) != DATAPATH_KIND_SIGNAL) {
        return DATAPATH_WAYS_FALSE; /* a handshake, or to somebody who knows no signals */
    }
    enum datapath_ways_verdict v = datapath_ways_receive(&w.node[n].ways, w.now, from, bytes, size, &fx);
    perform(n);
    return v;
}

/* As the shell of a relay does. */
static void pass_on(struct datagram d)
{
    struct datapath_endpoint to, from = w.node[R].at;
    uint32_t id;

    if (datapath_relay_pass(&w.node[R].ways.relay, w.now.ms, &d.from, d.to.relay, (uint32_t)d.size, &to, &id) == DATAPATH_RELAY_PASSED) {
        w.passed++;
        from.relay = id;
        int n = whose(&to);
        if (n < NODES && datapath_ways_is_relay(&w.node[n].ways, &w.node[R].at)) {
            (void)hand_over(n, &from, d.bytes, d.size);
        }
    }
}

static void deliver(struct datagram d)
{
    int from = whose(&d.from), to = whose(&d.to);
    bool is_between = (from == A && to == B) || (from == B && to == A);

    if (d.to.relay != 0) {
        pass_on(d);
    } else if (to < NODES && !(is_between && (w.is_cut || d.size > w.carries))) {
        (void)hand_over(to, &d.from, d.bytes, d.size);
    }
}

/* How long nothing happens from now on, at most so long. */
static uint64_t idle_ms(uint64_t most)
{
    uint64_t next = w.now.ms + most;

    for (int i = 0; i < FLYING; i++) {
        next = w.flying[i].is_there && w.flying[i].at_ms < next ? w.flying[i].at_ms : next;
    }
    for (int n = 0; n < NODES; n++) {
        uint64_t due = w.node[n].memory == NULL ? UINT64_MAX : datapath_ways_due_ms(&w.node[n].ways);
        next = due < next ? due : next;
    }
    return next > w.now.ms ? next - w.now.ms : 1;
}

static void run(uint64_t ms)
{
    for (uint64_t end = w.now.ms + ms, step; w.now.ms < end; w.now.ms += step, w.now.wall_ns += step * 1000000) {
        for (int i = 0; i < FLYING; i++) {
            if (w.flying[i].is_there && w.now.ms >= w.flying[i].at_ms) {
                w.flying[i].is_there = false;
                deliver(w.flying[i]);
            }
        }
        for (int n = 0; n < NODES; n++) {
            for (int turns = 0; w.node[n].memory != NULL && datapath_ways_due_ms(&w.node[n].ways) <= w.now.ms; turns++) {
                datapath_ways_clock(&w.node[n].ways, w.now, &fx);
                perform(n);
                REQUIRE(turns < 100, "node %d is due again and again", n);
            }
        }
        step = idle_ms(end - w.now.ms);
    }
}

/* The number that `of` has at n; UINT32_MAX: it is no peer there. */
static uint32_t number(int n, int of)
{
    uint32_t peer;

    return datapath_core_find(w.node[n].core, w.node[of].public, &peer) ? peer : UINT32_MAX;
}

static uint32_t add(int n, int of)
{
    struct datapath_peer_config c = {.endpoint = of == R || of == PLAIN ? place(of) : (struct datapath_endpoint){.port = 0}};
    struct datapath_prefix p = address(of);
    uint32_t peer;

    memcpy(c.public, w.node[of].public, sizeof c.public);
    CHECK(datapath_core_add(w.node[n].core, &c, w.now, &peer) == ERR_OK, "node %d knows %d", n, of);
    CHECK(datapath_core_allow(w.node[n].core, peer, &p) == ERR_OK, "and its address");
    return peer;
}

static void make_ways(int n)
{
    struct node *x = &w.node[n];
    struct datapath_ways_config c = {.peers_max = PEERS, .mtu = MTU, .life = ++x->life, .is_rendezvous = n == R, .is_relay = n == R,
                                     .own = 1, .place = {place(n)}};

    memset(c.seed, (int)(n * 16 + (int)x->life), sizeof c.seed);
    free(x->ways_memory);
    x->ways_memory = malloc(datapath_ways_size(PEERS, n == R, n == R));
    REQUIRE(x->ways_memory != NULL, "memory");
    datapath_ways_init(&x->ways, x->ways_memory, x->core, &c, w.now.ms);
}

static void make(int n)
{
    struct node *x = &w.node[n];
    struct datapath_config c = {.peers_max = PEERS, .prefixes_max = PREFIXES, .mtu = MTU, .pace = datapath_pace_usual(),
                                .aead = &datapath_aead_sodium};

    x->at = place(n);
    x->life = 1;
    memset(c.secret, n + 1, sizeof c.secret);
    memset(c.seed, n + 1, sizeof c.seed);
    x->memory = malloc(datapath_core_size(PEERS, PREFIXES, MTU));
    REQUIRE(x->memory != NULL && datapath_core_init(x->memory, &c, w.now, &x->core) == ERR_OK, "a core");
    memcpy(x->public, datapath_core_public(x->core), sizeof x->public);
    make_ways(n);
}

static void make_all(void)
{
    w = (struct world){.now = {.ms = 1000, .wall_ns = UINT64_C(1700000000000000000)}, .carries = UINT32_MAX};
    for (int n = 0; n < NODES; n++) {
        make(n);
    }
}

static void begin(void)
{
    make_all();
    (void)add(R, A);
    (void)add(R, B);
    for (int n = A; n <= B; n++) {
        CHECK(datapath_ways_believe(&w.node[n].ways, add(n, R), w.now.ms) == ERR_OK, "it believes the rendezvous");
    }
    run(12000); /* a heartbeat: who came first hears of who came later */
}

static void end(void)
{
    for (int n = 0; n < NODES; n++) {
        datapath_ways_fini(&w.node[n].ways);
        datapath_core_fini(w.node[n].core);
        free(w.node[n].memory);
        free(w.node[n].ways_memory);
    }
}

/* Packets go from n to `to`, now and then, while so much time passes. */
static void talk(int n, int to, uint64_t ms, uint32_t size)
{
    for (uint64_t i = 0; i < ms; i += 100) {
        if (datapath_ways_used(&w.node[n].ways, w.now, number(n, to), size, &fx)) {
            perform(n);
        }
        run(100);
    }
}

static enum datapath_path_kind kind_of(int n, int to)
{
    const struct datapath_path *p = &w.node[n].ways.way[number(n, to)].path;

    return p->used == DATAPATH_PATH_NONE ? DATAPATH_PATH_LOCAL : p->place[p->used].kind;
}

static const struct datapath_endpoint *goes_to(int n, int to)
{
    return datapath_guide_endpoint(w.node[n].core, number(n, to));
}

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
    run(24000);
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
    datapath_guest_hurry(&w.node[B].ways.believe[0].guest, w.now.ms); /* before the rendezvous looks for changes */
    REQUIRE(w.node[R].ways.scan_ms > w.now.ms + DELAY_MS, "or this shows nothing");
    run(24000);
    CHECK(datapath_guide_owner(w.node[A].core, packet, sizeof packet, &owner) && owner == number(A, B), "A knows it");
    end();
}

/* What n would say to R, if it said so; from there. */
static enum datapath_ways_verdict say(int n, const struct datapath_signal *s, const struct datapath_endpoint *from)
{
    static const uint8_t seed[DATAPATH_RANDOM_SEED] = {9};
    static uint64_t counter = 1000000;
    struct datapath_random random;
    struct datapath_signal_keys keys;
    uint8_t bytes[DATAPATH_SIGNAL_MOST];
    size_t size;

    datapath_random_init(&random, seed);
    datapath_guide_keys(w.node[n].core, number(n, R), true, &keys);
    CHECK(datapath_signal_seal(&keys, w.node[n].life, counter++, &random, s, DATAPATH_WAYS_CALL_SIZE, bytes, &size), "it fits");
    return datapath_ways_receive(&w.node[R].ways, w.now, from, bytes, size, &fx);
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
    call.flags = DATAPATH_SIGNAL_QUERY;
    CHECK(say(A, &call, &here) == DATAPATH_WAYS_HEARD && fx.sends == 1, "a question is told to nobody else");
    call.epoch++;
    CHECK(say(A, &call, &here) == DATAPATH_WAYS_UNASKED && fx.sends == 0, "of another life");
    call.epoch--;
    memcpy(call.key, w.node[A].public, sizeof call.key);
    CHECK(say(A, &call, &here) == DATAPATH_WAYS_UNASKED, "with himself");
    memcpy(call.key, w.node[PLAIN].public, sizeof call.key);
    CHECK(say(A, &call, &here) == DATAPATH_WAYS_UNASKED, "with nobody that the rendezvous knows");
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
    who_is_removed_goes_everywhere();
    what_the_operator_said_stands();
    a_path_that_swallows_is_noticed();
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
    calls_come_from_where_a_member_is();
    who_is_silent_says_nothing();
    limits_hold();
    return CHECK_RESULT();
}
