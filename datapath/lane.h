/* The way past the host's stack, on the cell's side: AF_XDP sockets that the keeper opened (xsk.h), whole frames in and out.
 * Small datagrams that go alone leave by it where the kernel says who is at the other end of the cable (nearby.h); trains
 * stay with the UDP socket, whose kernel cuts them. What comes by either way is the same to whoever reads it. */
#ifndef CELL_DATAPATH_LANE_H
#define CELL_DATAPATH_LANE_H

#include "common/run/loop.h"
#include "datapath/keeper.h"
#include "datapath/nearby.h"
#include "datapath/rings.h"
#include "datapath/underlay.h"

enum {
    DATAPATH_LANE_SMALL = 1232,  /* bytes of a datagram that leaves by it: what IPv6's least mtu carries */
    DATAPATH_LANE_BATCH = 64,    /* frames that are read before others have their turn                   */
    DATAPATH_LANE_MAPS = 4,
};

struct datapath_lane_numbers {
    uint64_t sent, received;  /* datagrams                                                              */
    uint64_t far;             /* … that went by the socket: nobody heard of the neighbour lately         */
    uint64_t full;            /* … for there was no frame to put them in                                 */
    uint64_t broken;          /* frames that were not as they were sent: dropped                         */
    uint64_t foreign;         /* … that the program should not have led here: dropped                    */
};

struct datapath_lane;

struct datapath_lane_queue {
    struct datapath_lane *lane;
    int fd;
    uint8_t *frames;                                /* its part of the memory            */
    struct datapath_ring rx, tx, fill, done;
    struct {
        void *at;
        size_t size;
    } map[DATAPATH_LANE_MAPS];
    uint64_t free[DATAPATH_XSK_TX];                 /* frames to send in                 */
    uint32_t free_count;
    uint64_t taken[DATAPATH_LANE_BATCH];            /* being read                        */
    uint32_t taken_count;
    struct loop_watch *watch;
};

struct datapath_lane {
    enum datapath_choice choice;
    struct datapath_choice_facts facts;  /* what was measured here, and …                      */
    struct datapath_choice_made made;    /* … what followed; before the first word of a keeper zeros */
    bool is_open, is_on;                 /* the sockets are there; … and what comes goes there   */
    bool is_direct;                      /* the driver does without a copy                      */
    uint32_t queues;
    struct datapath_xsk_link link;
    struct datapath_lane_queue queue[DATAPATH_SHIELD_QUEUES];
    uint8_t *memory;
    size_t memory_size;
    int routes;
    uint16_t id;                         /* of the next IPv4 packet                              */
    struct datapath_nearby nearby;
    struct datapath_lane_numbers numbers;
    struct loop *loop;
    void (*ready)(void *context, uint32_t queue);
    void *context;
    uint32_t turn;                       /* how often it was decided, for whoever tells of it           */
    char why[DATAPATH_SHIELD_WHY];       /* why it is not on; "": it is, or nobody wants it      */
};

/* What was measured, and what it says of the ways; `why` has the reason, with `detail` where it is one. */
void datapath_lane_decide(struct datapath_lane *l, const struct datapath_choice_facts *facts, const char *detail);

/* Take what the keeper gave: descriptors from DATAPATH_KEEPER_MEMORY on, which are the lane's afterwards, also after an error
 * (-1 in fds). own: where the UDP socket is bound. Errors of mmap. */
enum err datapath_lane_open(struct datapath_lane *l, const struct datapath_keeper_answer *a, const uint8_t own[16],
                            int fds[DATAPATH_KEEPER_GIVEN]) MUST_CHECK;
void datapath_lane_close(struct datapath_lane *l); /* also what is closed, or was zeroed; numbers and `why` stay */

/* Frames that come are told of: ready(context, queue). Of a lane that is opened later, too, once that was said of it
 * (datapath_lane_watch). ERR_NOMEM. */
enum err datapath_lane_start(struct datapath_lane *l, struct loop *loop, void (*ready)(void *context, uint32_t queue), void *context) MUST_CHECK;
enum err datapath_lane_watch(struct datapath_lane *l) MUST_CHECK;

/* Send one datagram; false: not by this way. from: the socket's port, and what it says of an address. */
bool datapath_lane_send(struct datapath_lane *l, uint64_t now_ms, const struct datapath_endpoint *from, const struct datapath_endpoint *to,
                        const uint8_t *bytes, size_t size);

/* The next datagram of a queue, to be written to until datapath_lane_done; NULL: there is none, or a batch was taken. */
uint8_t *datapath_lane_take(struct datapath_lane *l, uint32_t queue, uint16_t port, struct datapath_endpoint *ret_from, size_t *ret_size);
void datapath_lane_done(struct datapath_lane *l, uint32_t queue);

#endif
