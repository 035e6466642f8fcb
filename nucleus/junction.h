/* The supervisor's end of the gap junctions. */
#ifndef CELL_NUCLEUS_JUNCTION_H
#define CELL_NUCLEUS_JUNCTION_H

#include "nucleus/shell.h"

enum err junction_open(struct shell *s) MUST_CHECK;
void junction_close(struct shell *s);
enum err junction_begin(struct shell_slot *slot, int fd, enum gap_state state) MUST_CHECK;
void junction_end(struct shell_slot *slot);
enum err junction_say(struct shell_slot *slot, Cell__Gap__ToCell *message, const int *fds,
                      size_t fd_count) MUST_CHECK;
void junction_drain(struct shell_slot *slot, uint32_t deadline_ms);

/* Who may call manifest entry `cell`, as messages; free with junction_free_grants. */
enum err junction_grants(const struct shell *s, uint32_t cell, Cell__Gap__CallerGrant ***ret,
                         size_t *ret_count) MUST_CHECK;
void junction_free_grants(Cell__Gap__CallerGrant **list, size_t count);
void junction_regrant(struct shell *s); /* after a new manifest */

#endif
