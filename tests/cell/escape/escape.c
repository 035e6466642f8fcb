/* Runs the attempts and tells one line each: "name denied|ALLOWED errno".
 *
 *   escape [VICTIM OUTSIDE INSIDE ABSTRACT SETUID PORT NETWORK [MODE]]
 *
 * MODE: all (default), control (only what an unconfined root can do, in namespaces of its own so that
 * nothing stays), or the name of an attempt that the kernel answers with death: int80, x32.
 * Exit status 0 when every attempt was denied, 1 when one was not, 64 for wrong usage. */
#include "tests/cell/escape/escape.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef ESCAPE_SEALED
#include "common/run/seal.h"
#endif

enum {
    ARGUMENTS = 8,
    USAGE = 64,
};

struct escape_target target;

/* As a cell of a node it is given no arguments: what every Linux host has. The first process of the
 * host's second number is a kernel thread; su is the setuid program of every Debian. */
static const struct escape_target as_cell = {
    .victim = 2,
    .outside = "/root",
    .inside = "/run/bind",
    .abstract = "cell-escape",
    .setuid = "/usr/bin/su",
    .port = 22,
};

/* These say that somebody looked at the arguments: the call was not refused, only misused. */
static bool is_refusal(int error)
{
    return error != EFAULT && error != EINVAL && error != EBADF && error != ENOEXEC &&
           error != ENOTTY && error != 0;
}

/* 0: denied. */
static int tell(const struct escape_attempt *a)
{
    char line[128];

    errno = 0;
    long rc = a->try();
    int error = rc >= 0 ? 0 : errno;
    bool is_denied = rc < 0 && is_refusal(error);
    int len = snprintf(line, sizeof line, "%s %s %s\n", a->name, is_denied ? "denied" : "ALLOWED",
                       error == 0 ? "0" : strerrorname_np(error));
    (void)!write(STDOUT_FILENO, line, (size_t)len);
    return is_denied ? 0 : 1;
}

#ifdef ESCAPE_SEALED
/* Behind the seal there is no fork, and nothing an attempt could spoil for the next one. */
static int run(const struct escape_attempt *a, bool is_control)
{
    (void)is_control;
    return tell(a);
}

static void enter(void)
{
    char why[SEAL_WHY_SIZE];
    const char *read = "/usr", *write = target.inside;
    struct seal_spec spec = {.bind_dir = target.inside, .run_dir = target.inside};

    if (target.has_network) { /* with it, everything else that can be granted */
        spec.network = true;
        spec.state_dir = target.inside;
        spec.read = &read;
        spec.write = &write;
        spec.read_count = spec.write_count = 1;
    }

    if (seal_enter(&spec, why) != ERR_OK || seal_look_open() != ERR_OK ||
        seal_filter(&spec, why) != ERR_OK) {
        fprintf(stderr, "seal: %s\n", why);
        exit(1);
    }
}
#else
static void isolate(void)
{
    if (unshare(CLONE_NEWNS | CLONE_NEWUTS) != 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
        perror("isolate");
        _exit(1);
    }
}

/* Each in a process of its own: what one changes does not help or hinder the next. */
static int run(const struct escape_attempt *a, bool is_control)
{
    int status = 1;
    pid_t pid = fork();

    if (pid == 0) {
        if (is_control) {
            isolate();
        }
        _exit(tell(a));
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        printf("%s ALLOWED cannot-be-tried\n", a->name);
        return 1;
    }
    if (WIFSIGNALED(status)) {
        printf("%s denied SIGNAL-%d\n", a->name, WTERMSIG(status));
    }
    return WIFSIGNALED(status) ? 0 : WEXITSTATUS(status);
}

static void enter(void)
{
}
#endif

static int run_all(const struct escape_attempt *list, size_t count, bool is_control)
{
    int allowed = 0;

    for (size_t i = 0; i < count; i++) {
        bool is_wanted = is_control ? list[i].root_can
                                    : !(list[i].needs_network && target.has_network);
        if (is_wanted) {
            fflush(stdout); /* or the child would print it again */
            allowed += run(&list[i], is_control);
        }
    }
    return allowed;
}

/* A filter for this architecture's calls is worth nothing if another table is open. Surviving either
 * is the escape. */
static int run_foreign(const char *name)
{
#ifdef __x86_64__
    if (strcmp(name, "int80") == 0) {
        long rc = 20; /* getpid of i386 */
        __asm__ volatile("int $0x80" : "+a"(rc) : : "memory", "r8", "r9", "r10", "r11");
        printf("int80 ALLOWED %ld\n", rc);
        return 1;
    }
    if (strcmp(name, "x32") == 0) {
        printf("x32 ALLOWED %ld\n", syscall(0x40000000 | SYS_getpid));
        return 1;
    }
#endif
    fprintf(stderr, "unknown mode %s\n", name);
    return USAGE;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--am-i-root") == 0) {
        return geteuid() == 0 ? 0 : 1;
    }
    if (argc == 1) {
        target = as_cell;
    } else if (argc < ARGUMENTS) {
        return USAGE;
    } else {
        target = (struct escape_target){
            .victim = atoi(argv[1]),
            .outside = argv[2],
            .inside = argv[3],
            .abstract = argv[4],
            .setuid = argv[5],
            .port = atoi(argv[6]),
            .has_network = argv[7][0] == '1',
        };
    }
    const char *mode = argc > ARGUMENTS ? argv[ARGUMENTS] : "all";
    bool is_control = strcmp(mode, "control") == 0;
    enter();
    if (!is_control && strcmp(mode, "all") != 0) {
        return run_foreign(mode);
    }
    int allowed = run_all(escape_kernel, escape_kernel_count, is_control) +
                  run_all(escape_outside, escape_outside_count, is_control);
    printf("%d allowed\n", allowed);
    fflush(stdout);
    return allowed == 0 ? 0 : 1;
}
