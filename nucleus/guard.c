#include "nucleus/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "common/run/rights.h"

enum {
    GUARD_PATH_SIZE = 4096,
    GUARD_ARGS_MAX = 64,
    GUARD_FIRST_WAIT_MS = 10,   /* back-off of a nucleus that dies young: doubles … */
    GUARD_MAX_WAIT_MS = 1000,   /* … up to this                                     */
    GUARD_STABLE_MS = 5000,     /* a run this long starts the back-off anew         */
    GUARD_REPORTS_KEPT = 4096,  /* unread reports: as many as a node has instances  */
    GUARD_LOCK_TRIES = 50,      /* after the first, of a lock that is held …        */
    GUARD_LOCK_GAP_MS = 10,     /* … so far apart                                   */
};

struct guard {
    char nucleus_path[GUARD_PATH_SIZE];
    char **argv;         /* after the program's name */
    int argc;
    pid_t nucleus;
    int nucleus_pidfd;   /* only when adopted: it is no child of ours */
    int lock_fd;
    int report_fd;       /* our end   */
    int nucleus_fd;      /* its end: kept open so that reports outlive a nucleus */
    int signal_fd;
    int door_fd[GUARD_DOORS]; /* the nucleus's listening sockets; -1: none yet */
    bool was_serving;    /* a nucleus got so far that it is worth restarting     */
    bool is_ending;
    uint64_t started_ms;
    uint32_t wait_ms;
};

static uint64_t now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

static const char *option(const struct guard *g, const char *name)
{
    for (int i = 0; i + 1 < g->argc; i += 2) {
        if (strcmp(g->argv[i], name) == 0) {
            return g->argv[i + 1];
        }
    }
    return NULL;
}

/* ---- one node a run directory ------------------------------------------------------------------ */

/* Who was killed lets go of it when its last thread has ended, which is a moment after it seems to be dead. */
static bool get_lock(int fd)
{
    const struct timespec gap = {.tv_nsec = GUARD_LOCK_GAP_MS * 1000000L};
    bool has_it = flock(fd, LOCK_EX | LOCK_NB) == 0;

    for (int i = 0; i < GUARD_LOCK_TRIES && !has_it; i++) {
        (void)nanosleep(&gap, NULL);
        has_it = flock(fd, LOCK_EX | LOCK_NB) == 0;
    }
    return has_it;
}

static bool take_lock(struct guard *g)
{
    char path[GUARD_PATH_SIZE];
    char holder[64] = "";
    const char *run = option(g, "--run");

    if (fd_make_dirs(run, 0711) != ERR_OK) {
        (void)fprintf(stderr, "cell-guard: %s: cannot be made: %s\n", run, strerror(errno));
        return false;
    }
    if (snprintf(path, sizeof path, "%s/lock", run) >= (int)sizeof path) {
        (void)fprintf(stderr, "cell-guard: --run: path too long\n");
        return false;
    }
    g->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (g->lock_fd < 0) {
        (void)fprintf(stderr, "cell-guard: %s: %s\n", path, strerror(errno));
        return false;
    }
    if (!get_lock(g->lock_fd)) {
        ssize_t len = pread(g->lock_fd, holder, sizeof holder - 1, 0);
        holder[len > 0 ? len : 0] = '\0';
        holder[strcspn(holder, "\n")] = '\0';
        (void)fprintf(stderr,
                      "cell-guard: %s: a node already runs here (guard pid %s); take it down with "
                      "`cell down` or choose another --run directory\n",
                      run, holder[0] != '\0' ? holder : "unknown");
        return false;
    }
    return true;
}

static void sign_lock(struct guard *g)
{
    char text[64];
    int len = snprintf(text, sizeof text, "%d\n", (int)getpid());

    if (ftruncate(g->lock_fd, 0) != 0 || pwrite(g->lock_fd, text, (size_t)len, 0) != len) {
        /* Only who holds it becomes unknown to others; the lock itself stands. */
        (void)fprintf(stderr, "cell-guard: lock: %s\n", strerror(errno));
    }
}

/* ---- the nucleus ------------------------------------------------------------------------------- */

/* The child's side of start_nucleus: only async-signal-safe calls. */
static void become_nucleus(const struct guard *g, char *const *argv)
{
    sigset_t none;

    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    /* All targets are below what the sources can be: they were taken before those were made. */
    if (dup2(g->nucleus_fd, GUARD_REPORT_FD) < 0 || dup2(g->lock_fd, GUARD_LOCK_FD) < 0) {
        _exit(1);
    }
    for (int i = 0; i < GUARD_DOORS; i++) {
        if (g->door_fd[i] >= 0 && dup2(g->door_fd[i], GUARD_DOORS_FD + i) < 0) {
            _exit(1);
        }
    }
    (void)execv(g->nucleus_path, argv);
    _exit(127);
}

static bool start_nucleus(struct guard *g)
{
    char *argv[GUARD_ARGS_MAX];
    int argc = 0;

    argv[argc++] = (char *)"cell-nucleus";
    for (int i = 0; i < g->argc; i++) {
        argv[argc++] = g->argv[i];
    }
    if (g->was_serving) {
        argv[argc++] = (char *)"--recover";
        argv[argc++] = (char *)"yes";
    }
    argv[argc] = NULL;
    g->started_ms = now_ms();
    g->nucleus = vfork();
    if (g->nucleus == 0) {
        become_nucleus(g, argv);
    }
    if (g->nucleus < 0) {
        (void)fprintf(stderr, "cell-guard: cannot start the nucleus: %s\n", strerror(errno));
        return false;
    }
    return true;
}

/* What to do after the nucleus ended. Returns the guard's exit status, or -1: go on. */
static int nucleus_ended(struct guard *g, int status)
{
    bool is_clean = WIFEXITED(status) && WEXITSTATUS(status) == 0;

    g->nucleus = 0;
    if (g->is_ending || is_clean) {
        return is_clean ? 0 : 1;
    }
    if (!g->was_serving) {
        if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
            (void)fprintf(stderr, "cell-guard: %s: cannot be executed\n", g->nucleus_path);
        }
        return WIFEXITED(status) ? WEXITSTATUS(status) : 1; /* it has said why */
    }
    if (now_ms() - g->started_ms >= GUARD_STABLE_MS) {
        g->wait_ms = 0;
    }
    if (g->wait_ms > 0) {
        struct timespec pause = {.tv_sec = g->wait_ms / 1000,
                                 .tv_nsec = (long)(g->wait_ms % 1000) * 1000000};
        (void)nanosleep(&pause, NULL); /* a signal that cuts it short is read from signal_fd */
    }
    g->wait_ms = g->wait_ms == 0 ? GUARD_FIRST_WAIT_MS : g->wait_ms * 2;
    if (g->wait_ms > GUARD_MAX_WAIT_MS) {
        g->wait_ms = GUARD_MAX_WAIT_MS;
    }
    (void)fprintf(stderr, "cell-guard: nucleus ended (%s %d), starting its successor\n",
                  WIFEXITED(status) ? "status" : "signal",
                  WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    return start_nucleus(g) ? -1 : 1;
}

/* Reap everything that ended; tell the nucleus of what is not the nucleus itself. */
static int reap(struct guard *g)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == g->nucleus) {
            int end = nucleus_ended(g, status);
            if (end >= 0) {
                return end;
            }
            continue;
        }
        struct guard_report report = {.kind = GUARD_REAPED, .pid = pid, .status = status};
        /* A full channel costs an exit status, which the kernel still has for the pidfd's owner. */
        (void)send(g->report_fd, &report, sizeof report, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    return -1;
}

static void keep_doors(struct guard *g, int fd[GUARD_DOORS])
{
    for (int i = 0; i < GUARD_DOORS; i++) {
        fd_close(&g->door_fd[i]);
        g->door_fd[i] = fd_take(&fd[i]);
    }
}

static void hear_nucleus(struct guard *g)
{
    struct guard_report report;
    struct rights_packet packet;
    int fd[RIGHTS_MAX];

    while (rights_take(g->report_fd, &report, sizeof report, fd, MSG_DONTWAIT, &packet) == ERR_OK && packet.size > 0) {
        report.kind = packet.size == sizeof report ? report.kind : 0;
        for (size_t i = packet.count; i < GUARD_DOORS; i++) {
            fd[i] = -1;
        }
        if (report.kind == GUARD_SERVING) {
            g->was_serving = true;
        } else if (report.kind == GUARD_ENDING) {
            g->is_ending = true;
        } else if (report.kind == GUARD_KEEP) {
            keep_doors(g, fd);
        }
        rights_drop(fd, packet.count);
    }
}

static int hear_signal(struct guard *g)
{
    struct signalfd_siginfo info;

    while (read(g->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo != SIGCHLD && g->nucleus > 0) {
            (void)kill(g->nucleus, SIGTERM); /* it takes the node down; our child, so no stranger */
        }
    }
    hear_nucleus(g); /* before its end is judged: it may have said that it is ending */
    return reap(g);
}

static int watch(struct guard *g)
{
    for (;;) {
        struct pollfd wait[3] = {{.fd = g->signal_fd, .events = POLLIN},
                                 {.fd = g->report_fd, .events = POLLIN},
                                 {.fd = g->nucleus_pidfd, .events = POLLIN}};
        if (poll(wait, 3, -1) < 0 && errno != EINTR) {
            (void)fprintf(stderr, "cell-guard: poll: %s\n", strerror(errno));
            return 1;
        }
        hear_nucleus(g);
        int end = hear_signal(g);
        if (end < 0 && (wait[2].revents & POLLIN) != 0) {
            fd_close(&g->nucleus_pidfd); /* from here on the successor is our child */
            end = nucleus_ended(g, SIGKILL);
        }
        if (end >= 0) {
            return end;
        }
    }
}

/* ---- start ------------------------------------------------------------------------------------- */

static bool open_signals(struct guard *g)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) {
        return false;
    }
    g->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return g->signal_fd >= 0;
}

/* The descriptors that the nucleus finds things at must be free for it: placeholders take them. */
static void reserve_low_descriptors(void)
{
    int fd;

    do {
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    } while (fd >= 0 && fd < GUARD_LAST_FD);
}

static bool open_reports(struct guard *g)
{
    int pair[2];
    int room = GUARD_REPORTS_KEPT * 1024; /* the kernel charges about 1 KiB a small packet */

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return false;
    }
    (void)setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room); /* best effort */
    g->report_fd = pair[0];
    g->nucleus_fd = pair[1];
    return true;
}

static bool find_nucleus(struct guard *g)
{
    ssize_t len = readlink("/proc/self/exe", g->nucleus_path, sizeof g->nucleus_path - 1);

    if (len <= 0) {
        return false;
    }
    g->nucleus_path[len] = '\0';
    char *slash = strrchr(g->nucleus_path, '/');
    if (slash == NULL || (size_t)(slash - g->nucleus_path) + sizeof "/cell-nucleus" >
                             sizeof g->nucleus_path) {
        return false;
    }
    (void)strcpy(slash, "/cell-nucleus");
    return true;
}

/* Take over from a guard that died: its nucleus started us and lives on. */
static bool adopt(struct guard *g, const char *pid_text)
{
    pid_t pid = (pid_t)strtol(pid_text, NULL, 10);

    g->report_fd = fcntl(GUARD_REPORT_FD, F_DUPFD_CLOEXEC, GUARD_LAST_FD + 1);
    g->lock_fd = fcntl(GUARD_LOCK_FD, F_DUPFD_CLOEXEC, GUARD_LAST_FD + 1);
    g->nucleus_fd = fcntl(GUARD_LOCK_FD + 1, F_DUPFD_CLOEXEC, GUARD_LAST_FD + 1);
    g->nucleus_pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    g->was_serving = true;
    return pid == getppid() && g->report_fd >= 0 && g->lock_fd >= 0 && g->nucleus_pidfd >= 0;
}

static bool prepare(struct guard *g)
{
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0 || !open_signals(g) || !find_nucleus(g)) {
        (void)fprintf(stderr, "cell-guard: cannot start: %s\n", strerror(errno));
        return false;
    }
    return true;
}

static int usage(void)
{
    (void)fprintf(stderr, "usage: cell-guard --run DIR --state DIR --manifest FILE [--cells DIR]… "
                          "[--log-level LEVEL]\nIt is started by `cell up`.\n");
    return 64;
}

int guard_run(int argc, char **argv)
{
    struct guard g = {.nucleus_pidfd = -1, .lock_fd = -1, .report_fd = -1, .nucleus_fd = -1,
                      .signal_fd = -1, .door_fd = {-1, -1, -1}, .argc = argc - 1, .argv = argv + 1};
    const char *adopted = option(&g, "--adopt");

    if ((argc - 1) % 2 != 0 || argc > GUARD_ARGS_MAX - 4 || option(&g, "--run") == NULL ||
        option(&g, "--state") == NULL || option(&g, "--manifest") == NULL) {
        return usage();
    }
    if (adopted != NULL) {
        if (strcmp(g.argv[0], "--adopt") != 0 || !adopt(&g, adopted)) {
            return usage();
        }
        g.argv += 2; /* its successors are ordinary children */
        g.argc -= 2;
    } else {
        reserve_low_descriptors();
        if (!take_lock(&g) || !open_reports(&g)) {
            return 1;
        }
    }
    if (!prepare(&g)) {
        return 1;
    }
    sign_lock(&g);
    if (adopted == NULL && !start_nucleus(&g)) {
        return 1;
    }
    return watch(&g);
}
