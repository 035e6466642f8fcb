/* Claims about the table: the rules of buckets against a naive model, who gives way to whom, how long to wait. */
#include <string.h>

#include "dht/table.h"
#include "tests/unit/dht/kit.h"

enum { MS = 1000, BUCKETS = 6, EACH = 60, TURNS = 4000, SECOND = 1000000 };

/* ---- a naive bucket: a list, the one heard of least lately first (Kademlia, section 2.2) ------------ */

struct naive {
    uint32_t who[DHT_K], count;
};

static uint32_t find(const struct naive *n, uint32_t who)
{
    uint32_t at = 0;

    while (at < n->count && n->who[at] != who) {
        at++;
    }
    return at;
}

static void take_out(struct naive *n, uint32_t at)
{
    memmove(&n->who[at], &n->who[at + 1], (--n->count - at) * sizeof *n->who);
}

/* A living bucket: whoever is in it stays; a newcomer has a place or waits. */
static void hear(struct naive *n, uint32_t who)
{
    uint32_t at = find(n, who);

    if (at < n->count) {
        take_out(n, at);
    } else if (n->count == DHT_K) {
        return;
    }
    n->who[n->count++] = who;
}

static void open_buckets(struct kit *k, const struct dht_config *c)
{
    kit_open_as(k, c);
    k->d->fx = &k->fx;
    k->fx.sends = 0;
}

static void tick(struct kit *k, uint64_t us)
{
    k->d->now_us += us;
    k->fx.sends = 0;
}

static void heard(struct kit *k, uint32_t who)
{
    struct dht_contact c = kit_contact(who);
    struct dht_id id = kit_id(who);

    dht_table_heard(k->d, &c, &id, 1);
}

/* Peers that all live, heard in any order, many more than there are places. */
static void living_buckets_are_the_models(void)
{
    struct dht_config c = kit_config();
    uint32_t who[BUCKETS][EACH];
    struct naive naive[BUCKETS] = {0};
    struct rng r;
    struct kit k;

    c.spares_max = 0; /* nobody waits: nobody is asked whether it is there */
    open_buckets(&k, &c);
    rng_init(&r, 3);
    for (uint32_t b = 0; b < BUCKETS; b++) {
        for (uint32_t i = 0; i < EACH; i++) {
            who[b][i] = kit_with_prefix(b, i);
        }
    }
    for (uint32_t turn = 0; turn < TURNS; turn++) {
        uint32_t b = (uint32_t)rng_below(&r, BUCKETS), i = (uint32_t)rng_below(&r, EACH), sum = 0;
        tick(&k, 100 * MS);
        heard(&k, who[b][i]);
        hear(&naive[b], who[b][i]);
        for (uint32_t n = 0; n < BUCKETS; n++) {
            sum += naive[n].count;
        }
        for (uint32_t n = 0; n < EACH; n++) {
            struct dht_id id = kit_id(who[b][n]);
            CHECK((dht_table_find(k.d, &id) != NULL) == (find(&naive[b], who[b][n]) < naive[b].count), "turn %u", turn);
        }
        CHECK(k.d->peers.count == sum, "turn %u: %u peers, not %u", turn, k.d->peers.count, sum);
    }
    kit_close(&k);
}

/* A full bucket: the one heard of least lately is asked, and keeps its place if it answers (section 2.2). */
static void the_old_and_living_stay(void)
{
    struct dht_config c = kit_config();
    struct kit k;
    uint32_t to;
    struct dht_message ping;

    open_buckets(&k, &c);
    for (uint32_t i = 0; i < DHT_K; i++) {
        tick(&k, SECOND);
        heard(&k, kit_with_prefix(0, i));
    }
    uint32_t oldest = kit_with_prefix(0, 0), newcomer = kit_with_prefix(0, DHT_K), second = kit_with_prefix(0, 1);
    struct dht_id old_id = kit_id(oldest), new_id = kit_id(newcomer), second_id = kit_id(second);
    tick(&k, SECOND);
    heard(&k, newcomer);
    CHECK(kit_sent(&k, DHT_PACKET_PING, UINT32_MAX, &ping, &to) == 1 && to == oldest, "the oldest is asked");
    CHECK(dht_table_find(k.d, &new_id) == NULL && k.d->spares == 1, "the newcomer waits");
    tick(&k, SECOND);
    heard(&k, newcomer);
    CHECK(kit_sent(&k, DHT_PACKET_PING, UINT32_MAX, NULL, NULL) == 0 && k.d->spares == 1, "nobody is asked twice");
    k.now_us = k.d->now_us;
    struct dht_message pong = kit_answer(&ping, DHT_PACKET_PONG);
    CHECK(kit_hear(&k, oldest, &pong) == ERR_OK && dht_table_find(k.d, &old_id) != NULL, "it answers and stays");
    k.d->fx = &k.fx;
    tick(&k, 20 * SECOND);
    heard(&k, newcomer);
    CHECK(kit_sent(&k, DHT_PACKET_PING, UINT32_MAX, &ping, &to) == 1 && to == second, "now another is the oldest");
    dht_table_failed(k.d, &second_id);
    CHECK(dht_table_find(k.d, &second_id) == NULL && dht_table_find(k.d, &new_id) != NULL, "it does not answer: replaced");
    CHECK(k.d->spares == 0 && k.d->counters.evictions == 1, "by whoever waited");
    kit_close(&k);
}

/* Who only asks whether we are there makes nobody be asked: to whom is asked we may be strangers too, and so on for ever. */
static void who_says_hello_asks_for_no_place(void)
{
    static const enum dht_packet_kind kinds[] = {DHT_PACKET_PING, DHT_PACKET_FIND};

    for (size_t row = 0; row < ARRAY_LEN(kinds); row++) {
        struct dht_config c = kit_config();
        struct kit k;
        const struct dht_message m = {.kind = kinds[row], .txn = 1, .most = DHT_K};
        open_buckets(&k, &c);
        for (uint32_t i = 0; i < DHT_K; i++) {
            heard(&k, kit_with_prefix(0, i));
        }
        k.now_us = k.d->now_us + 20 * SECOND;
        CHECK(kit_hear(&k, kit_with_prefix(0, DHT_K), &m) == ERR_OK && k.d->spares == 1, "row %zu: a stranger waits", row);
        CHECK(kit_sent(&k, DHT_PACKET_PING, UINT32_MAX, NULL, NULL) == row, "row %zu: who asks for something is worth a question", row);
        kit_close(&k);
    }
}

/* Membership told of more than there is room for: the rest of a bucket of many gives way to whoever is nearer, no one else. */
static void the_near_have_places_beyond_the_room(void)
{
    for (uint32_t beyond = 0; beyond < 2; beyond++) {
        struct dht_config c = kit_config();
        struct kit k;
        c.peers_max = DHT_K + 3;
        open_buckets(&k, &c);
        for (uint32_t i = 0; i < c.peers_max; i++) {
            uint32_t number = kit_with_prefix(0, i);
            struct dht_contact who = kit_contact(number);
            struct dht_id id = kit_id(number);
            CHECK(dht_table_member(k.d, &who, &id), "a member");
        }
        if (beyond) {
            dht_core_beyond(k.d);
        }
        uint32_t near = 0;
        for (uint32_t i = 0; i < 5; i++) {
            struct dht_id id = kit_id(kit_with_prefix(4 + i, 0));
            heard(&k, kit_with_prefix(4 + i, 0));
            near += dht_table_find(k.d, &id) != NULL;
        }
        CHECK(near == (beyond ? 3u : 0), "%u of the near have places", near);
        CHECK(k.d->peers.count == c.peers_max && k.d->members == c.peers_max - near, "in those of members that there are too many of");
        kit_close(&k);
    }
}

static void failures_end_a_place(void)
{
    struct kit k;
    struct dht_config c = kit_config();
    struct dht_id id = kit_id(5), member = kit_id(6);

    open_buckets(&k, &c);
    heard(&k, 5);
    for (int i = 1; i < DHT_FAILS_MAX; i++) {
        dht_table_failed(k.d, &id);
        CHECK(dht_table_find(k.d, &id) != NULL, "%d failures are none", i);
    }
    heard(&k, 5);
    CHECK(dht_table_find(k.d, &id)->fails == 0, "a packet ends them");
    for (int i = 0; i < DHT_FAILS_MAX; i++) {
        dht_table_failed(k.d, &id);
    }
    CHECK(dht_table_find(k.d, &id) == NULL, "so many are the end");
    struct dht_contact who = kit_contact(6);
    CHECK(dht_table_member(k.d, &who, &member), "a member");
    for (int i = 0; i < 2 * DHT_FAILS_MAX; i++) {
        dht_table_failed(k.d, &member);
    }
    uint16_t near;
    CHECK(dht_table_find(k.d, &member) != NULL, "membership says when a member is gone");
    CHECK(dht_table_nearest(k.d, &member, &near, 1) == 0, "but nobody is told of it meanwhile");
    kit_close(&k);
}

/* Members have no buckets; strangers give way to them, and they to nobody. */
static void members_fill_the_table(void)
{
    struct dht_config c = kit_config();
    struct kit k;
    struct dht_contact who;
    struct dht_id id;

    c.peers_max = 40;
    open_buckets(&k, &c);
    for (uint32_t i = 0; i < 30; i++) {
        who = kit_contact(kit_with_prefix(0, i));
        id = kit_id(kit_with_prefix(0, i));
        CHECK(dht_table_member(k.d, &who, &id), "more than DHT_K of one bucket");
    }
    for (uint32_t i = 0; i < 10; i++) {
        heard(&k, kit_with_prefix(1, i));
    }
    CHECK(k.d->peers.count == 40 && k.d->members == 30, "full");
    for (uint32_t i = 30; i < 40; i++) {
        who = kit_contact(kit_with_prefix(0, i));
        id = kit_id(kit_with_prefix(0, i));
        CHECK(dht_table_member(k.d, &who, &id), "strangers give way");
    }
    who = kit_contact(kit_with_prefix(0, 40));
    id = kit_id(kit_with_prefix(0, 40));
    CHECK(!dht_table_member(k.d, &who, &id) && k.d->peers.count == 40 && k.d->members == 40, "members do not");
    who = kit_contact(kit_with_prefix(0, 3));
    id = kit_id(kit_with_prefix(0, 3));
    CHECK(dht_table_member(k.d, &who, &id) && k.d->members == 40, "one that is known is known");
    dht_table_remove(k.d, &id);
    CHECK(k.d->peers.count == 39 && k.d->members == 39, "gone");
    kit_close(&k);
}

static void one_network_has_its_share(void)
{
    struct dht_config c = kit_config();
    struct kit k;

    c.tuning.group_bucket = 2;
    c.tuning.group_table = 5;
    open_buckets(&k, &c);
    for (uint32_t i = 0; i < 100; i++) {
        struct dht_contact who = kit_contact(i);
        struct dht_id id = kit_id(i);
        who.at.ip[13] = 1;
        who.at.ip[14] = 2;
        who.at.ip[15] = (uint8_t)i;
        dht_table_heard(k.d, &who, &id, 1);
    }
    CHECK(k.d->peers.count == 5 && k.d->counters.poisoned == 95, "%u of one /24", k.d->peers.count);
    heard(&k, 200);
    CHECK(k.d->peers.count == 6, "another /24 has room");
    kit_close(&k);
}

/* Whatever keys and ports it has: of IPv6 a host has a /64. Who is on the loopback is at home. */
static void one_host_has_its_share(void)
{
    static const struct {
        uint8_t ip[16];
        int changes; /* byte that differs; -1: none */
        uint32_t most;
        const char *why;
    } rows[] = {
        {{[10] = 0xff, 0xff, 198, 51, 100, 7}, -1, 5, "one address"},
        {{[10] = 0xff, 0xff, 198, 51, 100, 7}, 15, 20, "another one each"},
        {{0x20, 1, 0xd, 0xb8}, 15, 5, "addresses of one /64"},
        {{0x20, 1, 0xd, 0xb8}, 7, 12, "of a /64 each, and of one /48"},
        {{0x20, 1, 0xd, 0xb8}, 5, 20, "of a /48 each"},
        {{[10] = 0xff, 0xff, 127, 0, 0, 1}, -1, 20, "on this host"},
        {{[15] = 1}, -1, 20, "the same"},
        {{[10] = 0xff, 0xff, 10, 0, 0, 7}, -1, 16, "one private address: cells of one host, or all behind it"},
        {{[10] = 0xff, 0xff, 172, 31, 0, 7}, -1, 16, "the same"},
        {{[10] = 0xff, 0xff, 172, 32, 0, 7}, -1, 5, "not private"},
        {{[10] = 0xff, 0xff, 192, 168, 0, 7}, -1, 16, "private"},
        {{[10] = 0xff, 0xff, 169, 254, 0, 7}, -1, 16, "a link's"},
        {{[10] = 0xff, 0xff, 100, 127, 0, 7}, -1, 16, "a provider's own (RFC 6598)"},
        {{[10] = 0xff, 0xff, 100, 128, 0, 7}, -1, 5, "not private"},
        {{0xfd, 1}, 15, 16, "a private link of IPv6"},
        {{0xfe, 0x80}, 15, 16, "a link's own addresses"},
        {{0xfd, 1}, 7, 20, "private links: as many as there are"},
    };

    for (size_t row = 0; row < ARRAY_LEN(rows); row++) {
        struct dht_config c = kit_config();
        struct kit k;
        c.tuning.host_table = 5;
        c.tuning.site_table = 12;
        c.tuning.lan_table = 16;
        open_buckets(&k, &c);
        for (uint32_t i = 0; i < 20; i++) {
            struct dht_contact who = kit_contact(i);
            struct dht_id id = kit_id(i);
            memcpy(who.at.ip, rows[row].ip, sizeof who.at.ip);
            if (rows[row].changes >= 0) {
                who.at.ip[rows[row].changes] = (uint8_t)i;
            }
            who.at.port = (uint16_t)(7403 + i);
            dht_table_heard(k.d, &who, &id, 1);
        }
        CHECK(k.d->peers.count == rows[row].most && k.d->counters.poisoned == 20 - rows[row].most, "%s: %u", rows[row].why, k.d->peers.count);
        kit_close(&k);
    }
}

/* Most of a bucket at most: others have the rest, and whoever looks there does not take it for all there is. */
static void a_link_has_most_of_a_bucket(void)
{
    struct dht_config c = kit_config();
    struct kit k;

    c.tuning.lan_table = 64;
    open_buckets(&k, &c);
    for (uint32_t i = 0; i < 2 * DHT_K; i++) {
        struct dht_contact who = kit_contact(kit_with_prefix(0, i));
        struct dht_id id = dht_core_id(&who.node);
        if (i < DHT_K) {
            who.at = (struct dht_address){.ip = {0xfd, [15] = (uint8_t)(1 + i)}, .port = 7403};
        }
        if (i == DHT_K) {
            CHECK(k.d->peers.count == DHT_TABLE_LINK && dht_table_is_full(k.d, &id), "%u of one link", k.d->peers.count);
        }
        dht_table_heard(k.d, &who, &id, 1);
    }
    CHECK(k.d->peers.count == DHT_K, "others have the rest");
    kit_close(&k);
}

/* RFC 6298, section 2: the first sample, and what follows; never less than the floor nor more than the ceiling. */
static void patience_follows_round_trips(void)
{
    struct kit k;
    struct dht_id id = kit_id(0);

    kit_open(&k, 2);
    k.d->fx = &k.fx;
    struct dht_peer *p = dht_table_find(k.d, &id);
    CHECK(dht_table_timeout_us(k.d, NULL) == (uint64_t)k.d->tuning.timeout_ms * MS, "nothing is known");
    dht_table_rtt(k.d, p, 50 * MS);
    CHECK(dht_table_timeout_us(k.d, p) == 150 * MS, "srtt and four times its half");
    CHECK(dht_table_timeout_us(k.d, NULL) == 150 * MS, "strangers are as others are");
    for (int i = 0; i < 60; i++) {
        dht_table_rtt(k.d, p, 50 * MS);
    }
    CHECK(dht_table_timeout_us(k.d, p) == 62500, "a steady path: a quarter more");
    dht_table_rtt(k.d, p, 450 * MS);
    CHECK(p->srtt_us > 99 * MS && p->srtt_us < 101 * MS && dht_table_timeout_us(k.d, p) > 480 * MS, "one late answer");
    for (int i = 0; i < 60; i++) {
        dht_table_rtt(k.d, p, 100);
    }
    CHECK(dht_table_timeout_us(k.d, p) == DHT_TIMEOUT_LEAST_US, "never less than the floor");
    for (int i = 0; i < 60; i++) {
        dht_table_rtt(k.d, p, 3600u * 1000 * MS);
    }
    CHECK(dht_table_timeout_us(k.d, p) == DHT_TIMEOUT_MOST_US, "nor more than the ceiling");
    struct dht_contact other = kit_contact(1);
    dht_core_rtt(k.d, &other.node, 0);
    id = kit_id(1);
    CHECK(dht_table_find(k.d, &id)->srtt_us == 0, "no round trip takes no time");
    dht_core_rtt(k.d, &other.node, 7000);
    CHECK(dht_table_find(k.d, &id)->srtt_us == 7000, "a prediction counts");
    dht_table_rtt(k.d, dht_table_find(k.d, &id), 9000);
    dht_core_rtt(k.d, &other.node, 7000);
    CHECK(dht_table_find(k.d, &id)->srtt_us == 9000, "until one is measured");
    kit_close(&k);
}

static void heard_at(struct kit *k, uint32_t who, uint16_t port, uint64_t session)
{
    struct dht_contact c = kit_contact(who);
    struct dht_id id = kit_id(who);

    c.at.port = port;
    dht_table_heard(k->d, &c, &id, session);
}

/* One node that has two addresses, or moves; the sessions in which it is heard, turn by turn, at port 7 and 8. */
static void one_node_is_not_two(void)
{
    static const struct {
        uint64_t session[12];
        uint32_t gap_ms;
        const char *why;
    } rows[] = {
        {{1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2}, 3000, "two addresses, one session since it has asked from both"},
        {{1, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4}, 3000, "… that is renewed now and then"},
        {{1, 2, 1, 2, 1, 2, 2, 2, 2, 2, 2, 2}, 20, "what it sent before is on its way for longer"},
        {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 20000, "it moves to and fro, and is not heard for so long each time that it asks anew"},
        {{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, 20, "each datagram goes another way"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dht_config c = kit_config();
        struct kit k;
        open_buckets(&k, &c);
        heard(&k, 0);
        for (uint32_t turn = 0; turn < ARRAY_LEN(rows[i].session); turn++) {
            heard_at(&k, 0, turn % 2 == 0 ? 7 : 8, rows[i].session[turn]);
            tick(&k, (uint64_t)rows[i].gap_ms * MS);
        }
        CHECK(k.d->counters.twins == 0, "row %zu: %s", i, rows[i].why);
        kit_close(&k);
    }
}

/* Two lives with one key, each in its session, or in a new one each time, for the other one took its place. */
static void two_lives_are_two(void)
{
    static const struct {
        uint64_t session[12];
        uint32_t gap_ms;
        const char *why;
    } rows[] = {
        {{1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2}, 1500, "each goes on in its own"},
        {{1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2}, 30000, "… and says something every minute"},
        {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 1500, "each asks anew all the time"},
        {{1, 2, 3, 2, 3, 4, 5, 4, 5, 4, 5, 6}, 5000, "now this, now that"},
        {{1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2}, 400, "both are busy"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dht_config c = kit_config();
        struct kit k;
        open_buckets(&k, &c);
        heard(&k, 0);
        for (uint32_t turn = 0; turn < ARRAY_LEN(rows[i].session); turn++) {
            heard_at(&k, 0, turn % 2 == 0 ? 7 : 8, rows[i].session[turn]);
            tick(&k, (uint64_t)rows[i].gap_ms * MS);
        }
        CHECK(k.d->counters.twins == 1, "row %zu: %s: %u", i, rows[i].why, (unsigned)k.d->counters.twins);
        kit_close(&k);
    }
}

/* Who notices two nodes tells each of them where the other is; who moves, or comes back after a while, is one. */
static void twins_are_told(void)
{
    struct dht_message find = {.kind = DHT_PACKET_FIND, .txn = 1, .most = DHT_K}, m;
    struct dht_config c = kit_config();
    struct dht_address other;
    struct dht_twin twin;
    struct kit k;

    open_buckets(&k, &c);
    for (uint32_t i = 0; i < 4; i++) {
        heard(&k, i);
    }
    for (uint16_t port = 100; port < 120; port++) {
        heard_at(&k, 0, port, port);
        heard_at(&k, 0, port, port);
    }
    CHECK(k.d->counters.twins == 0, "who moves on and on is one");
    for (uint32_t i = 0; i < 20; i++) {
        heard_at(&k, 1, i % 2 == 0 ? 7 : 8, i % 2);
        tick(&k, 61 * (uint64_t)SECOND);
    }
    CHECK(k.d->counters.twins == 0, "who is elsewhere for a minute is one");
    for (uint32_t i = 0; i < 2 + DHT_TWIN_RETURNS; i++) { /* to the one, to the other, and back */
        struct dht_contact who = kit_contact(2);
        CHECK(k.d->counters.twins == 0 && !dht_twin_other(k.d, &who, &other), "nor who has been elsewhere %u times", i);
        heard_at(&k, 2, i % 2 == 0 ? 8 : 7, 1 + i % 2);
        heard_at(&k, 2, i % 2 == 0 ? 8 : 7, 1 + i % 2);
        tick(&k, 2 * (uint64_t)SECOND);
    }
    CHECK(k.d->counters.twins == 1, "that is two: %u", (unsigned)k.d->counters.twins);
    REQUIRE(dht_twin_take(k.d, &twin) && twin.here.port == 8 && twin.there.port == 7, "both places");
    CHECK(!dht_twin_take(k.d, &twin), "told once");
    struct dht_contact asker = kit_contact(2), neighbour = kit_contact(3);
    CHECK(dht_twin_other(k.d, &asker, &other) && !dht_twin_other(k.d, &neighbour, &other), "of nobody else");

    /* Each of the two is told where the other one is; nobody else is. */
    for (uint32_t who = 2; who < 4; who++) {
        struct dht_contact from = kit_contact(who);
        struct dht_packet p;
        (void)dht_packet_write(&p, &find, DHT_PACKET_MAX);
        from.at.port = who == 2 ? 7 : from.at.port;
        CHECK(dht_core_packet(k.d, k.d->now_us, 0, &from, who == 2 ? 2 : 1, p.bytes, p.size, &k.fx) == ERR_OK, "a question");
        CHECK(k.fx.sends == 1 && dht_packet_read(k.fx.send[0].packet.bytes, k.fx.send[0].packet.size, &m) == ERR_OK, "an answer");
        CHECK((dht_id_same_node(&m.contact[0].node, &from.node) && m.contact[0].at.port == 8) == (who == 2), "the other one of %u", who);
    }
    tick(&k, 61 * (uint64_t)SECOND);
    CHECK(!dht_twin_other(k.d, &asker, &other), "and that is over some day");
    CHECK(!dht_twin_take_own(k.d, &other), "nobody has named this node");
    kit_close(&k);
}

int main(void)
{
    living_buckets_are_the_models();
    the_old_and_living_stay();
    who_says_hello_asks_for_no_place();
    the_near_have_places_beyond_the_room();
    failures_end_a_place();
    members_fill_the_table();
    one_network_has_its_share();
    one_host_has_its_share();
    a_link_has_most_of_a_bucket();
    patience_follows_round_trips();
    one_node_is_not_two();
    two_lives_are_two();
    twins_are_told();
    return CHECK_RESULT();
}
