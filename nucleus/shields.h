/* Shields that the manifest wants in front of a cell's UDP socket: judged in the kernel, which takes rights that neither the
 * cell has nor this process lends it. A keeper has them, one process for one life of a cell (datapath/keeper.h says what the
 * two speak); here it is started, told which interface, port and address it may concern itself with, and waited for. One that
 * ended before its cell did is followed by another, which the cell is granted in its place: so it is when somebody kills it,
 * and when it ends by itself, since its interface is not what it was. */
#ifndef CELL_NUCLEUS_SHIELDS_H
#define CELL_NUCLEUS_SHIELDS_H

#include "nucleus/sockets.h"

enum {
    SHIELDS_NAME_SIZE = NAME_SIZE + 8, /* "shield." and a name                                         */
    SHIELDS_AGAIN_MS = 100,            /* after the end of one until the next begins …                 */
    SHIELDS_AGAIN_MS_MAX = 60000,      /* … doubled up to this, and back when one lasted as long       */
};

/* What a Genesis hands over: the keeper's socket, which is the cell's alone then. */
struct shields_grant {
    int fd; /* -1: there is none */
    char name[SHIELDS_NAME_SIZE];
};

/* Start a keeper for the socket of `c`, whose life is the slot's, that is to have a shield, of those in `sockets`. One that
 * cannot be started is logged; the cell gets a socket with nobody at its other end: it does without, and says so. */
void shields_open(struct shell_slot *slot, const struct manifest_cell *c, const struct sockets_grant *sockets, struct shields_grant *ret);

/* Our copy of the socket goes: from now on the keeper ends when its cell does. */
void shields_close(struct shields_grant *g);

/* A keeper that an earlier supervisor started, whose cells are adopted: it is watched as ours are. False: it is none. */
bool shields_adopt(struct shell *s, pid_t pid);

/* A cell that lived through its supervisor's end is heard again: if it is to have a shield and its keeper ended meanwhile, or never
 * had a successor, another one follows. Where the manifest leaves the port to the kernel nobody here knows it, and none does. */
void shields_rejoined(struct shell_slot *slot);

/* Those that still run are left to the guard. */
void shields_leave(struct shell *s);

/* Whether this process is one, of this or an earlier supervisor: in nobody's record, and to be left alone, for it ends
 * with its cell. */
bool shields_is_keeper(pid_t pid);

#endif
