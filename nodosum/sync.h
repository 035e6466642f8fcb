/* Comparing what two members know, by ranges of ids: hashes of ranges first, rows of those that differ, then
 * the differences alone, in both directions (Meyer, "Range-Based Set Reconciliation", 2023). In place of
 * memberlist's push-pull of everything, which at 1,000 members is 100 KB every time. No state: each packet is
 * answered for itself, and a lost one is made up for by the next comparison. */
#ifndef CELL_NODOSUM_SYNC_H
#define CELL_NODOSUM_SYNC_H

#include "nodosum/state.h"

/* Begin a comparison if it is time, and look for seeds and for members held dead. */
void nodosum_sync_clock(struct nodosum *n);

/* There was a difference or a change: somebody may not know. The next comparison comes soon, and the one after
 * it a little later. */
void nodosum_sync_hurry(struct nodosum *n);

/* When nodosum_sync_clock has something to do. */
uint64_t nodosum_sync_due_us(const struct nodosum *n);

/* Ask member `to` whether it knows more of one member than we do. */
void nodosum_sync_ask(struct nodosum *n, uint16_t to, uint16_t index);

/* A DIGEST, ROWS or WANT from member `from`. */
void nodosum_sync_message(struct nodosum *n, uint16_t from, const struct nodosum_message *m);

#endif
