/* Sockets that the manifest wants bound: made here, where there may be the right to, and handed over. */
#ifndef CELL_NUCLEUS_SOCKETS_H
#define CELL_NUCLEUS_SOCKETS_H

#include "common/run/jail.h"
#include "nucleus/shell.h"

enum {
    SOCKETS_NAME_SIZE = NAME_SIZE + 8,       /* "listen." and a name                                     */
    SOCKETS_BUFFER_BYTES = 4 << 20,          /* of a UDP socket, each way: what comes while the cell starts,
                                              * or while others have the processor, is not lost          */
};

/* What a Genesis hands over. Descriptors are borrowed: they stay bound here for the cell's next process, so who
 * connects between two of them waits instead of being refused. */
struct sockets_grant {
    int fd[MANIFEST_LISTEN_MAX];
    char name[MANIFEST_LISTEN_MAX][SOCKETS_NAME_SIZE];
    size_t count;
};

/* Bind what `c` listens at and is not bound yet. On an error *ret has none and `why` is one line that names the
 * socket and what is missing: ERR_EXISTS (somebody else has the address), ERR_DENIED (a port below the host's
 * first unprivileged one, without CAP_NET_BIND_SERVICE), ERR_NOT_FOUND (no address of this host),
 * ERR_UNSUPPORTED (no IPv6), ERR_PRECONDITION (another instance than the first), ERR_NOMEM … */
enum err sockets_open(struct shell *s, const struct manifest_cell *c, uint32_t instance, struct sockets_grant *ret,
                      char why[JAIL_WHY_SIZE]) MUST_CHECK;

/* For a cell with a UDP socket of both families: by which it asks for addresses and routes of this network, which it may not be in, to
 * tell others where it is. A socket of rtnetlink, which changes nothing for who has no right to (the kernel looks at
 * who sends). It is handed over as "addresses", and is the caller's. -1: it is not such a cell, or there is none. */
int sockets_addresses(const struct manifest_cell *c);

/* What an earlier supervisor bound for cells that live on: paths are known as theirs, so that they go with the cells; the
 * sockets themselves are bound again for a cell's next process. */
void sockets_adopt(struct shell *s);

/* Close those of cells that have no instance any more, or that listen elsewhere now. */
void sockets_sweep(struct shell *s);

/* Close them all. */
void sockets_close(struct shell *s);

#endif
