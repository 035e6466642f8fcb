/* How many retries so many requests pay for. Rows share one budget, top to bottom. */
#include "common/base/macros.h"
#include "common/client/budget.h"
#include "tests/support/check.h"

static const struct {
    uint32_t requests;
    uint32_t retries; /* that may be made then */
    const char *why;
} rows[] = {
    {0, BUDGET_BURST, "saved up from the start"},
    {0, 0, "and spent"},
    {9, 0, "nine requests do not pay for one"},
    {1, 1, "ten do"},
    {100, 10, "a hundred pay for ten"},
    {100000, BUDGET_BURST, "no more is ever saved up"},
    {19, 1, "what is left over …"},
    {1, 1, "… is not lost"},
};

int main(void)
{
    struct budget b;

    budget_init(&b);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint32_t retries = 0;
        for (uint32_t k = 0; k < rows[i].requests; k++) {
            budget_earn(&b);
        }
        while (budget_spend(&b)) {
            retries++;
        }
        CHECK(retries == rows[i].retries, "row %zu: %s: %u", i, rows[i].why, retries);
    }
    return CHECK_RESULT();
}
