/* What the running kernel offers, found out by trying it and not by its version. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "common/run/fd.h"

enum {
    LANDLOCK_VERSION_FLAG = 1,     /* landlock_create_ruleset(2)                       */
    SECCOMP_ACTION_AVAILABLE = 2,  /* seccomp(2), SECCOMP_GET_ACTION_AVAIL             */
    PIDFD_INFO_IOCTL_SIZE = 64,    /* struct pidfd_info as first published             */
    FILES_SOFT_MIN = 1024,         /* nucleus: two descriptors an instance and its own */
    FILES_HARD_MIN = 4096,
    EPOCH_2024 = 1704067200,       /* a clock before this was never set                */
};

/* Run `attempt` in a child and give its errno, 0 on success; so nothing here outlives the check. */
static int try_in_child(int (*attempt)(const void *), const void *context)
{
    int status;

    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) {
        return errno;
    }
    if (pid == 0) {
        _exit(attempt(context));
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : EPERM;
}

static int unshare_flags(const void *context)
{
    return unshare(*(const int *)context) == 0 ? 0 : errno;
}

static enum cli_doctor_result look_namespaces(struct cli *cli, char what[CLI_DOCTOR_WHAT_SIZE])
{
    static const struct {
        int flag;
        const char *name;
    } kinds[] = {{CLONE_NEWUSER, "user"}, {CLONE_NEWUSER | CLONE_NEWPID, "pid"},
                 {CLONE_NEWUSER | CLONE_NEWNS, "mount"}, {CLONE_NEWUSER | CLONE_NEWNET, "net"},
                 {CLONE_NEWUSER | CLONE_NEWIPC, "ipc"}, {CLONE_NEWUSER | CLONE_NEWUTS, "uts"}};

    (void)cli;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        int error = try_in_child(unshare_flags, &kinds[i].flag);

        if (error != 0) {
            snprintf(what, CLI_DOCTOR_WHAT_SIZE, "%s namespace refused: %s", kinds[i].name,
                     strerror(error));
            return CLI_DOCTOR_FAIL;
        }
    }
    snprintf(what, CLI_DOCTOR_WHAT_SIZE, "user, pid, mount, net, ipc and uts can be made");
    return CLI_DOCTOR_OK;
}

static enum cli_doctor_result look_landlock(struct cli *cli, char what[CLI_DOCTOR_WHAT_SIZE])
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION_FLAG);

    (void)cli;
    if (abi < 1) {
        snprintf(what, CLI_DOCTOR_WHAT_SIZE, "not available: %s", strerror(errno));
        return CLI_DOCTOR_FAIL;
    }
    snprintf(what, CLI_DOCTOR_WHAT_SIZE, "abi %ld", abi);
    return CLI_DOCTOR_OK;
}

static enum cli_doctor_result look_seccomp(struct cli *cli, char what[CLI_DOCTOR_WHAT_SIZE])
{
    uint32_t action = 0x80000000u; /* end the process (seccomp(2)) */

    (void)cli;
    if (syscall(SYS_seccomp, SECCOMP_ACTION_AVAILABLE, 0, &action) != 0) {
        snprintf(what, CLI_DOCTOR_WHAT_SIZE, "filters are not available: %s", strerror(errno));
        return CLI_DOCTOR_FAIL;
    }
    snprintf(what, CLI_DOCTOR_WHAT_SIZE, "filters that end a process are available");
    return CLI_DOCTOR_OK;
}

static enum cli_doctor_result look_pidfd(struct cli *cli, char what[CLI_DOCTOR_WHAT_SIZE])
{
    AUTO_FD int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

    (void)cli;
    if (fd < 0) {
        snprintf(what, CLI_DOCTOR_WHAT_SIZE, "not available: %s", strerror(errno));
        return CLI_DOCTOR_FAIL;
    }
    snprintf(what, CLI_DOCTOR_WHAT_SIZE, "available");
    return CLI_DOCTOR_OK;
}

/* PIDFD_GET_INFO with the exit bit, Linux 6.15 (linux/pidfd.h; Debian 12's headers are older). */
struct exit_info {
    uint64_t mask;
    uint8_t rest[PIDFD_INFO_IOCTL_SIZE - sizeof(uint64_t)];
};

static enum cli_doctor_result look_exit_info(struct cli *cli, char what[CLI_DOCTOR_WHAT_SIZE])
{
    struct exit_info info = {.mask = 1 << 3};
    pid_t pid = fork();

    (void)cli;
    if (pid == 0) {
        _exit(0);
    }
    AUTO_FD int fd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    int status;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (fd < 0 || ioctl(fd, _IOWR(0xFF, 11, struct exit_info), &info) != 0 ||
        (info.mask & (1 << 3)) == 0) {
        snprintf(what, CLI_DOCTOR_WHAT_SIZE, "the kernel does not keep exit statuses");
        return CLI_DOCTOR_WARN;
    }
    snprintf(what, CLI_DOCTOR_WHAT_SIZE, "exit statuses can be read by any holder of a pidfd");
    return CLI_DOCTOR_OK;
}

static enum cli_doctor_result look_memfd(struct cli *cli, char what[CLI_DOCTOR_WHAT_SIZE])
{
    AUTO_FD int fd = memfd_create("doctor", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    (void)cli;
    if (fd < 0) {
        snprintf(what, CLI_DOCTOR_WHAT_SIZE, "not available: %s", strerror(errno));
        return CLI_DOCTOR_FAIL;
    }
    snprintf(what, CLI_DOCTOR_WHAT_SIZE, "sealed memory can be made");
    return CLI_DOCTOR_OK;
}

static enum cli_doctor_result look_kernel(struct cli *cli, char what[CLI_DOCTOR_WHAT_SIZE])
{
    struct utsname name;
    unsigned major = 0, minor = 0;

    (void)cli;
    if (uname(&name) != 0 || sscanf(name.release, "%u.%u", &major, &minor) != 2) {
        snprintf(what, CLI_DOCTOR_WHAT_SIZE, "the kernel's version is unknown");
        return CLI_DOCTOR_WARN;
    }
    snprintf(what, CLI_DOCTOR_WHAT_SIZE, "Linux %.64s on %.64s", name.release, name.machine);
    return major > 6 || (major == 6 && minor >= 1) ? CLI_DOCTOR_OK : CLI_DOCTOR_WARN;
}

static enum cli_doctor_result look_files(struct cli *cli, char what[CLI_DOCTOR_WHAT_SIZE])
{
    struct rlimit limit;

    (void)cli;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        snprintf(what, CLI_DOCTOR_WHAT_SIZE, "unknown: %s", strerror(errno));
        return CLI_DOCTOR_WARN;
    }
    snprintf(what, CLI_DOCTOR_WHAT_SIZE, "%llu now, up to %llu",
             (unsigned long long)limit.rlim_cur, (unsigned long long)limit.rlim_max);
    if (limit.rlim_max < FILES_SOFT_MIN) {
        return CLI_DOCTOR_FAIL;
    }
    return limit.rlim_cur < FILES_SOFT_MIN || limit.rlim_max < FILES_HARD_MIN ? CLI_DOCTOR_WARN
                                                                             : CLI_DOCTOR_OK;
}

static enum cli_doctor_result look_clock(struct cli *cli, char what[CLI_DOCTOR_WHAT_SIZE])
{
    struct timex state = {.modes = 0};
    time_t now = time(NULL);
    struct tm t;
    char text[64] = "unknown";

    (void)cli;
    if (gmtime_r(&now, &t) != NULL) {
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &t);
    }
    if (now < EPOCH_2024) {
        snprintf(what, CLI_DOCTOR_WHAT_SIZE, "%s: never set", text);
        return CLI_DOCTOR_FAIL;
    }
    bool is_synced = adjtimex(&state) >= 0 && (state.status & STA_UNSYNC) == 0;
    snprintf(what, CLI_DOCTOR_WHAT_SIZE, "%s, %s", text,
             is_synced ? "kept by a time server" : "no time server keeps it");
    return is_synced ? CLI_DOCTOR_OK : CLI_DOCTOR_WARN;
}

const struct cli_doctor_check cli_doctor_kernel_checks[] = {
    {"kernel", "The project is tested on Linux 6.1 and later.", "upgrade the kernel", look_kernel},
    {"namespaces", "Every cell lives in namespaces of its own; without them none is started.",
     "sysctl user.max_user_namespaces=15000 kernel.unprivileged_userns_clone=1 "
     "kernel.apparmor_restrict_unprivileged_userns=0; in a container allow unshare(2)",
     look_namespaces},
    {"landlock", "It bounds the files a cell can reach; without it none is started.",
     "boot with lsm=landlock,… (Linux 5.13 and later)", look_landlock},
    {"seccomp", "It bounds the system calls a cell can make; without it none is started.",
     "use a kernel with CONFIG_SECCOMP_FILTER", look_seccomp},
    {"pidfd", "Deaths are seen at once, and signals never reach a stranger with a recycled pid.",
     "use Linux 5.3 or later", look_pidfd},
    {"exit statuses", "After a crash of the nucleus its successor learns how a cell ended from the "
     "kernel; without this only through the guard.", "use Linux 6.15 or later", look_exit_info},
    {"sealed memory", "Fast local calls go through memory that the peer cannot resize.",
     "use Linux 3.17 or later with /dev/shm", look_memfd},
    {"open files", "Each instance costs the nucleus some descriptors.",
     "raise it: ulimit -n 65536, LimitNOFILE= in a unit", look_files},
    {"clock", "Log lines, leases between nodes and certificates depend on the time of day.",
     "run systemd-timesyncd or chrony", look_clock},
    {0},
};
