/* What must hold in every world of members. */
#ifndef CELL_TESTS_SIM_NODOSUM_CHECK_H
#define CELL_TESTS_SIM_NODOSUM_CHECK_H

#include "tests/sim/nodosum/tenant.h"

/* check_event.c: the stream of events makes sense by itself, whoever lives is not called dead twice, and who left said so. */
void check_event(struct world *w, uint32_t node, uint32_t about, enum nodosum_change change, uint64_t incarnation);

/* check_view.c: what a node knows is what its events said, and nobody knows more than is true. */
void check_step(struct world *w, uint32_t node, const struct nodosum *core);
void check_views(struct world *w);

/* check_catalogue.c: after a time of calm every node's catalogue is what the living offer. */
void check_catalogue(struct world *w);

/* check_end.c: after a time of calm all agree, and they are right. */
void check_end(struct world *w);

#endif
