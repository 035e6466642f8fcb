/* Places in the heads of packets: IPv4 (RFC 791), IPv6 (RFC 8200), TCP (RFC 9293), UDP (RFC 768), ICMP (RFC 792, 4443).
 * Numbers are big-endian. */
#ifndef CELL_DATAPATH_HEADS_H
#define CELL_DATAPATH_HEADS_H

#include <stdint.h>

enum {
    DATAPATH_HEADS_V4 = 20,          /* bytes, without options */
    DATAPATH_HEADS_V4_TOS = 1,
    DATAPATH_HEADS_V4_LENGTH = 2,    /* of the whole packet    */
    DATAPATH_HEADS_V4_ID = 4,
    DATAPATH_HEADS_V4_FRAGMENT = 6,  /* flags and offset       */
    DATAPATH_HEADS_V4_DONT = 0x4000, /* … do not fragment      */
    DATAPATH_HEADS_V4_TTL = 8,
    DATAPATH_HEADS_V4_PROTOCOL = 9,
    DATAPATH_HEADS_V4_SUM = 10,
    DATAPATH_HEADS_V4_ADDRESSES = 12,

    DATAPATH_HEADS_V6 = 40,
    DATAPATH_HEADS_V6_LENGTH = 4,    /* of what is behind it   */
    DATAPATH_HEADS_V6_NEXT = 6,
    DATAPATH_HEADS_V6_ADDRESSES = 8,

    DATAPATH_HEADS_IS_ICMP = 1,
    DATAPATH_HEADS_IS_TCP = 6,
    DATAPATH_HEADS_IS_UDP = 17,
    DATAPATH_HEADS_IS_ICMP6 = 58,

    DATAPATH_HEADS_TCP = 20,         /* bytes, without options */
    DATAPATH_HEADS_TCP_SEQUENCE = 4,
    DATAPATH_HEADS_TCP_ACK = 8,
    DATAPATH_HEADS_TCP_LENGTH = 12,  /* in words, upper half   */
    DATAPATH_HEADS_TCP_FLAGS = 13,
    DATAPATH_HEADS_TCP_FIN = 1,
    DATAPATH_HEADS_TCP_PSH = 8,
    DATAPATH_HEADS_TCP_IS_ACK = 16,
    DATAPATH_HEADS_TCP_CWR = 128,
    DATAPATH_HEADS_TCP_WINDOW = 14,
    DATAPATH_HEADS_TCP_SUM = 16,
    DATAPATH_HEADS_TCP_OPTIONS = 20,

    DATAPATH_HEADS_UDP = 8,
    DATAPATH_HEADS_UDP_LENGTH = 4,
    DATAPATH_HEADS_UDP_SUM = 6,
};

static inline uint16_t datapath_heads_get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t datapath_heads_get32(const uint8_t *at)
{
    return (uint32_t)datapath_heads_get16(at) << 16 | datapath_heads_get16(at + 2);
}

static inline void datapath_heads_put16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline void datapath_heads_put32(uint8_t *at, uint32_t value)
{
    datapath_heads_put16(at, (uint16_t)(value >> 16));
    datapath_heads_put16(at + 2, (uint16_t)value);
}

#endif
