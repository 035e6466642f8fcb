/* Faults at the steepest rise of four days of a recorded service: minutes of bad service from there on, of HPA and of decisions.
 *
 *   test_sim_faults --data DIR [--seed N] [--only WORD] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/macros.h"
#include "tests/sim/autoscaler/faults.h"

enum { MINUTES = 4 * 24 * 60, BEFORE_S = 4 * 3600, AFTER_S = 2 * 3600 };

/* At most so much of HPA's bad minutes: when the fault has arrivals alone, and when it has all that is measured. */
static const struct {
    enum fault_kind kind;
    const char *name;
    double first, all;
} bounds[] = {
    {FAULT_NONE, "none", 1, 1},       {FAULT_OUTAGE, "outage", .5, .8}, {FAULT_ZERO, "zero", .3, .45},
    {FAULT_STUCK, "stuck", .15, .33}, {FAULT_LATE, "late", .54, .54},   {FAULT_NEVER, "never", .25, .25},
};

/* The same with all that was seen since midnight two days before: the season is known. */
static const struct {
    enum fault_kind kind;
    const char *name;
    uint32_t most; /* bad minutes */
} seasons[] = {{FAULT_OUTAGE, "outage", 2}, {FAULT_ZERO, "zero", 2}, {FAULT_STUCK, "stuck", 3}};

static void hold(const char *name, const char *what, uint32_t bad_minutes, uint32_t of_hpa, double most, int *failures)
{
    if (bad_minutes > most * of_hpa) {
        (void)fprintf(stderr, "%s, %s hit: %u bad minutes of HPA's %u, at most %g\n", name, what, bad_minutes, of_hpa, most);
        ++*failures;
    }
}

static double rate[MINUTES * 60];

static bool load(const char *directory)
{
    static double minute[MINUTES + 1];
    char path[4096];
    size_t count = 0;

    (void)snprintf(path, sizeof path, "%s/nasa_minutes.txt", directory);
    FILE *f = fopen(path, "r");
    while (f != NULL && count <= MINUTES && fscanf(f, "%lf", &minute[count]) == 1) {
        count++;
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    for (uint32_t i = 0; count > MINUTES && i < MINUTES * 60; i++) {
        rate[i] = minute[i / 60] + (minute[i / 60 + 1] - minute[i / 60]) * (i % 60) / 60;
    }
    return count > MINUTES;
}

int main(int argc, char **argv)
{
    const char *directory = ".", *only = "";
    uint64_t seed = 1;
    int failures = 0;

    for (int i = 1; i + 1 < argc; i += 2) {
        directory = strcmp(argv[i], "--data") == 0 ? argv[i + 1] : directory;
        only = strcmp(argv[i], "--only") == 0 ? argv[i + 1] : only;
        seed = strcmp(argv[i], "--seed") == 0 ? strtoull(argv[i + 1], NULL, 10) : seed;
    }
    if (!load(directory)) {
        (void)fprintf(stderr, "%s: no nasa_minutes.txt\n", directory);
        return 2;
    }
    uint32_t steepest = BEFORE_S + faults_steepest(rate + BEFORE_S, MINUTES * 60 - BEFORE_S - AFTER_S), from = steepest - 600;
    struct service_config c = {.rate = rate + from - BEFORE_S, .seconds = BEFORE_S + AFTER_S, .instance_rate = 10, .wait_s = .25,
                               .start_s = 30, .seed = seed};
    (void)printf("from %.0f to %.0f requests/s in ten minutes\n", rate[from], rate[steepest]);
    for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
        if (strstr(bounds[i].name, only) == NULL) {
            continue;
        }
        struct fault_result hpa = faults_run(&c, bounds[i].kind, BEFORE_S, true, true);
        struct fault_result one = faults_run(&c, bounds[i].kind, BEFORE_S, false, false);
        struct fault_result all = faults_run(&c, bounds[i].kind, BEFORE_S, false, true);
        (void)printf("%-7s bad minutes: HPA %u, arrivals alone hit %u, all hit %u; instance-hours %.0f, %.0f, %.0f\n", bounds[i].name,
                     hpa.bad_minutes, one.bad_minutes, all.bad_minutes, hpa.instance_hours, one.instance_hours, all.instance_hours);
        hold(bounds[i].name, "arrivals alone", one.bad_minutes, hpa.bad_minutes, bounds[i].first, &failures);
        hold(bounds[i].name, "all", all.bad_minutes, hpa.bad_minutes, bounds[i].all, &failures);
    }
    uint32_t days_s = from / 86400 * 86400; /* of two days */
    c.rate = rate + from - days_s;
    c.seconds = days_s + AFTER_S;
    for (size_t i = 0; i < ARRAY_LEN(seasons); i++) {
        if (strstr("season", only) == NULL) {
            continue;
        }
        struct fault_result all = faults_run(&c, seasons[i].kind, days_s, false, true);
        (void)printf("%-7s bad minutes after two days: all hit %u\n", seasons[i].name, all.bad_minutes);
        if (all.bad_minutes > seasons[i].most) {
            (void)fprintf(stderr, "season, %s: %u bad minutes, at most %u\n", seasons[i].name, all.bad_minutes, seasons[i].most);
            failures++;
        }
    }
    return failures == 0 ? 0 : 1;
}
