/* Frames of the own interface that the kernel left uncut, as offload.h has it of packets: behind the link's head (IEEE 802.3,
 * with up to two tags of 802.1Q) there is one large packet of IP, each segment of which becomes a frame of its own. And the
 * reverse: whether what is behind a frame's head may be joined with others (coalesce.h). Pure.
 *
 * TCP's segments may be cut anew, for its payload is a stream: shorter than the kernel meant them, so that each frame goes in
 * one datagram where otherwise each would go in two. Only if IPv4 may not fragment them, for then nobody needs their
 * identifications, of which there are more now (RFC 6864, section 4.1). Of UDP a segment is a message. */
#ifndef CELL_DATAPATH_LARGE_H
#define CELL_DATAPATH_LARGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "datapath/offload.h"

enum {
    DATAPATH_LARGE_LINK = 14,      /* bytes of the link's head …                                         */
    DATAPATH_LARGE_TAG = 4,        /* … and of a tag in it                                               */
    DATAPATH_LARGE_LINK_MAX = DATAPATH_LARGE_LINK + 2 * DATAPATH_LARGE_TAG,
    DATAPATH_LARGE_FRAME_MAX = DATAPATH_LARGE_LINK_MAX + DATAPATH_OFFLOAD_PACKET_MAX,
    DATAPATH_LARGE_LEAST = 512,    /* bytes of payload that are cut anew at least: pieces are no worse then */
};

struct datapath_large {
    struct datapath_segments all;  /* of the packet                                    */
    const uint8_t *frame;
    size_t link;                   /* bytes before it                                  */
    bool is_whole;                 /* none of its frames is longer than what was asked */
};

/* How many bytes are before the packet of IP in this frame; 0: there is none. */
size_t datapath_large_link(const uint8_t *frame, size_t size);

/* Look at one with its head, which is of the frame; most: bytes of a frame that goes in one datagram. The frame must stay where it
 * is. False: it is none, or its heads say what cannot be. O(1). */
bool datapath_large_open(const struct datapath_offload *o, const uint8_t *frame, size_t size, size_t most, struct datapath_large *ret);

/* Frame `index` of all.count into out[0..link + all.head_size + all.each), apart from the large one. Returns its bytes. */
size_t datapath_large_segment(const struct datapath_large *l, uint32_t index, uint8_t *out);

/* What goes before a packet that was joined becomes what goes before its frame, with so many bytes before the packet. */
void datapath_large_behind(size_t link, struct datapath_offload *o);

/* Whether this frame is a packet of IP behind a link's head, and nothing else, so that it may be looked at as one: *ret_link bytes
 * before it. A short one with padding is none. */
bool datapath_large_is_packet(const uint8_t *frame, size_t size, size_t *ret_link);

#endif
