/* Claims about counts: what the core holds to be outstanding is. */
#include "tests/sim/client/check.h"

/* Of those who wait: they may, shut or not. */
static int steady_at(const struct world *w, const struct server *v)
{
    int count = 0;

    for (int i = 0; i < v->queued; i++) {
        count += w->request[v->queue[i]].ask.is_steady;
    }
    return count;
}

void check_count_step(struct world *w)
{
    for (int s = 0; s < w->servers; s++) {
        const struct server *v = &w->server[s];
        if (v->endpoint.outstanding != v->held) {
            world_fail(w, "server %d has %u requests, the core counts %u", s, v->held,
                       v->endpoint.outstanding);
        }
        if (v->is_shut && v->queued > (int)v->probes + steady_at(w, v)) {
            world_fail(w, "server %d is shut, and %d requests wait for it", s, v->queued);
        }
    }
}

void check_count_all(struct world *w)
{
    for (int s = 0; s < w->servers; s++) {
        const struct server *v = &w->server[s];
        if (v->endpoint.outstanding != 0 || v->queued != 0 || v->endpoint.breaker.is_probing) {
            world_fail(w, "at the end server %d: %u outstanding, %d queued%s", s,
                       v->endpoint.outstanding, v->queued,
                       v->endpoint.breaker.is_probing ? ", a probe under way" : "");
        }
    }
}
