/* The interface of the overlay: a TUN device, from which the kernel's packets come. */
#ifndef CELL_DATAPATH_TUN_H
#define CELL_DATAPATH_TUN_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"
#include "datapath/allowed.h"

enum {
    DATAPATH_TUN_NAME_SIZE = 16, /* IFNAMSIZ */
    DATAPATH_TUN_WHY_SIZE = 128,
    DATAPATH_TUN_ADDRESSES_MAX = 8,
};

/* An address of the interface, and how many bits its network has. */
struct datapath_tun_address {
    uint8_t ip[DATAPATH_ALLOWED_V6];
    uint8_t size, bits;
};

/* Make the interface (or take it, if it is there and nobody has it), give it its mtu and addresses, and bring it up.
 * Needs CAP_NET_ADMIN in this network namespace and /dev/net/tun: ERR_DENIED, ERR_NOT_FOUND; others: `why` says which
 * step. *ret does not block. The interface goes with the last descriptor of it. */
enum err datapath_tun_open(const char *name, uint32_t mtu, const struct datapath_tun_address *address, size_t count,
                           int *ret, char why[DATAPATH_TUN_WHY_SIZE]) MUST_CHECK;

#endif
