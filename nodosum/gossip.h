/* News: each member has at most one piece, what is newest of it. News is told a bounded number of times, the
 * least told first (SWIM, section 4.1), in whatever packet has room, and in rounds of its own. */
#ifndef CELL_NODOSUM_GOSSIP_H
#define CELL_NODOSUM_GOSSIP_H

#include "nodosum/state.h"

/* What is known of this member is news from now on, and the next round comes soon. */
void nodosum_gossip_news(struct nodosum *n, uint16_t index);

/* It is no news any more. */
void nodosum_gossip_drop(struct nodosum *n, uint16_t index);

/* Append what is known of a member, as it is told to others; false: no room, or nothing that can be told. */
bool nodosum_gossip_add(struct nodosum *n, uint16_t index, struct nodosum_packet *p);

/* Fill a packet for member `to` (or NODOSUM_NOBODY) with news; what is thought of `to` itself comes first, if
 * it is no good (Lifeguard's buddy system, IV-C). */
void nodosum_gossip_fill(struct nodosum *n, uint16_t to, struct nodosum_packet *p);

/* The round, if it is time. */
void nodosum_gossip_clock(struct nodosum *n);

/* How often a piece of news is told in a cluster of this size: lambda log10(n + 1), rounded up. */
uint32_t nodosum_gossip_times(uint32_t members);

#endif
