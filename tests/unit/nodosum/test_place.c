/* Claims about places: what goes with pings and answers, who is looked at beside the turns, and when asked for. */
#include <string.h>

#include "tests/unit/nodosum/kit.h"

enum { OTHERS = 40, MS = 1000 };

static const uint8_t here[] = {1, 2, 3, 4, 5};

static const struct nodosum_message there = {.kind = NODOSUM_PACKET_PLACE, .place = {.size = 3, .bytes = {7, 8, 9}}};

static void open_placed(struct kit *k)
{
    kit_open(k, OTHERS + 1, OTHERS);
    CHECK(nodosum_core_place(k->n, k->now_us, here, sizeof here) == ERR_OK, "a place");
}

/* One packet of several messages. */
static void hear(struct kit *k, uint32_t from, const struct nodosum_message *const *m, size_t count)
{
    struct nodosum_id id = kit_id(from);
    struct nodosum_address at = kit_address(from);
    struct nodosum_packet p = {0};

    for (size_t i = 0; i < count; i++) {
        CHECK(nodosum_packet_add(&p, m[i]), "it fits");
    }
    CHECK(nodosum_core_packet(k->n, k->now_us, &id, &at, p.bytes, p.size, &k->fx) == ERR_OK, "a good packet");
}

struct seen {
    uint32_t pings, placed, members; /* members: that were ever asked */
    bool asked[OTHERS];
};

/* Answer every ping until so much time has passed, and count. */
static void watch(struct kit *k, uint32_t ms, struct seen *seen)
{
    uint64_t until_us = k->now_us + (uint64_t)ms * MS;

    *seen = (struct seen){0};
    while (k->fx.due_us <= until_us) {
        struct nodosum_effects *fx = &k->fx;
        struct nodosum_message ping[NODOSUM_SENDS_MAX], place;
        uint32_t to[NODOSUM_SENDS_MAX], count = 0;
        kit_due(k);
        for (uint32_t who = 0; who < OTHERS; who++) {
            if (kit_sent(k, NODOSUM_PACKET_PING, who, &ping[count]) > 0) {
                bool is_placed = kit_sent(k, NODOSUM_PACKET_PLACE, who, &place) > 0;
                CHECK(is_placed == ((ping[count].flags & NODOSUM_PING_PLACE) != 0), "the flag says what follows");
                CHECK(!is_placed || (place.place.size == sizeof here && memcmp(place.place.bytes, here, sizeof here) == 0), "as it is");
                seen->pings++;
                seen->placed += is_placed;
                seen->members += !seen->asked[who];
                seen->asked[who] = true;
                to[count++] = who;
            }
        }
        for (uint32_t i = 0; i < count; i++) {
            struct nodosum_message ack = {.kind = NODOSUM_PACKET_ACK, .seq = ping[i].seq, .attempt = ping[i].attempt};
            k->now_us += MS;
            CHECK(kit_hear(k, to[i], &ack) == ERR_OK && fx->rtts == 1 && fx->rtt[0].place.size == 0, "a round trip alone");
        }
    }
    k->now_us = until_us;
}

static void who_has_no_place_says_nothing(void)
{
    struct seen seen;
    struct kit k;

    kit_open(&k, OTHERS + 1, OTHERS);
    watch(&k, 2 * NODOSUM_EAGER_MS, &seen);
    CHECK(seen.placed == 0 && seen.members < OTHERS / 2, "%u of %u pings, %u members", seen.placed, seen.pings, seen.members);
    CHECK(nodosum_core_place(k.n, k.now_us, here, NODOSUM_META_PLACE_MAX + 1) == ERR_LIMIT && k.n->place.size == 0, "too long a one");
    kit_close(&k);
}

/* Every other ping goes to the next on the ring without a place; the others have one, after a minute half of them; and
 * everybody is looked at in time. */
static void places_go_with_pings(void)
{
    struct seen seen;
    struct kit k;

    open_placed(&k);
    watch(&k, NODOSUM_EAGER_MS - 1000, &seen);
    CHECK(seen.placed * 10 > seen.pings * 5 && seen.placed * 10 < seen.pings * 7, "%u of %u in the first minute", seen.placed, seen.pings);
    CHECK(seen.members == OTHERS, "a second each is enough for all: %u", seen.members);
    watch(&k, 1000, &seen);
    watch(&k, NODOSUM_EAGER_MS, &seen);
    CHECK(seen.placed * 100 > seen.pings * 22 && seen.placed * 100 < seen.pings * 35, "%u of %u later", seen.placed, seen.pings);
    watch(&k, 5 * OTHERS * 1000 * 2, &seen);
    CHECK(seen.members == OTHERS, "five seconds each are: %u", seen.members);
    CHECK(nodosum_core_place(k.n, k.now_us, NULL, 0) == ERR_OK, "no place any more");
    watch(&k, NODOSUM_EAGER_MS, &seen);
    CHECK(seen.placed == 0, "and nothing is said: %u", seen.placed);
    kit_close(&k);
}

static void an_answer_brings_the_place(void)
{
    struct nodosum_message ping;
    struct kit k;
    uint32_t who = OTHERS;

    open_placed(&k);
    while (who == OTHERS) {
        kit_due(&k);
        for (who = 0; who < OTHERS && kit_sent(&k, NODOSUM_PACKET_PING, who, &ping) == 0; who++) {
        }
    }
    struct nodosum_message ack = {.kind = NODOSUM_PACKET_ACK, .seq = ping.seq, .attempt = ping.attempt};
    k.now_us += 5 * MS;
    hear(&k, who, (const struct nodosum_message *const[]){&ack, &there}, 2);
    struct nodosum_id id = kit_id(who);
    CHECK(k.fx.rtts == 1 && k.fx.rtt[0].rtt_us == 5 * MS && memcmp(&k.fx.rtt[0].id, &id, sizeof id) == 0, "a round trip");
    CHECK(k.fx.rtt[0].place.size == 3 && k.fx.rtt[0].place.bytes[2] == 9, "and where it is");
    CHECK(kit_hear(&k, who, &there) == ERR_OK && k.fx.rtts == 1 && k.fx.rtt[0].rtt_us == 0 && k.fx.rtt[0].place.size == 3,
          "where it is, alone");
    CHECK(kit_hear(&k, OTHERS, &there) == ERR_OK && k.fx.rtts == 0 && k.n->counters.strangers == 1, "not from a stranger");
    kit_close(&k);
}

static void who_asks_is_told(void)
{
    struct nodosum_message ping = {.kind = NODOSUM_PACKET_PING, .seq = 5, .flags = NODOSUM_PING_PLACE}, m;
    struct kit k;

    kit_open(&k, OTHERS + 1, OTHERS);
    CHECK(kit_hear(&k, 3, &ping) == ERR_OK && kit_sent(&k, NODOSUM_PACKET_PLACE, 3, NULL) == 0, "who has none tells none");
    CHECK(nodosum_core_place(k.n, k.now_us, here, sizeof here) == ERR_OK, "a place");
    CHECK(kit_hear(&k, 3, &ping) == ERR_OK && kit_sent(&k, NODOSUM_PACKET_PLACE, 3, &m) == 1 && m.place.size == sizeof here, "told");
    CHECK(kit_hear(&k, OTHERS, &ping) == ERR_OK && kit_sent(&k, NODOSUM_PACKET_ACK, OTHERS, NULL) == 1 &&
              kit_sent(&k, NODOSUM_PACKET_PLACE, OTHERS, NULL) == 0 && k.fx.send[0].packet.size <= 7, "a stranger is not");
    ping.flags = 0;
    CHECK(kit_hear(&k, 3, &ping) == ERR_OK && kit_sent(&k, NODOSUM_PACKET_PLACE, 3, NULL) == 0, "nor who did not ask");
    kit_close(&k);
}

static void a_look_is_a_ping_at_once(void)
{
    struct kit k;
    uint32_t begun = 0;

    open_placed(&k);
    struct nodosum_id id = kit_id(7), self = kit_id(KIT_SELF), nobody = kit_id(OTHERS);
    CHECK(nodosum_core_look(k.n, k.now_us, &id, &k.fx) == ERR_OK && kit_sent(&k, NODOSUM_PACKET_PING, 7, NULL) == 1 &&
              kit_sent(&k, NODOSUM_PACKET_PLACE, 7, NULL) == 1, "and says where this node is");
    CHECK(nodosum_core_look(k.n, k.now_us, &id, &k.fx) == ERR_OK && k.fx.sends == 0, "once");
    CHECK(nodosum_core_look(k.n, k.now_us, &self, &k.fx) == ERR_NOT_FOUND, "itself");
    CHECK(nodosum_core_look(k.n, k.now_us, &nobody, &k.fx) == ERR_NOT_FOUND, "nobody");
    kit_dead(&k, 1, 8, 1);
    id = kit_id(8);
    CHECK(nodosum_core_look(k.n, k.now_us, &id, &k.fx) == ERR_NOT_FOUND, "the dead");
    for (uint32_t who = 10; who < OTHERS; who++) {
        id = kit_id(who);
        enum err e = nodosum_core_look(k.n, k.now_us, &id, &k.fx);
        CHECK(e == ERR_OK || e == ERR_LIMIT, "%s", err_name(e));
        begun += e == ERR_OK;
    }
    CHECK(begun + 1 == NODOSUM_PROBES_MAX, "no more than there may be at once: %u", begun);
    nodosum_core_leave(k.n, k.now_us, &k.fx);
    id = kit_id(9);
    CHECK(nodosum_core_look(k.n, k.now_us, &id, &k.fx) == ERR_PRECONDITION, "who leaves looks at nobody");
    kit_close(&k);
}

int main(void)
{
    who_has_no_place_says_nothing();
    places_go_with_pings();
    an_answer_brings_the_place();
    who_asks_is_told();
    a_look_is_a_ping_at_once();
    return CHECK_RESULT();
}
