/* Claims about the catalogue at rest: whoever asks anywhere where a cell is served hears of all living nodes that
 * offer it, as they offer it, and of nobody else. The truth is what the nodes were told to offer, not what any core
 * says. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/sim/nodosum/check.h"

enum {
    NEWS_US = 5000000, /* as in check_end.c: a few comparisons */
    CELLS = 8,
};

/* What `node` knows of the instances of one cell on `about`; 0: none. */
static uint32_t known(const struct nodosum *core, uint32_t about, const char *name)
{
    struct nodosum_id id = tenant_id(about);
    struct nodosum_view v;
    struct nodosum_offer o = {0};

    if (!nodosum_core_find(core, &id, &v) || (v.state != NODOSUM_ALIVE && v.state != NODOSUM_SUSPECT)) {
        return 0;
    }
    (void)nodosum_offers_find(v.about->offers, v.about->offers_size, name, &o); /* not offered: none are ready */
    return o.ready;
}

static uint32_t offered(const struct world *w, uint32_t about, const char *name)
{
    const struct tenant_node *t = &tenant_truth(w)->node[about];
    struct nodosum_offer o = {0};

    if (tenant_core(w, about) != NULL) {
        (void)nodosum_offers_find(t->offers, t->offers_size, name, &o); /* not offered: none are ready */
    }
    return o.ready;
}

void check_catalogue(struct world *w)
{
    char name[16];

    for (uint32_t i = 0; i < w->set.nodes; i++) {
        const struct nodosum *core = tenant_core(w, i);
        for (uint32_t k = 0; core != NULL && k < w->set.nodes; k++) {
            bool is_new = w->now_us - tenant_truth(w)->node[k].offered_us < NEWS_US;
            for (uint32_t c = 0; c < CELLS && !is_new && !w->has_failed; c++) {
                (void)snprintf(name, sizeof name, "cell-%" PRIu32, c);
                if (known(core, k, name) != offered(w, k, name)) {
                    world_fail(w, "node %" PRIu32 " knows of %" PRIu32 " instances of %s on %" PRIu32 ", it has %" PRIu32,
                               i, known(core, k, name), name, k, offered(w, k, name));
                }
            }
        }
    }
}
