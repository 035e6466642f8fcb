/* An address of a node in numbers, as text and back. Nothing is looked up. */
#ifndef CELL_COMMON_NODE_ADDRESS_H
#define CELL_COMMON_NODE_ADDRESS_H

#include "common/node/sealed_wire.h"

enum {
    ADDRESS_SIZE = 56, /* bytes of any text, "[v6]:port", with its terminator */
};

/* Take "10.0.0.1:7401" or "[fd00::1]:7401"; IPv4 becomes IPv4-mapped. ERR_MALFORMED: a name, no port, no address;
 * then *ret is untouched. */
enum err address_parse(const char *text, struct sealed_address *ret) MUST_CHECK;

/* Write the text that parses back. */
void address_format(const struct sealed_address *at, char out[ADDRESS_SIZE]);

#endif
