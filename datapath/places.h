/* The addresses of this machine that peers may reach it at, as its socket's network has them. */
#ifndef CELL_DATAPATH_PLACES_H
#define CELL_DATAPATH_PLACES_H

#include "datapath/config.h"

/* Those of the configuration; without any, where the socket is bound, or, when that is nowhere in particular, the IPv4
 * addresses of all interfaces that are up, but for `device` and `tap` (our own; "": there is none) and loopback. A socket of IPv6 has
 * those, too, which packets leave from to the peers of the configuration and to the world, when it is of the process's own network:
 * of another's, as a supervisor hands over, only the IPv4 ones can be asked. None of a link. One of either family has room. socket: of
 * that network. Returns how many of `ret`. To be called while interfaces may be asked: before the doors close. */
uint32_t datapath_places_own(const struct datapath_settings *s, int socket, const struct datapath_endpoint *at, const char *device,
                             const char *tap, struct datapath_endpoint ret[DATAPATH_CONFIG_PLACES_MAX]);

#endif
