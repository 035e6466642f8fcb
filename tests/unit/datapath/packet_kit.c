#include "tests/unit/datapath/packet_kit.h"

#include <string.h>

enum {
    TCP = 6,
    UDP = 17,
};

static void put16(uint8_t *at, size_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value & 0xffff);
}

static uint32_t sum_of(uint32_t sum, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

static uint32_t pseudo_of(const uint8_t *packet, size_t length, bool is_udp)
{
    bool is_v6 = packet[0] >> 4 == 6;

    return sum_of((uint32_t)(length >> 16) + (uint32_t)(length & 0xffff) + (is_udp ? UDP : TCP), packet + (is_v6 ? 8 : 12),
                  is_v6 ? 32 : 8);
}

static uint8_t *field_of(uint8_t *packet, size_t transport, bool is_udp)
{
    return packet + transport + (is_udp ? 6 : 16);
}

static void mend_v4(uint8_t *packet, size_t transport)
{
    if (packet[0] >> 4 == 4) {
        put16(packet + 10, 0);
        put16(packet + 10, ~sum_of(0, packet, transport) & 0xffff);
    }
}

uint16_t kit_packet_judge(const uint8_t *packet, size_t size, size_t transport, bool is_udp)
{
    uint32_t sum = sum_of(pseudo_of(packet, size - transport, is_udp), packet + transport, size - transport);

    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

void kit_packet_mend(uint8_t *packet, size_t size, size_t transport, bool is_udp)
{
    uint16_t sum;

    put16(field_of(packet, transport, is_udp), 0);
    sum = kit_packet_judge(packet, size, transport, is_udp);
    put16(field_of(packet, transport, is_udp), sum == 0 && is_udp ? 0xffff : sum);
    mend_v4(packet, transport);
}

void kit_packet_leave(uint8_t *packet, size_t size, size_t transport, bool is_udp)
{
    uint32_t sum = pseudo_of(packet, size - transport, is_udp);

    put16(field_of(packet, transport, is_udp), (sum & 0xffff) + (sum >> 16));
}

size_t kit_packet_write(const struct kit_packet *p, uint8_t *out)
{
    size_t transport = p->is_v6 ? 40 : 20, head = transport + (p->is_udp ? 8u : 20u + p->options), size = head + p->payload;
    uint8_t *t = out + transport;

    memset(out, 0, head);
    if (p->is_v6) {
        out[0] = 0x60;
        put16(out + 4, size - 40);
        out[6] = p->is_udp ? UDP : TCP;
        out[7] = 64;
        out[8] = out[24] = 0xfd;
        out[23] = p->address;
        out[39] = 99;
    } else {
        out[0] = 0x45;
        put16(out + 2, size);
        put16(out + 4, p->id);
        out[6] = p->may_be_cut ? 0 : 0x40;
        out[8] = 64;
        out[9] = p->is_udp ? UDP : TCP;
        out[12] = out[16] = 10;
        out[15] = p->address;
        out[19] = 99;
    }
    put16(t, p->port);
    put16(t + 2, 443);
    if (p->is_udp) {
        put16(t + 4, size - transport);
    } else {
        put32(t + 4, p->sequence);
        put32(t + 8, 77);
        t[12] = (uint8_t)((20 + p->options) / 4 << 4);
        t[13] = p->flags | 0x10;
        put16(t + 14, 1000);
        memset(t + 20, 1, p->options);
    }
    for (size_t i = 0; i < p->payload; i++) {
        size_t place = p->from + i;
        out[head + i] = (uint8_t)(place ^ place >> 8 ^ p->port);
    }
    kit_packet_mend(out, size, transport, p->is_udp);
    return size;
}
