/* Claims about what outlives a process: read back as it was, another's or a damaged one refused whole. */
#include <assert.h>
#include <string.h>

#include "common/base/bytes.h"
#include "dht/image.h"
#include "tests/unit/dht/kit.h"

enum { PEERS = 5, ROOM = DHT_IMAGE_FRAME + KIT_RECORDS * DHT_IMAGE_RECORD_MAX, HOUR_MS = 3600000 };

static_assert((int)ROOM <= (int)DHT_IMAGE_OWN_MAX, "one buffer for all");

static const struct dht_node self = {{1, 2, 3}}, other = {{1, 2, 4}};

static void peers_come_back(void)
{
    struct dht_contact in[PEERS], out[DHT_SAVED_MAX];
    uint8_t bytes[DHT_IMAGE_PEERS_MAX];
    uint32_t count = 0;

    for (uint32_t i = 0; i < PEERS; i++) {
        in[i] = kit_contact(i);
    }
    size_t size = dht_image_write_peers(&self, KIT_WALL_S, in, PEERS, bytes);
    CHECK(dht_image_read_peers(&self, bytes, size, out, &count) == ERR_OK && count == PEERS && memcmp(in, out, sizeof in[0]) == 0, "as they were");
    CHECK(dht_image_read_peers(&other, bytes, size, out, &count) == ERR_INCOMPATIBLE, "another node's");
    for (size_t cut = 0; cut < size; cut++) {
        CHECK(dht_image_read_peers(&self, bytes, cut, out, &count) == ERR_MALFORMED, "cut to %zu", cut);
        bytes[cut] ^= 1;
        CHECK(dht_image_read_peers(&self, bytes, size, out, &count) == ERR_MALFORMED, "a bit of byte %zu", cut);
        bytes[cut] ^= 1;
    }
    CHECK(dht_image_read_records(&self, 0, NULL, bytes, size, &count) == ERR_MALFORMED, "not what is asked for");
}

static void put(struct kit *k, const struct kit_record *r, uint64_t wish)
{
    CHECK(dht_core_put(k->d, k->now_us, wish, &r->r, NULL, &k->fx) == ERR_OK, "put %d", (int)wish);
}

static void records_live_on_for_what_is_left(void)
{
    static uint8_t bytes[ROOM];
    struct kit k, next;
    struct kit_record a, b;
    uint32_t held = 99;

    kit_open(&k, 0); /* alone: it holds all that it puts */
    kit_immutable(&a, 1, 100, HOUR_MS);
    kit_immutable(&b, 2, DHT_VALUE_MAX, 10000);
    put(&k, &a, 1);
    put(&k, &b, 2);
    REQUIRE(dht_core_records(k.d) == 2, "both are held");
    size_t size = dht_image_write_records(&self, KIT_WALL_S, k.d, bytes);
    kit_close(&k);

    static const struct {
        uint64_t wall_s;
        uint32_t held, left_ms; /* of the longest */
        const char *why;
    } rows[] = {
        {KIT_WALL_S, 2, HOUR_MS, "at once"},
        {KIT_WALL_S + 9, 2, HOUR_MS - 9000, "9 s later"},
        {KIT_WALL_S + 10, 1, HOUR_MS - 10000, "one has ended meanwhile"},
        {KIT_WALL_S + 3600, 0, 0, "both have"},
        {KIT_WALL_S - 1000, 2, HOUR_MS, "a clock that went back gives no life"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t record[DHT_RECORD_MAX];
        uint32_t longest_ms = 0;
        kit_open(&next, 0);
        CHECK(dht_image_read_records(&self, rows[i].wall_s, next.d, bytes, size, &held) == ERR_OK && held == rows[i].held, "row %zu: %s", i, rows[i].why);
        for (uint32_t at = 0; at < dht_core_records(next.d); at++) {
            struct dht_record r;
            dht_core_look(next.d, at, record, &r);
            longest_ms = r.left_ms > longest_ms ? r.left_ms : longest_ms;
        }
        CHECK(longest_ms == rows[i].left_ms, "row %zu: %s", i, rows[i].why);
        kit_close(&next);
    }
    kit_open(&next, 0);
    CHECK(dht_image_read_records(&other, KIT_WALL_S, next.d, bytes, size, &held) == ERR_INCOMPATIBLE && dht_core_records(next.d) == 0, "another node's");
    kit_close(&next);
}

/* Several sent it, each within its quota; afterwards repairs have the room that they always have. */
static void a_full_store_comes_back_whole(void)
{
    enum { NODES = 4, EACH = 3, MOST = 16 };
    static uint8_t bytes[ROOM];
    struct dht_config c = kit_config();
    struct kit k, next;
    struct kit_record r;
    uint32_t held = 0;

    c.source_bytes = KIT_STORE / NODES;
    c.tuning.needs_token = false;
    kit_open_as(&k, &c);
    for (uint32_t i = 0; i < NODES * EACH; i++) {
        kit_immutable(&r, i, 900, HOUR_MS);
        CHECK(kit_store(&k, i / EACH, &r, 0, 0, NULL) == DHT_STATUS_OK, "record %u", i);
    }
    CHECK(dht_core_store_bytes(k.d) > KIT_STORE / 2, "more than half is used");
    size_t size = dht_image_write_records(&self, KIT_WALL_S, k.d, bytes);
    kit_open_as(&next, &c);
    CHECK(dht_image_read_records(&self, KIT_WALL_S, next.d, bytes, size, &held) == ERR_OK && held == NODES * EACH, "%u are held again", held);
    CHECK(dht_core_records(next.d) == dht_core_records(k.d), "all of it is there");
    kit_immutable(&r, MOST, 900, HOUR_MS);
    CHECK(kit_store(&next, 0, &r, 0, 0, NULL) == DHT_STATUS_OK, "and what comes now is counted anew");
    kit_close(&k);
    kit_close(&next);
}

static void a_record_that_is_not_genuine_is_not_held(void)
{
    struct kit k;
    struct kit_record r;

    kit_open(&k, 0);
    kit_signed(&r, DHT_MUTABLE, 1, "name", "value", 10, HOUR_MS);
    CHECK(dht_core_hold(k.d, KIT_WALL_S, r.bytes, r.size, HOUR_MS), "a good one");
    kit_signed(&r, DHT_MUTABLE, 2, "name", "value", 10, HOUR_MS);
    r.bytes[r.size - 1] ^= 0xff;
    r.bytes[r.size - DHT_SIGNATURE_SIZE] ^= 0xff;
    CHECK(!dht_core_hold(k.d, KIT_WALL_S, r.bytes, r.size, HOUR_MS), "a forged one");
    CHECK(!dht_core_hold(k.d, KIT_WALL_S, r.bytes, r.size - 1, HOUR_MS), "none at all");
    kit_close(&k);
}

static void what_is_kept_comes_back(void)
{
    static uint8_t bytes[DHT_IMAGE_OWN_MAX];
    struct dht_own in = {0}, out = {0};
    struct dht_own_item *item;
    uint8_t longest[DHT_VALUE_MAX];

    memset(longest, 'v', sizeof longest);
    REQUIRE(dht_own_add(&in, DHT_IMMUTABLE, "", 0, &item) == ERR_OK, "a value");
    dht_own_set(item, longest, sizeof longest);
    item->ttl_ms = DHT_TTL_MOST_MS;
    REQUIRE(dht_own_add(&in, DHT_MUTABLE, "name", 4, &item) == ERR_OK, "a named one");
    dht_own_set(item, "x", 1);
    item->ttl_ms = DHT_TTL_LEAST_MS;
    item->seq = DHT_SEQ_MAX;
    REQUIRE(dht_own_add(&in, DHT_SERVICE, "cell", 4, &item) == ERR_OK, "an offer");
    dht_own_set(item, "y", 1);
    size_t size = dht_image_write_own(&self, KIT_WALL_S, &in, bytes);
    CHECK(dht_image_read_own(&self, &out, bytes, size) == ERR_OK && out.count == 2, "offers are the gateway's to say");
    const struct dht_own_item *named = dht_own_find(&out, DHT_MUTABLE, "name", 4);
    CHECK(named != NULL && named->seq == DHT_SEQ_MAX && named->ttl_ms == DHT_TTL_LEAST_MS && named->value_size == 1, "as it was");
    CHECK(dht_own_find(&out, DHT_IMMUTABLE, longest, sizeof longest) != NULL, "the longest value");
    dht_own_free(&out);
    for (size_t at = 0; at < size; at += 7) {
        bytes[at] ^= 4;
        CHECK(dht_image_read_own(&self, &out, bytes, size) == ERR_MALFORMED && out.count == 0, "a bit of byte %zu", at);
        bytes[at] ^= 4;
    }
    dht_own_free(&in);
}

/* Whole by its checksum, and still wrong: it names one more or one less than there are. */
static void miscount(uint8_t *bytes, size_t size, int by)
{
    bytes[DHT_IMAGE_HEAD - 4] = (uint8_t)(bytes[DHT_IMAGE_HEAD - 4] + by);
    bytes_put_be32(bytes + size - 4, bytes_crc32c(0, bytes, size - 4));
}

static void of_what_is_refused_nothing_is_kept(void)
{
    static uint8_t bytes[DHT_IMAGE_OWN_MAX];
    struct dht_contact peer[DHT_SAVED_MAX];
    struct dht_own in = {0}, out = {0};
    struct dht_own_item *item;
    struct kit_record a, b;
    struct kit k, next;

    REQUIRE(dht_own_add(&in, DHT_MUTABLE, "name", 4, &item) == ERR_OK, "a named one");
    dht_own_set(item, "x", 1);
    item->ttl_ms = DHT_TTL_LEAST_MS;
    REQUIRE(dht_own_add(&in, DHT_MUTABLE, "other", 5, &item) == ERR_OK, "another");
    dht_own_set(item, "y", 1);
    item->ttl_ms = DHT_TTL_LEAST_MS;
    kit_open(&k, 0);
    kit_immutable(&a, 1, 100, HOUR_MS);
    kit_immutable(&b, 2, 100, HOUR_MS);
    put(&k, &a, 1);
    put(&k, &b, 2);
    for (int by = -1; by <= 1; by += 2) {
        uint32_t count = 99, held = 99;
        for (uint32_t i = 0; i < 2; i++) {
            peer[i] = kit_contact(i);
        }
        size_t size = dht_image_write_peers(&self, KIT_WALL_S, peer, 2, bytes);
        miscount(bytes, size, by);
        CHECK(dht_image_read_peers(&self, bytes, size, peer, &count) == ERR_MALFORMED && count == 99, "peers, %d", by);
        size = dht_image_write_records(&self, KIT_WALL_S, k.d, bytes);
        miscount(bytes, size, by);
        kit_open(&next, 0);
        CHECK(dht_image_read_records(&self, KIT_WALL_S, next.d, bytes, size, &held) == ERR_MALFORMED && held == 99, "records, %d", by);
        CHECK(dht_core_records(next.d) == 0, "%u are held, %d", dht_core_records(next.d), by);
        kit_close(&next);
        size = dht_image_write_own(&self, KIT_WALL_S, &in, bytes);
        miscount(bytes, size, by);
        CHECK(dht_image_read_own(&self, &out, bytes, size) == ERR_MALFORMED && out.count == 0 && out.first == NULL, "own, %d: %u", by, out.count);
        dht_own_free(&out);
    }
    kit_close(&k);
    dht_own_free(&in);
}

int main(void)
{
    peers_come_back();
    a_full_store_comes_back_whole();
    records_live_on_for_what_is_left();
    a_record_that_is_not_genuine_is_not_held();
    what_is_kept_comes_back();
    of_what_is_refused_nothing_is_kept();
    return CHECK_RESULT();
}
