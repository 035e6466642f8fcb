/* What a cell is handed beside its directories (keys of the node, and sockets), and what it may ask. */
#ifndef CELL_NUCLEUS_MANIFEST_GRANT_H
#define CELL_NUCLEUS_MANIFEST_GRANT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/name.h"

/* Keys of the node that a cell is handed, as bits: `sandbox.keys`. */
enum {
    MANIFEST_KEYS_DATAGRAM = 1, /* to speak datagrams with other nodes: struct node_keys              */
    MANIFEST_KEYS_TLS = 2,      /* the node's certificate and its key, the cluster's authority        */
    MANIFEST_KEYS_ISSUER = 4,   /* the authority's key: to let nodes in; on the initial node alone    */
    MANIFEST_KEYS_RENEW = 8,    /* to ask the issuer what is new: nothing that signs                  */
    MANIFEST_KEYS_KINDS = 4,
};

enum {
    MANIFEST_LISTEN_MAX = 8, /* sockets of one cell: with its keys and counters they fit one gap message  */
};

/* A socket that is bound before the cell starts, and handed to it as descriptor listen.<name>. */
struct manifest_listen {
    char name[NAME_SIZE];
    bool is_udp;      /* else TCP, listening */
    bool is_v6;       /* [::] takes IPv4 too */
    uint8_t ip[16];   /* of IPv4 the first four */
    uint16_t port;    /* 0: any that is free */
};

struct manifest_cell;

/* Whether one of the caller's rights (may_call) is for operations of this cell by its own name. `*.Operation` is not: it
 * is for what all cells have. */
bool manifest_may_call(const struct manifest_cell *caller, const char *cell);

/* Whether they reach this cell on any other node. */
bool manifest_may_leave(const struct manifest_cell *caller, const char *cell);

#endif
