/* SHM-5: no system call while both sides are awake, and next to no processor time while both are idle. The kernel
 * counts, not the channel: every call that could wake or sleep is trapped, in both processes, and returns as if it had
 * been woken for nothing; so nobody sleeps, and each try is seen. A host that takes a processor away makes who is left
 * alone lie down: so the claim is that a stretch of a millisecond is without any, and it is tried for a while. By
 * hand, before everything else on the host, each try is for want of a processor:
 *   chrt -r 1 test_run_shm_quiet 1000000     calls */
#include <errno.h>
#include <inttypes.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>

#include "common/run/shm_bell.h"
#include "tests/unit/run/shm_pair.h"

enum {
    STRETCH = 2000,     /* calls: about a millisecond                                         */
    LONGEST_MS = 20000, /* until one stretch is quiet                                         */
    ASK = 1,
    STOP = 2,
    IDLE_MS = 1000,
    IDLE_SHARE = 200,   /* of a processor's time: half a percent                              */
    PATIENT_MS = 20000,
};

/* What both processes see. */
struct shared {
    _Atomic uint64_t trapped;
    uint64_t idle_us; /* what the server took while it was idle */
};

static struct shared *shared;

static void trap(int number, siginfo_t *info, void *context)
{
    ucontext_t *at = context;

    (void)number;
    (void)info;
    at->uc_mcontext.gregs[REG_RAX] = -EAGAIN;
    atomic_fetch_add(&shared->trapped, 1);
}

#define TRAPPED(name)                                                                              \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1),                                         \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP)

static void trap_sleeps_and_wakes(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        TRAPPED(futex),
        TRAPPED(poll),
        TRAPPED(ppoll),
        TRAPPED(sendto),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = ARRAY_LEN(code), .filter = code};
    struct sigaction act = {.sa_sigaction = trap, .sa_flags = SA_SIGINFO};

    REQUIRE(sigaction(SIGSYS, &act, NULL) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "ready");
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        printf("SKIPPED: this kernel has no seccomp filters\n");
        exit(CHECK_SKIPPED);
    }
}

static uint64_t cpu_us(void)
{
    struct rusage u;

    (void)getrusage(RUSAGE_SELF, &u);
    return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
           (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static enum err handle(void *context, const struct shm_request *r)
{
    (void)context;
    if (r->operation == STOP) {
        shm_stop(r->channel);
    }
    return shm_answer(r, ERR_OK, 0);
}

/* The nth processor that this process may use; false: there are not so many. */
static bool pin(const cpu_set_t *all, int nth)
{
    cpu_set_t one;

    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, all) && nth-- == 0) {
            CPU_SET(cpu, &one);
            return sched_setaffinity(0, sizeof one, &one) == 0;
        }
    }
    return false;
}

static pid_t start(const cpu_set_t *all, bool is_trapped, struct shm **ret)
{
    struct shm_meet_config config = shm_pair_config(&shm_pair_shape);
    int at[2];

    shm_pair_sockets(at);
    pid_t child = shm_pair_fork();
    if (child == 0) {
        struct shm *c = NULL;
        fd_close(&at[0]);
        (void)pin(all, 1);
        REQUIRE(shm_meet_accept(&at[1], &config, PATIENT_MS, &c) == ERR_OK, "met");
        shm_handler(c, handle, NULL);
        if (is_trapped) {
            trap_sleeps_and_wakes();
        }
        uint64_t before_us = cpu_us();
        CHECK(shm_serve(c, UINT32_MAX) == ERR_OK, "stopped");
        shared->idle_us = cpu_us() - before_us;
        shm_close(c);
        _exit(CHECK_RESULT());
    }
    fd_close(&at[1]);
    (void)pin(all, 0);
    REQUIRE(shm_meet_connect(&at[0], &config, PATIENT_MS, ret) == ERR_OK, "met");
    shm_handler(*ret, handle, NULL);
    return child;
}

static void stop(struct shm *c, pid_t child)
{
    char none;
    size_t size = 0;
    int status = -1;

    CHECK(shm_call(c, STOP, NULL, 0, PATIENT_MS, &none, &size) == ERR_OK, "the last call");
    CHECK(waitpid(child, &status, 0) == child && status == 0, "the server ends in good order");
    shm_close(c);
}

/* Trapped calls in `count` round trips; the channel's own counters must not know of fewer occasions. */
static uint64_t stretch(struct shm_session *s, uint64_t count)
{
    struct shm_counters mine, theirs, mine_then, theirs_then;
    struct shm_reply reply;

    /* The channel's counters around those of the kernel: whoever is stopped in between tries meanwhile. */
    shm_chan_counters(s->channel, &mine, &theirs);
    uint64_t before = atomic_load(&shared->trapped);
    for (uint64_t i = 0; i < count; i++) {
        REQUIRE(shm_ask(s, ASK, &i, sizeof i, PATIENT_MS, &reply) == ERR_OK, "an answer");
    }
    uint64_t tries = atomic_load(&shared->trapped) - before;
    shm_chan_counters(s->channel, &mine_then, &theirs_then);
    uint64_t sleeps = mine_then.sleeps - mine.sleeps + theirs_then.sleeps - theirs.sleeps;
    uint64_t wakes = mine_then.wakes - mine.wakes + theirs_then.wakes - theirs.wakes;
    CHECK(tries <= sleeps + 2 * wakes + 2, "%" PRIu64 " tries, counted: %" PRIu64 " sleeps, %" PRIu64
          " wakes, and one of each may be under way", tries, sleeps, wakes);
    return tries;
}

static void busy_calls_need_no_system_call(const cpu_set_t *all, uint64_t count)
{
    struct shm *c = NULL;
    struct shm_session s;
    uint64_t stretches = 1, end_ns = shm_bell_now_ns() + (uint64_t)LONGEST_MS * 1000000;
    pid_t child = start(all, true, &c);

    trap_sleeps_and_wakes();
    REQUIRE(shm_session_open(c, &s) == ERR_OK, "a slot");
    while (stretch(&s, STRETCH) > 0 && shm_bell_now_ns() < end_ns) {
        stretches++;
    }
    printf("stretch %" PRIu64 " of %d calls was without a try to sleep or wake\n", stretches, STRETCH);
    CHECK(shm_bell_now_ns() < end_ns, "not one was");
    if (count > 0) {
        printf("%" PRIu64 " tries in %" PRIu64 " calls\n", stretch(&s, count), count);
    }
    shm_session_close(&s);
    stop(c, child);
}

static void idle_ends_cost_nothing(const cpu_set_t *all)
{
    struct shm *c = NULL;
    pid_t child = start(all, false, &c);
    uint64_t before_us = cpu_us();

    CHECK(shm_serve(c, IDLE_MS) == ERR_TIMEOUT, "nobody asked");
    uint64_t took_us = cpu_us() - before_us;
    stop(c, child);
    printf("idle ends took %" PRIu64 " and %" PRIu64 " us in %d ms\n", took_us, shared->idle_us, IDLE_MS);
    CHECK(took_us < IDLE_MS * 1000 / IDLE_SHARE && shared->idle_us < IDLE_MS * 1000 / IDLE_SHARE,
          "half a percent each");
}

int main(int argc, char **argv)
{
    cpu_set_t all;

#ifdef __SANITIZE_THREAD__
    printf("SKIPPED: under the thread sanitizer a turn takes longer than its calibration says\n");
    return CHECK_SKIPPED;
#endif
    if (sched_getaffinity(0, sizeof all, &all) != 0 || CPU_COUNT(&all) < 2) {
        printf("SKIPPED: two that are awake need two processors\n");
        return CHECK_SKIPPED;
    }
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(shared != MAP_FAILED, "memory for both");
    idle_ends_cost_nothing(&all);
    /* A filter is for good: in a process that ends without what a sanitizer does at its end. */
    (void)fflush(stdout);
    pid_t child = shm_pair_fork();
    int status = -1;
    if (child == 0) {
        busy_calls_need_no_system_call(&all, argc > 1 ? strtoull(argv[1], NULL, 10) : 0);
        (void)fflush(stdout);
        _exit(CHECK_RESULT());
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0, "what was found there");
    return CHECK_RESULT();
}
