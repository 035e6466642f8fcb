/* The supervisor's listening sockets, which outlive it: the guard holds them for its successor. */
#ifndef CELL_NUCLEUS_DOORS_H
#define CELL_NUCLEUS_DOORS_H

#include "nucleus/shell.h"

enum {
    DOORS_PATH = SHELL_PATH_SIZE + 32
};

/* Fill s->door_fd: a predecessor's sockets where they are still in place (s->has_doors), else new
 * ones. The descriptors are given on to the runtime's doors and to the junction, which close them.
 * ERR_EXISTS, ERR_IO … after telling stderr. */
enum err doors_open(struct shell *s) MUST_CHECK;

/* Where the socket of `door` is. */
void doors_path(const struct shell *s, enum guard_door door, char out[DOORS_PATH]);

#endif
