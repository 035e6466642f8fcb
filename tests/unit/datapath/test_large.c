/* Large frames become frames that fit, with all that a sender without offloads would have put into them; and frames that may be
 * looked at as packets are told from those that may not. */
#include "datapath/large.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/macros.h"
#include "datapath/coalesce.h"
#include "tests/support/check.h"
#include "tests/unit/datapath/packet_kit.h"

static uint8_t frame[DATAPATH_LARGE_FRAME_MAX], out[DATAPATH_LARGE_FRAME_MAX], expected[KIT_PACKET_MAX];

/* A link's head with so many tags. Returns its size. */
static size_t link_write(int tags, bool is_v6, uint8_t *at)
{
    size_t size = 14 + 4 * (size_t)tags;

    for (size_t i = 0; i < 12; i++) {
        at[i] = (uint8_t)(0x20 + i);
    }
    for (int i = 0; i < tags; i++) {
        memcpy(at + 12 + 4 * i, i + 1 < tags ? "\x88\xa8\x00\x05" : "\x81\x00\x00\x07", 4);
    }
    memcpy(at + size - 2, is_v6 ? "\x86\xdd" : "\x08\x00", 2);
    return size;
}

static const struct {
    struct kit_packet made;
    int tags;
    uint16_t each;
    size_t most;
    uint32_t count;
    uint16_t cut;   /* as which it is cut                */
    bool is_whole;
    const char *why;
} rows[] = {
    {{.payload = 5000, .id = 7}, 0, 1460, 1514, 4, 1460, true, "as the kernel meant it"},
    {{.payload = 5000, .id = 7, .flags = 0x88}, 0, 1460, 1390, 4, 1336, true, "cut anew, for it would not fit"},
    {{.payload = 65495 - 20, .id = 7, .options = 12}, 0, 1448, 1390, 50, 1324, true, "the longest, with options"},
    {{.payload = 5000, .is_v6 = true}, 1, 1440, 1390, 4, 1312, true, "IPv6, tagged"},
    {{.payload = 5000, .id = 9}, 2, 1460, 1390, 4, 1328, true, "two tags"},
    {{.payload = 5000, .id = 9, .may_be_cut = true}, 0, 1460, 1390, 4, 1460, false, "its ids are needed"},
    {{.payload = 5000, .id = 9, .is_udp = true}, 0, 1400, 1390, 4, 1400, false, "messages stay as they are"},
    {{.payload = 5000, .id = 9, .is_udp = true}, 0, 1200, 1390, 5, 1200, true, "short ones"},
    {{.payload = 5000, .id = 9}, 0, 1460, 14 + 40 + DATAPATH_LARGE_LEAST, 10, DATAPATH_LARGE_LEAST, true, "the narrowest way"},
    {{.payload = 5000, .id = 9}, 0, 1460, 14 + 40 + DATAPATH_LARGE_LEAST - 1, 4, 1460, false, "a narrower one"},
    {{.payload = 5000, .id = 9}, 0, 1460, 0, 4, 1460, false, "no way at all"},
};

static struct datapath_offload offload_of(const struct kit_packet *p, uint16_t each, size_t link)
{
    return (struct datapath_offload){
        .flags = DATAPATH_OFFLOAD_PARTIAL,
        .kind = p->is_udp ? DATAPATH_OFFLOAD_UDP : p->is_v6 ? DATAPATH_OFFLOAD_TCP6 : DATAPATH_OFFLOAD_TCP4,
        .segment_size = each,
        .sum_start = (uint16_t)(link + (p->is_v6 ? 40 : 20)),
        .sum_offset = p->is_udp ? 6 : 16,
    };
}

static void check_row(size_t row)
{
    const struct kit_packet *made = &rows[row].made;
    size_t link = link_write(rows[row].tags, made->is_v6, frame), size = kit_packet_write(made, frame + link);
    struct datapath_offload o = offload_of(made, rows[row].each, link);
    const char *why = rows[row].why;
    struct datapath_large l;

    kit_packet_leave(frame + link, size, made->is_v6 ? 40 : 20, made->is_udp);
    REQUIRE(datapath_large_open(&o, frame, link + size, rows[row].most, &l), "%s", why);
    CHECK(l.link == link && l.all.count == rows[row].count && l.all.each == rows[row].cut && l.is_whole == rows[row].is_whole,
          "%s: %" PRIu32 " of %u", why, l.all.count, l.all.each);
    for (uint32_t i = 0; i < l.all.count; i++) {
        struct kit_packet one = *made;
        one.from = (size_t)i * l.all.each;
        one.payload = made->payload - one.from < l.all.each ? made->payload - one.from : l.all.each;
        one.sequence += (uint32_t)one.from;
        one.id = (uint16_t)(one.id + i);
        one.flags &= (uint8_t)~((i + 1 < l.all.count ? 0x09 : 0) | (i > 0 ? 0x80 : 0));
        size_t should = kit_packet_write(&one, expected), is = datapath_large_segment(&l, i, out);
        CHECK(is == link + should && memcmp(out, frame, link) == 0 && memcmp(out + link, expected, should) == 0, "%s: frame %" PRIu32, why, i);
        CHECK(!l.is_whole || is <= rows[row].most, "%s: frame %" PRIu32 " is longer than its way takes", why, i);
    }
}

static void heads_that_cannot_be(void)
{
    const struct kit_packet made = {.payload = 5000};
    struct datapath_large l;
    size_t link = link_write(0, false, frame), size = link + kit_packet_write(&made, frame + link);
    struct datapath_offload o = offload_of(&made, 1000, link), other = o;

    REQUIRE(datapath_large_open(&o, frame, size, 1400, &l), "as it is");
    other.sum_start = 13;
    CHECK(!datapath_large_open(&other, frame, size, 1400, &l), "the transport's head in the link's");
    other.sum_start = 20;
    CHECK(!datapath_large_open(&other, frame, size, 1400, &l), "… and before the packet's end");
    CHECK(!datapath_large_open(&o, frame, link, 1400, &l), "no packet");
    frame[13] = 6;
    CHECK(!datapath_large_open(&o, frame, size, 1400, &l), "ARP");
    (void)link_write(0, true, frame);
    CHECK(!datapath_large_open(&o, frame, size, 1400, &l), "said to be IPv6");
    link = link_write(3, false, frame);
    size = link + kit_packet_write(&made, frame + link);
    o = offload_of(&made, 1000, link);
    CHECK(!datapath_large_open(&o, frame, size, 1400, &l), "more tags than frames have");
}

static void packets_are_told(void)
{
    const struct kit_packet made = {.payload = 3}, six = {.payload = 3, .is_v6 = true};
    size_t link = link_write(1, false, frame), size = link + kit_packet_write(&made, frame + link), said = 0;

    CHECK(datapath_large_is_packet(frame, size, &said) && said == 18, "one behind a tag");
    CHECK(!datapath_large_is_packet(frame, size + 1, &said), "padding is no payload");
    CHECK(!datapath_large_is_packet(frame, size - 1, &said), "cut off");
    link = link_write(0, true, frame);
    size = link + kit_packet_write(&six, frame + link);
    CHECK(datapath_large_is_packet(frame, size, &said) && said == 14, "IPv6");
    for (size_t i = 0; i <= 14; i++) {
        CHECK(!datapath_large_is_packet(frame, i, &said), "%zu bytes", i);
    }
    frame[13] = 0x06;
    CHECK(!datapath_large_is_packet(frame, size, &said), "of another kind");
}

/* Frames of one flow of IP that came behind different heads of the link are no flow. */
static void flows_have_one_link(void)
{
    static struct datapath_coalesce c;
    static uint8_t bytes[3][2000];
    const struct kit_packet one = {.payload = 100, .sequence = 1000, .id = 1};
    const struct kit_packet next = {.payload = 100, .from = 100, .sequence = 1100, .id = 2};
    size_t link = link_write(0, false, bytes[0]), size = kit_packet_write(&one, bytes[0] + link);
    int group;

    memcpy(bytes[1], bytes[0], link);
    memcpy(bytes[2], bytes[0], link);
    (void)kit_packet_write(&next, bytes[1] + link);
    (void)kit_packet_write(&next, bytes[2] + link);
    bytes[1][11] ^= 1;
    c.link = link;
    CHECK(datapath_coalesce_add(&c, bytes[0] + link, size, false, &group) == DATAPATH_COALESCE_HELD && c.groups == 1, "a first");
    CHECK(datapath_coalesce_add(&c, bytes[1] + link, size, false, &group) == DATAPATH_COALESCE_HELD && c.groups == 2, "from another station");
    CHECK(datapath_coalesce_add(&c, bytes[2] + link, size, false, &group) == DATAPATH_COALESCE_HELD && c.groups == 2, "from the same");
    c.link = 0;
    CHECK(datapath_coalesce_add(&c, bytes[2] + link, size, false, &group) == DATAPATH_COALESCE_HELD && c.groups == 3, "without a link");
    CHECK(c.group[0].pieces == 2 && c.group[0].link == link && c.group[1].pieces == 1 && c.group[2].link == 0, "each with its own");

    /* What the kernel gets of it is a large frame, of which it makes those that came. */
    struct datapath_coalesce_group g;
    struct datapath_offload o;
    struct datapath_large l;
    size_t heads;
    datapath_coalesce_take(&c, 0, &g, &o, frame + link, &heads);
    memcpy(frame, g.first - g.link, g.link);
    datapath_large_behind(g.link, &o);
    for (uint32_t i = 0; i < g.pieces; i++) {
        memcpy(frame + link + heads + i * g.piece[0].size, g.piece[i].bytes, g.piece[i].size);
    }
    CHECK(o.head_size == link + heads, "it says how long its heads are");
    REQUIRE(datapath_large_open(&o, frame, link + heads + 200, 1514, &l) && l.all.count == 2, "two");
    CHECK(datapath_large_segment(&l, 0, out) == link + size && memcmp(out, bytes[0], link + size) == 0, "the first");
    CHECK(datapath_large_segment(&l, 1, out) == link + size && memcmp(out, bytes[2], link + size) == 0, "the other");
}

int main(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        check_row(i);
    }
    heads_that_cannot_be();
    packets_are_told();
    flows_have_one_link();
    return CHECK_RESULT();
}
