/* Claims about DNS: what is asked, what answers are read, what is refused, and how a round of questions goes (NOD-6). The
 * messages are written here byte by byte. */
#include <string.h>

#include "common/node/dns.h"
#include "tests/support/check.h"

enum { SECOND = 1000000, ROOM = 4096, ID = 0x1234 };

struct text {
    uint8_t at[ROOM];
    size_t size;
};

static void put(struct text *t, const void *bytes, size_t size)
{
    REQUIRE(t->size + size <= ROOM, "room");
    memcpy(t->at + t->size, bytes, size);
    t->size += size;
}

static void put_16(struct text *t, uint32_t value)
{
    put(t, (uint8_t[]){(uint8_t)(value >> 8), (uint8_t)value}, 2);
}

/* Dots part labels; "*N" is a pointer to N. */
static void put_name(struct text *t, const char *name)
{
    for (const char *label = name; *label != '\0' && *label != '*';) {
        size_t size = strcspn(label, ".*");
        put(t, (uint8_t[]){(uint8_t)size}, 1);
        put(t, label, size);
        label += size + (label[size] == '.');
        if (*label == '*') {
            name = label;
        }
    }
    const char *star = strchr(name, '*');
    if (star != NULL) {
        put_16(t, 0xc000u | (uint32_t)strtoul(star + 1, NULL, 10));
    } else {
        put(t, "", 1);
    }
}

/* Header and question; flags: bytes 2 and 3. */
static void open_answer(struct text *t, uint16_t id, const char *name, uint32_t type, uint32_t flags, uint32_t records)
{
    t->size = 0;
    put_16(t, id);
    put_16(t, flags);
    put_16(t, 1);
    put_16(t, records);
    put_16(t, 0);
    put_16(t, 0);
    put_name(t, name);
    put_16(t, type);
    put_16(t, 1);
}

static size_t open_record(struct text *t, const char *name, uint32_t type, uint32_t ttl)
{
    put_name(t, name);
    put_16(t, type);
    put_16(t, 1);
    put_16(t, ttl >> 16);
    put_16(t, ttl);
    put_16(t, 0);
    return t->size;
}

static void close_record(struct text *t, size_t begin)
{
    t->at[begin - 2] = (uint8_t)((t->size - begin) >> 8);
    t->at[begin - 1] = (uint8_t)(t->size - begin);
}

static void put_srv(struct text *t, const char *name, uint32_t priority, uint32_t port, const char *target, uint32_t ttl)
{
    size_t begin = open_record(t, name, DNS_SRV, ttl);

    put_16(t, priority);
    put_16(t, 0);
    put_16(t, port);
    put_name(t, target);
    close_record(t, begin);
}

static void put_a(struct text *t, const char *name, uint8_t last, uint32_t ttl)
{
    size_t begin = open_record(t, name, DNS_A, ttl);

    put(t, (uint8_t[]){10, 0, 0, last}, 4);
    close_record(t, begin);
}

/* ---- messages -------------------------------------------------------------------------------------- */

static void a_question_is_what_the_rfc_says(void)
{
    static const uint8_t expected[] = "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x05_cell\x04_udp\x01x\x00\x00\x21\x00\x01";
    static const char *const bad[] = {"", ".", "a..b", "a.", ".a",
                                      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.b"};
    uint8_t out[DNS_QUESTION_MAX];
    char longest[DNS_NAME_MAX + 2];
    size_t size = 0;

    CHECK(dns_wire_ask(ID, "_cell._udp.x", DNS_SRV, out, &size) == ERR_OK, "asked");
    CHECK(size == sizeof expected - 1 && memcmp(out, expected, size) == 0, "its bytes");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        CHECK(dns_wire_ask(ID, bad[i], DNS_A, out, &size) == ERR_INVALID, "\"%s\"", bad[i]);
    }
    for (size_t i = 0; i <= DNS_NAME_MAX; i++) {
        longest[i] = i % 2 == 0 ? 'a' : '.';
    }
    longest[DNS_NAME_MAX + 1] = '\0';
    CHECK(dns_wire_ask(ID, longest, DNS_A, out, &size) == ERR_INVALID, "too long");
    longest[DNS_NAME_MAX] = '\0';
    CHECK(dns_wire_ask(ID, longest, DNS_A, out, &size) == ERR_OK && size == DNS_QUESTION_MAX,
          "the longest: %zu", size);
}

static void services_are_read(void)
{
    struct dns_reply r;
    struct text t;

    open_answer(&t, ID, "_cell._udp.x", DNS_SRV, 0x8180, 5);
    put_srv(&t, "*12", 10, 7402, "node-1.x", 300);
    put_srv(&t, "*12", 20, 7403, "Node-2*23", 60); /* the x of the question */
    put_srv(&t, "other.x", 1, 1, "node-9.x", 1);
    put_a(&t, "node-1.x", 1, 30);
    put_a(&t, "printer room.x", 9, 30);
    enum err e = dns_wire_read(t.at, t.size, ID, "_CELL._udp.x", DNS_SRV, &r);
    REQUIRE(e == ERR_OK, "%s", err_name(e));
    CHECK(r.services == 2 && r.service[0].port == 7402 && r.service[1].priority == 20, "two of this name");
    CHECK(strcmp(r.service[0].target, "node-1.x") == 0 && strcmp(r.service[1].target, "node-2.x") == 0,
          "pointers followed, in lower case: %s", r.service[1].target);
    CHECK(r.hosts == 1 && r.host[0].ip[15] == 1 && r.ttl_s == 30, "a host comes along; the least lifetime: %u", r.ttl_s);
}

static void aliases_are_followed(void)
{
    struct dns_reply r;
    struct text t;

    open_answer(&t, ID, "db.x", DNS_A, 0x8180, 3);
    size_t begin = open_record(&t, "db.x", 5, 10);
    put_name(&t, "real.x");
    close_record(&t, begin);
    put_a(&t, "real.x", 7, 100);
    put_a(&t, "stray.x", 8, 100);
    CHECK(dns_wire_read(t.at, t.size, ID, "db.x", DNS_A, &r) == ERR_OK, "read");
    CHECK(strcmp(r.name, "real.x") == 0 && r.hosts == 2 && r.ttl_s == 10, "called %s in the end", r.name);
}

/* One thing about a good answer is another. */
static void what_is_not_the_answer_is_refused(void)
{
    static const struct {
        int at, to;
        enum err e;
        const char *why;
    } rows[] = {
        {-1, 0, ERR_OK, "as it is"},
        {0, 0x13, ERR_DENIED, "another id"},
        {2, 0x01, ERR_DENIED, "a question"},
        {2, 0x91, ERR_DENIED, "another operation"},
        {5, 2, ERR_DENIED, "two questions"},
        {13, 'e', ERR_DENIED, "another name"},
        {18, 28, ERR_DENIED, "another type"},
        {20, 3, ERR_DENIED, "another class"},
        {7, 2, ERR_MALFORMED, "a record more than there is"},
        {6, 2, ERR_LIMIT, "513 records"},
        {23, 22, ERR_MALFORMED, "a pointer to itself"},
        {23, 30, ERR_MALFORMED, "a pointer ahead"},
        {23, 11, ERR_MALFORMED, "a pointer into the header"},
        {33, 5, ERR_MALFORMED, "an address of five bytes"},
        {33, 3, ERR_MALFORMED, "of three"},
        {26, 3, ERR_OK, "a record of another class is skipped"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dns_reply r = {.ttl_s = 77};
        struct text t;
        open_answer(&t, ID, "db.x", DNS_A, 0x8180, 1);
        put_a(&t, "*12", 1, 30);
        if (rows[i].at >= 0) {
            t.at[rows[i].at] = (uint8_t)rows[i].to;
        }
        enum err e = dns_wire_read(t.at, t.size, ID, "db.x", DNS_A, &r);
        CHECK(e == rows[i].e, "%s: %s", rows[i].why, err_name(e));
        CHECK(e == ERR_OK || r.ttl_s == 77, "%s: untouched", rows[i].why);
    }
}

static void cut_at_every_byte(void)
{
    struct dns_reply r;
    struct text t;

    open_answer(&t, ID, "_cell._udp.x", DNS_SRV, 0x8180, 2);
    put_srv(&t, "*12", 10, 7402, "node-1.x", 300);
    put_srv(&t, "*12", 20, 7403, "node-2*23", 60);
    for (size_t size = 0; size < t.size; size++) {
        CHECK(dns_wire_read(t.at, size, ID, "_cell._udp.x", DNS_SRV, &r) != ERR_OK, "%zu bytes", size);
    }
    t.at[2] |= 0x02;
    CHECK(dns_wire_read(t.at, t.size - 3, ID, "_cell._udp.x", DNS_SRV, &r) == ERR_OK && r.is_cut &&
              r.services == 1, "what says that it was cut off may end anywhere");
}

/* Pointers to pointers to pointers, each before the last: read in a bounded number of steps, or refused. */
static void chains_of_pointers_end(void)
{
    struct dns_reply r;
    struct text t;

    open_answer(&t, ID, "a.x", DNS_A, 0x8180, 1);
    size_t begin = open_record(&t, "big.x", 16, 1); /* TXT: room for pointers */
    size_t first = t.size;
    put_name(&t, "*12");
    for (int i = 0; i < 500; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "*%zu", t.size - 2);
        put_name(&t, text);
    }
    close_record(&t, begin);
    t.at[7] = 2;
    char last[16];
    (void)snprintf(last, sizeof last, "*%zu", t.size - 2);
    put_a(&t, last, 1, 1);
    CHECK(dns_wire_read(t.at, t.size, ID, "a.x", DNS_A, &r) == ERR_OK && r.hosts == 1, "500 pointers");
    t.at[first] = 0xc0 | (uint8_t)((t.size - 20) >> 8); /* the first one points to the last */
    t.at[first + 1] = (uint8_t)(t.size - 20);
    CHECK(dns_wire_read(t.at, t.size, ID, "a.x", DNS_A, &r) == ERR_MALFORMED, "a ring of them");
}

static void lists_have_limits(void)
{
    struct dns_reply r;
    struct text t;

    open_answer(&t, ID, "s.x", DNS_SRV, 0x8180, DNS_SERVICES_MAX + 1);
    for (uint32_t i = 0; i <= DNS_SERVICES_MAX; i++) {
        put_srv(&t, "*12", 1, 100 + i, "h.x", 9);
    }
    CHECK(dns_wire_read(t.at, t.size, ID, "s.x", DNS_SRV, &r) == ERR_OK &&
              r.services == DNS_SERVICES_MAX && r.service[0].port == 100 && r.service[15].port == 115, "services");
    open_answer(&t, ID, "s.x", DNS_SRV, 0x8180, 3 * DNS_SERVICES_MAX);
    for (uint32_t i = 0; i < 3 * DNS_SERVICES_MAX; i++) {
        put_srv(&t, "*12", i % 3 == 2 ? 5 : 50 + i % 3, 100 + i, "h.x", 9);
    }
    CHECK(dns_wire_read(t.at, t.size, ID, "s.x", DNS_SRV, &r) == ERR_OK && r.services == DNS_SERVICES_MAX, "three times as many");
    for (uint32_t i = 0; i < DNS_SERVICES_MAX; i++) {
        CHECK(r.service[i].priority == 5 && r.service[i].port == 102 + 3 * i, "those come first, in their order: %u", r.service[i].port);
    }
    open_answer(&t, ID, "s.x", DNS_A, 0x8180, DNS_HOSTS_MAX + 1);
    for (uint32_t i = 0; i <= DNS_HOSTS_MAX; i++) {
        put_a(&t, "*12", (uint8_t)i, 9);
    }
    CHECK(dns_wire_read(t.at, t.size, ID, "s.x", DNS_A, &r) == ERR_OK && r.hosts == DNS_HOSTS_MAX,
          "hosts");
}

/* ---- rounds ---------------------------------------------------------------------------------------- */

static struct dns_config usual(void)
{
    struct dns_config c = {.servers = 2, .service = "_cell._udp.x", .key = {7}};

    for (uint8_t i = 0; i < 2; i++) {
        c.server[i] = (struct sealed_address){.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = (uint8_t)(53 + i)}, .port = 53};
    }
    return c;
}

static uint16_t id_of(const struct dns_effects *fx)
{
    return (uint16_t)(fx->bytes[0] << 8 | fx->bytes[1]);
}

static uint32_t type_of(const struct dns_effects *fx)
{
    return fx->bytes[fx->size - 3];
}

static void a_service_is_resolved(void)
{
    struct dns_config c = usual();
    struct dns_effects fx;
    static struct dns d;
    uint64_t now = SECOND;
    struct text t;

    c.names = 1;
    c.name[0] = (struct dns_name){.host = "db.x", .port = 9};
    CHECK(dns_init(&d, &c, now) == ERR_OK, "begun");
    dns_clock(&d, now, &fx);
    CHECK(fx.way == DNS_UDP && type_of(&fx) == DNS_SRV && fx.to.ip[15] == 53, "the service first");
    uint16_t first = id_of(&fx);
    open_answer(&t, (uint16_t)(first + 1), "_cell._udp.x", DNS_SRV, 0x8180, 1);
    put_srv(&t, "*12", 10, 666, "thief.x", 300);
    CHECK(dns_answer(&d, now, t.at, t.size, &fx) == ERR_DENIED && fx.way == DNS_NOTHING && d.seeds == 0,
          "a guessed answer changes nothing");
    open_answer(&t, first, "_cell._udp.x", DNS_SRV, 0x8380, 0);
    CHECK(dns_answer(&d, now, t.at, t.size, &fx) == ERR_OK && fx.way == DNS_TCP, "cut off: over TCP");
    CHECK(id_of(&fx) != first, "with another id");
    open_answer(&t, id_of(&fx), "_cell._udp.x", DNS_SRV, 0x8180, 3);
    put_srv(&t, "*12", 20, 7403, "two.x", 300);
    put_srv(&t, "*12", 10, 7402, "one.x", 300);
    put_a(&t, "one.x", 1, 300);
    CHECK(dns_answer(&d, now, t.at, t.size, &fx) == ERR_OK && d.seeds == 1, "one address came along");
    CHECK(d.seed[0].address.port == 7402 && d.seed[0].address.ip[15] == 1 && d.seed[0].is_service, "and is a seed");
    CHECK(type_of(&fx) == DNS_A, "the name that was configured is next");
    open_answer(&t, id_of(&fx), "db.x", DNS_A, 0x8180, 1);
    put_a(&t, "db.x", 3, 120);
    CHECK(dns_answer(&d, now, t.at, t.size, &fx) == ERR_OK && d.seeds == 2 && d.seed[1].address.port == 9, "found");
    open_answer(&t, id_of(&fx), "two.x", DNS_A, 0x8183, 0);
    CHECK(dns_answer(&d, now, t.at, t.size, &fx) == ERR_OK && !fx.is_done, "a host that is none");
    open_answer(&t, id_of(&fx), "db.x", DNS_AAAA, 0x8180, 0);
    CHECK(dns_answer(&d, now, t.at, t.size, &fx) == ERR_OK, "it has no IPv6");
    open_answer(&t, id_of(&fx), "two.x", DNS_AAAA, 0x8183, 0);
    CHECK(dns_answer(&d, now, t.at, t.size, &fx) == ERR_OK && fx.is_done && d.seeds == 2, "the round is over");
    CHECK(fx.due_us == now + 120 * (uint64_t)SECOND, "again when the shortest lifetime ends");
    dns_clock(&d, fx.due_us, &fx);
    CHECK(type_of(&fx) == DNS_SRV, "another round");
}

static void services_come_in_the_order_of_their_priority(void)
{
    static const uint32_t priorities[] = {30, 10, 20, 10};
    static const uint8_t expected[] = {1, 3, 2, 0};
    struct dns_config c = usual();
    struct dns_effects fx;
    static struct dns d;
    struct text t;

    CHECK(dns_init(&d, &c, SECOND) == ERR_OK, "begun");
    dns_clock(&d, SECOND, &fx);
    open_answer(&t, id_of(&fx), "_cell._udp.x", DNS_SRV, 0x8180, 8);
    for (uint8_t i = 0; i < 4; i++) {
        char name[] = {'h', (char)('0' + i), '\0'};
        put_srv(&t, "*12", priorities[i], 7402, name, 9);
        put_a(&t, name, i, 9);
    }
    REQUIRE(dns_answer(&d, SECOND, t.at, t.size, &fx) == ERR_OK && d.seeds == 4 && fx.is_done, "four");
    for (uint32_t i = 0; i < 4; i++) {
        CHECK(d.seed[i].address.ip[15] == expected[i], "place %u: %u", i, d.seed[i].address.ip[15]);
    }
}

static void who_does_not_answer_is_left(void)
{
    struct dns_config c = usual();
    struct dns_effects fx;
    static struct dns d;
    uint64_t now = SECOND;
    uint32_t asked[2] = {0};
    struct text t;

    CHECK(dns_init(&d, &c, now) == ERR_OK, "begun");
    for (dns_clock(&d, now, &fx); !fx.is_done; dns_clock(&d, now, &fx)) {
        asked[fx.to.ip[15] - 53]++;
        CHECK(fx.due_us == now + DNS_TIMEOUT_MS * 1000, "a second each");
        now = fx.due_us;
    }
    CHECK(asked[0] == DNS_TRIES && asked[1] == DNS_TRIES, "%u and %u tries", asked[0], asked[1]);
    CHECK(fx.due_us == now + DNS_AGAIN_MIN_MS * 1000, "again soon");
    uint64_t wait = 0;
    for (int round = 0; round < 8; round++) {
        for (now = fx.due_us, dns_clock(&d, now, &fx); !fx.is_done; dns_clock(&d, now, &fx)) {
            now = fx.due_us;
        }
        CHECK(fx.due_us - now >= wait, "and later each time");
        wait = fx.due_us - now;
    }
    CHECK(wait == DNS_ALONE_MAX_MS * 1000, "up to a quarter of a minute");
    now = fx.due_us;
    dns_clock(&d, now, &fx);
    dns_failed(&d, now, &fx);
    CHECK(fx.way == DNS_UDP, "it could not be sent: the other server, at once");
    uint8_t second = fx.to.ip[15];
    open_answer(&t, id_of(&fx), "_cell._udp.x", DNS_SRV, 0x8182, 0);
    CHECK(dns_answer(&d, now, t.at, t.size, &fx) == ERR_OK && fx.to.ip[15] != second, "a server that cannot");
    open_answer(&t, id_of(&fx), "_cell._udp.x", DNS_SRV, 0x8180, 2);
    put_srv(&t, "*12", 10, 7402, "one.x", 1);
    put_a(&t, "one.x", 1, 1);
    CHECK(dns_answer(&d, now, t.at, t.size, &fx) == ERR_OK && fx.is_done && d.seeds == 1, "then it is found");
    CHECK(fx.due_us == now + DNS_AGAIN_MIN_MS * 1000, "a lifetime of a second is not believed");
}

/* Five hosts of which only the last is answered, and never about IPv6. */
static void silence_about_some_is_waited_for_last(void)
{
    struct dns_config c = usual();
    struct dns_effects fx;
    static struct dns d;
    uint64_t now = SECOND, found_us = 0;
    uint32_t asked[2][5] = {{0}};
    struct text t;

    CHECK(dns_init(&d, &c, now) == ERR_OK, "begun");
    dns_clock(&d, now, &fx);
    open_answer(&t, id_of(&fx), "_cell._udp.x", DNS_SRV, 0x8180, 5);
    for (uint8_t i = 0; i < 5; i++) {
        put_srv(&t, "*12", 10u + i, 7402, (char[]){'h', (char)('0' + i), '\0'}, 9);
    }
    CHECK(dns_answer(&d, now, t.at, t.size, &fx) == ERR_OK, "five");
    while (!fx.is_done) {
        uint32_t host = fx.bytes[14] - (uint32_t)'0';
        REQUIRE(host < 5, "one of them");
        asked[type_of(&fx) == DNS_AAAA][host]++;
        if (host == 4 && type_of(&fx) == DNS_A) {
            open_answer(&t, id_of(&fx), "h4", DNS_A, 0x8180, 1);
            put_a(&t, "*12", 4, 9);
            CHECK(dns_answer(&d, now, t.at, t.size, &fx) == ERR_OK && d.seeds == 1 && d.is_asking, "found before the round is over");
            found_us = now;
            continue;
        }
        now = fx.due_us;
        dns_clock(&d, now, &fx);
    }
    CHECK(found_us == SECOND + 8 * DNS_TIMEOUT_MS * 1000, "after one try of the others with each server: %u ms", (unsigned)(found_us / 1000));
    for (int i = 0; i < 9; i++) {
        CHECK(asked[i / 5][i % 5] == (i == 4 ? 1 : DNS_TRIES * c.servers), "question %d, %u times", i, asked[i / 5][i % 5]);
    }
    CHECK(d.unanswered == 9 && d.failures == 9, "each counts once: %u", d.unanswered);
    CHECK(fx.due_us == now + DNS_AGAIN_MIN_MS * 1000, "the first time it is soon");
    for (int round = 0; round < 8; round++) { /* somebody is found each time, and the others never */
        for (now = fx.due_us, dns_clock(&d, now, &fx); d.seeds == 0; dns_clock(&d, now, &fx)) {
            open_answer(&t, id_of(&fx), "_cell._udp.x", DNS_SRV, 0x8180, 3);
            put_srv(&t, "*12", 10, 7402, "h0", 9);
            put_srv(&t, "*12", 10, 7402, "h1", 9);
            put_a(&t, "h0", 4, 9);
            REQUIRE(dns_answer(&d, now, t.at, t.size, &fx) == ERR_OK, "one comes along");
        }
        for (; !fx.is_done; dns_clock(&d, now, &fx)) {
            now = fx.due_us;
        }
    }
    CHECK(fx.due_us == now + DNS_RETRY_MAX_MS * 1000, "who knows somebody waits longer");
}

static void ids_are_not_counted_up(void)
{
    struct dns_config c = usual();
    struct dns_effects fx;
    static struct dns d;
    uint64_t now = SECOND;
    uint32_t near = 0, last = 0;

    CHECK(dns_init(&d, &c, now) == ERR_OK, "begun");
    for (int i = 0; i < 64; i++) {
        dns_clock(&d, now, &fx);
        now = fx.due_us;
        uint32_t id = fx.is_done ? last + 0x8000 : id_of(&fx);
        near += ((id - last) & 0xffff) < 16;
        last = id;
    }
    CHECK(near < 4, "%u of 64 follow the one before", near);
}

static void what_may_be_configured(void)
{
    struct dns_config c = usual();
    static struct dns d;

    c.servers = 0;
    CHECK(dns_init(&d, &c, 1) == ERR_INVALID, "nobody to ask");
    c.servers = DNS_SERVERS_MAX + 1;
    CHECK(dns_init(&d, &c, 1) == ERR_INVALID, "a server too many");
    c = usual(), c.names = SEEDS_MAX + 1;
    CHECK(dns_init(&d, &c, 1) == ERR_INVALID, "a name too many");
    c = usual(), c.names = 1;
    CHECK(dns_init(&d, &c, 1) == ERR_INVALID, "a name of nothing");
    c = usual(), c.service[0] = '.';
    CHECK(dns_init(&d, &c, 1) == ERR_INVALID, "a service of nothing");
}

int main(void)
{
    a_question_is_what_the_rfc_says();
    services_are_read();
    aliases_are_followed();
    what_is_not_the_answer_is_refused();
    cut_at_every_byte();
    chains_of_pointers_end();
    lists_have_limits();
    a_service_is_resolved();
    services_come_in_the_order_of_their_priority();
    who_does_not_answer_is_left();
    silence_about_some_is_waited_for_last();
    ids_are_not_counted_up();
    what_may_be_configured();
    return CHECK_RESULT();
}
