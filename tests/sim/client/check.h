/* What must hold in every world. Called by the shell before an effect happens, by the clockwork and
 * at the end; each file of checkers says what it claims. */
#ifndef CELL_TESTS_SIM_CLIENT_CHECK_H
#define CELL_TESTS_SIM_CLIENT_CHECK_H

#include "tests/sim/client/world.h"

void check_once_sent(struct world *w, int request);
void check_once_done(struct world *w, int request);
void check_end_effect(struct world *w, int request, const struct client_effect *fx);
void check_end_all(struct world *w);
void check_budget_asked(struct world *w);
void check_budget_retry(struct world *w, int request);
void check_budget_end(struct world *w, int request, const struct client_effect *fx,
                      uint32_t after_ms);
void check_budget_sent(struct world *w);
void check_budget_unread(struct world *w);
void check_budget_all(struct world *w);
void check_breaker_given(struct world *w, int request, int server);
void check_breaker_failed(struct world *w, int request, int server);
void check_breaker_answered(struct world *w, int request, int server);
void check_breaker_left(struct world *w, int request, int server);
void check_breaker_refused(struct world *w, int request);
void check_breaker_connected(struct world *w, int server);
void check_count_step(struct world *w);
void check_count_all(struct world *w);
void check_balance_given(struct world *w, int request, int server);
void check_balance_listed(struct world *w);
void check_balance_all(struct world *w);
void check_progress_all(struct world *w);

#endif
