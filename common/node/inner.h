/* Where a node is inside a network of its cluster: an address that follows from who it is, so that nobody has to give addresses
 * out, and nobody can say that another's is his. Pure. */
#ifndef CELL_COMMON_NODE_INNER_H
#define CELL_COMMON_NODE_INNER_H

#include <stdbool.h>

#include "common/node/keys.h"

enum {
    INNER_HOST_BITS_MIN = 8, /* bits of an address that the network leaves to its nodes, at least */
};

/* Whether ip[0..size) with so many bits is a network in which addresses can follow from ids: nothing is set behind its bits,
 * which leave INNER_HOST_BITS_MIN. size: 4 or 16. */
bool inner_is_network(const uint8_t *ip, size_t size, uint8_t bits);

/* The address of `id` in a network for which inner_is_network holds: its bits, and behind them those of a BLAKE2b of the id (RFC
 * 7693), of the first that are neither all zeros nor all ones, which mean the network and all of it (RFC 4291, 2.6.1; RFC 919, 7).
 * Two nodes may have one: of n nodes with h bits about one in 2^(h+1) / n^2 times. */
void inner_derive(const uint8_t id[NODE_ID_LEN], const uint8_t *network, size_t size, uint8_t bits, uint8_t *ret);

#endif
