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
    struct datapath_heard heard;
    uint8_t check[4]; /* CRC-32C of what is before it */
};

enum {
    DATAPATH_STORE_RECORDS_MAX = 2 * DATAPATH_PEERS_MAX, /* also of peers that were removed and may come back */
    DATAPATH_STORE_PEERS_MAX = 16 * 1024 * 1024, /* bytes of the file `peers`: room for 16,384 with 60,000 prefixes */
};

struct datapath_store {
    int dir;             /* -1: nothing is kept */
    int fd;              /* `stamps`            */
    uint64_t stamp_ns;   /* the newest of earlier lives; then our own life's number */
    uint32_t records, room;
    struct datapath_store_record *record; /* as in the file, behind its head; zeros: a damaged one, its place is free. Owned */
    uint32_t replaced;   /* places taken from others because there were DATAPATH_STORE_RECORDS_MAX */
};

/* Why something could not be written into that state directory, for a person. */
const char *datapath_store_why(const char *directory, enum err e);

/* Open or make the file in `directory` ("": nothing is kept, and that is no error) and read it. Records that are torn
 * are left out. */
enum err datapath_store_open(struct datapath_store *s, const char *directory) MUST_CHECK;
void datapath_store_close(struct datapath_store *s); /* also what was zeroed */

/* A life of ours begins: its number, in stamp_ns from now on, is greater than any life's and any stamp before, also after a
 * clock that was set back and a life that began no handshake. It is written before anything is said in it; that it could
 * not be is ERR_IO, and it holds all the same. */
enum err datapath_store_begin(struct datapath_store *s, uint64_t wall_ns) MUST_CHECK;

/* What an earlier life heard from this peer; zeros: nothing. */
void datapath_store_heard(const struct datapath_store *s, const uint8_t public[DATAPATH_NOISE_KEY], struct datapath_heard *ret);

/* Write our newest stamp and the peer's record, in the place that it has had since it was first heard: whatever number it
 * has in this life, it takes nobody else's. A write without sync: it outlives this process, and after a loss of power the
 * wall's clock is ahead of what is lost. ERR_IO, ERR_NOMEM. */
enum err datapath_store_keep(struct datapath_store *s, uint64_t stamp_ns,
                             const struct datapath_peer_config *config) MUST_CHECK;

/* Peers that were made at run time: a text (uapi.h) in the file `peers`, replaced in one step that survives a power cut.
 * Without a directory ERR_OK, and nothing is kept. Blocks as a disk does. */
enum err datapath_store_put_peers(struct datapath_store *s, const char *text, size_t size) MUST_CHECK;

/* The text into fresh memory (free it; keys are in it); ERR_NOT_FOUND: there is none. */
enum err datapath_store_get_peers(struct datapath_store *s, char **ret, size_t *ret_size) MUST_CHECK;

#endif
