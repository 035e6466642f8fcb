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
#include "datapath/types.h"

enum {
    DATAPATH_UDP_BATCH = 32,                /* datagrams of one call: beyond that a call costs less than their AEAD */
    DATAPATH_UDP_BUFFER = 4 * 1024 * 1024,  /* bytes that the kernel keeps for us while we are elsewhere            */
};

union datapath_udp_place {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* A batch of datagrams, of one direction. */
struct datapath_udp_batch {
    uint32_t count;
    struct mmsghdr head[DATAPATH_UDP_BATCH];
    struct iovec vector[DATAPATH_UDP_BATCH];
    union datapath_udp_place place[DATAPATH_UDP_BATCH];
    uint8_t bytes[DATAPATH_UDP_BATCH][DATAPATH_ROOM];
};

struct datapath_udp {
    int fd;
    bool is_v6;
    struct datapath_endpoint at; /* where it is bound */
    uint64_t unsent;             /* datagrams that the kernel did not take: lost, as any may be */
    struct datapath_udp_batch in, out;
};

/* Bind at `listen`, or take `*given` if that is a descriptor (-1 afterwards). [::] takes IPv4 too. */
enum err datapath_udp_open(struct datapath_udp *u, const struct datapath_endpoint *listen, int *given) MUST_CHECK;
void datapath_udp_close(struct datapath_udp *u); /* also what was never opened, or zeroed */

/* Room for the next datagram, DATAPATH_ROOM bytes; put says how long it got and where it goes. What is put goes with
 * the next flush, or before, when the batch is full. */
uint8_t *datapath_udp_room(struct datapath_udp *u);
void datapath_udp_put(struct datapath_udp *u, const struct datapath_endpoint *to, size_t size);
void datapath_udp_flush(struct datapath_udp *u);

/* What has come, at most DATAPATH_UDP_BATCH; u->in holds it. Never blocks. */
uint32_t datapath_udp_receive(struct datapath_udp *u);
uint8_t *datapath_udp_at(struct datapath_udp *u, uint32_t index, size_t *ret_size, struct datapath_endpoint *ret_from);

#endif
