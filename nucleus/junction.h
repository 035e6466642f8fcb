/* The supervisor's end of the gap junctions. */
#ifndef CELL_NUCLEUS_JUNCTION_H
#define CELL_NUCLEUS_JUNCTION_H

#include "nucleus/shell.h"

/* Listen for cells that lost an earlier nucleus ($RUN/nucleus/gap.sock). */
enum err junction_open(struct shell *s) MUST_CHECK;
void junction_close(struct shell *s);

/* Make `fd` the slot's junction, replacing an earlier one. Takes fd whatever happens. ERR_NOMEM, ERR_IO. */
enum err junction_begin(struct shell_slot *slot, int fd, enum gap_state state) MUST_CHECK;

/* Close it; none is fine. */
void junction_end(struct shell_slot *slot);

/* Send one message in the junction's order; `fds` ride along, borrowed. ERR_PEER_DEAD: there is no
 * junction; ERR_PRECONDITION: not now; ERR_UNAVAILABLE: the cell does not read. */
enum err junction_say(struct shell_slot *slot, Cell__Gap__ToCell *message, const int *fds,
                      size_t fd_count) MUST_CHECK;

/* Grant a descriptor (borrowed) in place of the one of that name which it has. Errors of junction_say. */
enum err junction_replace(struct shell_slot *slot, char *name, int fd) MUST_CHECK;

/* Ask a cell to finish; what cannot be said is left to the deadline. NULL is fine. */
void junction_drain(struct shell_slot *slot, uint32_t deadline_ms);

/* Who may call manifest entry `cell`, as messages; free with junction_free_grants. ERR_NOMEM. */
enum err junction_grants(const struct shell *s, uint32_t cell, Cell__Gap__CallerGrant ***ret,
                         size_t *ret_count) MUST_CHECK;
void junction_free_grants(Cell__Gap__CallerGrant **list, size_t count);

/* Tell every running cell who may call it under the manifest now in force. */
void junction_regrant(struct shell *s);

#endif
