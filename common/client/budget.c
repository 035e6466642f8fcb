#include "common/client/budget.h"

#include <assert.h>

enum {
    ONE = 100, /* a retry, in the budget's unit */
    MOST = BUDGET_BURST * ONE,
};

void budget_init(struct budget *b)
{
    b->per_cent = MOST;
}

void budget_earn(struct budget *b)
{
    assert(b->per_cent <= MOST);
    b->per_cent += BUDGET_PER_CENT;
    b->per_cent = b->per_cent < MOST ? b->per_cent : MOST;
}

bool budget_spend(struct budget *b)
{
    assert(b->per_cent <= MOST);
    if (b->per_cent < ONE) {
        return false;
    }
    b->per_cent -= ONE;
    return true;
}
