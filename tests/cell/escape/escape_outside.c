/* Ways out through names: files, devices, sockets and processes of the host. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/macros.h"
#include "tests/cell/escape/escape.h"

enum {
    BOMB_MAX = 2000, /* processes; a limit that lets so many through is none */
};

static long denied(int error)
{
    errno = error;
    return -1;
}

/* ---- files ------------------------------------------------------------------------------------ */

static long reading(const char *path)
{
    char byte;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return -1;
    }
    long got = read(fd, &byte, 1);
    int error = errno;
    close(fd);
    return got < 0 && error != EISDIR ? denied(error) : 0;
}

static long writing(const char *path)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    close(fd);
    return 0;
}

static long creating(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return -1;
    }
    close(fd);
    unlink(path);
    return 0;
}

static long in_proc_of(pid_t pid, const char *file)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
    return reading(path);
}

static const char *below(const char *dir, const char *name)
{
    static char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static long read_shadow(void)
{
    return reading("/etc/shadow");
}
static long read_passwd(void)
{
    return reading("/etc/passwd");
}
static long read_passwd_from_above(void)
{
    return reading("/../../../../../../etc/passwd");
}
static long read_passwd_through_proc(void)
{
    return reading("/proc/1/root/etc/passwd");
}
static long list_root_home(void)
{
    return reading("/root");
}
static long list_root_directory(void)
{
    return reading("/");
}
static long read_outside(void)
{
    return reading(below(target.outside, "secret"));
}
static long read_outside_by_link(void)
{
    const char *link = below(target.inside, "link");
    char to[512];
    (void)snprintf(to, sizeof to, "%s/secret", target.outside);
    if (symlink(to, link) != 0) {
        return -1;
    }
    long got = reading(link);
    int error = errno;
    unlink(link);
    return got < 0 ? denied(error) : got;
}
static long create_outside(void)
{
    return creating(below(target.outside, "new"));
}
static long create_in_usr(void)
{
    return creating("/usr/cell-escape");
}
static long create_in_root(void)
{
    return creating("/cell-escape");
}
/* A script: a binary may be running somewhere, and then even root is refused (ETXTBSY). */
static long write_program(void)
{
    return writing("/usr/bin/ldd");
}
static long change_mode_of_usr(void)
{
    return chmod("/usr", 0755);
}
static long read_victim(void)
{
    return in_proc_of(target.victim, "status");
}
static long read_victim_environment(void)
{
    return in_proc_of(target.victim, "environ");
}
static long write_uid_map(void)
{
    return writing("/proc/self/uid_map");
}
static long write_oom(void)
{
    return writing("/proc/self/oom_score_adj");
}
static long write_core_pattern(void)
{
    return writing("/proc/sys/kernel/core_pattern");
}
static long read_sysctl(void)
{
    return reading("/proc/sys/kernel/ostype");
}
static long trigger_sysrq(void)
{
    return writing("/proc/sysrq-trigger");
}
static long read_symbols(void)
{
    return reading("/proc/kallsyms");
}
static long read_mounts_of_host(void)
{
    return in_proc_of(target.victim, "mountinfo");
}
static long read_memory_device(void)
{
    return reading("/dev/mem");
}
static long read_kernel_log_device(void)
{
    return reading("/dev/kmsg");
}
static long list_devices(void)
{
    return reading("/dev");
}
static long read_sys(void)
{
    return reading("/sys/kernel/notes");
}
static long list_cgroups(void)
{
    return reading("/sys/fs/cgroup");
}
static long make_device(mode_t kind, unsigned major, unsigned minor)
{
    const char *path = below(target.inside, "device");
    long rc = mknod(path, kind | 0600, makedev(major, minor));
    if (rc == 0) {
        unlink(path);
    }
    return rc;
}
static long make_memory_device(void)
{
    return make_device(S_IFCHR, 1, 1);
}
static long make_disk_device(void)
{
    return make_device(S_IFBLK, 8, 0);
}

/* ---- sockets ---------------------------------------------------------------------------------- */

static long opening(int family, int type, int protocol)
{
    int fd = socket(family, type | SOCK_CLOEXEC, protocol);
    if (fd >= 0) {
        close(fd);
    }
    return fd;
}

static long connecting(int fd, const void *address, socklen_t size)
{
    if (fd < 0) {
        return -1;
    }
    long rc = connect(fd, address, size);
    int error = errno;
    close(fd);
    return rc < 0 ? denied(error) : rc;
}

static long raw_socket(void)
{
    return opening(AF_INET, SOCK_RAW, IPPROTO_ICMP);
}
static long internet_socket(void)
{
    return opening(AF_INET, SOCK_STREAM, 0);
}
static long datagram_socket(void)
{
    return opening(AF_INET, SOCK_DGRAM, 0);
}
static long internet_6_socket(void)
{
    return opening(AF_INET6, SOCK_STREAM, 0);
}
static long connect_loopback(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)target.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return connecting(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), &to, sizeof to);
}
static long netlink_route(void)
{
    return opening(AF_NETLINK, SOCK_RAW, 0);
}
static long netlink_audit(void)
{
    return opening(AF_NETLINK, SOCK_RAW, 9);
}
static long packet_socket(void)
{
    return opening(AF_PACKET, SOCK_RAW, 0);
}
static long vsock_socket(void)
{
    return opening(AF_VSOCK, SOCK_STREAM, 0);
}
static long crypto_socket(void)
{
    return opening(AF_ALG, SOCK_SEQPACKET, 0);
}
static long xdp_socket(void)
{
    return opening(44 /* AF_XDP */, SOCK_RAW, 0);
}
static long connect_abstract(void)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t len = strlen(target.abstract);
    if (len == 0) {
        return denied(EOPNOTSUPP); /* the caller knows that this kernel cannot refuse it */
    }
    memcpy(to.sun_path + 1, target.abstract, len);
    return connecting(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), &to,
                      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len));
}
static long connect_outside(void)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    (void)snprintf(to.sun_path, sizeof to.sun_path, "%.90s/socket", target.outside);
    return connecting(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), &to, sizeof to);
}

/* ---- processes -------------------------------------------------------------------------------- */

static long kill_victim(void)
{
    return kill(target.victim, 0);
}
static long kill_victim_thread(void)
{
    return syscall(SYS_tgkill, target.victim, target.victim, 0);
}
static long kill_group(void)
{
    return kill(-target.victim, 0);
}
static long kill_all(void)
{
    return kill(-1, 0); /* everybody but ourselves and process 1 of our namespace */
}
static long queue_to_victim(void)
{
    siginfo_t info = {.si_code = SI_QUEUE};
    return syscall(SYS_rt_sigqueueinfo, target.victim, 0, &info);
}
static long pidfd_of_victim(void)
{
    return syscall(SYS_pidfd_open, target.victim, 0);
}
static long session_of_victim(void)
{
    return getsid(target.victim);
}

/* Runs the setuid program; it exits 0 when it has become root. */
static long run_setuid(void)
{
    int status;
    char *argv[] = {(char *)(uintptr_t)target.setuid, (char *)(uintptr_t) "--am-i-root", NULL};
    pid_t pid = fork();
    if (pid == 0) {
        execv(target.setuid, argv);
        _exit(1);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        return -1;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : denied(EPERM);
}

/* Processes that only wait, until there may be no more; then all are ended again. */
static long fork_bomb(void)
{
    static pid_t child[BOMB_MAX];
    size_t count = 0;
    int error = 0;

    while (count < BOMB_MAX) {
        pid_t pid = fork();
        if (pid == 0) {
            pause();
            _exit(0);
        }
        if (pid < 0) {
            error = errno;
            break;
        }
        child[count++] = pid;
    }
    for (size_t i = 0; i < count; i++) {
        kill(child[i], SIGKILL);
        waitpid(child[i], NULL, 0);
    }
    return count == BOMB_MAX ? 0 : denied(error);
}

const struct escape_attempt escape_outside[] = {
    {"read-shadow", read_shadow, true, false},
    {"read-passwd", read_passwd, true, false},
    {"read-passwd-from-above", read_passwd_from_above, true, false},
    {"read-passwd-through-proc", read_passwd_through_proc, false, false},
    {"list-root-home", list_root_home, true, false},
    {"list-root", list_root_directory, true, false},
    {"read-outside", read_outside, true, false},
    {"read-outside-by-link", read_outside_by_link, true, false},
    {"create-outside", create_outside, true, false},
    {"create-in-usr", create_in_usr, true, false},
    {"create-in-root", create_in_root, true, false},
    {"write-program", write_program, true, false},
    {"chmod-usr", change_mode_of_usr, true, false},
    {"proc-victim-status", read_victim, true, false},
    {"proc-victim-environ", read_victim_environment, true, false},
    {"proc-victim-mounts", read_mounts_of_host, true, false},
    {"write-uid-map", write_uid_map, true, false},
    {"write-oom", write_oom, true, false},
    {"write-core-pattern", write_core_pattern, true, false},
    {"read-sysctl", read_sysctl, true, false},
    {"sysrq", trigger_sysrq, false, false},
    {"read-kallsyms", read_symbols, false, false},
    {"dev-mem", read_memory_device, false, false},
    {"dev-kmsg", read_kernel_log_device, false, false},
    {"list-dev", list_devices, true, false},
    {"read-sys", read_sys, false, false},
    {"list-cgroup", list_cgroups, false, false},
    {"mknod-mem", make_memory_device, true, false},
    {"mknod-disk", make_disk_device, true, false},
    {"raw-socket", raw_socket, true, false},
    {"inet-socket", internet_socket, true, true},
    {"inet-datagram", datagram_socket, true, true},
    {"inet6-socket", internet_6_socket, false, true},
    {"connect-loopback", connect_loopback, true, true},
    {"netlink-route", netlink_route, true, true},
    {"netlink-audit", netlink_audit, false, false},
    {"packet-socket", packet_socket, true, false},
    {"vsock", vsock_socket, false, false},
    {"alg-socket", crypto_socket, false, false},
    {"xdp-socket", xdp_socket, false, false},
    {"connect-abstract", connect_abstract, true, false},
    {"connect-outside", connect_outside, true, false},
    {"kill-victim", kill_victim, true, false},
    {"tgkill-victim", kill_victim_thread, true, false},
    {"kill-group", kill_group, true, false},
    {"kill-all", kill_all, true, false},
    {"sigqueue-victim", queue_to_victim, true, false},
    {"pidfd-victim", pidfd_of_victim, true, false},
    {"getsid-victim", session_of_victim, true, false},
    {"setuid-program", run_setuid, true, false},
    {"fork-bomb", fork_bomb, false, false},
};
const size_t escape_outside_count = ARRAY_LEN(escape_outside);
