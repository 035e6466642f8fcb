/* What `config` of the manifest entry says. */
#ifndef CELL_VIVALDI_SETTINGS_H
#define CELL_VIVALDI_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/run/conf.h"

enum {
    VIVALDI_SETTINGS_PEERS = 1024, /* as many as membership has by default */
};

struct vivaldi_settings {
    uint32_t dims, peers;
    bool has_height;
};

/* Read it. ERR_INVALID: `why` names the field; *ret is untouched. */
enum err vivaldi_settings_read(const char *text, struct vivaldi_settings *ret, char why[CONF_WHY_SIZE]) MUST_CHECK;

#endif
