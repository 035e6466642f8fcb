/* Neighbours on the local network: the sockets and the clock around lan.h. Two sockets: one of the group, which
 * every process of a machine may share and each hears; one of its own, from which it speaks and where it is
 * answered, for an answer to a shared port would reach one of those processes at random. */
#ifndef CELL_NODOSUM_NEIGHBOURS_H
#define CELL_NODOSUM_NEIGHBOURS_H

#include "common/node/keys.h"
#include "common/run/loop.h"
#include "nodosum/lan.h"

enum {
    NODOSUM_NEIGHBOURS_PEERS = 4096,  /* remembered: 1 MiB; a local network has no more addresses to speak of */
    NODOSUM_NEIGHBOURS_TURN_MAX = 64, /* packets read before the loop's other work gets its turn            */
    NODOSUM_NEIGHBOURS_HOPS = 1,      /* the group's packets do not leave the local network                 */
};

struct nodosum_neighbours {
    int group, own;                   /* -1: none */
    struct loop_watch *group_watch, *own_watch;
    struct loop_timer *timer;
    void *memory;
    struct nodosum_lan *lan;          /* in memory */
    struct nodosum_lan_effects fx;
    /* Who is there has changed. */
    void (*changed)(void *context);
    void *context;
};

/* Open the sockets, on the interface that has `self` (an IPv4 address; another: the machine's choice). With the
 * doors open. On error what went wrong is logged and everything is closed. */
enum err nodosum_neighbours_open(struct nodosum_neighbours *n, const struct nodosum_address *self) MUST_CHECK;

/* This machine's address is another now: speak from the interface that has it, and hear the group there too. On one
 * that is closed it does nothing; what fails is logged, for the cable may be out. System call: setsockopt. */
void nodosum_neighbours_move(struct nodosum_neighbours *n, const struct nodosum_address *self);

/* Begin to look: keys and name of this node, its port for members, its life. */
enum err nodosum_neighbours_start(struct nodosum_neighbours *n, struct loop *loop, const struct node_keys *keys,
                                  uint16_t port, uint64_t life, void (*changed)(void *context),
                                  void *context) MUST_CHECK;

/* Other cluster keys from now on. On one that is closed it does nothing. */
void nodosum_neighbours_rekey(struct nodosum_neighbours *n, const struct node_keys *keys);

/* Say farewell and close everything. Safe on one that is half open or closed. */
void nodosum_neighbours_close(struct nodosum_neighbours *n);

#endif
