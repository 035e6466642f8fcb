/* Packets for tests, made and judged byte by byte. */
#ifndef CELL_TESTS_UNIT_DATAPATH_PACKET_KIT_H
#define CELL_TESTS_UNIT_DATAPATH_PACKET_KIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    KIT_PACKET_MAX = 65535,
};

/* What a packet is; zeros are an IPv4 TCP segment with ACK. */
struct kit_packet {
    bool is_v6, is_udp;
    uint8_t address;        /* last byte of the sender's          */
    uint16_t port;          /* of the sender                      */
    uint16_t id;            /* IPv4                               */
    bool may_be_cut;        /* IPv4: without "don't fragment"     */
    uint32_t sequence;
    uint8_t flags;          /* besides ACK                        */
    uint8_t options;        /* bytes of TCP options, of words     */
    size_t payload;         /* bytes, each of which follows from its place in the stream */
    size_t from;            /* … where the first is there         */
};

/* Write it with all lengths and checksums; its size. */
size_t kit_packet_write(const struct kit_packet *p, uint8_t *out);

/* The sum of RFC 1071 over pseudo head and all from `transport` on, two bytes at a time: 0 when the checksum holds. */
uint16_t kit_packet_judge(const uint8_t *packet, size_t size, size_t transport, bool is_udp);

/* Make the checksums hold again after something was changed. */
void kit_packet_mend(uint8_t *packet, size_t size, size_t transport, bool is_udp);

/* As the kernel hands it over: the transport's checksum has the pseudo head's sum alone. */
void kit_packet_leave(uint8_t *packet, size_t size, size_t transport, bool is_udp);

#endif
