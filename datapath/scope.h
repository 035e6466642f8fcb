/* The interface that an address of a link stands for: a name for people and `wg`, a number for the kernel. Both as the network has
 * them that `socket` is of, which need not be this process's own; -1: no names, numbers alone.
 * Source: RFC 4007, 11; getaddrinfo(3), which takes a name first, and getnameinfo(3). */
#ifndef CELL_DATAPATH_SCOPE_H
#define CELL_DATAPATH_SCOPE_H

#include "datapath/text.h"

/* at->scope of what stands behind '%', a name or else a number; "": there is nothing, it stays. False: there is no such interface. */
bool datapath_scope_find(int socket, const char *scope, struct datapath_endpoint *at);

/* As text.h has them, with names: "[fe80::1%eth0]:51820". Read: false, too, when there is no such interface. */
bool datapath_scope_read_place(int socket, const char *text, struct datapath_endpoint *ret);
void datapath_scope_write_place(int socket, const struct datapath_endpoint *at, char ret[DATAPATH_TEXT_PLACE_SIZE]);

#endif
