/* Claims about packets and records: every limit at it and one past it; refused whole, read back whole. */
#include <string.h>

#include "tests/unit/dht/kit.h"

enum { HEAD = DHT_PACKET_HEAD, ROOM = 2 * DHT_PACKET_MAX };

static struct dht_packet pack(const struct dht_message *m)
{
    struct dht_packet p;

    (void)dht_packet_write(&p, m, DHT_PACKET_MAX);
    return p;
}

/* One of each kind, as full as may be where that is `is_full`. */
static struct dht_message make(enum dht_packet_kind kind, bool is_full, const struct kit_record *r)
{
    struct dht_message m = {.kind = kind, .txn = 0x01020304, .target = kit_id(3), .most = DHT_K, .token = 5};

    m.status = DHT_STATUS_OLDER;
    m.seq = kind == DHT_PACKET_STORED ? DHT_SEQ_MAX : 0;
    m.after = kind == DHT_PACKET_GET ? 9 : 0;
    m.sum_count = 3;
    m.sum_hash = UINT64_MAX;
    m.count = (uint8_t)(kind == DHT_PACKET_NODES ? (is_full ? DHT_NODES_MAX : 1) : is_full ? DHT_ITEMS_MAX : 1);
    if (kind == DHT_PACKET_NODES) {
        for (uint32_t i = 0; i < m.count; i++) {
            m.contact[i] = kit_contact(i);
        }
    } else if (kind == DHT_PACKET_VALUES || kind == DHT_PACKET_STORE) {
        m.count = 1;
        m.record[0] = (struct dht_packet_record){.left_ms = 1000, .size = (uint16_t)r->size, .bytes = r->bytes};
    } else {
        for (uint32_t i = 0; i < m.count; i++) {
            m.item[i] = (struct dht_item){.key = kit_id(i), .tag = i, .seq = DHT_SEQ_MAX};
        }
    }
    return m;
}

static void each_kind_reads_back(void)
{
    struct kit_record r;

    kit_immutable(&r, 1, DHT_VALUE_MAX, 1000);
    for (int kind = DHT_PACKET_PING; kind <= DHT_PACKET_WANT; kind++) {
        for (int full = 0; full < 2; full++) {
            struct dht_message m = make((enum dht_packet_kind)kind, full == 1, &r), out;
            struct dht_packet p = pack(&m), again;
            CHECK(p.size > 0 && p.size <= DHT_PACKET_MAX, "kind %d has %u bytes", kind, p.size);
            REQUIRE(dht_packet_read(p.bytes, p.size, &out) == ERR_OK, "kind %d is read", kind);
            CHECK(out.kind == m.kind && out.txn == m.txn, "kind %d", kind);
            again = pack(&out);
            CHECK(again.size == p.size && memcmp(again.bytes, p.bytes, p.size) == 0, "kind %d reads back", kind);
            for (uint16_t cut = 0; cut < p.size; cut++) {
                CHECK(dht_packet_read(p.bytes, cut, &out) == ERR_MALFORMED, "kind %d cut to %u", kind, cut);
            }
            uint8_t longer[ROOM] = {0};
            memcpy(longer, p.bytes, p.size);
            CHECK(dht_packet_read(longer, p.size + 1u, &out) == (p.size < DHT_PACKET_MAX ? ERR_MALFORMED : ERR_LIMIT),
                  "kind %d with a byte more", kind);
            CHECK(dht_packet_read(longer, DHT_PACKET_MAX + 1, &out) == ERR_LIMIT, "longer than a packet may be");
        }
    }
}

/* A packet that is right but for one thing. */
static void values_are_checked(void)
{
    static const struct {
        enum dht_packet_kind kind;
        size_t at;
        uint8_t byte[13];
        size_t count;
        enum err e;
        const char *why;
    } rows[] = {
        {DHT_PACKET_PING, 0, {2}, 1, ERR_INCOMPATIBLE, "another version"},
        {DHT_PACKET_PING, 1, {0}, 1, ERR_MALFORMED, "no kind"},
        {DHT_PACKET_PING, 1, {DHT_PACKET_WANT + 1}, 1, ERR_MALFORMED, "an unknown kind"},
        {DHT_PACKET_FIND, HEAD + 20, {DHT_K}, 1, ERR_OK, "as many as there may be"},
        {DHT_PACKET_FIND, HEAD + 20, {DHT_K + 1}, 1, ERR_MALFORMED, "one more"},
        {DHT_PACKET_GET, HEAD + 29, {1}, 1, ERR_MALFORMED, "an unknown flag"},
        {DHT_PACKET_NODES, HEAD, {2}, 1, ERR_MALFORMED, "an unknown flag"},
        {DHT_PACKET_NODES, HEAD + 9, {0}, 1, ERR_MALFORMED, "fewer contacts than bytes"},
        {DHT_PACKET_NODES, HEAD + 9, {DHT_K + 1}, 1, ERR_MALFORMED, "more than there may be"},
        {DHT_PACKET_NODES, HEAD + 10 + 48, {0, 0}, 2, ERR_MALFORMED, "a contact without a port"},
        {DHT_PACKET_VALUES, HEAD + 1, {0}, 1, ERR_MALFORMED, "no value"},
        {DHT_PACKET_VALUES, HEAD + 2, {0, 0x80, 0x0c, 0x24}, 4, ERR_OK, "the longest life"},
        {DHT_PACKET_VALUES, HEAD + 2, {1, 0x80, 0x0c, 0x24}, 4, ERR_OK, "… and a millisecond (7 d are 0x240c8400)"},
        {DHT_PACKET_VALUES, HEAD + 2, {1, 0x84, 0x0c, 0x24}, 4, ERR_MALFORMED, "longer than the longest"},
        {DHT_PACKET_STORE, HEAD + 8, {8}, 1, ERR_MALFORMED, "an unknown flag"},
        {DHT_PACKET_STORE, HEAD + 9, {1}, 1, ERR_MALFORMED, "an expectation without its flag"},
        {DHT_PACKET_STORED, HEAD, {0}, 1, ERR_MALFORMED, "no status"},
        {DHT_PACKET_STORED, HEAD, {DHT_STATUS_REFUSED}, 1, ERR_OK, "the last status"},
        {DHT_PACKET_STORED, HEAD, {DHT_STATUS_REFUSED + 1}, 1, ERR_MALFORMED, "an unknown status"},
        {DHT_PACKET_STORED, HEAD + 1, {0, 0, 0, 0, 0, 0, 0x20}, 7, ERR_MALFORMED, "a sequence past the highest"},
        {DHT_PACKET_OFFER, HEAD, {2}, 1, ERR_MALFORMED, "an unknown flag"},
        {DHT_PACKET_WANT, HEAD + 8, {0}, 1, ERR_MALFORMED, "fewer items than bytes"},
        {DHT_PACKET_WANT, HEAD + 9 + 34, {0x20}, 1, ERR_MALFORMED, "an item past the highest sequence"},
        {DHT_PACKET_WANT, 2, {0}, 4, ERR_MALFORMED, "somebody who wants and says not when"},
        {DHT_PACKET_STORE, 2, {0}, 4, ERR_OK, "a copy: no answer is waited for"},
        {DHT_PACKET_STORE, 2, {0, 0, 0, 1, [12] = DHT_FLAG_REPAIR}, 13, ERR_OK, "a repair"},
        {DHT_PACKET_STORE, 2, {[12] = DHT_FLAG_REPAIR}, 13, ERR_MALFORMED, "… of nobody who wanted it"},
    };
    struct kit_record r;

    kit_immutable(&r, 1, 8, 1000);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dht_message m = make(rows[i].kind, false, &r), out;
        struct dht_packet p = pack(&m);
        memcpy(p.bytes + rows[i].at, rows[i].byte, rows[i].count);
        CHECK(dht_packet_read(p.bytes, p.size, &out) == rows[i].e, "row %zu: %s", i, rows[i].why);
    }
}

static void nobody_has_no_address(void)
{
    static const struct {
        uint8_t ip[16];
        uint16_t port;
        bool is_good;
        const char *why;
    } rows[] = {
        {{[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1}, 1, true, "IPv4"},
        {{[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1}, 0, false, "no port"},
        {{[10] = 0xff, [11] = 0xff}, 1, false, "0.0.0.0 is this host itself"},
        {{[10] = 0xff, [11] = 0xff, [15] = 1}, 1, true, "0.0.0.1 is not"},
        {{[10] = 0xff, [11] = 0xff, [12] = 223, [13] = 255}, 1, true, "the last before the groups"},
        {{[10] = 0xff, [11] = 0xff, [12] = 224}, 1, false, "a group"},
        {{[10] = 0xff, [11] = 0xff, [12] = 255, [13] = 255, [14] = 255, [15] = 255}, 1, false, "everybody"},
        {{0}, 1, false, "::"},
        {{[15] = 1}, 1, true, "::1"},
        {{0xfd, 0xce, [15] = 1}, 1, true, "IPv6"},
        {{0xff, 0x02, [15] = 1}, 1, false, "a group of IPv6"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dht_address at = {.port = rows[i].port};
        memcpy(at.ip, rows[i].ip, sizeof at.ip);
        CHECK(dht_packet_is_address(&at) == rows[i].is_good, "row %zu: %s", i, rows[i].why);
    }
}

static void what_does_not_fit_is_left_out(void)
{
    struct dht_message m = make(DHT_PACKET_NODES, true, NULL), out;
    struct dht_packet p;

    CHECK(dht_packet_write(&p, &m, HEAD + 10 + 3 * DHT_CONTACT_SIZE) == 3, "three fit");
    CHECK(dht_packet_read(p.bytes, p.size, &out) == ERR_OK && out.count == 3, "and are said to be three");
    CHECK(dht_packet_write(&p, &m, HEAD + 10 + 3 * DHT_CONTACT_SIZE - 1) == 2, "a byte less: two");
    CHECK(dht_packet_write(&p, &m, HEAD + 9) == 0 && p.size == 0, "not even their number: nothing");
}

/* ---- records --------------------------------------------------------------------------------------- */

static enum err check(enum dht_record_kind kind, uint16_t value, uint8_t salt, uint64_t seq, uint64_t until_s)
{
    struct dht_record r = {.kind = kind, .value_size = value, .salt_size = salt, .seq = seq, .until_s = until_s};

    return dht_record_check(&r);
}

static void records_have_limits(void)
{
    CHECK(check(DHT_IMMUTABLE, 1, 0, 0, 0) == ERR_OK && check(DHT_IMMUTABLE, 0, 0, 0, 0) == ERR_INVALID, "least");
    CHECK(check(DHT_IMMUTABLE, 1000, 0, 0, 0) == ERR_OK && check(DHT_IMMUTABLE, 1001, 0, 0, 0) == ERR_LIMIT, "most");
    CHECK(check(DHT_IMMUTABLE, 1, 0, 1, 0) == ERR_INVALID && check(DHT_IMMUTABLE, 1, 0, 0, 1) == ERR_INVALID, "unsigned");
    CHECK(check(DHT_MUTABLE, 936, 64, 1, 1) == ERR_OK && check(DHT_MUTABLE, 937, 64, 1, 1) == ERR_LIMIT, "together");
    CHECK(check(DHT_MUTABLE, 1, 65, 1, 1) == ERR_LIMIT, "salt");
    CHECK(check(DHT_MUTABLE, 0, 0, 1, 1) == ERR_OK, "taken back, without a salt");
    CHECK(check(DHT_MUTABLE, 1, 0, 0, 1) == ERR_INVALID && check(DHT_MUTABLE, 1, 0, DHT_SEQ_MAX, 1) == ERR_OK, "sequence");
    CHECK(check(DHT_MUTABLE, 1, 0, DHT_SEQ_MAX + 1, 1) == ERR_INVALID, "past the highest");
    CHECK(check(DHT_MUTABLE, 1, 0, 1, 0) == ERR_INVALID, "no end");
    CHECK(check(DHT_SERVICE, 1, 0, 1, 1) == ERR_INVALID && check(DHT_SERVICE, 1, 1, 1, 1) == ERR_OK, "a service has a name");
    CHECK(check((enum dht_record_kind)4, 1, 1, 1, 1) == ERR_INVALID, "another kind");
}

/* Every bit of a signed record counts: another is refused, or is another record, or forged. */
static void signatures_cover_everything(void)
{
    struct dht_config c = kit_config();
    struct kit_record r;
    struct dht_record out;

    kit_signed(&r, DHT_MUTABLE, 7, "salt", "value", 5, 10000);
    CHECK(dht_record_read(r.bytes, r.size, &out) == ERR_OK && dht_record_is_genuine(&out, c.verify, NULL), "as it is");
    CHECK(dht_id_equal(&out.key, &r.r.key) && out.seq == 5 && out.value_size == 5, "it reads back");
    for (size_t bit = 0; bit < (r.size - DHT_SIGNATURE_SIZE + 8) * 8; bit++) { /* the test's signature has 8 bytes */
        uint8_t bytes[DHT_RECORD_MAX];
        memcpy(bytes, r.bytes, r.size);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK(dht_record_read(bytes, r.size, &out) != ERR_OK || !dht_record_is_genuine(&out, c.verify, NULL),
              "bit %zu", bit);
    }
    for (size_t cut = 0; cut < r.size; cut++) {
        CHECK(dht_record_read(r.bytes, cut, &out) != ERR_OK, "cut to %zu", cut);
    }
}

static void keys_are_of_their_kind(void)
{
    struct kit_record a, b;

    kit_signed(&a, DHT_MUTABLE, 1, "web", "x", 1, 1000);
    kit_signed(&b, DHT_MUTABLE, 2, "web", "x", 1, 1000);
    CHECK(!dht_id_equal(&a.r.key, &b.r.key) && dht_record_tag(&a.r) == 0, "owners have places of their own");
    kit_signed(&a, DHT_SERVICE, 1, "web", "x", 1, 1000);
    kit_signed(&b, DHT_SERVICE, 2, "web", "x", 1, 1000);
    CHECK(dht_id_equal(&a.r.key, &b.r.key) && dht_record_tag(&a.r) != dht_record_tag(&b.r), "a service has one for all");
    kit_immutable(&a, 1, 9, 1000);
    kit_immutable(&b, 1, 9, 99000);
    CHECK(dht_id_equal(&a.r.key, &b.r.key), "a value has one, however long it lives");
}

int main(void)
{
    each_kind_reads_back();
    values_are_checked();
    nobody_has_no_address();
    what_does_not_fit_is_left_out();
    records_have_limits();
    signatures_cover_everything();
    keys_are_of_their_kind();
    return CHECK_RESULT();
}
