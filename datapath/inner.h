/* The head of a packet that goes through the overlay, which anybody behind it can have written. */
#ifndef CELL_DATAPATH_INNER_H
#define CELL_DATAPATH_INNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct datapath_inner {
    size_t address_size;        /* 4 or 16                        */
    const uint8_t *source, *destination; /* in the packet         */
    size_t size;                /* what the head says, <= given   */
};

/* Read it. False: neither IPv4 (RFC 791) nor IPv6 (RFC 8200), or longer than the bytes that there are. */
bool datapath_inner_read(const uint8_t *bytes, size_t size, struct datapath_inner *ret);

#endif
