/* The instances' pages of counters: $RUN/pages. See common/run/counters.h. */
#ifndef CELL_NUCLEUS_PAGES_H
#define CELL_NUCLEUS_PAGES_H

#include "nucleus/shell.h"

/* A fresh page for a process that is about to learn who it is; -1 after a line in the log: it counts
 * nowhere. */
int pages_make(struct shell *s, const struct manifest_cell *cell, uint32_t instance,
               uint64_t generation);

/* Remove the pages of instances that are no more. */
void pages_sweep(struct shell *s);

/* Remove them all. */
void pages_remove(struct shell *s);

#endif
