/* Ways out through the kernel's interfaces. Each call is made so that it would succeed, or be refused
 * for its arguments, if it got through. */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/kexec.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/macros.h"
#include "tests/cell/escape/escape.h"

static long denied(int error)
{
    errno = error;
    return -1;
}

/* ---- mounts ----------------------------------------------------------------------------------- */

static long mount_tmpfs(void)
{
    return mount("none", "/usr", "tmpfs", 0, NULL);
}
static long mount_bind(void)
{
    return mount("/proc", "/usr", NULL, MS_BIND, NULL);
}
static long remount_writable(void)
{
    return mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL);
}
static long umount_proc(void)
{
    return umount2("/proc", MNT_DETACH);
}
static long fs_open(void)
{
    return syscall(SYS_fsopen, "tmpfs", 0);
}
static long open_tree_clone(void)
{
    return syscall(SYS_open_tree, AT_FDCWD, "/", 1 /* OPEN_TREE_CLONE */);
}
static long mount_setattr_writable(void)
{
    unsigned long long attr[4] = {0, 1 /* MOUNT_ATTR_RDONLY */, 0, 0};
    return syscall(SYS_mount_setattr, AT_FDCWD, "/proc", 0, attr, sizeof attr);
}
static long change_root(void)
{
    return chroot("/usr");
}
static long pivot(void)
{
    return syscall(SYS_pivot_root, ".", ".");
}

/* ---- namespaces ------------------------------------------------------------------------------- */

static long unshare_user(void)
{
    return unshare(CLONE_NEWUSER);
}
static long unshare_mount(void)
{
    return unshare(CLONE_NEWNS);
}
static long unshare_pid(void)
{
    return unshare(CLONE_NEWPID);
}
static long clone_user(void)
{
    long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0) {
        _exit(0);
    }
    if (pid > 0) {
        waitpid((pid_t)pid, NULL, 0);
    }
    return pid;
}
static long clone3_user(void)
{
    struct clone_args args = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
    long pid = syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0) {
        _exit(0);
    }
    if (pid > 0) {
        waitpid((pid_t)pid, NULL, 0);
    }
    return pid;
}
static long setns_own(void)
{
    int fd = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -1 : setns(fd, 0);
}
static long setns_victim(void)
{
    int fd = (int)syscall(SYS_pidfd_open, target.victim, 0);
    return fd < 0 ? -1 : setns(fd, CLONE_NEWNS);
}

/* ---- rights ----------------------------------------------------------------------------------- */

/* A namespace that does not know user 0 says EINVAL, which is a refusal as well. */
static long became_root(bool was_root)
{
    return !was_root && (getuid() == 0 || geteuid() == 0) ? 0 : denied(EPERM);
}
static long become_root(void)
{
    bool was_root = getuid() == 0;
    return setuid(0) == 0 ? became_root(was_root) : denied(EPERM);
}
static long become_root_by_all_ids(void)
{
    bool was_root = getuid() == 0;
    return setresuid(0, 0, 0) == 0 ? became_root(was_root) : denied(EPERM);
}
static long become_root_group(void)
{
    bool was_root = getgid() == 0;
    return setgid(0) == 0 && !was_root && getgid() == 0 ? 0 : denied(EPERM);
}
static long join_groups(void)
{
    gid_t group = 0;
    return syscall(SYS_setgroups, 1, &group);
}
static long raise_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct one[2] = {{1 << CAP_CHOWN, 1 << CAP_CHOWN, 0}, {0}};
    return syscall(SYS_capset, &header, one);
}
static long raise_ambient(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct own[2];
    if (syscall(SYS_capget, &header, own) == 0) {
        own[0].inheritable |= 1 << CAP_CHOWN;
        (void)syscall(SYS_capset, &header, own);
    }
    return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0);
}
static long bounding_is_full(void)
{
    return prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) == 1 ? 0 : denied(EPERM);
}
static long unset_no_new_privs(void)
{
    (void)prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0);
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0 ? 0 : denied(EPERM);
}
static long raise_limit(int resource)
{
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0 || limit.rlim_max == RLIM_INFINITY) {
        return 0; /* there is none: nothing to raise */
    }
    limit.rlim_max++;
    return setrlimit(resource, &limit);
}
static long raise_files(void)
{
    return raise_limit(RLIMIT_NOFILE);
}
static long raise_processes(void)
{
    return raise_limit(RLIMIT_NPROC);
}
static long raise_core(void)
{
    return raise_limit(RLIMIT_CORE);
}
static long raise_priority(void)
{
    return setpriority(PRIO_PROCESS, 0, -20);
}
static long real_time(void)
{
    return sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 1});
}

/* ---- other processes -------------------------------------------------------------------------- */

static long ptrace_parent(void)
{
    return ptrace(PTRACE_SEIZE, getppid(), NULL, NULL);
}
static long ptrace_first(void)
{
    return getpid() == 1 ? ptrace(PTRACE_SEIZE, getppid(), NULL, NULL)
                         : ptrace(PTRACE_SEIZE, 1, NULL, NULL);
}
static long ptrace_victim(void)
{
    return ptrace(PTRACE_SEIZE, target.victim, NULL, NULL);
}
static long ptrace_me(void)
{
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}
static long read_memory_of(pid_t pid)
{
    char byte, there;
    struct iovec to = {&byte, 1}, from = {&there, 1};
    return syscall(SYS_process_vm_readv, pid, &to, 1, &from, 1, 0);
}
static long read_memory_of_parent(void)
{
    return read_memory_of(getppid());
}
static long read_memory_of_victim(void)
{
    return read_memory_of(target.victim);
}
static long compare_with_parent(void)
{
    return syscall(SYS_kcmp, getpid(), getppid(), 0, 0, 0);
}

/* ---- large interfaces ------------------------------------------------------------------------- */

static long bpf_map(void)
{
    union bpf_attr attr = {
        .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
    return syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr);
}
static long perf_open(void)
{
    struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE, .size = sizeof attr,
                                   .config = PERF_COUNT_SW_TASK_CLOCK, .exclude_kernel = 1};
    return syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}
static long key_session(void)
{
    return syscall(SYS_keyctl, 0 /* KEYCTL_GET_KEYRING_ID */, -3, 1);
}
static long key_add(void)
{
    return syscall(SYS_add_key, "user", "cell-escape", "x", 1, -1 /* thread keyring */);
}
static long user_fault(void)
{
    return syscall(SYS_userfaultfd, O_CLOEXEC);
}
static long uring(void)
{
    char params[120] = {0};
    return syscall(SYS_io_uring_setup, 1, params);
}
static long uring_arguments(void)
{
    return syscall(SYS_io_uring_setup, 0, NULL);
}
static long fanotify(void)
{
    return syscall(SYS_fanotify_init, 0, O_RDONLY);
}
/* Of a file in memory: not every file system of a disk has handles. */
static long handle_of_null(void)
{
    struct {
        struct file_handle head;
        char bytes[MAX_HANDLE_SZ];
    } handle = {.head = {.handle_bytes = MAX_HANDLE_SZ}};
    int mount_id;
    return name_to_handle_at(AT_FDCWD, "/dev/null", &handle.head, &mount_id, 0);
}
static long open_by_handle(void)
{
    struct {
        struct file_handle head;
        char bytes[8];
    } handle = {.head = {.handle_bytes = 8, .handle_type = 1}, .bytes = {2}};
    int fd = open("/usr", O_RDONLY | O_CLOEXEC);
    return open_by_handle_at(fd < 0 ? AT_FDCWD : fd, &handle.head, O_RDONLY);
}
static long no_randomization(void)
{
    return personality(ADDR_NO_RANDOMIZE);
}
static long type_into_terminal(void)
{
    return ioctl(0, TIOCSTI, "x");
}

/* ---- the machine ------------------------------------------------------------------------------ */

static long kexec(void)
{
    return syscall(SYS_kexec_load, 0, 0, NULL, ~0UL /* no such flags */);
}
static long load_module(void)
{
    return syscall(SYS_init_module, NULL, 0, "");
}
static long load_module_by_fd(void)
{
    return syscall(SYS_finit_module, 0, "", 0);
}
static long remove_module(void)
{
    return syscall(SYS_delete_module, NULL, 0);
}
static long reboot_machine(void)
{
    return syscall(SYS_reboot, 0, 0, 0, NULL); /* wrong magic: refused for its arguments */
}
static long swap_on(void)
{
    return syscall(SYS_swapon, NULL, 0);
}
static long swap_off(void)
{
    return syscall(SYS_swapoff, NULL);
}
static long accounting(void)
{
    return syscall(SYS_acct, NULL);
}
static long quota(void)
{
    return syscall(SYS_quotactl, 0x80000100 /* Q_SYNC */, NULL, 0, NULL);
}
static long kernel_log(void)
{
    return klogctl(3 /* read all */, (char[16]){0}, 16);
}
static long host_name(void)
{
    return sethostname("escape", 6);
}
static long set_time(void)
{
    return syscall(SYS_settimeofday, NULL, NULL);
}
static long set_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    /* No such time; and not through libc, which would notice that itself. */
    return syscall(SYS_clock_settime, CLOCK_REALTIME, &(struct timespec){now.tv_sec, -1});
}
#ifdef SYS_iopl
static long io_ports(void)
{
    return syscall(SYS_iopl, 3);
}
#endif

const struct escape_attempt escape_kernel[] = {
    {"mount-tmpfs", mount_tmpfs, true, false},
    {"mount-bind", mount_bind, true, false},
    {"remount-writable", remount_writable, true, false},
    {"umount-proc", umount_proc, true, false},
    {"fsopen", fs_open, true, false},
    {"open-tree-clone", open_tree_clone, true, false},
    {"mount-setattr", mount_setattr_writable, true, false},
    {"chroot", change_root, true, false},
    {"pivot-root", pivot, false, false},
    {"unshare-user", unshare_user, true, false},
    {"unshare-mount", unshare_mount, true, false},
    {"unshare-pid", unshare_pid, true, false},
    {"clone-user", clone_user, true, false},
    {"clone3-user", clone3_user, true, false},
    {"setns-own", setns_own, true, false},
    {"setns-victim", setns_victim, true, false},
    {"setuid-0", become_root, false, false},
    {"setresuid-0", become_root_by_all_ids, false, false},
    {"setgid-0", become_root_group, false, false},
    {"setgroups", join_groups, true, false},
    {"capset", raise_capabilities, true, false},
    {"ambient-raise", raise_ambient, true, false},
    {"bounding-set", bounding_is_full, true, false},
    {"unset-no-new-privs", unset_no_new_privs, true, false},
    {"raise-files", raise_files, false, false},
    {"raise-processes", raise_processes, false, false},
    {"raise-core", raise_core, false, false},
    {"raise-priority", raise_priority, true, false},
    {"real-time", real_time, true, false},
    {"ptrace-parent", ptrace_parent, true, false},
    {"ptrace-1", ptrace_first, false, false},
    {"ptrace-victim", ptrace_victim, true, false},
    {"ptrace-traceme", ptrace_me, true, false},
    {"vm-read-parent", read_memory_of_parent, true, false},
    {"vm-read-victim", read_memory_of_victim, true, false},
    {"kcmp", compare_with_parent, false, false},
    {"bpf", bpf_map, true, false},
    {"perf-event-open", perf_open, false, false},
    {"keyctl", key_session, false, false},
    {"add-key", key_add, false, false},
    {"userfaultfd", user_fault, false, false},
    {"io-uring", uring, false, false},
    {"io-uring-arguments", uring_arguments, false, false},
    {"fanotify", fanotify, false, false},
    {"name-to-handle", handle_of_null, true, false},
    {"open-by-handle", open_by_handle, false, false},
    {"personality", no_randomization, true, false},
    {"tiocsti", type_into_terminal, true, false},
    {"kexec-load", kexec, false, false},
    {"init-module", load_module, false, false},
    {"finit-module", load_module_by_fd, false, false},
    {"delete-module", remove_module, false, false},
    {"reboot", reboot_machine, true, false},
    {"swapon", swap_on, false, false},
    {"swapoff", swap_off, false, false},
    {"acct", accounting, false, false},
    {"quotactl", quota, false, false},
    {"syslog", kernel_log, true, false},
    {"sethostname", host_name, true, false},
    {"settimeofday", set_time, true, false},
    {"clock-settime", set_clock, true, false},
#ifdef SYS_iopl
    {"iopl", io_ports, false, false},
#endif
};
const size_t escape_kernel_count = ARRAY_LEN(escape_kernel);
