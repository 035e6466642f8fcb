/* Taking over from a nucleus that died: adopt every cell that lives, restart none. */
#ifndef CELL_NUCLEUS_RECOVER_H
#define CELL_NUCLEUS_RECOVER_H

#include "nucleus/shell.h"

/* Make s->node and, in a recovery, fill it and s->slots from the ledger: a recorded process that
 * still runs (same pid, same start time) is adopted, a child of the guard that no record names is
 * killed. ERR_NOMEM, ERR_IO. */
enum err recover_adopt(struct shell *s) MUST_CHECK;

#endif
