/* A wall clock that somebody sets, for a program that is linked with wall.c: five times a second, from its first look on in
 * each process. Every other time to an hour ahead, and then ten minutes later than ever before, so that also who takes the
 * latest time that he saw is moved; in between to hours before. The clocks that nobody can set stay as they are. */
#ifndef CELL_TESTS_SUPPORT_WALL_H
#define CELL_TESTS_SUPPORT_WALL_H

#include <stdatomic.h>

/* Not 0: so many seconds ahead (below 0: ago) from now on, instead of what is drawn. */
extern atomic_long wall_ahead_s;

#endif
