#include "tests/sim/autoscaler/faults.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autoscaler/decide.h"
#include "tests/sim/autoscaler/hpa.h"

enum { THERE_MAX = 2000, LONGEST_S = 10, QUARTER_S = 900, HALF_S = 1800, LATE_S = 300, NEVER_S = 1 << 30 };

#define PART .01 /* of a minute's requests: more make it bad */

/* Instances in the order in which they were started. */
struct site {
    const struct service_config *config;
    struct rng rng;
    enum fault_kind kind;
    uint32_t from_s, there, asked_s[THERE_MAX], ready_s[THERE_MAX], ages[THERE_MAX];
    double queued, minute_bad, minute_all, arrivals, busy, stuck_arrivals, stuck_busy;
    struct hpa hpa;
    struct fault_result result;
};

static struct site site;
static struct autoscaler_decide decide;

uint32_t faults_steepest(const double *rate, uint32_t seconds)
{
    uint32_t best = 600;

    for (uint32_t i = 601; i < seconds; i++) {
        best = rate[i] - rate[i - 600] > rate[best] - rate[best - 600] ? i : best;
    }
    return best;
}

static uint32_t lasts_s(enum fault_kind kind)
{
    return kind == FAULT_NONE ? 0 : kind == FAULT_OUTAGE || kind == FAULT_ZERO ? QUARTER_S : HALF_S;
}

static bool is_on(const struct site *s, uint32_t second)
{
    return second >= s->from_s && second < s->from_s + lasts_s(s->kind);
}

static uint32_t serving(const struct site *s, uint32_t second)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < s->there; i++) {
        count += s->ready_s[i] <= second;
    }
    return count;
}

static void begin_one(struct site *s, uint32_t second)
{
    uint32_t ready_s = second + s->config->start_s;

    if (s->there == THERE_MAX) {
        return;
    }
    if (is_on(s, second) && s->kind == FAULT_LATE) {
        ready_s = s->from_s + HALF_S + LATE_S;
    } else if (is_on(s, second) && s->kind == FAULT_NEVER) {
        ready_s = NEVER_S;
    }
    s->asked_s[s->there] = second;
    s->ready_s[s->there++] = ready_s;
}

static void end_one(struct site *s, uint32_t at)
{
    s->there--;
    memmove(s->asked_s + at, s->asked_s + at + 1, (s->there - at) * sizeof *s->asked_s);
    memmove(s->ready_s + at, s->ready_s + at + 1, (s->there - at) * sizeof *s->ready_s);
}

/* Those that do not serve go first, the newest of them and of the others. */
static void end_some(struct site *s, uint32_t few, uint32_t second)
{
    for (int is_serving = 0; is_serving < 2; is_serving++) {
        for (uint32_t i = s->there; i-- > 0 && few > 0;) {
            if (is_serving == 1 || s->ready_s[i] > second) {
                end_one(s, i);
                few--;
            }
        }
    }
}

static void serve(struct site *s, uint32_t second)
{
    double mean = s->config->rate[second], room = serving(s, second) * s->config->instance_rate, limit = s->config->wait_s * room;
    double normal = sqrt(-2 * log(1 - rng_unit(&s->rng))) * cos(2 * M_PI * rng_unit(&s->rng)), came = floor(mean + sqrt(mean) * normal + .5);
    double before = s->queued;

    came = came < 0 ? 0 : came;
    double left = before + came - room;
    s->busy = room > 0 ? fmin(before + came, room) / room : 1;
    s->queued = left < 0 ? 0 : left > LONGEST_S * room && room > 0 ? LONGEST_S * room : left;
    double low = fmin(before, s->queued), high = fmax(before, s->queued);
    s->minute_bad += low >= limit ? came : high <= limit ? 0 : came * (high - limit) / (high - low);
    s->minute_all += came;
    s->arrivals = came;
    if (second % 60 == 59) {
        s->result.bad_minutes += second >= s->from_s && s->minute_bad > PART * s->minute_all;
        s->minute_bad = s->minute_all = 0;
    }
    s->result.instance_hours += s->there / 3600.;
}

static void step_hpa(struct site *s, uint32_t second)
{
    uint32_t ready = serving(s, second);
    bool is_faulty = is_on(s, second);
    double busy = !is_faulty ? s->busy : s->kind == FAULT_ZERO ? 0 : s->kind == FAULT_STUCK ? s->stuck_busy : s->busy;
    struct service_seen seen = {second, 0, 0, busy, ready, s->there - ready};

    if (is_faulty && s->kind == FAULT_OUTAGE) {
        return; /* without metrics it leaves all as it is */
    }
    uint32_t wanted = hpa_step(&s->hpa, &seen);
    while (s->there < wanted && s->there < THERE_MAX) {
        begin_one(s, second);
    }
    end_some(s, s->there > wanted ? s->there - wanted : 0, second);
}

static struct autoscaler_heard hear(const struct site *s, uint32_t second, double value, double stuck, uint32_t of, bool is_hit)
{
    struct autoscaler_heard h = {.value = value, .of = of, .is_there = true};

    if (is_hit && is_on(s, second)) {
        h.is_there = s->kind != FAULT_OUTAGE;
        h.value = s->kind == FAULT_ZERO ? 0 : s->kind == FAULT_STUCK ? stuck : value;
    }
    return h;
}

static void step_decide(struct site *s, uint32_t second, bool is_all)
{
    uint32_t starting = 0, ready = serving(s, second);

    for (uint32_t i = 0; i < s->there; i++) {
        if (s->ready_s[i] > second) {
            s->ages[starting++] = second - s->asked_s[i];
        }
    }
    struct autoscaler_decide_seen seen = {.passed_s = 1, .wall_s = second, .serving = ready, .starting = starting, .starting_for_s = s->ages};
    seen.heard[0] = hear(s, second, s->arrivals, s->stuck_arrivals, ready, true);
    seen.queued = seen.heard[0].is_there && !(is_on(s, second) && s->kind == FAULT_ZERO) ? s->queued : 0;
    seen.heard[1] = hear(s, second, s->busy, s->stuck_busy, ready, is_all);
    struct autoscaler_decision d = autoscaler_decide_step(&decide, &seen);
    for (uint32_t i = 0, late = d.replaced; i < s->there && late > 0;) { /* the oldest of those that start */
        bool is_late = s->ready_s[i] > second;
        if (is_late) {
            end_one(s, i);
            late--;
        } else {
            i++;
        }
    }
    for (uint32_t i = 0; i < d.start; i++) {
        begin_one(s, second);
    }
    end_some(s, d.drain, second);
}

static struct autoscaler_policy policy_of(const struct service_config *config)
{
    struct autoscaler_policy p = autoscaler_policy_usual(1, 1000);

    p.up = (struct autoscaler_policy_side){0};
    p.ready_within_s = 2 * config->start_s;
    p.wait_s = config->wait_s;
    p.start_s = config->start_s;
    p.signals = 2;
    p.signal[0] = (struct autoscaler_policy_signal){AUTOSCALER_POLICY_ARRIVALS, "", config->instance_rate};
    p.signal[1] = (struct autoscaler_policy_signal){AUTOSCALER_POLICY_CPU_SHARE, "", .9};
    return p;
}

struct fault_result faults_run(const struct service_config *config, enum fault_kind kind, uint32_t from_s, bool is_hpa, bool is_all)
{
    struct autoscaler_policy p = policy_of(config);

    site = (struct site){.config = config, .kind = kind, .from_s = from_s, .hpa = {.target = .7}};
    rng_init(&site.rng, config->seed);
    if (autoscaler_decide_init(&decide, &p) != ERR_OK) {
        abort();
    }
    site.there = (uint32_t)ceil(config->rate[0] / config->instance_rate / .7) + 1;
    for (uint32_t second = 0; second < config->seconds; second++) {
        serve(&site, second);
        if (second + 1 == from_s) {
            site.stuck_busy = site.busy;
            site.stuck_arrivals = site.arrivals;
        }
        if (is_hpa) {
            step_hpa(&site, second);
        } else {
            step_decide(&site, second, is_all);
        }
    }
    return site.result;
}
