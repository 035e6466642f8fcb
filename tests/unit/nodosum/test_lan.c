/* Claims about neighbours: who is found and how fast, and that what strangers, replays and floods do changes nothing
 * (NOD-3, NOD-4). The network is an array: everything sent is in it, who receives what is written here. */
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/rng.h"
#include "nodosum/lan_wire.h"
#include "tests/support/check.h"

enum { MS = 1000, SECOND = 1000000, CAP = 10000, FLOOD = 20000, LIVE = 500, PORT = 7402, OWN_PORT = 40000 };

static const uint8_t cluster_key[NODOSUM_LAN_KEY_SIZE] = {1}, cluster_id[16] = {2};
static uint8_t key[NODOSUM_LAN_KEY_SIZE];

struct node {
    struct nodosum_lan *l;
    void *memory;
    struct nodosum_lan_effects fx;
    struct nodosum_address at; /* that its packets come from */
    uint64_t now_us;
};

static struct nodosum_id id_of(uint32_t who)
{
    struct nodosum_id id = {0};

    bytes_put_be32(id.byte, who);
    return id;
}

static struct nodosum_address address_of(uint32_t who)
{
    struct nodosum_address a = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 10}, .port = OWN_PORT};

    a.ip[13] = (uint8_t)(who >> 16);
    a.ip[14] = (uint8_t)(who >> 8);
    a.ip[15] = (uint8_t)who;
    return a;
}

static void open_node(struct node *n, uint32_t who, uint32_t peers_max, uint64_t life)
{
    struct nodosum_lan_config c = {.id = id_of(who), .name = "node", .port = PORT, .life = life, .seed = who + 7,
                                   .peers_max = peers_max, .keys = 1, .key = {{.epoch = 3}}};

    memcpy(c.key[0].key, key, sizeof key);
    *n = (struct node){.memory = malloc(nodosum_lan_size(peers_max)), .at = address_of(who), .now_us = SECOND};
    REQUIRE(n->memory != NULL && nodosum_lan_init(n->memory, &c, n->now_us, &n->l) == ERR_OK, "a node");
}

static void close_node(struct node *n)
{
    free(n->memory);
}

static struct nodosum_lan_message message(enum nodosum_lan_kind kind, uint32_t who, uint64_t life, uint32_t number,
                                          uint64_t nonce)
{
    return (struct nodosum_lan_message){.kind = kind, .epoch = 3, .stamp = {life, number}, .nonce = nonce,
                                        .id = id_of(who), .port = PORT, .name = "peer", .name_len = 4};
}

static enum err hear(struct node *n, const struct nodosum_lan_message *m, const struct nodosum_address *from)
{
    uint8_t bytes[NODOSUM_LAN_QUESTION];
    uint16_t size = nodosum_lan_wire_put(m, key, bytes);

    return nodosum_lan_packet(n->l, n->now_us, from, bytes, size, &n->fx);
}

static uint32_t there(const struct node *n)
{
    uint32_t remembered;

    return nodosum_lan_count(n->l, &remembered);
}

/* Step whenever it is due until `us` have passed; the last packet of a kind to a single place is kept. */
static uint32_t run(struct node *n, uint64_t us, enum nodosum_lan_kind kind, struct nodosum_lan_message *ret,
                    struct nodosum_lan_send *ret_send)
{
    uint64_t end_us = n->now_us + us;
    uint32_t count = 0;

    do {
        nodosum_lan_clock(n->l, n->now_us, &n->fx);
        for (uint32_t i = 0; i < n->fx.sends; i++) {
            struct nodosum_lan_message m;
            CHECK(nodosum_lan_wire_get(n->fx.send[i].bytes, n->fx.send[i].size, &m) == ERR_OK, "it is a packet");
            if (m.kind == kind) {
                *ret = m;
                *ret_send = n->fx.send[i];
                count++;
            }
        }
        n->now_us = n->fx.due_us > n->now_us && n->fx.due_us < end_us ? n->fx.due_us : end_us;
    } while (n->now_us < end_us);
    return count;
}

/* Make `who` proved to n: it announces itself, is asked, and answers. */
static void prove(struct node *n, uint32_t who, uint64_t life)
{
    struct nodosum_lan_message m = message(NODOSUM_LAN_ANNOUNCE, who, life, 1, 0), asked = {0};
    struct nodosum_lan_send s = {0};
    struct nodosum_address from = address_of(who);

    CHECK(hear(n, &m, &from) == ERR_OK, "%u is heard", who);
    (void)run(n, (NODOSUM_LAN_DOUBT_JITTER_MS + 1) * MS, NODOSUM_LAN_ASK, &asked, &s);
    CHECK(!s.is_group && memcmp(&s.to, &from, sizeof from) == 0, "%u is asked where it came from", who);
    m = message(NODOSUM_LAN_REPLY, who, life, 2, asked.nonce);
    CHECK(hear(n, &m, &from) == ERR_OK, "%u answers", who);
}

/* ---- finding --------------------------------------------------------------------------------------- */

/* A fresh node among two: both answer within 20 ms to its first question, and are found. */
static void a_fresh_node_finds_the_others_at_once(void)
{
    struct node fresh, old[2];
    struct nodosum_lan_message m;
    struct nodosum_lan_send asked, answered;

    open_node(&fresh, 0, 16, 1);
    CHECK(run(&fresh, MS, NODOSUM_LAN_ASK, &m, &asked) == 1 && asked.is_group, "it asks the group at once");
    for (uint32_t i = 0; i < 2; i++) {
        open_node(&old[i], i + 1, 16, 1);
        (void)run(&old[i], SECOND, NODOSUM_LAN_ASK, &m, &answered);
        CHECK(nodosum_lan_packet(old[i].l, old[i].now_us, &fresh.at, asked.bytes, asked.size, &old[i].fx) == ERR_OK, "heard");
        uint64_t began_us = old[i].now_us;
        CHECK(run(&old[i], NODOSUM_LAN_JITTER_MS * MS, NODOSUM_LAN_REPLY, &m, &answered) == 1, "answered in %d ms",
              NODOSUM_LAN_JITTER_MS);
        CHECK(old[i].now_us - began_us <= NODOSUM_LAN_JITTER_MS * MS, "in time");
        CHECK(!answered.is_group && memcmp(&answered.to, &fresh.at, sizeof fresh.at) == 0, "to the asker alone");
        CHECK(answered.size < asked.size, "an answer is smaller than its question");
        CHECK(nodosum_lan_packet(fresh.l, fresh.now_us, &old[i].at, answered.bytes, answered.size, &fresh.fx) == ERR_OK &&
                  fresh.fx.has_changed, "found");
        CHECK(nodosum_lan_packet(fresh.l, fresh.now_us, &old[i].at, answered.bytes, answered.size, &fresh.fx) == ERR_DENIED,
              "once");
    }
    struct nodosum_lan_peer peer[4];
    CHECK(nodosum_lan_list(fresh.l, peer, 4) == 2 && peer[0].address.port == PORT &&
              memcmp(peer[0].address.ip, old[1].at.ip, 16) == 0, "its address is where its packets come from");
    CHECK(nodosum_lan_list(fresh.l, peer, 1) == 1, "no more than are asked for");
    for (uint32_t i = 0; i < 2; i++) {
        close_node(&old[i]);
    }
    close_node(&fresh);
}

static void questions_and_announcements_have_their_times(void)
{
    struct node n;
    struct nodosum_lan_message m;
    struct nodosum_lan_send s;

    open_node(&n, 0, 4, 1);
    CHECK(run(&n, 1001 * MS, NODOSUM_LAN_ASK, &m, &s) == 3, "three questions in a second");
    CHECK(run(&n, 60 * (uint64_t)SECOND, NODOSUM_LAN_ASK, &m, &s) == 0, "and no more");
    uint32_t count = run(&n, 300 * (uint64_t)SECOND, NODOSUM_LAN_ANNOUNCE, &m, &s);
    CHECK(count >= 8 && count <= 13 && s.is_group && s.size == NODOSUM_LAN_QUESTION, "%u announcements in 300 s", count);
    nodosum_lan_move(n.l, n.now_us, &n.fx);
    CHECK(n.fx.sends == 1 && n.fx.send[0].is_group, "at another address it asks at once");
    CHECK(run(&n, 1001 * MS, NODOSUM_LAN_ASK, &m, &s) == 2, "and twice again");
    CHECK(run(&n, 1001 * MS, NODOSUM_LAN_ANNOUNCE, &m, &s) == 1, "and announces itself as at its start");
    close_node(&n);
}

static void who_is_silent_is_gone_and_who_says_so_at_once(void)
{
    struct node n;
    struct nodosum_lan_message m;
    struct nodosum_lan_send s;

    open_node(&n, 0, 4, 1);
    (void)run(&n, 1100 * MS, NODOSUM_LAN_ASK, &m, &s);
    prove(&n, 1, 5);
    prove(&n, 2, 5);
    m = message(NODOSUM_LAN_BYE, 1, 5, 3, 0);
    CHECK(hear(&n, &m, &n.at) == ERR_OK && n.fx.has_changed && there(&n) == 1, "a farewell");
    CHECK(hear(&n, &m, &n.at) == ERR_DENIED, "the same again");
    m = message(NODOSUM_LAN_BYE, 2, 5, 2, 0);
    CHECK(hear(&n, &m, &n.at) == ERR_DENIED && there(&n) == 1, "one from before");
    (void)run(&n, (NODOSUM_LAN_EXPIRE_MS - 1000) * (uint64_t)MS, NODOSUM_LAN_ASK, &m, &s);
    CHECK(there(&n) == 1, "not yet");
    m = message(NODOSUM_LAN_ANNOUNCE, 2, 5, 3, 0);
    struct nodosum_address at = address_of(2);
    CHECK(hear(&n, &m, &at) == ERR_OK, "it is heard in time");
    (void)run(&n, (NODOSUM_LAN_EXPIRE_MS - 1000) * (uint64_t)MS, NODOSUM_LAN_ASK, &m, &s);
    CHECK(there(&n) == 1, "and stays");
    (void)run(&n, 1001 * MS, NODOSUM_LAN_ASK, &m, &s);
    CHECK(there(&n) == 0, "until it is silent");
    close_node(&n);
}

/* ---- what is ignored ------------------------------------------------------------------------------- */

/* One byte of a true packet is another, or its length. */
static void what_is_not_ours_is_refused(void)
{
    static const struct {
        int at, to;
        enum err e;
        size_t counter;
        const char *why;
    } rows[] = {
        {-1, 0, ERR_OK, offsetof(struct nodosum_lan_counters, taken), "as it is"},
        {0, 'X', ERR_MALFORMED, offsetof(struct nodosum_lan_counters, malformed), "other bytes"},
        {4, 2, ERR_INCOMPATIBLE, offsetof(struct nodosum_lan_counters, malformed), "another version"},
        {5, 0, ERR_MALFORMED, offsetof(struct nodosum_lan_counters, malformed), "no kind"},
        {5, NODOSUM_LAN_BYE + 1, ERR_MALFORMED, offsetof(struct nodosum_lan_counters, malformed), "an unknown kind"},
        {5, NODOSUM_LAN_BYE, ERR_MALFORMED, offsetof(struct nodosum_lan_counters, malformed), "a kind of another length"},
        {6, 1, ERR_MALFORMED, offsetof(struct nodosum_lan_counters, malformed), "reserved bytes"},
        {11, 4, ERR_INCOMPATIBLE, offsetof(struct nodosum_lan_counters, strange), "another epoch"},
        {19, 9, ERR_FORGED, offsetof(struct nodosum_lan_counters, forged), "another life"},
        {31, 9, ERR_MALFORMED, offsetof(struct nodosum_lan_counters, malformed), "an announcement with a nonce"},
        {40, 9, ERR_FORGED, offsetof(struct nodosum_lan_counters, forged), "another id"},
        {66, 0, ERR_MALFORMED, offsetof(struct nodosum_lan_counters, malformed), "no name"},
        {66, 65, ERR_MALFORMED, offsetof(struct nodosum_lan_counters, malformed), "a name too long"},
        {67, '/', ERR_MALFORMED, offsetof(struct nodosum_lan_counters, malformed), "a name that is a path"},
        {150, 1, ERR_MALFORMED, offsetof(struct nodosum_lan_counters, malformed), "something behind the name"},
        {199, 1, ERR_FORGED, offsetof(struct nodosum_lan_counters, forged), "another tag"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct nodosum_lan_message m = message(NODOSUM_LAN_ANNOUNCE, 1, 5, 1, 0);
        struct nodosum_address at = address_of(1);
        uint8_t bytes[NODOSUM_LAN_QUESTION];
        struct node n;
        open_node(&n, 0, 4, 1);
        (void)nodosum_lan_wire_put(&m, key, bytes);
        if (rows[i].at >= 0) {
            bytes[rows[i].at] = (uint8_t)(rows[i].to == bytes[rows[i].at] ? rows[i].to + 1 : rows[i].to);
        }
        CHECK(nodosum_lan_packet(n.l, n.now_us, &at, bytes, sizeof bytes, &n.fx) == rows[i].e, "%s", rows[i].why);
        const uint8_t *counters = (const uint8_t *)nodosum_lan_counters(n.l);
        uint64_t count;
        memcpy(&count, counters + rows[i].counter, sizeof count);
        CHECK(count == 1, "%s: is counted as such", rows[i].why);
        CHECK(rows[i].e == ERR_OK || (n.fx.sends == 0 && there(&n) == 0), "%s: nothing follows", rows[i].why);
        close_node(&n);
    }
}

static void lengths_have_two_sides(void)
{
    struct nodosum_lan_message m = message(NODOSUM_LAN_ANNOUNCE, 1, 5, 1, 0);
    struct nodosum_address at = address_of(1);
    uint8_t bytes[4096] = {0};
    struct node n;

    open_node(&n, 0, 4, 1);
    (void)nodosum_lan_wire_put(&m, key, bytes);
    for (size_t size = 0; size < NODOSUM_LAN_QUESTION; size++) {
        CHECK(nodosum_lan_packet(n.l, n.now_us, &at, bytes, size, &n.fx) == ERR_MALFORMED, "%zu bytes", size);
    }
    CHECK(nodosum_lan_packet(n.l, n.now_us, &at, bytes, NODOSUM_LAN_QUESTION + 1, &n.fx) == ERR_LIMIT, "a byte more");
    CHECK(nodosum_lan_packet(n.l, n.now_us, &at, bytes, sizeof bytes, &n.fx) == ERR_LIMIT, "a page");
    CHECK(nodosum_lan_counters(n.l)->oversized == 2, "counted");
    CHECK(nodosum_lan_packet(n.l, n.now_us, &at, bytes, NODOSUM_LAN_QUESTION, &n.fx) == ERR_OK, "as long as it is");
    close_node(&n);
}

/* Whoever recorded packets sends them again, from its own place: nobody is found there, and what it gets for it
 * is no more than it gave. */
static void replays_and_false_places_are_ignored(void)
{
    struct node n;
    struct nodosum_address thief = address_of(99);
    struct nodosum_lan_message m, asked = {0};
    struct nodosum_lan_send s = {0};

    open_node(&n, 0, 16, 1);
    (void)run(&n, 1100 * MS, NODOSUM_LAN_ASK, &asked, &s);
    prove(&n, 1, 5);
    struct nodosum_lan_message recorded = message(NODOSUM_LAN_ANNOUNCE, 1, 5, 1, 0);
    uint64_t got = 0, gave = 0;
    for (int i = 0; i < 19; i++) {
        CHECK(hear(&n, &recorded, &thief) == ERR_DENIED, "an old announcement, %d", i);
        gave += NODOSUM_LAN_QUESTION;
        got += run(&n, 10 * MS, NODOSUM_LAN_ASK, &asked, &s) * NODOSUM_LAN_QUESTION;
    }
    got += run(&n, SECOND, NODOSUM_LAN_ASK, &asked, &s) * NODOSUM_LAN_QUESTION;
    CHECK(got <= NODOSUM_LAN_QUESTION, "it is asked once, not each time: %llu of %llu", (unsigned long long)got,
          (unsigned long long)gave);
    struct nodosum_lan_peer peer;
    CHECK(nodosum_lan_list(n.l, &peer, 1) == 1 && memcmp(peer.address.ip, thief.ip, 16) != 0, "it is where it was");

    n.now_us += NODOSUM_LAN_DOUBT_MS * (uint64_t)MS;
    /* A new announcement, caught on its way and sent on from elsewhere: the place is not believed. */
    m = message(NODOSUM_LAN_ANNOUNCE, 1, 5, 7, 0);
    CHECK(hear(&n, &m, &thief) == ERR_OK, "its words are true");
    CHECK(nodosum_lan_list(n.l, &peer, 1) == 1 && memcmp(peer.address.ip, thief.ip, 16) != 0, "the place is not");
    m = message(NODOSUM_LAN_REPLY, 1, 5, 8, 12345);
    CHECK(hear(&n, &m, &thief) == ERR_DENIED && nodosum_lan_counters(n.l)->unasked == 1, "a number nobody asked with");
    CHECK(run(&n, SECOND, NODOSUM_LAN_ASK, &asked, &s) == 1, "it is asked there");
    m = message(NODOSUM_LAN_REPLY, 1, 5, 9, asked.nonce);
    struct nodosum_address other = address_of(98);
    CHECK(hear(&n, &m, &other) == ERR_DENIED, "the number that was sent elsewhere");
    n.now_us += NODOSUM_LAN_ASKED_MS * MS;
    CHECK(hear(&n, &m, &thief) == ERR_DENIED, "and too late");
    close_node(&n);
}

/* A node whose clock and disk are gone counts from below: it is asked, answers, and is there again. */
static void a_clock_ten_years_off_is_harmless(void)
{
    struct node n;
    struct nodosum_lan_message m, asked = {0};
    struct nodosum_lan_send s = {0};
    struct nodosum_address at = address_of(1);

    open_node(&n, 0, 16, 1);
    (void)run(&n, 1100 * MS, NODOSUM_LAN_ASK, &asked, &s);
    prove(&n, 1, UINT64_C(1) << 40);
    n.now_us += NODOSUM_LAN_EXPIRE_MS * (uint64_t)MS;
    (void)run(&n, MS, NODOSUM_LAN_ASK, &asked, &s);
    CHECK(there(&n) == 0, "it was away");
    m = message(NODOSUM_LAN_ANNOUNCE, 1, 3, 1, 0);
    CHECK(hear(&n, &m, &at) == ERR_DENIED, "a life long before the last one");
    CHECK(run(&n, SECOND, NODOSUM_LAN_ASK, &asked, &s) == 1, "it is asked");
    m = message(NODOSUM_LAN_REPLY, 1, 3, 2, asked.nonce);
    CHECK(hear(&n, &m, &at) == ERR_OK && there(&n) == 1, "and is there");
    m = message(NODOSUM_LAN_ANNOUNCE, 1, 3, 3, 0);
    CHECK(hear(&n, &m, &at) == ERR_OK, "from then on it counts from there");
    close_node(&n);
}

/* ---- bounds ---------------------------------------------------------------------------------------- */

/* NOD-4: 20,000 announcements of as many nodes at a cache of 10,000, while 500 live ones go on announcing themselves: these
 * stay, the cache is full and never emptied; and each that is forgotten makes room for one. */
static void live_ones_stay_in_a_flood(void)
{
    struct node n;
    struct nodosum_lan_message m, asked;
    struct nodosum_lan_send s;
    uint32_t remembered, lowest = CAP, number = 10;

    open_node(&n, 0, CAP, 1);
    (void)run(&n, 1100 * MS, NODOSUM_LAN_ASK, &asked, &s);
    for (uint32_t i = 0; i < LIVE; i++) {
        prove(&n, 1 + i, 5);
        n.now_us += 50 * MS;
        for (uint32_t k = 0; k <= i && i % 100 == 99; k++) { /* proving takes longer than they may be silent */
            struct nodosum_address at = address_of(1 + k);
            m = message(NODOSUM_LAN_ANNOUNCE, 1 + k, 5, number, 0);
            CHECK(hear(&n, &m, &at) == ERR_OK, "%u goes on", k);
        }
        number += i % 100 == 99;
    }
    CHECK(there(&n) == LIVE, "%u live", there(&n));
    for (uint32_t i = 0; i < FLOOD; i++) {
        struct nodosum_address at = address_of(100000 + i);
        m = message(NODOSUM_LAN_ANNOUNCE, 100000 + i, 5, 1, 0);
        n.now_us += MS;
        CHECK(hear(&n, &m, &at) == ERR_OK, "announcement %u", i);
        uint32_t count = nodosum_lan_count(n.l, &remembered);
        lowest = i > CAP && count + remembered < lowest ? count + remembered : lowest;
        if (i % (FLOOD / 4) == 0) {
            for (uint32_t k = 0; k < LIVE; k++) {
                at = address_of(1 + k);
                m = message(NODOSUM_LAN_ANNOUNCE, 1 + k, 5, ++number, 0);
                CHECK(hear(&n, &m, &at) == ERR_OK, "%u goes on", k);
            }
        }
    }
    CHECK(there(&n) == LIVE, "%u of %d live ones stay", there(&n), LIVE);
    CHECK(lowest == CAP, "the cache stays full: %u", lowest);
    CHECK(nodosum_lan_counters(n.l)->evicted == LIVE + FLOOD - CAP, "one goes for each that comes");
    close_node(&n);
}

/* More that are truly there than the cache has room for: the one unheard longest goes first. */
static void the_unheard_longest_makes_room(void)
{
    struct node n;
    struct nodosum_lan_message m, asked;
    struct nodosum_lan_send s;
    struct nodosum_address at = address_of(1);
    struct nodosum_lan_peer peer[4];

    open_node(&n, 0, 3, 1);
    (void)run(&n, 1100 * MS, NODOSUM_LAN_ASK, &asked, &s);
    for (uint32_t i = 1; i <= 3; i++) {
        prove(&n, i, 5);
    }
    m = message(NODOSUM_LAN_ANNOUNCE, 1, 5, 9, 0);
    CHECK(hear(&n, &m, &at) == ERR_OK, "the first is heard again");
    prove(&n, 4, 5);
    CHECK(there(&n) == 3 && nodosum_lan_list(n.l, peer, 4) == 3, "as many as there is room for");
    for (uint32_t i = 0; i < 3; i++) {
        CHECK(bytes_get_be32(peer[i].id.byte) != 2, "the second was unheard longest");
    }
    close_node(&n);
}

/* Per address and of all: what is over the rate is not looked at; another address is not held back by it. */
static void a_flood_is_held_at_its_rate(void)
{
    struct node n;
    struct nodosum_address flooder = address_of(7), other = address_of(8);
    struct nodosum_lan_message m;

    open_node(&n, 0, 64, 1);
    for (uint32_t i = 0; i < 10 * NODOSUM_LAN_SOURCE_RATE; i++) {
        m = message(NODOSUM_LAN_ANNOUNCE, 7, 5, i + 1, 0);
        enum err e = hear(&n, &m, &flooder);
        CHECK(e == (i < NODOSUM_LAN_SOURCE_RATE ? ERR_OK : ERR_LIMIT), "packet %u: %s", i, err_name(e));
    }
    m = message(NODOSUM_LAN_ANNOUNCE, 8, 5, 1, 0);
    CHECK(hear(&n, &m, &other) == ERR_OK, "another address");
    CHECK(nodosum_lan_counters(n.l)->busy == 9 * NODOSUM_LAN_SOURCE_RATE, "counted");
    n.now_us += SECOND + 1;
    m = message(NODOSUM_LAN_ANNOUNCE, 7, 5, 10000, 0);
    CHECK(hear(&n, &m, &flooder) == ERR_OK, "a second later");
    close_node(&n);
}

/* Questions of very many: so many answers a second and no more. */
static void answers_are_bounded(void)
{
    struct node n;
    struct nodosum_lan_message m;
    struct nodosum_lan_send s;
    uint32_t answers = 0;

    open_node(&n, 0, 4096, 1);
    (void)run(&n, 1100 * MS, NODOSUM_LAN_ASK, &m, &s);
    n.now_us += SECOND;
    for (uint32_t i = 0; i < 1000; i++) {
        struct nodosum_address at = address_of(1000 + i);
        struct nodosum_lan_message q = message(NODOSUM_LAN_ASK, 1000 + i, 5, 1, 77);
        CHECK(hear(&n, &q, &at) == ERR_OK, "question %u", i);
        answers += run(&n, MS / 2, NODOSUM_LAN_REPLY, &m, &s);
    }
    answers += run(&n, 30 * MS, NODOSUM_LAN_REPLY, &m, &s);
    CHECK(answers <= NODOSUM_LAN_SEND_RATE && answers >= NODOSUM_LAN_SEND_RATE - 4, "%u answers, and its own questions", answers);
    CHECK(nodosum_lan_counters(n.l)->unsent >= 1000 - NODOSUM_LAN_SEND_RATE, "the others are counted");
    close_node(&n);
}

static void what_may_be_configured(void)
{
    struct nodosum_lan_config good = {.name = "n", .port = 1, .peers_max = 1, .keys = 1}, c;
    void *memory = malloc(nodosum_lan_size(NODOSUM_LAN_PEERS_MAX));
    struct nodosum_lan *l;

    REQUIRE(memory != NULL, "memory");
    CHECK(nodosum_lan_init(memory, &good, 1, &l) == ERR_OK, "the least");
    c = good, c.peers_max = NODOSUM_LAN_PEERS_MAX;
    CHECK(nodosum_lan_init(memory, &c, 1, &l) == ERR_OK, "the most");
    c = good, c.peers_max = NODOSUM_LAN_PEERS_MAX + 1;
    CHECK(nodosum_lan_init(memory, &c, 1, &l) == ERR_INVALID, "one more");
    c = good, c.peers_max = 0;
    CHECK(nodosum_lan_init(memory, &c, 1, &l) == ERR_INVALID, "room for nobody");
    c = good, c.port = 0;
    CHECK(nodosum_lan_init(memory, &c, 1, &l) == ERR_INVALID, "no port");
    c = good, c.keys = 0;
    CHECK(nodosum_lan_init(memory, &c, 1, &l) == ERR_INVALID, "no key");
    c = good, c.keys = NODOSUM_LAN_KEYS_MAX + 1;
    CHECK(nodosum_lan_init(memory, &c, 1, &l) == ERR_INVALID, "a key too many");
    c = good, c.name[0] = '-';
    CHECK(nodosum_lan_init(memory, &c, 1, &l) == ERR_INVALID, "no name");
    free(memory);
}

int main(void)
{
    nodosum_lan_wire_derive(cluster_key, cluster_id, key);
    a_fresh_node_finds_the_others_at_once();
    questions_and_announcements_have_their_times();
    who_is_silent_is_gone_and_who_says_so_at_once();
    what_is_not_ours_is_refused();
    lengths_have_two_sides();
    replays_and_false_places_are_ignored();
    a_clock_ten_years_off_is_harmless();
    live_ones_stay_in_a_flood();
    the_unheard_longest_makes_room();
    a_flood_is_held_at_its_rate();
    answers_are_bounded();
    what_may_be_configured();
    return CHECK_RESULT();
}
