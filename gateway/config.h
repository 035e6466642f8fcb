/* What the manifest's `config` tells this cell:
 *
 *   exports:                       what other nodes may reach; nothing when nothing is said
 *     - {cell: greeter, nodes: [db-2, db-3]}
 *     - {cell: lab/raft, nodes: ["*"], callers: [lab/raft]}   by these cells of theirs alone
 *   nodes: [db-2=10.0.0.2:7401]    where nodes are, when membership does not say; at most 64
 *   port: 7401                     of the gateways whose node membership knows */
#ifndef CELL_GATEWAY_CONFIG_H
#define CELL_GATEWAY_CONFIG_H

#include "common/node/contact.h"
#include "common/run/conf.h"
#include "gateway/exports.h"

enum {
    GATEWAY_CONFIG_PORT = 7401,
    GATEWAY_CONFIG_NODES_MAX = 64,
};

struct gateway_place {
    char node[NAME_SIZE];
    char contact[CONTACT_SIZE]; /* HOST:PORT */
};

struct gateway_config {
    struct gateway_exports exports;
    uint32_t places;
    struct gateway_place place[GATEWAY_CONFIG_NODES_MAX];
    uint16_t port;
};

/* Read YAML as the runtime hands it over; "" gives the defaults. *ret: 400 KB. ERR_INVALID: `why` says which field is wrong,
 * and how; *ret is untouched. ERR_NOMEM. */
enum err gateway_config_read(const char *text, struct gateway_config *ret, char why[CONF_WHY_SIZE]) MUST_CHECK;

#endif
