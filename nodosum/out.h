/* Packets of a step, in the order in which they are begun. */
#ifndef CELL_NODOSUM_OUT_H
#define CELL_NODOSUM_OUT_H

#include "nodosum/state.h"

/* An empty packet for a member, or for whoever listens at a seed's address. NULL: the step has sent as much
 * as it may (counted). Borrowed until the next one is begun. An empty packet is not sent. */
struct nodosum_packet *nodosum_out_to(struct nodosum *n, uint16_t index);
struct nodosum_packet *nodosum_out_at(struct nodosum *n, const struct nodosum_address *at);

/* For a stranger who sent us something. */
struct nodosum_packet *nodosum_out_back(struct nodosum *n, const struct nodosum_id *id,
                                        const struct nodosum_address *at);

/* Measured, or where it says that it is: both of one member in one step are one effect. */
void nodosum_out_rtt(struct nodosum *n, uint16_t index, uint32_t rtt_us);
void nodosum_out_heard(struct nodosum *n, uint16_t index, const struct nodosum_place *place);

/* Drop empty packets and count the others. */
void nodosum_out_end(struct nodosum *n);

#endif
