/* What the manifest's `config` tells this cell. */
#ifndef CELL_NODOSUM_CONFIG_H
#define CELL_NODOSUM_CONFIG_H

#include "common/node/dns.h"
#include "common/run/conf.h"
#include "nodosum/meta.h"
#include "nodosum/seeds.h"

enum {
    NODOSUM_CONFIG_PORT = 7402,
    NODOSUM_CONFIG_MEMBERS = 1024,     /* of the table when nothing is said: half a MiB           */
    NODOSUM_CONFIG_PATH_SIZE = 1024,
};

struct nodosum_settings {
    struct nodosum_address listen;     /* used when the supervisor hands over no socket            */
    bool has_advertise;
    struct nodosum_address advertise;  /* where others reach this node; port 0: the socket's       */
    uint32_t members;                  /* the table's room, 2 to NODOSUM_MEMBERS_MAX                */
    uint32_t seeds;
    struct seed seed[SEEDS_MAX];
    char dns[SEEDS_HOST_MAX + 1];         /* SRV name; "": DNS is off                              */
    uint32_t servers;                  /* 0: those of the machine                                  */
    struct sealed_address server[DNS_SERVERS_MAX];
    bool lan;                          /* look for neighbours, and be seen by them                 */
    char keys[NODOSUM_CONFIG_PATH_SIZE]; /* packed keys in a file; "": handed over by the supervisor */
    uint32_t labels;
    struct nodosum_label label[NODOSUM_META_LABELS_MAX];
};

/* Read `text`, YAML as the runtime hands it over; "" gives the defaults. labels: placement.labels of this cell's entry,
 * "disk=nvme,zone=a": what the node says of itself to the others. ERR_INVALID: `why` says which field is wrong, and how;
 * *ret is untouched. ERR_NOMEM. */
enum err nodosum_config_read(const char *text, const char *labels, struct nodosum_settings *ret,
                             char why[CONF_WHY_SIZE]) MUST_CHECK;

#endif
