/* What news means here: which of two things said about a member holds (SWIM, section 4.2; memberlist's
 * aliveNode, suspectNode, deadNode). A higher incarnation overrides a lower one; within one, left overrides
 * dead, dead overrides suspect, suspect overrides alive. Only a member itself begins a new incarnation. */
#ifndef CELL_NODOSUM_MERGE_H
#define CELL_NODOSUM_MERGE_H

#include "nodosum/state.h"

/* A message of kind ALIVE, SUSPECT, DEAD, LEFT or LIVES that member `from` sent, or a stranger (NODOSUM_NOBODY). True
 * when it changed anything. */
bool nodosum_merge_message(struct nodosum *n, uint16_t from, const struct nodosum_message *m);

/* Tell one member what is known of another, or of itself, at once. */
void nodosum_merge_tell(struct nodosum *n, uint16_t to, uint16_t index);

/* Somebody says something else of this member than we know, in one incarnation: two lives of it share one,
 * because it forgot the first. It is told, and begins a new one. */
void nodosum_merge_conflict(struct nodosum *n, uint16_t index);

/* This node itself holds a member for dead. */
void nodosum_merge_died(struct nodosum *n, uint16_t index);

#endif
