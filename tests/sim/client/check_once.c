/* Claims about how often: what may not be done twice is not; nothing is sent for ever. */
#include "tests/sim/client/check.h"

void check_once_sent(struct world *w, int request)
{
    const struct request *r = &w->request[request];
    uint32_t most = 1 + r->follows + (r->ask.is_idempotent ? CLIENT_RETRIES_MAX : 0);

    w->sends++;
    if (r->follows > 1) {
        world_fail(w, "request %d followed %u hints", request, r->follows);
    }
    if (r->sends > most) {
        world_fail(w, "request %d, %s, is sent %u times", request,
                   r->ask.is_idempotent ? "idempotent" : "not idempotent", r->sends);
    }
}

void check_once_done(struct world *w, int request)
{
    const struct request *r = &w->request[request];

    if (!r->ask.is_idempotent && r->done > 1) {
        world_fail(w, "request %d is not idempotent and was carried out %u times", request, r->done);
    }
}
