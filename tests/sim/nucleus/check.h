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
void check_cause_crash(struct world *w, int cell);
void check_cause_end(struct world *w, int cell, int seat, const struct node_effect *e);
void check_restart_spawn(struct world *w, int cell, int seat);
void check_restart_loop(struct world *w, int cell, int seat);
void check_restart_ended(struct world *w, int proc, bool is_sure);
void check_restart_group(struct world *w, int crashed);
uint64_t check_health_limit_ms(const struct world *w, const struct proc *p); /* to find its hang */
void check_health_look(struct world *w, int proc);
bool check_health_may_kill(const struct world *w, const struct proc *p);
bool check_progress_reached(struct world *w, char why[256]);

#endif
