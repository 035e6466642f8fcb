/* Sockets and directories of the run directory. */
#ifndef CELL_NUCLEUS_PUBLISH_H
#define CELL_NUCLEUS_PUBLISH_H

#include "nucleus/shell.h"

enum err publish_open(struct shell *s) MUST_CHECK;
/* Make the directories of a cell: its doors, with the supervisor's in them, and where it binds. */
enum err publish_prepare(struct shell *s, const struct manifest_cell *cell) MUST_CHECK;
/* Make the state directory of one instance. */
enum err publish_prepare_state(struct shell *s, const struct manifest_cell *cell,
                               uint32_t instance) MUST_CHECK;
void publish_slot(struct shell_slot *slot);
void unpublish_slot(struct shell_slot *slot);
void publish_sweep(struct shell *s); /* at start: remove what an earlier node left */

#endif
