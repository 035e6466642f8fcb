/* IP headers in front of the overlay's messages: one half of shield_parse.h, which says more. */
#ifndef CELL_DATAPATH_SHIELD_IP_H
#define CELL_DATAPATH_SHIELD_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "datapath/shield_shape.h"

enum shield_parse_found {
    SHIELD_PARSE_FOREIGN,
    SHIELD_PARSE_CUT,       /* the bytes at hand end before it is known */
    SHIELD_PARSE_UNREAD,
    SHIELD_PARSE_MALFORMED,
    SHIELD_PARSE_OURS,
};

struct shield_parse_packet {
    uint64_t source[2];     /* whose budget it uses: an address of IPv4, a network of 64 bits of IPv6 */
    uint64_t from[2];       /* the address as it is, IPv4 as ::ffff:a.b.c.d: what a cookie is for     */
    uint32_t at;            /* where the message begins …                                     */
    uint32_t size;          /* … and how long it is: of more than one datagram, all of them   */
    uint32_t type;          /* its first three words, when size is DATAPATH_SHIELD_HEAD or more */
    uint32_t first, second;
    uint16_t from_port;
    bool is_fragment;       /* the rest of it comes by itself */
    bool is_behind;         /* behind extension headers of IPv6 */
};

enum {
    SHIELD_PARSE_ETHERNET = 14,
    SHIELD_PARSE_TAG = 4,
    SHIELD_PARSE_V4 = 20,
    SHIELD_PARSE_V6 = 40,
    SHIELD_PARSE_UDP = 8,
    SHIELD_PARSE_IS_UDP = 17, /* of protocols */
};

static inline uint32_t shield_parse_16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static inline uint32_t shield_parse_word(const uint8_t *p)
{
    uint32_t word;

    __builtin_memcpy(&word, p, sizeof word); /* both targets are little-endian, as the wire is */
    return word;
}

static inline uint64_t shield_parse_64(const uint8_t *p)
{
    uint64_t word;

    __builtin_memcpy(&word, p, sizeof word);
    return word;
}

/* The second half of ::ffff:a.b.c.d, in memory's order. */
static inline uint64_t shield_parse_mapped(uint32_t v4)
{
    return (uint64_t)v4 << 32 | 0xffff0000u;
}

/* What is inside of an IP header. */
struct shield_parse_inside {
    const uint8_t *p;
    uint32_t at, left;       /* left: bytes of the packet from here on, as its header says; a liar's are none */
    uint64_t to[2];
};

/* Either of these: OURS when there is UDP inside. */
static inline __attribute__((always_inline)) enum shield_parse_found
shield_parse_v4(struct shield_parse_inside *in, const uint8_t *end, uint32_t length, struct shield_parse_packet *ret)
{
    const uint8_t *p = in->p;

    if (p + SHIELD_PARSE_V4 > end) {
        return SHIELD_PARSE_CUT;
    }
    uint32_t head = (p[0] & 15u) * 4, total = shield_parse_16(p + 2), fragment = shield_parse_16(p + 6);
    if (p[0] >> 4 != 4 || head < SHIELD_PARSE_V4 || p[9] != SHIELD_PARSE_IS_UDP || (fragment & 0x1fff) != 0) {
        return SHIELD_PARSE_FOREIGN;
    }
    ret->is_fragment = (fragment & 0x2000) != 0;
    ret->from[0] = 0;
    ret->from[1] = shield_parse_mapped(shield_parse_word(p + 12));
    ret->source[0] = 0;
    ret->source[1] = ret->from[1];
    in->to[0] = 0;
    in->to[1] = shield_parse_mapped(shield_parse_word(p + 16));
    in->left = total >= head && total <= length - in->at ? total - head : 0;
    in->p += head;
    in->at += head;
    return SHIELD_PARSE_OURS;
}

/* Bytes of an extension header of IPv6; 0: it is none. */
static inline __attribute__((always_inline)) uint32_t shield_parse_extension(uint32_t kind, uint32_t size)
{
    switch (kind) {
    case 0:  /* hop by hop  */
    case 43: /* routing     */
    case 60: /* destination */
        return (size + 1) * 8;
    case 44: /* fragment    */
        return 8;
    case 51: /* authentication */
        return (size + 2) * 4;
    default:
        return 0;
    }
}

static inline __attribute__((always_inline)) enum shield_parse_found
shield_parse_v6(struct shield_parse_inside *in, const uint8_t *end, uint32_t length, struct shield_parse_packet *ret)
{
    const uint8_t *p = in->p;

    if (p + SHIELD_PARSE_V6 > end) {
        return SHIELD_PARSE_CUT;
    }
    if (p[0] >> 4 != 6) {
        return SHIELD_PARSE_FOREIGN;
    }
    uint32_t at = in->at + SHIELD_PARSE_V6, left = shield_parse_16(p + 4), kind = p[6];
    ret->from[0] = shield_parse_64(p + 8);
    ret->from[1] = shield_parse_64(p + 16);
    ret->source[0] = ret->from[0];
    ret->source[1] = 0;
    in->to[0] = shield_parse_64(p + 24);
    in->to[1] = shield_parse_64(p + 32);
    p += SHIELD_PARSE_V6;
    left = left <= length - at ? left : 0;
    for (int i = 0; i < DATAPATH_SHIELD_EXTENSIONS && kind != SHIELD_PARSE_IS_UDP; i++) {
        if (p + 8 > end) {
            return shield_parse_extension(kind, 0) != 0 ? SHIELD_PARSE_CUT : SHIELD_PARSE_FOREIGN;
        }
        uint32_t size = shield_parse_extension(kind, p[1]), fragment = kind == 44 ? shield_parse_16(p + 2) : 0;
        if (size == 0 || (fragment & 0xfff8) != 0) {
            return SHIELD_PARSE_FOREIGN;
        }
        ret->is_fragment |= (fragment & 1) != 0;
        ret->is_behind = true;
        kind = p[0];
        p += size;
        at += size;
        left = left > size ? left - size : 0;
    }
    in->p = p;
    in->at = at;
    in->left = left;
    if (kind == SHIELD_PARSE_IS_UDP) {
        return SHIELD_PARSE_OURS;
    }
    return shield_parse_extension(kind, 0) != 0 ? SHIELD_PARSE_UNREAD : SHIELD_PARSE_FOREIGN;
}

#endif
