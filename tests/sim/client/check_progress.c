/* Claims about rest: once nothing disturbs any more and every breaker had its time, requests are
 * carried out. */
#include <inttypes.h>

#include "tests/sim/client/check.h"

enum {
    GRACE_MS = 15000,    /* the longest a breaker stays open, and time to try */
    PATIENCE_MS = 3000,  /* a deadline that every server can keep             */
};

void check_progress_all(struct world *w)
{
    for (int i = 0; i < w->asked; i++) {
        const struct request *r = &w->request[i];
        if (r->asked_ms >= w->calm_ms + GRACE_MS && !r->was_cancelled &&
            r->ask.deadline_ms - r->asked_ms >= PATIENCE_MS && r->said != ERR_OK) {
            world_fail(w, "request %d, asked %" PRIu64 " ms after the storm, was not carried out", i,
                       r->asked_ms - w->calm_ms);
        }
    }
}
