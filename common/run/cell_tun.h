/* What a cell knows of interfaces that it is handed: it may be in another network than they are, and cannot look. */
#ifndef CELL_COMMON_RUN_CELL_TUN_H
#define CELL_COMMON_RUN_CELL_TUN_H

#include "common/base/name.h"
#include "common/run/cell.h"
#include "common/run/tun.h"

/* One, by its descriptor's name, and what it was made with. */
struct cell_tun {
    char descriptor[2 * NAME_SIZE];
    size_t count;
    struct tun_address address[TUN_ADDRESSES_MAX];
};

/* The addresses that the supervisor gave to the interface of this name ("tun.overlay"), at most TUN_ADDRESSES_MAX; how many. 0: it
 * has none, or there is no such one. Also after its descriptor was taken. */
size_t cell_tun_addresses(const struct cell *cell, const char *name, struct tun_address *ret);

#endif
