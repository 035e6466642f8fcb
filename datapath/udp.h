/* The socket to the peers: many datagrams with one call, both ways. */
#ifndef CELL_DATAPATH_UDP_H
#define CELL_DATAPATH_UDP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/base/err.h"
#include "common/base/macros.h"
#include "datapath/lane.h"
#include "datapath/types.h"

enum {
    DATAPATH_UDP_BATCH = 8,                /* buffers of one receiving call                                        */
    DATAPATH_UDP_ROOM = 65536,             /* … each: as many datagrams of one size as the kernel had together     */
    DATAPATH_UDP_TRAIN = 65000,            /* bytes that go with one call, in datagrams of one size: less than
                                            * IPv4's longest packet                                                */
    DATAPATH_UDP_TRAIN_MAX = 64,           /* … datagrams: what kernels take since there is UDP_SEGMENT            */
    DATAPATH_UDP_BUFFER = 4 * 1024 * 1024, /* bytes that the kernel keeps for us while we are elsewhere            */
};

union datapath_udp_place {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* Datagrams to one place that go with one call: all of one size, but for a shorter last one. */
struct datapath_udp_train {
    struct datapath_endpoint to;
    uint32_t count, each;
    size_t begin, end;           /* of bytes                                      */
    bool is_closed;              /* the last is shorter: nothing may follow       */
    uint8_t bytes[2 * DATAPATH_UDP_TRAIN + DATAPATH_ROOM + DATAPATH_MESSAGE_RELAY];
};

union datapath_udp_control {
    struct cmsghdr align;
    uint8_t bytes[CMSG_SPACE(sizeof(int))];
};

struct datapath_udp_inbox {
    struct mmsghdr head[DATAPATH_UDP_BATCH];
    struct iovec vector[DATAPATH_UDP_BATCH];
    union datapath_udp_place place[DATAPATH_UDP_BATCH];
    union datapath_udp_control control[DATAPATH_UDP_BATCH];
    uint8_t bytes[DATAPATH_UDP_BATCH][DATAPATH_UDP_ROOM];
};

struct datapath_udp_numbers {
    uint64_t sent, sends;         /* datagrams, and calls that they took       */
    uint64_t received, receives;  /* … and buffers in which they came          */
    uint64_t unsent;              /* datagrams that the kernel did not take: lost, as any may be */
    bool is_held;                 /* a packet filter of this host took one of these; whoever reads it clears it */
    uint64_t singly;              /* trains that went one by one, for the kernel took them only so */
};

struct datapath_udp {
    int fd;
    bool is_v6;
    bool can_train, has_trains;  /* the kernel cuts what we send: UDP_SEGMENT; and joins what comes: UDP_GRO; … and it is done so */
    struct datapath_endpoint at; /* where it is bound */
    uint32_t mark;               /* SO_MARK: what the host's rules know its datagrams by; 0: none */
    struct datapath_lane *lane;  /* past the host's stack, for what goes alone; NULL: none. Borrowed */
    struct datapath_udp_numbers numbers;
    struct datapath_udp_train out;
    struct datapath_udp_inbox in;
};

/* A socket that is bound there; of ::, for both families. ERR_NOT_FOUND: no address of this host; ERR_UNSUPPORTED: no IPv6;
 * others as errno says, and _why in words. */
enum err datapath_udp_bind(const struct datapath_endpoint *at, int *ret) MUST_CHECK;
const char *datapath_udp_bind_why(enum err e);

/* Bind at `listen`, or take `*given` if that is a descriptor (-1 afterwards). [::] takes IPv4 too. is_plain: one datagram
 * a call, as if the kernel had nothing better. */
enum err datapath_udp_open(struct datapath_udp *u, const struct datapath_endpoint *listen, bool is_plain,
                           int *given) MUST_CHECK;
/* Give the socket this mark (0: as it is), and look at what it has. Needs CAP_NET_ADMIN: ERR_DENIED. */
enum err datapath_udp_mark(struct datapath_udp *u, uint32_t mark) MUST_CHECK;
/* Whether what can go in trains does, from now on. */
void datapath_udp_trains(struct datapath_udp *u, bool is_wanted);
void datapath_udp_close(struct datapath_udp *u); /* also what was never opened, or zeroed */

/* Room for the next datagram, DATAPATH_ROOM bytes; put says how long it got and where it goes (to->relay: with what that
 * relay wants before it). What is put goes with
 * the next flush, or before, when it cannot go with those before it. */
uint8_t *datapath_udp_room(struct datapath_udp *u);
void datapath_udp_put(struct datapath_udp *u, const struct datapath_endpoint *to, size_t size);
void datapath_udp_flush(struct datapath_udp *u);

/* Send one now that must arrive whole or not at all: it is not fragmented, neither here nor on the way. After what was
 * put before it. */
void datapath_udp_send_whole(struct datapath_udp *u, const struct datapath_endpoint *to, const uint8_t *bytes, size_t size);

/* Buffers that have come, at most DATAPATH_UDP_BATCH; u->in holds them until the next call. Never blocks. */
uint32_t datapath_udp_receive(struct datapath_udp *u);

/* What is in buffer `index`: *ret_size bytes in datagrams of *ret_each, the last one of what is left. */
uint8_t *datapath_udp_at(struct datapath_udp *u, uint32_t index, size_t *ret_size, size_t *ret_each,
                         struct datapath_endpoint *ret_from);

/* Why no datagram of this socket can come to somebody there, whatever the network does; NULL: one can. */
const char *datapath_udp_unreachable(const struct datapath_udp *u, const struct datapath_endpoint *at);

#endif
