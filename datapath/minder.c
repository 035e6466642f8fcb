#include "datapath/minder.h"

#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "common/run/narrow.h"
#include "common/run/rights.h"
#include "datapath/keeper.h"

enum {
    DONE = 0,   /* exit statuses of keepers: keeper.h */
    FAILED = 1,
    MISUSED = 2,
    KILLED = -1, /* it has none */
};

/* What keepers begin with, so that the next one has it. It is nobody's who can be spoken to. */
static const int keepers[] = {CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN, CAP_NET_RAW, CAP_IPC_LOCK};

static uint64_t now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Begin a keeper and hand its other end to the cell; *ret: its descriptor. -1: it does not begin, or the cell is gone. */
static pid_t begin(int argc, char **argv, int *ret)
{
    const uint32_t says = DATAPATH_MINDER_SAYS;
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return -1;
    }
    pid_t pid = fork();
    if (pid == 0) {
        fd_close(&pair[0]);
        _exit(dup2(pair[1], DATAPATH_KEEPER_SOCKET) < 0 || close(pair[1]) != 0 ? FAILED : datapath_keeper_run(argc, argv));
    }
    fd_close(&pair[1]);
    /* Without the end that goes to the cell the keeper ends by itself. */
    bool is_told = pid > 0 && rights_send(DATAPATH_KEEPER_SOCKET, &says, sizeof says, &pair[0], 1) == ERR_OK;
    fd_close(&pair[0]);
    *ret = is_told ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    return *ret < 0 ? -1 : pid;
}

/* Until `fd` can be read, or so long; false: the cell is gone first. */
static bool wait_for(int fd, int limit_ms)
{
    struct pollfd at[] = {{.fd = DATAPATH_KEEPER_SOCKET, .events = POLLRDHUP}, {.fd = fd, .events = POLLIN}};
    int came;

    do {
        came = poll(at, fd < 0 ? 1 : 2, limit_ms);
    } while (came < 0 && errno == EINTR);
    return came >= 0 && at[0].revents == 0;
}

/* How it ended. */
static int status_of(pid_t pid)
{
    int status;

    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return FAILED;
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : KILLED;
}

int datapath_minder_run(int argc, char **argv)
{
    uint64_t again_ms = 0;
    char why[NARROW_WHY_SIZE];

    (void)signal(SIGINT, SIG_IGN); /* as keepers: they end with their cell */
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    if (narrow_capabilities(keepers, ARRAY_LEN(keepers), why) != ERR_OK) {
        (void)fprintf(stderr, "cell-shield: %s\n", why);
        return FAILED;
    }
    for (;;) {
        uint64_t began_ms = now_ms();
        int end;
        pid_t pid = begin(argc, argv, &end);
        if (pid < 0) {
            return FAILED;
        }
        bool is_there = wait_for(end, -1);
        fd_close(&end);
        int status = status_of(pid);
        if (!is_there || status == DONE || status == FAILED || status == MISUSED) {
            return is_there ? status : DONE;
        }
        again_ms = again_ms == 0 || now_ms() - began_ms >= DATAPATH_MINDER_AGAIN_MS_MAX ? DATAPATH_MINDER_AGAIN_MS : 2 * again_ms;
        again_ms = again_ms > DATAPATH_MINDER_AGAIN_MS_MAX ? DATAPATH_MINDER_AGAIN_MS_MAX : again_ms;
        (void)fprintf(stderr, "cell-shield: keeper %d ended, status %d; another one in %d ms\n", (int)pid, status, (int)again_ms);
        if (!wait_for(-1, (int)again_ms)) {
            return DONE;
        }
    }
}
