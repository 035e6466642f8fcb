/* Whom a member speaks with: those at distances 1, 2, 4, … on the ring of the living, in both directions. So each
 * has 2 log2 n others to keep a session with, whatever n is, everybody is reached over log2 n of them, and all are
 * looked at by as many. Stoica et al., "Chord", SIGCOMM 2001, section 4, with distances in places instead of ids:
 * Chord's differ from member to member by a factor of log n, and the table has every place anyway. */
#ifndef CELL_NODOSUM_FINGERS_H
#define CELL_NODOSUM_FINGERS_H

#include "nodosum/state.h"

/* The member 2^i places after this one; NODOSUM_NOBODY: there are not so many others. */
uint16_t nodosum_fingers_after(const struct nodosum *n, uint32_t i);

/* Whether `index` is one, in either direction. */
bool nodosum_fingers_has(const struct nodosum *n, uint16_t index);

/* The next one to be probed, each in its turn, both directions; NODOSUM_NOBODY: it is alone. */
uint16_t nodosum_fingers_next(struct nodosum *n);

/* Up to `most` different ones drawn at random, none of them `but`. Returns how many. */
uint32_t nodosum_fingers_draw(struct nodosum *n, uint32_t most, uint16_t but, uint16_t *to);

/* The same, first of those that have `target` for a finger themselves: who have a session with it already. */
uint32_t nodosum_fingers_draw_near(struct nodosum *n, uint32_t most, uint16_t target, uint16_t *to);

#endif
