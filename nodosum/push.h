/* News along a tree: whoever is the first to know hands each of its fingers the part of the ring between it and the
 * next one, and each of these does the same with its part: every member hears it once, after log2 n hops at most
 * (El-Ansary, Alima, Brand, Haridi, "Efficient Broadcast in Structured P2P Networks", IPTPS 2003). What is lost on
 * the way, or goes past members that one of them does not know, gossip and comparisons bring. */
#ifndef CELL_NODOSUM_PUSH_H
#define CELL_NODOSUM_PUSH_H

#include "nodosum/state.h"

/* What is known of this member is news here first: all are told at once, or when the last push is
 * NODOSUM_PUSH_GAP_MS ago. Of more than NODOSUM_PUSH_MAX at one time only gossip tells. */
void nodosum_push_news(struct nodosum *n, uint16_t index);

/* What is known of it is none any more. */
void nodosum_push_drop(struct nodosum *n, uint16_t index);

/* Push what waits, if it is time. */
void nodosum_push_clock(struct nodosum *n);

/* A pushed piece of news holds here: is it to be passed on up to `last`? */
bool nodosum_push_is_due(const struct nodosum *n, uint16_t index, const struct nodosum_message *m, uint64_t last);

/* Pass on what is known of these. */
void nodosum_push_pass(struct nodosum *n, const uint16_t *index, uint32_t count, uint64_t last);

#endif
