/* Deaths, noticed by pidfd, and the guard. */
#ifndef CELL_NUCLEUS_EXITS_H
#define CELL_NUCLEUS_EXITS_H

#include "nucleus/shell.h"

enum err exits_open(struct shell *s) MUST_CHECK;
void exits_close(struct shell *s);
enum err exits_watch(struct shell_slot *slot) MUST_CHECK;
void exits_signal(struct shell_slot *slot, int signal_number);
void exits_tell_guard(struct shell *s, uint32_t kind);

#endif
