/* Claims about events: a watcher that adds them up always has the list of the living. */
#include <inttypes.h>

#include "tests/sim/nodosum/check.h"

static const char *const words[] = {[NODOSUM_JOINED] = "joined", [NODOSUM_FAILED] = "failed",
                                    [NODOSUM_WENT] = "left", [NODOSUM_UPDATED] = "changed"};

static void count(struct world *w, uint32_t about, enum nodosum_change change)
{
    struct tenant_truth *t = tenant_truth(w);

    t->joined += change == NODOSUM_JOINED;
    t->failed += change == NODOSUM_FAILED;
    t->went += change == NODOSUM_WENT;
    t->updated += change == NODOSUM_UPDATED;
    /* It runs and answers, as far as it can: held dead by a mistake (Lifeguard's FP events). */
    t->false_deaths += change == NODOSUM_FAILED && tenant_core(w, about) != NULL;
}

void check_event(struct world *w, uint32_t node, uint32_t about, enum nodosum_change change, uint64_t incarnation)
{
    struct tenant_truth *t = tenant_truth(w);
    struct tenant_node *n = &t->node[node];

    world_say(w, "node %" PRIu32 " says %" PRIu32 " %s", node, about, words[change]);
    if (about >= w->set.nodes || about == node) {
        world_fail(w, "node %" PRIu32 " speaks of %" PRIu32, node, about);
        return;
    }
    if (change == NODOSUM_WENT && !tenant_has_left(w, about, incarnation)) {
        world_fail(w, "node %" PRIu32 " says %" PRIu32 " left, which it never did in incarnation %" PRIu64, node, about, incarnation);
    }
    /* Who failed may be heard to have left after all; otherwise one must live to end. */
    bool is_fit = change == NODOSUM_JOINED ? !n->believed[about]
                                           : change == NODOSUM_WENT || n->believed[about];
    if (!is_fit) {
        world_fail(w, "node %" PRIu32 " says %" PRIu32 " %s, which was %s", node, about, words[change],
                   n->believed[about] ? "living" : "not living");
    }
    count(w, about, change);
    bool lives = change == NODOSUM_JOINED || change == NODOSUM_UPDATED;
    n->believed_count += lives;
    n->believed_count -= n->believed[about];
    n->believed[about] = lives;
    if (t->event != NULL) {
        t->event(w, node, about, change);
    }
}
