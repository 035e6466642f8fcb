#include "common/run/jail_filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/run/fd.h"

/* Refused whatever the arguments. By name: a name that this architecture lacks is skipped. */
static const char *const refused[] = {
    /* the mount tree is what the jail is made of */
    "mount", "umount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "fsopen",
    "fsmount", "fsconfig", "fspick", "mount_setattr", "swapon", "swapoff", "quotactl",
    "quotactl_fd", "mknod", "mknodat",
    /* new namespaces give back capabilities inside them */
    "unshare", "setns",
    /* other processes' memory, and what is found by number instead of by right */
    "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp", "pidfd_getfd",
    "open_by_handle_at", "name_to_handle_at", "lookup_dcookie", "ptrace",
    /* large kernel interfaces with a history of holes */
    "bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter",
    "io_uring_register", "add_key", "request_key", "keyctl", "fanotify_init", "fanotify_mark",
    "vmsplice", "migrate_pages", "move_pages", "mbind", "set_mempolicy", "remap_file_pages",
    /* the whole machine */
    "init_module", "finit_module", "delete_module", "create_module", "kexec_load",
    "kexec_file_load", "reboot", "acct", "syslog", "sethostname", "setdomainname", "iopl", "ioperm",
    "modify_ldt", "vhangup", "nfsservctl", "uselib", "ustat", "sysfs", "_sysctl",
    /* the clock is everybody's */
    "settimeofday", "clock_settime", "clock_settime64", "clock_adjtime", "clock_adjtime64",
    "adjtimex", "stime",
};

/* Namespaces that clone could make; a set bit refuses. */
static const unsigned long long clone_flags[] = {
    CLONE_NEWNS,  CLONE_NEWUTS, CLONE_NEWIPC,    CLONE_NEWUSER,
    CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWCGROUP, 0x80 /* CLONE_NEWTIME */,
};

enum {
    LAST_KNOWN_CALL = 462, /* mseal, Linux 6.10: what comes after was judged by nobody */
    FILTER_MAX = 4096,     /* instructions, BPF_MAXINSNS                               */
    PREFIX = 6,
};

static int refuse_plain(scmp_filter_ctx ctx)
{
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        int number = seccomp_syscall_resolve_name(refused[i]);
        if (number < 0) {
            continue;
        }
        int rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), number, 0);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static int refuse_clone(scmp_filter_ctx ctx)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(clone_flags); i++) {
        rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                              SCMP_A0(SCMP_CMP_MASKED_EQ, clone_flags[i], clone_flags[i]));
    }
    /* Its flags are in memory, where a filter cannot look. libc falls back to clone. */
    return rc != 0 ? rc : seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

/* Unix sockets always; with the network also the internet and the routing queries of libc. */
static int refuse_sockets(scmp_filter_ctx ctx, bool has_network)
{
    uint32_t no = SCMP_ACT_ERRNO(EAFNOSUPPORT);
    int rc = 0;

    if (!has_network) {
        return seccomp_rule_add(ctx, no, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_NE, AF_UNIX, 0));
    }
    for (unsigned family = 0; rc == 0 && family < AF_NETLINK; family++) {
        if (family != AF_UNIX && family != AF_INET && family != AF_INET6) {
            rc = seccomp_rule_add(ctx, no, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, family, 0));
        }
    }
    if (rc == 0) {
        rc = seccomp_rule_add(ctx, no, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_GT, AF_NETLINK, 0));
    }
    return rc != 0 ? rc
                   : seccomp_rule_add(ctx, no, SCMP_SYS(socket), 2,
                                      SCMP_A0(SCMP_CMP_EQ, AF_NETLINK, 0), SCMP_A2(SCMP_CMP_NE, 0, 0));
}

static int refuse_arguments(scmp_filter_ctx ctx)
{
    static const unsigned typing[] = {TIOCSTI, TIOCLINUX}; /* put words into a terminal's mouth */
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(typing); i++) {
        rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
                              SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, typing[i]));
    }
    /* Asking is fine; changing turns off address randomization for the next program. */
    return rc != 0 ? rc
                   : seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(personality), 1,
                                      SCMP_A0(SCMP_CMP_NE, 0xffffffff, 0));
}

/* libseccomp cannot compare system call numbers by order, so this part is written by hand and put in
 * front: native calls newer than we know get ENOSYS, which every libc can live with. A foreign
 * architecture goes on to libseccomp's own check, which kills. */
static void write_prefix(struct sock_filter *out)
{
    const struct sock_filter prefix[PREFIX] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, seccomp_arch_native(), 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 2, 0), /* x32: libseccomp kills it */
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, LAST_KNOWN_CALL, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
    };
    for (size_t i = 0; i < PREFIX; i++) {
        out[i] = prefix[i];
    }
}

static enum err export(scmp_filter_ctx ctx, struct sock_fprog *ret)
{
    AUTO_FREE struct sock_filter *code = calloc(FILTER_MAX, sizeof *code);
    AUTO_FD int fd = memfd_create("filter", MFD_CLOEXEC);
    if (code == NULL) {
        return ERR_NOMEM;
    }
    if (fd < 0) {
        return err_from_errno(errno);
    }
    if (seccomp_export_bpf(ctx, fd) != 0 || lseek(fd, 0, SEEK_SET) != 0) {
        return ERR_UNSUPPORTED;
    }
    write_prefix(code);
    size_t size;
    enum err e = fd_read_all(fd, code + PREFIX, (FILTER_MAX - PREFIX) * sizeof *code, &size);
    if (e != ERR_OK) {
        return e;
    }
    ret->len = (unsigned short)(PREFIX + size / sizeof *code);
    ret->filter = take_ptr(&code);
    return ERR_OK;
}

static enum err compile(bool has_network, struct sock_fprog *ret)
{
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
    if (ctx == NULL) {
        return ERR_NOMEM;
    }
    int rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    /* A binary tree: the kernel runs the filter once for every call number when it is installed,
     * to find out which verdicts it may cache. */
    rc = rc != 0 ? rc : seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    rc = rc != 0 ? rc : refuse_plain(ctx);
    rc = rc != 0 ? rc : refuse_clone(ctx);
    rc = rc != 0 ? rc : refuse_sockets(ctx, has_network);
    rc = rc != 0 ? rc : refuse_arguments(ctx);
    enum err e = rc == 0 ? export(ctx, ret) : ERR_UNSUPPORTED;
    seccomp_release(ctx);
    return e;
}

enum err jail_filter_get(bool has_network, const struct sock_fprog **ret)
{
    static struct sock_fprog kept[2];
    struct sock_fprog *program = &kept[has_network];

    if (program->filter == NULL) {
        enum err e = compile(has_network, program);
        if (e != ERR_OK) {
            return e;
        }
    }
    *ret = program;
    return ERR_OK;
}
