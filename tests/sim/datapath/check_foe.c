/* Claims about somebody on the wire, who has no key. */
#include <inttypes.h>

#include "tests/sim/datapath/check.h"

void check_foe(struct world *w, uint32_t node, const struct datapath_endpoint *foe, enum datapath_verdict v,
               size_t question, const struct datapath_effects *fx)
{
    const struct tenant_seat *s = tenant_seat(w, node);
    size_t answered = 0;

    if (v == DATAPATH_TAKEN || v == DATAPATH_TIE || v == DATAPATH_WAITING) {
        world_fail(w, "node %" PRIu32 " takes what nobody said: %s", node, datapath_core_verdict_name(v));
    }
    for (uint32_t i = 0; i < fx->sends; i++) {
        answered += fx->send[i].size;
        if (!datapath_message_is_same(&fx->send[i].to, foe)) {
            world_fail(w, "node %" PRIu32 " is made to speak to somebody else", node);
        }
    }
    if (answered > question || fx->notes > 0) {
        world_fail(w, "node %" PRIu32 " answers %zu bytes with %zu, and %" PRIu32 " notes", node, question, answered,
                   fx->notes);
    }
    for (uint32_t i = 0; i < w->set.nodes; i++) {
        struct datapath_view view;
        if (i != node && datapath_core_view(s->core, s->peer[i], &view) &&
            datapath_message_is_same(&view.config.endpoint, foe)) {
            world_fail(w, "node %" PRIu32 " believes that %" PRIu32 " is where somebody else is", node, i);
        }
    }
}
