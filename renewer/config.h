/* What the manifest's `config` tells this cell:
 *
 *   issuer: [10.0.0.1:7402]        where joins are answered, in numbers, at most 4; default: the cluster's seeds, and where
 *                                  membership knows the issuer */
#ifndef CELL_RENEWER_CONFIG_H
#define CELL_RENEWER_CONFIG_H

#include "common/node/address.h"
#include "common/run/conf.h"

enum {
    RENEWER_CONFIG_CONTACTS_MAX = 4,
};

struct renewer_config {
    uint32_t contacts;
    struct sealed_address contact[RENEWER_CONFIG_CONTACTS_MAX];
};

/* Read YAML as the runtime hands it over. ERR_INVALID: `why` says what is wrong; *ret is untouched. ERR_NOMEM. */
enum err renewer_config_read(const char *text, struct renewer_config *ret, char why[CONF_WHY_SIZE]) MUST_CHECK;

#endif
