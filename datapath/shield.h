/* The shield in the kernel: loaded, hung at an interface, and told what there is to let through. Opening it takes
 * CAP_BPF and CAP_NET_ADMIN, as hanging it anywhere does; what it is told goes through mappings, without a call and
 * without a privilege. The programs are shield.bpf.c.
 *
 * All of it goes when the process does: descriptors are all that holds it (but where the kernel has no tcx, before
 * 6.6: there a clsact filter stays, which the next one replaces). */
#ifndef CELL_DATAPATH_SHIELD_H
#define CELL_DATAPATH_SHIELD_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"
#include "datapath/live.h"
#include "datapath/shield_shape.h"

enum {
    DATAPATH_SHIELD_WHY = 160, /* bytes of a reason, for an operator */
};

struct datapath_shield;

struct datapath_shield_setup {
    uint32_t peers;              /* that there may be */
    uint16_t port;               /* ours              */
    uint8_t mac1_key[32];        /* struct datapath_cookie_keys */
    uint8_t source_key[16];      /* fresh             */
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

/* What it does, and which of the two judges. From the next packet on. */
void datapath_shield_set(struct datapath_shield *s, enum datapath_shield_mode mode, enum datapath_shield_hook hook);

/* Secrets of cookies in use, newest first; count 0 to 2. */
void datapath_shield_cookies(struct datapath_shield *s, const uint8_t secret[][32], uint32_t count);

/* The ids that it lets through: add to and drop from it. */
struct datapath_live *datapath_shield_live(struct datapath_shield *s);

/* What it saw since it was loaded, by verdict, of all processors together. */
void datapath_shield_count(const struct datapath_shield *s, uint64_t ret[DATAPATH_SHIELD_VERDICTS]);

/* The descriptor of a program, for tests: borrowed. */
int datapath_shield_program(const struct datapath_shield *s, enum datapath_shield_hook hook);

#endif
