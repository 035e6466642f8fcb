/* Where other nodes are, as people write it: addresses and names, with and without a port. */
#ifndef CELL_COMMON_NODE_SEEDS_H
#define CELL_COMMON_NODE_SEEDS_H

#include "common/base/err.h"
#include "common/base/macros.h"
#include "common/node/sealed_wire.h"

enum {
    SEEDS_MAX = 16,                           /* of one configuration                          */
    SEEDS_HOST_MAX = 253,                     /* characters of a host's name (RFC 1035, 2.3.4) */
    SEEDS_TEXT_SIZE = SEEDS_HOST_MAX + 1 + 8, /* with its port and a terminator                */
    SEEDS_LABEL_MAX = 63,                     /* characters between two dots                   */
};

struct seed {
    bool is_name;                   /* host is to be resolved; address has the port alone */
    char host[SEEDS_HOST_MAX + 1];  /* lower case, without the last dot; "" for an address */
    struct sealed_address address;
};

/* Parse "10.0.0.1", "10.0.0.1:7402", "fd00::1", "[fd00::1]:7402", "db.example.org", "db.example.org:7402".
 * port: when the text has none. ERR_MALFORMED: none of these, a port of 0 or over 65535, the address of
 * nobody (0.0.0.0, ::), of a group, or a name that is no host's. On error *ret is untouched. */
enum err seeds_parse(const char *text, uint16_t port, struct seed *ret) MUST_CHECK;

/* The same for an address alone, which may be that of nobody: where to listen. */
enum err seeds_parse_address(const char *text, uint16_t port, struct sealed_address *ret) MUST_CHECK;

/* Whether `text` may be a host's name or a service's (_cell._udp.example.org): labels of letters, digits,
 * '-' and '_', dots between them, perhaps one at the end. */
bool seeds_is_host(const char *text);

/* Whether it is 127.0.0.0/8 or ::1; whether it is 0.0.0.0 or ::. */
bool seeds_is_loopback(const struct sealed_address *a);
bool seeds_is_nowhere(const struct sealed_address *a);
bool seeds_is_v4(const struct sealed_address *a);

#endif
