/* Where each has told all that it is, as membership's metadata carries it (nodosum/shell.c, vivaldi/shell.c, whose numbers these
 * are): all have the same of one node at one time, and of who tells one this and one that they have nothing. Who has told it tells
 * it anew as soon as it may. */
#include <stdlib.h>

#include "nodosum/meta.h"
#include "tests/sim/vivaldi/swarm.h"

enum { MS = 1000 };

void told_init(struct swarm *s)
{
    s->told = calloc(s->nodes, sizeof *s->told);
    s->told_round = calloc(s->nodes, sizeof *s->told_round);
    if (s->told == NULL || s->told_round == NULL) {
        abort();
    }
}

void told_free(struct swarm *s)
{
    free(s->told);
    free(s->told_round);
}

static uint32_t rounds_of(const struct swarm *s, uint64_t ms)
{
    return (uint32_t)(ms * (s->set.way == SWARM_ANY ? 1 : SWARM_ROUNDS_S) / MS);
}

void told_round(struct swarm *s)
{
    uint32_t gap = rounds_of(s, nodosum_meta_gap_ms(s->nodes, NODOSUM_META_PLACE_MS));

    for (uint32_t i = 0; i < s->nodes; i++) {
        if (s->told_round[i] == 0 || s->round >= s->told_round[i] + gap) {
            s->told[i] = liars_say(s, i, s->nodes);
            s->told_round[i] = s->round;
        }
    }
}

const struct vivaldi_coord *told_by(const struct swarm *s, uint32_t i)
{
    return s->told_round[i] > 0 && liars_tell(s, i) ? &s->told[i] : NULL;
}

void told_look(struct swarm *s, uint32_t i)
{
    uint32_t every = rounds_of(s, (uint64_t)MS * VIVALDI_OLD_S);

    for (uint32_t j = 0; j < s->nodes && (s->round + i) % every == 0; j++) {
        if (j != i) {
            vivaldi_core_told(&s->node[i], swarm_now_s(s), j, told_by(s, j));
        }
    }
}
