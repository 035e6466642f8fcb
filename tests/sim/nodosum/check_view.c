/* Claims about what a node knows, after each of its steps (cheap ones) and every second (all). */
#include <inttypes.h>
#include <string.h>

#include "tests/sim/nodosum/check.h"

void check_step(struct world *w, uint32_t node, const struct nodosum *core)
{
    struct tenant_node *n = &tenant_truth(w)->node[node];
    struct nodosum_view self;
    struct nodosum_id id = tenant_id(node);

    if (!nodosum_core_find(core, &id, &self)) {
        world_fail(w, "node %" PRIu32 " does not know itself", node);
        return;
    }
    if (self.incarnation != n->incarnation) {
        n->incarnation = self.incarnation;
        n->begun_us = w->now_us;
    }
    if (self.incarnation > n->incarnation_most) {
        n->incarnation_most = self.incarnation;
    }
    if (self.state != NODOSUM_ALIVE && !n->has_gone) {
        world_fail(w, "node %" PRIu32 " holds itself for dead", node);
    }
    if (nodosum_core_health(core) > 8) {
        world_fail(w, "node %" PRIu32 " has a health of %" PRIu32, node, nodosum_core_health(core));
    }
}

enum {
    SECOND = 1000000,
    REST_S = 10,     /* after the storm: what slept has woken */
    SUSPECT_S = 8,   /* the longest suspicion of a thousand members is 5.4 s (suspect.c), and one look a second */
};

/* A suspicion ends: it is refuted, or its subject is dead. */
static void check_suspicion(struct world *w, uint32_t node, uint32_t about, const struct nodosum_view *v)
{
    struct tenant_node *n = &tenant_truth(w)->node[node];

    if (v->state != NODOSUM_SUSPECT || v->incarnation != n->suspect_of[about] || n->suspect_us[about] == 0) {
        n->suspect_us[about] = v->state == NODOSUM_SUSPECT ? w->now_us : 0;
        n->suspect_of[about] = v->incarnation;
    } else if (n->suspect_us[about] > w->set.calm_us + (uint64_t)REST_S * SECOND &&
               w->now_us - n->suspect_us[about] > (uint64_t)SUSPECT_S * SECOND) {
        world_fail(w, "node %" PRIu32 " suspects %" PRIu32 " for more than %d s", node, about, SUSPECT_S);
    }
}

/* Events are told at the end of a list of effects: a node that dies before that has not told them, and then
 * its next life begins anew. So the two agree whenever it lives. */
static void check_one(struct world *w, uint32_t node, const struct nodosum *core)
{
    const struct tenant_truth *t = tenant_truth(w);
    uint32_t living = 0;

    for (uint32_t i = 0; i < nodosum_core_count(core); i++) {
        struct nodosum_view v = nodosum_core_view(core, i);
        uint32_t about = tenant_of(&v.id);
        bool lives = v.state == NODOSUM_ALIVE || v.state == NODOSUM_SUSPECT;
        living += lives;
        if (about >= w->set.nodes) {
            world_fail(w, "node %" PRIu32 " knows a member that is not", node);
            return;
        }
        if (v.incarnation > t->node[about].incarnation_most) {
            world_fail(w, "node %" PRIu32 " knows of incarnation %" PRIu64 " of %" PRIu32
                       ", which never had more than %" PRIu64, node, v.incarnation, about,
                       t->node[about].incarnation_most);
        }
        if (about != node && lives != t->node[node].believed[about]) {
            world_fail(w, "node %" PRIu32 " has %" PRIu32 " %s, its events say otherwise", node, about,
                       lives ? "living" : "not living");
        }
        if (v.state == NODOSUM_LEFT && !tenant_has_left(w, about, v.incarnation)) {
            world_fail(w, "node %" PRIu32 " holds that %" PRIu32 " left, which it never did in incarnation %" PRIu64, node, about, v.incarnation);
        }
        check_suspicion(w, node, about, &v);
        if (v.about->meta_version > v.incarnation) {
            world_fail(w, "node %" PRIu32 ": metadata of %" PRIu32 " is of the future", node, about);
        }
    }
    if (living != nodosum_core_living(core)) {
        world_fail(w, "node %" PRIu32 " counts %" PRIu32 " living, there are %" PRIu32, node,
                   nodosum_core_living(core), living);
    }
}

void check_views(struct world *w)
{
    for (uint32_t i = 0; i < w->set.nodes; i++) {
        const struct nodosum *core = tenant_core(w, i);
        if (core != NULL && !w->has_failed) {
            check_one(w, i, core);
        }
    }
}
