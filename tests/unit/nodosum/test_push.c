/* Claims about fingers and about news along the tree that they make: who is a finger, that everybody hears once, and
 * what somebody who lies can bring about. */
#include <string.h>

#include "nodosum/fingers.h"
#include "nodosum/gossip.h"
#include "nodosum/push.h"
#include "nodosum/table.h"
#include "tests/unit/nodosum/kit.h"

enum { RING_MAX = 70, MS = 1000, QUIET_MS = 1 << 30 };

/* ---- fingers ----------------------------------------------------------------------------------------- */

static uint32_t log2_up(uint32_t n)
{
    uint32_t digits = 0;

    while (UINT32_C(1) << digits < n) {
        digits++;
    }
    return digits;
}

/* This member among so many others, some before and some behind it. */
static void open_around(struct kit *k, uint32_t others)
{
    kit_open(k, others + 2, 0);
    for (uint32_t i = 0; i < others; i++) {
        uint32_t who = i % 2 == 0 ? KIT_SELF + 1 + i / 2 : KIT_SELF > i / 2 ? KIT_SELF - 1 - i / 2 : 2000 + i;
        kit_alive(k, who, who, 1);
    }
}

/* Of n members with this one in the middle: exactly those at distances of powers of two, in both directions. */
static void fingers_are_at_powers_of_two(void)
{
    for (uint32_t others = 0; others < 300; others += others < 20 ? 1 : 37) {
        struct kit k;
        open_around(&k, others);
        uint32_t ring = others + 1, self = k.n->ring_self, fingers = 0;
        CHECK(k.n->living == ring && k.n->ring[self] == NODOSUM_SELF, "%u are there", ring);
        for (uint32_t apart = 1; apart <= others; apart++) {
            bool is_one = (apart & (apart - 1)) == 0 || ((ring - apart) & (ring - apart - 1)) == 0;
            uint16_t index = k.n->ring[(self + apart) % ring];
            CHECK(nodosum_fingers_has(k.n, index) == is_one, "%u of %u", apart, others);
            fingers += is_one;
        }
        CHECK(fingers <= 2 * log2_up(ring), "%u fingers of %u", fingers, others);
        for (uint32_t i = 0; UINT32_C(1) << i <= others; i++) {
            CHECK(nodosum_fingers_after(k.n, i) == k.n->ring[(self + (UINT32_C(1) << i)) % ring], "2^%u of %u", i,
                  others);
        }
        CHECK(nodosum_fingers_after(k.n, log2_up(ring)) == NODOSUM_NOBODY, "and no more, of %u", others);
        kit_close(&k);
    }
}

static void the_gone_are_no_fingers(void)
{
    uint16_t next;
    struct kit k;

    kit_open(&k, 20, 10);
    next = nodosum_fingers_after(k.n, 0);
    uint32_t who = (uint32_t)(k.n->member[next].short_id >> 32) - 1;
    kit_suspect(&k, (who + 1) % 10, who, 1, 5);
    CHECK(nodosum_fingers_after(k.n, 0) == next, "a suspect lives");
    kit_dead(&k, (who + 1) % 10, who, 1);
    CHECK(nodosum_fingers_after(k.n, 0) != next && !nodosum_fingers_has(k.n, next), "the dead do not");
    kit_alive(&k, who, who, 2);
    CHECK(nodosum_fingers_after(k.n, 0) == next, "back again");
    kit_alive(&k, 60, 60, 1);
    kit_left(&k, 60, 60, 1);
    CHECK(nodosum_fingers_after(k.n, 0) == next, "who left is none");
    kit_close(&k);
}

/* In two minutes of a thousand members, whatever is sent goes to few of them (NOD-9). Nobody answers here, so nobody
 * may die of that. */
static void few_are_spoken_with(void)
{
    bool is_met[4000] = {false};
    uint32_t met = 0;
    struct kit k;

    open_around(&k, 999);
    k.n->tuning.suspect_least_ms = QUIET_MS;
    kit_wait(&k, 5000 * MS);
    uint64_t until_us = k.now_us + UINT64_C(120000) * MS;
    while (k.now_us < until_us) {
        kit_due(&k);
        for (uint32_t i = 0; i < k.fx.sends; i++) {
            uint32_t who = (uint32_t)(nodosum_packet_short(&k.fx.send[i].to) >> 32) - 1;
            REQUIRE(who < ARRAY_LEN(is_met), "to a member");
            met += !is_met[who];
            is_met[who] = true;
        }
    }
    /* 20 fingers; and of each that does not answer the two on either side are told so, and helpers asked. */
    CHECK(met >= 10 && met <= 20 * 5, "%u of a thousand", met);
    kit_close(&k);
}

static void helpers_have_a_session_with_the_target(void)
{
    uint16_t to[NODOSUM_HELPERS];
    struct kit k;

    kit_open(&k, 100, 99);
    uint16_t target = nodosum_fingers_after(k.n, 3);
    for (int i = 0; i < 20; i++) {
        CHECK(nodosum_fingers_draw_near(k.n, NODOSUM_HELPERS, target, to) == NODOSUM_HELPERS, "three");
        for (int h = 0; h < NODOSUM_HELPERS; h++) {
            uint32_t apart = nodosum_table_apart(k.n, to[h], target), rest = 100 - apart;
            CHECK(apart != 0 && ((apart & (apart - 1)) == 0 || (rest & (rest - 1)) == 0), "%u apart", apart);
        }
    }
    kit_close(&k);
    kit_open(&k, 4, 3);
    CHECK(nodosum_fingers_draw_near(k.n, NODOSUM_HELPERS, nodosum_fingers_after(k.n, 0), to) == 2, "as many as there are");
    kit_close(&k);
}

/* ---- the tree ---------------------------------------------------------------------------------------- */

/* Members 0 to n - 1 who all know each other, have nothing to tell, and do nothing by themselves. */
struct ring {
    struct kit k[RING_MAX];
    uint32_t n;
    uint32_t heard[RING_MAX];  /* packets with a PUSH */
    uint32_t depth[RING_MAX];  /* hops from the first, of the last of them */
    uint32_t packets;
};

static struct ring ring;

static void join(struct kit *k, uint32_t who, uint32_t n)
{
    struct nodosum_config c = kit_config(n + 1);

    c.id = kit_id(who);
    c.words = kit_words(who);
    c.about = kit_about(who);
    c.tuning.period_ms = QUIET_MS;
    k->now_us = KIT_START_US;
    k->memory = malloc(nodosum_core_size(n + 1));
    REQUIRE(k->memory != NULL && nodosum_core_init(k->memory, &c, k->now_us, &k->n) == ERR_OK, "a core");
    for (uint32_t i = 0; i < n; i++) {
        if (i != who) {
            kit_alive(k, i, i, 1);
        }
    }
    kit_wait(k, 2000 * MS); /* its news gets old; what it sends is lost */
    CHECK((k->n->hot == 0 || n == 1) && k->n->pushes == 0, "nothing to tell");
}

static void open_ring(uint32_t n)
{
    memset(&ring, 0, sizeof ring);
    ring.n = n;
    for (uint32_t i = 0; i < n; i++) {
        join(&ring.k[i], i, n);
    }
}

static void close_ring(void)
{
    for (uint32_t i = 0; i < ring.n; i++) {
        kit_close(&ring.k[i]);
    }
}

static bool has_push(const struct nodosum_packet *p)
{
    struct nodosum_message m;
    size_t at = 1;

    while (nodosum_packet_next(p->bytes, p->size, &at, &m)) {
        if (m.kind == NODOSUM_PACKET_PUSH) {
            return true;
        }
    }
    return false;
}

/* Whatever `from` pushed in this step arrives, and what follows from that; the rest is lost. */
static void carry(uint32_t from, uint32_t depth)
{
    struct nodosum_effects *fx = malloc(sizeof *fx);
    struct nodosum_id id = kit_id(from);
    struct nodosum_address at = kit_address(from);

    REQUIRE(fx != NULL && depth < 20, "it ends");
    *fx = ring.k[from].fx;
    for (uint32_t i = 0; i < fx->sends; i++) {
        const struct nodosum_send *s = &fx->send[i];
        uint32_t to = (uint32_t)(nodosum_packet_short(&s->to) >> 32) - 1;
        if (has_push(&s->packet) && to < ring.n) { /* a newcomer is not played here */
            struct kit *k = &ring.k[to];
            ring.packets++;
            ring.heard[to]++;
            ring.depth[to] = depth + 1;
            CHECK(nodosum_core_packet(k->n, k->now_us, &id, &at, s->packet.bytes, s->packet.size, &k->fx) == ERR_OK,
                  "a good packet");
            carry(to, depth + 1);
        }
    }
    free(fx);
}

/* Of every size: one changes, and each other hears of it once, over no more than log2 n hops. */
static void everybody_hears_once(void)
{
    static const uint32_t sizes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 70};

    for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
        uint32_t n = sizes[s], root = n / 3;
        struct nodosum_id id = kit_id(root);
        open_ring(n);
        REQUIRE(nodosum_core_update(ring.k[root].n, ring.k[root].now_us, (const uint8_t *)"new", 3,
                                    &ring.k[root].fx) == ERR_OK, "it changes");
        carry(root, 0);
        CHECK(ring.packets == n - 1, "%u packets for %u", ring.packets, n);
        for (uint32_t i = 0; i < n; i++) {
            struct nodosum_view v;
            bool is_known = nodosum_core_find(ring.k[i].n, &id, &v) && v.about->meta_size == 3;
            CHECK(is_known && ring.heard[i] == (i != root), "%u of %u heard %u times", i, n, ring.heard[i]);
            CHECK(ring.depth[i] <= log2_up(n), "%u of %u after %u hops", i, n, ring.depth[i]);
        }
        close_ring();
    }
}

/* Each kind of news that somebody is the first to know goes to all. */
static void first_hand_news_is_pushed(void)
{
    static const char *const names[] = {"offers", "a leave", "a refutation", "an introduction"};

    for (int kind = 0; kind < 4; kind++) {
        open_ring(9);
        struct kit *k = &ring.k[4];
        if (kind == 0) {
            CHECK(nodosum_core_offer(k->n, k->now_us, (const uint8_t *)"o", 1, &k->fx) == ERR_OK, "offers");
        } else if (kind == 1) {
            nodosum_core_leave(k->n, k->now_us, &k->fx);
        } else if (kind == 2) {
            kit_suspect(k, 3, 4, 1, 7);
        } else {
            kit_alive(k, 60, 60, 1);
        }
        carry(4, 0);
        for (uint32_t i = 0; i < 9; i++) {
            bool is_reached = ring.heard[i] == 1 || (i == 4 && ring.heard[i] == 0);
            CHECK(is_reached, "%s: %u heard %u times", names[kind], i, ring.heard[i]);
        }
        close_ring();
    }
    open_ring(9);
    kit_alive(&ring.k[4], 3, 60, 1);
    CHECK(kit_sent(&ring.k[4], NODOSUM_PACKET_PUSH, UINT32_MAX, NULL) == 0, "hearsay is gossip's");
    close_ring();
}

/* A packet that pushes a new incarnation of member 2 to member 0, for the ring up to `last`. */
static uint32_t pushed(uint32_t from, uint64_t last, uint64_t incarnation)
{
    struct nodosum_message push = {.kind = NODOSUM_PACKET_PUSH, .last = last};
    struct nodosum_message alive = {.kind = NODOSUM_PACKET_ALIVE, .id = kit_id(2), .incarnation = incarnation};
    struct nodosum_packet p = {0};
    struct nodosum_id id = kit_id(from);
    struct nodosum_address at = kit_address(from);
    struct kit *k = &ring.k[0];

    alive.about = kit_about(2);
    CHECK(nodosum_packet_add(&p, &push) && nodosum_packet_add(&p, &alive), "they fit");
    CHECK(nodosum_core_packet(k->n, k->now_us, &id, &at, p.bytes, p.size, &k->fx) == ERR_OK, "a good packet");
    return kit_sent(k, NODOSUM_PACKET_PUSH, UINT32_MAX, NULL);
}

static void what_is_passed_on(void)
{
    static const struct {
        uint32_t from, last;
        uint64_t incarnation;
        uint32_t passed;
        const char *why;
    } rows[] = {
        {1, 3, 2, 2, "to 1 and 2, who are up to 3 and themselves"},
        {1, 3, 2, 0, "the same again"},
        {5, 2, 2, 0, "a part of that"},
        {5, 8, 2, 4, "more than that: 1, 2, 4 and 8"},
        {5, 15, 2, 4, "all of the sixteen"},
        {5, 15, 2, 0, "and that was all"},
        {5, 1, 3, 1, "something new, to 1 alone"},
        {5, 15, 2, 0, "what is old by now"},
        {5, 0, 4, 0, "an empty part"},
        {5, 15, 5, 4, "something new, to all"},
        {77, 15, 6, 0, "a stranger's"},
    };

    open_ring(16);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint32_t passed = pushed(rows[i].from, (uint64_t)(rows[i].last + 1) << 32, rows[i].incarnation);
        CHECK(passed == rows[i].passed, "row %zu, %s: %u", i, rows[i].why, passed);
    }
    close_ring();
}

/* A storm: what comes within the gap shares packets, and what is too much is left to gossip. */
static void a_storm_shares_packets(void)
{
    struct kit k;
    uint32_t pushes = 0, told = 0, wait = 0;

    kit_open(&k, 200, 10);
    kit_wait(&k, 1000 * MS);
    k.n->tuning.suspect_least_ms = QUIET_MS;
    for (uint32_t i = 0; i <= NODOSUM_PUSH_MAX + 1; i++) {
        kit_alive(&k, 110 + i, 110 + i, 1); /* each introduces itself */
        pushes += kit_sent(&k, NODOSUM_PACKET_PUSH, UINT32_MAX, NULL) > 0;
        wait += k.n->pushes == NODOSUM_PUSH_MAX;
    }
    CHECK(pushes == 1 && k.n->pushes == NODOSUM_PUSH_MAX && wait == 2, "the first at once, the others wait: %u", wait);
    CHECK(k.fx.due_us <= k.now_us + NODOSUM_PUSH_GAP_MS * MS, "not for long");
    for (pushes = 0; pushes < 100 && k.n->pushes > 0; pushes++) {
        kit_due(&k);
        told += kit_sent(&k, NODOSUM_PACKET_PUSH, UINT32_MAX, NULL) > 0;
    }
    CHECK(k.n->pushes == 0 && told >= 5 && told <= 10, "told in %u pushes", told);
    kit_close(&k);
}

/* Who is forgotten while its news waits is not told of. */
static void the_forgotten_are_not_pushed(void)
{
    struct kit k;

    kit_open(&k, 20, 10);
    kit_alive(&k, 60, 60, 1);
    kit_alive(&k, 61, 61, 1);
    uint16_t index = kit_index(&k, 61);
    CHECK(k.n->pushes >= 1, "it waits");
    kit_dead(&k, 3, 61, 1);
    nodosum_table_remove(k.n, index);
    for (uint32_t i = 0; i < k.n->pushes; i++) {
        CHECK(k.n->push[i] != index, "place %u", i);
    }
    kit_close(&k);
}

int main(void)
{
    fingers_are_at_powers_of_two();
    the_gone_are_no_fingers();
    few_are_spoken_with();
    helpers_have_a_session_with_the_target();
    everybody_hears_once();
    first_hand_news_is_pushed();
    what_is_passed_on();
    a_storm_shares_packets();
    the_forgotten_are_not_pushed();
    return CHECK_RESULT();
}
