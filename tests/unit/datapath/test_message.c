/* What bytes claim to be, and how long a packet is on the wire. */
#include "datapath/message.h"

#include "common/base/macros.h"
#include "tests/support/check.h"

static const struct {
    uint8_t head[4];
    size_t size;
    enum datapath_kind kind;
    const char *why;
} kinds[] = {
    {{1, 0, 0, 0}, 148, DATAPATH_KIND_INITIATION, "an initiation"},
    {{1, 0, 0, 0}, 147, DATAPATH_KIND_NONE, "one byte short"},
    {{1, 0, 0, 0}, 149, DATAPATH_KIND_NONE, "one byte long"},
    {{2, 0, 0, 0}, 92, DATAPATH_KIND_RESPONSE, "a response"},
    {{2, 0, 0, 0}, 91, DATAPATH_KIND_NONE, "short"},
    {{2, 0, 0, 0}, 148, DATAPATH_KIND_NONE, "of an initiation's length"},
    {{3, 0, 0, 0}, 64, DATAPATH_KIND_COOKIE, "a cookie"},
    {{3, 0, 0, 0}, 65, DATAPATH_KIND_NONE, "long"},
    {{4, 0, 0, 0}, 32, DATAPATH_KIND_DATA, "a keepalive"},
    {{4, 0, 0, 0}, 31, DATAPATH_KIND_NONE, "shorter than that"},
    {{4, 0, 0, 0}, 148, DATAPATH_KIND_DATA, "data of any length"},
    {{4, 0, 0, 1}, 148, DATAPATH_KIND_NONE, "the three bytes are zero"},
    {{4, 1, 0, 0}, 148, DATAPATH_KIND_NONE, "all of them"},
    {{0, 0, 0, 0}, 148, DATAPATH_KIND_NONE, "no type"},
    {{5, 0, 0, 0}, 148, DATAPATH_KIND_NONE, "nor this"},
    {{1, 0, 0, 0}, 0, DATAPATH_KIND_NONE, "an empty datagram"},
};

static const struct {
    size_t size, mtu, wire;
    const char *why;
} lengths[] = {
    {0, 1420, 32, "a keepalive"},
    {1, 1420, 48, "padded to 16"},
    {16, 1420, 48, "that is 16 already"},
    {17, 1420, 64, "one more"},
    {1408, 1420, 1440, "a multiple"},
    {1409, 1420, 1452, "not beyond the mtu"},
    {1420, 1420, 1452, "the whole mtu"},
    {1421, 1420, 1453, "longer than the mtu: as it is"},
};

static const struct {
    uint8_t ip[16];
    uint16_t port;
    bool by_neighbour, by_stranger; /* who shares the host, who does not */
    const char *why;
} places[] = {
    {{[10] = 0xff, 0xff, 192, 0, 2, 1}, 1, true, true, "anybody's"},
    {{[10] = 0xff, 0xff, 192, 0, 2, 1}, 0, false, false, "no port"},
    {{[10] = 0xff, 0xff, 0, 0, 0, 0}, 1, false, false, "nobody's"},
    {{[10] = 0xff, 0xff, 0, 255, 0, 1}, 1, false, false, "of this network"},
    {{[10] = 0xff, 0xff, 1, 0, 0, 1}, 1, true, true, "the next one"},
    {{[10] = 0xff, 0xff, 126, 0, 0, 1}, 1, true, true, "the last before loopback"},
    {{[10] = 0xff, 0xff, 127, 0, 0, 1}, 1, true, false, "loopback"},
    {{[10] = 0xff, 0xff, 127, 255, 0, 1}, 1, true, false, "all of it"},
    {{[10] = 0xff, 0xff, 128, 0, 0, 1}, 1, true, true, "and no more"},
    {{[10] = 0xff, 0xff, 223, 255, 255, 255}, 1, true, true, "the last of one"},
    {{[10] = 0xff, 0xff, 224, 0, 0, 1}, 1, false, false, "of many"},
    {{[10] = 0xff, 0xff, 255, 255, 255, 255}, 1, false, false, "of all"},
    {{0xfd, [15] = 1}, 1, true, true, "IPv6"},
    {{0xfe, 0x80, [15] = 1}, 1, false, false, "of a link: whose is not said"},
    {{0xfe, 0xbf, [15] = 1}, 1, false, false, "the last of these"},
    {{0xfe, 0xc0, [15] = 1}, 1, true, true, "and no more"},
    {{0xff, 2, [15] = 1}, 1, false, false, "of many"},
    {{[15] = 0}, 1, false, false, "nobody's"},
    {{[15] = 1}, 1, true, false, "loopback"},
    {{[15] = 2}, 1, true, true, "not loopback any more"},
};

static void places_are_where_somebody_can_be(void)
{
    struct datapath_endpoint neighbour = {.ip = {[15] = 1}, .port = 9}, stranger = {.ip = {0xfd}, .port = 9}, all[ARRAY_LEN(places)];
    uint32_t kept = 0, should_be = 0;

    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        struct datapath_endpoint at = {.port = places[i].port};
        memcpy(at.ip, places[i].ip, sizeof at.ip);
        all[i] = at;
        struct datapath_endpoint other = at;
        CHECK(datapath_message_keep_places(&at, 1, &neighbour) == places[i].by_neighbour, "of a neighbour, row %zu: %s", i, places[i].why);
        CHECK(datapath_message_keep_places(&other, 1, &stranger) == places[i].by_stranger, "of a stranger, row %zu: %s", i, places[i].why);
        should_be += places[i].by_stranger;
    }
    kept = datapath_message_keep_places(all, ARRAY_LEN(all), &stranger);
    CHECK(kept == should_be, "%u of all", kept);
    for (size_t i = 0, at = 0; i < ARRAY_LEN(places); i++) {
        if (places[i].by_stranger) {
            CHECK(memcmp(all[at++].ip, places[i].ip, sizeof all[0].ip) == 0, "in their order: row %zu", i);
        }
    }
    CHECK(datapath_message_keep_places(all, 0, &stranger) == 0, "of none");
}

int main(void)
{
    uint8_t bytes[160] = {0};

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        memcpy(bytes, kinds[i].head, 4);
        CHECK(datapath_message_kind(bytes, kinds[i].size) == kinds[i].kind, "row %zu: %s", i, kinds[i].why);
    }
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        CHECK(datapath_message_data_size(lengths[i].size, lengths[i].mtu) == lengths[i].wire, "%s", lengths[i].why);
    }
    datapath_message_begin(bytes, DATAPATH_KIND_COOKIE);
    CHECK(memcmp(bytes, (const uint8_t[]){3, 0, 0, 0}, 4) == 0, "the head");
    datapath_message_put64(bytes, UINT64_C(0x0102030405060708));
    CHECK(bytes[0] == 8 && bytes[7] == 1 && datapath_message_get64(bytes) == UINT64_C(0x0102030405060708), "64 bits");
    datapath_message_put32(bytes, 0x0a0b0c0d);
    CHECK(bytes[0] == 0x0d && datapath_message_get32(bytes) == 0x0a0b0c0d, "32 bits, the least first");
    places_are_where_somebody_can_be();
    return CHECK_RESULT();
}
