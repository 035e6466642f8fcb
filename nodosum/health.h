/* How well this node itself does, as far as it can tell (Lifeguard, section IV-A): who answers late believes
 * too easily that others are dead. */
#ifndef CELL_NODOSUM_HEALTH_H
#define CELL_NODOSUM_HEALTH_H

#include "nodosum/state.h"

/* A probe was answered; a probe failed for want of our own, we had to refute, or we woke late. */
void nodosum_health_better(struct nodosum *n);
void nodosum_health_worse(struct nodosum *n);

/* `us`, longer the worse this node does: times 1 + the multiplier. */
uint64_t nodosum_health_scaled(const struct nodosum *n, uint64_t us);

/* At the beginning of every step: whether this process was late. Then what it waits for gets the time that it
 * was away, for the answers lie unread in front of it. */
void nodosum_health_wake(struct nodosum *n);

#endif
