/* BLAKE2s as Noise and WireGuard use it: hash, keyed hash, HMAC and the key derivation over that. Pure.
 * Source: RFC 7693; Perrin, "The Noise Protocol Framework", revision 34, section 4.3. */
#ifndef CELL_DATAPATH_HASH_H
#define CELL_DATAPATH_HASH_H

#include <stddef.h>
#include <stdint.h>

enum {
    DATAPATH_HASH_SIZE = 32,
    DATAPATH_HASH_MAC = 16, /* of a keyed hash that stands in a message */
};

/* BLAKE2s-256 of two pieces, one after the other; b may be NULL with size 0. */
void datapath_hash_of(const void *a, size_t a_size, const void *b, size_t b_size, uint8_t ret[DATAPATH_HASH_SIZE]);

/* BLAKE2s-128 under a key of 1 to 32 bytes. */
void datapath_hash_mac(const uint8_t *key, size_t key_size, const void *data, size_t size,
                       uint8_t ret[DATAPATH_HASH_MAC]);

/* HKDF of section 4.3 with `count` outputs, 1 to 3. ret[0] may be `chain` itself. */
void datapath_hash_derive(const uint8_t chain[DATAPATH_HASH_SIZE], const void *input, size_t size, int count,
                          uint8_t ret[][DATAPATH_HASH_SIZE]);

#endif
