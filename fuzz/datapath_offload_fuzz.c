/* Large packets that a kernel might hand over, and packets that a peer might send: whatever they say of themselves,
 * segments stay in their room and add up to the payload, and what is joined can be taken apart into what came.
 *
 * Input: the head of struct virtio_net_hdr, ten bytes, and one packet, or a frame with one; for joining, packets with their length, two bytes,
 * before each. */
#include <stdlib.h>
#include <string.h>

#include "datapath/coalesce.h"
#include "datapath/inner.h"
#include "datapath/large.h"

enum {
    PACKETS = 32,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void segment(const struct datapath_offload *o, const uint8_t *packet, size_t size)
{
    struct datapath_segments s;
    size_t payload = 0;

    if (!datapath_offload_open(o, packet, size, &s)) {
        return;
    }
    uint8_t *out = malloc((size_t)s.head_size + s.each); /* exactly: a byte more is found */
    must(out != NULL);
    for (uint32_t i = 0; i < s.count; i++) {
        size_t one = datapath_offload_segment(&s, i, out);
        must(one > s.head_size && one <= (size_t)s.head_size + s.each);
        must(memcmp(out + s.head_size, packet + s.head_size + payload, one - s.head_size) == 0);
        payload += one - s.head_size;
    }
    must(payload == size - s.head_size);
    free(out);
}

/* A frame with such a packet in it, for a way that takes so many bytes. */
static void cut(const struct datapath_offload *o, const uint8_t *frame, size_t size, size_t most)
{
    struct datapath_large l;
    size_t payload = 0;

    if (!datapath_large_open(o, frame, size, most, &l)) {
        return;
    }
    size_t heads = l.link + l.all.head_size;
    uint8_t *out = malloc(heads + l.all.each);
    must(out != NULL && l.is_whole == (heads + l.all.each <= most));
    for (uint32_t i = 0; i < l.all.count; i++) {
        size_t one = datapath_large_segment(&l, i, out);
        must(one > heads && one <= heads + l.all.each && memcmp(out, frame, l.link) == 0);
        must(memcmp(out + heads, frame + heads + payload, one - heads) == 0);
        payload += one - heads;
    }
    must(payload == size - heads);
    free(out);
}

static void look(const uint8_t *frame, size_t size)
{
    uint8_t *exact = malloc(size);
    size_t link = 0;

    must(exact != NULL);
    memcpy(exact, frame, size);
    must(!datapath_large_is_packet(exact, size, &link) || (link >= DATAPATH_LARGE_LINK && link <= DATAPATH_LARGE_LINK_MAX && link < size));
    free(exact);
}

static void finish(const struct datapath_offload *o, const uint8_t *packet, size_t size)
{
    uint8_t *copy = malloc(size);

    must(copy != NULL);
    memcpy(copy, packet, size);
    (void)datapath_offload_finish(o, copy, size);
    free(copy);
}

static uint32_t take(struct datapath_coalesce *c)
{
    static uint8_t whole[DATAPATH_OFFLOAD_PACKET_MAX];
    struct datapath_coalesce_group g;
    struct datapath_offload o;
    struct datapath_segments s;
    size_t size;

    datapath_coalesce_take(c, 0, &g, &o, whole, &size);
    if (size > 0) {
        for (uint32_t i = 0; i < g.pieces; i++) {
            must(size + g.piece[i].size <= sizeof whole);
            memcpy(whole + size, g.piece[i].bytes, g.piece[i].size);
            size += g.piece[i].size;
        }
        must(datapath_offload_open(&o, whole, size, &s) && s.count == g.pieces);
    }
    return g.pieces;
}

static void join(const uint8_t *data, size_t size)
{
    static struct datapath_coalesce c;
    uint8_t *packet[PACKETS];
    uint32_t packets = 0, alone = 0, taken = 0;

    memset(&c, 0, sizeof c);
    while (size >= 2 && packets < PACKETS) {
        struct datapath_inner head;
        size_t length = (size_t)data[0] << 8 | data[1];
        length = length < size - 2 ? length : size - 2;
        data += 2;
        size -= 2;
        if (datapath_inner_read(data, length, &head)) {
            int group;
            enum datapath_coalesce_result r;
            packet[packets] = malloc(head.size);
            must(packet[packets] != NULL);
            memcpy(packet[packets], data, head.size);
            while ((r = datapath_coalesce_add(&c, packet[packets], head.size, (length & 1) != 0, &group)) == DATAPATH_COALESCE_BLOCKED) {
                must(group >= 0 && (uint32_t)group < c.groups);
                taken += take(&c);
            }
            alone += r == DATAPATH_COALESCE_ALONE;
            packets++;
        }
        data += length;
        size -= length;
    }
    while (c.groups > 0) {
        taken += take(&c);
    }
    must(alone + taken == packets);
    while (packets > 0) {
        free(packet[--packets]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct datapath_offload o;

    if (size > DATAPATH_OFFLOAD_SIZE) {
        datapath_offload_read(data, &o);
        segment(&o, data + DATAPATH_OFFLOAD_SIZE, size - DATAPATH_OFFLOAD_SIZE);
        finish(&o, data + DATAPATH_OFFLOAD_SIZE, size - DATAPATH_OFFLOAD_SIZE);
        cut(&o, data + DATAPATH_OFFLOAD_SIZE, size - DATAPATH_OFFLOAD_SIZE, 0);
        cut(&o, data + DATAPATH_OFFLOAD_SIZE, size - DATAPATH_OFFLOAD_SIZE, 600 + data[0] * 4u);
        look(data + DATAPATH_OFFLOAD_SIZE, size - DATAPATH_OFFLOAD_SIZE);
    }
    join(data, size);
    return 0;
}
