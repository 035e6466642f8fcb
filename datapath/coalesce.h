/* Packets of one flow that came together are handed to the kernel as one, of which it makes segments only if it must: TCP
 * by the rules of its own receive offload, UDP when all are of one size. The reverse of offload.h: what the kernel makes of
 * it is, byte for byte, what came, but for IPv4's identification of packets that may not be fragmented. Nothing is copied, and packets of a flow stay in their order.
 *
 * What is judged here comes from peers: checksums are verified before anything is joined, for the joined packet's checksum
 * is made anew and would hide a wrong one. Of a packet whose sender left it unfinished (own.h) the kernel is told so. */
#ifndef CELL_DATAPATH_COALESCE_H
#define CELL_DATAPATH_COALESCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "datapath/offload.h"

enum {
    DATAPATH_COALESCE_GROUPS = 8,   /* flows that are collected at a time: beyond that the oldest goes first */
    DATAPATH_COALESCE_PIECES = 64,  /* packets in one: what UDP's segmentation takes                          */
    DATAPATH_COALESCE_NONE = -1,
};

struct datapath_coalesce_piece {
    const uint8_t *bytes;
    size_t size;
};

/* A flow and what came of it. */
struct datapath_coalesce_group {
    const uint8_t *first;          /* packet; borrowed, with all others, until the group is taken */
    size_t first_size;
    size_t link;                   /* bytes of the link's head before it    */
    uint16_t head_size, transport; /* of all heads; where the second begins */
    bool is_v6, is_udp, is_closed; /* closed: nothing may follow            */
    bool is_unfinished;            /* the first                             */
    uint16_t each;                 /* payload of all but the last           */
    uint16_t next_id;              /* IPv4's identification of the next     */
    uint32_t next_sequence;
    uint8_t last_flags;
    size_t payload_size;
    uint32_t pieces;
    struct datapath_coalesce_piece piece[DATAPATH_COALESCE_PIECES];
};

struct datapath_coalesce {
    uint32_t groups;
    uint32_t oldest;               /* turns of who is taken when there is no room */
    size_t link;                   /* of what is added: bytes of a link's head that stand before it, which all of a flow have
                                    * in common; 0: it is a packet alone. The caller's                                        */
    struct datapath_coalesce_group group[DATAPATH_COALESCE_GROUPS];
};

enum datapath_coalesce_result {
    DATAPATH_COALESCE_HELD,    /* it is in a group                                           */
    DATAPATH_COALESCE_ALONE,   /* it is none that can be joined: write it as it is           */
    DATAPATH_COALESCE_BLOCKED, /* take group *ret_group first, then come with it again       */
};

/* One packet, whole and of valid length; is_unfinished: of its checksum there is the pseudo head's sum and no more. */
enum datapath_coalesce_result datapath_coalesce_add(struct datapath_coalesce *c, const uint8_t *packet, size_t size,
                                                    bool is_unfinished, int *ret_group);

/* What goes before an unfinished packet that is handed on alone. Of one that is no TCP or UDP behind a plain head nothing
 * can be said: the kernel will find its checksum wrong. */
void datapath_coalesce_alone(const uint8_t *packet, size_t size, struct datapath_offload *ret);

/* Take a group out; the others' numbers may change. *ret_offload goes before it; ret_head[0..*ret_head_size) are its heads
 * and piece[] of *ret_group the payloads behind them, except when there is but one packet: then *ret_head_size is 0 and
 * first[0..first_size) is the packet, unchanged, behind *ret_offload. */
void datapath_coalesce_take(struct datapath_coalesce *c, int group, struct datapath_coalesce_group *ret_group,
                            struct datapath_offload *ret_offload, uint8_t ret_head[DATAPATH_OFFLOAD_HEAD_MAX],
                            size_t *ret_head_size);

#endif
