/* Complaints about packets that are too large: who gets one, and that a kernel would take it. */
#include "datapath/toolarge.h"

#include <stdbool.h>
#include <string.h>

#include "datapath/checksum.h"
#include "datapath/heads.h"
#include "tests/support/check.h"

enum { SIZE = 1400, MOST = 1300, HEAD = 8 };

struct row {
    bool is_v6;
    uint8_t protocol, type;  /* type: the first byte behind the head */
    uint16_t fragment;
    uint32_t most;
    bool gets;
    const char *why;
};

static const struct row rows[] = {
    {false, 17, 0, 0x4000, MOST, true, "UDP that may not be cut"},
    {false, 6, 0, 0x4000, 600, true, "TCP, of any size"},
    {false, 17, 0, 0, MOST, false, "what may be cut is cut outside"},
    {false, 17, 0, 0x4001, MOST, false, "a later fragment"},
    {false, 1, 8, 0x4000, MOST, true, "an echo is no complaint"},
    {false, 1, 0, 0x4000, MOST, true, "nor is its answer"},
    {false, 1, 3, 0x4000, MOST, false, "a complaint gets none"},
    {true, 17, 0, 0, MOST, true, "IPv6"},
    {true, 17, 0, 0, DATAPATH_TOOLARGE_V6_LEAST, true, "as small as IPv6 has to be everywhere"},
    {true, 17, 0, 0, DATAPATH_TOOLARGE_V6_LEAST - 1, false, "less than that no sender believes"},
    {true, 58, 128, 0, MOST, true, "an echo"},
    {true, 58, 2, 0, MOST, false, "a complaint"},
};

static void make(const struct row *r, uint8_t packet[SIZE])
{
    memset(packet, 0xa5, SIZE);
    memset(packet, 0, DATAPATH_HEADS_V6);
    packet[0] = r->is_v6 ? 0x60 : 0x45;
    if (r->is_v6) {
        datapath_heads_put16(packet + DATAPATH_HEADS_V6_LENGTH, SIZE - DATAPATH_HEADS_V6);
        packet[DATAPATH_HEADS_V6_NEXT] = r->protocol;
        packet[DATAPATH_HEADS_V6_ADDRESSES] = 1;
        packet[DATAPATH_HEADS_V6_ADDRESSES + 16] = 2;
        packet[DATAPATH_HEADS_V6] = r->type;
    } else {
        datapath_heads_put16(packet + DATAPATH_HEADS_V4_LENGTH, SIZE);
        datapath_heads_put16(packet + DATAPATH_HEADS_V4_FRAGMENT, r->fragment);
        packet[DATAPATH_HEADS_V4_PROTOCOL] = r->protocol;
        packet[DATAPATH_HEADS_V4_ADDRESSES] = 1;
        packet[DATAPATH_HEADS_V4_ADDRESSES + 4] = 2;
        packet[DATAPATH_HEADS_V4] = r->type;
    }
}

static void look_at(const struct row *r, const uint8_t *packet, const uint8_t *out, size_t size)
{
    size_t head = r->is_v6 ? DATAPATH_HEADS_V6 : DATAPATH_HEADS_V4, address = r->is_v6 ? 16 : 4;
    size_t at = r->is_v6 ? DATAPATH_HEADS_V6_ADDRESSES : DATAPATH_HEADS_V4_ADDRESSES;
    const uint8_t *icmp = out + head;
    uint64_t sum = r->is_v6 ? datapath_checksum_pseudo(out + at, address, DATAPATH_HEADS_IS_ICMP6, (uint32_t)(size - head)) : 0;

    CHECK(size <= (r->is_v6 ? DATAPATH_TOOLARGE_MOST : DATAPATH_TOOLARGE_V4), "%s: no larger than anything carries", r->why);
    CHECK(memcmp(out + at, packet + at + address, address) == 0 && memcmp(out + at + address, packet + at, address) == 0,
          "%s: to who sent it", r->why);
    CHECK(datapath_checksum_end(datapath_checksum_add(sum, icmp, size - head)) == 0, "%s: its sum", r->why);
    CHECK(r->is_v6 || datapath_checksum_end(datapath_checksum_add(0, out, head)) == 0, "%s: its head's sum", r->why);
    CHECK(r->is_v6 ? icmp[0] == 2 && datapath_heads_get32(icmp + 4) == r->most
                   : icmp[0] == 3 && icmp[1] == 4 && datapath_heads_get16(icmp + 6) == r->most, "%s: says how large one may be", r->why);
    CHECK(memcmp(icmp + HEAD, packet, size - head - HEAD) == 0, "%s: says of which", r->why);
}

/* What is for nobody is answered so that a kernel takes it, whatever its size and whether it may be cut; nothing that is for many is. */
static void who_reaches_nobody_is_told(void)
{
    uint8_t packet[SIZE], out[DATAPATH_TOOLARGE_MOST];
    static const struct {
        struct row r;
        uint8_t to, from; /* first bytes of the addresses */
    } all[] = {
        {{false, 17, 0, 0, 0, true, "UDP that may be cut"}, 10, 10},
        {{false, 6, 0, 0x4000, 0, true, "TCP that may not"}, 10, 10},
        {{false, 17, 0, 0x2000, 0, true, "a first fragment"}, 10, 10},
        {{false, 17, 0, 0x2001, 0, false, "a later one"}, 10, 10},
        {{false, 1, 8, 0, 0, true, "an echo"}, 10, 10},
        {{false, 1, 3, 0, 0, false, "a complaint"}, 10, 10},
        {{false, 17, 0, 0, 0, false, "for many"}, 224, 10},
        {{false, 17, 0, 0, 0, false, "for everybody"}, 255, 10},
        {{false, 17, 0, 0, 0, false, "from nobody"}, 10, 0},
        {{true, 17, 0, 0, 0, true, "IPv6"}, 0xfd, 0xfd},
        {{true, 58, 128, 0, 0, true, "an echo of it"}, 0xfd, 0xfd},
        {{true, 58, 1, 0, 0, false, "a complaint of it"}, 0xfd, 0xfd},
        {{true, 17, 0, 0, 0, false, "for many"}, 0xff, 0xfd},
        {{true, 17, 0, 0, 0, false, "from nobody"}, 0xfd, 0},
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        const struct row *r = &all[i].r;
        size_t address = r->is_v6 ? 16 : 4, head = r->is_v6 ? DATAPATH_HEADS_V6 : DATAPATH_HEADS_V4;
        make(r, packet);
        uint8_t *at = packet + (r->is_v6 ? DATAPATH_HEADS_V6_ADDRESSES : DATAPATH_HEADS_V4_ADDRESSES);
        at[0] = all[i].from;
        at[address] = all[i].to;
        size_t size = datapath_toolarge_unreached(packet, SIZE, out);
        CHECK((size > 0) == r->gets, "row %zu: %s", i, r->why);
        if (size > 0) {
            uint64_t sum = r->is_v6 ? datapath_checksum_pseudo(out + DATAPATH_HEADS_V6_ADDRESSES, 16, DATAPATH_HEADS_IS_ICMP6, (uint32_t)(size - head)) : 0;
            CHECK(out[head] == (r->is_v6 ? 1 : 3) && out[head + 1] == (r->is_v6 ? 3 : 1), "row %zu: what it says", i);
            CHECK(datapath_checksum_end(datapath_checksum_add(sum, out + head, size - head)) == 0, "row %zu: its sum", i);
            CHECK(memcmp(out + (r->is_v6 ? DATAPATH_HEADS_V6_ADDRESSES : DATAPATH_HEADS_V4_ADDRESSES) + address, at, address) == 0, "row %zu: to who sent it", i);
        }
    }
}

int main(void)
{
    uint8_t packet[SIZE], out[DATAPATH_TOOLARGE_MOST];

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        make(&rows[i], packet);
        size_t size = datapath_toolarge_write(packet, SIZE, rows[i].most, out);
        CHECK((size > 0) == rows[i].gets, "row %zu: %s", i, rows[i].why);
        if (size > 0) {
            look_at(&rows[i], packet, out, size);
        }
    }
    who_reaches_nobody_is_told();
    make(&rows[0], packet);
    CHECK(datapath_toolarge_write(packet, 19, MOST, out) == 0, "no packet");
    datapath_heads_put16(packet + DATAPATH_HEADS_V4_LENGTH, 40);
    CHECK(datapath_toolarge_write(packet, 40, MOST, out) == DATAPATH_HEADS_V4 + HEAD + 40u, "a short one is quoted whole");
    return CHECK_RESULT();
}
