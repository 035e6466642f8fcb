/* What liars say of where they are, to whom, and how long they take to answer: they can only take longer. All but those that
 * are far away know where they are, by their own core on true round trips, and agree on what to say. */
#include <math.h>

#include "tests/sim/vivaldi/swarm.h"

enum {
    FROG_FROM = 50,         /* rounds until colluders begin to move: by then they are believed */
    SLANDERED = 5,          /* of each honest node's words one in so many is not believed */
    NEWCOMER_SAMPLES = 200, /* whoever has taken fewer round trips is new */
};

#define FROG_MS 0.5f        /* a round, which is less than what all move by themselves at first */
#define HEIGHT_MS 300.0f
#define HIGHEST_MS 1000.0f
#define DELAY_MS 100.0
#define JOINT_MS 60.0f      /* what they are beside where they are */
#define DRIFT_MS 0.2f       /* a round */
#define PULL_ERRORS 3.6f    /* 1.5 times 2.385: core.c and refit.c */
#define WITHIN 0.2f         /* of the round trip or the usual one: beside what all hear, and hardly doubted */
#define ERROR_MOST 0.1f
#define SURE 0.0005f        /* what they claim to be off by */

/* Away from each other: half of the others are told that they moved this way, half that they moved that way. */
static void move_slowly(const struct swarm *s, uint32_t to, struct vivaldi_coord *c)
{
    float far = s->round > FROG_FROM ? FROG_MS * (float)(s->round - FROG_FROM) : 0;

    c->at[0] += to % 2 == 0 ? far : -far;
    c->at[1] += to % 2 == 0 ? far : -far;
}

/* Beyond where the round trip ends, by as much as is half believed: Cauchy's weight pulls most there. One half of the others is
 * pulled this way for ever, the other half that way. */
static void pull(const struct swarm *s, uint32_t i, uint32_t to, struct vivaldi_coord *c)
{
    float ms = to < s->nodes ? places_rtt_ms(s->set.places, i, to) : 0;

    if (ms > 0) {
        float error = s->node[to].live.error;
        *c = s->node[to].live;
        c->at[0] += (to % 2 == 0 ? ms : -ms) * (1 + PULL_ERRORS * (error < ERROR_MOST ? error : ERROR_MOST));
        c->height = 0;
        c->error = SURE;
    }
}

/* Beside what all hear, as far as is worth it, the way that the others pull. */
static void pull_within(const struct swarm *s, uint32_t i, uint32_t to, struct vivaldi_coord *c)
{
    if (to < s->nodes && s->told_round[i] > 0) {
        float ms = places_rtt_ms(s->set.places, i, to), usual = s->node[to].usual_ms, most = WITHIN * (ms > usual ? ms : usual);
        *c = s->told[i];
        c->error = SURE;
        c->at[0] += to % 2 == 0 ? most : -most;
    }
}

static void mirror(struct vivaldi_coord *c)
{
    for (uint32_t k = 0; k < VIVALDI_DIMS_MAX; k++) {
        c->at[k] = -c->at[k]; /* all of them say so, and it is a whole world */
    }
}

static struct vivaldi_coord victim(const struct swarm *s)
{
    uint32_t i = 0;

    while (i + 1 < s->nodes && s->is_liar[i]) {
        i++;
    }
    return s->node[i].live;
}

static bool is_new(const struct swarm *s, uint32_t i)
{
    return i < s->nodes && s->node[i].counters.samples < NEWCOMER_SAMPLES;
}

struct vivaldi_coord liars_say(const struct swarm *s, uint32_t i, uint32_t to)
{
    struct vivaldi_coord c = s->node[i].live;

    if (!s->is_liar[i]) {
        return c;
    }
    c.error = SURE;
    switch (s->set.lie) {
    case SWARM_LIE_FAR:
        return s->lie[i];
    case SWARM_LIE_FROG:
        move_slowly(s, to, &c);
        return c;
    case SWARM_LIE_PULL:
    case SWARM_LIE_TURNS:
    case SWARM_LIE_HIDDEN:
    case SWARM_LIE_SLANDER:
        pull(s, i, to, &c);
        return c;
    case SWARM_LIE_WITHIN:
        pull_within(s, i, to, &c);
        return c;
    case SWARM_LIE_ELSEWHERE:
        c = s->node[(i + s->nodes / 2) % s->nodes].live;
        c.error = SURE;
        return c;
    case SWARM_LIE_HEIGHT:
        c.height += HEIGHT_MS;
        return c;
    case SWARM_LIE_HIGHEST:
        c.height += HIGHEST_MS;
        return c;
    case SWARM_LIE_DELAY:
        return c;
    case SWARM_LIE_NEWCOMERS:
        if (is_new(s, to)) {
            mirror(&c);
        }
        return c;
    case SWARM_LIE_JOINT:
        c.at[1] += JOINT_MS;
        return c;
    case SWARM_LIE_DRIFT:
        c.at[1] += DRIFT_MS * (float)s->round;
        return c;
    case SWARM_LIE_MIRROR:
        mirror(&c);
        return c;
    case SWARM_LIE_CROWD:
        c = victim(s);
        c.error = SURE;
        return c;
    case SWARM_LIE_THIRD:
        if (to % 3 == 0) {
            pull(s, i, to, &c);
        }
        return c;
    case SWARM_LIE_LATER:
        if (s->round > s->set.rounds / 2) {
            pull(s, i, to, &c);
        }
        return c;
    }
    return c;
}

bool liars_tell(const struct swarm *s, uint32_t i)
{
    if (s->set.lie == SWARM_LIE_SLANDER && s->set.liars_per_cent > 0 && !s->is_liar[i]) {
        return (s->round + i) % SLANDERED != 0; /* until it refutes what was said in its name */
    }
    return !s->is_liar[i] || s->set.lie != SWARM_LIE_HIDDEN;
}

bool liars_learn(const struct swarm *s, uint32_t i)
{
    return !s->is_liar[i] || s->set.lie != SWARM_LIE_FAR;
}

double liars_delay_ms(const struct swarm *s, uint32_t i, uint32_t to)
{
    return s->is_liar[i] && s->set.lie == SWARM_LIE_DELAY && to % 2 == 0 ? DELAY_MS : 0;
}
