/* Suspicions: how long, who shares them, what comes of them (SWIM, section 4.2; Lifeguard, IV-B). */
#ifndef CELL_NODOSUM_SUSPECT_H
#define CELL_NODOSUM_SUSPECT_H

#include "nodosum/state.h"

/* A suspicion of a living member by these accusers (short ids, at least one). True when that was new: then
 * it is news, and whoever of us stands beside the suspect on the ring looks for itself. */
bool nodosum_suspect_heard(struct nodosum *n, uint16_t index, const uint64_t *accuser, uint32_t count);

/* This node suspects a member, for it did not answer. */
void nodosum_suspect_accuse(struct nodosum *n, uint16_t index);

/* Whether this node is one of those who suspect it. */
bool nodosum_suspect_is_accuser(const struct nodosum *n, uint16_t index);

/* Those whose time is over are dead. */
void nodosum_suspect_clock(struct nodosum *n);

/* The earliest end of a suspicion, or UINT64_MAX. */
uint64_t nodosum_suspect_due_us(const struct nodosum *n);

/* How long a suspicion lasts that `confirmed` members share with the first, of `members` living ones. */
uint64_t nodosum_suspect_time_us(const struct nodosum_tuning *t, uint32_t members, uint32_t confirmed);

#endif
