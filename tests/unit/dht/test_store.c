/* Claims about the store: a naive list as reference, ends to the millisecond, sequences, quotas, who gives way. */
#include <string.h>

#include "common/base/bytes.h"
#include "dht/store.h"
#include "dht/token.h"
#include "tests/unit/dht/kit.h"

enum { MS = 1000, SECOND = 1000000, HOUR_MS = 3600000, NAMES = 12, TURNS = 3000 };

/* What should be held: of each name the last that was accepted. */
struct naive {
    uint64_t seq, end_us;
    char value[8];
};

/* Random puts of named records, new and old, and time that passes. */
static void it_holds_what_a_list_holds(void)
{
    struct naive naive[NAMES] = {0};
    struct rng r;
    struct kit k;

    kit_open(&k, 2);
    rng_init(&r, 5);
    for (uint32_t turn = 0; turn < TURNS; turn++) {
        struct kit_record in;
        char salt[8], value[8];
        uint32_t name = (uint32_t)rng_below(&r, NAMES), ttl_ms = 1000 + (uint32_t)rng_below(&r, 20000);
        uint64_t seq = 1 + rng_below(&r, 6) + turn / 60;
        k.now_us += rng_below(&r, 200 * MS);
        (void)snprintf(salt, sizeof salt, "n%u", name);
        (void)snprintf(value, sizeof value, "%u", turn);
        kit_signed(&in, DHT_MUTABLE, 1, salt, value, seq, ttl_ms);
        in.r.until_s = DHT_SEQ_MAX; /* its life alone is looked at here */
        kit_sign(&in);
        bool lives = naive[name].end_us > k.now_us;
        bool is_newer = !lives || seq > naive[name].seq;
        uint64_t held;
        enum dht_status status = kit_store(&k, 0, &in, 0, 0, &held);
        CHECK(status == (is_newer ? DHT_STATUS_OK : DHT_STATUS_OLDER), "turn %u: status %d", turn, (int)status);
        CHECK(held == (is_newer ? seq : naive[name].seq), "turn %u", turn);
        if (is_newer) {
            naive[name] = (struct naive){.seq = seq, .end_us = k.now_us + ttl_ms * (uint64_t)MS};
            memcpy(naive[name].value, value, sizeof value);
        }
        uint32_t living = 0;
        for (uint32_t i = 0; i < NAMES; i++) {
            living += naive[i].end_us > k.now_us;
        }
        CHECK(dht_core_records(k.d) == living, "turn %u: %u held, not %u", turn, dht_core_records(k.d), living);
    }
    CHECK(k.d->chunks_used > 0 && k.d->owners.count == 1 && k.d->sources.count == 1, "one owner, one source");
    k.now_us += 100 * SECOND;
    dht_core_clock(k.d, k.now_us, 0, &k.fx);
    CHECK(dht_core_records(k.d) == 0 && k.d->chunks_used == 0 && k.d->owners.count == 0 && k.d->sources.count == 0,
          "all memory comes back");
    kit_close(&k);
}

static void a_life_ends_when_it_ends(void)
{
    struct kit_record in;
    struct kit k;
    uint8_t bytes[DHT_RECORD_MAX];
    struct dht_record out;

    kit_open(&k, 2);
    kit_immutable(&in, 1, 100, 5000);
    CHECK(kit_store(&k, 0, &in, 0, 0, NULL) == DHT_STATUS_OK, "stored");
    CHECK(k.fx.due_us <= k.now_us + 5 * SECOND, "somebody is to look then");
    k.now_us += 5 * SECOND - 1;
    dht_core_clock(k.d, k.now_us, 0, &k.fx);
    CHECK(dht_core_records(k.d) == 1, "a microsecond before its end");
    dht_core_look(k.d, 0, bytes, &out);
    CHECK(out.left_ms == 0 && out.value_size == 100 && memcmp(out.value, in.value, 100) == 0, "whole to the end");
    k.now_us++;
    dht_core_clock(k.d, k.now_us, 0, &k.fx);
    CHECK(dht_core_records(k.d) == 0 && k.d->counters.expired == 1, "at its end");
    kit_immutable(&in, 1, 100, 0);
    CHECK(kit_store(&k, 0, &in, 0, 0, NULL) == DHT_STATUS_REFUSED, "no life is none");
    /* The same again: the longer of both lives counts. */
    kit_immutable(&in, 2, 100, 5000);
    CHECK(kit_store(&k, 0, &in, 0, 0, NULL) == DHT_STATUS_OK, "stored");
    in.r.left_ms = 9000;
    CHECK(kit_store(&k, 1, &in, 0, 0, NULL) == DHT_STATUS_OK, "again, for longer");
    in.r.left_ms = 2000;
    CHECK(kit_store(&k, 1, &in, 0, 0, NULL) == DHT_STATUS_OK && dht_core_records(k.d) == 1, "and for less");
    kit_wait(&k, 9 * SECOND - 1);
    CHECK(dht_core_records(k.d) == 1, "the longer life");
    kit_wait(&k, 1);
    CHECK(dht_core_records(k.d) == 0, "and no longer");
    kit_close(&k);
}

/* What is signed bounds what anybody says: a record is not kept past its end and a minute. */
static void the_signed_end_bounds_a_life(void)
{
    struct kit_record in;
    struct kit k;

    kit_open(&k, 1);
    kit_signed(&in, DHT_MUTABLE, 1, "a", "b", 1, 10000);
    in.r.left_ms = HOUR_MS; /* a liar's */
    CHECK(kit_store(&k, 0, &in, 0, 0, NULL) == DHT_STATUS_OK, "stored");
    kit_wait(&k, 69 * SECOND);
    CHECK(dht_core_records(k.d) == 1, "its end and nearly a minute");
    kit_wait(&k, 3 * SECOND);
    CHECK(dht_core_records(k.d) == 0, "and no longer");
    CHECK(kit_store(&k, 0, &in, 0, 0, NULL) == DHT_STATUS_REFUSED, "played again");
    kit_close(&k);
}

static void sequences_are_compared(void)
{
    static const struct {
        uint64_t seq, expected;
        const char *value;
        uint8_t flags;
        enum dht_status status;
        uint64_t held;
        const char *why;
    } rows[] = {
        {5, 1, "a", DHT_FLAG_CAS, DHT_STATUS_CAS, 0, "something is expected, nothing is held"},
        {5, 0, "a", DHT_FLAG_CAS, DHT_STATUS_OK, 5, "nothing is expected"},
        {6, 0, "b", DHT_FLAG_CAS, DHT_STATUS_CAS, 5, "nothing is expected, something is held"},
        {5, 0, "a", 0, DHT_STATUS_OK, 5, "the same again"},
        {5, 0, "b", 0, DHT_STATUS_OLDER, 5, "another of the same sequence"},
        {4, 0, "b", 0, DHT_STATUS_OLDER, 5, "an older one"},
        {7, 6, "b", DHT_FLAG_CAS, DHT_STATUS_CAS, 5, "another is expected"},
        {7, 5, "b", DHT_FLAG_CAS, DHT_STATUS_OK, 7, "this one is"},
        {6, 7, "b", DHT_FLAG_CAS, DHT_STATUS_OLDER, 7, "… but a comparison is no way back"},
        {8, 0, "", 0, DHT_STATUS_OK, 8, "it is taken back"},
        {7, 0, "b", 0, DHT_STATUS_OLDER, 8, "what was taken back stays so"},
    };
    struct kit k;

    kit_open(&k, 2);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kit_record in;
        uint64_t held;
        kit_signed(&in, DHT_MUTABLE, 9, "salt", rows[i].value, rows[i].seq, HOUR_MS);
        enum dht_status status = kit_store(&k, i % 2, &in, rows[i].flags, rows[i].expected, &held);
        CHECK(status == rows[i].status && held == rows[i].held, "row %zu: %s: %d", i, rows[i].why, (int)status);
    }
    kit_close(&k);
}

static uint32_t fill(struct kit *k, uint32_t from, uint32_t first, uint32_t count, enum dht_status *ret_last)
{
    uint32_t stored = 0;

    for (uint32_t i = 0; i < count; i++) {
        struct kit_record in;
        kit_immutable(&in, first + i, 900, HOUR_MS);
        *ret_last = kit_store(k, from, &in, 0, 0, NULL);
        stored += *ret_last == DHT_STATUS_OK;
    }
    return stored;
}

static void quotas_are_kept(void)
{
    struct dht_config c = kit_config();
    struct kit k;
    struct kit_record in;
    enum dht_status last;
    uint32_t each = 16 * 64 + DHT_RECORD_BYTES; /* 903 bytes in chunks of 60, and what a record costs */

    c.source_bytes = 3 * each;
    c.owner_bytes = 2 * (4 * 64 + DHT_RECORD_BYTES);
    c.tuning.needs_token = false;
    kit_open_as(&k, &c);
    CHECK(fill(&k, 0, 0, 3, &last) == 3, "as much as it may");
    CHECK(fill(&k, 0, 3, 1, &last) == 0 && last == DHT_STATUS_QUOTA && k.d->counters.quota == 1, "one more");
    CHECK(fill(&k, 1, 3, 1, &last) == 1, "another source");
    for (uint32_t i = 0; i < 3; i++) {
        const char *salt[] = {"a", "b", "c"};
        kit_signed(&in, DHT_MUTABLE, 1, salt[i], "0123456789012345678901234567890123456789012345678901234567890123456789", 1, HOUR_MS);
        CHECK(kit_store(&k, 10 + i, &in, 0, 0, NULL) == (i < 2 ? DHT_STATUS_OK : DHT_STATUS_QUOTA), "an owner, record %u", i);
    }
    kit_signed(&in, DHT_MUTABLE, 1, "a", "0123456789012345678901234567890123456789012345678901234567890123456780", 2, HOUR_MS);
    CHECK(kit_store(&k, 20, &in, 0, 0, NULL) == DHT_STATUS_OK, "a newer one in the place of an old one");
    for (uint32_t i = 0; i <= DHT_OWNERS_MAX; i++) {
        kit_signed(&in, DHT_SERVICE, 100 + i, "web", "", 1, HOUR_MS);
        enum dht_status status = kit_store(&k, 100 + i, &in, 0, 0, NULL); /* each speaks for itself */
        CHECK(i < DHT_OWNERS_MAX || status == DHT_STATUS_QUOTA || status == DHT_STATUS_FULL, "owner %u of one service", i);
    }
    kit_close(&k);
}

/* Owners cost nothing to make up: who sends many leaves places for others, who are found beside them. */
static void a_service_is_nobodys_alone(void)
{
    enum { HONEST = 90 };
    struct dht_config c = kit_config();
    struct kit_record in;
    struct kit k;

    c.tuning.needs_token = false;
    kit_open_as(&k, &c);
    for (uint32_t i = 0; i <= DHT_OWNERS_SOURCE; i++) {
        kit_signed(&in, DHT_SERVICE, 100 + i, "web", "", 1, HOUR_MS);
        CHECK(kit_store(&k, 7, &in, 0, 0, NULL) == (i < DHT_OWNERS_SOURCE ? DHT_STATUS_OK : DHT_STATUS_QUOTA), "owner %u of one source", i);
    }
    kit_signed(&in, DHT_SERVICE, 100, "web", "news", 2, HOUR_MS);
    CHECK(kit_store(&k, 7, &in, 0, 0, NULL) == DHT_STATUS_OK, "what one of them says next");
    kit_signed(&in, DHT_SERVICE, 200, "mail", "", 1, HOUR_MS);
    CHECK(kit_store(&k, 7, &in, 0, 0, NULL) == DHT_STATUS_OK, "another service");
    kit_signed(&in, DHT_SERVICE, HONEST, "web", "", 1, HOUR_MS);
    CHECK(kit_store(&k, HONEST, &in, 0, 0, NULL) == DHT_STATUS_OK, "whoever else has it");
    kit_close(&k);
}

/* Offered, asked for and sent as a repair. */
static bool repair(struct kit *k, uint32_t from, uint32_t number)
{
    struct dht_message offer = {.kind = DHT_PACKET_OFFER, .count = 1}, out;
    uint32_t held = dht_core_records(k->d);
    struct kit_record in;

    kit_immutable(&in, number, 900, HOUR_MS);
    offer.item[0] = (struct dht_item){.key = in.r.key};
    CHECK(kit_hear(k, from, &offer) == ERR_OK && kit_sent(k, DHT_PACKET_WANT, from, &out, NULL) == 1, "record %u is wanted", number);
    struct dht_message store = {.kind = DHT_PACKET_STORE, .txn = out.txn, .token = out.token, .flags = DHT_FLAG_REPAIR, .count = 1};
    store.record[0] = (struct dht_packet_record){.left_ms = HOUR_MS, .size = (uint16_t)in.size, .bytes = in.bytes};
    CHECK(kit_hear(k, from, &store) == ERR_OK, "record %u is read", number);
    return dht_core_records(k->d) > held;
}

/* Keys cost nothing: a host has its share, whoever it says it is, and whichever way it goes. Of that share those there have as much
 * as each other, for they may be many real ones. A member has its own. */
static void strangers_of_a_host_share(void)
{
    enum { SAME_HOST = 65536 };
    struct dht_config c = kit_config();
    struct dht_contact member = kit_contact(2 * SAME_HOST);
    struct dht_message ping = {.kind = DHT_PACKET_PING, .txn = 1};
    enum dht_status last;
    struct kit k;

    c.source_bytes = 4 * (16 * 64 + DHT_RECORD_BYTES);
    c.tuning.needs_token = false;
    kit_open_as(&k, &c);
    k.d->born_us = 0;
    CHECK(kit_hear(&k, 0, &ping) == ERR_OK && dht_core_peers(k.d) == 1, "a stranger is known");
    CHECK(fill(&k, 0, 0, 2, &last) == 2 && fill(&k, SAME_HOST, 2, 1, &last) == 1, "two of one host");
    CHECK(repair(&k, 0, 3) && !repair(&k, 0, 4), "what was asked of it counts as what was not");
    CHECK(fill(&k, SAME_HOST, 5, 1, &last) == 1 && dht_core_records(k.d) == 4, "as much as that host may: who has most gives way");
    CHECK(fill(&k, SAME_HOST, 6, 1, &last) == 0 && last == DHT_STATUS_QUOTA && dht_core_records(k.d) == 4, "and no more than the other");
    dht_core_member(k.d, k.now_us, &member, DHT_MEMBER_HERE, &k.fx);
    CHECK(fill(&k, 2 * SAME_HOST, 7, 4, &last) == 4 && fill(&k, 2 * SAME_HOST, 11, 1, &last) == 0, "a member there has its own");
    CHECK(repair(&k, 2 * SAME_HOST, 12), "and repairs what others chose");
    CHECK(fill(&k, 7, 13, 4, &last) == 4, "another host has its own");
    kit_close(&k);
}

static uint32_t held_of(const struct kit *k, uint32_t first, uint32_t count)
{
    struct kit_record in;
    uint32_t held = 0, place, end;

    for (uint32_t i = first; i < first + count; i++) {
        kit_immutable(&in, i, 20, HOUR_MS);
        dht_store_places(k->d, &in.r.key, &place, &end);
        held += place < end;
    }
    return held;
}

/* Values that are nearer to this node than all others there are: what whoever fills a store tries. */
static uint32_t nearest_value(const struct kit *k, uint32_t first, uint32_t tries)
{
    struct kit_record in;
    struct dht_id best = {{0}};
    uint32_t found = first;

    for (uint32_t i = first; i < first + tries; i++) {
        kit_immutable(&in, i, 20, HOUR_MS);
        if (i == first || dht_id_is_nearer(&k->d->id, &in.r.key, &best)) {
            best = in.r.key;
            found = i;
        }
    }
    return found;
}

/* Two sources have all of it. Whoever comes has as much as each of them may keep, and keeps it, however near their next are. */
static void who_has_most_gives_way(void)
{
    enum { HOST = 65536, FOE = 1, OTHER_FOE = 2, ONE = 3, TWO = 4, MINE = 16, NEAR = 100000, TRIES = 200 };
    struct dht_config c = kit_config();
    struct kit_record in;
    struct kit k;
    uint32_t taken = 0;

    c.source_bytes = KIT_STORE / 2;
    c.tuning.needs_token = false;
    kit_open_as(&k, &c);
    k.d->born_us = 0;
    for (uint32_t i = 0; i < KIT_RECORDS; i++) {
        kit_immutable(&in, i, 20, HOUR_MS);
        CHECK(kit_store(&k, i % 2 == 0 ? FOE : OTHER_FOE, &in, 0, 0, NULL) == DHT_STATUS_OK, "record %u of two", i);
    }
    for (uint32_t i = 0; i < MINE; i++) {
        kit_immutable(&in, 1000 + i, 20, HOUR_MS);
        taken += kit_store(&k, ONE, &in, 0, 0, NULL) == DHT_STATUS_OK;
        kit_immutable(&in, 2000 + i, 20, HOUR_MS);
        taken += kit_store(&k, TWO, &in, 0, 0, NULL) == DHT_STATUS_OK;
    }
    CHECK(taken == 2 * MINE && dht_core_records(k.d) == KIT_RECORDS, "a quarter for each of four: %u", taken);
    for (uint32_t i = 0; i < 100; i++) { /* and each as near as can be */
        kit_immutable(&in, nearest_value(&k, NEAR + i * TRIES, TRIES), 20, HOUR_MS);
        (void)kit_store(&k, i % 2 == 0 ? FOE : OTHER_FOE, &in, 0, 0, NULL);
    }
    CHECK(held_of(&k, 1000, MINE) == MINE && held_of(&k, 2000, MINE) == MINE, "who has no more than others loses none: %u, %u",
          held_of(&k, 1000, MINE), held_of(&k, 2000, MINE));
    kit_immutable(&in, 3000, 20, HOUR_MS);
    CHECK(kit_store(&k, ONE + HOST, &in, 0, 0, NULL) != DHT_STATUS_QUOTA, "its own farthest may give way");
    CHECK(held_of(&k, 2000, MINE) == MINE && held_of(&k, 1000, MINE) + held_of(&k, 3000, 1) >= MINE, "but no other's");
    kit_close(&k);
}

/* Fifty small values are most of the places, seven large ones a few more bytes: who comes then takes a place of the fifty. */
static void places_count_as_well_as_bytes(void)
{
    enum { FOE = 1, HONEST = 2, LARGE = 7, SMALL = 50, NEXT = 20 };
    struct dht_config c = kit_config();
    struct kit_record in;
    enum dht_status last;
    struct kit k;
    uint32_t taken = 0;

    c.tuning.needs_token = false;
    kit_open_as(&k, &c);
    k.d->born_us = 0;
    CHECK(fill(&k, HONEST, 5000, LARGE, &last) == LARGE, "large ones");
    for (uint32_t i = 0; i < SMALL + NEXT; i++) {
        kit_immutable(&in, i, 20, HOUR_MS);
        taken += kit_store(&k, i < SMALL ? FOE : 10 + i, &in, 0, 0, NULL) == DHT_STATUS_OK;
    }
    CHECK(taken == SMALL + NEXT && held_of(&k, SMALL, NEXT) == NEXT && dht_core_records(k.d) == KIT_RECORDS, "whoever comes: %u", taken);
    CHECK(held_of(&k, 0, SMALL) == KIT_RECORDS - LARGE - NEXT, "of the fifty: %u are left", held_of(&k, 0, SMALL));
    kit_close(&k);
}

/* Whoever owns a /48 of IPv6 has 65,536 links, and is one. */
static void a_site_is_one(void)
{
    enum { LINKS = 200, MINE = 24 };
    struct dht_config c = kit_config();
    struct kit_record in;
    struct kit k;
    uint32_t taken = 0;

    c.source_bytes = KIT_STORE / 2;
    c.tuning.needs_token = false;
    kit_open_as(&k, &c);
    k.d->born_us = 0;
    for (uint32_t i = 0; i < LINKS + MINE; i++) {
        struct dht_contact who = kit_contact(i < LINKS ? 100 + i : 7);
        struct dht_message m = {.kind = DHT_PACKET_STORE, .txn = 7, .count = 1}, out;
        struct dht_packet p;
        if (i < LINKS) {
            who.at = (struct dht_address){.ip = {0x20, 1, 0xd, 0xb8, 0, 1, 0, (uint8_t)i, [15] = 1}, .port = 7403};
        }
        kit_immutable(&in, i, 20, HOUR_MS);
        m.record[0] = (struct dht_packet_record){.left_ms = HOUR_MS, .size = (uint16_t)in.size, .bytes = in.bytes};
        (void)dht_packet_write(&p, &m, DHT_PACKET_MAX);
        CHECK(dht_core_packet(k.d, k.now_us, 0, &who, true, p.bytes, p.size, &k.fx) == ERR_OK, "a STORE is read");
        REQUIRE(kit_sent(&k, DHT_PACKET_STORED, UINT32_MAX, &out, NULL) == 1, "and answered");
        taken += i >= LINKS && out.status == DHT_STATUS_OK;
    }
    CHECK(taken == MINE && held_of(&k, LINKS, MINE) == MINE, "one host against 200 links of one site: %u", held_of(&k, LINKS, MINE));
    kit_close(&k);
}

/* Four sources have all places of a service: whoever really has it is found beside them, and stays. */
static void a_service_has_a_place_for_others(void)
{
    enum { HONEST = 90, FOES = DHT_OWNERS_MAX / DHT_OWNERS_SOURCE };
    struct dht_config c = kit_config();
    struct dht_id key;
    struct kit_record in;
    struct kit k;
    uint32_t place, end, honest = 0;

    c.tuning.needs_token = false;
    c.records_max = 4 * KIT_RECORDS;
    c.store_bytes = c.owner_bytes = c.source_bytes = 4 * KIT_STORE;
    kit_open_as(&k, &c);
    k.d->born_us = 0;
    for (uint32_t i = 0; i < DHT_OWNERS_MAX; i++) {
        kit_signed(&in, DHT_SERVICE, 100 + i, "web", "", 1, HOUR_MS);
        CHECK(kit_store(&k, 1 + i % FOES, &in, 0, 0, NULL) == DHT_STATUS_OK, "owner %u", i);
    }
    for (uint32_t i = 0; i < 8; i++) {
        kit_signed(&in, DHT_SERVICE, HONEST + i, "web", "", 1, HOUR_MS);
        CHECK(kit_store(&k, HONEST + i, &in, 0, 0, NULL) == DHT_STATUS_OK, "whoever else has it, %u", i);
    }
    for (uint32_t i = 0; i < DHT_OWNERS_MAX; i++) {
        kit_signed(&in, DHT_SERVICE, 300 + i, "web", "", 1, HOUR_MS);
        (void)kit_store(&k, 1 + i % FOES, &in, 0, 0, NULL);
    }
    dht_record_service_key((const uint8_t *)"web", 3, &key);
    dht_store_places(k.d, &key, &place, &end);
    CHECK(end - place == DHT_OWNERS_MAX, "all places are taken");
    for (; place < end; place++) {
        uint8_t bytes[DHT_RECORD_MAX];
        struct dht_record r;
        (void)dht_store_read(k.d, place, bytes, &r);
        uint32_t owner = bytes_get_be32(r.owner);
        honest += owner >= HONEST && owner < HONEST + 8;
    }
    CHECK(honest == 8, "and keeps its place: %u", honest);
    kit_close(&k);
}

/* A full store keeps what is nearest to its node, and copies on the way go before all. */
static void the_farthest_gives_way(void)
{
    struct dht_config c = kit_config();
    struct kit k;
    struct dht_id self = kit_id(KIT_SELF), worst = self, seen;
    struct kit_record in;

    c.tuning.needs_token = false;
    c.records_max = 10;
    kit_open_as(&k, &c);
    for (uint32_t i = 0; i < 200; i++) {
        kit_immutable(&in, i, 20, HOUR_MS);
        enum dht_status status = kit_store(&k, 0, &in, i % 10 == 0 ? DHT_FLAG_CACHE : 0, 0, NULL);
        CHECK(status == DHT_STATUS_OK || status == DHT_STATUS_FULL, "record %u: %d", i, (int)status);
    }
    CHECK(dht_core_records(k.d) == 10 && k.d->counters.evicted > 0 && k.d->counters.full > 0, "full");
    for (uint32_t i = 0; i < 10; i++) {
        uint8_t bytes[DHT_RECORD_MAX];
        struct dht_record r;
        dht_core_look(k.d, i, bytes, &r);
        worst = dht_id_is_nearer(&self, &worst, &r.key) ? r.key : worst;
        CHECK((dht_store_entry(k.d, i)->flags & DHT_ENTRY_CACHED) == 0, "no copy is left");
    }
    uint32_t nearer = 0;
    for (uint32_t i = 0; i < 200; i++) {
        kit_immutable(&in, i, 20, HOUR_MS);
        seen = in.r.key;
        nearer += i % 10 != 0 && dht_id_is_nearer(&self, &seen, &worst);
    }
    CHECK(nearer == 9, "the ten nearest of all are held: %u are nearer than the farthest", nearer);
    kit_close(&k);
}

static void tokens_are_for_one_address(void)
{
    struct dht_config c = kit_config();
    struct kit k;
    struct dht_contact a = kit_contact(1), b = kit_contact(1);

    kit_open_as(&k, &c);
    b.at.port++;
    uint64_t token = dht_token_make(k.d, &a);
    CHECK(dht_token_is_good(k.d, &a, token) && !dht_token_is_good(k.d, &b, token), "another port");
    CHECK(!dht_token_is_good(k.d, &a, token ^ 1) && !dht_token_is_good(k.d, &a, 0), "another token");
    b = kit_contact(2);
    b.at = a.at;
    CHECK(!dht_token_is_good(k.d, &b, token), "another node");
    uint64_t period_us = (uint64_t)DHT_TOKEN_MS * MS;
    k.d->now_us = (k.d->now_us / period_us + 2) * period_us - 1;
    CHECK(dht_token_is_good(k.d, &a, token), "to the end of the next period");
    k.d->now_us++;
    CHECK(!dht_token_is_good(k.d, &a, token), "and no longer");
    struct kit_record in;
    k.now_us = k.d->now_us;
    kit_immutable(&in, 1, 10, HOUR_MS);
    CHECK(kit_store(&k, 1, &in, 0, 0, NULL) == DHT_STATUS_TOKEN && dht_core_records(k.d) == 0, "none: one is given");
    kit_close(&k);
}

int main(void)
{
    it_holds_what_a_list_holds();
    a_life_ends_when_it_ends();
    the_signed_end_bounds_a_life();
    sequences_are_compared();
    quotas_are_kept();
    a_service_is_nobodys_alone();
    strangers_of_a_host_share();
    places_count_as_well_as_bytes();
    who_has_most_gives_way();
    a_site_is_one();
    a_service_has_a_place_for_others();
    the_farthest_gives_way();
    tokens_are_for_one_address();
    return CHECK_RESULT();
}
