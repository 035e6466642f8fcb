/* Mount namespaces of the dead. A process that ends takes its namespace apart before its parent hears of
 * its end, and the kernel waits twice for all CPUs meanwhile: measured 90 us idle, 200 us and more on a
 * busy host, of a restart's 500. So the supervisor holds each namespace open, and lets go of it when the
 * replacement has been started. */
#ifndef CELL_NUCLEUS_MOUNTS_H
#define CELL_NUCLEUS_MOUNTS_H

#include "nucleus/shell.h"

enum err mounts_open(struct shell *s) MUST_CHECK;
void mounts_close(struct shell *s);

/* Hold the namespace of the slot's process. Before Linux 6.11 this does nothing. */
void mounts_hold(struct shell_slot *slot);

/* Let go of it in a moment; `fd` is taken, -1 is fine. */
void mounts_leave(struct shell *s, int fd);

#endif
