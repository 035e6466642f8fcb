/* Questions that every host answers: ICMP echo (RFC 792) and ICMPv6 echo (RFC 4443, section 4), to measure the way through
 * the overlay to whoever is behind it, a cell or any other WireGuard. Pure. */
#ifndef CELL_DATAPATH_ECHO_H
#define CELL_DATAPATH_ECHO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DATAPATH_ECHO_TOKEN = 16, /* bytes that come back: who knows them was asked */
    DATAPATH_ECHO_SIZE_MAX = 40 + 8 + DATAPATH_ECHO_TOKEN,
};

/* Write a question from one address to another, both of `size` bytes (4 or 16); the packet's size. */
size_t datapath_echo_write(const uint8_t *source, const uint8_t *destination, size_t size,
                           const uint8_t token[DATAPATH_ECHO_TOKEN], uint8_t ret[DATAPATH_ECHO_SIZE_MAX]);

/* Whether a packet of valid length is the answer of `who` to the question with this token. */
bool datapath_echo_is_answer(const uint8_t *packet, size_t packet_size, const uint8_t *who, size_t size,
                             const uint8_t token[DATAPATH_ECHO_TOKEN]);

#endif
