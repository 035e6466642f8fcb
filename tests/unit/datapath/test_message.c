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
    return CHECK_RESULT();
}
