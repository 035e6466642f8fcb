/* The members: by id, by turn of being probed, by place on the ring of ids. */
#ifndef CELL_NODOSUM_TABLE_H
#define CELL_NODOSUM_TABLE_H

#include "nodosum/state.h"

/* The index of `id`, or NODOSUM_NOBODY. O(log n). */
uint16_t nodosum_table_find(const struct nodosum *n, const struct nodosum_id *id);

/* The place in n->sorted of the first member whose short id is not less; n->count: none. O(log n). */
uint32_t nodosum_table_lower(const struct nodosum *n, uint64_t short_id);

/* A new member, ALIVE. When the table is full it takes the place of the one that is dead longest;
 * NODOSUM_NOBODY: all live. O(n), for the orders. */
uint16_t nodosum_table_add(struct nodosum *n, const struct nodosum_id *id, uint64_t incarnation,
                           const struct nodosum_about *about);

/* Forget a member that is neither itself nor living. */
void nodosum_table_remove(struct nodosum *n, uint16_t index);

/* What it says about itself from now on. */
void nodosum_table_describe(struct nodosum *n, uint16_t index, const struct nodosum_about *about);

/* Change its state and the counts that follow from it. */
void nodosum_table_set(struct nodosum *n, uint16_t index, enum nodosum_state state);

bool nodosum_table_is_living(const struct nodosum_member *m);

/* The next to be probed in the shuffled round robin (SWIM, section 4.3); NODOSUM_NOBODY: it is alone. */
uint16_t nodosum_table_next(struct nodosum *n);

/* The living member `steps` places after `index` on the ring, or before it when negative, without itself;
 * NODOSUM_NOBODY: there are not so many others. O(log n). */
uint16_t nodosum_table_ring(const struct nodosum *n, uint16_t index, int steps);

/* Places from one living member on to another, round the ring. O(log n). */
uint32_t nodosum_table_apart(const struct nodosum *n, uint16_t from, uint16_t to);

/* Up to `most` different living members drawn at random, none of them itself or `but`. Returns how many. */
uint32_t nodosum_table_draw(struct nodosum *n, uint32_t most, uint16_t but, uint16_t *to);

/* Forget who is dead or left for too long. */
void nodosum_table_reap(struct nodosum *n);

#endif
