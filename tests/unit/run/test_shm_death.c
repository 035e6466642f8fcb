/* SHM-10: the peer is killed at a random moment of a call; the caller learns of it in time, keeps
 * nothing, and calls the next peer. How long a process takes to die is the kernel's and the host's
 * business (a sanitized one has terabytes to unmap): a thread that does nothing but wait for the pidfd
 * says when it was over, and the caller may be so much later. More by hand: test_run_shm_death RUNS
 * SEED. */
#include <dirent.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "common/base/rng.h"
#include "tests/unit/run/shm_pair.h"

enum {
    HANG = 1,       /* the server takes the request and never answers */
    QUICK = 2,
    LATE_MS = 10,   /* what a caller may be left in the dark           */
    SLACK_MS = 200, /* what a loaded host takes from anybody           */
    PATIENT_MS = 20000,
};

static uint64_t now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void wait_us(uint64_t us)
{
    for (uint64_t end = now_us() + us; now_us() < end;) {
    }
}

static enum err handle(void *context, const struct shm_request *r)
{
    (void)context;
    if (r->operation == HANG) {
        for (;;) {
            (void)pause();
        }
    }
    return shm_answer_copy(r, ERR_OK, "done", 4);
}

static int count_entries(const char *path)
{
    DIR *folder = opendir(path);
    int count = 0;

    REQUIRE(folder != NULL, "%s", path);
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count;
}

/* A server in a process of its own; returns its pid. */
static pid_t start(struct shm **ret)
{
    struct shm_meet_config config = shm_pair_config(&shm_pair_shape);
    int at[2];

    shm_pair_sockets(at);
    pid_t child = fork();
    REQUIRE(child >= 0, "a child");
    if (child == 0) {
        struct shm *c = NULL;
        fd_close(&at[0]);
        if (shm_meet_accept(&at[1], &config, PATIENT_MS, &c) != ERR_OK) {
            _exit(1);
        }
        shm_handler(c, handle, NULL);
        (void)!shm_serve(c, UINT32_MAX);
        _exit(0);
    }
    fd_close(&at[1]);
    REQUIRE(shm_meet_connect(&at[0], &config, PATIENT_MS, ret) == ERR_OK, "met");
    return child;
}

/* A killer of its own, so that the caller is where callers are: in the call. */
static pid_t kill_after(pid_t victim, uint64_t us, uint64_t *when_us)
{
    pid_t killer = fork();

    REQUIRE(killer >= 0, "a killer");
    if (killer == 0) {
        wait_us(us);
        *when_us = now_us();
        (void)kill(victim, SIGKILL);
        _exit(0);
    }
    return killer;
}

struct control {
    int pidfd;
    uint64_t told_us;
};

static void *watch(void *context)
{
    struct control *control = context;
    struct pollfd at = {.fd = control->pidfd, .events = POLLIN};

    CHECK(poll(&at, 1, PATIENT_MS) == 1, "the process ends");
    control->told_us = now_us();
    return NULL;
}

/* How much later than the control the caller knew, and how long after the kill, in us. */
static uint64_t one(struct rng *rng, uint64_t *when_us, uint64_t *ret_after_us)
{
    struct shm *c = NULL;
    struct shm_reply reply;
    struct shm_session s;
    pid_t child = start(&c);
    struct control control = {.pidfd = (int)syscall(SYS_pidfd_open, child, 0)};
    pthread_t watcher;
    bool hangs = rng_below(rng, 2) == 0;
    enum err e = ERR_OK;
    uint64_t calls = 0;

    REQUIRE(shm_session_open(c, &s) == ERR_OK, "a slot");
    *when_us = 0;
    REQUIRE(control.pidfd >= 0 && pthread_create(&watcher, NULL, watch, &control) == 0, "a watcher");
    pid_t killer = kill_after(child, rng_below(rng, rng_below(rng, 4) == 0 ? 20000 : 2000), when_us);
    while (e == ERR_OK) {
        e = shm_ask(&s, hangs ? HANG : QUICK, "ask", 3, PATIENT_MS, &reply);
        calls += e == ERR_OK;
    }
    uint64_t known_us = now_us();
    CHECK(e == ERR_PEER_DEAD && !reply.is_answered, "%s after %" PRIu64 " calls", err_name(e), calls);
    CHECK(shm_ask(&s, QUICK, "ask", 3, PATIENT_MS, &reply) == ERR_PEER_DEAD, "and it stays so");
    shm_session_close(&s);
    REQUIRE(shm_session_open(c, &s) == ERR_OK, "the slot is free again");
    shm_session_close(&s);
    CHECK(shm_serve(c, PATIENT_MS) == ERR_PEER_DEAD, "a server learns of it too");
    shm_close(c);
    (void)waitpid(killer, NULL, 0);
    (void)waitpid(child, NULL, 0);
    pthread_join(watcher, NULL);
    fd_close(&control.pidfd);
    *ret_after_us = known_us - *when_us;
    return known_us > control.told_us ? known_us - control.told_us : 0;
}

static int by_size(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

int main(int argc, char **argv)
{
    size_t runs = argc > 1 ? strtoul(argv[1], NULL, 10) : 60;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    uint64_t *late_us = calloc(2 * runs, sizeof *late_us), *after_us = late_us + runs;
    uint64_t *when_us = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct rng rng;
    struct shm *c = NULL;

    REQUIRE(late_us != NULL && when_us != MAP_FAILED && runs > 0, "memory");
    rng_init(&rng, seed);
    (void)one(&rng, when_us, after_us); /* what is opened once and for all */
    int fds = count_entries("/proc/self/fd"), maps = count_entries("/proc/self/map_files");
    for (size_t i = 0; i < runs; i++) {
        late_us[i] = one(&rng, when_us, &after_us[i]);
    }
    CHECK(count_entries("/proc/self/fd") == fds, "no descriptor is left");
    CHECK(count_entries("/proc/self/map_files") <= maps + 8, "no mapping is left: %d, %d before",
          count_entries("/proc/self/map_files"), maps);
    qsort(late_us, runs, sizeof *late_us, by_size);
    qsort(after_us, runs, sizeof *after_us, by_size);
    printf("%zu kills, seed %" PRIu64 ": known p50 %" PRIu64 " p99 %" PRIu64 " max %" PRIu64
           " us after the kill, %" PRIu64 " %" PRIu64 " %" PRIu64 " us after the control\n", runs, seed,
           after_us[runs / 2], after_us[runs * 99 / 100], after_us[runs - 1], late_us[runs / 2],
           late_us[runs * 99 / 100], late_us[runs - 1]);
    CHECK(late_us[runs / 2] < LATE_MS * 1000, "half of all in time even on a loaded host");
    CHECK(late_us[runs - 1] < (LATE_MS + SLACK_MS) * 1000, "none is left in the dark");
    pid_t child = start(&c);
    char out[8];
    size_t size = sizeof out;
    CHECK(shm_call(c, QUICK, NULL, 0, PATIENT_MS, out, &size) == ERR_OK && size == 4, "the next peer answers");
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    shm_close(c);
    free(late_us);
    return CHECK_RESULT();
}
