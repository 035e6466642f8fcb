/* Taking over from a nucleus that died: adopt every cell that lives, restart none. */
#ifndef CELL_NUCLEUS_RECOVER_H
#define CELL_NUCLEUS_RECOVER_H

#include "nucleus/shell.h"

/* Make s->node and, in a recovery, fill it and s->slots from the ledger: a recorded process that
 * still runs (same pid, same start time) is adopted, a child of the guard that no record names is
 * killed. ERR_NOMEM, ERR_IO. */
enum err recover_adopt(struct shell *s) MUST_CHECK;

/* Before a ledger of `dir` is started anew: end what it records and what still runs. It is of a node that was killed whole, guard
 * and all, and its cells, which look for a supervisor for a while, hold what new ones need: a store, a port, an interface.
 * Returns when they are gone, after RECOVER_LEFT_MS at most; the caller holds the node's lock. Blocking. */
enum { RECOVER_LEFT_MS = 5000 };
void recover_end_left(const char *dir);

#endif
