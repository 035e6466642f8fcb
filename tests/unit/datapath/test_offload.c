/* Large packets of the kernel become what a sender without offloads would have sent; and checksums, against one that adds
 * two bytes at a time. */
#include "datapath/offload.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/macros.h"
#include "datapath/checksum.h"
#include "tests/support/check.h"
#include "tests/unit/datapath/packet_kit.h"

static uint8_t packet[KIT_PACKET_MAX + 1], out[KIT_PACKET_MAX], expected[KIT_PACKET_MAX];

static void sums_are_right(void)
{
    static const uint8_t example[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}; /* RFC 1071, section 3 */
    uint8_t bytes[300], sum[2];
    uint16_t word = datapath_checksum_fold(datapath_checksum_add(0, example, sizeof example));

    memcpy(sum, &word, sizeof word);
    CHECK(sum[0] == 0xdd && sum[1] == 0xf2, "%02x%02x", sum[0], sum[1]);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 151 ^ 0xff * (i % 3 == 0));
    }
    for (size_t begin = 0; begin < 8; begin++) {
        for (size_t size = 0; begin + size <= sizeof bytes; size++) {
            uint32_t plain = 0;
            for (size_t i = 0; i < size; i++) {
                plain += i % 2 == 0 ? (uint32_t)bytes[begin + i] << 8 : bytes[begin + i];
            }
            plain = (plain & 0xffff) + (plain >> 16);
            plain = (plain & 0xffff) + (plain >> 16);
            word = datapath_checksum_fold(datapath_checksum_add(0, bytes + begin, size));
            memcpy(sum, &word, sizeof word);
            CHECK((uint32_t)(sum[0] << 8 | sum[1]) == plain, "%zu bytes from %zu: %02x%02x, not %04" PRIx32, size, begin, sum[0],
                  sum[1], plain);
        }
    }
    memset(packet, 0xff, sizeof packet);
    CHECK(datapath_checksum_fold(datapath_checksum_add(UINT64_C(0xffffffffffff), packet, KIT_PACKET_MAX - 1)) == 0xffff,
          "the largest sum there is");
}

/* ---- segments ------------------------------------------------------------------------------------------- */

static const struct {
    struct kit_packet made;
    uint16_t each;
    uint32_t count;
    const char *why;
} rows[] = {
    {{.payload = 3000, .sequence = 0xfffffc00, .id = 0xffff, .flags = 0x09}, 1000, 3, "whole segments; numbers that wrap"},
    {{.payload = 3001, .sequence = 5, .id = 7}, 1000, 4, "a last one of a byte"},
    {{.payload = 999, .sequence = 5}, 1000, 1, "one segment"},
    {{.payload = 2000, .options = 12, .flags = 0x88}, 1368, 2, "with options; ECN is said once"},
    {{.payload = 65535 - 40, .sequence = 1}, 1460, 45, "as long as can be"},
    {{.payload = 48 * 1000, .options = 40}, 48, 1000, "the least that TCP sends"},
    {{.payload = 5000, .is_v6 = true, .flags = 0x01}, 1440, 4, "IPv6"},
    {{.payload = 5000, .is_v6 = true, .options = 12}, 1428, 4, "with options"},
    {{.payload = 6400, .is_udp = true, .id = 3}, 64, 100, "UDP"},
    {{.payload = 6401, .is_udp = true, .is_v6 = true}, 1200, 6, "over IPv6"},
};

static struct datapath_offload offload_of(const struct kit_packet *p, uint16_t each)
{
    return (struct datapath_offload){
        .flags = DATAPATH_OFFLOAD_PARTIAL,
        .kind = p->is_udp ? DATAPATH_OFFLOAD_UDP : p->is_v6 ? DATAPATH_OFFLOAD_TCP6 : DATAPATH_OFFLOAD_TCP4,
        .segment_size = each,
        .sum_start = p->is_v6 ? 40 : 20,
        .sum_offset = p->is_udp ? 6 : 16,
    };
}

/* What a sender would have made of segment `index`. */
static struct kit_packet part_of(const struct kit_packet *all, uint16_t each, uint32_t index, uint32_t count)
{
    struct kit_packet p = *all;

    p.from = (size_t)index * each;
    p.payload = all->payload - p.from < each ? all->payload - p.from : each;
    p.sequence += (uint32_t)p.from;
    p.id = (uint16_t)(p.id + index);
    p.flags &= (uint8_t)~((index + 1 < count ? 0x09 : 0) | (index > 0 ? 0x80 : 0));
    return p;
}

static void segments_are_what_a_sender_makes(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct kit_packet *made = &rows[i].made;
        struct datapath_offload o = offload_of(made, rows[i].each);
        struct datapath_segments s;
        size_t size = kit_packet_write(made, packet);

        kit_packet_leave(packet, size, o.sum_start, made->is_udp);
        REQUIRE(datapath_offload_open(&o, packet, size, &s), "row %zu: %s", i, rows[i].why);
        CHECK(s.count == rows[i].count, "row %zu: %s: %" PRIu32 " segments", i, rows[i].why, s.count);
        for (uint32_t k = 0; k < s.count; k++) {
            struct kit_packet one = part_of(made, rows[i].each, k, s.count);
            size_t should = kit_packet_write(&one, expected), is = datapath_offload_segment(&s, k, out);
            CHECK(is == should && memcmp(out, expected, is) == 0, "row %zu: %s: segment %" PRIu32, i, rows[i].why, k);
            CHECK(kit_packet_judge(out, is, o.sum_start, made->is_udp) == 0, "row %zu: checksum of segment %" PRIu32, i, k);
            s.is_unfinished = true;
            kit_packet_leave(expected, should, o.sum_start, made->is_udp);
            is = datapath_offload_segment(&s, k, out);
            CHECK(is == should && memcmp(out, expected, is) == 0, "row %zu: %s: segment %" PRIu32 ", unfinished", i, rows[i].why, k);
            s.is_unfinished = false;
        }
        CHECK(s.is_plain, "row %zu: nothing stands between its heads", i);
    }
}

static void options_are_told(void)
{
    const struct kit_packet made = {.payload = 3000};
    struct datapath_offload o = offload_of(&made, 1000);
    struct datapath_segments s;
    size_t size = kit_packet_write(&made, packet);

    memmove(packet + 24, packet + 20, size - 20);
    memset(packet + 20, 1, 4);
    packet[0] = 0x46;
    o.sum_start = 24;
    REQUIRE(datapath_offload_open(&o, packet, size + 4, &s), "four options that do nothing");
    CHECK(!s.is_plain && s.count == 3, "who gets these would not find the transport's head");
}

static void checksums_are_finished(void)
{
    static const struct kit_packet made[] = {{.payload = 1}, {.payload = 0}, {.payload = 777, .is_v6 = true},
                                             {.payload = 333, .is_udp = true}, {.payload = 0, .is_udp = true, .is_v6 = true}};

    for (size_t i = 0; i < ARRAY_LEN(made); i++) {
        struct datapath_offload o = offload_of(&made[i], 0);
        size_t size = kit_packet_write(&made[i], expected);

        o.kind = DATAPATH_OFFLOAD_NONE;
        memcpy(packet, expected, size);
        kit_packet_leave(packet, size, o.sum_start, made[i].is_udp);
        CHECK(datapath_offload_finish(&o, packet, size) && memcmp(packet, expected, size) == 0, "packet %zu", i);
        o.flags = 0;
        packet[size - 1] ^= 1;
        memcpy(expected, packet, size);
        CHECK(datapath_offload_finish(&o, packet, size) && memcmp(packet, expected, size) == 0, "packet %zu is as it is", i);
    }
    /* A UDP checksum that comes to zero is sent as ones: for all payloads of two bytes one does. */
    struct kit_packet udp = {.is_udp = true, .payload = 2};
    bool has_been_ones = false;
    for (uint32_t value = 0; value < 0x10000; value++) {
        struct datapath_offload o = offload_of(&udp, 0);
        size_t size = kit_packet_write(&udp, packet);
        packet[28] = (uint8_t)(value >> 8);
        packet[29] = (uint8_t)value;
        kit_packet_leave(packet, size, 20, true);
        CHECK(datapath_offload_finish(&o, packet, size) && (packet[26] != 0 || packet[27] != 0), "never zero");
        has_been_ones = has_been_ones || (packet[26] == 0xff && packet[27] == 0xff);
    }
    CHECK(has_been_ones, "once it is");
}

/* One thing of a good packet and its head is changed: nothing of it may go out. */
static void what_cannot_be_is_refused(void)
{
    static const struct {
        size_t at;         /* in the packet; SIZE_MAX: in the head only */
        uint8_t value;
        struct datapath_offload o;
        size_t size;       /* 0: all of it */
        bool is_v6;
        const char *why;
    } bad[] = {
        {SIZE_MAX, 0, {.kind = 2, .segment_size = 100, .sum_start = 20}, 0, false, "no kind there is"},
        {SIZE_MAX, 0, {.kind = 3, .segment_size = 100, .sum_start = 20}, 0, false, "UDP's fragments, which nobody asked for"},
        {SIZE_MAX, 0, {.kind = 1, .segment_size = 0, .sum_start = 20}, 0, false, "segments of nothing"},
        {SIZE_MAX, 0, {.kind = 1, .segment_size = 1, .sum_start = 20}, 0, false, "too many segments"},
        {SIZE_MAX, 0, {.kind = 4, .segment_size = 100, .sum_start = 20}, 0, false, "IPv6, and it is not"},
        {SIZE_MAX, 0, {.kind = 1, .segment_size = 100, .sum_start = 40}, 0, true, "IPv4, and it is not"},
        {SIZE_MAX, 0, {.kind = 1, .segment_size = 100, .sum_start = 24}, 0, false, "a transport behind its place"},
        {SIZE_MAX, 0, {.kind = 1, .segment_size = 100, .sum_start = 65535}, 0, false, "… and far behind"},
        {SIZE_MAX, 0, {.kind = 4, .segment_size = 100, .sum_start = 39}, 0, true, "… and before it"},
        {SIZE_MAX, 0, {.kind = 1, .segment_size = 100, .sum_start = 20}, 39, false, "half a head"},
        {SIZE_MAX, 0, {.kind = 1, .segment_size = 100, .sum_start = 20}, 40, false, "no payload"},
        {SIZE_MAX, 0, {.kind = 1, .segment_size = 100, .sum_start = 20}, 1, false, "a byte"},
        {0, 0x44, {.kind = 1, .segment_size = 100, .sum_start = 16}, 0, false, "an IPv4 head of 16 bytes"},
        {0, 0x55, {.kind = 1, .segment_size = 100, .sum_start = 20}, 0, false, "version 5"},
        {32, 0x40, {.kind = 1, .segment_size = 100, .sum_start = 20}, 0, false, "a TCP head of 16 bytes"},
        {32, 0xf0, {.kind = 1, .segment_size = 100, .sum_start = 20}, 70, false, "a TCP head that is longer than the packet"},
    };
    struct datapath_segments s;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct kit_packet made = {.payload = 5000, .is_v6 = bad[i].is_v6};
        size_t size = kit_packet_write(&made, packet);
        if (bad[i].at != SIZE_MAX) {
            packet[bad[i].at] = bad[i].value;
        }
        CHECK(!datapath_offload_open(&bad[i].o, packet, bad[i].size == 0 ? size : bad[i].size, &s), "row %zu: %s", i, bad[i].why);
    }
    struct datapath_offload o = {.flags = DATAPATH_OFFLOAD_PARTIAL, .sum_start = 20, .sum_offset = 16};
    CHECK(datapath_offload_finish(&o, packet, 38) && !datapath_offload_finish(&o, packet, 37), "a checksum in the packet");
    o.sum_start = 65535;
    CHECK(!datapath_offload_finish(&o, packet, 5000), "… and one far outside");
    struct kit_packet many = {.payload = (size_t)DATAPATH_OFFLOAD_SEGMENTS_MAX * 10 + 1};
    size_t size = kit_packet_write(&many, packet);
    o = offload_of(&many, 10);
    CHECK(!datapath_offload_open(&o, packet, size, &s), "one segment more than there may be");
    CHECK(datapath_offload_open(&o, packet, size - 1, &s) && s.count == DATAPATH_OFFLOAD_SEGMENTS_MAX, "as many");
}

static void heads_are_written_as_read(void)
{
    const struct datapath_offload o = {1, 0x81, 2, 3, 4, 5};
    struct datapath_offload back;
    uint8_t bytes[DATAPATH_OFFLOAD_SIZE];

    datapath_offload_write(&o, bytes);
    datapath_offload_read(bytes, &back);
    CHECK(back.flags == o.flags && back.kind == o.kind && back.head_size == o.head_size && back.segment_size == o.segment_size &&
              back.sum_start == o.sum_start && back.sum_offset == o.sum_offset, "all of it");
}

int main(void)
{
    sums_are_right();
    segments_are_what_a_sender_makes();
    options_are_told();
    checksums_are_finished();
    what_cannot_be_is_refused();
    heads_are_written_as_read();
    return CHECK_RESULT();
}
