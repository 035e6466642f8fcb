/* Who has which address on the overlay's Ethernet, as those who have them said (ARP, RFC 826; neighbour discovery, RFC 4861,
 * sections 4.3, 4.4 and 7.2), so that questions for all are answered here in their place and do not go to every peer.
 * Pure: time comes in, memory is fixed.
 *
 * What is wrong here must not last: an answer of ours is good for one question, until whoever has the address said so again;
 * the next question goes out to all. Whoever looks whether an address is free (RFC 5227; RFC 4862, section 5.4) hears its
 * owner himself. What somebody says counts for the hardware address that his frame comes from, and no other. */
#ifndef CELL_DATAPATH_NEIGHBOUR_H
#define CELL_DATAPATH_NEIGHBOUR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DATAPATH_NEIGHBOUR_SETS = 512,
    DATAPATH_NEIGHBOUR_WAYS = 4,         /* addresses of one set: 2,048 in all, 112 KiB                  */
    DATAPATH_NEIGHBOUR_EACH = 2,         /* … of one peer: who says many pushes out his own              */
    DATAPATH_NEIGHBOUR_AGE_MS = 300000,  /* what was said so long ago is forgotten                       */
    DATAPATH_NEIGHBOUR_STILL_MS = 1000,  /* another does not take over what was said less long ago       */
    DATAPATH_NEIGHBOUR_KEY = 16,
    DATAPATH_NEIGHBOUR_ANSWER_MAX = 14 + 8 + 40 + 32, /* two tags, IPv6, an advertisement                 */
};

struct datapath_neighbour_entry {
    uint8_t ip[16], mac[6];
    uint16_t tag;            /* number of the outermost VLAN                        */
    bool is_there, is_v6, is_router;
    bool is_used;            /* we answered, and it was not said again since        */
    uint32_t peer;
    uint64_t said_ms;
};

struct datapath_neighbours {
    struct datapath_neighbour_entry entry[DATAPATH_NEIGHBOUR_SETS][DATAPATH_NEIGHBOUR_WAYS];
    uint8_t key[DATAPATH_NEIGHBOUR_KEY];
    uint64_t answered, learned, kept; /* kept: it was said, and another had said so a moment ago */
};

/* key: drawn, and nobody knows it. */
void datapath_neighbour_init(struct datapath_neighbours *n, const uint8_t key[DATAPATH_NEIGHBOUR_KEY]);

/* A frame of the own interface. The size of its answer, for the own interface, or 0: it goes where any frame goes. */
size_t datapath_neighbour_out(struct datapath_neighbours *n, uint64_t now_ms, const uint8_t *frame, size_t size,
                              uint8_t answer[DATAPATH_NEIGHBOUR_ANSWER_MAX]);

/* A frame of `peer` that goes to the own interface. */
void datapath_neighbour_in(struct datapath_neighbours *n, uint64_t now_ms, uint32_t peer, const uint8_t *frame, size_t size);

/* Nobody is at this peer any more. O(entries). */
void datapath_neighbour_forget(struct datapath_neighbours *n, uint32_t peer);

#endif
