/* Signals: what is written is read again, what is cut or bent is none, and each is taken once, whoever repeats it. */
#include "datapath/signal.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"

enum { ROOM = 2048, MANY = 3 };

static struct datapath_random dice;
static struct datapath_signal_keys keys;

static struct datapath_endpoint v4(uint8_t last, uint16_t port)
{
    return (struct datapath_endpoint){.ip = {[10] = 0xff, [11] = 0xff, [12] = 192, 0, 2, last}, .port = port};
}

static struct datapath_endpoint v6(uint8_t last, uint16_t port)
{
    return (struct datapath_endpoint){.ip = {[0] = 0xfd, [15] = last}, .port = port};
}

static struct datapath_signal_member member(enum datapath_signal_state state)
{
    struct datapath_signal_member m = {.state = state, .places = 2, .prefixes = 2, .place = {v4(1, 4000), v6(2, 5000)},
                                       .prefix = {{.ip = {10, 9, 0, 1}, .size = 4, .bits = 32}, {.ip = {0xfd, 9}, .size = 16, .bits = 64}}};

    memset(m.key, 7, sizeof m.key);
    return m;
}

/* One of each kind, with everything that it has. */
static struct datapath_signal example(enum datapath_signal_kind kind, uint8_t *members)
{
    struct datapath_signal s = {.kind = kind, .flags = DATAPATH_SIGNAL_MORE};
    struct datapath_signal_member m = member(DATAPATH_SIGNAL_HERE);
    bool is_news = kind == DATAPATH_SIGNAL_NEWS;

    if (kind == DATAPATH_SIGNAL_PING || kind == DATAPATH_SIGNAL_PONG) {
        s.use = 1;
        s.epoch = 12;
        s.number = 0xfffffff0;
        s.sent_ms = 77;
    }
    if (kind == DATAPATH_SIGNAL_PONG || is_news) {
        s.seen = v6(9, 9);
    }
    if (kind >= DATAPATH_SIGNAL_ROLL && kind != DATAPATH_SIGNAL_MEET) {
        s.epoch = UINT64_C(1) << 63;
    }
    if (kind == DATAPATH_SIGNAL_ROLL || is_news) {
        s.question = 3;
        s.sequence = 1000000;
        s.cursor = 4;
        s.places = DATAPATH_SIGNAL_PLACES;
        for (uint32_t i = 0; i < s.places; i++) {
            s.place[i] = i % 2 == 0 ? v4((uint8_t)i, 1) : v6((uint8_t)i, 65535);
        }
    }
    if (is_news || kind == DATAPATH_SIGNAL_MEET) {
        s.count = is_news ? 1000 : 0;
        s.members = members;
        s.members_size = datapath_signal_put_member(&m, members, ROOM);
    }
    s.life = kind == DATAPATH_SIGNAL_MEET || kind == DATAPATH_SIGNAL_RELAYING ? UINT64_C(3) << 60 : 0;
    if (kind == DATAPATH_SIGNAL_CALL || kind == DATAPATH_SIGNAL_RELAY || kind == DATAPATH_SIGNAL_RELAYING) {
        memset(s.key, 5, sizeof s.key);
        s.id = kind == DATAPATH_SIGNAL_RELAYING ? 0x12345678 : 0;
    }
    return s;
}

static bool is_same(struct datapath_signal a, struct datapath_signal b)
{
    bool is = a.members_size == b.members_size && (a.members_size == 0 || memcmp(a.members, b.members, a.members_size) == 0);

    a.members = b.members = a.names = b.names = NULL; /* names: what is behind all else */
    return is && memcmp(&a, &b, sizeof a) == 0;
}

static void what_is_written_is_read(void)
{
    uint8_t bytes[ROOM], members[ROOM];
    struct datapath_signal got;

    for (int kind = DATAPATH_SIGNAL_PING; kind <= DATAPATH_SIGNAL_RELAYING; kind++) {
        struct datapath_signal s = example((enum datapath_signal_kind)kind, members);
        size_t size = datapath_signal_write(&s, bytes, sizeof bytes);
        CHECK(size > 0 && datapath_signal_read(bytes, size, &got) && is_same(s, got), "kind %d is what it was", kind);
        CHECK(datapath_signal_write(&s, bytes, size) == size, "kind %d fits into what it takes", kind);
        CHECK(datapath_signal_write(&s, bytes, size - 1) == 0, "kind %d does not fit into a byte less", kind);
        for (size_t cut = 0; cut < size; cut++) {
            uint8_t *exact = malloc(cut + 1); /* a read beyond it is found */
            memcpy(exact, bytes, cut);
            CHECK(!datapath_signal_read(exact + 0, cut, &got), "kind %d, cut to %zu bytes", kind, cut);
            free(exact);
        }
        bytes[1] |= 0x80;
        CHECK(!datapath_signal_read(bytes, size, &got), "kind %d with a flag that nobody has", kind);
    }
    bytes[0] = DATAPATH_SIGNAL_RELAYING + 1;
    bytes[1] = 0;
    CHECK(!datapath_signal_read(bytes, sizeof bytes, &got), "a kind that nobody has");
    bytes[0] = 0;
    CHECK(!datapath_signal_read(bytes, sizeof bytes, &got), "kind 0");
}

static void limits_are_kept(void)
{
    uint8_t bytes[ROOM], members[ROOM];
    struct datapath_signal s = example(DATAPATH_SIGNAL_ROLL, members), got;
    struct datapath_signal_member m = member(DATAPATH_SIGNAL_HERE), back;
    size_t size = datapath_signal_write(&s, bytes, sizeof bytes), at = 0;
    size_t count_at = size - DATAPATH_SIGNAL_PLACES / 2 * (7 + 19) - 1;

    CHECK(bytes[count_at] == DATAPATH_SIGNAL_PLACES && datapath_signal_read(bytes, sizeof bytes, &got), "as many places as there may be");
    bytes[count_at]++;
    CHECK(!datapath_signal_read(bytes, sizeof bytes, &got), "and one more");
    m.places = DATAPATH_SIGNAL_PLACES;
    m.prefixes = DATAPATH_SIGNAL_PREFIXES;
    for (uint32_t i = 0; i < DATAPATH_SIGNAL_PREFIXES; i++) {
        m.place[i % DATAPATH_SIGNAL_PLACES] = v6((uint8_t)i, 1);
        m.prefix[i] = (struct datapath_prefix){.size = 16, .bits = 128};
    }
    size = datapath_signal_put_member(&m, bytes, sizeof bytes);
    CHECK(size > 0 && size <= DATAPATH_SIGNAL_MEMBER_MOST, "the largest member: %zu", size);
    CHECK(datapath_signal_take_member(bytes, size, &at, &back) && at == size && back.prefixes == DATAPATH_SIGNAL_PREFIXES, "is read");
    CHECK(!datapath_signal_take_member(bytes, size, &at, &back), "and there is no other");
    at = 0;
    CHECK(!datapath_signal_take_member(bytes, size - 1, &at, &back) && at == size - 1, "a torn one ends the list");
    bytes[size - 18 + 1] = 129;
    at = 0;
    CHECK(!datapath_signal_take_member(bytes, size, &at, &back), "a prefix of 129 bits");
}

static void members_follow_each_other(void)
{
    uint8_t bytes[ROOM];
    struct datapath_signal_member all[MANY] = {member(DATAPATH_SIGNAL_HERE), member(DATAPATH_SIGNAL_GONE), member(DATAPATH_SIGNAL_AWAY)}, got;
    size_t size = 0, at = 0;

    for (int i = 0; i < MANY; i++) {
        size += datapath_signal_put_member(&all[i], bytes + size, sizeof bytes - size);
    }
    for (int i = 0; i < MANY; i++) {
        CHECK(datapath_signal_take_member(bytes, size, &at, &got) && got.state == all[i].state, "member %d", i);
        CHECK(got.places == (got.state == DATAPATH_SIGNAL_GONE ? 0u : 2u), "who is gone has no place");
    }
    CHECK(at == size, "all of it");
}

static const struct {
    const char *said, *read; /* NULL: it does not read */
    size_t size;
} name_rows[] = {
    {"", "", 0},
    {"\0", "", 1},
    {"\1b", "b", 2},
    {"\3b-2", "b-2", 4},
    {"\2b", NULL, 2},
    {"\1B", NULL, 2},
    {"\2b-", NULL, 3},
    {"\1\0", NULL, 2},
    {"\3b.c", NULL, 4},
};

/* Behind all that a ROLL had before there were names: who does not know of them says nothing there, and reads nothing. */
static void a_name_is_said_behind_all_else(void)
{
    uint8_t bytes[ROOM], members[ROOM];
    struct datapath_signal s = example(DATAPATH_SIGNAL_ROLL, members), got;
    char name[DATAPATH_LABEL_SIZE];
    size_t plain = datapath_signal_write(&s, bytes, sizeof bytes), at = 0;

    for (size_t i = 0; i < ARRAY_LEN(name_rows); i++) {
        memcpy(bytes + plain, name_rows[i].said, name_rows[i].size);
        bool is_read = datapath_signal_read(bytes, plain + name_rows[i].size, &got);
        CHECK(is_read == (name_rows[i].read != NULL) && (!is_read || strcmp(got.name, name_rows[i].read) == 0), "row %zu", i);
    }
    memset(s.name, 'a', sizeof s.name - 1);
    size_t size = datapath_signal_write(&s, bytes, sizeof bytes);
    CHECK(size == plain + DATAPATH_LABEL_SIZE && datapath_signal_read(bytes, size, &got) && strcmp(got.name, s.name) == 0, "63 characters");
    bytes[plain] = DATAPATH_LABEL_SIZE;
    bytes[size] = 'a';
    CHECK(!datapath_signal_read(bytes, sizeof bytes, &got), "64");
    size = datapath_signal_put_name("", bytes, sizeof bytes);
    size += datapath_signal_put_name("b", bytes + size, sizeof bytes - size);
    CHECK(size == 3 && datapath_signal_take_name(bytes, size, &at, name) && name[0] == '\0', "none");
    CHECK(datapath_signal_take_name(bytes, size, &at, name) && strcmp(name, "b") == 0 && !datapath_signal_take_name(bytes, size, &at, name), "b, and no other");
    CHECK(datapath_signal_put_name("b", bytes, 1) == 0, "it does not fit");
    at = 1;
    CHECK(!datapath_signal_take_name(bytes, 2, &at, name) && at == 2 && name[0] == '\0', "a torn one ends the list");
}

static size_t seal(uint64_t life, uint64_t counter, size_t size, uint8_t *out)
{
    struct datapath_signal s = {.kind = DATAPATH_SIGNAL_PING, .number = (uint32_t)counter};
    size_t total = 0;

    CHECK(datapath_signal_seal(&keys, life, counter, &dice, &s, size, out, &total), "sealed");
    return total;
}

static bool opens(struct datapath_signal_window *w, uint64_t life, uint64_t counter)
{
    uint8_t bytes[ROOM];
    struct datapath_signal got;
    size_t size = seal(life, counter, 0, bytes);

    return datapath_signal_open(&keys, w, bytes, size, &got);
}

static void only_what_is_whole_opens(void)
{
    uint8_t bytes[ROOM], copy[ROOM];
    struct datapath_signal got;
    struct datapath_signal_window w = {0};
    struct datapath_signal_keys other;
    uint8_t shared[32] = {1}, psk[32] = {0}, from[32] = {3};
    size_t size = seal(1, 1, 0, bytes);

    CHECK(size == DATAPATH_SIGNAL_LEAST, "a small one is padded: %zu", size);
    CHECK(datapath_message_own(bytes, size) == DATAPATH_KIND_SIGNAL && datapath_message_kind(bytes, size) == DATAPATH_KIND_NONE,
          "no message of WireGuard");
    CHECK(datapath_signal_who(bytes, size) == keys.who && datapath_signal_who(bytes, size - 1) == 0, "says who");
    for (size_t bit = 0; bit < 8 * size; bit++) {
        memcpy(copy, bytes, size);
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK(!datapath_signal_open(&keys, &w, copy, size, &got) && w.life == 0, "bit %zu flipped", bit);
    }
    memcpy(copy, bytes, size);
    CHECK(!datapath_signal_open(&keys, &w, copy, size - 1, &got), "a byte less");
    psk[5] = 1;
    datapath_signal_derive(shared, psk, from, &other);
    CHECK(other.who == keys.who && memcmp(other.key, keys.key, sizeof other.key) != 0, "another psk: the same who, another key");
    memcpy(copy, bytes, size);
    CHECK(!datapath_signal_open(&other, &w, copy, size, &got), "with another psk");
    from[0]++;
    datapath_signal_derive(shared, psk, from, &other);
    CHECK(other.who != keys.who, "the other direction has another");
    CHECK(datapath_signal_open(&keys, &w, bytes, size, &got) && got.kind == DATAPATH_SIGNAL_PING && got.number == 1, "and whole it opens");
    CHECK(seal(1, 2, 1400, bytes) == 1400, "as large as was asked for");
}

/* Rows share one window, top to bottom. */
static void each_is_taken_once(void)
{
    static const struct {
        uint64_t life, counter;
        bool is_taken;
        const char *why;
    } rows[] = {
        {5, 1, true, "the first"},
        {5, 1, false, "again"},
        {5, 3, true, "a gap"},
        {5, 2, true, "late"},
        {5, 2, false, "late and again"},
        {5, 3 + DATAPATH_SIGNAL_WINDOW, true, "a jump by the whole window"},
        {5, 4, true, "the oldest that is remembered"},
        {5, 4, false, "again"},
        {5, 3, false, "one too old"},
        {4, 1000, false, "of an earlier life, whatever its number"},
        {6, 1, true, "of a later life"},
        {5, 1000, false, "and the former is over"},
        {6, 1, false, "again"},
        {6, UINT64_MAX, true, "the last number"},
        {6, UINT64_MAX, false, "again"},
        {6, 0, false, "and none after it"},
    };
    struct datapath_signal_window w = {0};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CHECK(opens(&w, rows[i].life, rows[i].counter) == rows[i].is_taken, "row %zu: %s", i, rows[i].why);
    }
}

int main(void)
{
    static const uint8_t seed[DATAPATH_RANDOM_SEED] = {4}, shared[32] = {1}, psk[32] = {0}, from[32] = {3};

    datapath_random_init(&dice, seed);
    datapath_signal_derive(shared, psk, from, &keys);
    what_is_written_is_read();
    limits_are_kept();
    members_follow_each_other();
    a_name_is_said_behind_all_else();
    only_what_is_whole_opens();
    each_is_taken_once();
    return CHECK_RESULT();
}
