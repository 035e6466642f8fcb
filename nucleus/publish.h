/* Sockets and directories of the run directory: which exist, and who sees them. */
#ifndef CELL_NUCLEUS_PUBLISH_H
#define CELL_NUCLEUS_PUBLISH_H

#include "nucleus/shell.h"

/* Make the supervisor's own directories and sockets. ERR_EXISTS, ERR_IO … after telling stderr. */
enum err publish_open(struct shell *s) MUST_CHECK;

/* Make the directories of a cell: its doors, with the supervisor's in them, and where it binds. */
enum err publish_prepare(struct shell *s, const struct manifest_cell *cell) MUST_CHECK;

/* Make the state directory of one instance, owned by the cells' user. */
enum err publish_prepare_state(struct shell *s, const struct manifest_cell *cell,
                               uint32_t instance) MUST_CHECK;

/* Let the instance's sockets be found, each replacing what had its name in one step; and take them
 * away. Both may be repeated; NULL is fine. */
void publish_slot(struct shell_slot *slot);
void publish_undo(struct shell_slot *slot);

/* Remove the sockets and directories of this node; what is not ours stays. */
void publish_sweep(struct shell *s);

#endif
