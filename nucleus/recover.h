/* Taking over from a nucleus that died. */
#ifndef CELL_NUCLEUS_RECOVER_H
#define CELL_NUCLEUS_RECOVER_H

#include "nucleus/shell.h"

/* Adopt what an earlier nucleus of this node left running; end what nobody recorded. */
enum err recover_adopt(struct shell *s) MUST_CHECK;

#endif
