/* A primitive that the host lacks is named and nothing is started (NUC-14: fail closed). Each one is
 * taken away from a child by a system call filter before it starts a program.
 *
 *   test_jail_missing root|user ESCAPE */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "common/run/kernel.h"
#include "tests/unit/run/jailing.h"

static struct jailing host;

/* Each row: the call that fails, when, how, and what the explanation must say. */
static const struct {
    const char *call;
    int argument;       /* index of the argument that must have `bits` set, if bits != 0 */
    uint64_t bits;
    int error;          /* 0: the caller is killed */
    enum err e;
    const char *says;
    bool root_only;     /* the step is taken with other calls by a user */
} rows[] = {
    {"clone", 0, CLONE_NEWNS, EPERM, ERR_UNSUPPORTED, "namespaces", false},
    {"clone", 0, CLONE_NEWPID, EINVAL, ERR_UNSUPPORTED, "namespaces", false},
    {"clone", 0, CLONE_NEWNET, ENOSPC, ERR_UNSUPPORTED, "namespaces", false},
    {"clone", 0, CLONE_VFORK, EAGAIN, ERR_LIMIT, "clone", false},
    {"clone", 0, CLONE_VFORK, ENOMEM, ERR_NOMEM, "clone", false},
    {"unshare", 0, CLONE_NEWUSER, EPERM, ERR_UNSUPPORTED, "user namespace", true},
    {"unshare", 0, CLONE_NEWNS, EPERM, ERR_UNSUPPORTED, "prepared root", true},
    {"setns", 0, 0, EPERM, ERR_UNSUPPORTED, "enter ", true}, /* root or network, whichever is first */
    {"setsid", 0, 0, EPERM, ERR_UNSUPPORTED, "setsid", false},
    {"sethostname", 0, 0, EPERM, ERR_UNSUPPORTED, "uts", false},
    {"mount", 0, 0, EPERM, ERR_UNSUPPORTED, "mount tmpfs", false},
    {"mount", 3, MS_BIND, EPERM, ERR_UNSUPPORTED, "bind device", false},
    {"mknodat", 0, 0, EPERM, ERR_UNSUPPORTED, "new root", false},
    {"open_tree", 0, 0, ENOSYS, ERR_UNSUPPORTED, "open_tree", false},
    {"mount_setattr", 0, 0, ENOSYS, ERR_UNSUPPORTED, "mount_setattr", false},
    {"move_mount", 0, 0, EPERM, ERR_UNSUPPORTED, "bind", false},
    {"pivot_root", 0, 0, EPERM, ERR_UNSUPPORTED, "pivot_root", false},
    {"umount2", 0, 0, EPERM, ERR_UNSUPPORTED, "old root", false},
    {"setresuid", 0, 0, EPERM, ERR_UNSUPPORTED, "user", false},
    {"prctl", 0, PR_SET_NO_NEW_PRIVS, EINVAL, ERR_UNSUPPORTED, "no_new_privs", false},
    {"prctl", 0, PR_CAPBSET_DROP, EPERM, ERR_UNSUPPORTED, "bounding", false},
    {"capset", 0, 0, EPERM, ERR_UNSUPPORTED, "capset", false},
    {"landlock_create_ruleset", 0, 0, ENOSYS, ERR_UNSUPPORTED, "landlock", false},
    {"landlock_create_ruleset", 0, 0, EOPNOTSUPP, ERR_UNSUPPORTED, "landlock", false},
    {"landlock_add_rule", 0, 0, EPERM, ERR_UNSUPPORTED, "landlock", false},
    {"landlock_restrict_self", 0, 0, EPERM, ERR_UNSUPPORTED, "landlock", false},
    {"prlimit64", 1, RLIMIT_CORE, EPERM, ERR_UNSUPPORTED, "setrlimit", false},
    {"close_range", 0, 0, ENOSYS, ERR_UNSUPPORTED, "close_range", false},
    {"seccomp", 0, 1 /* SECCOMP_SET_MODE_FILTER */, EINVAL, ERR_UNSUPPORTED, "seccomp", false},
    {"execveat", 0, 0, EACCES, ERR_DENIED, "exec /usr/bin/true", false},
    {"pivot_root", 0, 0, 0, ERR_UNSUPPORTED, "pivot_root: killed", false},
    {"execveat", 0, 0, 0, ERR_OK, "", false}, /* the program is the kernel's then: it ends by SIGSYS */
};

/* Exact for a prctl option, prlimit resource or seccomp operation, bits for flags. */
static int deny(scmp_filter_ctx filter, size_t i)
{
    uint32_t action = rows[i].error != 0 ? SCMP_ACT_ERRNO((uint16_t)rows[i].error)
                                         : SCMP_ACT_KILL_PROCESS;
    int call = seccomp_syscall_resolve_name(rows[i].call);
    bool is_flag = strcmp(rows[i].call, "clone") == 0 || strcmp(rows[i].call, "mount") == 0 ||
                   strcmp(rows[i].call, "unshare") == 0;
    struct scmp_arg_cmp compare = {(unsigned)rows[i].argument,
                                   is_flag ? SCMP_CMP_MASKED_EQ : SCMP_CMP_EQ, rows[i].bits,
                                   is_flag ? rows[i].bits : 0};
    bool has_argument = rows[i].bits != 0 || strcmp(rows[i].call, "prlimit64") == 0;
    return seccomp_rule_add_array(filter, action, call, has_argument, &compare);
}

/* In a child: the filter, the start, the claims. Returns the number of claims that failed. */
static int start_without(size_t i)
{
    static struct jailing_end end;
    static const char *const argv[] = {"/usr/bin/true", NULL};
    struct jailing_trace before, after;
    struct jail_spec spec = jailing_spec(&host, argv);

    jailing_look(&before);
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    /* A filter needs no_new_privs or CAP_SYS_ADMIN; without the former root's jail is as usual. */
    jailing_claim(filter != NULL &&
                      seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, geteuid() != 0) == 0 &&
                      deny(filter, i) == 0 && seccomp_load(filter) == 0,
                  "%s: filter not loaded", rows[i].call);
    seccomp_release(filter);
    jailing_run(&spec, &end);
    jailing_look(&after);
    jailing_claim(end.e == rows[i].e && strstr(end.why, rows[i].says) != NULL,
                  "without %s (%llu): %s, \"%s\"", rows[i].call, (unsigned long long)rows[i].bits,
                  err_name(end.e), end.why);
    jailing_claim(end.e != ERR_OK || end.is_killed, "without %s: it ran", rows[i].call);
    jailing_claim(jailing_same(&before, &after), "without %s: something was left behind",
                  rows[i].call);
    return jailing_failed();
}

static bool write_text(const char *path, const char *text)
{
    AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && fd_write_all(fd, text, strlen(text)) == ERR_OK;
}

/* /proc with something mounted on it, as in a container: the kernel refuses a fresh one there. */
static int start_with_masked_proc(void)
{
    static struct jailing_end end;
    static const char *const argv[] = {"/usr/bin/true", NULL};
    struct jail_spec spec = jailing_spec(&host, argv);

    char uid_map[48], gid_map[48];
    (void)snprintf(uid_map, sizeof uid_map, "%u %u 1", spec.uid, spec.uid);
    (void)snprintf(gid_map, sizeof gid_map, "%u %u 1", spec.gid, spec.gid);
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0 || !write_text("/proc/self/setgroups", "deny") ||
        !write_text("/proc/self/uid_map", uid_map) || !write_text("/proc/self/gid_map", gid_map) ||
        mount("none", "/proc/sys", "tmpfs", 0, NULL) != 0) {
        jailing_claim(false, "mask /proc: %s", strerror(errno));
        return 1;
    }
    jailing_run(&spec, &end);
    jailing_claim(end.e == ERR_UNSUPPORTED && strstr(end.why, "unmasked /proc") != NULL,
                  "masked /proc: %s, \"%s\"", err_name(end.e), end.why);
    return jailing_failed();
}

static void in_child(int (*run)(size_t), size_t i)
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        _exit(run(i));
    }
    (void)waitpid(pid, &status, 0);
    jailing_claim(status == 0, "row %zu: status %x", i, status);
}

static int masked_proc(size_t i)
{
    (void)i;
    return start_with_masked_proc();
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        return 64;
    }
    jailing_open(&host, argv[1], (char *[]){argv[2]}, 1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!rows[i].root_only || geteuid() == 0) {
            in_child(start_without, i);
        }
    }
    if (geteuid() != 0) {
        in_child(masked_proc, 0);
    }
    jailing_close(&host);
    return jailing_failed() > 0;
}
