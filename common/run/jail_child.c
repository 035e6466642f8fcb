#include "common/run/jail_child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/run/kernel.h"

/* Sanitizers must not follow: this stack ends in exec, never in a return, and what they would write
 * down about it (poisoned frames) stays in the parent's shadow memory. */
#define JAIL_RAW __attribute__((no_sanitize("address", "undefined"), no_stack_protector))

enum {
    FIRST_FREE_FD = 64, /* descriptors are parked from here on while 0 to 4 are arranged */
    EXEC_FD = 4,        /* close-on-exec: gone when the program runs                     */
    CAPS_MAX = 64,      /* the kernel has 41; it says EINVAL past its last               */
    SIGNALS = 64,
};

/* A cell dies before its supervisor when memory runs out, and before what it shares the host with. */
static const char oom_adjust[] = "200";

_Noreturn JAIL_RAW static void fail(const struct jail_birth *b, const char *what)
{
    b->report->what = what;
    b->report->error = errno != 0 ? errno : EIO;
    for (;;) {
        syscall(SYS_exit_group, 127);
    }
}

JAIL_RAW static void step(const struct jail_birth *b, enum jail_step s)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now); /* vDSO: no system call, no state of libc */
    b->report->at_ns[s] = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    b->report->step = s;
}

JAIL_RAW static long must(const struct jail_birth *b, long result, const char *what)
{
    if (result < 0) {
        fail(b, what);
    }
    return result;
}

JAIL_RAW static size_t length(const char *text)
{
    size_t len = 0;
    while (text[len] != '\0') {
        len++;
    }
    return len;
}

JAIL_RAW static void write_file(const struct jail_birth *b, const char *path, const char *text)
{
    int fd = (int)must(b, syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC), path);
    must(b, syscall(SYS_write, fd, text, length(text)), path);
    syscall(SYS_close, fd);
}

/* ---- identity --------------------------------------------------------------------------------- */

/* The new user namespace knows exactly one user and one group, by their own numbers. The files of
 * /proc/self belong to root while the memory we share is not dumpable, which it must not be: whoever
 * has our uid could otherwise trace us and write into the parent. */
JAIL_RAW static void map_self(const struct jail_birth *b)
{
    step(b, JAIL_STEP_MAP);
    write_file(b, "/proc/self/setgroups", "deny");
    write_file(b, "/proc/self/uid_map", b->plan->uid_map);
    write_file(b, "/proc/self/gid_map", b->plan->gid_map);
    uid_t uid = b->plan->spec->uid;
    gid_t gid = b->plan->spec->gid;
    must(b, syscall(SYS_setresgid, gid, gid, gid), NULL);
    must(b, syscall(SYS_setresuid, uid, uid, uid), NULL);
}

JAIL_RAW static void take_identity(const struct jail_birth *b)
{
    uid_t uid = b->plan->spec->uid;
    gid_t gid = b->plan->spec->gid;

    step(b, JAIL_STEP_IDENTITY);
    must(b, syscall(SYS_setgroups, 0, NULL), NULL);
    must(b, syscall(SYS_setresgid, gid, gid, gid), NULL);
    must(b, syscall(SYS_setresuid, uid, uid, uid), NULL);
}

/* From a privileged builder to a user of a namespace of its own. The namespaces made so far stay
 * property of the host's: not even all capabilities inside could change a mount. */
JAIL_RAW static void leave_root(const struct jail_birth *b)
{
    /* Keep the capabilities over the change of user: where the host lets only root make user
     * namespaces, that is still us. They end with unshare. */
    step(b, JAIL_STEP_IDENTITY);
    must(b, syscall(SYS_prctl, PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0), NULL);
    take_identity(b);
    syscall(SYS_setfsuid, 0); /* to own /proc/self/uid_map; map_self ends it */
    step(b, JAIL_STEP_USER);
    must(b, syscall(SYS_unshare, CLONE_NEWUSER), NULL);
    map_self(b);
}

/* ---- the new root ----------------------------------------------------------------------------- */

JAIL_RAW static void make_skeleton(const struct jail_birth *b)
{
    const struct jail_plan *p = b->plan;

    step(b, JAIL_STEP_SKELETON);
    for (size_t i = 0; i < p->dir_count; i++) {
        must(b, syscall(SYS_mkdirat, AT_FDCWD, p->dir[i], 0755), p->dir[i]);
    }
    for (size_t i = 0; i < p->file_count; i++) {
        must(b, syscall(SYS_mknodat, AT_FDCWD, p->file[i], S_IFREG | 0444, 0), p->file[i]);
    }
    for (size_t i = 0; i < p->link_count; i++) {
        must(b, syscall(SYS_symlinkat, p->link[i].to, AT_FDCWD, p->link[i].at), p->link[i].at);
    }
}

/* A copy of the tree with the attributes set before it becomes visible. Attributes are only added:
 * what the host has locked stays locked. Private: what the host mounts later is not seen here. */
JAIL_RAW static void bind_path(const struct jail_birth *b, const struct jail_bind *bind)
{
    struct mount_attr attr = {.attr_set = bind->attributes, .propagation = MS_PRIVATE};
    unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE;
    const char *what = bind->outside;
    int tree = bind->tree_fd;

    step(b, JAIL_STEP_BIND);
    if (tree < 0) {
        tree = (int)must(b, syscall(SYS_open_tree, AT_FDCWD, bind->outside, flags), what);
    }
    long rc = syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr);
    if (rc == 0) {
        what = bind->inside;
        rc = syscall(SYS_move_mount, tree, "", AT_FDCWD, bind->inside, MOVE_MOUNT_F_EMPTY_PATH);
    }
    int error = errno;
    syscall(SYS_close, tree); /* also on failure: a template's child has the parent's descriptors */
    errno = error;
    must(b, rc, what);
}

const struct jail_device jail_device[JAIL_DEVICES] = {
    {"/dev/null", "dev/null"},
    {"/dev/zero", "dev/zero"},
    {"/dev/urandom", "dev/urandom"},
};

/* What is the same in every jail with this layout. */
JAIL_RAW static void mount_base(const struct jail_birth *b)
{
    const struct jail_plan *p = b->plan;
    const char *root = p->spec->root_dir;

    step(b, JAIL_STEP_ROOT);
    must(b, syscall(SYS_mount, "cell", root, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
                    "size=64k,nr_inodes=1k,mode=0755"), root);
    must(b, syscall(SYS_chdir, root), root);
    make_skeleton(b);
    for (size_t i = 0; i < p->system_count; i++) {
        bind_path(b, &p->bind[i]);
    }
    step(b, JAIL_STEP_DEVICE);
    for (size_t i = 0; i < JAIL_DEVICES; i++) {
        must(b, syscall(SYS_mount, jail_device[i].outside, jail_device[i].inside, NULL, MS_BIND, NULL),
             jail_device[i].outside);
    }
}

/* What belongs to this program. Standing in the new root. */
JAIL_RAW static void mount_own(const struct jail_birth *b)
{
    const struct jail_plan *p = b->plan;

    for (size_t i = p->system_count; i < p->bind_count; i++) {
        bind_path(b, &p->bind[i]);
    }
    /* Its own processes and nothing else of the kernel: no /proc/sys, no /proc/kcore. */
    step(b, JAIL_STEP_PROC);
    must(b, syscall(SYS_mount, "proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC,
                    "subset=pid,hidepid=invisible"), NULL);
}

JAIL_RAW static void change_root(const struct jail_birth *b)
{
    struct mount_attr frozen = {.attr_set = MOUNT_ATTR_RDONLY};

    step(b, JAIL_STEP_PIVOT);
    /* The old root ends up on top of the new one, at the same place, from where it is unmounted
     * without needing a directory for it. */
    must(b, syscall(SYS_pivot_root, ".", "."), NULL);
    step(b, JAIL_STEP_DETACH);
    must(b, syscall(SYS_umount2, ".", MNT_DETACH), NULL);
    must(b, syscall(SYS_chdir, "/"), NULL);
    step(b, JAIL_STEP_FREEZE);
    must(b, syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, &frozen, sizeof frozen), NULL);
}

/* A private copy of the prepared namespace: joining makes its root ours, unsharing makes it our own. */
JAIL_RAW static void enter_template(const struct jail_birth *b)
{
    step(b, JAIL_STEP_TEMPLATE);
    must(b, syscall(SYS_setns, b->plan->template_fd, CLONE_NEWNS), NULL);
    must(b, syscall(SYS_unshare, CLONE_NEWNS), NULL);
}

JAIL_RAW static void build_root(const struct jail_birth *b)
{
    if (b->plan->template_fd >= 0) {
        enter_template(b);
        mount_own(b);
    } else {
        mount_base(b);
        mount_own(b);
        change_root(b);
    }
}

JAIL_RAW int jail_child_template(void *birth)
{
    const struct jail_birth *b = birth;

    mount_base(b);
    step(b, JAIL_STEP_TEMPLATE);
    /* Before the change of root: afterwards there is no /proc to open it in. */
    int made = (int)must(b, syscall(SYS_openat, AT_FDCWD, "/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC),
                         "/proc/self/ns/mnt");
    b->report->made_fd = made;
    change_root(b);
    for (;;) {
        syscall(SYS_exit_group, 0);
    }
}

/* ---- giving up -------------------------------------------------------------------------------- */

JAIL_RAW static void allow_beneath(const struct jail_birth *b, int ruleset, int fd, uint64_t rights)
{
    struct landlock_path_beneath_attr rule = {.allowed_access = rights, .parent_fd = fd};
    must(b, syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0), NULL);
}

JAIL_RAW static void allow_path(const struct jail_birth *b, int ruleset, const char *path,
                                uint64_t rights)
{
    int fd = (int)must(b, syscall(SYS_openat, AT_FDCWD, path, O_PATH | O_CLOEXEC), path);
    allow_beneath(b, ruleset, fd, rights);
    syscall(SYS_close, fd);
}

/* The mounts say what exists, landlock says it again: two mechanisms, either of which would do.
 * Paths are relative to "/", where we stand. */
JAIL_RAW static void enter_landlock(const struct jail_birth *b)
{
    const struct jail_plan *p = b->plan;
    const uint64_t read = LANDLOCK_ACCESS_FS_READ_FILE;
    struct kernel_landlock_attr attr = kernel_landlock_all(p->landlock_abi, p->spec->network);

    step(b, JAIL_STEP_LANDLOCK);
    int ruleset = (int)must(b, syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0), NULL);
    for (size_t i = 0; i < p->bind_count; i++) {
        allow_path(b, ruleset, p->bind[i].inside, p->bind[i].rights);
    }
    for (size_t i = 0; i < JAIL_DEVICES; i++) {
        allow_path(b, ruleset, jail_device[i].inside, read | LANDLOCK_ACCESS_FS_WRITE_FILE);
    }
    allow_path(b, ruleset, "proc", read | LANDLOCK_ACCESS_FS_READ_DIR);
    allow_beneath(b, ruleset, p->exec_fd, read | LANDLOCK_ACCESS_FS_EXECUTE);
    must(b, syscall(SYS_landlock_restrict_self, ruleset, 0), NULL);
    syscall(SYS_close, ruleset);
}

JAIL_RAW static void drop_capabilities(const struct jail_birth *b)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}, {0}};

    step(b, JAIL_STEP_BOUNDING);
    for (long cap = 0; cap < CAPS_MAX; cap++) {
        if (syscall(SYS_prctl, PR_CAPBSET_DROP, cap, 0, 0, 0) < 0) {
            if (errno == EINVAL && cap > 0) {
                break; /* past the kernel's last one */
            }
            fail(b, NULL);
        }
    }
    step(b, JAIL_STEP_CAPS);
    must(b, syscall(SYS_capset, &header, none), NULL);
}

JAIL_RAW static void set_limits(const struct jail_birth *b)
{
    step(b, JAIL_STEP_LIMITS);
    for (size_t i = 0; i < b->plan->limit_count; i++) {
        const struct jail_limit *limit = &b->plan->limit[i];
        must(b, syscall(SYS_prlimit64, 0, limit->resource, &limit->value, NULL), NULL);
    }
}

/* ---- control groups ---------------------------------------------------------------------------- */

/* "0" is the writer itself. Of version 2 the kernel has mostly seen to already. */
JAIL_RAW static void enter_groups(const struct jail_birth *b)
{
    const struct jail_plan *p = b->plan;
    static const char procs[] = "cgroup.procs";

    step(b, JAIL_STEP_GROUP);
    for (size_t i = 0; i < p->spec->group_count; i++) {
        const struct jail_group *g = &p->spec->groups[i];
        if (!g->is_unified) {
            must(b, syscall(SYS_write, g->fd, "0", 1), NULL);
        } else if (p->joins_by_write) {
            int fd = (int)must(b, syscall(SYS_openat, g->fd, procs, O_WRONLY | O_CLOEXEC), procs);
            must(b, syscall(SYS_write, fd, "0", 1), procs);
            syscall(SYS_close, fd);
        }
    }
}

/* ---- the last things -------------------------------------------------------------------------- */

/* First out of the way, then into place: a descriptor given to us may have any number. */
JAIL_RAW static void arrange_descriptors(const struct jail_birth *b)
{
    const struct jail_plan *p = b->plan;
    const int from[] = {p->null_fd, p->spec->log_fd, p->spec->log_fd, p->spec->gap_fd, p->exec_fd};
    int parked[ARRAY_LEN(from)];

    step(b, JAIL_STEP_DESCRIPTORS);
    for (size_t i = 0; i < ARRAY_LEN(from); i++) {
        parked[i] = (int)must(b, syscall(SYS_fcntl, from[i], F_DUPFD_CLOEXEC, FIRST_FREE_FD), NULL);
    }
    for (size_t i = 0; i < ARRAY_LEN(from); i++) {
        int flags = i == EXEC_FD ? O_CLOEXEC : 0;
        must(b, syscall(SYS_dup3, parked[i], i, flags), NULL);
    }
    must(b, syscall(SYS_close_range, EXEC_FD + 1, ~0U, 0), NULL);
}

/* What the supervisor ignores (SIGPIPE) the program shall not; and it starts with none blocked. */
JAIL_RAW static void reset_signals(const struct jail_birth *b)
{
    struct {
        void (*handler)(int);
        unsigned long flags;
        void *restorer;
        uint64_t mask;
    } fresh = {.handler = SIG_DFL};
    uint64_t none = 0;

    step(b, JAIL_STEP_SIGNALS);
    for (int number = 1; number <= SIGNALS; number++) {
        if (number != SIGKILL && number != SIGSTOP) {
            must(b, syscall(SYS_rt_sigaction, number, &fresh, NULL, sizeof none), NULL);
        }
    }
    must(b, syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none), NULL);
}

_Noreturn JAIL_RAW static void become(const struct jail_birth *b)
{
    const struct jail_plan *p = b->plan;
    static char *const empty[] = {NULL};

    step(b, JAIL_STEP_EXEC);
    if (p->exec_path != NULL) {
        syscall(SYS_execve, p->exec_path, p->spec->argv, empty);
    } else {
        syscall(SYS_execveat, EXEC_FD, "", p->spec->argv, empty, AT_EMPTY_PATH);
    }
    fail(b, p->spec->exec);
}

/* Everything that needs the host's /proc, as seen before the mounts. */
JAIL_RAW static void adjust_oom(const struct jail_birth *b)
{
    step(b, JAIL_STEP_OOM);
    write_file(b, "/proc/self/oom_score_adj", oom_adjust);
}

JAIL_RAW static void confine(const struct jail_birth *b)
{
    const struct jail_plan *p = b->plan;

    if (!p->is_root) {
        map_self(b);
    }
    if (p->network_fd >= 0) {
        step(b, JAIL_STEP_NETWORK);
        must(b, syscall(SYS_setns, p->network_fd, CLONE_NEWNET), NULL);
    }
    step(b, JAIL_STEP_NAME);
    must(b, syscall(SYS_sethostname, p->name, length(p->name)), NULL);
    build_root(b);
    if (p->is_root) {
        leave_root(b);
    }
}

JAIL_RAW int jail_child_main(void *birth)
{
    const struct jail_birth *b = birth;
    const struct jail_plan *p = b->plan;

    enter_groups(b); /* first: what it uses from now on is counted */
    step(b, JAIL_STEP_SESSION);
    must(b, syscall(SYS_setsid), NULL);
    adjust_oom(b);
    if (p->spec->confined) {
        confine(b);
    } else if (p->is_root) {
        take_identity(b);
    }
    step(b, JAIL_STEP_PRIVS);
    must(b, syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), NULL);
    if (p->spec->confined) {
        enter_landlock(b);
        drop_capabilities(b);
    }
    reset_signals(b);
    arrange_descriptors(b);
    set_limits(b); /* after the descriptors were moved through higher numbers */
    if (p->spec->confined) {
        step(b, JAIL_STEP_FILTER);
        must(b, syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, p->filter), NULL);
    }
    become(b);
}
