/* Round trips between two processes, over one of the transports of shm_peers.c.
 *
 *   shm_calls KIND SIZE touch|leave CPU_CLIENT CPU_SERVER ROUNDS GAP_US HOGS
 *
 * CPU -1: not pinned. GAP_US: the client sleeps so long before each call, which is not counted. HOGS:
 * that many processes compute beside, one a processor in turn (not pinned when the pair is not); or "peer": one, on
 * the server's processor. Hogs and pair are then ordinary processes whatever started them: of two with one real-time
 * priority the one that lay down comes back when the other's slice is over, a hundred milliseconds later.
 * Ends after ROUNDS, or MEASURE_NS if that is earlier, and reports what was done by then.
 * Prints "p50_ns p99_ns mean_ns cpu_ns rounds": cpu_ns is what the server took a call. */
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/shm_peers.h"

enum {
    ROUNDS_MAX = 1000000,
    HOGS_MAX = 8,
    WARM_SHARE = 10, /* a tenth of the rounds warms up */
    WARM_NS = 500000000,
    MEASURE_NS = 2000000000,
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
    pid_t pid = peers_fork();

    if (pid == 0) {
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

static uint64_t timed(const struct peers_kind *kind, struct peers_setup *s, void *state, unsigned gap_us)
{
    static uint64_t number;

    if (gap_us > 0) {
        (void)usleep(gap_us);
    }
    uint64_t begin_ns = now_ns();
    kind->call(s, state, ++number);
    return now_ns() - begin_ns;
}

static void measure(const struct peers_kind *kind, struct peers_setup *s, int rounds, unsigned gap_us)
{
    static uint64_t took[ROUNDS_MAX];
    struct rusage all;
    uint64_t sum = 0;
    void *state = kind->open(s);
    int done = 0;

    for (uint64_t end_ns = now_ns() + WARM_NS; done < rounds / WARM_SHARE && now_ns() < end_ns; done++) {
        (void)timed(kind, s, state, gap_us);
    }
    int warm = done;
    uint64_t end_ns = now_ns() + MEASURE_NS;
    for (done = 0; done < rounds && (done == 0 || now_ns() < end_ns); done++) {
        took[done] = timed(kind, s, state, gap_us);
        sum += took[done];
    }
    end_children();
    (void)getrusage(RUSAGE_CHILDREN, &all); /* with hogs beside they are in it: meaningless then */
    uint64_t cpu = (uint64_t)(all.ru_utime.tv_sec + all.ru_stime.tv_sec) * 1000000000u +
                   (uint64_t)(all.ru_utime.tv_usec + all.ru_stime.tv_usec) * 1000u;
    qsort(took, (size_t)done, sizeof took[0], by_size);
    (void)printf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %d\n", took[done / 2],
                 took[(size_t)done * 99 / 100], sum / (uint64_t)done, cpu / (uint64_t)(warm + done), done);
}

/* What computes beside: `cpu` -1: wherever there is room. */
static void add_hog(int cpu)
{
    if (part()) {
        pin(cpu);
        for (volatile uint64_t n = 0;; n++) {
        }
    }
}

static void add_hogs(const char *what, int client_cpu, int server_cpu)
{
    const struct sched_param none = {0};
    int count = atoi(what);

    if (strcmp(what, "0") == 0) {
        return;
    }
    peers_must(sched_setscheduler(0, SCHED_OTHER, &none) == 0, "an ordinary process");
    if (strcmp(what, "peer") == 0) {
        add_hog(server_cpu);
    }
    for (int i = 0; i < count; i++) {
        add_hog(client_cpu < 0 ? -1 : i % (int)sysconf(_SC_NPROCESSORS_ONLN));
    }
}

int main(int argc, char **argv)
{
    struct peers_setup s = {.client = getpid()};
    const struct peers_kind *kind = NULL;

    for (size_t i = 0; argc == 9 && i < peers_count; i++) {
        kind = strcmp(peers_kinds[i].name, argv[1]) == 0 ? &peers_kinds[i] : kind;
    }
    s.size = argc == 9 ? (size_t)atoi(argv[2]) : 0;
    int rounds = argc == 9 ? atoi(argv[6]) : 0;
    if (kind == NULL || s.size > PEERS_SIZE_MAX || rounds < 1 || rounds > ROUNDS_MAX ||
        atoi(argv[8]) < 0 || atoi(argv[8]) > HOGS_MAX) {
        (void)fprintf(stderr, "usage: shm_calls KIND SIZE touch|leave CPU CPU ROUNDS GAP_US HOGS|peer\n");
        return 64;
    }
    peers_mortal();
    s.is_touched = strcmp(argv[3], "touch") == 0;
    add_hogs(argv[8], atoi(argv[4]), atoi(argv[5]));
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
