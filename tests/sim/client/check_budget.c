/* Claims about load: retries stay within their budget, and are made as long as it lasts. Keeps books
 * of its own. */
#include "tests/sim/client/check.h"

enum {
    TOKEN = 100,               /* hundredths, as the law says: one retry per ten requests, … */
    TOKENS_MAX = 10 * TOKEN,   /* … ten saved up                                            */
    OFFERED_LEAST = 100,       /* the claim about an outage is for more than a handful      */
};

void check_budget_asked(struct world *w)
{
    if (w->asked <= 1) {
        w->tokens = TOKENS_MAX;
        return;
    }
    w->tokens += TOKEN / 10;
    w->tokens = w->tokens < TOKENS_MAX ? w->tokens : TOKENS_MAX;
}

void check_budget_retry(struct world *w, int request)
{
    if (w->tokens < TOKEN) {
        world_fail(w, "request %d is tried again without budget", request);
        return;
    }
    if (w->request[request].got_parts) {
        world_fail(w, "request %d is tried again; half of its answer has been handed on", request);
    }
    w->tokens -= TOKEN;
    w->retries++;
    if (++w->request[request].retries > 3) {
        world_fail(w, "request %d is tried again a fourth time", request);
    }
}

void check_budget_sent(struct world *w)
{
    w->outage_sends += w->in_outage;
}

/* A batch that was refused unread costs the server nothing, and no retry: it is no load that retries make. */
void check_budget_unread(struct world *w)
{
    w->outage_sends -= w->in_outage && w->outage_sends > 0;
}

/* It failed: nothing that could still be done was left undone. */
void check_budget_end(struct world *w, int request, const struct client_effect *fx,
                      uint32_t after_ms)
{
    const struct request *r = &w->request[request];
    uint64_t backoff_ms = (uint64_t)20 << r->retries;
    bool is_said = fx->why == NULL && !r->is_parked;
    bool is_worth_it = fx->e == ERR_PEER_DEAD || (fx->e == ERR_UNAVAILABLE && is_said) ||
                       (fx->e == ERR_LIMIT && after_ms > 0);

    if (is_worth_it && r->ask.is_idempotent && !r->got_parts && r->retries < 3 &&
        w->tokens >= TOKEN && w->now_ms + after_ms + backoff_ms < r->ask.deadline_ms) {
        world_fail(w, "request %d ends with %s after %u retries; there was time for more", request,
                   err_name(fx->e), r->retries);
    }
}

void check_budget_all(struct world *w)
{
    if (w->outage_offered < OFFERED_LEAST) {
        return;
    }
    w->worst = (double)w->outage_sends / (double)w->outage_offered;
    if (w->worst > 1.2) {
        world_fail(w, "in the outage %.2f times the load was offered to the servers", w->worst);
    }
}
