/* Frames of the underlay: as another program writes them (vectors, made by a few lines of Python), there and back, and
 * with one thing wrong at a time. */
#include "datapath/underlay.h"

#include <string.h>

#include "common/base/macros.h"
#include "datapath/heads.h"
#include "tests/support/check.h"

enum {
    V4_IP = 14,   /* of frame_v4                   */
    V4_UDP = 34,
    V6_IP = 18,   /* of frame_v6, which has a tag  */
    V6_UDP = 58,
    PORT = 51820,
    LARGE = 1452,
};

static const uint8_t frame_v4[] = {
    0x02, 0x00, 0x00, 0x00, 0x00, 0x02, 0x02, 0x00, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x45, 0x00,
    0x00, 0x23, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0xa7, 0x76, 0xc0, 0xa8, 0x09, 0x01, 0xc0, 0xa8,
    0x09, 0x02, 0xca, 0x6c, 0xca, 0x6d, 0x00, 0x0f, 0x1d, 0x57, 0x6f, 0x76, 0x65, 0x72, 0x6c, 0x61,
    0x79,
};
static const uint8_t frame_v6[] = {
    0x02, 0x00, 0x00, 0x00, 0x00, 0x02, 0x02, 0x00, 0x00, 0x00, 0x00, 0x01, 0x81, 0x00, 0x00, 0x0a,
    0x86, 0xdd, 0x60, 0x00, 0x00, 0x00, 0x00, 0x0f, 0x11, 0x40, 0xfd, 0x09, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0xfd, 0x09, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0xca, 0x6c, 0xca, 0x6d, 0x00, 0x0f,
    0xb6, 0x94, 0x6f, 0x76, 0x65, 0x72, 0x6c, 0x61, 0x79,
};
static const char payload[] = "overlay";

static enum datapath_underlay_result result_of(const uint8_t *frame, size_t size)
{
    struct datapath_underlay d;

    return datapath_underlay_read(frame, size, &d);
}

static void others_frames_are_read(void)
{
    struct datapath_underlay d;

    REQUIRE(datapath_underlay_read(frame_v4, sizeof frame_v4, &d) == DATAPATH_UNDERLAY_TAKEN, "IPv4");
    CHECK(d.size == strlen(payload) && memcmp(frame_v4 + d.at, payload, d.size) == 0, "its datagram");
    CHECK(d.from.port == PORT && d.to.port == PORT + 1 && d.from.ip[15] == 1 && d.to.ip[15] == 2 && d.to.ip[10] == 0xff, "from and to");
    CHECK(d.link.tags == 0 && d.link.from[5] == 1 && d.link.to[5] == 2, "the link");
    REQUIRE(datapath_underlay_read(frame_v6, sizeof frame_v6, &d) == DATAPATH_UNDERLAY_TAKEN, "IPv6 in a VLAN");
    CHECK(d.size == strlen(payload) && memcmp(frame_v6 + d.at, payload, d.size) == 0, "its datagram");
    CHECK(d.link.tags == 1 && d.link.tag[0].kind == 0x8100 && d.link.tag[0].value == 10, "the VLAN");
    CHECK(d.from.ip[0] == 0xfd && d.from.ip[15] == 1 && d.to.ip[15] == 2, "from and to");
}

/* The same bytes as the other program's. */
static void frames_are_written_as_others_write_them(void)
{
    struct datapath_underlay d;
    uint8_t room[DATAPATH_UNDERLAY_HEAD_MAX + sizeof payload];
    uint8_t *at = room + DATAPATH_UNDERLAY_HEAD_MAX;
    const struct {
        const uint8_t *frame;
        size_t size;
    } each[] = {{frame_v4, sizeof frame_v4}, {frame_v6, sizeof frame_v6}};

    for (size_t i = 0; i < ARRAY_LEN(each); i++) {
        REQUIRE(datapath_underlay_read(each[i].frame, each[i].size, &d) == DATAPATH_UNDERLAY_TAKEN, "it is read");
        memcpy(at, payload, strlen(payload));
        size_t head = datapath_underlay_write(&d.link, &d.from, &d.to, 7, true, at, strlen(payload));
        CHECK(head == d.at && memcmp(at - head, each[i].frame, each[i].size) == 0, "frame %zu, byte for byte", i);
    }
    memset(d.from.ip + 10, 0xff, 2);
    memset(d.from.ip, 0, 10);
    CHECK(datapath_underlay_write(&d.link, &d.from, &d.to, 7, true, at, 1) == 0, "from one family to the other there is no way");
}

static void all_sizes_go_there_and_back(void)
{
    static uint8_t room[DATAPATH_UNDERLAY_HEAD_MAX + LARGE];
    uint8_t *at = room + DATAPATH_UNDERLAY_HEAD_MAX;
    struct datapath_underlay first, d;

    for (int is_v6 = 0; is_v6 < 2; is_v6++) {
        REQUIRE(datapath_underlay_read(is_v6 ? frame_v6 : frame_v4, is_v6 ? sizeof frame_v6 : sizeof frame_v4, &first) ==
                DATAPATH_UNDERLAY_TAKEN, "a link and two ends");
        for (uint32_t tags = 0; tags <= DATAPATH_UNDERLAY_TAGS; tags++) {
            memset(first.link.tag, 0, sizeof first.link.tag);
            first.link.tags = tags;
            for (uint32_t i = 0; i < tags; i++) {
                first.link.tag[i].kind = i == 0 ? 0x88a8 : 0x8100;
                first.link.tag[i].value = (uint16_t)(0x2000 + i);
            }
            for (size_t size = 0; size <= LARGE; size++) {
                memset(at, (int)(size * 7 + 1), size);
                size_t head = datapath_underlay_write(&first.link, &first.from, &first.to, (uint16_t)size, size % 2 == 0, at, size);
                REQUIRE(head > 0 && head <= DATAPATH_UNDERLAY_HEAD_MAX, "heads in their room");
                REQUIRE(datapath_underlay_read(at - head, head + size, &d) == DATAPATH_UNDERLAY_TAKEN, "%zu bytes are read", size);
                CHECK(d.at == head && d.size == size && d.from.port == first.from.port && d.to.port == first.to.port &&
                      memcmp(d.to.ip, first.to.ip, 16) == 0 && memcmp(&d.link, &first.link, sizeof d.link) == 0, "and are the same");
            }
        }
    }
}

/* One of these has a sum of which nothing is left: zero on the wire would say that there is none. */
static void there_is_always_a_checksum(void)
{
    uint8_t room[DATAPATH_UNDERLAY_HEAD_MAX + 2], *at = room + DATAPATH_UNDERLAY_HEAD_MAX;
    struct datapath_underlay d;

    REQUIRE(datapath_underlay_read(frame_v6, sizeof frame_v6, &d) == DATAPATH_UNDERLAY_TAKEN, "a link and two ends");
    for (uint32_t value = 0; value <= UINT16_MAX; value++) {
        datapath_heads_put16(at, (uint16_t)value);
        size_t head = datapath_underlay_write(&d.link, &d.from, &d.to, 0, true, at, 2);
        CHECK(result_of(at - head, head + 2) == DATAPATH_UNDERLAY_TAKEN, "%u", value);
    }
}

static void what_is_cut_is_malformed(void)
{
    for (size_t size = 0; size < sizeof frame_v4; size++) {
        CHECK(result_of(frame_v4, size) == DATAPATH_UNDERLAY_MALFORMED, "IPv4, %zu bytes", size);
    }
    for (size_t size = 0; size < sizeof frame_v6; size++) {
        CHECK(result_of(frame_v6, size) == DATAPATH_UNDERLAY_MALFORMED, "IPv6, %zu bytes", size);
    }
    uint8_t padded[sizeof frame_v4 + 20] = {0};
    memcpy(padded, frame_v4, sizeof frame_v4);
    CHECK(result_of(padded, sizeof padded) == DATAPATH_UNDERLAY_TAKEN, "a short frame is filled up on the wire");
    datapath_heads_put16(padded + V4_IP + DATAPATH_HEADS_V4_LENGTH, sizeof padded - V4_IP);
    uint32_t sum = datapath_heads_get16(frame_v4 + V4_IP + DATAPATH_HEADS_V4_SUM) - 20u; /* 20 bytes longer */
    datapath_heads_put16(padded + V4_IP + DATAPATH_HEADS_V4_SUM, (uint16_t)sum);
    CHECK(result_of(padded, sizeof padded) == DATAPATH_UNDERLAY_TAKEN, "or within the packet, as other stacks allow");
}

/* Every bit from the IP head on. IPv6 has no checksum of its head: class, label and hops are nobody's. */
static void one_wrong_bit_is_no_datagram(void)
{
    uint8_t copy[sizeof frame_v6 > sizeof frame_v4 ? sizeof frame_v6 : sizeof frame_v4];

    for (size_t bit = 8 * V4_IP; bit < 8 * sizeof frame_v4; bit++) {
        memcpy(copy, frame_v4, sizeof frame_v4);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK(result_of(copy, sizeof frame_v4) != DATAPATH_UNDERLAY_TAKEN, "IPv4, bit %zu", bit);
    }
    for (size_t bit = 8 * V6_IP; bit < 8 * sizeof frame_v6; bit++) {
        size_t at = bit / 8 - V6_IP;
        bool is_nobodys = (at == 0 && bit % 8 < 4) || (at > 0 && at < DATAPATH_HEADS_V6_LENGTH) || at == DATAPATH_HEADS_V6_NEXT + 1;
        memcpy(copy, frame_v6, sizeof frame_v6);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK((result_of(copy, sizeof frame_v6) == DATAPATH_UNDERLAY_TAKEN) == is_nobodys, "IPv6, bit %zu", bit);
    }
}

/* Put `value` there, and make the IP head's checksum right again. */
static enum datapath_underlay_result v4_with(size_t at, uint16_t value)
{
    uint8_t copy[sizeof frame_v4];
    uint32_t sum = 0;

    memcpy(copy, frame_v4, sizeof copy);
    datapath_heads_put16(copy + at, value);
    datapath_heads_put16(copy + V4_IP + DATAPATH_HEADS_V4_SUM, 0);
    for (size_t i = V4_IP; i < V4_UDP; i += 2) {
        sum += datapath_heads_get16(copy + i);
    }
    datapath_heads_put16(copy + V4_IP + DATAPATH_HEADS_V4_SUM, (uint16_t)~((sum & 0xffff) + (sum >> 16)));
    return result_of(copy, sizeof copy);
}

static void what_is_not_for_us_to_read_is_left(void)
{
    uint8_t copy[sizeof frame_v6];

    CHECK(v4_with(V4_IP + DATAPATH_HEADS_V4_FRAGMENT, 0x4000) == DATAPATH_UNDERLAY_TAKEN, "unchanged");
    CHECK(v4_with(V4_IP + DATAPATH_HEADS_V4_FRAGMENT, 0x2000) == DATAPATH_UNDERLAY_FRAGMENT, "the first of several");
    CHECK(v4_with(V4_IP + DATAPATH_HEADS_V4_FRAGMENT, 1) == DATAPATH_UNDERLAY_FRAGMENT, "the last of several");
    CHECK(v4_with(V4_IP + DATAPATH_HEADS_V4_TTL, 64 << 8 | 6) == DATAPATH_UNDERLAY_FOREIGN, "TCP");
    CHECK(v4_with(V4_IP + DATAPATH_HEADS_V4_LENGTH, sizeof frame_v4 - V4_IP + 1) == DATAPATH_UNDERLAY_MALFORMED, "longer than it is");
    memcpy(copy, frame_v6, sizeof copy);
    copy[V6_IP + DATAPATH_HEADS_V6_NEXT] = 44;
    CHECK(result_of(copy, sizeof copy) == DATAPATH_UNDERLAY_FOREIGN, "a fragment of IPv6, or another head");
    memcpy(copy, frame_v6, sizeof copy);
    datapath_heads_put16(copy + 16, 0x0806);
    CHECK(result_of(copy, sizeof copy) == DATAPATH_UNDERLAY_FOREIGN, "a question of ARP");
}

static void checksums_may_be_left_to_hardware_or_out(void)
{
    uint8_t copy[sizeof frame_v6];
    uint32_t sum = 0;

    CHECK(v4_with(V4_UDP + DATAPATH_HEADS_UDP_SUM, 0) == DATAPATH_UNDERLAY_TAKEN, "IPv4 may have none");
    memcpy(copy, frame_v6, sizeof copy);
    datapath_heads_put16(copy + V6_UDP + DATAPATH_HEADS_UDP_SUM, 0);
    CHECK(result_of(copy, sizeof copy) == DATAPATH_UNDERLAY_CHECKSUM, "IPv6 may not");
    for (size_t i = V4_IP + DATAPATH_HEADS_V4_ADDRESSES; i < V4_UDP; i += 2) {
        sum += datapath_heads_get16(frame_v4 + i);
    }
    sum += DATAPATH_HEADS_IS_UDP + (uint32_t)(sizeof frame_v4 - V4_UDP);
    sum = (sum & 0xffff) + (sum >> 16);
    CHECK(v4_with(V4_UDP + DATAPATH_HEADS_UDP_SUM, (uint16_t)sum) == DATAPATH_UNDERLAY_TAKEN, "that of the addresses alone, of a sender on this host");
    CHECK(v4_with(V4_UDP + DATAPATH_HEADS_UDP_SUM, (uint16_t)(sum + 1)) == DATAPATH_UNDERLAY_CHECKSUM, "any other is wrong");
}

int main(void)
{
    others_frames_are_read();
    frames_are_written_as_others_write_them();
    all_sizes_go_there_and_back();
    there_is_always_a_checksum();
    what_is_cut_is_malformed();
    one_wrong_bit_is_no_datagram();
    what_is_not_for_us_to_read_is_left();
    checksums_may_be_left_to_hardware_or_out();
    return CHECK_RESULT();
}
