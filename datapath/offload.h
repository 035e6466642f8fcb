/* What the kernel says of a packet that it hands over, or is told of one that it gets: a head before each packet of a TUN
 * device with IFF_VNET_HDR. Such a packet may be as long as 64 KiB, of which segments are to be made, and its checksum
 * need not be finished. Source: struct virtio_net_hdr, "Virtual I/O Device (VIRTIO)" 1.2, section 5.1.6; in the machine's
 * order, as TUN has it. */
#ifndef CELL_DATAPATH_OFFLOAD_H
#define CELL_DATAPATH_OFFLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DATAPATH_OFFLOAD_SIZE = 10,        /* bytes of this head                                     */
    DATAPATH_OFFLOAD_PACKET_MAX = 65535, /* of a packet: what IPv4 and IPv6 can say of its length  */
    DATAPATH_OFFLOAD_HEAD_MAX = 120,   /* of a packet's own heads: the longest of IPv4 and of TCP */
    DATAPATH_OFFLOAD_SEGMENTS_MAX = 2048, /* of one packet: less than 65,535 of 48 bytes, the least of TCP */
};

enum {
    DATAPATH_OFFLOAD_PARTIAL = 1, /* flags: the checksum has the pseudo head's sum and no more */
};

enum {
    DATAPATH_OFFLOAD_NONE = 0,   /* kind: one packet */
    DATAPATH_OFFLOAD_TCP4 = 1,
    DATAPATH_OFFLOAD_TCP6 = 4,
    DATAPATH_OFFLOAD_UDP = 5,    /* of either family */
    DATAPATH_OFFLOAD_ECN = 0x80, /* or'ed to TCP's   */
};

struct datapath_offload {
    uint8_t flags, kind;
    uint16_t head_size;      /* of all heads; the kernel's is a hint */
    uint16_t segment_size;   /* payload of each segment but the last */
    uint16_t sum_start;      /* where the transport's head begins    */
    uint16_t sum_offset;     /* of its checksum from there           */
};

void datapath_offload_read(const uint8_t bytes[DATAPATH_OFFLOAD_SIZE], struct datapath_offload *ret);
void datapath_offload_write(const struct datapath_offload *o, uint8_t ret[DATAPATH_OFFLOAD_SIZE]);

/* A packet that is to be sent in segments, which are written one by one. */
struct datapath_segments {
    const uint8_t *packet;   /* borrowed */
    size_t payload_size;
    uint32_t count;          /* 1 to DATAPATH_OFFLOAD_SEGMENTS_MAX */
    uint16_t each;           /* payload of each but the last       */
    uint16_t head_size, transport;  /* of all heads; where the second begins */
    bool is_v6, is_udp;
    bool is_plain;           /* nothing stands between the head of IPv4 or IPv6 and the transport's, no options */
    bool is_unfinished;      /* false; true: checksums of the transport are left to who gets them; needs is_plain */
    uint64_t sum;            /* of addresses and protocol */
};

/* Finish the checksum of a packet that is sent as it is. False: its head says what cannot be. */
bool datapath_offload_finish(const struct datapath_offload *o, uint8_t *packet, size_t size);

/* Take a packet apart whose kind is not NONE. False: it is none of the kinds above, too short for its heads, or would give
 * more segments than there may be. The packet is not changed and must stay until all segments are written. */
bool datapath_offload_open(const struct datapath_offload *o, const uint8_t *packet, size_t size,
                           struct datapath_segments *ret);

/* Write segment `index` to out (head_size + each bytes at most); its size. Heads are as if the sender had made it: lengths,
 * IPv4's identification, sequence number, flags that only the first or last has, checksums; is_unfinished: of the
 * transport's the pseudo head's sum. */
size_t datapath_offload_segment(const struct datapath_segments *s, uint32_t index, uint8_t *out);

#endif
