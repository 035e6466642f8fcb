/* The interface that packets come from and go to: opened, and looked at while it is there, for whoever may can call it something
 * else, make its packets larger or smaller, or move it to another network. */
#ifndef CELL_DATAPATH_DEVICE_H
#define CELL_DATAPATH_DEVICE_H

#include "common/base/err.h"
#include "common/base/macros.h"
#include "common/run/tun.h"

struct datapath_shell;

/* The interface that the supervisor made, or one of our own: s->tun, s->device, s->device_number, s->offloads. After the socket, which
 * is of its network. An mtu that is none of ours is the nearest that is. One in another network is taken, too: its mtu is that of the
 * configuration then, since nobody here can ask. Errors are logged. */
enum err datapath_device_open(struct datapath_shell *s) MUST_CHECK;

/* Its name and mtu as they are now; packets go with the new one from here on. Two system calls; never blocks. */
void datapath_device_look(struct datapath_shell *s);

/* The number of an interface in the socket's network; 0: there is none of that name. And what it is called by now: `name` as it was,
 * where nobody knows. */
uint32_t datapath_device_number(int socket, const char *name);
void datapath_device_name(int socket, uint32_t number, char name[TUN_NAME_SIZE]);

/* What tun_look found, as a cell can use it: an mtu that is too small, too large or 0 (nobody knows) is made one that fits. False: there
 * was nothing to be made. usual: instead of 0. */
bool datapath_device_fit(struct tun_spec *device, uint32_t usual);

#endif
