/* The rules and HPA v2 on the same requests, second by second, held to bounds: minutes of bad service, instance-hours, changes.
 *
 *   test_sim_autoscaler --data DIR [--seed N] [--only WORD]           the suite, four days of the recorded service
 *   test_sim_autoscaler --data DIR --table [--seed N] [--only WORD]   all of it, printed */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autoscaler/rules.h"
#include "common/base/macros.h"
#include "tests/sim/autoscaler/hpa.h"

enum { MINUTES_MAX = 100000, HOUR = 3600, DAY = 24 * HOUR, DAYS = 4 };

static int failures;

/* Requests a second: a recorded service, or low and high by turns. */
struct demand {
    const char *name;
    const char *data;
    double low, high;
    uint32_t seconds, period_s, high_s; /* the high part is the last of a period; high_s 0: it rises steadily from low to high */
};

static const struct demand demands[] = {
    {.name = "nasa", .data = "nasa_minutes.txt"},
    {.name = "step", .low = 100, .high = 1000, .seconds = 2 * HOUR, .period_s = 2 * HOUR, .high_s = HOUR},
    {.name = "ramp", .low = 100, .high = 1000, .seconds = 4 * HOUR, .period_s = 4 * HOUR},
    {.name = "square 60 s", .low = 200, .high = 600, .seconds = 4 * HOUR, .period_s = 120, .high_s = 60},
    {.name = "square 300 s", .low = 200, .high = 600, .seconds = 4 * HOUR, .period_s = 600, .high_s = 300},
    {.name = "square 900 s", .low = 200, .high = 600, .seconds = 4 * HOUR, .period_s = 1800, .high_s = 900},
    {.name = "square 1,800 s", .low = 200, .high = 600, .seconds = 8 * HOUR, .period_s = HOUR, .high_s = HOUR / 2},
    {.name = "spike", .low = 100, .high = 1000, .seconds = DAY, .period_s = HOUR, .high_s = 120},
};

/* What must be reached: shares are of HPA's at 70 %; negative: not asked for. */
struct bound {
    const char *name;
    uint32_t start_s;
    double bad_minutes, bad_of_hpa, hours_of_hpa, actions_of_hpa, flaps_of_hpa;
};

static const struct bound bounds[] = {
    {"nasa", 1, 1, -1, .95, .5, .6},
    {"nasa", 30, -1, .17, 1.08, .4, .35},
    {"step", 1, 1, -1, -1, -1, -1},
    {"step", 30, 1, -1, -1, -1, -1},
    {"ramp", 30, 0, -1, -1, -1, -1},
    {"square 60 s", 30, 3, -1, .95, -1, -1},
    {"square 300 s", 30, 4, -1, .7, -1, -1},
    {"square 900 s", 30, 3, -1, -1, -1, -1},
    {"square 1,800 s", 30, 3, -1, -1, -1, -1},
    {"spike", 30, 24, -1, -1, -1, -1},
};

static double *make_recorded(const char *directory, const struct demand *d, uint32_t days, uint32_t *ret_seconds)
{
    static double minute[MINUTES_MAX];
    char path[4096];
    uint32_t minutes = 0;

    (void)snprintf(path, sizeof path, "%s/%s", directory, d->data);
    FILE *f = fopen(path, "r");
    if (f == NULL) {
        (void)fprintf(stderr, "%s: no such file\n", path);
        exit(2);
    }
    while (minutes < MINUTES_MAX && (days == 0 || minutes <= days * DAY / 60) && fscanf(f, "%lf", &minute[minutes]) == 1) {
        minutes++;
    }
    (void)fclose(f);
    *ret_seconds = (minutes - 1) * 60;
    double *rate = calloc(*ret_seconds, sizeof *rate);
    for (uint32_t i = 0; rate != NULL && i < *ret_seconds; i++) { /* requests of a minute are taken for those of a second */
        rate[i] = minute[i / 60] + (minute[i / 60 + 1] - minute[i / 60]) * (i % 60) / 60;
    }
    return rate;
}

static double *make(const char *directory, const struct demand *d, uint32_t days, uint32_t *ret_seconds)
{
    if (d->data != NULL) {
        return make_recorded(directory, d, days, ret_seconds);
    }
    double *rate = calloc(d->seconds, sizeof *rate);
    for (uint32_t i = 0; rate != NULL && i < d->seconds; i++) {
        uint32_t at = i % d->period_s;
        rate[i] = d->high_s == 0 ? d->low + (d->high - d->low) * at / d->period_s : at < d->period_s - d->high_s ? d->low : d->high;
    }
    *ret_seconds = d->seconds;
    return rate;
}

static uint32_t rules_step(void *rules, const struct service_seen *seen)
{
    const struct autoscaler_rules_seen s = {.arrivals = seen->arrivals, .queued = seen->queued, .serving = seen->serving};

    return autoscaler_rules_step(rules, &s);
}

static struct service_result run_rules(const struct service_config *c)
{
    static struct autoscaler_rules rules;
    struct autoscaler_rules_config config = autoscaler_rules_usual(c->instance_rate, c->wait_s, c->start_s);

    if (autoscaler_rules_init(&rules, &config, (uint32_t)ceil(c->rate[0] / c->instance_rate / .7)) != ERR_OK) {
        abort();
    }
    return service_run(c, rules_step, &rules);
}

static void print(const char *who, const struct service_result *r)
{
    (void)printf("  %-8s %5u bad minutes, %.4f %% bad, %.0f instance-hours, %u changes, %u flaps, at most %u\n", who, r->bad_minutes,
                 100 * r->bad_share, r->instance_hours, r->actions, r->flaps, r->most);
}

static void hold(const struct bound *b, const char *what, double seen, double most)
{
    if (most >= 0 && seen > most) {
        (void)fprintf(stderr, "%s, start %u s: %s %g, at most %g\n", b->name, b->start_s, what, seen, most);
        failures++;
    }
}

static void check(const struct bound *b, const struct service_result *r, const struct service_result *hpa)
{
    hold(b, "bad minutes", r->bad_minutes, b->bad_minutes);
    hold(b, "bad minutes by HPA's", (double)r->bad_minutes / (hpa->bad_minutes + 1e-9), b->bad_of_hpa);
    hold(b, "hours by HPA's", r->instance_hours / hpa->instance_hours, b->hours_of_hpa);
    hold(b, "changes by HPA's", (double)r->actions / (hpa->actions + 1e-9), b->actions_of_hpa);
    hold(b, "flaps by HPA's", (double)r->flaps / (hpa->flaps + 1e-9), b->flaps_of_hpa);
}

static const struct demand *find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(demands); i++) {
        if (strcmp(demands[i].name, name) == 0) {
            return &demands[i];
        }
    }
    abort();
}

int main(int argc, char **argv)
{
    const char *directory = ".", *only = "";
    bool is_table = false;
    uint64_t seed = 1;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--table") == 0) {
            is_table = true;
        } else if (i + 1 < argc && strcmp(argv[i], "--data") == 0) {
            directory = argv[++i];
        } else if (i + 1 < argc && strcmp(argv[i], "--only") == 0) {
            only = argv[++i];
        } else if (i + 1 < argc && strcmp(argv[i], "--seed") == 0) {
            seed = strtoull(argv[++i], NULL, 10);
        } else {
            (void)fprintf(stderr, "usage: test_sim_autoscaler [--data DIR] [--table] [--seed N] [--only WORD]\n");
            return 2;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
        if (strstr(bounds[i].name, only) == NULL) {
            continue;
        }
        struct service_config c = {.instance_rate = 10, .wait_s = .25, .start_s = bounds[i].start_s, .seed = seed};
        double *rate = make(directory, find(bounds[i].name), is_table ? 0 : DAYS, &c.seconds);
        if (rate == NULL) {
            return 2;
        }
        c.rate = rate;
        struct hpa seventy = {.target = .7}, fifty = {.target = .5};
        struct service_result ours = run_rules(&c), hpa = service_run(&c, hpa_step, &seventy);
        (void)printf("%s, an instance serves after %u s\n", bounds[i].name, bounds[i].start_s);
        print("rules", &ours);
        print("HPA 70 %", &hpa);
        if (is_table) {
            struct service_result half = service_run(&c, hpa_step, &fifty);
            print("HPA 50 %", &half);
        }
        check(&bounds[i], &ours, &hpa);
        free(rate);
    }
    return failures == 0 ? 0 : 1;
}
