/* What a packet is answered with that is larger than its way carries: "packet too big" (RFC 4443, section 3.2) or
 * "fragmentation needed" (RFC 792; RFC 1191, section 4), as if a router on the way had said it, so that its sender makes
 * smaller ones; and one that is for nobody. Pure. */
#ifndef CELL_DATAPATH_TOOLARGE_H
#define CELL_DATAPATH_TOOLARGE_H

#include <stddef.h>
#include <stdint.h>

enum {
    DATAPATH_TOOLARGE_MOST = 1280, /* bytes of an answer: what every path of IPv6 carries */
    DATAPATH_TOOLARGE_V4 = 576,    /* … and of IPv4: RFC 1812, section 4.3.2.3            */
    DATAPATH_TOOLARGE_V6_LEAST = 1280, /* no path of IPv6 carries less: RFC 8200, section 5 */
};

/* Write it into `out`, DATAPATH_TOOLARGE_MOST bytes: `packet` is too large, and its way carries `most` bytes. Returns its
 * size; 0: this packet gets none, for it may be cut (IPv4 without "do not fragment"; IPv6 below what it has everywhere),
 * or is itself a complaint or a later fragment (RFC 1122, section 3.2.2). */
size_t datapath_toolarge_write(const uint8_t *packet, size_t size, uint32_t most, uint8_t *out);

/* … of which nobody knows whose its inner address is: "host unreachable" (RFC 792), "address unreachable" (RFC 4443, section 3.1), as
 * WireGuard in the kernel has it, so that its sender need not wait. 0: also of one that is for many, or from nobody. */
size_t datapath_toolarge_unreached(const uint8_t *packet, size_t size, uint8_t *out);

#endif
