#include "common/run/narrow.h"

#include <errno.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    CAPS_MAX = 64, /* the kernel has 41; it says EINVAL past its last */
    WORD = 32,
};

static enum err fail(char why[NARROW_WHY_SIZE], const char *step, int error)
{
    (void)snprintf(why, NARROW_WHY_SIZE, "%s: %s", step, strerror(error));
    return error == ENOMEM ? ERR_NOMEM : ERR_UNSUPPORTED;
}

enum err narrow_capabilities(const int *caps, size_t count, char why[NARROW_WHY_SIZE])
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct has[2] = {{0}, {0}}, keep[2] = {{0}, {0}};

    if (syscall(SYS_capget, &header, has) != 0) {
        return fail(why, "capget", errno);
    }
    for (size_t i = 0; i < count; i++) {
        keep[caps[i] / WORD].permitted |= has[caps[i] / WORD].permitted & UINT32_C(1) << caps[i] % WORD;
    }
    for (int i = 0; i < 2; i++) {
        keep[i].effective = keep[i].permitted;
    }
    for (unsigned long cap = 0; cap < CAPS_MAX; cap++) {
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0) {
            if (errno == EINVAL || errno == EPERM) {
                break; /* past the last one, or not ours to drop: then no_new_privs makes it meaningless */
            }
            return fail(why, "drop the capability bounding set", errno);
        }
    }
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
        return fail(why, "prctl", errno);
    }
    return syscall(SYS_capset, &header, keep) == 0 ? ERR_OK : fail(why, "capset", errno);
}

/* What a C library does by itself. */
static const char *const always[] = {
    "brk", "mmap", "munmap", "mremap", "madvise", "mprotect", "futex", "close", "read", "write", "exit", "exit_group",
    "rt_sigreturn", "rt_sigprocmask", "rt_sigaction", "sigaltstack", "tgkill", "gettid", "getpid", "clock_gettime", "fstat",
    "newfstatat", "restart_syscall", "sched_yield", "getrandom",
};

static enum err allow(scmp_filter_ctx ctx, const char *const *names, size_t count, char why[NARROW_WHY_SIZE])
{
    for (size_t i = 0; i < count; i++) {
        int number = seccomp_syscall_resolve_name(names[i]);
        if (number == __NR_SCMP_ERROR) {
            (void)snprintf(why, NARROW_WHY_SIZE, "seccomp: no call is named %s", names[i]);
            return ERR_UNSUPPORTED;
        }
        int rc = number < 0 ? 0 : seccomp_rule_add(ctx, SCMP_ACT_ALLOW, number, 0);
        if (rc != 0) {
            return fail(why, "seccomp", -rc);
        }
    }
    return ERR_OK;
}

enum err narrow_calls(const char *const *names, size_t count, char why[NARROW_WHY_SIZE])
{
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);

    if (ctx == NULL) {
        return fail(why, "seccomp", ENOMEM);
    }
    enum err e = allow(ctx, always, ARRAY_LEN(always), why);
    e = e == ERR_OK ? allow(ctx, names, count, why) : e;
    int rc = e == ERR_OK ? seccomp_load(ctx) : 0;
    seccomp_release(ctx);
    return rc == 0 ? e : fail(why, "seccomp", -rc);
}
