/* When nothing goes wrong any more, everybody is heard by everybody; and nobody keeps more than stated. */
#include "tests/sim/sealed/world.h"

void check_progress(struct world *w)
{
    for (uint8_t i = 0; i < w->nodes; i++) {
        const struct sealed_numbers *n = sealed_count(w->node[i].sealed);
        if (n->peers > WORLD_NODES_MAX || n->waiting > SEALED_WAIT_MAX) {
            w->fault = "more is kept than stated";
        }
        for (uint8_t k = 0; k < w->nodes; k++) {
            if (i != k && !w->has_met[i][k]) {
                w->fault = "somebody is not heard though nothing is wrong";
            }
        }
    }
}
