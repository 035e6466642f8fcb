/* Names and numbers of DNS messages (RFC 1035, sections 3.1, 4.1.1 and 4.1.4), as questions, answers and whoever serves
 * them read and write them. Pure. */
#ifndef CELL_COMMON_NODE_DNS_NAME_H
#define CELL_COMMON_NODE_DNS_NAME_H

#include "common/node/dns_wire.h"

enum {
    DNS_HEADER = 12,
    DNS_NAME_WIRE_MAX = 255,
    DNS_LABEL_MAX = 63,
    DNS_CLASS_IN = 1,
    DNS_FLAG_ANSWER = 0x80,    /* byte 2 of the header */
    DNS_OPCODE = 0x78,
    DNS_FLAG_AUTHORITY = 0x04,
    DNS_FLAG_CUT = 0x02,
    DNS_FLAG_RECURSE = 0x01,
    DNS_CODE = 0x0f,           /* byte 3 */
};

struct dns_reader {
    const uint8_t *bytes;
    size_t size, at;
    bool is_good; /* false for good once something was read past the end or is no name */
};

/* The next `width` bytes, at most 4, as a number; 0 when they are not there. */
uint32_t dns_reader_get(struct dns_reader *r, size_t width);

/* A name, compressed or not, in lower case, without the last dot. A pointer points before the name it ends, and before the
 * one it was followed from: so there is no loop, and no more steps than bytes. Empty: the root, or a name that no host has
 * (of a printer, with blanks), which is nobody here. */
void dns_reader_name(struct dns_reader *r, char out[DNS_NAME_MAX + 1]);

/* Write a name of 1 to DNS_NAME_MAX characters, labels of 1 to 63, without a dot at its end. Its size; 0: it is none. */
size_t dns_name_write(const char *name, uint8_t out[DNS_NAME_WIRE_MAX]);

/* Whether a name is this one, which is in lower case. */
bool dns_name_same(const char *name, const char *lower);

void dns_put_16(uint8_t *at, uint32_t value);

#endif
