/* Who is at the other end of our own cable: by which Ethernet address a place is reached, and from which of ours, as the
 * kernel's routes and neighbours have it. For who sends past the host's stack. Whatever the kernel itself would not send so
 * at this moment, by this interface and to a neighbour of whom it heard lately, is not near: what goes there through the
 * host's stack makes the kernel ask again.
 *
 * Answers of rtnetlink are there when the question is said: nobody waits. Source: rtnetlink(7); RFC 4861, section 7.3. */
#ifndef CELL_DATAPATH_NEARBY_H
#define CELL_DATAPATH_NEARBY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "datapath/message.h"

enum {
    DATAPATH_NEARBY_PLACES = 256,    /* that are remembered; of two that fall together the newer one */
    DATAPATH_NEARBY_LOOK_MS = 1000,  /* how long an answer holds: 30 us a second for each place      */
    DATAPATH_NEARBY_AGAIN_MS = 100,  /* … that nobody is near                                            */
    DATAPATH_NEARBY_MTU_MIN = 1280,  /* below it what is small may be too long for the interface         */
    DATAPATH_NEARBY_MAC = 6,
};

struct datapath_nearby_place {
    uint64_t until_ms;               /* 0: never looked for                      */
    uint8_t to[16];                  /* address; IPv4 as ::ffff:a.b.c.d          */
    bool is_near;
    uint8_t mac[DATAPATH_NEARBY_MAC];
    uint8_t from[16];                /* ours, that the kernel would send from    */
    uint8_t own_mac[DATAPATH_NEARBY_MAC];
};

struct datapath_nearby {
    int fd;                          /* rtnetlink, non-blocking; borrowed          */
    uint32_t interface;
    uint32_t turn;                   /* number of the question that was asked last */
    uint8_t own[16];                 /* where the socket is bound; zeros: anywhere */
    struct datapath_nearby_place place[DATAPATH_NEARBY_PLACES];
};

/* own: address that datagrams come from; ::, or ::ffff:0.0.0.0: whichever the kernel chooses. */
void datapath_nearby_init(struct datapath_nearby *n, int fd, uint32_t interface, const uint8_t own[16]);

/* Where frames for this place go; borrowed until the next call. */
const struct datapath_nearby_place *datapath_nearby_find(struct datapath_nearby *n, uint64_t now_ms, const struct datapath_endpoint *to);

#endif
