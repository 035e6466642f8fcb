/* Datagrams of our own that come back by our own interface: the route to a peer, or to where he may be, leads into the overlay. Sealed
 * once more they would come again, for ever, and a way that leads through itself carries nothing. WireGuard in the kernel refuses
 * to send there at all ("routing loop to peer"); who has no right to ask for routes sees it when it comes. */
#ifndef CELL_DATAPATH_LOOP_H
#define CELL_DATAPATH_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "datapath/types.h"

struct datapath_shell;

/* Whether this packet of the interface is one, whole or the first part of one: from our port and an address of this host that its cell
 * knows, and to where a peer is, or a signal. It is counted and said. Cheap for what is not from there. */
bool datapath_loop_take(struct datapath_shell *s, const uint8_t *packet, size_t size);

#endif
