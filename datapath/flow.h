/* The way of packets through the cell: what comes together goes together, on both sides. */
#ifndef CELL_DATAPATH_FLOW_H
#define CELL_DATAPATH_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "datapath/coalesce.h"
#include "datapath/types.h"

enum {
    DATAPATH_FLOW_PACKETS = 128,       /* of one side before the other is looked at …          */
    DATAPATH_FLOW_BYTES = 256 * 1024,  /* … or bytes                                           */
    DATAPATH_FLOW_TURNS = 4,           /* receiving calls, of some buffers of 64 KiB each      */
    DATAPATH_FLOW_UNREACHED = 100,     /* senders that are told in a second that nobody has the address */
    DATAPATH_FLOW_UNREACHED_MS = 1000,
};

struct datapath_flow_numbers {
    uint64_t read, reads;       /* packets that came from the interface as the overlay sees them, and calls    */
    uint64_t written, writes;   /* … that went to it                                                           */
    uint64_t unwritten;         /* packets that the interface did not take                                     */
    uint64_t misfits;           /* of the interface: longer than its mtu, or with heads that say what cannot be */
    uint64_t looped;            /* … that were datagrams of ours                                               */
    uint64_t unreached;         /* … for nobody, whose senders were told                                       */
};

struct datapath_flow {
    bool is_plain;              /* one packet a call */
    bool was_alone;             /* the last look at the interface brought one packet and no more */
    struct datapath_flow_numbers numbers;
    uint64_t second_ms;         /* since then … */
    uint32_t told;              /* … so many senders were told */
    struct datapath_coalesce coalesce;
    uint8_t head[DATAPATH_OFFLOAD_SIZE];
    uint8_t packet[DATAPATH_OFFLOAD_PACKET_MAX];
};

struct datapath_shell;

/* Packets of this host for others. False: the interface is gone, as errno says. */
bool datapath_flow_from_tun(struct datapath_shell *s, struct datapath_time now);

/* Datagrams of others, for this host: by the socket, or past the host's stack by a queue of the lane. */
void datapath_flow_from_udp(struct datapath_shell *s, struct datapath_time now);
void datapath_flow_from_lane(struct datapath_shell *s, struct datapath_time now, uint32_t queue);

#endif
