/* Claims about keeping: who offers what to whom after a change, who asks for it, what a comparison finds. */
#include <string.h>

#include "dht/keep.h"
#include "dht/store.h"
#include "dht/table.h"
#include "tests/unit/dht/kit.h"

enum { MS = 1000, SECOND = 1000000, HOUR_MS = 3600000, MEMBERS = 24 };

/* The number of a node among 0 … by its id. */
static uint32_t number(const struct dht_peer *p)
{
    return (uint32_t)p->node.byte[0] << 24 | (uint32_t)p->node.byte[1] << 16 | (uint32_t)p->node.byte[2] << 8 | p->node.byte[3];
}

/* A record held here, which so many members are nearer to than this node. (Not every number of them occurs: ids are
 * leaves of a tree.) */
static void hold(struct kit *k, struct kit_record *r, uint32_t least, uint32_t most)
{
    uint32_t rank = UINT32_MAX;

    for (uint32_t i = 0; rank < least || rank > most; i++) {
        REQUIRE(i < 10000, "there is a record of rank %u to %u", least, most);
        uint16_t near[DHT_K];
        kit_immutable(r, i, 20, HOUR_MS);
        uint32_t count = dht_table_nearest(k->d, &r->r.key, near, DHT_K - 1);
        for (rank = 0; rank < count && dht_id_is_nearer(&r->r.key, &k->d->peer[near[rank]].id, &k->d->id);) {
            rank++;
        }
    }
    CHECK(kit_store(k, 0, r, 0, 0, NULL) == DHT_STATUS_OK, "stored");
    kit_wait(k, 100 * MS);
}

static void go(struct kit *k, uint32_t who)
{
    struct dht_contact c = kit_contact(who);

    dht_core_member(k->d, k->now_us, &c, DHT_MEMBER_GONE, &k->fx);
}

/* Offers of the steps until nothing is going on. */
static uint32_t count_offers(struct kit *k, uint32_t to)
{
    uint32_t offers = kit_sent(k, DHT_PACKET_OFFER, to, NULL, NULL);

    while (k->d->jobs > 0) {
        kit_due(k);
        offers += kit_sent(k, DHT_PACKET_OFFER, to, NULL, NULL);
    }
    return offers;
}

static void the_nearest_offer_after_a_death(void)
{
    static const struct {
        uint32_t least, most;
        bool offers;
    } rows[] = {{0, 0, true}, {1, 1, true}, {3, 3, true}, {4, 4, false}, {10, 14, false}}; /* one of those nearer dies */

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kit k;
        struct kit_record r;
        uint16_t near[DHT_K];
        kit_open(&k, MEMBERS);
        hold(&k, &r, rows[i].least, rows[i].most);
        (void)dht_table_nearest(k.d, &r.r.key, near, DHT_REPLICAS);
        go(&k, number(&k.d->peer[near[0]]));
        uint32_t offers = count_offers(&k, UINT32_MAX);
        CHECK(offers == (rows[i].offers ? DHT_REPLICAS - 1 : 0), "row %zu: %u offers", i, offers);
        kit_close(&k);
    }
}

static void a_death_elsewhere_concerns_nobody(void)
{
    struct kit k;
    struct kit_record r;
    uint16_t near[DHT_K];

    kit_open(&k, MEMBERS);
    hold(&k, &r, 0, 0);
    CHECK(dht_table_nearest(k.d, &r.r.key, near, DHT_REPLICAS) == DHT_REPLICAS, "holders");
    uint32_t last = number(&k.d->peer[near[DHT_REPLICAS - 2]]), beyond = number(&k.d->peer[near[DHT_REPLICAS - 1]]);
    go(&k, beyond);
    CHECK(count_offers(&k, UINT32_MAX) == 0, "the ninth: it was no holder");
    go(&k, last);
    CHECK(count_offers(&k, UINT32_MAX) == DHT_REPLICAS - 1, "the eighth was");
    kit_close(&k);
}

static void whoever_comes_is_offered_its_records(void)
{
    struct kit k;
    struct kit_record r;
    uint32_t near_one = MEMBERS;

    kit_open(&k, MEMBERS);
    hold(&k, &r, 0, 0);
    for (struct dht_id id = kit_id(near_one); !dht_id_is_nearer(&r.r.key, &id, &k.d->id); id = kit_id(near_one)) {
        near_one++;
    }
    struct dht_contact c = kit_contact(near_one);
    dht_core_member(k.d, k.now_us, &c, DHT_MEMBER_HERE, &k.fx);
    CHECK(count_offers(&k, near_one) == 1, "a newcomer that is nearest");
    struct dht_message want = {.kind = DHT_PACKET_WANT, .txn = 77, .token = 5, .count = 1}, out;
    want.item[0] = (struct dht_item){.key = r.r.key};
    CHECK(kit_hear(&k, near_one, &want) == ERR_OK, "it wants it");
    CHECK(kit_sent(&k, DHT_PACKET_STORE, near_one, &out, NULL) == 1 && out.txn == 77 && out.token == 5 &&
              (out.flags & DHT_FLAG_REPAIR) != 0 && out.record[0].left_ms <= HOUR_MS - 100 &&
              out.record[0].left_ms > HOUR_MS - 1000, "and gets it, with what is left of its life");
    CHECK(kit_hear(&k, 3, &want) == ERR_OK, "somebody who was not offered it wants it");
    kit_wait(&k, DHT_LATELY_MS * MS + 1);
    CHECK(kit_hear(&k, near_one, &want) == ERR_OK && k.fx.sends == 0, "nor is it given long after the offer");
    kit_close(&k);
}

static void an_offer_is_taken_by_holders_alone(void)
{
    struct kit k;
    struct kit_record mine, other;
    struct dht_message offer = {.kind = DHT_PACKET_OFFER, .count = 3}, out;

    kit_open(&k, MEMBERS);
    hold(&k, &mine, 1, 4);
    uint32_t i = 1000;
    do {
        kit_immutable(&other, i++, 20, HOUR_MS);
    } while (dht_table_is_holder(k.d, &other.r.key, DHT_REPLICAS));
    offer.item[0] = (struct dht_item){.key = mine.r.key};
    offer.item[1] = (struct dht_item){.key = other.r.key};
    do {
        kit_immutable(&other, i++, 20, HOUR_MS);
    } while (!dht_table_is_holder(k.d, &other.r.key, DHT_REPLICAS));
    offer.item[2] = (struct dht_item){.key = other.r.key};
    CHECK(kit_hear(&k, 3, &offer) == ERR_OK && kit_sent(&k, DHT_PACKET_WANT, 3, &out, NULL) == 1, "something is wanted");
    CHECK(out.count == 1 && dht_id_equal(&out.item[0].key, &other.r.key), "not what is here, nor what is others'");
    CHECK(k.fx.send[0].packet.size <= DHT_PACKET_HEAD + 9 + DHT_ITEM_SIZE, "no more than was sent");
    offer.item[0].seq = 5;
    offer.count = 1;
    CHECK(kit_hear(&k, 3, &offer) == ERR_OK && kit_sent(&k, DHT_PACKET_WANT, 3, &out, NULL) == 1, "a newer one is");
    CHECK(kit_hear(&k, MEMBERS + 5, &offer) == ERR_OK, "a stranger's offer");
    kit_close(&k);
}

/* How long a record was on its way to a holder that asked for it is no part of its life. */
static void a_repair_takes_no_time_of_life_away_nor_adds_any(void)
{
    static const struct {
        uint32_t after_ms, least_ms, most_ms; /* of its life, of 9,000 ms or an hour when it left */
        bool is_held;
        const char *why;
    } rows[] = {
        {0, 8990, 9000, true, "at once"},
        {400, 8600, 8850, true, "after a round trip"},
        {5000, 4100, 4200, true, "after long: whoever gave it away cannot know"},
        {9100, 1, 100, true, "at its end: 150 of them were the question's"},
        {9152, 0, 0, false, "past it"},
        {DHT_LATELY_MS, HOUR_MS - DHT_LATELY_MS, HOUR_MS, true, "asked for just lately"},
        {DHT_LATELY_MS + 2, 0, 0, false, "asked for too long ago"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kit k;
        struct kit_record r;
        struct dht_message offer = {.kind = DHT_PACKET_OFFER, .count = 1}, out;
        kit_open(&k, 4);
        uint32_t life_ms = rows[i].after_ms < DHT_LATELY_MS ? 9000 : HOUR_MS;
        kit_immutable(&r, 1, 20, life_ms);
        offer.item[0] = (struct dht_item){.key = r.r.key};
        CHECK(kit_hear(&k, 3, &offer) == ERR_OK && kit_sent(&k, DHT_PACKET_WANT, 3, &out, NULL) == 1 && out.txn != 0, "it is wanted");
        struct dht_message store = {.kind = DHT_PACKET_STORE, .txn = out.txn, .token = out.token, .flags = DHT_FLAG_REPAIR, .count = 1};
        store.record[0] = (struct dht_packet_record){.left_ms = life_ms, .size = (uint16_t)r.size, .bytes = r.bytes};
        k.now_us += (uint64_t)rows[i].after_ms * MS;
        struct dht_id id = kit_id(3);
        struct dht_peer *p = dht_table_find(k.d, &id);
        REQUIRE(p != NULL, "a member");
        p->srtt_us = 300 * MS;
        CHECK(kit_hear(&k, 3, &store) == ERR_OK && kit_sent(&k, DHT_PACKET_STORED, 3, NULL, NULL) == 0, "it is not answered");
        bool is_held = dht_core_records(k.d) == 1;
        uint32_t left_ms = is_held ? dht_store_left_ms(k.d, dht_store_entry(k.d, 0)) : 0;
        CHECK(is_held == rows[i].is_held && left_ms >= rows[i].least_ms && left_ms <= rows[i].most_ms, "%s: %u ms left", rows[i].why, left_ms);
        kit_close(&k);
    }
}

/* Two cores: what one hears is what the other says. */
static void carry(struct kit *from, uint32_t from_number, struct kit *to)
{
    struct dht_effects fx = from->fx;

    for (uint32_t i = 0; i < fx.sends; i++) {
        struct dht_message m;
        CHECK(dht_packet_read(fx.send[i].packet.bytes, fx.send[i].packet.size, &m) == ERR_OK, "a packet");
        CHECK(kit_hear(to, from_number, &m) == ERR_OK, "it is read");
    }
}

static void comparisons_find_what_differs(void)
{
    struct kit a, b;
    struct kit_record r;
    struct dht_config c = kit_config();
    struct dht_contact self = kit_contact(KIT_SELF), other = kit_contact(5);

    kit_open_as(&a, &c);
    c.node = other.node;
    kit_open_as(&b, &c);
    dht_core_member(a.d, a.now_us, &other, DHT_MEMBER_HERE, &a.fx);
    dht_core_member(b.d, b.now_us, &self, DHT_MEMBER_HERE, &b.fx);
    for (uint32_t i = 0; i < 3; i++) {
        kit_immutable(&r, i, 20, HOUR_MS);
        CHECK(kit_store(&a, 5, &r, 0, 0, NULL) == DHT_STATUS_OK, "a has three");
    }
    for (uint32_t i = 2; i < 4; i++) {
        kit_immutable(&r, i, 20, HOUR_MS);
        CHECK(kit_store(&b, KIT_SELF, &r, 0, 0, NULL) == DHT_STATUS_OK, "b has one of them and another");
    }
    uint64_t end_us = a.now_us + 200 * (uint64_t)SECOND;
    dht_core_clock(a.d, a.now_us, 0, &a.fx);
    dht_core_clock(b.d, b.now_us, 0, &b.fx);
    while (a.now_us < end_us) {
        struct kit *next = a.fx.due_us <= b.fx.due_us ? &a : &b;
        uint64_t at_us = next->fx.due_us;
        a.now_us = b.now_us = at_us > a.now_us ? at_us : a.now_us;
        kit_due(next);
        for (int turn = 0; turn < 8 && (a.fx.sends > 0 || b.fx.sends > 0); turn++) {
            struct kit *from = a.fx.sends > 0 ? &a : &b, *to = from == &a ? &b : &a;
            carry(from, from == &a ? KIT_SELF : 5, to);
            from->fx.sends = 0;
        }
    }
    CHECK(dht_core_records(a.d) == 4 && dht_core_records(b.d) == 4, "both have all: %u and %u", dht_core_records(a.d),
          dht_core_records(b.d));
    CHECK(a.d->counters.sums + b.d->counters.sums >= 4, "they compared");
    CHECK(a.d->counters.sums_differ + b.d->counters.sums_differ <= 2, "and found a difference once");
    kit_close(&a);
    kit_close(&b);
}

/* Sums that were told until nothing is going on. */
static uint32_t count_sums(struct kit *k)
{
    uint32_t sums = 0;

    while (k->d->jobs > 0) {
        kit_due(k);
        sums += kit_sent(k, DHT_PACKET_SUM, UINT32_MAX, NULL, NULL);
    }
    return sums;
}

/* Nobody else notices that it was away. */
static void a_new_node_compares_with_whom_it_finds(void)
{
    struct dht_config c = kit_config();
    struct dht_contact who;
    struct kit k;

    kit_open_as(&k, &c);
    for (uint32_t i = 0; i < 3; i++) {
        who = kit_contact(i);
        dht_core_member(k.d, k.now_us, &who, DHT_MEMBER_HERE, &k.fx);
    }
    CHECK(count_sums(&k) == 3, "each of the first");
    who = kit_contact(3);
    k.now_us = KIT_START_US + (uint64_t)DHT_GREET_MS * MS - 1;
    dht_core_member(k.d, k.now_us, &who, DHT_MEMBER_HERE, &k.fx);
    CHECK(count_sums(&k) == 1, "until it is new no more");
    who = kit_contact(4);
    k.now_us = KIT_START_US + (uint64_t)DHT_GREET_MS * MS + SECOND;
    dht_core_member(k.d, k.now_us, &who, DHT_MEMBER_HERE, &k.fx);
    CHECK(count_sums(&k) == 0, "then they are the others who offer");
    kit_close(&k);

    kit_open_as(&k, &c);
    for (uint32_t i = 0; i < 4 * DHT_GREETED; i++) {
        who = kit_contact(i);
        dht_core_member(k.d, k.now_us, &who, DHT_MEMBER_HERE, &k.fx);
        count_sums(&k);
    }
    uint64_t sums = k.d->counters.sums;
    CHECK(sums >= DHT_GREETED && sums < 4 * DHT_GREETED, "only those near it when they come: %d", (int)sums);
    kit_close(&k);
}

int main(void)
{
    a_new_node_compares_with_whom_it_finds();
    the_nearest_offer_after_a_death();
    a_death_elsewhere_concerns_nobody();
    whoever_comes_is_offered_its_records();
    an_offer_is_taken_by_holders_alone();
    a_repair_takes_no_time_of_life_away_nor_adds_any();
    comparisons_find_what_differs();
    return CHECK_RESULT();
}
