/* Frames of the underlay, as a driver has them: a datagram of the overlay in UDP in IPv4 or IPv6 in Ethernet, with tags of
 * VLANs. For who sends and receives past the host's own stack, which would have done all of this. Pure.
 * Source: IEEE 802.1Q; RFC 791, 768, 1071 (checksums), 8200 (sections 3 and 8.1), 6864 (IPv4's id where DF is set). */
#ifndef CELL_DATAPATH_UNDERLAY_H
#define CELL_DATAPATH_UNDERLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "datapath/message.h"

enum {
    DATAPATH_UNDERLAY_MAC = 6,
    DATAPATH_UNDERLAY_ETHERNET = 14,
    DATAPATH_UNDERLAY_TAG = 4,
    DATAPATH_UNDERLAY_TAGS = 2,        /* 802.1ad in 802.1Q, as in shield_shape.h                   */
    DATAPATH_UNDERLAY_HEAD_MAX = 70,   /* bytes before the datagram: two tags, IPv6, UDP            */
    DATAPATH_UNDERLAY_TTL = 64,        /* what this host's own datagrams leave with                 */
    DATAPATH_UNDERLAY_PAYLOAD_MAX = 65507, /* of IPv4, whose length counts its own head             */
};

/* What became of a frame. X(name, text). */
#define DATAPATH_UNDERLAY_MAP(X)                                                                   \
    X(TAKEN, "a datagram, whole and as it was sent")                                               \
    X(FOREIGN, "no UDP, or behind heads that the host's stack is to read")                         \
    X(FRAGMENT, "a part of a datagram: the host's stack puts it together")                         \
    X(MALFORMED, "its lengths disagree")                                                           \
    X(CHECKSUM, "not as it was sent")

enum datapath_underlay_result {
#define X(name, text) DATAPATH_UNDERLAY_##name,
    DATAPATH_UNDERLAY_MAP(X)
#undef X
};

struct datapath_underlay_link {
    uint8_t to[DATAPATH_UNDERLAY_MAC], from[DATAPATH_UNDERLAY_MAC];
    uint32_t tags;                          /* 0 to DATAPATH_UNDERLAY_TAGS      */
    struct {
        uint16_t kind, value;               /* 0x8100 or 0x88a8; priority and id */
    } tag[DATAPATH_UNDERLAY_TAGS];
};

struct datapath_underlay {
    struct datapath_underlay_link link;
    struct datapath_endpoint from, to;      /* IPv4 as ::ffff:a.b.c.d; scope 0  */
    size_t at, size;                        /* of the datagram in the frame     */
};

/* Read frame[0..size), which may have padding behind it. A checksum of UDP may be right, left out (IPv4 only), or that of
 * the addresses alone: that is how a sender on this very host leaves it to hardware that a veth does not have. What is in
 * it proves itself, as the overlay's datagrams do. *ret is untouched unless TAKEN. */
enum datapath_underlay_result datapath_underlay_read(const uint8_t *frame, size_t size, struct datapath_underlay *ret);

/* Write the heads for a datagram of `size` bytes so that they end where it begins: `payload` is preceded by
 * DATAPATH_UNDERLAY_HEAD_MAX bytes of room. Both ends are of one family. `id`: of an IPv4 packet that may be cut on its way
 * (is_whole: it may not, and the number is 0). Returns how many bytes of the room they take, 0: it is too long, or the
 * families differ. */
size_t datapath_underlay_write(const struct datapath_underlay_link *link, const struct datapath_endpoint *from,
                               const struct datapath_endpoint *to, uint16_t id, bool is_whole, uint8_t *payload, size_t size);

#endif
