/* Claims about rest: whatever was, sessions come to be where there are packets for them, and then nothing is lost,
 * also not when they are renewed. */
#include <inttypes.h>

#include "tests/sim/datapath/check.h"

enum { UNDER_WAY_US = 4000000 };

void check_end(struct world *w)
{
    const struct tenant_truth *t = tenant_truth(w);
    uint64_t owed = 0;

    for (uint64_t i = 0; i < t->packets && !w->has_failed; i++) {
        const struct tenant_packet *p = &t->packet[i];
        if (p->sent_us < t->sure_us || p->sent_us + UNDER_WAY_US > w->now_us) {
            continue;
        }
        owed++;
        if (p->got == 0) {
            world_fail(w, "packet %" PRIu64 " from %" PRIu32 " to %" PRIu32 ", sent at %.3f s, did not come", i, p->from,
                       p->to, (double)p->sent_us / 1e6);
        }
    }
    if (owed == 0 && !w->has_failed) {
        world_fail(w, "nothing was sent in the end");
    }
}
