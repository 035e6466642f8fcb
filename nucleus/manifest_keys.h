/* Which keys of the node a cell is handed: `sandbox.keys`, as bits. */
#ifndef CELL_NUCLEUS_MANIFEST_KEYS_H
#define CELL_NUCLEUS_MANIFEST_KEYS_H

enum {
    MANIFEST_KEYS_DATAGRAM = 1, /* to speak datagrams with other nodes: struct node_keys              */
    MANIFEST_KEYS_TLS = 2,      /* the node's certificate and its key, the cluster's authority        */
    MANIFEST_KEYS_ISSUER = 4,   /* the authority's key: to let nodes in; on the initial node alone    */
    MANIFEST_KEYS_KINDS = 3,
};

#endif
