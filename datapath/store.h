/* What outlives a restart: the newest stamp of ours, and of each peer the newest stamp that it said. Without it a
 * recorded initiation would be answered once more, and after a clock that was set back nobody would hear us. */
#ifndef CELL_DATAPATH_STORE_H
#define CELL_DATAPATH_STORE_H

#include "common/base/err.h"
#include "common/base/macros.h"
#include "datapath/types.h"

/* One record of the file `stamps`, after a head of the same size. */
struct datapath_store_record {
    uint8_t public[DATAPATH_NOISE_KEY];
    uint8_t heard[DATAPATH_MESSAGE_TIME];
    uint8_t check[4]; /* CRC-32C of what is before it */
};

struct datapath_store {
    int fd;              /* -1: nothing is kept */
    uint64_t stamp_ns;   /* of earlier lives    */
    uint32_t records;
    struct datapath_store_record *record; /* of earlier lives; owned */
};

/* Open or make the file in `directory` ("": nothing is kept, and that is no error) and read it. Records that are torn
 * are left out. */
enum err datapath_store_open(struct datapath_store *s, const char *directory) MUST_CHECK;
void datapath_store_close(struct datapath_store *s); /* also what was zeroed */

/* What an earlier life heard from this peer; zeros: nothing. */
void datapath_store_heard(const struct datapath_store *s, const uint8_t public[DATAPATH_NOISE_KEY],
                          uint8_t ret[DATAPATH_MESSAGE_TIME]);

/* Write our newest stamp and the record of `peer`. A write without sync: it outlives this process, and after a loss of
 * power the wall's clock is ahead of what is lost. ERR_IO. */
enum err datapath_store_keep(struct datapath_store *s, uint64_t stamp_ns, uint32_t peer,
                             const struct datapath_peer_config *config) MUST_CHECK;

#endif
