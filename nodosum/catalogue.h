/* When what this node offers is told to others: who is ready at once, how well at leisure, and nothing any more when
 * nobody says it again. Pure: time comes in. */
#ifndef CELL_NODOSUM_CATALOGUE_H
#define CELL_NODOSUM_CATALOGUE_H

#include "nodosum/offers.h"

enum {
    NODOSUM_CATALOGUE_VALID_LEAST_MS = 500,
    NODOSUM_CATALOGUE_VALID_MOST_MS = 60000,
    NODOSUM_CATALOGUE_GAP_MS = 20,      /* between two tellings: a storm of changes is told in rounds          */
    NODOSUM_CATALOGUE_SLOW_MS = 5000,   /* … when only a score or latency is another                           */
    NODOSUM_CATALOGUE_SLOW_EACH_MS = 100, /* … and for each living member, if that is more: in a cluster of any
                                           * size ten of these a second, each some packets of every member     */
};

struct nodosum_catalogue {
    struct nodosum_offers told, now;
    uint64_t told_ms;   /* 0: never */
    uint64_t lapse_ms;  /* of `now`; UINT64_MAX: it is empty, or nothing was said yet */
};

/* Nothing is offered. */
void nodosum_catalogue_init(struct nodosum_catalogue *c);

/* These are offered from now on, for valid_ms. ERR_INVALID: valid_ms out of its range; ERR_LIMIT: they do not
 * fit NODOSUM_OFFERS_BYTES; nothing is changed. */
enum err nodosum_catalogue_say(struct nodosum_catalogue *c, uint64_t now_ms, const struct nodosum_offers *offers,
                               uint32_t valid_ms) MUST_CHECK;

/* Whether c->now is to be told; then c->told is the same. living: members, this one included. */
bool nodosum_catalogue_clock(struct nodosum_catalogue *c, uint64_t now_ms, uint32_t living);

/* When nodosum_catalogue_clock may have something to do; UINT64_MAX: not before something is said. */
uint64_t nodosum_catalogue_due_ms(const struct nodosum_catalogue *c, uint32_t living);

#endif
