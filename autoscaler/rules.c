#include "autoscaler/rules.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum {
    WINDOWS = AUTOSCALER_RULES_WINDOWS,
    MARGINS = AUTOSCALER_RULES_MARGINS,
    BACK = AUTOSCALER_RULES_BACK_S,
    START_MAX = AUTOSCALER_RULES_START_MAX_S,
    CLEAR_S = 5,        /* in which those who wait already are to be served                  */
    LONGEST_S = 10,     /* who would wait for longer has gone                                */
    FIRST = 2 + WINDOWS * 2 + WINDOWS * MARGINS, /* three minutes, 30 %, ahead: until something is known of the others */
};

static const uint16_t window_s[WINDOWS] = {1, 60, 180, 420, 900, BACK};
static const double margin[MARGINS] = {0, .15, .3, .5, .8};

#define FAST .3                 /* of an exponential mean: 2.3 s late                        */
#define SLOW .05                /* 19 s                                                      */
#define APART_S ((1 / SLOW - 1) - (1 / FAST - 1))
#define TAIL 4.2                /* standard deviations that are exceeded once in 10^5        */
#define BUSY_MOST .96           /* of what comes for long no more than this of what is there */
#define QUEUE_SEEN .1           /* seconds of work that wait by chance                       */
#define BAND .5                 /* of the root of what is there: fewer by less than that are not worth a change */

struct autoscaler_rules_config autoscaler_rules_usual(double rate, double wait_s, uint32_t start_s)
{
    return (struct autoscaler_rules_config){.rate = rate, .wait_s = wait_s, .start_s = start_s, .bad_cost = 300, .change_cost = 300,
                                            .memory_s = 12 * 3600};
}

static bool is_valid(const struct autoscaler_rules_config *c)
{
    return isfinite(c->rate) && c->rate > 0 && isfinite(c->wait_s) && c->wait_s > 0 && c->start_s >= 1 && c->start_s <= START_MAX &&
           c->bad_cost >= 0 && isfinite(c->bad_cost) && c->change_cost >= 0 && isfinite(c->change_cost) && c->memory_s > 0;
}

static uint32_t whole(double instances)
{
    double up = ceil(instances - 1e-9);

    return up < 1 ? 1 : up > AUTOSCALER_RULES_INSTANCES_MAX ? AUTOSCALER_RULES_INSTANCES_MAX : (uint32_t)up;
}

/* Of a second's work what is above what is served in it waits, for less than wait_s if that many seconds of work are above. */
uint32_t autoscaler_rules_staff(const struct autoscaler_rules_config *config, double load)
{
    double by_chance = (load + TAIL * sqrt(load / config->rate)) / (1 + config->wait_s), by_share = load / BUSY_MOST;

    return whole(by_chance > by_share ? by_chance : by_share);
}

enum err autoscaler_rules_init(struct autoscaler_rules *r, const struct autoscaler_rules_config *config, uint32_t instances)
{
    if (!is_valid(config) || instances > AUTOSCALER_RULES_INSTANCES_MAX) {
        return ERR_INVALID;
    }
    memset(r, 0, sizeof *r);
    r->config = *config;
    r->rule = FIRST;
    r->wanted = instances > 0 ? instances : 1;
    for (uint32_t i = 0; i < AUTOSCALER_RULES; i++) {
        r->life[i].wanted = (uint16_t)r->wanted;
        r->least[i] = START_MAX - 1;
        for (uint32_t s = 0; s < START_MAX; s++) {
            r->asked[i][s] = r->life[i].wanted;
        }
    }
    return ERR_OK;
}

/* ---- demand ----------------------------------------------------------------------------------------- */

/* In instances' worth; no more than twice what there may be. */
static double work(const struct autoscaler_rules *r, double requests)
{
    const double most = 2. * AUTOSCALER_RULES_INSTANCES_MAX;
    double load = isfinite(requests) && requests > 0 ? requests / r->config.rate : 0;

    return load < most ? load : most;
}

/* When the most of the last window_s[w] seconds was. */
static void find_most(struct autoscaler_rules *r, uint32_t w)
{
    uint32_t now = r->now_s, length = now + 1 < window_s[w] ? now + 1 : window_s[w];

    if (now - r->most[w] < length) { /* one that is older may be written over */
        r->most[w] = r->past[now % BACK] >= r->past[r->most[w] % BACK] ? now : r->most[w];
        return;
    }
    uint32_t most = now;
    for (uint32_t back = 1; back < length; back++) {
        most = r->past[(now - back) % BACK] > r->past[most % BACK] ? now - back : most;
    }
    r->most[w] = most;
}

/* Work of the time when what is asked for serves, if it goes on as it does; no more than twice as much. */
static double ahead(const struct autoscaler_rules *r)
{
    double rise = (r->fast - r->slow) / APART_S * (r->config.start_s + 1 / FAST - 1);

    return r->fast + (rise < 0 ? 0 : rise > r->fast ? r->fast : rise);
}

static void look(struct autoscaler_rules *r, double load)
{
    r->fast += r->now_s == 0 ? load : FAST * (load - r->fast);
    r->slow += r->now_s == 0 ? load : SLOW * (load - r->slow);
    r->past[r->now_s % BACK] = (float)r->fast;
    for (uint32_t w = 0; w < WINDOWS; w++) {
        find_most(r, w);
    }
}

/* ---- rules ------------------------------------------------------------------------------------------ */

static struct autoscaler_rules_reason reason_of(const struct autoscaler_rules *r, uint32_t rule)
{
    uint32_t w = rule % WINDOWS;
    struct autoscaler_rules_reason ret = {.window_s = window_s[w], .margin = margin[rule / WINDOWS % MARGINS],
                                          .is_ahead = rule >= WINDOWS * MARGINS, .load = r->fast,
                                          .most = (double)r->past[r->most[w] % BACK]};
    double later = ret.is_ahead ? ahead(r) : r->fast;

    ret.most = later > ret.most ? later : ret.most;
    return ret;
}

static uint32_t wants(const struct autoscaler_rules *r, struct autoscaler_rules_reason *why, double queued, uint32_t serving)
{
    why->queue = queued > QUEUE_SEEN * serving ? whole(queued / CLEAR_S) : 0;
    uint32_t all = autoscaler_rules_staff(&r->config, why->most * (1 + why->margin)) + why->queue;

    return all < AUTOSCALER_RULES_INSTANCES_MAX ? all : AUTOSCALER_RULES_INSTANCES_MAX;
}

/* At once to more; to less when it is less by more than chance makes up for within minutes. */
static uint32_t settle(uint32_t wanted, uint32_t before)
{
    return wanted > before || wanted < before - BAND * sqrt(before) ? wanted : before;
}

/* Instances that would serve: of those asked for start_s ago what was wanted ever since. When the least was is kept: to look through
 * all of a start in each step costs ten times as much. */
static uint32_t serving_of(struct autoscaler_rules *r, uint32_t rule)
{
    const uint16_t *asked = r->asked[rule];
    uint32_t now = r->now_s + START_MAX - 1, least = r->least[rule]; /* now: of the last step, which is 0 back */

    if (now - least < r->config.start_s) {
        least = asked[now % START_MAX] <= asked[least % START_MAX] ? now : least;
    } else {
        least = now;
        for (uint32_t back = 1; back < r->config.start_s; back++) {
            least = asked[(now - back) % START_MAX] < asked[least % START_MAX] ? now - back : least;
        }
    }
    r->least[rule] = least;
    return asked[least % START_MAX];
}

/* A second as it would have been: who waits at its end, and what it costs. */
static void live(struct autoscaler_rules *r, uint32_t rule, double load)
{
    struct autoscaler_rules_life *l = &r->life[rule];
    double serving = serving_of(r, rule), queued = l->queued + load - serving;
    struct autoscaler_rules_reason why = reason_of(r, rule);

    queued = queued < 0 ? 0 : queued > LONGEST_S * serving ? LONGEST_S * serving : queued;
    bool is_bad = queued > r->config.wait_s * serving;
    uint16_t wanted = (uint16_t)settle(wants(r, &why, queued, (uint32_t)serving), l->wanted);
    l->cost *= 1 - 1.0 / r->config.memory_s;
    l->cost += l->wanted + (is_bad ? r->config.bad_cost * (1 + load) : 0) + (wanted != l->wanted ? r->config.change_cost : 0);
    l->queued = queued;
    l->wanted = wanted;
    r->asked[rule][r->now_s % START_MAX] = wanted;
}

uint32_t autoscaler_rules_step(struct autoscaler_rules *r, const struct autoscaler_rules_seen *seen)
{
    double load = work(r, seen->arrivals), queued = work(r, seen->queued);

    look(r, load);
    for (uint32_t rule = 0; rule < AUTOSCALER_RULES; rule++) {
        live(r, rule, load);
        r->rule = r->life[rule].cost < r->life[r->rule].cost ? rule : r->rule;
    }
    r->reason = reason_of(r, r->rule);
    uint32_t wanted = wants(r, &r->reason, queued, seen->serving);
    r->wanted = settle(wanted, r->wanted);
    r->reason.held = r->wanted - wanted;
    r->now_s++;
    assert(r->wanted >= 1 && r->wanted <= AUTOSCALER_RULES_INSTANCES_MAX);
    return r->wanted;
}
