/* Round trips between two processes, over one of the transports of shm_peers.c.
 *
 *   shm_calls KIND SIZE touch|leave CPU_CLIENT CPU_SERVER ROUNDS GAP_US HOGS
 *
 * CPU -1: not pinned. GAP_US: the client sleeps so long before each call, which is not counted. HOGS:
 * that many processes compute beside, one a processor in turn (not pinned when the pair is not).
 * Prints "p50_ns p99_ns mean_ns cpu_ns": the last is what the server took a call. */
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/shm_peers.h"

enum {
    ROUNDS_MAX = 1000000,
    HOGS_MAX = 8,
    WARM_SHARE = 10, /* a tenth of the rounds warms up */
};

static pid_t child[HOGS_MAX + 1];
static int children;

static uint64_t now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void pin(int cpu)
{
    cpu_set_t set;

    if (cpu < 0) {
        return;
    }
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    peers_must(sched_setaffinity(0, sizeof set, &set) == 0, "pinning");
}

/* Returns true in the child, which ends with its parent. */
static bool part(void)
{
    pid_t parent = getpid(), pid = fork();

    peers_must(pid >= 0, "fork");
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _exit(1);
        }
        return true;
    }
    child[children++] = pid;
    return false;
}

static void end_children(void)
{
    for (int i = 0; i < children; i++) {
        (void)kill(child[i], SIGKILL);
        (void)waitpid(child[i], NULL, 0);
    }
}

static int by_size(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static void measure(const struct peers_kind *kind, struct peers_setup *s, int rounds, unsigned gap_us)
{
    static uint64_t took[ROUNDS_MAX];
    struct rusage all;
    uint64_t sum = 0;
    void *state = kind->open(s);

    for (int i = -rounds / WARM_SHARE; i < rounds; i++) {
        if (gap_us > 0) {
            (void)usleep(gap_us);
        }
        uint64_t begin = now_ns();
        kind->call(s, state, (uint64_t)(i + rounds / WARM_SHARE + 1));
        if (i >= 0) {
            took[i] = now_ns() - begin;
            sum += took[i];
        }
    }
    end_children();
    (void)getrusage(RUSAGE_CHILDREN, &all); /* with hogs beside they are in it: meaningless then */
    uint64_t cpu = (uint64_t)(all.ru_utime.tv_sec + all.ru_stime.tv_sec) * 1000000000u +
                   (uint64_t)(all.ru_utime.tv_usec + all.ru_stime.tv_usec) * 1000u;
    qsort(took, (size_t)rounds, sizeof took[0], by_size);
    (void)printf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", took[rounds / 2],
                 took[(size_t)rounds * 99 / 100], sum / (uint64_t)rounds, cpu / (uint64_t)rounds);
}

int main(int argc, char **argv)
{
    struct peers_setup s = {.client = getpid()};
    const struct peers_kind *kind = NULL;

    for (size_t i = 0; argc == 9 && i < peers_count; i++) {
        kind = strcmp(peers_kinds[i].name, argv[1]) == 0 ? &peers_kinds[i] : kind;
    }
    s.size = argc == 9 ? (size_t)atoi(argv[2]) : 0;
    int rounds = argc == 9 ? atoi(argv[6]) : 0, hogs = argc == 9 ? atoi(argv[8]) : -1;
    if (kind == NULL || s.size > PEERS_SIZE_MAX || rounds < 1 || rounds > ROUNDS_MAX || hogs < 0 ||
        hogs > HOGS_MAX) {
        (void)fprintf(stderr, "usage: shm_calls KIND SIZE touch|leave CPU CPU ROUNDS GAP_US HOGS\n");
        return 64;
    }
    s.is_touched = strcmp(argv[3], "touch") == 0;
    for (int i = 0; i < hogs; i++) {
        if (part()) {
            pin(atoi(argv[4]) < 0 ? -1 : i % (int)sysconf(_SC_NPROCESSORS_ONLN));
            for (volatile uint64_t n = 0;; n++) {
            }
        }
    }
    kind->prepare(&s);
    if (part()) {
        pin(atoi(argv[5]));
        kind->serve(&s);
        _exit(1);
    }
    pin(atoi(argv[4]));
    measure(kind, &s, rounds, (unsigned)atoi(argv[7]));
    return 0;
}
