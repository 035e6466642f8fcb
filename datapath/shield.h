/* The shield in the kernel: loaded, and hung at an interface. Opening it takes CAP_BPF, CAP_PERFMON and
 * CAP_NET_ADMIN, hanging it anywhere the last of these. What it is told and what it counts goes through its maps (shield_maps.h). The programs are shield.bpf.c.
 *
 * All of it goes when the process does: descriptors are all that holds it (but where the kernel has no tcx, before
 * 6.6: there a clsact filter stays, which the next one replaces). */
#ifndef CELL_DATAPATH_SHIELD_H
#define CELL_DATAPATH_SHIELD_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"
#include "datapath/shield_maps.h"

enum {
    DATAPATH_SHIELD_WHY = 160, /* bytes of a reason, for an operator */
};

struct datapath_shield;

struct datapath_shield_setup {
    uint32_t peers;              /* that there may be */
    uint16_t port;               /* ours              */
    uint32_t own_count;          /* our addresses, at most DATAPATH_SHIELD_OWN_MAX; 0: all that come here are */
    uint8_t own[DATAPATH_SHIELD_OWN_MAX][16];
};

/* Load it; it judges nothing before a mode is set. ERR_UNSUPPORTED: this build or this kernel has no BPF; ERR_DENIED:
 * no right to it; ERR_INVALID: the setup; ERR_NOMEM, ERR_IO. `why` says which in words. */
enum err datapath_shield_open(const struct datapath_shield_setup *setup, struct datapath_shield **ret,
                              char why[DATAPATH_SHIELD_WHY]) MUST_CHECK;
void datapath_shield_close(struct datapath_shield *s); /* NULL is fine */

/* Hang a program at an interface: tcx, or clsact where the kernel has no tcx; XDP natively, in the driver. ERR_EXISTS:
 * somebody else's XDP program is there, and stays; ERR_UNSUPPORTED: the driver has no XDP, or it is no Ethernet;
 * ERR_NOT_FOUND: no such interface; ERR_DENIED; ERR_PRECONDITION: it hangs already. */
enum err datapath_shield_attach(struct datapath_shield *s, enum datapath_shield_hook hook, uint32_t interface,
                                char why[DATAPATH_SHIELD_WHY]) MUST_CHECK;
void datapath_shield_detach(struct datapath_shield *s, enum datapath_shield_hook hook); /* also what does not hang */

/* Which addresses are ours now, instead of those of the setup. */
enum err datapath_shield_own(struct datapath_shield *s, uint32_t count, const uint8_t own[][16],
                             char why[DATAPATH_SHIELD_WHY]) MUST_CHECK;

/* The maps that a cell is given, borrowed; returns how many processors count in them. */
uint32_t datapath_shield_descriptors(const struct datapath_shield *s, int ret[DATAPATH_SHIELD_MAPS]);

/* Frames of that queue which pass XDP may go to this AF_XDP socket, which is borrowed; it counts as long as it is open. */
enum err datapath_shield_socket(struct datapath_shield *s, uint32_t queue, int socket, char why[DATAPATH_SHIELD_WHY]) MUST_CHECK;

/* The descriptor of a program, for tests: borrowed. */
int datapath_shield_program(const struct datapath_shield *s, enum datapath_shield_hook hook);

#endif
