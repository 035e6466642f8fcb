/* Peers that were made at run time (by `wg`, by AddPeer) outlive a restart: their file, and when it is written. */
#ifndef CELL_DATAPATH_KEEP_H
#define CELL_DATAPATH_KEEP_H

#include "common/base/err.h"
#include "common/base/macros.h"
#include "datapath/config.h"
#include "datapath/core.h"
#include "datapath/store.h"
#include "datapath/kin.h"

/* uapi.h's `recall`: memory is a struct datapath_store. */
void datapath_keep_recall(const void *memory, const uint8_t public[DATAPATH_NOISE_KEY], struct datapath_heard *ret);

/* Make the peers of the file in the core, before those of the configuration, which are as they stand there. ERR_OK also
 * when there is no file; ERR_DATA_LOSS: it does not read, ERR_LIMIT: there is not room for all of them.
 * socket: of the overlay, for names of interfaces (scope.h). */
enum err datapath_keep_load(struct datapath_store *store, struct datapath *core, int socket, struct datapath_time now) MUST_CHECK;

/* Write all peers but those of the configuration and those that a rendezvous or membership brought, if they are others than the file has. peers_max: of the core. Blocks
 * as a disk does: who changes peers waits for it. */
enum err datapath_keep_save(struct datapath_store *store, const struct datapath *core, int socket, uint32_t peers_max,
                            const struct datapath_settings *settings, const struct datapath_kin *kin,
                            const struct datapath_ways *ways) MUST_CHECK;

#endif
