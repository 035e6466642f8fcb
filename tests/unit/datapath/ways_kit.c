#include "tests/unit/datapath/ways_kit.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"

struct world w;
struct datapath_ways_effects fx;

struct datapath_endpoint place(int n)
{
    return (struct datapath_endpoint){.ip = {[10] = 0xff, [11] = 0xff, [12] = 192, [15] = (uint8_t)(n + 1)}, .port = 51820};
}

struct datapath_prefix address(int n)
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

void perform(int n)
{
    for (uint32_t i = 0; i < fx.core.sends; i++) {
        w.shook[w.shakes++ % SHOOK] = fx.core.send[i].to;
    }
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

int whose(const struct datapath_endpoint *to)
{
    int n = 0;

    while (n < NODES && (memcmp(w.node[n].at.ip, to->ip, sizeof to->ip) != 0 || w.node[n].at.port != to->port)) {
        n++;
    }
    return n;
}

enum datapath_ways_verdict hand_over(int n, const struct datapath_endpoint *from, uint8_t *bytes, size_t size)
{
    w.node[n].heard++;
    if (n == PLAIN || datapath_message_own(bytes, size) != DATAPATH_KIND_SIGNAL) {
        return DATAPATH_WAYS_FALSE; /* a handshake, or to somebody who knows no signals */
    }
    bool is_let_in = datapath_live_has(&w.node[n].callers, datapath_shield_caller((uint32_t)datapath_signal_who(bytes, size)));
    enum datapath_ways_verdict v = datapath_ways_receive(&w.node[n].ways, w.now, from, bytes, size, &fx);
    CHECK(is_let_in || v == DATAPATH_WAYS_STRANGER || v == DATAPATH_WAYS_FALSE, "whose signals are heard is known to a shield");
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
        CHECK(datapath_live_has(&w.node[R].callers, d.to.relay), "for whom one relays is known to a shield");
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
    bool is_with_r = (from == R && to == B) || (from == B && to == R);

    if (d.to.relay != 0) {
        pass_on(d);
    } else if (to < NODES && !(is_between && (w.is_cut || d.size > w.carries)) && !(is_with_r && w.is_lonely)) {
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

void run(uint64_t ms)
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

uint32_t number(int n, int of)
{
    uint32_t peer;

    return datapath_core_find(w.node[n].core, w.node[of].public, &peer) ? peer : UINT32_MAX;
}

uint32_t add(int n, int of)
{
    struct datapath_peer_config c = {.endpoint = of == R || of == S || of == PLAIN ? place(of) : (struct datapath_endpoint){.port = 0}};
    struct datapath_prefix p = address(of);
    uint32_t peer;

    memcpy(c.public, w.node[of].public, sizeof c.public);
    CHECK(datapath_core_add(w.node[n].core, &c, w.now, &peer) == ERR_OK, "node %d knows %d", n, of);
    CHECK(datapath_core_allow(w.node[n].core, peer, &p) == ERR_OK, "and its address");
    return peer;
}

void make_ways(int n)
{
    struct node *x = &w.node[n];
    struct datapath_ways_config c = {.peers_max = PEERS, .mtu = MTU, .life = ++x->life, .is_rendezvous = n == R || n == S, .is_relay = n == R,
                                     .own = 1, .place = {place(n)}};

    memset(c.seed, (int)(n * 16 + (int)x->life), sizeof c.seed);
    for (uint32_t peer = 0; x->ways_memory != NULL && x->ways.config.is_relay && peer < PEERS; peer++) {
        datapath_relay_forget(&x->ways.relay, peer); /* another life has another shield */
    }
    free(x->ways_memory);
    x->ways_memory = malloc(datapath_ways_size(PEERS, n == R || n == S, n == R));
    REQUIRE(x->ways_memory != NULL, "memory");
    datapath_ways_init(&x->ways, x->ways_memory, x->core, &c, w.now.ms);
    x->ways.relay.index.live = &x->callers;
}

static void make(int n)
{
    struct node *x = &w.node[n];
    struct datapath_config c = {.peers_max = PEERS, .prefixes_max = PREFIXES, .mtu = MTU, .pace = datapath_pace_usual(),
                                .aead = &datapath_aead_sodium, .callers = &x->callers};

    datapath_live_init(&x->callers, x->set, PEERS);
    x->at = place(n);
    x->life = 1;
    memset(c.secret, n + 1, sizeof c.secret);
    memset(c.seed, n + 1, sizeof c.seed);
    x->memory = malloc(datapath_core_size(PEERS, PREFIXES, MTU));
    REQUIRE(x->memory != NULL && datapath_core_init(x->memory, &c, w.now, &x->core) == ERR_OK, "a core");
    memcpy(x->public, datapath_core_public(x->core), sizeof x->public);
    make_ways(n);
}

void make_all(void)
{
    w = (struct world){.now = {.ms = 1000, .wall_ns = UINT64_C(1700000000000000000)}, .carries = UINT32_MAX};
    for (int n = 0; n < NODES; n++) {
        make(n);
    }
}

void begin(void)
{
    make_all();
    (void)add(R, A);
    (void)add(R, B);
    for (int n = A; n <= B; n++) {
        CHECK(datapath_ways_believe(&w.node[n].ways, add(n, R), w.now.ms) == ERR_OK, "it believes the rendezvous");
    }
    run(12000); /* a heartbeat: who came first hears of who came later */
}

void end(void)
{
    static const struct datapath_shield_set nothing[PEERS];

    for (int n = 0; n < NODES; n++) {
        for (uint32_t peer = 0; peer < PEERS; peer++) {
            if (datapath_guide_serial(w.node[n].core, peer) != 0) {
                datapath_core_remove(w.node[n].core, peer);
                if (w.node[n].ways.config.is_relay) {
                    datapath_relay_forget(&w.node[n].ways.relay, peer);
                }
            }
        }
        CHECK(memcmp(w.node[n].set, nothing, sizeof nothing) == 0, "without peers a shield lets none of our own through");
        datapath_ways_fini(&w.node[n].ways);
        datapath_core_fini(w.node[n].core);
        free(w.node[n].memory);
        free(w.node[n].ways_memory);
    }
}

void talk(int n, int to, uint64_t ms, uint32_t size)
{
    for (uint64_t i = 0; i < ms; i += 100) {
        if (datapath_ways_used(&w.node[n].ways, w.now, number(n, to), size, &fx)) {
            perform(n);
        }
        run(100);
    }
}

enum datapath_path_kind kind_of(int n, int to)
{
    const struct datapath_path *p = &w.node[n].ways.way[number(n, to)].path;

    return p->used == DATAPATH_PATH_NONE ? DATAPATH_PATH_LOCAL : p->place[p->used].kind;
}

const struct datapath_endpoint *goes_to(int n, int to)
{
    return datapath_guide_endpoint(w.node[n].core, number(n, to));
}

enum datapath_ways_verdict say_in(int n, const struct datapath_signal *s, const struct datapath_endpoint *from, size_t least)
{
    static const uint8_t seed[DATAPATH_RANDOM_SEED] = {9};
    static uint64_t counter = 1000000;
    struct datapath_random random;
    struct datapath_signal_keys keys;
    uint8_t bytes[DATAPATH_SIGNAL_MOST];
    size_t size;

    datapath_random_init(&random, seed);
    datapath_guide_keys(w.node[n].core, number(n, R), true, &keys);
    CHECK(datapath_signal_seal(&keys, w.node[n].life, counter++, &random, s, least, bytes, &size), "it fits");
    return datapath_ways_receive(&w.node[R].ways, w.now, from, bytes, size, &fx);
}

enum datapath_ways_verdict say(int n, const struct datapath_signal *s, const struct datapath_endpoint *from)
{
    return say_in(n, s, from, DATAPATH_WAYS_CALL_SIZE);
}
