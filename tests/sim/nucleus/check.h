/* What must hold in every world. Called by the shell before an effect happens, by the clockwork when
 * time is due, and at the end; each file of checkers says what it claims. */
#ifndef CELL_TESTS_SIM_NUCLEUS_CHECK_H
#define CELL_TESTS_SIM_NUCLEUS_CHECK_H

#include "tests/sim/nucleus/world.h"

void check_process_spawn(struct world *w, int cell, int seat, const struct node_effect *e);
void check_process_effect(struct world *w, int cell, int seat, const struct node_effect *e);
void check_process_step(struct world *w);
void check_order_spawn(struct world *w, int cell, int seat);
void check_order_end(struct world *w, int cell, int seat, const struct node_effect *e);
bool check_cause_group(const struct world *w, int cell, uint64_t since_ms); /* crashed below */
void check_cause_end(struct world *w, int cell, int seat, const struct node_effect *e);
void check_restart_spawn(struct world *w, int cell, int seat);
void check_restart_loop(struct world *w, int cell, int seat);
void check_restart_ended(struct world *w, int proc, bool is_sure);
void check_restart_group(struct world *w, int crashed);
void check_health_look(struct world *w, int proc);
bool check_progress_reached(struct world *w, char why[256]);

#endif
