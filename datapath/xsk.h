/* AF_XDP sockets at an interface, one for each of its queues, as the keeper of a shield opens them: frames that its program
 * leads there go past the host's stack, and what is put there leaves without it. Opening takes CAP_NET_RAW and CAP_IPC_LOCK;
 * whoever has the descriptors needs nothing (lane.h). Straight on the kernel's interface: docs/decisions/0021.
 * Source: Linux, Documentation/networking/af_xdp.rst; include/uapi/linux/if_xdp.h. */
#ifndef CELL_DATAPATH_XSK_H
#define CELL_DATAPATH_XSK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"
#include "datapath/shield_shape.h"

enum {
    DATAPATH_XSK_RX = 2048,        /* frames of one queue that may wait for us: 3 MiB of datagrams              */
    DATAPATH_XSK_TX = 256,         /* … that may be on their way out                                            */
    DATAPATH_XSK_FRAME = 2048,     /* bytes of each, of which the kernel keeps 256 before what comes            */
    DATAPATH_XSK_QUEUE = (DATAPATH_XSK_RX + DATAPATH_XSK_TX) * DATAPATH_XSK_FRAME, /* bytes of one queue        */
    DATAPATH_XSK_WHY = 160,
    DATAPATH_XSK_DRIVER = 32,
    DATAPATH_XSK_MTU_MIN = 1280,   /* below it a datagram that needs no cutting is not sure to be one            */
    DATAPATH_XSK_BUSY_MS = 2000,   /* a queue whose socket was just closed takes the next one                    */
};

/* What the interface is. */
struct datapath_xsk_link {
    uint32_t interface, mtu;             /* its index; bytes of a packet                 */
    uint32_t queues;                     /* that it receives with now; 0: it does not say */
    bool is_up;
    uint8_t mac[6];
    char driver[DATAPATH_XSK_DRIVER];    /* "veth"; "": it does not say                  */
};

/* Zeroed, or open. */
struct datapath_xsk {
    uint32_t queues;                     /* with a socket, from 0 on                                */
    int socket[DATAPATH_SHIELD_QUEUES];
    int memory;                          /* memfd that can be neither cut nor grown: DATAPATH_XSK_QUEUE bytes of each queue */
    int routes;                          /* rtnetlink, to ask for ways and neighbours: nearby.h     */
    bool is_direct;                      /* the driver does without a copy                          */
    struct datapath_xsk_link link;
};

/* ERR_NOT_FOUND: no such interface; ERR_UNSUPPORTED: no Ethernet. */
enum err datapath_xsk_look(const char *interface, struct datapath_xsk_link *ret, char why[DATAPATH_XSK_WHY]) MUST_CHECK;

/* One socket for each queue, at most DATAPATH_SHIELD_QUEUES: without a copy where all of them can, else with. An interface
 * of which a queue is taken is refused. After an error `x` has nothing. ERR_DENIED, ERR_EXISTS, ERR_UNSUPPORTED, ERR_NOMEM,
 * ERR_NOT_FOUND. */
enum err datapath_xsk_open(struct datapath_xsk *x, const char *interface, char why[DATAPATH_XSK_WHY]) MUST_CHECK;
/* … one at the first queue alone, with a copy, which changes nothing of the interface: to try what it costs. */
enum err datapath_xsk_try(struct datapath_xsk *x, const char *interface, char why[DATAPATH_XSK_WHY]) MUST_CHECK;
void datapath_xsk_close(struct datapath_xsk *x);

#endif
