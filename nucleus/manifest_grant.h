/* What a cell is handed beside its directories (keys of the node, sockets, interfaces), and what it may ask. */
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
    MANIFEST_LISTEN_MAX = 8,       /* sockets of one cell: with its keys, counters, interfaces and shield they fit one
                                    * gap message                                                                      */
    MANIFEST_LISTEN_PATH_SIZE = 108, /* sun_path                                                                       */
    MANIFEST_INTERFACE_SIZE = 16,  /* IFNAMSIZ                                                                         */
};

/* A socket that is bound before the cell starts, and handed to it as descriptor listen.<name>. */
struct manifest_listen {
    char name[NAME_SIZE];
    bool is_udp;      /* else it listens: TCP, or … */
    bool is_unix;     /* … at `path`; the rest is zero then */
    bool is_v6;       /* [::] takes IPv4 too */
    uint8_t ip[16];   /* of IPv4 the first four */
    uint16_t port;    /* 0: any that is free */
    char path[MANIFEST_LISTEN_PATH_SIZE];
    char shield[MANIFEST_INTERFACE_SIZE]; /* of a UDP socket: what comes to it there is judged in the kernel, by what the
                                           * cell says by way of descriptor shield.<name>; "": nowhere, as of most */
    uint32_t mark;    /* SO_MARK, by which the host's rules of routing and filters know what leaves by it; 0: none */
};

enum {
    MANIFEST_TUN_MAX = 2,              /* interfaces of one cell, of both kinds together                */
    MANIFEST_TUN_ADDRESSES_MAX = 8,
    MANIFEST_TUN_MTU_MIN = 576,
    MANIFEST_TUN_MTU_MAX = 9000,
    MANIFEST_TUN_MTU_DEFAULT = 1420,   /* 1,500 less what IPv6, UDP and an encrypted packet's frame take */
    MANIFEST_TAP_MTU_DEFAULT = 1500,   /* what other Ethernets have                                                  */
};

struct manifest_tun_address {
    uint8_t ip[16];   /* of IPv4 the first four */
    bool is_v6;
    uint8_t bits;     /* of its network         */
};

/* A TUN or TAP interface that is made before the cell starts, and handed to it as descriptor tun.<name> or tap.<name>. */
struct manifest_tun {
    bool is_tap;
    char name[NAME_SIZE];
    char interface[MANIFEST_INTERFACE_SIZE];
    uint32_t mtu;
    uint32_t address_count;
    struct manifest_tun_address address[MANIFEST_TUN_ADDRESSES_MAX];
};

struct manifest_cell;

/* Whether one of the caller's rights (may_call) is for operations of this cell by its own name. `*.Operation` is not: it
 * is for what all cells have. */
bool manifest_may_call(const struct manifest_cell *caller, const char *cell);

/* Whether they reach this cell on any other node. */
bool manifest_may_leave(const struct manifest_cell *caller, const char *cell);

#endif
