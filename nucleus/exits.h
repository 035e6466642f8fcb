/* Deaths, noticed by pidfd within microseconds, and the guard that reaps what is not our child. */
#ifndef CELL_NUCLEUS_EXITS_H
#define CELL_NUCLEUS_EXITS_H

#include "nucleus/shell.h"

/* Listen to the guard. ERR_PRECONDITION: there is none on its descriptor. */
enum err exits_open(struct shell *s) MUST_CHECK;
void exits_close(struct shell *s);

/* Watch slot->pidfd; its end is fed as EXITED with the exact status wherever the kernel or the guard
 * knows it. ERR_NOMEM. */
enum err exits_watch(struct shell_slot *slot) MUST_CHECK;

/* The slot's recorded process ended while no supervisor ran: wait a moment for the guard to say how,
 * then feed its end as EXITED. ERR_NOMEM. */
enum err exits_expect(struct shell_slot *slot) MUST_CHECK;

/* Signal the slot's process, by pidfd: never another one. NULL or no process is fine. */
void exits_signal(struct shell_slot *slot, int signal_number);

/* Let the guard hold these listening sockets for a successor of ours. ERR_PEER_DEAD, ERR_IO …: then
 * a successor makes its own. */
enum err exits_keep_doors(const struct shell *s, const int fd[GUARD_DOORS]) MUST_CHECK;

/* Tell the guard a GUARD_… kind. Unheard is logged. */
void exits_tell_guard(struct shell *s, uint32_t kind);

#endif
