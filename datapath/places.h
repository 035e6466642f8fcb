/* The addresses of this machine that peers may reach it at, as its socket's network has them. */
#ifndef CELL_DATAPATH_PLACES_H
#define CELL_DATAPATH_PLACES_H

#include "datapath/config.h"

enum {
    DATAPATH_PLACES_LOOK_MS = 10000, /* between looks at those of IPv6, which come and go; of IPv4 a rendezvous sees the one that counts */
    DATAPATH_PLACES_V6 = 2,          /* of them have room in any case: a global and a unique local one, where there are both  */
};

struct datapath_places {
    int addresses;               /* socket of rtnetlink; -1: those of IPv6 are not asked for */
    uint32_t turn;               /* of its questions                                         */
    uint16_t port;
    uint32_t own[2];             /* our interfaces, whose addresses are no places            */
    uint32_t v4;
    struct datapath_endpoint at_v4[DATAPATH_CONFIG_PLACES_MAX];
    uint32_t count;              /* what others are told                                     */
    struct datapath_endpoint place[DATAPATH_CONFIG_PLACES_MAX];
};

/* Those of the configuration; without any, where the socket is bound, or, when that is nowhere in particular, the IPv4
 * addresses of all interfaces that are up, but for `device` and `tap` (our own; "": there is none) and loopback, and with a socket of
 * IPv6 those of it, global and unique local, that are there to stay (neither temporary nor deprecated), one of a network. None of a
 * link. socket: of that network. *given: a socket of rtnetlink of that network, which is taken; -1: one of the own network is made.
 * To be called while interfaces may be asked: before the doors close. */
void datapath_places_open(struct datapath_places *p, const struct datapath_settings *s, int socket, int *given, const struct datapath_endpoint *at,
                          const char *device, const char *tap);

/* Look at those of IPv6 again; whether *p has others now. Never blocks. */
bool datapath_places_look(struct datapath_places *p);

void datapath_places_close(struct datapath_places *p); /* also what was zeroed with addresses -1 */

#endif
