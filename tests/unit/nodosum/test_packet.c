/* Claims about packets: every limit at it and one past it; refused whole, read back whole. */
#include <string.h>

#include "common/base/bytes.h"
#include "tests/unit/nodosum/kit.h"

enum { ROOM = 2 * NODOSUM_PACKET_MAX };

static struct nodosum_message alive(void)
{
    struct nodosum_message m = {.kind = NODOSUM_PACKET_ALIVE, .id = kit_id(1), .incarnation = 5};

    m.about = kit_about(1);
    return m;
}

/* One message that is right but for one thing. Offsets are those in the packet, its version byte included. */
enum { AT_INCARNATION = 34, AT_META_VERSION = 42, AT_IP = 50, AT_PORT = 66, AT_NAME_LEN = 68, AT_NAME = 69 };

static void alive_is_checked(void)
{
    static const struct {
        size_t at;
        uint8_t byte[16];
        size_t count;
        enum err e;
        const char *why;
    } rows[] = {
        {0, {NODOSUM_PACKET_VERSION}, 1, ERR_OK, "as it is"},
        {0, {1}, 1, ERR_INCOMPATIBLE, "another version"},
        {1, {0}, 1, ERR_MALFORMED, "no kind"},
        {1, {NODOSUM_PACKET_PLACE + 1}, 1, ERR_MALFORMED, "an unknown kind"},
        {AT_INCARNATION, {0, 0, 0, 0, 0, 0, 0, 0}, 8, ERR_MALFORMED, "incarnation 0"},
        {AT_INCARNATION, {0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 8, ERR_OK, "the highest"},
        {AT_INCARNATION, {0, 0x20, 0, 0, 0, 0, 0, 0}, 8, ERR_MALFORMED, "one past it"},
        {AT_META_VERSION, {0, 0, 0, 0, 0, 0, 0, 5}, 8, ERR_OK, "metadata of this incarnation"},
        {AT_META_VERSION, {0, 0, 0, 0, 0, 0, 0, 6}, 8, ERR_MALFORMED, "of a later one"},
        {AT_META_VERSION, {0, 0, 0, 0, 0, 0, 0, 0}, 8, ERR_MALFORMED, "of none"},
        {AT_IP, {0}, 16, ERR_MALFORMED, "no address"},
        {AT_PORT, {0, 0}, 2, ERR_MALFORMED, "no port"},
        {AT_NAME_LEN, {0}, 1, ERR_MALFORMED, "no name"},
        {AT_NAME, {'-'}, 1, ERR_MALFORMED, "a name like an option"},
        {AT_NAME, {'/'}, 1, ERR_MALFORMED, "a name like a path"},
        {AT_NAME, {'\n'}, 1, ERR_MALFORMED, "a name of two lines"},
        {AT_NAME, {0}, 1, ERR_MALFORMED, "a name that ends early"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct nodosum_packet p = {0};
        struct nodosum_message m = alive();
        CHECK(nodosum_packet_add(&p, &m), "it fits");
        memcpy(p.bytes + rows[i].at, rows[i].byte, rows[i].count);
        CHECK(nodosum_packet_check(p.bytes, p.size) == rows[i].e, "row %zu: %s", i, rows[i].why);
    }
}

static void names_and_metadata_have_limits(void)
{
    struct nodosum_packet p = {0};
    struct nodosum_message m = alive();

    m.about.name_len = NAME_MAX_LEN;
    memset(m.about.name, 'n', NAME_MAX_LEN);
    m.about.meta_size = NODOSUM_META_MAX;
    CHECK(nodosum_packet_add(&p, &m) && nodosum_packet_check(p.bytes, p.size) == ERR_OK, "both at their most");
    CHECK((NODOSUM_PACKET_MAX - 1) / (p.size - 1) == 2, "two such records fit: %u bytes", p.size);
    p.bytes[AT_NAME_LEN] = NAME_MAX_LEN + 1;
    CHECK(nodosum_packet_check(p.bytes, p.size) == ERR_MALFORMED, "a longer name");
    p.bytes[AT_NAME_LEN] = NAME_MAX_LEN;
    bytes_put_be32(p.bytes + AT_NAME + NAME_MAX_LEN - 2, UINT32_C(0x6e6e0100)); /* "nn", 256 */
    CHECK(nodosum_packet_check(p.bytes, p.size) == ERR_MALFORMED, "longer metadata");
}

/* Everything a member can say of itself, and a suspicion of it by as many as are told: one packet. */
static void the_longest_record_fits_with_a_suspicion(void)
{
    struct nodosum_packet p = {0};
    struct nodosum_message m = alive(), doubt = {.kind = NODOSUM_PACKET_SUSPECT, .id = kit_id(1), .incarnation = 5,
                                                 .count = NODOSUM_ACCUSERS_MAX}, again;
    size_t at = 1;

    m.about.name_len = NAME_MAX_LEN;
    memset(m.about.name, 'n', NAME_MAX_LEN);
    m.about.meta_size = NODOSUM_META_MAX;
    m.about.offers_size = NODOSUM_OFFERS_BYTES;
    memset(m.about.offers, 'o', NODOSUM_OFFERS_BYTES);
    CHECK(nodosum_packet_add(&p, &m), "the record");
    size_t size = p.size;
    CHECK(nodosum_packet_add(&p, &doubt) && nodosum_packet_check(p.bytes, p.size) == ERR_OK, "%u bytes", p.size);
    CHECK(nodosum_packet_next(p.bytes, p.size, &at, &again) && again.about.offers_size == NODOSUM_OFFERS_BYTES &&
              memcmp(again.about.offers, m.about.offers, NODOSUM_OFFERS_BYTES) == 0, "as they were");
    memmove(p.bytes + size - NODOSUM_OFFERS_BYTES - 2, (uint8_t[]){(NODOSUM_OFFERS_BYTES + 1) >> 8,
            (NODOSUM_OFFERS_BYTES + 1) & 0xff}, 2);
    p.bytes[size] = 'o';
    CHECK(nodosum_packet_check(p.bytes, size + 1) == ERR_MALFORMED, "a byte more of offers");
}

/* Lists at their limits, and with one item fewer or more than may be: the count and the bytes agree. */
static void lists_have_limits(void)
{
    static const struct {
        enum nodosum_packet_kind kind;
        uint32_t least, most;
        size_t count_at, item;
    } rows[] = {
        {NODOSUM_PACKET_SUSPECT, 1, NODOSUM_ACCUSERS_MAX, 42, 8},
        {NODOSUM_PACKET_DIGEST, 1, NODOSUM_RANGES_MAX, 2, 26},
        {NODOSUM_PACKET_ROWS, 0, NODOSUM_ROWS_MAX, 18, 19},
        {NODOSUM_PACKET_WANT, 1, NODOSUM_WANT_MAX, 2, 8},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct nodosum_message m = {.kind = rows[i].kind, .id = kit_id(1), .incarnation = 1,
                                    .last = 100};
        for (uint32_t k = 0; m.kind == NODOSUM_PACKET_ROWS && k < NODOSUM_ROWS_MAX; k++) {
            m.row[k] = (struct nodosum_row){.short_id = k, .incarnation = 1};
        }
        for (uint32_t count = 0; count <= rows[i].most; count++) {
            struct nodosum_packet p = {0};
            bool is_good = count >= rows[i].least;
            m.count = count;
            CHECK(nodosum_packet_add(&p, &m), "%u of row %zu fit", count, i);
            CHECK((nodosum_packet_check(p.bytes, p.size) == ERR_OK) == is_good, "%u of row %zu", count, i);
            if (count == rows[i].most && p.size + rows[i].item <= NODOSUM_PACKET_MAX) {
                memcpy(p.bytes + p.size, p.bytes + p.size - rows[i].item, rows[i].item);
                p.bytes[rows[i].count_at]++;
                CHECK(nodosum_packet_check(p.bytes, p.size + rows[i].item) == ERR_MALFORMED,
                      "one more than the most of row %zu", i);
            }
        }
    }
}

static void rows_are_in_their_range_and_order(void)
{
    static const struct {
        uint64_t first, last, short_id[2], incarnation;
        uint8_t state;
        bool is_good;
        const char *why;
    } rows[] = {
        {5, 9, {5, 9}, 1, 0, true, "both ends"},
        {5, 9, {6, 6}, 1, NODOSUM_LEFT, true, "the same twice: ids may share their beginning"},
        {5, 9, {4, 9}, 1, 0, false, "before the range"},
        {5, 9, {5, 10}, 1, 0, false, "behind it"},
        {5, 9, {7, 6}, 1, 0, false, "out of order"},
        {9, 5, {7, 7}, 1, 0, false, "no range"},
        {5, 9, {5, 9}, 0, 0, false, "incarnation 0"},
        {5, 9, {5, 9}, 1, NODOSUM_LEFT + 1, false, "no state"},
        {5, 9, {5, 9}, 1, NODOSUM_LEFT | NODOSUM_ROW_STALE, true, "a stale one"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct nodosum_packet p = {0};
        struct nodosum_message m = {.kind = NODOSUM_PACKET_ROWS, .first = rows[i].first, .last = rows[i].last,
                                    .count = 2};
        for (int k = 0; k < 2; k++) {
            m.row[k] = (struct nodosum_row){.short_id = rows[i].short_id[k], .state = rows[i].state,
                                            .incarnation = rows[i].incarnation};
        }
        CHECK(nodosum_packet_add(&p, &m), "it fits");
        CHECK((nodosum_packet_check(p.bytes, p.size) == ERR_OK) == rows[i].is_good, "%s", rows[i].why);
    }
}

static void a_packet_is_as_long_as_it_may_be(void)
{
    struct nodosum_message m = {.kind = NODOSUM_PACKET_NACK, .seq = 7};
    struct nodosum_packet p = {0};
    uint8_t bytes[ROOM] = {NODOSUM_PACKET_VERSION};
    uint32_t count = 0;

    while (nodosum_packet_add(&p, &m)) {
        count++;
    }
    CHECK(p.size == 1 + 5 * count && p.size + 5 > NODOSUM_PACKET_MAX, "%u bytes are full", p.size);
    CHECK(nodosum_packet_check(p.bytes, p.size) == ERR_OK, "and good");
    memset(bytes + 1, 0, sizeof bytes - 1);
    CHECK(nodosum_packet_check(bytes, NODOSUM_PACKET_MAX + 1) == ERR_LIMIT, "a byte too long");
    CHECK(nodosum_packet_check(bytes, 1) == ERR_MALFORMED, "nothing in it");
    CHECK(nodosum_packet_check(bytes, 0) == ERR_MALFORMED, "nothing");
}

/* Cut anywhere, or with one byte more, a packet of every kind is refused: nothing is read past its end. */
static void a_cut_packet_is_refused(void)
{
    for (int kind = NODOSUM_PACKET_PING; kind <= NODOSUM_PACKET_PLACE; kind++) {
        struct nodosum_message m = {.kind = (enum nodosum_packet_kind)kind, .id = kit_id(3), .incarnation = 2,
                                    .count = 2, .last = UINT64_MAX};
        struct nodosum_packet p = {0};
        if (kind == NODOSUM_PACKET_ALIVE) {
            m.about = kit_about(3);
        } else if (kind == NODOSUM_PACKET_ROWS) {
            m.row[0] = m.row[1] = (struct nodosum_row){.incarnation = 1};
        } else if (kind == NODOSUM_PACKET_PLACE) {
            m.place.size = 5;
        }
        CHECK(nodosum_packet_add(&p, &m) && nodosum_packet_check(p.bytes, p.size) == ERR_OK, "kind %d", kind);
        for (size_t size = 0; size < p.size; size++) {
            uint8_t *exact = malloc(size == 0 ? 1 : size); /* a sanitizer sees a read past it */
            REQUIRE(exact != NULL, "memory");
            memcpy(exact, p.bytes, size);
            CHECK(nodosum_packet_check(exact, size) == ERR_MALFORMED, "kind %d cut to %zu", kind, size);
            free(exact);
        }
        p.bytes[p.size] = 0;
        CHECK(nodosum_packet_check(p.bytes, p.size + 1u) == ERR_MALFORMED, "kind %d and a byte", kind);
    }
}

static void attempts_and_flags_are_known_ones(void)
{
    static const struct {
        enum nodosum_packet_kind kind;
        uint8_t attempt, flags;
        bool is_good;
    } rows[] = {
        {NODOSUM_PACKET_PING, NODOSUM_ATTEMPTS - 1, 0, true},
        {NODOSUM_PACKET_PING, NODOSUM_ATTEMPTS, 0, false},
        {NODOSUM_PACKET_ACK, NODOSUM_RELAYED, 1, true},
        {NODOSUM_PACKET_ACK, NODOSUM_RELAYED + 1, 0, false},
        {NODOSUM_PACKET_PING, 0, NODOSUM_PING_PLACE, true},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct nodosum_packet p = {0};
        struct nodosum_message m = {.kind = rows[i].kind, .attempt = rows[i].attempt, .flags = rows[i].flags};
        CHECK(nodosum_packet_add(&p, &m), "it fits");
        CHECK((nodosum_packet_check(p.bytes, p.size) == ERR_OK) == rows[i].is_good, "row %zu", i);
    }
}

static void a_place_is_as_long_as_it_may_be(void)
{
    uint8_t bytes[3 + NODOSUM_META_PLACE_MAX + 1] = {NODOSUM_PACKET_VERSION, NODOSUM_PACKET_PLACE};

    for (size_t size = 0; size <= NODOSUM_META_PLACE_MAX + 1; size++) {
        bytes[2] = (uint8_t)size;
        bool is_good = size > 0 && size <= NODOSUM_META_PLACE_MAX;
        CHECK((nodosum_packet_check(bytes, 3 + size) == ERR_OK) == is_good, "%zu bytes", size);
    }
}

int main(void)
{
    a_place_is_as_long_as_it_may_be();
    alive_is_checked();
    names_and_metadata_have_limits();
    the_longest_record_fits_with_a_suspicion();
    lists_have_limits();
    rows_are_in_their_range_and_order();
    a_packet_is_as_long_as_it_may_be();
    a_cut_packet_is_refused();
    attempts_and_flags_are_known_ones();
    return CHECK_RESULT();
}
