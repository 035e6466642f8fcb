/* Claims about breakers: five failures in a row shut a server off, one request at a time tries it
 * after a while, another one when that has told nothing for long, and none is refused without that. Counts
 * failures of its own. Whoever sets the pace himself is given to the only server there is, shut or not, and is no
 * probe. */
#include <inttypes.h>

#include "tests/sim/client/check.h"

enum {
    FAILURES = 5,
    LEAST_MS = 250, /* half of the first interval */
    MOST_MS = 10000,
    PROBE_MS = 2000,
};

static void shut(struct world *w, int server)
{
    struct server *v = &w->server[server];

    v->is_shut = true;
    v->shuts++;
    v->shut_ms = w->now_ms;
    v->has_connected = false;
    v->failures = 0;
}

/* Somebody tries it, and has not for so long that another may. */
static bool is_tried(const struct world *w, const struct server *v)
{
    return v->probe != WORLD_NOBODY && w->now_ms < v->probe_ms + PROBE_MS;
}

static int told(const struct world *w)
{
    int count = 0;

    for (int s = 0; s < w->servers; s++) {
        count += w->server[s].is_told;
    }
    return count;
}

void check_breaker_given(struct world *w, int request, int server)
{
    struct server *v = &w->server[server];
    bool is_steady = w->request[request].ask.is_steady;

    if (!v->is_shut) {
        return;
    }
    if (is_steady && v->is_told && told(w) == 1) {
        w->pressed++;
        return;
    }
    if (is_tried(w, v)) {
        world_fail(w, "server %d is shut, and request %d is a second probe", server, request);
    }
    uint64_t least_ms = LEAST_MS;
    for (uint32_t i = 1; i < v->shuts && least_ms < MOST_MS / 2; i++) {
        least_ms *= 2;
    }
    least_ms = least_ms < MOST_MS / 2 ? least_ms : MOST_MS / 2;
    bool may_early = v->shuts == 1 && v->has_connected;
    if (!may_early && w->now_ms < v->shut_ms + least_ms) {
        world_fail(w, "server %d is tried %" PRIu64 " ms after it was shut for the %u. time", server,
                   w->now_ms - v->shut_ms, v->shuts);
    }
    if (is_steady) {
        return; /* others may try it too */
    }
    w->request[request].is_probe = true;
    v->probes++;
    v->probe = request;
    v->probe_ms = w->now_ms;
    w->probes++;
}

void check_breaker_failed(struct world *w, int request, int server)
{
    struct server *v = &w->server[server];
    struct request *r = &w->request[request];

    if (v->probe == request) {
        check_breaker_left(w, request, server);
        shut(w, server);
        v->failure_seq = w->seq++;
    } else if (!v->is_shut && r->given_seq > v->failure_seq) {
        v->failure_seq = w->seq++;
        if (++v->failures >= FAILURES) {
            shut(w, server);
        }
    }
}

void check_breaker_answered(struct world *w, int request, int server)
{
    struct server *v = &w->server[server];

    check_breaker_left(w, request, server);
    v->failures = 0;
    if (v->probe == WORLD_NOBODY) {
        v->is_shut = false;
        v->shuts = 0;
    }
}

void check_breaker_left(struct world *w, int request, int server)
{
    struct request *r = &w->request[request];

    if (r->is_probe) {
        r->is_probe = false;
        w->server[server].probes--;
    }
    if (w->server[server].probe == request) {
        w->server[server].probe = WORLD_NOBODY;
    }
}

void check_breaker_connected(struct world *w, int server)
{
    w->server[server].has_connected = true;
}

/* Shut to a request that comes now. */
static bool is_closed(const struct world *w, const struct server *v)
{
    return v->is_shut && (v->probe == WORLD_NOBODY || is_tried(w, v));
}

void check_breaker_refused(struct world *w, int request)
{
    const struct request *r = &w->request[request];
    if (r->ask.is_steady && told(w) == 1 && (r->tries == 0 || r->is_waiting)) {
        world_fail(w, "request %d sets its own pace and was not given to the only server", request);
        return;
    }
    bool is_any = r->failed_by != WORLD_NOBODY && is_closed(w, &w->server[r->failed_by]);
    bool is_all = true;

    for (int s = 0; s < w->servers; s++) {
        if (w->server[s].is_told) {
            is_any = is_any || is_closed(w, &w->server[s]);
            is_all = is_all && is_closed(w, &w->server[s]);
        }
    }
    if (!is_any || (r->tries == 0 && !is_all)) {
        world_fail(w, "request %d is refused untried, and a server was open to it", request);
    }
}
