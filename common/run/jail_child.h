/* Inside of the jail: what the parent prepares, and the steps the child then takes one by one.
 *
 * The child runs in the parent's memory (CLONE_VM) until it has become the program: it only makes
 * raw system calls on what the plan holds, and writes only the report and its own stack. No libc:
 * errno, locks and the allocator belong to the parent's threads. */
#ifndef CELL_COMMON_RUN_JAIL_CHILD_H
#define CELL_COMMON_RUN_JAIL_CHILD_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "common/run/jail.h"

/* X(name, what a person reads, what the host must have for it). In the order they are taken; the
 * identity is taken before the mounts by an unprivileged parent. */
#define JAIL_STEP_MAP(X)                                                                           \
    X(CLONE, "clone", "user and pid, mount, ipc, uts, cgroup and network namespaces")             \
    X(GROUP, "enter control group", "a control group that may be entered")                         \
    X(SESSION, "setsid", "")                                                                       \
    X(OOM, "write oom_score_adj", "/proc on the host")                                             \
    X(NETWORK, "enter network namespace", "")                                                      \
    X(NAME, "sethostname", "a uts namespace")                                                      \
    X(TEMPLATE, "enter the prepared root", "setns and unshare of a mount namespace")               \
    X(ROOT, "mount tmpfs", "tmpfs in a mount namespace")                                           \
    X(SKELETON, "make directories in the new root", "")                                            \
    X(BIND, "bind", "open_tree and mount_setattr")                                                 \
    X(DEVICE, "bind device", "")                                                                   \
    X(PROC, "mount proc", "user namespaces with an unmasked /proc")                                \
    X(PIVOT, "pivot_root", "")                                                                     \
    X(DETACH, "umount of the old root", "")                                                        \
    X(FREEZE, "remount the new root read-only", "mount_setattr")                                   \
    X(IDENTITY, "change user and group", "")                                                       \
    X(USER, "unshare user namespace", "user namespaces")                                           \
    X(MAP, "write uid_map and gid_map", "user namespaces with a writable /proc/self")              \
    X(LIMITS, "setrlimit", "")                                                                     \
    X(PRIVS, "prctl no_new_privs", "")                                                             \
    X(LANDLOCK, "landlock", "landlock in the kernel and in its lsm= list")                         \
    X(BOUNDING, "drop the capability bounding set", "")                                            \
    X(CAPS, "capset", "")                                                                          \
    X(FILTER, "seccomp", "seccomp filters")                                                        \
    X(DESCRIPTORS, "arrange descriptors", "close_range")                                           \
    X(SIGNALS, "reset signals", "")                                                                \
    X(EXEC, "exec", "")

enum jail_step {
#define X(name, text, needs) JAIL_STEP_##name,
    JAIL_STEP_MAP(X)
#undef X
};

#define X(name, text, needs) +1
enum {
    JAIL_STEPS = 0 JAIL_STEP_MAP(X)
};
#undef X

enum {
    JAIL_TEXT_MAX = 16 * 1024, /* bytes of all prepared paths: 32 paths of a few hundred bytes   */
    JAIL_DIRS_MAX = 256,       /* directories made in the new root: 32 paths, 8 levels each      */
    JAIL_BINDS_MAX = JAIL_PATHS_MAX + 4,  /* /usr, ld.so.cache, a script, a spare                */
    JAIL_LINKS_MAX = 8,        /* /bin, /lib, /lib64, … of a merged /usr                         */
    JAIL_LIMITS_MAX = 8,
    JAIL_PROCESSES_MAX = 256,  /* RLIMIT_NPROC: nng runs about 14 threads on 2 cores, 60 on 64   */
    JAIL_STACK_BYTES = 8 * 1024 * 1024,
    JAIL_STACKS_MAX = 32,      /* thread stacks a runtime may reserve: nng makes 13 to 31        */
    JAIL_CHILD_STACK = 64 * 1024, /* the child's own until exec: frames of a few hundred bytes   */
    JAIL_HOST_NAME_MAX = 64,   /* the kernel's __NEW_UTS_LEN                                     */
    JAIL_FILES_MIN = 8,        /* 0 to 3, and what the dynamic linker opens                      */
    JAIL_NOBODY = 65534,
    JAIL_DEVICES = 3,
    JAIL_HOST_NOTE_SIZE = 256, /* 8 kinds with 10 digits each                                    */
};

/* A symbolic link in the new root whose text says which namespaces the supervisor has. */
#define JAIL_HOST_NOTE "/.host"

/* Of a limit: 1 EiB. What is added to it must not wrap. */
#define JAIL_MEMORY_MAX (UINT64_C(1) << 60)

/* Address space that a program reserves without using it: malloc takes 64 MiB for each of up to 8
 * arenas a processor. */
#define JAIL_RESERVED_BYTES (UINT64_C(4) << 30)

/* The devices a jail has; inside is relative to the new root. */
struct jail_device {
    const char *outside;
    const char *inside;
};
extern const struct jail_device jail_device[JAIL_DEVICES];

struct jail_bind {
    const char *outside; /* absolute, on the host        */
    const char *inside;  /* relative to the new root     */
    uint64_t attributes; /* MOUNT_ATTR_* to set          */
    uint64_t rights;     /* LANDLOCK_ACCESS_FS_*         */
    int tree_fd;         /* a detached copy of it, opened by the parent; -1: the child does it */
};

struct jail_link {
    const char *to;
    const char *at; /* relative to the new root */
};

struct jail_limit {
    int resource;
    struct rlimit value;
};

/* Everything the child reads. */
struct jail_plan {
    const struct jail_spec *spec;
    bool is_root;      /* the parent may do everything: mounts first, user namespace last */
    int landlock_abi;
    int exec_fd;
    int null_fd;
    int network_fd;    /* a network namespace made in advance, -1: none            */
    int template_fd;   /* a mount namespace with the new root in it, -1: none      */
    bool joins_by_write;   /* the kernel could not put the child into its group    */
    const char *exec_path; /* NULL: by descriptor; else a script, run by its path inside */
    const char *name;      /* host name inside */
    const struct sock_fprog *filter;
    const char *dir[JAIL_DIRS_MAX];
    size_t dir_count;
    const char *file[JAIL_BINDS_MAX]; /* empty files to mount on */
    size_t file_count;
    struct jail_link link[JAIL_LINKS_MAX];
    size_t link_count;
    struct jail_bind bind[JAIL_BINDS_MAX]; /* the system's, then the spec's */
    size_t bind_count;
    size_t system_count; /* how many are the system's: the same in every jail */
    struct jail_limit limit[JAIL_LIMITS_MAX];
    size_t limit_count;
    char uid_map[48];
    char gid_map[48];
    char text[JAIL_TEXT_MAX];
    size_t text_used;
};

/* What the child says; the parent reads it when the child has exec'd or ended. */
struct jail_report {
    volatile uint32_t step;   /* enum jail_step it is in                        */
    volatile int error;       /* errno of the step that failed, 0: none did     */
    const char *volatile what;/* path it concerned, NULL: none                  */
    volatile int made_fd;     /* of jail_child_template: the mount namespace    */
    volatile uint64_t at_ns[JAIL_STEPS]; /* when each step began, 0: not taken  */
};

struct jail_birth {
    const struct jail_plan *plan;
    struct jail_report *report;
};

/* Entry points of a child, on its own stack; they never return. The first becomes the program. The
 * second shares the parent's descriptors, builds the part of a root that does not depend on the
 * program in a mount namespace of its own, leaves a descriptor of that in the report, and ends. */
_Noreturn int jail_child_main(void *birth);
_Noreturn int jail_child_template(void *birth);

/* Run one of them to its exec or end, with all signals blocked. The report was zeroed. Returns the
 * pid, *ret_pidfd when `flags` has CLONE_PIDFD; -1 with errno. group_fd: directory of the control group
 * of version 2 it begins in, -1: that of this process. ENOSYS: that cannot be done here. */
pid_t jail_spawn(int (*child)(void *), struct jail_birth *birth, int flags, int group_fd,
                 int *ret_pidfd);

/* Where the last program's time went, in ns by step (a step that was not taken is 0): for the
 * test that prints it and for the bench. */
void jail_steps_ns(uint64_t ret_ns[JAIL_STEPS]);
const char *jail_step_name(enum jail_step step);

#endif
