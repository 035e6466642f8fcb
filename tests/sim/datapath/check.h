/* What must hold in every world of overlays. */
#ifndef CELL_TESTS_SIM_DATAPATH_CHECK_H
#define CELL_TESTS_SIM_DATAPATH_CHECK_H

#include "tests/sim/datapath/tenant.h"

/* check_once.c: an inner packet comes to whom it was for, from who sent it, whole, and at most once. */
void check_delivered(struct world *w, uint32_t node, uint32_t from, const uint8_t *packet, size_t size);

/* check_nonce.c: no key seals two packets under one nonce, and no id comes back. */
void check_sent(struct world *w, uint32_t from, uint32_t to, const uint8_t *bytes, size_t size);

/* check_foe.c: what somebody else says moves nobody, is not answered at length, and is not taken. */
void check_foe(struct world *w, uint32_t node, const struct datapath_endpoint *foe, enum datapath_verdict v,
               size_t question, const struct datapath_effects *fx);

/* check_end.c: once nothing goes wrong any more, everything arrives. */
void check_end(struct world *w);

#endif
