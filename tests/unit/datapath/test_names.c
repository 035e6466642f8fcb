/* Claims about names in the overlay: which there may be, what is answered about them, and what is not ours to answer. */
#include "datapath/names.h"

#include <string.h>

#include "tests/support/check.h"
#include "tests/unit/datapath/core_kit.h"

static struct kit k;
static struct datapath_names_entry entry[3];
static struct datapath_names names;

/* Node 0 calls itself a and the others b and (beside its addresses a network) c; it has 10.0.0.1 and fd00::1. */
static void begin(void)
{
    const struct datapath_prefix network = {.ip = {10, 5, 0, 0}, .size = 4, .bits = 16};

    kit_begin(&k, (const uint8_t[32]){1});
    names = (struct datapath_names){.core = k.node[0].core, .zone = "cell.internal", .own = "a", .own_count = 2,
                                    .own_at = {{.ip = {10, 0, 0, 1}, .size = 4, .bits = 24},
                                               {.ip = {0xfd, [15] = 1}, .size = 16, .bits = 64}},
                                    .room = ARRAY_LEN(entry), .entry = entry};
    for (uint32_t i = 1; i < KIT_NODES; i++) {
        const struct datapath_view v = kit_view(&k, 0, i);
        REQUIRE(datapath_names_set(&names, v.config.public, i == 1 ? "b" : "c") == ERR_OK, "%u", i);
    }
    REQUIRE(datapath_core_allow(k.node[0].core, k.node[0].peer[2], &network) == ERR_OK, "a network behind c");
}

static const struct {
    const char *text;
    bool is_name, is_zone;
} words[] = {
    {"b", true, true},
    {"b-2", true, true},
    {"9", true, true},
    {"", false, false},
    {"-b", false, false},
    {"b-", false, false},
    {"B", false, false},
    {"b_c", false, false},
    {"b.c", false, true},
    {"b..c", false, false},
    {".b", false, false},
    {"b.", false, false},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true, true},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false, false},
};

static void names_are_labels_of_hosts(void)
{
    char zone[DNS_NAME_MAX];

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        CHECK(datapath_label_valid(words[i].text, strlen(words[i].text)) == words[i].is_name, "%s as a name", words[i].text);
        CHECK(datapath_names_zone_valid(words[i].text) == words[i].is_zone, "%s as a zone", words[i].text);
    }
    for (size_t i = 0; i < 190; i++) {
        zone[i] = i % 2 == 0 ? 'a' : '.';
    }
    zone[189] = '\0';
    CHECK(datapath_names_zone_valid(zone), "189 characters");
    memcpy(zone + 189, ".a", 3);
    CHECK(!datapath_names_zone_valid(zone), "more");
}

static void a_name_is_one_keys(void)
{
    const uint8_t other[DATAPATH_NOISE_KEY] = {9}, another[DATAPATH_NOISE_KEY] = {8};
    const struct datapath_view b = kit_view(&k, 0, 1);

    CHECK(datapath_names_set(&names, other, "b") == ERR_EXISTS, "another has it");
    CHECK(datapath_names_set(&names, other, "a") == ERR_EXISTS, "we have it");
    CHECK(datapath_names_set(&names, other, "B") == ERR_INVALID, "it is none");
    CHECK(datapath_names_set(&names, b.config.public, "b") == ERR_OK && names.count == 2, "he has it already");
    CHECK(datapath_names_set(&names, other, "d") == ERR_OK, "the last that there is room for");
    CHECK(datapath_names_set(&names, another, "e") == ERR_LIMIT, "one more");
    CHECK(strcmp(datapath_names_of(&names, other), "d") == 0 && datapath_names_of(&names, another)[0] == '\0', "whose they are");
}

static void names_stand_for_addresses(void)
{
    static const char *const good[] = {"b", "B", "b.cell.internal", "B.Cell.Internal"}, *const unknown[] = {"x", "X.cell.internal", "b.other", "10.9.0.300"},
                      *const bad[] = {"", ".", "b.", "cell.internal", "x_y", "b.cell.internal.", "10.9.0.0/24", "fd09::g"};
    struct datapath_prefix at;

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        CHECK(datapath_names_place(&names, good[i], &at) == ERR_OK && at.size == 4 && at.bits == 32 && memcmp(at.ip, "\x0a\x00\x00\x02", 4) == 0, "%s", good[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
        CHECK(datapath_names_place(&names, unknown[i], &at) == ERR_NOT_FOUND, "%s", unknown[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        CHECK(datapath_names_place(&names, bad[i], &at) == ERR_INVALID, "%s", bad[i]);
    }
}

enum { ANY = 255, SOA = 6 };

static const struct {
    const char *name;
    unsigned type;
    enum dns_code code;
    unsigned answers, authority;
    const char *data; /* of the first answer, with its size before it */
} rows[] = {
    {"b.cell.internal", DNS_A, DNS_NOERROR, 1, 0, "\x04\x0a\x00\x00\x02"},
    {"B.Cell.INTERNAL", DNS_A, DNS_NOERROR, 1, 0, "\x04\x0a\x00\x00\x02"},
    {"b.cell.internal", DNS_AAAA, DNS_NOERROR, 1, 0, "\x10\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02"},
    {"b.cell.internal", ANY, DNS_NOERROR, 2, 0, NULL},
    {"b.cell.internal", DNS_SRV, DNS_NOERROR, 0, 1, NULL},
    {"c.cell.internal", DNS_A, DNS_NOERROR, 1, 0, "\x04\x0a\x00\x00\x03"}, /* its network is not where it is */
    {"a.cell.internal", DNS_A, DNS_NOERROR, 1, 0, "\x04\x0a\x00\x00\x01"},
    {"a.cell.internal", DNS_AAAA, DNS_NOERROR, 1, 0, "\x10\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"},
    {"cell.internal", DNS_A, DNS_NOERROR, 0, 1, NULL},
    {"nobody.cell.internal", DNS_A, DNS_NXDOMAIN, 0, 1, NULL},
    {"x.b.cell.internal", DNS_A, DNS_NXDOMAIN, 0, 1, NULL},
    {"bcell.internal", DNS_A, DNS_REFUSED, 0, 0, NULL},
    {"b.cell", DNS_A, DNS_REFUSED, 0, 0, NULL},
    {"internal", DNS_A, DNS_REFUSED, 0, 0, NULL},
    {"2.0.0.10.in-addr.arpa", DNS_PTR, DNS_NOERROR, 1, 0, "\x11\x01" "b\x04" "cell\x08" "internal"},
    {"1.0.0.10.in-addr.arpa", DNS_PTR, DNS_NOERROR, 1, 0, "\x11\x01" "a\x04" "cell\x08" "internal"},
    {"2.0.0.10.in-addr.arpa", DNS_A, DNS_NOERROR, 0, 1, NULL},
    {"1.0.5.10.in-addr.arpa", DNS_PTR, DNS_NXDOMAIN, 0, 1, NULL}, /* somebody behind c */
    {"9.0.0.10.in-addr.arpa", DNS_PTR, DNS_REFUSED, 0, 0, NULL},
    {"02.0.0.10.in-addr.arpa", DNS_PTR, DNS_REFUSED, 0, 0, NULL},
    {"258.0.0.10.in-addr.arpa", DNS_PTR, DNS_REFUSED, 0, 0, NULL},
    {"2.0.0.10.9.in-addr.arpa", DNS_PTR, DNS_REFUSED, 0, 0, NULL},
    {"0.0.10.in-addr.arpa", DNS_PTR, DNS_REFUSED, 0, 0, NULL},
    {"b.0.0.10.in-addr.arpa", DNS_PTR, DNS_REFUSED, 0, 0, NULL},
    {"in-addr.arpa", DNS_PTR, DNS_REFUSED, 0, 0, NULL},
    {"2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa", DNS_PTR, DNS_NOERROR, 1, 0, "\x11\x01" "b\x04" "cell\x08" "internal"},
    {"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa", DNS_PTR, DNS_NOERROR, 1, 0, "\x11\x01" "a\x04" "cell\x08" "internal"},
    {"2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.g.ip6.arpa", DNS_PTR, DNS_REFUSED, 0, 0, NULL},
};

static void what_is_asked_is_answered(void)
{
    uint8_t question[DNS_QUESTION_MAX], out[DNS_SERVE_MOST];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t size;
        REQUIRE(dns_wire_ask(1, rows[i].name, rows[i].type, question, &size) == ERR_OK, "%s", rows[i].name);
        size_t said = datapath_names_answer(&names, question, size, out);
        CHECK(said > size - 1 && (out[3] & 15) == rows[i].code && out[7] == rows[i].answers && out[9] == rows[i].authority,
              "%s, %u: code %u, %u answers", rows[i].name, rows[i].type, out[3] & 15, out[7]);
        CHECK(((out[2] & DNS_FLAG_AUTHORITY) != 0) == (rows[i].code != DNS_REFUSED), "%s: by whose authority", rows[i].name);
        CHECK(rows[i].data == NULL || memcmp(out + size + 11, rows[i].data, (size_t)rows[i].data[0] + 1) == 0, "%s: its data", rows[i].name);
        question[size - 1] = 3; /* another class */
        (void)datapath_names_answer(&names, question, size, out);
        CHECK((out[3] & 15) == DNS_REFUSED, "%s of chaos", rows[i].name);
    }
    CHECK(datapath_names_answer(&names, (const uint8_t *)"abc", 3, out) == 0, "no question");
    CHECK(datapath_names_answer(&names, (const uint8_t *)"\x12\x34\x28\0\0\0\0\0\0\0\0\0", 12, out) == 12 && out[3] == DNS_NOTIMP, "no such opcode");
}

/* A name is where its key is, and whatever a peer loses its name loses. */
static void names_follow_their_peers(void)
{
    uint8_t question[DNS_QUESTION_MAX], out[DNS_SERVE_MOST];
    const struct datapath_prefix his = {.ip = {10, 0, 0, 2}, .size = 4, .bits = 32};
    size_t size;

    REQUIRE(dns_wire_ask(1, "b.cell.internal", DNS_A, question, &size) == ERR_OK, "a question");
    REQUIRE(datapath_core_allow(k.node[0].core, k.node[0].peer[2], &his) == ERR_OK, "c has it now");
    (void)datapath_names_answer(&names, question, size, out);
    CHECK(out[3] == DNS_NOERROR && out[7] == 0, "b has none left");
    datapath_core_remove(k.node[0].core, k.node[0].peer[1]);
    (void)datapath_names_answer(&names, question, size, out);
    CHECK(out[3] == DNS_NOERROR && out[7] == 0, "and is gone");
    REQUIRE(dns_wire_ask(1, "2.0.0.10.in-addr.arpa", DNS_PTR, question, &size) == ERR_OK, "backwards");
    (void)datapath_names_answer(&names, question, size, out);
    CHECK(out[7] == 1 && out[size + 13] == 'c', "c is there");
}

int main(void)
{
    begin();
    names_are_labels_of_hosts();
    what_is_asked_is_answered();
    names_stand_for_addresses();
    a_name_is_one_keys();
    names_follow_their_peers();
    kit_end(&k);
    return CHECK_RESULT();
}
