/* What the sandbox costs and what of it costs what: starts PROGRAM again and again, by turns in the
 * full jail and in none, and prints for every step that was taken its median time.
 *
 *   jail_parts ROOT_DIR RUNS PROGRAM      "<step> <ns>" lines, then "whole <ns>" and "none <ns>"
 *
 * PROGRAM runs with /dev/null as its descriptors and is killed at once. */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "common/run/jail_child.h"

enum {
    RUNS_MAX = 10000,
    PROGRAM_UID = 64930, /* owns nothing */
    PAUSE_US = 3000,     /* as restarts come one by one: what the jail keeps in reserve is there again */
};

static uint64_t part[JAIL_STEPS][RUNS_MAX];
static uint64_t whole[RUNS_MAX];
static uint64_t none[RUNS_MAX];

static int by_size(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static uint64_t median(uint64_t *sample, int count)
{
    qsort(sample, (size_t)count, sizeof *sample, by_size);
    return sample[count / 2];
}

/* Returns microseconds from clone to exec. */
static uint64_t start_once(struct jail_spec *spec, bool is_confined)
{
    struct jail_started started;
    char why[JAIL_WHY_SIZE] = "";

    spec->confined = is_confined;
    enum err e = jail_start(spec, &started, why);
    if (e != ERR_OK) {
        (void)fprintf(stderr, "jail_parts: %s: %s\n", err_name(e), why);
        exit(1);
    }
    (void)kill(started.pid, SIGKILL); /* our child and not waited for: no stranger */
    (void)waitpid(started.pid, NULL, 0);
    fd_close(&started.pidfd);
    return started.jail_us;
}

int main(int argc, char **argv)
{
    int runs = argc == 4 ? atoi(argv[2]) : 0;
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    uint64_t step[JAIL_STEPS];

    if (runs < 1 || runs > RUNS_MAX || null_fd < 0) {
        (void)fprintf(stderr, "usage: jail_parts ROOT_DIR RUNS PROGRAM\n");
        return 64;
    }
    const char *const args[] = {"jailed", NULL};
    struct jail_spec spec = {.exec = argv[3], .argv = args, .files = 256, .gap_fd = null_fd,
                             .log_fd = null_fd, .root_dir = argv[1],
                             .uid = getuid() == 0 ? PROGRAM_UID : getuid(),
                             .gid = getuid() == 0 ? PROGRAM_UID : getgid()};
    for (int i = 0; i < runs; i++) {
        whole[i] = start_once(&spec, true) * 1000u;
        jail_steps_ns(step);
        for (int s = 0; s < JAIL_STEPS; s++) {
            part[s][i] = step[s];
        }
        none[i] = start_once(&spec, false) * 1000u;
        (void)usleep(PAUSE_US);
    }
    for (int s = 0; s < JAIL_STEPS; s++) {
        (void)printf("%s\t%" PRIu64 "\n", jail_step_name((enum jail_step)s), median(part[s], runs));
    }
    (void)printf("whole\t%" PRIu64 "\nnone\t%" PRIu64 "\n", median(whole, runs), median(none, runs));
    return 0;
}
