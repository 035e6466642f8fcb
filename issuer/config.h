/* What the manifest's `config` tells this cell:
 *
 *   listen: "[::]:7402"            where joins are answered; both families
 *   advertise: [10.0.0.1:7402]     what tokens say, at most 4; default: this machine's own addresses */
#ifndef CELL_ISSUER_CONFIG_H
#define CELL_ISSUER_CONFIG_H

#include <stdbool.h>

#include "common/node/token.h"
#include "common/run/conf.h"

struct issuer_config {
    char listen[CONTACT_SIZE];
    bool is_default; /* nobody said where to listen: IPv4 alone will do */
    uint32_t contacts;
    char contact[TOKEN_CONTACTS_MAX][CONTACT_SIZE];
};

/* Read YAML as the runtime hands it over; "" gives the defaults. ERR_INVALID: `why` says what is wrong; *ret is
 * untouched. ERR_NOMEM. */
enum err issuer_config_read(const char *text, struct issuer_config *ret, char why[CONF_WHY_SIZE]) MUST_CHECK;

#endif
