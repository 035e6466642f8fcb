/* Keys: files that nobody else may read. */
#ifndef CELL_DATAPATH_SECRETS_H
#define CELL_DATAPATH_SECRETS_H

#include "common/base/err.h"
#include "common/base/macros.h"
#include "datapath/config.h"

/* Our private key into `ret` (with `membership` it is there already): of the file that `s` names, or of `directory` (the state directory, "": none), where one
 * is made if there is none. Then the pre-shared keys of the peers in `s`: of their files, or from the cluster's secret.
 * What is wrong is logged. ERR_DENIED: others may read a file; ERR_MALFORMED: there is no key in it;
 * ERR_PRECONDITION: nowhere to have a key; others as errno says. */
enum err datapath_secrets_load(struct datapath_settings *s, const char *directory,
                               uint8_t ret[DATAPATH_NOISE_KEY]) MUST_CHECK;

#endif
