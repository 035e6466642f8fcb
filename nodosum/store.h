/* The incarnation that outlives this process, in the cell's state directory: a member that comes back begins
 * with a higher one than it ever had, so nothing said of its earlier life holds it down. */
#ifndef CELL_NODOSUM_STORE_H
#define CELL_NODOSUM_STORE_H

#include "common/base/err.h"
#include "common/base/macros.h"
#include "nodosum/types.h"

enum {
    /* The file runs ahead of what is in use, so that a refutation waits for no disk: one write for this many. */
    NODOSUM_STORE_AHEAD = 64,
};

struct nodosum_store {
    int dir_fd;           /* -1: nowhere to keep it */
    uint64_t reserved;    /* on disk                */
};

/* Open the file in directory `path` ("": none is granted) and reserve. *ret_incarnation: the one to begin with,
 * without a file or with a damaged one seconds of the wall's clock (now_s), which are more than a cluster's
 * refutations add up to. Errors of the disk leave the store closed; the incarnation is set all the same.
 * File "incarnation": "CELLNODI" 8, incarnation 8, CRC-32C of both 4, big-endian. */
enum err nodosum_store_open(struct nodosum_store *s, const char *path, uint64_t now_s,
                            uint64_t *ret_incarnation) MUST_CHECK;

/* `incarnation` is in use now: reserve again before it runs past what is on disk. */
enum err nodosum_store_use(struct nodosum_store *s, uint64_t incarnation) MUST_CHECK;

/* Safe on a closed one. */
void nodosum_store_close(struct nodosum_store *s);

#endif
