/* Ways to a peer: two nodes behind NATs of every kind, a relay that both can reach, loss, and what breaks meanwhile.
 *
 * Usage: test_datapath_path [WORLDS [FIRST SEED]] */
#include "datapath/path.h"

#include <stdlib.h>

#include "common/base/rng.h"
#include "tests/support/check.h"

enum {
    NODES = 2, RELAY = 2, TICK_MS = 5, FLYING = 128, MAPPINGS = 64, FORGETS_MS = 30000, PORT = 1000, NAT_IP = 100,
    LAN_IP = 10, DIRECT_MS = 3000, SWITCH_MS = 2500, WORLDS = 15, BEAT_MS = 10000, LAN_MS = 2,
};

/* What a NAT lets in, from the outside: RFC 4787. */
enum nat { OPEN, FULL, ADDRESS, PORTS, SYMMETRIC, NATS };

static const char *const nat_name[NATS] = {"none", "full cone", "address-restricted", "port-restricted", "symmetric"};

struct mapping {
    bool is_there;
    struct datapath_endpoint to; /* of SYMMETRIC alone */
    uint16_t outside;
    uint64_t used_ms;
};

struct opening {
    bool is_there;
    struct datapath_endpoint to;
    uint64_t used_ms;
};

struct node {
    struct datapath_path core;
    enum nat nat;
    uint16_t next_port;
    struct mapping mapping[MAPPINGS];
    struct opening opening[MAPPINGS];   /* whom it sent to      */
    struct datapath_endpoint uses;
    enum datapath_path_kind uses_kind;
    bool has_way;
    uint32_t uses_changed, pings, calls;
};

enum what { PING, PONG, CALL };

struct packet {
    bool is_there, is_relayed;
    enum what what;
    uint64_t at_ms, sent_ms;
    struct datapath_endpoint from, to;
    uint32_t number;
    int sender;                         /* as the seal would say */
};

static struct world {
    struct rng rng;
    uint64_t now_ms;
    uint32_t way_ms, relay_ms, loss;
    bool is_cut, is_one_lan, is_gone;   /* the direct way; both behind the NAT of node 0; node 1 is gone */
    bool is_used;
    struct node node[NODES];
    struct packet flying[FLYING];
} w;

static struct datapath_endpoint at(uint8_t ip, uint16_t port)
{
    return (struct datapath_endpoint){.ip = {[10] = 0xff, [11] = 0xff, [12] = 192, [15] = ip}, .port = port};
}

static struct datapath_endpoint inside(int n)
{
    return at((uint8_t)((w.node[n].nat == OPEN ? NAT_IP : LAN_IP) + n), PORT);
}

static struct datapath_endpoint relay(void)
{
    return at(NAT_IP + RELAY, PORT);
}

static int gate_of(int n)
{
    return w.is_one_lan ? 0 : n;
}

/* The mapping that a packet leaves with; it is made, and kept alive. */
static struct datapath_endpoint leave(int n, const struct datapath_endpoint *to)
{
    struct node *x = &w.node[n];
    struct mapping *free_one = NULL;
    struct opening *o = NULL;

    if (x->nat == OPEN) {
        return inside(n);
    }
    for (int i = 0; i < MAPPINGS; i++) {
        struct opening *q = &x->opening[i];
        q->is_there = q->is_there && w.now_ms - q->used_ms < FORGETS_MS;
        o = q->is_there && datapath_message_is_same(&q->to, to) ? q : o;
    }
    for (int i = 0; o == NULL && i < MAPPINGS; i++) {
        o = x->opening[i].is_there ? NULL : &x->opening[i];
    }
    *o = (struct opening){.is_there = true, .to = *to, .used_ms = w.now_ms};
    for (int i = 0; i < MAPPINGS; i++) {
        struct mapping *m = &x->mapping[i];
        m->is_there = m->is_there && w.now_ms - m->used_ms < FORGETS_MS;
        if (m->is_there && (x->nat != SYMMETRIC || datapath_message_is_same(&m->to, to))) {
            m->used_ms = w.now_ms;
            return at((uint8_t)(NAT_IP + gate_of(n)), m->outside);
        }
        free_one = free_one == NULL && !m->is_there ? m : free_one;
    }
    *free_one = (struct mapping){.is_there = true, .to = *to, .outside = (uint16_t)(++x->next_port + 1000 * n), .used_ms = w.now_ms};
    return at((uint8_t)(NAT_IP + gate_of(n)), free_one->outside);
}

/* Whether node n's NAT has a mapping here and lets this sender in. */
static bool enters(int n, const struct packet *p)
{
    struct node *x = &w.node[n];
    bool is_mapped = false;

    if (x->nat == OPEN) {
        struct datapath_endpoint own = inside(n);
        return datapath_message_is_same(&p->to, &own);
    }
    if (p->to.ip[15] != NAT_IP + gate_of(n)) {
        return false;
    }
    for (int i = 0; i < MAPPINGS; i++) {
        struct mapping *m = &x->mapping[i];
        is_mapped |= m->is_there && m->outside == p->to.port && w.now_ms - m->used_ms < FORGETS_MS &&
                     (x->nat != SYMMETRIC || datapath_message_is_same(&m->to, &p->from));
    }
    if (x->nat == FULL || !is_mapped) {
        return is_mapped;
    }
    for (int i = 0; i < MAPPINGS; i++) {
        struct opening *o = &x->opening[i];
        bool is_open = o->is_there && w.now_ms - o->used_ms < FORGETS_MS && o->to.ip[15] == p->from.ip[15];
        if (is_open && (x->nat == ADDRESS || o->to.port == p->from.port)) {
            return true;
        }
    }
    return false;
}

static void fly(struct packet p, uint32_t delay_ms)
{
    if (rng_below(&w.rng, 100) < w.loss) {
        return;
    }
    for (int i = 0; i < FLYING; i++) {
        if (!w.flying[i].is_there) {
            p.is_there = true;
            p.at_ms = w.now_ms + delay_ms;
            w.flying[i] = p;
            return;
        }
    }
    REQUIRE(false, "no room in the air");
}

/* From node n, directly or by the relay. */
static void post(int n, enum what what, uint32_t number, uint64_t sent_ms, const struct datapath_endpoint *to, bool is_relayed)
{
    struct datapath_endpoint by = is_relayed || what == CALL ? relay() : *to;
    struct packet p = {.what = what, .number = number, .sent_ms = sent_ms, .to = by, .sender = n, .is_relayed = is_relayed};
    struct datapath_endpoint other = inside(1 - n);

    if (n == 1 && w.is_gone) {
        return;
    }
    if (w.is_one_lan && datapath_message_is_same(&by, &other)) {
        p.from = inside(n);
        fly(p, LAN_MS);
        return;
    }
    p.from = leave(n, &by);
    fly(p, is_relayed || what == CALL ? w.relay_ms : w.way_ms);
}

static void step(int n, struct datapath_path_event ev)
{
    struct datapath_path_effects fx;
    struct node *x = &w.node[n];

    ev.now_ms = w.now_ms;
    datapath_path_step(&x->core, &ev, &fx);
    for (uint32_t i = 0; i < fx.count; i++) {
        const struct datapath_path_effect *e = &fx.effect[i];
        switch (e->kind) {
        case DATAPATH_PATH_FX_PING:
            x->pings++;
            post(n, PING, e->number, w.now_ms, &e->at, e->place_kind == DATAPATH_PATH_RELAY);
            break;
        case DATAPATH_PATH_FX_USE:
            x->uses = e->at;
            x->uses_kind = e->place_kind;
            x->has_way = true;
            x->uses_changed++;
            break;
        case DATAPATH_PATH_FX_LOST:
            x->has_way = false;
            break;
        case DATAPATH_PATH_FX_CALL:
            x->calls++;
            post(n, CALL, 0, w.now_ms, NULL, false);
            break;
        }
    }
}

static void arrive(const struct packet *p)
{
    int n = 1 - p->sender;
    struct datapath_endpoint own = inside(n);
    struct datapath_path_event place = {.kind = DATAPATH_PATH_EV_PLACE, .place_kind = DATAPATH_PATH_LOCAL};

    if (n == 1 && w.is_gone) {
        return;
    }
    if (p->what == CALL) { /* the relay knows where both are: they beat */
        place.at = inside(p->sender);
        step(n, place);
        place.place_kind = DATAPATH_PATH_SEEN;
        place.at = p->from;
        step(n, place);
        step(n, (struct datapath_path_event){.kind = DATAPATH_PATH_EV_CALLED});
        return;
    }
    bool is_lan = w.is_one_lan && datapath_message_is_same(&p->to, &own);
    if (!p->is_relayed && !is_lan && (w.is_cut || !enters(n, p))) {
        return;
    }
    struct datapath_endpoint back = p->is_relayed ? relay() : p->from;
    if (p->what == PONG) {
        step(n, (struct datapath_path_event){.kind = DATAPATH_PATH_EV_PONG, .number = p->number, .rtt_ms = (uint32_t)(w.now_ms - p->sent_ms)});
        return;
    }
    post(n, PONG, p->number, p->sent_ms, &back, p->is_relayed);
    step(n, (struct datapath_path_event){.kind = DATAPATH_PATH_EV_PING, .at = back,
                                         .place_kind = p->is_relayed ? DATAPATH_PATH_RELAY : DATAPATH_PATH_FOUND});
}

static void pass(uint64_t ms)
{
    for (uint64_t end = w.now_ms + ms; w.now_ms < end;) {
        w.now_ms += TICK_MS;
        for (int i = 0; i < FLYING; i++) {
            if (w.flying[i].is_there && w.flying[i].at_ms <= w.now_ms) {
                struct packet p = w.flying[i];
                w.flying[i].is_there = false;
                arrive(&p);
            }
        }
        for (int n = 0; n < NODES; n++) {
            struct datapath_endpoint to = relay();
            if (w.now_ms % BEAT_MS < TICK_MS) {
                (void)leave(n, &to);
            }
            if (w.is_used) {
                step(n, (struct datapath_path_event){.kind = DATAPATH_PATH_EV_USED});
            }
            if (datapath_path_due_ms(&w.node[n].core) <= w.now_ms) {
                step(n, (struct datapath_path_event){.kind = DATAPATH_PATH_EV_CLOCK});
            }
        }
    }
}

static void begin(enum nat a, enum nat b, uint32_t way_ms, uint64_t seed)
{
    struct datapath_endpoint to = relay();

    w = (struct world){.now_ms = 1000, .way_ms = way_ms, .relay_ms = 2 * way_ms + 10, .is_used = true};
    rng_init(&w.rng, seed);
    w.node[0].nat = a;
    w.node[1].nat = b;
    for (int n = 0; n < NODES; n++) {
        datapath_path_init(&w.node[n].core, w.now_ms);
        (void)leave(n, &to);
        step(n, (struct datapath_path_event){.kind = DATAPATH_PATH_EV_PLACE, .at = to, .place_kind = DATAPATH_PATH_RELAY});
    }
}

static bool is_direct(int n)
{
    return w.node[n].has_way && w.node[n].uses_kind != DATAPATH_PATH_RELAY;
}

static bool are_direct(void)
{
    return is_direct(0) && is_direct(1);
}

/* RFC 5128, section 3.3: what two NATs let through. */
static bool can_be_direct(enum nat a, enum nat b)
{
    bool is_hard = a == SYMMETRIC && b >= PORTS;

    return !is_hard && !(b == SYMMETRIC && a >= PORTS);
}

static void holes_are_punched_where_they_can_be(void)
{
    for (int i = 0; i < NATS * NATS; i++) {
        enum nat a = (enum nat)(i / NATS), b = (enum nat)(i % NATS);
        begin(a, b, 20, 1);
        pass(200);
        CHECK(w.node[0].has_way && w.node[1].has_way, "%s, %s: some way at once", nat_name[a], nat_name[b]);
        pass(DIRECT_MS);
        CHECK(are_direct() == can_be_direct(a, b), "%s, %s", nat_name[a], nat_name[b]);
        CHECK(w.node[0].has_way && w.node[1].has_way, "%s, %s: both have a way", nat_name[a], nat_name[b]);
        w.is_used = false;
        pass(60000);
        CHECK(are_direct() == can_be_direct(a, b), "%s, %s: it is kept open while nothing goes", nat_name[a], nat_name[b]);
        CHECK(w.node[0].uses_changed <= 3, "%s, %s: %u changes", nat_name[a], nat_name[b], w.node[0].uses_changed);
    }
}

static void neighbours_do_not_go_round(void)
{
    struct datapath_endpoint other;

    begin(PORTS, PORTS, 20, 1);
    w.is_one_lan = true;
    pass(DIRECT_MS);
    other = inside(1);
    CHECK(is_direct(0) && datapath_message_is_same(&w.node[0].uses, &other), "the address in the same network");
}

static void long_ways_are_ways(void)
{
    begin(PORTS, PORTS, 400, 1);
    pass(3 * DIRECT_MS);
    CHECK(are_direct(), "0.8 s of round trip: pings are closer than that");
}

static void no_relay_is_as_good(void)
{
    begin(OPEN, OPEN, 100, 1);
    w.relay_ms = 10;
    pass(DIRECT_MS);
    CHECK(are_direct(), "also when it is nearer: it has others to carry");
}

static void a_way_that_breaks_is_left(void)
{
    for (uint64_t i = 0; i < 12; i++) {
        begin(FULL, PORTS, 20, 1);
        w.is_used = i % 2 == 0; /* it breaks while packets go, or before they begin to */
        pass(10000 + 1700 * i);
        REQUIRE(are_direct(), "direct");
        w.is_cut = w.is_used = true;
        pass(SWITCH_MS);
        CHECK(!is_direct(0) && !is_direct(1) && w.node[0].has_way && w.node[1].has_way, "the relay, within 2.5 s: %d", (int)i);
    }
    pass(300000);
    w.is_cut = false;
    pass(DATAPATH_PATH_CALL_MS_MAX + DIRECT_MS);
    CHECK(are_direct(), "and back within a minute of its mending");
}

/* Who calls is met half-way, at once, by somebody who had given up. */
static void a_call_is_heard(void)
{
    struct datapath_endpoint to = relay();

    begin(PORTS, PORTS, 20, 1);
    w.is_cut = true;
    pass(230000); /* its own next call is half a minute away */
    w.is_cut = false;
    datapath_path_init(&w.node[1].core, w.now_ms);
    step(1, (struct datapath_path_event){.kind = DATAPATH_PATH_EV_PLACE, .at = to, .place_kind = DATAPATH_PATH_RELAY});
    CHECK(w.node[0].core.call_ms > w.now_ms + 2 * DIRECT_MS, "or this shows nothing");
    pass(DIRECT_MS);
    CHECK(are_direct(), "at once");
}

/* A core by itself: one clock's step at a time, and what it asks for. */
static struct datapath_path_effects one(struct datapath_path_event ev, uint64_t pass_ms)
{
    struct datapath_path_effects fx;

    w.now_ms += pass_ms;
    ev.now_ms = w.now_ms;
    datapath_path_step(&w.node[0].core, &ev, &fx);
    return fx;
}

static void a_ping_revives_its_place(void)
{
    struct datapath_path_event clock = {.kind = DATAPATH_PATH_EV_CLOCK};
    struct datapath_path_event ping = {.kind = DATAPATH_PATH_EV_PING, .at = at(7, 7), .place_kind = DATAPATH_PATH_FOUND};

    w = (struct world){.now_ms = 1000};
    datapath_path_init(&w.node[0].core, 1000);
    (void)one((struct datapath_path_event){.kind = DATAPATH_PATH_EV_PLACE, .at = ping.at, .place_kind = DATAPATH_PATH_SEEN}, 0);
    for (int i = 0; i < DATAPATH_PATH_PUNCHES; i++) {
        CHECK(one(clock, DATAPATH_PATH_PUNCH_MS).count >= 1, "ping %d", i);
    }
    CHECK(one(clock, DATAPATH_PATH_PUNCH_MS).count == 0, "enough");
    (void)one(ping, 0);
    CHECK(one(clock, 0).count == 1, "it is heard from there: asked again");
}

static uint32_t pings_of(const struct datapath_path_effects *fx)
{
    uint32_t pings = 0;

    for (uint32_t i = 0; i < fx->count; i++) {
        pings += fx->effect[i].kind == DATAPATH_PATH_FX_PING;
    }
    return pings;
}

/* A ping may have been recorded, and its place be anybody's by now: until he answers there, or somebody who knows says that
 * he may be there, it is asked once for each ping that comes, whatever else happens. */
static void where_only_a_ping_came_from_is_asked_once(void)
{
    struct datapath_path_event clock = {.kind = DATAPATH_PATH_EV_CLOCK};
    struct datapath_path_event ping = {.kind = DATAPATH_PATH_EV_PING, .at = at(7, 7), .place_kind = DATAPATH_PATH_FOUND};
    uint32_t pings = 0;

    w = (struct world){.now_ms = 1000};
    datapath_path_init(&w.node[0].core, 1000);
    (void)one(ping, 0);
    for (int i = 0; i < 600; i++) { /* calls in the midst of it */
        struct datapath_path_effects fx = one(clock, DATAPATH_PATH_PUNCH_MS);
        pings += pings_of(&fx);
    }
    CHECK(pings == 1, "%u pings", pings);
    (void)one(ping, 0);
    (void)one(ping, 0);
    for (int i = 0; i < 20; i++) {
        struct datapath_path_effects fx = one(clock, DATAPATH_PATH_PUNCH_MS);
        pings += pings_of(&fx);
    }
    CHECK(pings == 2, "two that came at once: %u pings", pings);
    (void)one((struct datapath_path_event){.kind = DATAPATH_PATH_EV_PLACE, .at = ping.at, .place_kind = DATAPATH_PATH_SEEN}, 0);
    for (int i = 0; i < 20; i++) {
        struct datapath_path_effects fx = one(clock, DATAPATH_PATH_PUNCH_MS);
        pings += pings_of(&fx);
    }
    CHECK(pings == 2 + DATAPATH_PATH_PUNCHES, "a rendezvous says the same: %u pings", pings);
}

/* Where he says that he is, and nobody saw him: asked a few times, then ever more rarely, until somebody sees him there or he
 * answers. A ping that comes from there is asked back. */
static void a_claim_is_asked_ever_more_rarely(void)
{
    struct datapath_path_event clock = {.kind = DATAPATH_PATH_EV_CLOCK}, called = {.kind = DATAPATH_PATH_EV_CALLED};
    struct datapath_path_event claim = {.kind = DATAPATH_PATH_EV_PLACE, .at = at(7, 7), .place_kind = DATAPATH_PATH_LOCAL};
    uint32_t pings[40] = {0}, later = 0;

    w = (struct world){.now_ms = 1000};
    datapath_path_init(&w.node[0].core, 1000);
    (void)one(claim, 0);
    for (int call = 0; call < 40; call++) {
        for (int i = 0; i < 300; i++) { /* a minute: our own calls are as far apart */
            struct datapath_path_effects fx = one(i == 0 ? called : clock, DATAPATH_PATH_PUNCH_MS);
            pings[call] += pings_of(&fx);
        }
        later += call >= 8 ? pings[call] : 0;
    }
    CHECK(pings[0] >= DATAPATH_PATH_CLAIMS && pings[0] <= DATAPATH_PATH_CLAIMS + 4, "at once: %u", pings[0]);
    CHECK(later >= 3 && later <= 8, "not forgotten, and hardly asked: %u in half an hour", later);
    (void)one((struct datapath_path_event){.kind = DATAPATH_PATH_EV_PING, .at = claim.at, .place_kind = DATAPATH_PATH_FOUND}, 0);
    struct datapath_path_effects fx = one(clock, 1);
    CHECK(pings_of(&fx) == 1, "a ping came from there");
    claim.place_kind = DATAPATH_PATH_SEEN;
    (void)one(claim, 0);
    for (int i = later = 0; i < 20; i++) {
        fx = one(clock, DATAPATH_PATH_PUNCH_MS);
        later += pings_of(&fx);
    }
    CHECK(later >= DATAPATH_PATH_PUNCHES && later <= DATAPATH_PATH_PUNCHES + 1, "he is seen there: %u pings", later);
}

/* Numbers of pings have 28 bits: those of a node that is up for years begin anew. */
static void numbers_begin_anew(void)
{
    for (uint32_t left = 0; left < 40; left += 3) {
        begin(PORTS, PORTS, 20, 1);
        pass(10000);
        REQUIRE(are_direct(), "direct");
        w.is_cut = true;
        w.node[0].core.sequence = w.node[1].core.sequence = (1u << 28) - left;
        pass(5000);
        w.is_cut = false;
        pass(DATAPATH_PATH_CALL_MS_MAX + DIRECT_MS);
        CHECK(are_direct(), "%u before the end", left);
        pass(60000);
        CHECK(are_direct(), "and for ever: %u", left);
    }
}

/* Two ways of much the same length: one is used, until the other is clearly shorter. */
static void a_little_shorter_is_not_better(void)
{
    struct datapath_path_event clock = {.kind = DATAPATH_PATH_EV_CLOCK};
    uint32_t changes = 0;

    w = (struct world){.now_ms = 1000};
    datapath_path_init(&w.node[0].core, 1000);
    for (uint8_t i = 0; i < 2; i++) {
        (void)one((struct datapath_path_event){.kind = DATAPATH_PATH_EV_PLACE, .at = at((uint8_t)(7 + i), 7)}, 0);
    }
    for (int turn = 0; turn < 400; turn++) {
        struct datapath_path_effects fx = one(clock, DATAPATH_PATH_IDLE_MS);
        for (uint32_t i = 0; i < fx.count; i++) {
            uint32_t which = (uint32_t)fx.effect[i].at.ip[15] - 7, shorter = turn / 40 % 2;
            struct datapath_path_effects after = {0};
            if (fx.effect[i].kind == DATAPATH_PATH_FX_PING) {
                after = one((struct datapath_path_event){.kind = DATAPATH_PATH_EV_PONG, .number = fx.effect[i].number,
                                                         .rtt_ms = which == shorter ? 20 : turn < 200 ? 25 : 40}, 0);
            }
            changes += turn < 200 && after.count > 0 && after.effect[0].kind == DATAPATH_PATH_FX_USE;
            w.node[0].uses_changed += turn >= 200 && after.count > 0 && after.effect[0].kind == DATAPATH_PATH_FX_USE;
        }
    }
    CHECK(changes == 1, "5 ms are no reason: %u", changes);
    CHECK(w.node[0].uses_changed >= 4, "20 ms are: %u", w.node[0].uses_changed);
}

static void a_nat_that_forgets_is_punched_again(void)
{
    begin(PORTS, PORTS, 20, 1);
    pass(10000);
    REQUIRE(are_direct(), "direct");
    for (int i = 0; i < MAPPINGS; i++) {
        w.node[0].mapping[i].is_there = w.node[0].opening[i].is_there = false;
    }
    pass(20000);
    CHECK(are_direct(), "other ports, the same way");
}

/* Nobody makes it remember more, or forget what works. */
static void places_are_bounded(void)
{
    begin(OPEN, OPEN, 20, 1);
    pass(5000);
    for (int i = 0; i < 1000; i++) {
        step(0, (struct datapath_path_event){.kind = DATAPATH_PATH_EV_PLACE, .at = at(50, (uint16_t)(i + 1)),
                                             .place_kind = DATAPATH_PATH_FOUND});
    }
    CHECK(w.node[0].core.refused > 900, "%d refused", (int)w.node[0].core.refused);
    CHECK(datapath_message_is_same(&w.node[0].core.place[w.node[0].core.used].at, &w.node[0].uses), "the way in use is known");
    pass(5000);
    CHECK(are_direct(), "what works is not forgotten");
    uint64_t refused = w.node[0].core.refused;
    step(0, (struct datapath_path_event){.kind = DATAPATH_PATH_EV_PLACE, .at = at(51, 1), .place_kind = DATAPATH_PATH_SEEN});
    CHECK(w.node[0].core.refused == refused, "there is room for new ones when old ones never answered");
}

static void answers_to_nothing_are_none(void)
{
    begin(OPEN, OPEN, 20, 1);
    for (uint32_t number = 0; number < 4096; number++) {
        step(0, (struct datapath_path_event){.kind = DATAPATH_PATH_EV_PONG, .number = number, .rtt_ms = 1});
    }
    CHECK(!w.node[0].has_way, "nothing was asked yet");
}

/* Each call makes the other call, who just did. */
static void two_do_not_call_for_ever(void)
{
    begin(SYMMETRIC, SYMMETRIC, 20, 1);
    pass(600000);
    CHECK(w.node[0].calls <= 30 && w.node[1].calls <= 30, "%u and %u calls in ten minutes", w.node[0].calls, w.node[1].calls);
    CHECK(w.node[0].has_way && !is_direct(0), "by the relay");
    for (uint32_t relay_ms = 300; relay_ms <= 3000; relay_ms += 300) { /* a call takes as long */
        begin(SYMMETRIC, SYMMETRIC, 20, 1);
        w.relay_ms = relay_ms;
        pass(600000);
        CHECK(w.node[0].calls <= 30 && w.node[1].calls <= 30, "%u ms: %u and %u calls in ten minutes", relay_ms, w.node[0].calls, w.node[1].calls);
    }
}

static void who_is_gone_is_not_shouted_at(void)
{
    begin(PORTS, PORTS, 20, 1);
    w.is_gone = true;
    pass(60000);
    CHECK(!w.node[0].has_way, "no way");
    w.is_gone = false;
    pass(60000);
    CHECK(is_direct(0), "there he is");
    w.is_gone = true;
    pass(5000);
    CHECK(!w.node[0].has_way, "and gone: that is told");
    pass(300000);
    uint32_t pings = w.node[0].pings, calls = w.node[0].calls;
    pass(3600000);
    CHECK(w.node[0].calls - calls <= 62, "%u calls in an hour", w.node[0].calls - calls);
    CHECK(w.node[0].pings - pings <= 62 * DATAPATH_PATH_PUNCHES * 3, "%u pings in an hour", w.node[0].pings - pings);
}

/* NATs, lengths and losses at random, ways that break and mend: in the end each pair has what it can have. */
static void at_random(uint64_t first, uint64_t worlds)
{
    for (uint64_t seed = first; seed < first + worlds; seed++) {
        struct rng rng;
        rng_init(&rng, seed);
        enum nat a = (enum nat)rng_below(&rng, NATS), b = (enum nat)rng_below(&rng, NATS);
        begin(a, b, (uint32_t)(TICK_MS + rng_below(&rng, 200)), seed);
        w.loss = (uint32_t)rng_below(&rng, 21);
        for (int i = 0; i < 4; i++) {
            w.is_cut = rng_below(&rng, 2) == 0;
            w.is_gone = rng_below(&rng, 4) == 0;
            w.is_used = rng_below(&rng, 2) == 0;
            pass(1000 + rng_below(&rng, 60000));
        }
        w.is_cut = w.is_gone = false;
        w.loss = 0;
        pass(2 * DATAPATH_PATH_CALL_MS_MAX);
        CHECK(are_direct() == can_be_direct(a, b), "seed %d: %s, %s", (int)seed, nat_name[a], nat_name[b]);
        CHECK(w.node[0].has_way && w.node[1].has_way, "seed %d: both have a way", (int)seed);
    }
}

int main(int argc, char **argv)
{
    holes_are_punched_where_they_can_be();
    neighbours_do_not_go_round();
    long_ways_are_ways();
    no_relay_is_as_good();
    a_way_that_breaks_is_left();
    a_call_is_heard();
    a_ping_revives_its_place();
    where_only_a_ping_came_from_is_asked_once();
    a_claim_is_asked_ever_more_rarely();
    numbers_begin_anew();
    a_little_shorter_is_not_better();
    a_nat_that_forgets_is_punched_again();
    places_are_bounded();
    answers_to_nothing_are_none();
    two_do_not_call_for_ever();
    who_is_gone_is_not_shouted_at();
    at_random(argc > 2 ? strtoull(argv[2], NULL, 10) : 1, argc > 1 ? strtoull(argv[1], NULL, 10) : WORLDS);
    return CHECK_RESULT();
}
