/* Claims about the end: every request ends once, by its deadline, with an error that is true. */
#include <inttypes.h>

#include "tests/sim/client/check.h"

static void check_unavailable(struct world *w, int request, const struct client_effect *fx)
{
    const struct request *r = &w->request[request];

    if (fx->why == NULL) {
        if (r->said != ERR_UNAVAILABLE && !r->is_parked) {
            world_fail(w, "request %d ends with UNAVAILABLE, which nobody said", request);
        }
    } else if (!r->ask.is_hasty) {
        check_breaker_refused(w, request);
    }
}

void check_end_effect(struct world *w, int request, const struct client_effect *fx)
{
    const struct request *r = &w->request[request];
    uint64_t deadline_ms = r->ask.deadline_ms;

    if (r->is_ended || !r->is_asked) {
        world_fail(w, "request %d ends twice", request);
    }
    if (w->now_ms > deadline_ms) {
        world_fail(w, "request %d ends %" PRIu64 " ms after its deadline", request,
                   w->now_ms - deadline_ms);
    }
    if (r->was_cancelled != (fx->e == ERR_CANCELLED)) {
        world_fail(w, "request %d was%s cancelled and ends with %s", request,
                   r->was_cancelled ? "" : " not", err_name(fx->e));
    } else if (fx->e == ERR_TIMEOUT && w->now_ms < deadline_ms) {
        world_fail(w, "request %d times out %" PRIu64 " ms early", request, deadline_ms - w->now_ms);
    } else if (fx->e == ERR_PEER_DEAD && !r->was_lost) {
        world_fail(w, "request %d ends with PEER_DEAD, its connection stood", request);
    } else if (fx->e == ERR_UNAVAILABLE) {
        check_unavailable(w, request, fx);
    } else if ((fx->e == ERR_OK || fx->e == ERR_INVALID || fx->e == ERR_NOT_LEADER ||
                fx->e == ERR_LIMIT) && r->said != fx->e) {
        world_fail(w, "request %d ends with %s, it was told %s", request, err_name(fx->e),
                   err_name(r->said));
    }
}

void check_end_all(struct world *w)
{
    for (int i = 0; i < w->asked; i++) {
        if (!w->request[i].is_ended) {
            world_fail(w, "request %d never ends", i);
        }
    }
}
