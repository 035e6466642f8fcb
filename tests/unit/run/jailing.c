#include "tests/unit/run/jailing.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/run/fd.h"

static int failed;

void jailing_claim(bool holds, const char *format, ...)
{
    va_list args;

    if (holds) {
        return;
    }
    failed++;
    va_start(args, format);
    fputs("FAILED: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

int jailing_failed(void)
{
    return failed;
}

static void need(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "cannot set up the test: %s: %s\n", what, strerror(errno));
        exit(1);
    }
}

/* ---- the host --------------------------------------------------------------------------------- */

static void copy_program(const char *from, const char *to, mode_t mode)
{
    char block[65536];
    ssize_t len;
    AUTO_FD int in = open(from, O_RDONLY | O_CLOEXEC);
    AUTO_FD int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

    need(in >= 0 && out >= 0, from);
    while ((len = read(in, block, sizeof block)) > 0) {
        need(write(out, block, (size_t)len) == len, to);
    }
    need(fchmod(out, mode) == 0, to);
}

static void remove_tree(const char *path)
{
    char below[512];
    DIR *dir = opendir(path);

    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        (void)snprintf(below, sizeof below, "%s/%s", path, e->d_name);
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && unlink(below) != 0) {
            remove_tree(below);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    need(rmdir(path) == 0, path);
}

/* Go on as nobody in a child; we only wait for it, and then clean up what only root may. */
static void become_nobody(const struct jailing *j)
{
    int status;
    pid_t pid = fork();

    need(pid >= 0, "fork");
    if (pid > 0) {
        need(waitpid(pid, &status, 0) == pid, "wait");
        remove_tree(j->dir);
        exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
    }
    need(setgroups(0, NULL) == 0 && setresgid(JAILING_USER, JAILING_USER, JAILING_USER) == 0 &&
             setresuid(JAILING_USER, JAILING_USER, JAILING_USER) == 0,
         "become nobody");
    /* As after a login; changing the user has made us undumpable. */
    need(prctl(PR_SET_DUMPABLE, 1) == 0, "dumpable");
}

static void become(const struct jailing *j, const char *as)
{
    if (strcmp(as, "user") == 0 && geteuid() == 0) {
        become_nobody(j);
    }
}

static void make_dir(char *path, size_t size, const char *dir, const char *name, mode_t mode)
{
    (void)snprintf(path, size, "%s/%s", dir, name);
    need(mkdir(path, mode) == 0 && chmod(path, mode) == 0, path);
}

static void open_listeners(struct jailing *j)
{
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    struct sockaddr_in inet = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof inet;

    (void)snprintf(j->abstract, sizeof j->abstract, "cell-jailing-%d", getpid());
    size_t len = strlen(j->abstract);
    memcpy(local.sun_path + 1, j->abstract, len);
    j->abstract_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    need(bind(j->abstract_fd, (struct sockaddr *)&local,
              (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len)) == 0 &&
             listen(j->abstract_fd, 64) == 0, "abstract listener");
    memset(local.sun_path, 0, sizeof local.sun_path);
    (void)snprintf(local.sun_path, sizeof local.sun_path, "%s/socket", j->outside);
    j->outside_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    need(bind(j->outside_fd, (struct sockaddr *)&local, sizeof local) == 0 &&
             listen(j->outside_fd, 64) == 0, "listener");
    j->tcp_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    need(bind(j->tcp_fd, (struct sockaddr *)&inet, size) == 0 && listen(j->tcp_fd, 64) == 0 &&
             getsockname(j->tcp_fd, (struct sockaddr *)&inet, &size) == 0, "tcp listener");
    j->port = ntohs(inet.sin_port);
}

static void start_victim(struct jailing *j)
{
    j->victim = fork();
    need(j->victim >= 0, "fork");
    if (j->victim == 0) {
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
            pause();
        }
    }
    setpgid(j->victim, j->victim); /* whoever comes first: it leads its group from now on */
}

const char *jailing_bin(const struct jailing *j, const char *name)
{
    static char path[160];
    const char *slash = strrchr(name, '/');
    (void)snprintf(path, sizeof path, "%s/%s", j->bin, slash != NULL ? slash + 1 : name);
    return path;
}

void jailing_open(struct jailing *j, const char *as, char *const *program, int program_count)
{
    if (strcmp(as, "root") == 0 && geteuid() != 0) {
        fprintf(stderr, "SKIPPED: only root can test what root does\n");
        exit(JAILING_SKIP);
    }
    *j = (struct jailing){.dir = "/tmp/cell-jailing-XXXXXX"};
    need(mkdtemp(j->dir) != NULL && chmod(j->dir, 0755) == 0, "temporary directory");
    make_dir(j->bin, sizeof j->bin, j->dir, "bin", 0755);
    for (int i = 0; i < program_count; i++) {
        copy_program(program[i], jailing_bin(j, program[i]), 0755);
    }
    (void)snprintf(j->setuid, sizeof j->setuid, "%s/setuid", j->bin);
    copy_program(program[0], j->setuid, geteuid() == 0 ? 04755 : 0755);
    make_dir(j->root, sizeof j->root, j->dir, "root", 0755);
    need(geteuid() != 0 || strcmp(as, "root") == 0 || chmod(j->dir, 0777) == 0, j->dir);
    become(j, as);
    make_dir(j->outside, sizeof j->outside, j->dir, "outside", 0777);
    make_dir(j->inside, sizeof j->inside, j->dir, "inside", 0777);
    char secret[112];
    (void)snprintf(secret, sizeof secret, "%s/secret", j->outside);
    AUTO_FD int fd = open(secret, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    need(write(fd, "s", 1) == 1, secret);
    open_listeners(j);
    start_victim(j);
    j->is_owner = access(j->bin, W_OK) == 0;
    /* As root the program gets a user of its own, otherwise it can only be ourselves. */
    j->uid = geteuid() == 0 ? 12345 : geteuid();
    j->gid = geteuid() == 0 ? 12345 : getegid();
}

void jailing_close(struct jailing *j)
{
    kill(j->victim, SIGKILL);
    waitpid(j->victim, NULL, 0);
    fd_close(&j->abstract_fd);
    fd_close(&j->outside_fd);
    fd_close(&j->tcp_fd);
    if (j->is_owner) {
        remove_tree(j->dir);
    }
}

/* ---- programs --------------------------------------------------------------------------------- */

struct jail_spec jailing_spec(const struct jailing *j, const char *const *argv)
{
    return (struct jail_spec){
        .exec = argv[0],
        .argv = argv,
        .uid = j->uid,
        .gid = j->gid,
        .confined = true,
        .files = 64,
        .root_dir = j->root,
    };
}

enum err jailing_start(const struct jail_spec *spec, struct jail_started *ret, int *ret_log,
                       char why[JAIL_WHY_SIZE])
{
    struct jail_spec full = *spec;
    int pair[2] = {-1, -1};
    AUTO_FD int log = memfd_create("log", MFD_CLOEXEC);

    need(log >= 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0, "log");
    full.log_fd = log;
    full.gap_fd = pair[1];
    enum err e = jail_start(&full, ret, why);
    fd_close(&pair[0]);
    fd_close(&pair[1]);
    if (e == ERR_OK) {
        *ret_log = fd_take(&log);
    }
    return e;
}

void jailing_kill(struct jail_started *started)
{
    siginfo_t info;

    syscall(SYS_pidfd_send_signal, started->pidfd, SIGKILL, NULL, 0);
    (void)waitid(P_PIDFD, (id_t)started->pidfd, &info, WEXITED);
    fd_close(&started->pidfd);
}

void jailing_run(const struct jail_spec *spec, struct jailing_end *ret)
{
    struct jail_started started;
    AUTO_FD int log = -1;
    siginfo_t info = {0};

    *ret = (struct jailing_end){0};
    ret->e = jailing_start(spec, &started, &log, ret->why);
    if (ret->e != ERR_OK) {
        return;
    }
    ret->jail_us = started.jail_us;
    struct pollfd ended = {.fd = started.pidfd, .events = POLLIN};
    if (poll(&ended, 1, JAILING_DEADLINE_MS) != 1) {
        jailing_claim(false, "%s did not end in time", spec->argv[0]);
        syscall(SYS_pidfd_send_signal, started.pidfd, SIGKILL, NULL, 0);
    }
    (void)waitid(P_PIDFD, (id_t)started.pidfd, &info, WEXITED);
    fd_close(&started.pidfd);
    ret->is_killed = info.si_code != CLD_EXITED;
    ret->status = info.si_status;
    ssize_t len = pread(log, ret->output, sizeof ret->output - 1, 0);
    ret->output[len > 0 ? len : 0] = '\0';
}

/* ---- seals ------------------------------------------------------------------------------------ */

void jailing_in_child(void (*claim)(void), const char *name)
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        failed = 0; /* what failed before is not this claim's fault */
        claim();
        _exit(jailing_failed() > 0);
    }
    (void)waitpid(pid, &status, 0);
    jailing_claim(status == 0, "%s: status %x", name, status);
}

struct seal_spec jailing_seal_spec(const struct jailing *j)
{
    return (struct seal_spec){.bind_dir = j->inside, .run_dir = j->inside};
}

void jailing_seal(const struct seal_spec *spec)
{
    char why[SEAL_WHY_SIZE] = "";

    jailing_claim(seal_enter(spec, why) == ERR_OK && seal_look_open() == ERR_OK, "enter: %s", why);
    jailing_claim(seal_filter(spec, why) == ERR_OK, "filter: %s", why);
}

/* ---- traces ----------------------------------------------------------------------------------- */

/* What the jail keeps ready on purpose comes and goes: namespaces, and the news about mounts. */
static bool is_reserve(int dir, const char *name)
{
    char link[128];
    ssize_t len = readlinkat(dir, name, link, sizeof link - 1);

    link[len > 0 ? len : 0] = '\0';
    return strncmp(link, "net:[", 5) == 0 || strncmp(link, "mnt:[", 5) == 0 ||
           strstr(link, "/mountinfo") != NULL;
}

void jailing_look(struct jailing_trace *ret)
{
    DIR *dir = opendir("/proc/self/fd");
    uint64_t blocked = 0;

    *ret = (struct jailing_trace){.dumpable = prctl(PR_GET_DUMPABLE)};
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        ret->descriptors += !is_reserve(dirfd(dir), e->d_name);
    }
    if (dir != NULL) {
        closedir(dir);
    }
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &blocked, sizeof blocked);
    ret->blocked = blocked;
    ret->has_children = waitpid(-1, NULL, WNOHANG) >= 0;
}

bool jailing_same(const struct jailing_trace *a, const struct jailing_trace *b)
{
    return a->descriptors == b->descriptors && a->dumpable == b->dumpable &&
           a->blocked == b->blocked && a->has_children == b->has_children;
}
