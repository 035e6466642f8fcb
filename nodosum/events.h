/* The journal of changes, for watchers that come back with a revision. */
#ifndef CELL_NODOSUM_EVENTS_H
#define CELL_NODOSUM_EVENTS_H

#include "nodosum/state.h"

void nodosum_events_add(struct nodosum *n, enum nodosum_change change, uint16_t index);

#endif
