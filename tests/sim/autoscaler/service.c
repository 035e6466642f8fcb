#include "tests/sim/autoscaler/service.h"

#include <math.h>
#include <string.h>

enum { LONGEST_S = 10, FLAP_S = 600, LARGE = 40 };

struct service {
    const struct service_config *config;
    struct rng rng;
    uint32_t serving, starting, due[SERVICE_START_MAX_S + 1];
    double queued, minute_bad, minute_all, bad, all;
    int direction;            /* of the last change */
    uint32_t changed_s;
    struct service_result result;
};

/* Knuth's product of uniform numbers, and the normal distribution where that takes long. */
static double poisson(struct rng *rng, double mean)
{
    if (mean > LARGE) {
        double normal = sqrt(-2 * log(1 - rng_unit(rng))) * cos(2 * M_PI * rng_unit(rng)), x = floor(mean + sqrt(mean) * normal + .5);
        return x < 0 ? 0 : x;
    }
    double least = exp(-mean), product = rng_unit(rng), count = 0;
    for (; product > least; count++) {
        product *= rng_unit(rng);
    }
    return count;
}

/* Of those who came in this second the queue grew or shrank steadily, from q to q1: how many found too much before them. */
static double count_bad(double came, double q, double q1, double limit)
{
    double low = q < q1 ? q : q1, high = q < q1 ? q1 : q;

    return low >= limit ? came : high <= limit ? 0 : came * (high - limit) / (high - low);
}

static struct service_seen serve(struct service *s, uint32_t second)
{
    uint32_t slot = second % (s->config->start_s + 1);
    double came = poisson(&s->rng, s->config->rate[second]);

    s->serving += s->due[slot];
    s->starting -= s->due[slot];
    s->due[slot] = 0;
    double room = s->serving * s->config->instance_rate, left = s->queued + came - room;
    double busy = room > 0 ? fmin(s->queued + came, room) / room : 1, bad = count_bad(came, s->queued, left < 0 ? 0 : left, s->config->wait_s * room);
    s->queued = left < 0 ? 0 : left > LONGEST_S * room && room > 0 ? LONGEST_S * room : left;
    s->minute_bad += bad;
    s->minute_all += came;
    s->bad += bad;
    s->all += came;
    if (second % 60 == 59) {
        s->result.bad_minutes += s->minute_bad > .01 * s->minute_all;
        s->minute_bad = s->minute_all = 0;
    }
    s->result.instance_hours += (s->serving + s->starting) / 3600.;
    return (struct service_seen){second, came, s->queued, busy, s->serving, s->starting};
}

/* Those that have just begun to start go first. */
static void change(struct service *s, uint32_t second, uint32_t wanted)
{
    uint32_t there = s->serving + s->starting, slots = s->config->start_s + 1;
    int direction = wanted > there ? 1 : -1;

    if (wanted == there) {
        return;
    }
    s->result.actions++;
    s->result.flaps += s->direction != 0 && direction != s->direction && second - s->changed_s <= FLAP_S;
    s->direction = direction;
    s->changed_s = second;
    if (direction > 0) {
        s->due[(second + s->config->start_s) % slots] += wanted - there;
        s->starting += wanted - there;
        return;
    }
    uint32_t less = there - wanted;
    for (uint32_t later = s->config->start_s; later >= 1 && less > 0; later--) {
        uint32_t *due = &s->due[(second + later) % slots], gone = *due < less ? *due : less;
        *due -= gone;
        s->starting -= gone;
        less -= gone;
    }
    s->serving -= less;
}

struct service_result service_run(const struct service_config *config, service_policy policy, void *context)
{
    struct service s = {.config = config};

    rng_init(&s.rng, config->seed);
    s.serving = (uint32_t)ceil(config->rate[0] / config->instance_rate / .7);
    s.serving += s.serving == 0;
    for (uint32_t second = 0; second < config->seconds; second++) {
        struct service_seen seen = serve(&s, second);
        uint32_t wanted = policy(context, &seen);
        change(&s, second, wanted);
        s.result.most = wanted > s.result.most ? wanted : s.result.most;
    }
    s.result.bad_share = s.all > 0 ? s.bad / s.all : 0;
    return s.result;
}
