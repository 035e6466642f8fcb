/* The system calls of a sealed process: each with its reason, some with a condition. Everything else
 * fails with EPERM.
 *
 * Found by tracing an nng server on a libuv loop and by reading what libc falls back to. The hot
 * calls (futex, epoll_wait, read, write, sendmsg, recvmsg) have no condition on purpose: the kernel
 * caches a verdict that depends on the number alone, one that looks at arguments is computed again
 * for each call. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/run/kernel.h"
#include "common/run/seal_room.h"

/* Who gets a row. */
enum when {
    ALWAYS,
    NETWORK,    /* the manifest grants the network      */
    SOCKETS,    /* it does, or hands over sockets       */
    READS,      /* any file is granted, or own state    */
    READS_ONLY, /* and none of them to write            */
    WRITES,     /* files to write are granted, or state */
    SANITIZED,  /* only in builds with sanitizers       */
};

#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76 /* Linux 6.5 */
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* Linux 6.3 */
#endif

enum {
    ARGUMENTS_MAX = 2,
    MEMORY_FLAGS = MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL,
    NAMESPACE_FLAGS = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |
                      CLONE_NEWNET | CLONE_NEWCGROUP | 0x80 /* CLONE_NEWTIME */,
    THREAD_FLAGS = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD,
    CHANGING_FLAGS = O_ACCMODE | O_CREAT | O_TRUNC, /* of open; none set: for reading */
};

/* Texts stand in it: pointers to them would be private memory of every process. */
struct rule {
    char name[24];
    enum when when;
    char reason[56];
    char condition[40]; /* for people; "": none */
    unsigned char count; /* of arguments looked at */
    bool is_own_pid;     /* the first argument must be our process id */
    struct scmp_arg_cmp argument[ARGUMENTS_MAX];
};

#define EQUALS(index, value) {{index, SCMP_CMP_EQ, value, 0}}
#define BOTH(i0, v0, i1, v1) {{i0, SCMP_CMP_EQ, v0, 0}, {i1, SCMP_CMP_EQ, v1, 0}}
#define MASKED(index, mask, value) {{index, SCMP_CMP_MASKED_EQ, mask, value}}
#define OPTION(value, reason) \
    {"prctl", ALWAYS, reason, #value, 1, false, EQUALS(0, value)}
#define COMMAND(value, when, reason) \
    {"fcntl", when, reason, #value, 1, false, EQUALS(1, value)}
/* Both calls that open, when `flags` & mask is value. */
#define OPENS(when, condition, mask, value)                                                        \
    {"openat", when, "a file it was granted", condition, 1, false, MASKED(2, mask, value)},        \
    {"open", when, "a file it was granted", condition, 1, false, MASKED(1, mask, value)}
#define SOCKOPT(level, name, when, reason) \
    {"setsockopt", when, reason, #level " " #name, 2, false, BOTH(1, level, 2, name)}

static const struct rule rules[] = {
    /* the loop and nng's threads */
    {"epoll_wait", ALWAYS, "the loop waits", "", 0, false, {{0}}},
    {"epoll_pwait", ALWAYS, "the loop waits", "", 0, false, {{0}}},
    {"epoll_pwait2", ALWAYS, "the loop waits", "", 0, false, {{0}}},
    {"epoll_ctl", ALWAYS, "watch a descriptor", "", 0, false, {{0}}},
    {"epoll_create1", ALWAYS, "nng polls in a thread of its own", "", 0, false, {{0}}},
    {"eventfd2", ALWAYS, "wake another thread", "", 0, false, {{0}}},
    {"pipe2", ALWAYS, "wake another thread", "", 0, false, {{0}}},
    {"poll", ALWAYS, "wait for one descriptor", "", 0, false, {{0}}},
    {"ppoll", ALWAYS, "wait for one descriptor", "", 0, false, {{0}}},
    {"futex", ALWAYS, "locks and sleeping threads", "", 0, false, {{0}}},
    {"sched_yield", ALWAYS, "a waiting thread lets others run", "", 0, false, {{0}}},
    {"sched_getaffinity", ALWAYS, "how many processors nng may use", "", 0, false, {{0}}},
    {"getcpu", ALWAYS, "which processor this is", "", 0, false, {{0}}},
    {"restart_syscall", ALWAYS, "a wait goes on after a stop", "", 0, false, {{0}}},

    /* threads; clone3 has its flags in memory and is refused as missing, libc then uses clone */
    {"clone", ALWAYS, "nng starts threads", "threads of this process, no namespaces", 1, false,
     MASKED(0, THREAD_FLAGS | NAMESPACE_FLAGS, THREAD_FLAGS)},
    {"set_robust_list", ALWAYS, "a thread begins", "", 0, false, {{0}}},
    {"rseq", ALWAYS, "a thread begins", "", 0, false, {{0}}},
    {"exit", ALWAYS, "a thread ends", "", 0, false, {{0}}},
    {"exit_group", ALWAYS, "the process ends", "", 0, false, {{0}}},
    OPTION(PR_SET_NAME, "threads name themselves"),
    OPTION(PR_GET_DUMPABLE, "report the sandbox"),
    OPTION(PR_GET_NO_NEW_PRIVS, "report the sandbox"),
    OPTION(PR_GET_SECCOMP, "report the sandbox"),

    /* signals */
    {"rt_sigaction", ALWAYS, "handlers of the loop", "", 0, false, {{0}}},
    {"rt_sigprocmask", ALWAYS, "threads of nng take no signals", "", 0, false, {{0}}},
    {"rt_sigreturn", ALWAYS, "a handler returns", "", 0, false, {{0}}},
    {"sigaltstack", ALWAYS, "a handler on a stack of its own", "", 0, false, {{0}}},
    {"tgkill", ALWAYS, "abort after a failed assertion", "this process", 1, true, EQUALS(0, 0)},
    {"gettid", ALWAYS, "abort after a failed assertion", "", 0, false, {{0}}},

    /* memory: never executable */
    {"brk", ALWAYS, "allocate", "", 0, false, {{0}}},
    {"mmap", ALWAYS, "allocate; thread stacks", "not executable", 1, false, MASKED(2, PROT_EXEC, 0)},
    {"mprotect", ALWAYS, "thread stacks", "not executable", 1, false, MASKED(2, PROT_EXEC, 0)},
    {"munmap", ALWAYS, "free", "", 0, false, {{0}}},
    {"mremap", ALWAYS, "grow an allocation", "", 0, false, {{0}}},
    {"madvise", ALWAYS, "give memory back", "", 0, false, {{0}}},
    {"memfd_create", ALWAYS, "our half of a channel", "sealable, no huge pages", 1, false,
     MASKED(1, ~(scmp_datum_t)MEMORY_FLAGS, 0)},
    COMMAND(F_ADD_SEALS, ALWAYS, "nobody else writes to our half of a channel"),
    COMMAND(F_GET_SEALS, ALWAYS, "the peer can neither cut nor grow its half"),

    /* descriptors that are open */
    {"read", ALWAYS, "receive", "", 0, false, {{0}}},
    {"readv", ALWAYS, "receive", "", 0, false, {{0}}},
    {"pread64", ALWAYS, "read the sandbox's state again", "", 0, false, {{0}}},
    {"recvmsg", ALWAYS, "receive", "", 0, false, {{0}}},
    {"recvfrom", ALWAYS, "receive", "", 0, false, {{0}}},
    {"write", ALWAYS, "send; log", "", 0, false, {{0}}},
    {"writev", ALWAYS, "send", "", 0, false, {{0}}},
    {"sendmsg", ALWAYS, "send", "", 0, false, {{0}}},
    {"sendto", ALWAYS, "send", "", 0, false, {{0}}},
    {"close", ALWAYS, "a connection ends", "", 0, false, {{0}}},
    {"shutdown", ALWAYS, "a connection ends", "", 0, false, {{0}}},
    {"dup", ALWAYS, "keep a descriptor", "", 0, false, {{0}}},
    {"dup2", ALWAYS, "a new log file takes the old one's number", "", 0, false, {{0}}},
    {"dup3", ALWAYS, "a new log file takes the old one's number", "", 0, false, {{0}}},
    {"fstat", ALWAYS, "what kind of file this is", "", 0, false, {{0}}},
    {"newfstatat", ALWAYS, "what kind of file this is", "of a descriptor", 1, false,
     EQUALS(3, AT_EMPTY_PATH)},
    {"lseek", ALWAYS, "standard streams ask where they are", "", 0, false, {{0}}},
    COMMAND(F_GETFD, ALWAYS, "count open descriptors"),
    COMMAND(F_SETFD, ALWAYS, "close-on-exec"),
    COMMAND(F_GETFL, ALWAYS, "do not block"),
    COMMAND(F_SETFL, ALWAYS, "do not block"),
    COMMAND(F_DUPFD_CLOEXEC, ALWAYS, "keep a descriptor"),
    {"ioctl", ALWAYS, "do not block", "FIONBIO", 1, false, EQUALS(1, FIONBIO)},
    {"ioctl", ALWAYS, "how much is there to read", "FIONREAD", 1, false, EQUALS(1, FIONREAD)},
    {"ioctl", ALWAYS, "close-on-exec", "FIOCLEX", 1, false, EQUALS(1, FIOCLEX)},
    {"ioctl", SOCKETS, "which interface an address of a link is of", "SIOCGIFINDEX", 1, false, EQUALS(1, SIOCGIFINDEX)},
    {"ioctl", SOCKETS, "what it is called", "SIOCGIFNAME", 1, false, EQUALS(1, SIOCGIFNAME)},
    {"ioctl", SOCKETS, "how large its packets are", "SIOCGIFMTU", 1, false, EQUALS(1, SIOCGIFMTU)},

    /* sockets */
    {"socket", ALWAYS, "call other cells", "AF_UNIX", 1, false, EQUALS(0, AF_UNIX)},
    {"socketpair", ALWAYS, "wake another thread", "AF_UNIX", 1, false, EQUALS(0, AF_UNIX)},
    {"connect", ALWAYS, "call other cells", "", 0, false, {{0}}},
    {"bind", ALWAYS, "a door for a new caller", "", 0, false, {{0}}},
    {"listen", ALWAYS, "a door for a new caller", "", 0, false, {{0}}},
    {"accept", ALWAYS, "a caller connects", "", 0, false, {{0}}},
    {"accept4", ALWAYS, "a caller connects", "", 0, false, {{0}}},
    {"getsockopt", ALWAYS, "who connects, as the kernel knows it", "", 0, false, {{0}}},
    {"getsockname", ALWAYS, "which door this is", "", 0, false, {{0}}},
    {"getpeername", ALWAYS, "who connects", "", 0, false, {{0}}},
    SOCKOPT(SOL_SOCKET, SO_SNDTIMEO, ALWAYS, "calls have deadlines"),
    SOCKOPT(SOL_SOCKET, SO_RCVTIMEO, ALWAYS, "calls have deadlines"),
    SOCKOPT(SOL_SOCKET, SO_PASSCRED, ALWAYS, "who sends, as the kernel knows it"),
    SOCKOPT(SOL_SOCKET, SO_PASSPIDFD, ALWAYS, "whose end is the end of a channel"),
    SOCKOPT(SOL_SOCKET, SO_REUSEADDR, NETWORK, "listen again after a restart"),
    SOCKOPT(SOL_SOCKET, SO_KEEPALIVE, SOCKETS, "notice a dead peer"),
    SOCKOPT(IPPROTO_TCP, 1 /* TCP_NODELAY */, SOCKETS, "do not wait for more to send"),
    SOCKOPT(IPPROTO_TCP, 4 /* TCP_KEEPIDLE */, SOCKETS, "notice a dead peer in time"),
    SOCKOPT(IPPROTO_TCP, 5 /* TCP_KEEPINTVL */, SOCKETS, "notice a dead peer in time"),
    SOCKOPT(IPPROTO_TCP, 6 /* TCP_KEEPCNT */, SOCKETS, "notice a dead peer in time"),
    SOCKOPT(IPPROTO_IPV6, IPV6_V6ONLY, NETWORK, "one listener for each family"),
    SOCKOPT(IPPROTO_IP, IP_MULTICAST_IF, NETWORK, "speak to a group from where the machine is now"),
    SOCKOPT(IPPROTO_IP, IP_ADD_MEMBERSHIP, NETWORK, "and hear it there"),
    {"socket", NETWORK, "talk to other nodes", "AF_INET", 1, false, EQUALS(0, AF_INET)},
    {"socket", NETWORK, "talk to other nodes", "AF_INET6", 1, false, EQUALS(0, AF_INET6)},
    {"socket", NETWORK, "libc asks which address families are up", "AF_NETLINK NETLINK_ROUTE", 2,
     false, BOTH(0, AF_NETLINK, 2, 0)},
    {"recvmmsg", SOCKETS, "many datagrams at once", "", 0, false, {{0}}},
    {"sendmmsg", SOCKETS, "many datagrams at once", "", 0, false, {{0}}},
    SOCKOPT(SOL_SOCKET, SO_RCVBUF, SOCKETS, "datagrams wait while others have the processor"),
    SOCKOPT(SOL_SOCKET, SO_SNDBUF, SOCKETS, "a batch goes in one call"),
    SOCKOPT(IPPROTO_IP, IP_MTU_DISCOVER, SOCKETS, "a probe of what a path carries is not fragmented"),
    SOCKOPT(IPPROTO_IPV6, IPV6_MTU_DISCOVER, SOCKETS, "the same"),

    /* the names of sockets; landlock keeps these inside bind_dir and what may be written */
    {"unlink", ALWAYS, "remove an own socket", "", 0, false, {{0}}},
    {"unlinkat", ALWAYS, "remove an own socket", "", 0, false, {{0}}},
    /* landlock does not watch modes: only the one that opens nothing to anybody */
    {"chmod", ALWAYS, "a socket is for its owner", "mode 0600", 1, false, EQUALS(1, 0600)},
    {"fchmodat", ALWAYS, "a socket is for its owner", "mode 0600", 1, false, EQUALS(2, 0600)},
    {"fchmod", ALWAYS, "a socket is for its owner", "mode 0600", 1, false, EQUALS(1, 0600)},
    {"umask", ALWAYS, "a socket is for its owner from the first moment", "", 0, false, {{0}}},
    {"rename", ALWAYS, "a socket takes an older one's place", "", 0, false, {{0}}},
    {"renameat", ALWAYS, "a socket takes an older one's place", "", 0, false, {{0}}},
    {"renameat2", ALWAYS, "a socket takes an older one's place", "", 0, false, {{0}}},

    /* facts about this process and the time */
    {"clock_gettime", ALWAYS, "the time, where the vDSO cannot tell it", "", 0, false, {{0}}},
    {"gettimeofday", ALWAYS, "the time, where the vDSO cannot tell it", "", 0, false, {{0}}},
    {"clock_getres", ALWAYS, "how exact the clock is", "", 0, false, {{0}}},
    {"clock_nanosleep", ALWAYS, "nng's timers", "", 0, false, {{0}}},
    {"nanosleep", ALWAYS, "nng's timers", "", 0, false, {{0}}},
    {"getrandom", ALWAYS, "identifiers and jitter", "", 0, false, {{0}}},
    {"getpid", ALWAYS, "own identity", "", 0, false, {{0}}},
    {"getppid", ALWAYS, "own identity", "", 0, false, {{0}}},
    {"getuid", ALWAYS, "own identity", "", 0, false, {{0}}},
    {"geteuid", ALWAYS, "own identity", "", 0, false, {{0}}},
    {"getgid", ALWAYS, "own identity", "", 0, false, {{0}}},
    {"getegid", ALWAYS, "own identity", "", 0, false, {{0}}},
    {"uname", ALWAYS, "the host's name", "", 0, false, {{0}}},
    {"getrusage", ALWAYS, "processor time and memory, for the heartbeat", "", 0, false, {{0}}},
    {"times", ALWAYS, "processor time", "", 0, false, {{0}}},
    {"sysinfo", ALWAYS, "how much memory there is", "", 0, false, {{0}}},
    {"prlimit64", ALWAYS, "report the limits", "reading", 1, false, EQUALS(2, 0)},
    {"getrlimit", ALWAYS, "report the limits", "", 0, false, {{0}}},

    /* Files: landlock says which. A process that was granted nothing to write opens for reading
     * only: a second lock on what it may read. Before Linux 6.2 landlock knows no right to cut a file,
     * so cutting must need a descriptor for writing, which it does watch: truncate(2) is not here, and
     * O_TRUNC is nothing for a reader. */
    OPENS(READS_ONLY, "for reading", CHANGING_FLAGS, O_RDONLY),
    OPENS(WRITES, "for reading, not cutting it", O_ACCMODE | O_TRUNC, O_RDONLY),
    OPENS(WRITES, "for writing", O_ACCMODE, O_WRONLY),
    OPENS(WRITES, "for both", O_ACCMODE, O_RDWR),
    {"getdents64", READS, "list a directory", "", 0, false, {{0}}},
    {"stat", READS, "look at a file", "", 0, false, {{0}}},
    {"lstat", READS, "look at a file", "", 0, false, {{0}}},
    {"newfstatat", READS, "look at a file", "", 0, false, {{0}}},
    {"statx", READS, "look at a file", "", 0, false, {{0}}},
    {"access", READS, "look at a file", "", 0, false, {{0}}},
    {"faccessat", READS, "look at a file", "", 0, false, {{0}}},
    {"faccessat2", READS, "look at a file", "", 0, false, {{0}}},
    {"readlink", READS, "where a link leads", "", 0, false, {{0}}},
    {"readlinkat", READS, "where a link leads", "", 0, false, {{0}}},
    {"preadv", READS, "read at a place", "", 0, false, {{0}}},
    {"preadv2", READS, "read at a place", "", 0, false, {{0}}},
    {"fadvise64", READS, "read ahead, or not", "", 0, false, {{0}}},
    {"pwrite64", WRITES, "write at a place", "", 0, false, {{0}}},
    {"pwritev", WRITES, "write at a place", "", 0, false, {{0}}},
    {"pwritev2", WRITES, "write at a place", "", 0, false, {{0}}},
    {"ftruncate", WRITES, "cut or grow a file", "", 0, false, {{0}}},
    {"fallocate", WRITES, "have the room before it is needed", "", 0, false, {{0}}},
    {"statfs", WRITES, "how much room is left", "", 0, false, {{0}}},
    {"fstatfs", WRITES, "how much room is left", "", 0, false, {{0}}},
    {"fsync", WRITES, "what was acknowledged is on disk", "", 0, false, {{0}}},
    {"fdatasync", WRITES, "what was acknowledged is on disk", "", 0, false, {{0}}},
    {"msync", WRITES, "what was acknowledged is on disk", "", 0, false, {{0}}},
    {"mkdir", WRITES, "a new directory", "", 0, false, {{0}}},
    {"mkdirat", WRITES, "a new directory", "", 0, false, {{0}}},
    {"rmdir", WRITES, "a directory is no longer needed", "", 0, false, {{0}}},
    {"link", WRITES, "a file appears whole, or not", "", 0, false, {{0}}},
    {"linkat", WRITES, "a file appears whole, or not", "", 0, false, {{0}}},
    {"symlink", WRITES, "a name for another name", "", 0, false, {{0}}},
    {"symlinkat", WRITES, "a name for another name", "", 0, false, {{0}}},
    COMMAND(F_GETLK, WRITES, "one process writes at a time"),
    COMMAND(F_SETLK, WRITES, "one process writes at a time"),
    COMMAND(F_SETLKW, WRITES, "one process writes at a time"),
    COMMAND(F_OFD_GETLK, WRITES, "one process writes at a time"),
    COMMAND(F_OFD_SETLK, WRITES, "one process writes at a time"),
    {"flock", WRITES, "one process writes at a time", "", 0, false, {{0}}},

    /* a sanitizer reads the map of its own memory to write a report */
    {"openat", SANITIZED, "sanitizer report", "", 0, false, {{0}}},
    {"open", SANITIZED, "sanitizer report", "", 0, false, {{0}}},
    {"readlink", SANITIZED, "sanitizer report", "", 0, false, {{0}}},
    {"readlinkat", SANITIZED, "sanitizer report", "", 0, false, {{0}}},
    {"stat", SANITIZED, "sanitizer report", "", 0, false, {{0}}},
    {"newfstatat", SANITIZED, "sanitizer report", "", 0, false, {{0}}},
};

/* What is in force: rows of the table above, then of the cell's own calls. */
static struct {
    uint16_t row[SEAL_CALLS_MAX];
    int number[SEAL_CALLS_MAX];
    const struct cell_syscall *own;
    size_t count;
} in_force;

static void tell(size_t i, struct seal_call *ret)
{
    size_t row = in_force.row[i];

    *ret = (struct seal_call){.number = in_force.number[i]};
    if (row < ARRAY_LEN(rules)) {
        const struct rule *r = &rules[row];
        snprintf(ret->name, sizeof ret->name, "%s", r->name);
        ret->reason = r->reason;
        ret->condition = r->condition[0] != '\0' ? r->condition : NULL;
        return;
    }
    char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, ret->number);
    if (name != NULL) {
        snprintf(ret->name, sizeof ret->name, "%s", name);
    } else {
        snprintf(ret->name, sizeof ret->name, "call %d", ret->number); /* newer than our libseccomp */
    }
    free(name);
    ret->reason = in_force.own[row - ARRAY_LEN(rules)].reason;
}

const struct seal_call *seal_calls_list(size_t *ret_count)
{
    static struct seal_call calls[SEAL_CALLS_MAX];

    for (size_t i = 0; i < in_force.count; i++) {
        tell(i, &calls[i]);
    }
    *ret_count = in_force.count;
    return calls;
}

static bool applies(const struct rule *r, const struct seal_spec *spec)
{
    bool can_write = spec->state_dir != NULL || spec->write_count > 0;
    bool can_read = can_write || spec->read_count > 0;

    switch (r->when) {
    case ALWAYS:
        return true;
    case NETWORK:
        return spec->network;
    case SOCKETS:
        return spec->network || spec->has_sockets;
    case READS:
        return can_read;
    case READS_ONLY:
        return can_read && !can_write;
    case WRITES:
        return can_write;
    case SANITIZED:
        return KERNEL_IS_SANITIZED;
    }
    return false;
}

static enum err note(size_t row, int number, char why[SEAL_WHY_SIZE])
{
    if (in_force.count == SEAL_CALLS_MAX) {
        snprintf(why, SEAL_WHY_SIZE, "seccomp: more than %d system calls", SEAL_CALLS_MAX);
        return ERR_LIMIT;
    }
    in_force.row[in_force.count] = (uint16_t)row;
    in_force.number[in_force.count++] = number;
    return ERR_OK;
}

static enum err fail_rule(const char *name, int rc, char why[SEAL_WHY_SIZE])
{
    snprintf(why, SEAL_WHY_SIZE, "seccomp: rule for %.31s: %s", name, strerrordesc_np(-rc));
    return rc == -ENOMEM ? ERR_NOMEM : ERR_UNSUPPORTED;
}

static enum err add_rule(scmp_filter_ctx filter, const struct rule *r, char why[SEAL_WHY_SIZE])
{
    struct scmp_arg_cmp argument[ARGUMENTS_MAX];
    int number = seccomp_syscall_resolve_name(r->name);

    if (number < 0) {
        return ERR_OK; /* this architecture never had it: its libc uses the newer one */
    }
    memcpy(argument, r->argument, sizeof argument);
    if (r->is_own_pid) {
        argument[0].datum_a = (scmp_datum_t)getpid();
    }
    int rc = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, r->count, argument);
    return rc != 0 ? fail_rule(r->name, rc, why) : note((size_t)(r - rules), number, why);
}

static enum err add_own(scmp_filter_ctx filter, const struct seal_spec *spec, size_t i, char why[SEAL_WHY_SIZE])
{
    int number = spec->calls[i].number;
    char text[32];

    if (number < 0) {
        snprintf(why, SEAL_WHY_SIZE, "seccomp: no system call has the number %d", number);
        return ERR_INVALID;
    }
    snprintf(text, sizeof text, "call %d", number);
    int rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
    return rc != 0 ? fail_rule(text, rc, why) : note(ARRAY_LEN(rules) + i, number, why);
}

enum err seal_calls_fill(scmp_filter_ctx filter, const struct seal_spec *spec,
                         char why[SEAL_WHY_SIZE])
{
    enum err e = ERR_OK;

    in_force.count = 0;
    in_force.own = spec->calls;
    for (size_t i = 0; e == ERR_OK && i < ARRAY_LEN(rules); i++) {
        if (applies(&rules[i], spec)) {
            e = add_rule(filter, &rules[i], why);
        }
    }
    for (size_t i = 0; e == ERR_OK && i < spec->call_count; i++) {
        e = add_own(filter, spec, i, why);
    }
    if (e == ERR_OK) {
        int rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
        e = rc != 0 ? fail_rule("clone3", rc, why) : ERR_OK;
    }
    if (e != ERR_OK) {
        in_force.count = 0;
    }
    return e;
}
