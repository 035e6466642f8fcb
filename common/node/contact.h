/* Where a node is reached: "HOST:PORT", as a person writes it and as files and tokens carry it. Pure. */
#ifndef CELL_COMMON_NODE_CONTACT_H
#define CELL_COMMON_NODE_CONTACT_H

#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"

enum {
    CONTACT_MAX = 95,                /* characters of the whole: with a host of at most 87 */
    CONTACT_SIZE = CONTACT_MAX + 1,  /* bytes with the terminator                                 */
};

/* Take "10.0.0.1:7402", "[fd00::1]:7402" or "db-1.example:7402" apart. A host is 1 to 87 of a-z, A-Z,
 * 0-9, '.', '-' and '_', the first and last no '-' or '.', or in brackets hex digits, ':' and '.'; a port
 * is 1 to 65535 without leading zeros. Nothing is looked up. ERR_MALFORMED otherwise; then outputs are
 * untouched. host: without brackets. */
enum err contact_parse(const char *text, char ret_host[CONTACT_SIZE], uint16_t *ret_port) MUST_CHECK;

#endif
