/* The Internet checksum (RFC 1071) of what goes through in bulk. Sums are of 16-bit words in the machine's order, which
 * the checksum does not depend on: section 2(B) there. */
#ifndef CELL_DATAPATH_CHECKSUM_H
#define CELL_DATAPATH_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* Add bytes[0..size) to `sum`, any sum so far. An odd last byte counts as if a zero followed: only the last piece may
 * have one. */
uint64_t datapath_checksum_add(uint64_t sum, const uint8_t *bytes, size_t size);

/* The 16 bits that a sum stands for, to be stored as they are in memory: the sum itself, or its complement, which is what
 * a header has. */
uint16_t datapath_checksum_fold(uint64_t sum);
uint16_t datapath_checksum_end(uint64_t sum);

/* What a transport's checksum has from the packet's head: addresses of `size` bytes each, one behind the other, protocol,
 * and length of the transport's head and payload. */
uint64_t datapath_checksum_pseudo(const uint8_t *addresses, size_t size, uint8_t protocol, uint32_t length);

#endif
