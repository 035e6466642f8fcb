/* Probes: a ping, a second one and pings by way of others, and what follows from no answer (SWIM, section
 * 3.1). Also the pings that others ask this node for. */
#ifndef CELL_NODOSUM_PROBE_H
#define CELL_NODOSUM_PROBE_H

#include "nodosum/state.h"

/* Start this period's probe if it is time, and see to those under way. */
void nodosum_probe_clock(struct nodosum *n);

/* When nodosum_probe_clock has something to do. */
uint64_t nodosum_probe_due_us(const struct nodosum *n);

/* Look at a member at once, out of turn; nothing when it is being probed already. tells_place: and say where this node
 * is. false: as many as may be are being probed. */
bool nodosum_probe_look(struct nodosum *n, uint16_t index, bool tells_place);

/* Say in a packet where this node is, if it knows and there is room. */
void nodosum_probe_place(const struct nodosum *n, struct nodosum_packet *p);

/* An ACK or a NACK from member `from`. */
void nodosum_probe_acked(struct nodosum *n, uint16_t from, const struct nodosum_message *m);
void nodosum_probe_nacked(struct nodosum *n, uint16_t from, const struct nodosum_message *m);

/* Member `from` asks for a ping of m->id. */
void nodosum_probe_asked(struct nodosum *n, uint16_t from, const struct nodosum_message *m);

/* How long to wait for the answer of a member: RFC 6298's timeout, within limits. */
uint64_t nodosum_probe_timeout_us(const struct nodosum_member *m);

#endif
