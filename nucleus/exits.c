/* Deaths: noticed by pidfd within microseconds, explained by waitid when the process is our child,
 * by the kernel (PIDFD_INFO_EXIT, Linux 6.15) or by the guard that reaped it when it is not. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "common/run/rights.h"
#include "nucleus/cgroup.h"
#include "nucleus/guard.h"
#include "nucleus/mounts.h"
#include "nucleus/events.h"
#include "nucleus/exits.h"
#include "nucleus/junction.h"

enum {
    EXITS_TRY_MS = 2,    /* between two looks for the status of an adopted process …     */
    EXITS_TRIES = 100,   /* … after which its status stays unknown                       */
};

/* linux/pidfd.h of Debian 12 lacks these; layout of struct pidfd_info, first version. */
struct exits_pidfd_info {
    uint64_t mask;
    uint64_t cgroupid;
    uint32_t pid, tgid, ppid;
    uint32_t ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
    int32_t exit_code;
};
#define EXITS_PIDFD_GET_INFO _IOWR(0xFF, 11, struct exits_pidfd_info)
#define EXITS_PIDFD_INFO_EXIT (1u << 3)

static void ended(struct shell_slot *slot, bool is_known, int status)
{
    struct shell *s = slot->shell;
    struct node_event ev = {.kind = NODE_EV_EXITED, .slot = slot->slot,
                            .generation = slot->generation, .exit_code = -1};

    if (is_known && WIFEXITED(status)) {
        ev.exit_code = WEXITSTATUS(status);
    } else if (is_known && WIFSIGNALED(status)) {
        ev.signal = WTERMSIG(status);
    }
    if (ev.signal == SIGKILL && cgroup_ran_out(slot->group)) {
        ev.text = "out of memory, it reached limits.memory";
    }
    cgroup_remove(slot->group);
    slot->group[0] = '\0';
    const struct node_instance *i = node_at(s->node, slot->slot);
    if (i != NULL) {
        log_info("NUCLEUS-EXIT", "cell=%s/%s.%" PRIu32 " pid=%" PRId32 " code=%" PRId32
                 " signal=%" PRId32 " known=%d", i->space, i->name, i->instance, slot->process.pid,
                 ev.exit_code, ev.signal, is_known);
        events_add(s, i->space, i->name, i->instance, "exit",
                   ev.signal != 0 ? "pid %" PRId32 " killed by signal %" PRId32
                   : is_known     ? "pid %" PRId32 " ended with status %" PRId32
                                  : "pid %" PRId32 " ended, status unknown (%" PRId32 ")",
                   slot->process.pid, ev.signal != 0 ? ev.signal : ev.exit_code);
    }
    loop_timer_free(slot->exit_timer);
    slot->exit_timer = NULL;
    slot->process.pid = 0;
    junction_end(slot);
    /* What is left of it goes after its successor has been started; by then the slot may have another
     * process, or be gone. */
    struct loop_watch *watch = take_ptr(&slot->pid_watch);
    int pidfd = fd_take(&slot->pidfd);
    int mounts_fd = fd_take(&slot->mounts_fd);
    (void)shell_feed(s, &ev);
    loop_watch_free(watch);
    fd_close(&pidfd);
    mounts_leave(s, mounts_fd);
}

/* The status of a process that is not our child; false: not known yet. */
static bool foreign_status(struct shell_slot *slot, int *ret_status)
{
    struct exits_pidfd_info info = {.mask = EXITS_PIDFD_INFO_EXIT};

    if (slot->has_report) {
        *ret_status = slot->report_status;
        return true;
    }
    if (ioctl(slot->pidfd, EXITS_PIDFD_GET_INFO, &info) == 0 &&
        (info.mask & EXITS_PIDFD_INFO_EXIT) != 0) {
        *ret_status = info.exit_code;
        return true;
    }
    return false;
}

static void on_try(void *context)
{
    struct shell_slot *slot = context;
    int status = 0;

    if (foreign_status(slot, &status)) {
        ended(slot, true, status);
    } else if (++slot->exit_tries >= EXITS_TRIES) {
        ended(slot, false, 0);
    }
}

enum err exits_expect(struct shell_slot *slot)
{
    slot->exit_timer = loop_timer_new(host_loop(slot->shell->cell), EXITS_TRY_MS, EXITS_TRY_MS,
                                      on_try, slot);
    return slot->exit_timer == NULL ? ERR_NOMEM : ERR_OK;
}

static void on_pidfd(void *context, unsigned bits)
{
    struct shell_slot *slot = context;
    siginfo_t info = {0};
    int status = 0;

    (void)bits;
    if (slot->is_child &&
        waitid((idtype_t)P_PIDFD, (id_t)slot->pidfd, &info, WEXITED | WNOHANG) == 0) {
        if (info.si_pid == 0) {
            return; /* not yet */
        }
        status = info.si_code == CLD_EXITED ? W_EXITCODE(info.si_status, 0)
                                            : W_EXITCODE(0, info.si_status);
        ended(slot, true, status);
    } else if (foreign_status(slot, &status)) {
        ended(slot, true, status);
    } else if (slot->exit_timer == NULL) {
        /* The guard has yet to reap it. The pidfd stays readable: do not spin on it. */
        loop_watch_want(slot->pid_watch, 0);
        if (exits_expect(slot) != ERR_OK) {
            ended(slot, false, 0);
        }
    }
}

enum err exits_watch(struct shell_slot *slot)
{
    slot->pid_watch = loop_watch_new(host_loop(slot->shell->cell), slot->pidfd, LOOP_READ, on_pidfd,
                                     slot);
    mounts_hold(slot);
    return slot->pid_watch == NULL ? ERR_NOMEM : ERR_OK;
}

void exits_signal(struct shell_slot *slot, int signal_number)
{
    if (slot == NULL || slot->pidfd < 0) {
        return;
    }
    /* By pidfd: a pid that another process has taken since is never hit. */
    if (syscall(SYS_pidfd_send_signal, slot->pidfd, signal_number, NULL, 0) != 0 &&
        errno != ESRCH) {
        log_error("NUCLEUS-SIGNAL", "slot=%" PRIu32 " signal=%d errno=%d", slot->slot,
                  signal_number, errno);
    }
}

/* ---- the guard --------------------------------------------------------------------------------- */

static void take_report(struct shell *s, const struct guard_report *report)
{
    for (uint32_t i = 0; i < node_slots(s->node); i++) {
        struct shell_slot *slot = s->slots[i];
        if (slot != NULL && slot->process.pid == report->pid && !slot->is_child) {
            slot->has_report = true;
            slot->report_status = report->status;
            return;
        }
    }
}

/* The child's side: only async-signal-safe calls. Moves the three descriptors out of the way of
 * their targets first. */
static void become_guard(const char *path, char *const *argv, const int fd[3])
{
    int moved[3];

    for (int i = 0; i < 3; i++) {
        moved[i] = fcntl(fd[i], F_DUPFD_CLOEXEC, 16);
    }
    for (int i = 0; i < 3; i++) {
        if (moved[i] < 0 || dup2(moved[i], GUARD_REPORT_FD + i) < 0) {
            _exit(1);
        }
    }
    (void)execv(path, argv);
    _exit(127);
}

/* Start `cell-guard --adopt` with its end of the channel, the lock and our end (which it keeps for
 * our successor). Returns its pid or -1. */
static pid_t start_guard(const struct shell *s, int guard_end, int nucleus_end)
{
    const char *argv[2 * SHELL_DIRS_MAX + 16];
    char path[SHELL_PATH_SIZE];
    char pid_text[16];
    int argc = 0;
    const int fd[3] = {guard_end, s->lock_fd, nucleus_end};

    ssize_t len = readlink("/proc/self/exe", path, sizeof path - sizeof "cell-guard");
    if (len <= 0) {
        return -1;
    }
    path[len] = '\0';
    char *slash = strrchr(path, '/');
    if (slash == NULL) {
        return -1;
    }
    (void)strcpy(slash, "/cell-guard");
    (void)snprintf(pid_text, sizeof pid_text, "%d", (int)getpid());
    argv[argc++] = "cell-guard";
    argv[argc++] = "--adopt";
    argv[argc++] = pid_text;
    argv[argc++] = "--run";
    argv[argc++] = s->run_dir;
    argv[argc++] = "--state";
    argv[argc++] = s->state_dir;
    argv[argc++] = "--manifest";
    argv[argc++] = s->manifest_path;
    for (size_t i = 0; i < s->dir_count; i++) {
        argv[argc++] = "--cells";
        argv[argc++] = s->dirs[i];
    }
    argv[argc] = NULL;
    pid_t pid = vfork();
    if (pid == 0) {
        become_guard(path, (char *const *)argv, fd);
    }
    return pid;
}

/* The guard died. Go on: become the subreaper of what is ours, and start another guard that
 * watches us. Orphans of a later crash go to init then; the kernel keeps their status for us. */
static void replace_guard(struct shell *s)
{
    int pair[2];

    log_error("NUCLEUS-GUARD-LOST", "action=starting-another");
    loop_watch_free(s->guard_watch);
    s->guard_watch = NULL;
    fd_close(&s->guard_fd);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1); /* cannot fail with these arguments */
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        log_error("NUCLEUS-GUARD-NONE", "errno=%d action=unguarded", errno);
        return;
    }
    pid_t guard = start_guard(s, pair[0], pair[1]);
    fd_close(&pair[0]);
    s->guard_fd = pair[1];
    if (guard <= 0) {
        log_error("NUCLEUS-GUARD-UNSTARTED", "action=unguarded");
        return;
    }
    s->guard_pid = guard;
    enum err e = exits_open(s);
    if (e == ERR_OK) {
        e = exits_keep_doors(s, s->door_fd);
    }
    log_info("NUCLEUS-GUARD-NEW", "pid=%d error=%s", (int)guard, err_name(e));
}

static void on_guard(void *context, unsigned bits)
{
    struct shell *s = context;
    struct guard_report report;
    ssize_t got;

    (void)bits;
    while ((got = recv(s->guard_fd, &report, sizeof report, MSG_DONTWAIT)) ==
           (ssize_t)sizeof report) {
        if (report.kind == GUARD_REAPED && s->node != NULL) {
            take_report(s, &report);
        }
    }
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        replace_guard(s);
    }
}

enum err exits_open(struct shell *s)
{
    s->guard_watch = loop_watch_new(host_loop(s->cell), s->guard_fd, LOOP_READ, on_guard, s);
    return s->guard_watch == NULL ? ERR_PRECONDITION : ERR_OK; /* not started by cell-guard */
}

void exits_close(struct shell *s)
{
    loop_watch_free(s->guard_watch);
    s->guard_watch = NULL;
}

enum err exits_keep_doors(const struct shell *s, const int fd[GUARD_DOORS])
{
    struct guard_report report = {.kind = GUARD_KEEP};

    return rights_put(s->guard_fd, &report, sizeof report, fd, GUARD_DOORS, MSG_DONTWAIT);
}

void exits_tell_guard(struct shell *s, uint32_t kind)
{
    struct guard_report report = {.kind = kind};

    if (send(s->guard_fd, &report, sizeof report, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        log_warn("NUCLEUS-GUARD-UNSAID", "kind=%" PRIu32 " errno=%d", kind, errno);
    }
}
