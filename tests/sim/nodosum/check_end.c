/* Claims about rest: once nothing goes wrong any more, every node knows exactly who is there, in which
 * incarnation, and with which metadata. */
#include <inttypes.h>
#include <string.h>

#include "tests/sim/nodosum/check.h"

enum { NEWS_US = 5000000 };

static void check_member(struct world *w, uint32_t node, const struct nodosum *core, uint32_t about)
{
    const struct nodosum *other = tenant_core(w, about);
    struct nodosum_id id = tenant_id(about);
    struct nodosum_view view, self;
    bool is_known = nodosum_core_find(core, &id, &view);
    bool lives = is_known && (view.state == NODOSUM_ALIVE || view.state == NODOSUM_SUSPECT);

    if (other == NULL) {
        if (lives) {
            world_fail(w, "node %" PRIu32 " holds %" PRIu32 ", which is gone since %.3f s, for living", node,
                       about, (double)tenant_truth(w)->node[about].gone_us / 1e6);
        }
        return;
    }
    if (!lives) {
        world_fail(w, "node %" PRIu32 " holds %" PRIu32 ", which is well, for %s", node, about,
                   is_known ? "dead" : "unknown");
        return;
    }
    /* An answer took long just now: check_view.c sees to it that a suspicion ends; and that it was refuted is
     * known everywhere after a few comparisons. */
    if (view.state == NODOSUM_SUSPECT || w->now_us - tenant_truth(w)->node[about].begun_us < NEWS_US) {
        return;
    }
    if (!nodosum_core_find(other, &id, &self) || view.incarnation != self.incarnation ||
        view.about->meta_version != self.about->meta_version ||
        memcmp(view.about->meta, self.about->meta, self.about->meta_size) != 0) {
        world_fail(w, "node %" PRIu32 " has old news of %" PRIu32 ": incarnation %" PRIu64 ", not %" PRIu64,
                   node, about, view.incarnation, self.incarnation);
    }
}

void check_end(struct world *w)
{
    check_views(w);
    for (uint32_t i = 0; i < w->set.nodes; i++) {
        const struct nodosum *core = tenant_core(w, i);
        for (uint32_t k = 0; core != NULL && k < w->set.nodes && !w->has_failed; k++) {
            check_member(w, i, core, k);
        }
    }
    check_catalogue(w);
}
