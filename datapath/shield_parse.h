/* Whether a frame is the overlay's, and where its message is. The same lines for the kernel, where a verifier reads
 * them, and for tests and fuzzing outside of it. No clock, no memory.
 * Source: IEEE 802.1Q; RFC 791, 768, 8200 (extension headers: sections 4.2 to 4.6), 4302 (section 2). */
#ifndef CELL_DATAPATH_SHIELD_PARSE_H
#define CELL_DATAPATH_SHIELD_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "datapath/shield_ip.h"
#include "datapath/shield_shape.h"

/* Whether this address, two words of it, is one of ours. */
static inline bool shield_parse_is_own(const struct datapath_shield_place *c, uint64_t high, uint64_t low)
{
    for (uint32_t i = 0; i < DATAPATH_SHIELD_OWN_MAX && i < c->own_count; i++) {
        if (c->own[i][0] == high && c->own[i][1] == low) {
            return true;
        }
    }
    return c->own_count == 0;
}

#ifdef __bpf__
/* A verifier follows each way out of that loop with all that comes after it, unless it is behind a function that it
 * reads by itself: shield.bpf.c has it. */
int shield_own(uint64_t high, uint64_t low);
#define SHIELD_PARSE_IS_OWN(c, high, low) (shield_own(high, low) != 0)
#else
#define SHIELD_PARSE_IS_OWN(c, high, low) shield_parse_is_own(c, high, low)
#endif

/* UDP to us? */
static inline __attribute__((always_inline)) enum shield_parse_found
shield_parse_udp(const struct shield_parse_inside *in, const uint8_t *end, const struct datapath_shield_place *c,
                 struct shield_parse_packet *ret)
{
    const uint8_t *p = in->p;

    if (p + SHIELD_PARSE_UDP > end) {
        return SHIELD_PARSE_CUT;
    }
    if (shield_parse_16(p + 2) != c->port || !SHIELD_PARSE_IS_OWN(c, in->to[0], in->to[1])) {
        return SHIELD_PARSE_FOREIGN;
    }
    uint32_t size = shield_parse_16(p + 4), left = in->left;
    /* The rest of a fragment is elsewhere; of a whole packet, here. */
    if (size < SHIELD_PARSE_UDP || (size > left && !ret->is_fragment) || left < SHIELD_PARSE_UDP) {
        return SHIELD_PARSE_MALFORMED;
    }
    ret->from_port = (uint16_t)shield_parse_16(p);
    ret->at = in->at + SHIELD_PARSE_UDP;
    ret->size = size - SHIELD_PARSE_UDP;
    if (ret->size < DATAPATH_SHIELD_HEAD || left < SHIELD_PARSE_UDP + DATAPATH_SHIELD_HEAD) {
        ret->size = 0; /* no message is so short */
        return SHIELD_PARSE_OURS;
    }
    p += SHIELD_PARSE_UDP;
    if (p + DATAPATH_SHIELD_HEAD > end) {
        return SHIELD_PARSE_CUT;
    }
    ret->type = shield_parse_word(p);
    ret->first = shield_parse_word(p + 4);
    ret->second = shield_parse_word(p + 8);
    return SHIELD_PARSE_OURS;
}

/* data to end: the bytes at hand; length: of the whole frame, not less than those; ret: zeros. On CUT ask again with
 * more bytes; when there are none, the frame ends where it should not and is nobody's. */
static inline __attribute__((always_inline)) enum shield_parse_found
shield_parse(const uint8_t *data, const uint8_t *end, uint32_t length, const struct datapath_shield_place *c,
             struct shield_parse_packet *ret)
{
    struct shield_parse_inside in = {.p = data + SHIELD_PARSE_ETHERNET, .at = SHIELD_PARSE_ETHERNET};
    enum shield_parse_found found = SHIELD_PARSE_FOREIGN;

    if (data + SHIELD_PARSE_ETHERNET > end) {
        return SHIELD_PARSE_CUT;
    }
    uint32_t kind = shield_parse_16(data + 12);
    for (int i = 0; i < DATAPATH_SHIELD_TAGS && (kind == 0x8100 || kind == 0x88a8); i++) {
        if (in.p + SHIELD_PARSE_TAG > end) {
            return SHIELD_PARSE_CUT;
        }
        kind = shield_parse_16(in.p + 2);
        in.p += SHIELD_PARSE_TAG;
        in.at += SHIELD_PARSE_TAG;
    }
    if (kind == 0x0800) {
        found = shield_parse_v4(&in, end, length, ret);
    } else if (kind == 0x86dd) {
        found = shield_parse_v6(&in, end, length, ret);
    } else if (kind == 0x8100 || kind == 0x88a8) {
        found = SHIELD_PARSE_UNREAD;
    }
    return found == SHIELD_PARSE_OURS ? shield_parse_udp(&in, end, c, ret) : found;
}

/* What a message is, by its first word and its length: DATA, INITIATION, RESPONSE, COOKIE, OWN, or KIND. */
static inline enum datapath_shield_verdict shield_parse_kind(uint32_t type, uint32_t size, bool is_fragment)
{
    if (size >= DATAPATH_SHIELD_DATA_SIZE && type == 4) {
        return DATAPATH_SHIELD_DATA;
    }
    if ((type == DATAPATH_SHIELD_SIGNAL && size >= DATAPATH_SHIELD_SIGNAL_SIZE) ||
        (type == DATAPATH_SHIELD_RELAYED && size >= DATAPATH_SHIELD_RELAYED_HEAD + DATAPATH_SHIELD_DATA_SIZE)) {
        return DATAPATH_SHIELD_OWN;
    }
    if (is_fragment || size < DATAPATH_SHIELD_HEAD) {
        return DATAPATH_SHIELD_KIND; /* no other is so long that it had to be cut */
    }
    if (type == 1 && size == DATAPATH_SHIELD_INITIATION_SIZE) {
        return DATAPATH_SHIELD_INITIATION;
    }
    if (type == 2 && size == DATAPATH_SHIELD_RESPONSE_SIZE) {
        return DATAPATH_SHIELD_RESPONSE;
    }
    if (type == 3 && size == DATAPATH_SHIELD_COOKIE_SIZE) {
        return DATAPATH_SHIELD_COOKIE;
    }
    return DATAPATH_SHIELD_KIND;
}

#endif
