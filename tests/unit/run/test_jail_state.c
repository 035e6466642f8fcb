/* What a jailed program finds itself in, looked at from outside while it runs (NUC-1, NUC-3, NUC-14).
 *
 *   test_jail_state root|user ESCAPE */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "common/run/jail_child.h"
#include "common/run/jail_template.h"
#include "common/run/kernel.h"
#include "common/run/loop.h"
#include "tests/unit/run/jailing.h"

static struct jailing host;
static const char *const sleeper[] = {"/usr/bin/sleep", "1000", NULL};

/* ---- looking at a process --------------------------------------------------------------------- */

static size_t read_proc(pid_t pid, const char *file, char *out, size_t size)
{
    char path[64];
    size_t len = 0;

    (void)snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    out[0] = '\0';
    if (fd < 0 || fd_read_all(fd, out, size - 1, &len) != ERR_OK) {
        return SIZE_MAX;
    }
    out[len] = '\0';
    return len;
}

static void link_of(pid_t pid, const char *file, char out[128])
{
    char path[64];

    (void)snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
    ssize_t len = readlink(path, out, 127);
    out[len > 0 ? len : 0] = '\0';
}

/* "0,1,2,3," */
static void list_descriptors(pid_t pid, char out[256])
{
    char path[64];
    bool has[64] = {false};
    size_t len = 0;

    (void)snprintf(path, sizeof path, "/proc/%d/fd", pid);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        if (e->d_name[0] != '.' && atoi(e->d_name) < 64) {
            has[atoi(e->d_name)] = true;
        } else if (e->d_name[0] != '.') {
            len += (size_t)snprintf(out + len, 256 - len, "%s!", e->d_name);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    for (int fd = 0; fd < 64; fd++) {
        len += has[fd] ? (size_t)snprintf(out + len, 256 - len, "%d,", fd) : 0;
    }
    out[len] = '\0';
}

static const char *line_of(const char *text, const char *key)
{
    static char line[128];
    const char *at = strstr(text, key);

    line[0] = '\0';
    if (at != NULL) {
        size_t len = strcspn(at, "\n");
        (void)snprintf(line, sizeof line, "%.*s", (int)len, at);
    }
    return line;
}

/* The kernel lets the starter go on before the new program is complete, and then the dynamic linker
 * opens files. It has settled when it does what it was started for: sleep. */
static void await_sleep(pid_t pid)
{
    char text[256], asleep[16];
    uint64_t deadline_ms = loop_now_ms() + JAILING_DEADLINE_MS;

    (void)snprintf(asleep, sizeof asleep, "%d ", SYS_clock_nanosleep);
    do {
        sched_yield();
        read_proc(pid, "syscall", text, sizeof text);
    } while (strncmp(text, asleep, strlen(asleep)) != 0 && loop_now_ms() < deadline_ms);
    jailing_claim(loop_now_ms() < deadline_ms, "the program never sleeps: %s", text);
}

/* ---- claims about a running program ----------------------------------------------------------- */

static void descriptors_are_four(pid_t pid, const char *which)
{
    char list[256], link[128], other[128];

    list_descriptors(pid, list);
    jailing_claim(strcmp(list, "0,1,2,3,") == 0, "%s: descriptors %s", which, list);
    link_of(pid, "fd/0", link);
    jailing_claim(strcmp(link, "/dev/null") == 0, "%s: stdin is %s", which, link);
    link_of(pid, "fd/1", link);
    link_of(pid, "fd/2", other);
    jailing_claim(link[0] != '\0' && strcmp(link, other) == 0, "%s: output %s and %s", which, link,
                  other);
    link_of(pid, "fd/3", link);
    jailing_claim(strncmp(link, "socket:", 7) == 0, "%s: fd 3 is %s", which, link);
}

static void environment_is_empty(pid_t pid, const char *which)
{
    char text[4096];
    size_t len = read_proc(pid, "environ", text, sizeof text);

    jailing_claim(len == 0, "%s: environment of %zu bytes: %s", which, len, text);
    len = read_proc(pid, "cmdline", text, sizeof text);
    jailing_claim(len == sizeof "/usr/bin/sleep" + sizeof "1000" &&
                      memcmp(text, "/usr/bin/sleep\0001000", len) == 0, "%s: command %s", which, text);
}

/* Each row: a line of /proc/<pid>/status as it must be. */
static const struct {
    const char *line;
    bool unconfined; /* holds without confinement as well */
    const char *why;
} status_rows[] = {
    {"CapInh:\t0000000000000000", false, "no capability to inherit"},
    {"CapPrm:\t0000000000000000", false, "none to use"},
    {"CapEff:\t0000000000000000", false, "none in use"},
    {"CapBnd:\t0000000000000000", false, "none to get by exec"},
    {"CapAmb:\t0000000000000000", false, "none to keep over exec"},
    {"NoNewPrivs:\t1", true, "setuid programs are plain programs"},
    {"Seccomp:\t2", false, "the base filter"},
    {"Seccomp_filters:\t1", false, "one"},
    {"SigIgn:\t0000000000000000", true, "what we ignore it does not"},
    {"SigBlk:\t0000000000000000", true, "what we block it does not"},
};

static void status_holds(pid_t pid, const char *which, bool confined)
{
    char text[8192], key[32], ids[64];

    read_proc(pid, "status", text, sizeof text);
    for (size_t i = 0; i < ARRAY_LEN(status_rows); i++) {
        (void)snprintf(key, sizeof key, "%.*s", (int)strcspn(status_rows[i].line, ":") + 1,
                       status_rows[i].line);
        jailing_claim((!confined && !status_rows[i].unconfined) ||
                          strcmp(line_of(text, key), status_rows[i].line) == 0,
                      "%s: %s: is %s, expected %s", which, status_rows[i].why, line_of(text, key),
                      status_rows[i].line);
    }
    (void)snprintf(ids, sizeof ids, "Uid:\t%u\t%u\t%u\t%u", host.uid, host.uid, host.uid, host.uid);
    jailing_claim(strcmp(line_of(text, "Uid:"), ids) == 0, "%s: %s", which, line_of(text, "Uid:"));
    (void)snprintf(ids, sizeof ids, "Gid:\t%u\t%u\t%u\t%u", host.gid, host.gid, host.gid, host.gid);
    jailing_claim(strcmp(line_of(text, "Gid:"), ids) == 0, "%s: %s", which, line_of(text, "Gid:"));
    jailing_claim(strspn(line_of(text, "Groups:") + 7, "\t ") == strlen(line_of(text, "Groups:")) - 7,
                  "%s: %s", which, line_of(text, "Groups:"));
}

static void namespaces_differ(pid_t pid, const char *which, bool confined, bool network)
{
    static const char *const kinds[] = {"user", "pid", "mnt", "ipc", "uts", "cgroup", "net"};
    char file[16], theirs[128], ours[128];

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        (void)snprintf(file, sizeof file, "ns/%s", kinds[i]);
        link_of(pid, file, theirs);
        link_of(getpid(), file, ours);
        bool is_same = confined == false || (network && strcmp(kinds[i], "net") == 0);
        jailing_claim(theirs[0] != '\0' && (strcmp(theirs, ours) == 0) == is_same,
                      "%s: %s namespace %s, ours %s", which, kinds[i], theirs, ours);
    }
}

static void limits_hold(pid_t pid, const char *which)
{
    char text[4096], score[16], memory[64];

    read_proc(pid, "limits", text, sizeof text);
    jailing_claim(strstr(line_of(text, "Max open files"), "  64  ") != NULL, "%s: %s", which,
                  line_of(text, "Max open files"));
    jailing_claim(strstr(line_of(text, "Max core file size"), "  0  ") != NULL, "%s: %s", which,
                  line_of(text, "Max core"));
    jailing_claim(strstr(line_of(text, "Max processes"), "  256  ") != NULL, "%s: %s", which,
                  line_of(text, "Max processes"));
    jailing_claim(strstr(line_of(text, "Max file size"), "  1048576  ") != NULL, "%s: %s", which,
                  line_of(text, "Max file size"));
    /* 256 MiB for the program and as much for the stacks of 32 threads. */
    (void)snprintf(memory, sizeof memory, "  %s  ", KERNEL_IS_SANITIZED ? "unlimited" : "536870912");
    jailing_claim(strstr(line_of(text, "Max data size"), memory) != NULL, "%s: %s", which,
                  line_of(text, "Max data size"));
    (void)snprintf(memory, sizeof memory, "  %s  ", KERNEL_IS_SANITIZED ? "unlimited" : "4831838208");
    jailing_claim(strstr(line_of(text, "Max address space"), memory) != NULL, "%s: %s", which,
                  line_of(text, "Max address space"));
    read_proc(pid, "oom_score_adj", score, sizeof score);
    jailing_claim(strcmp(score, "200\n") == 0, "%s: oom_score_adj %s", which, score);
    jailing_claim(getsid(pid) == pid, "%s: session %d", which, getsid(pid));
}

static void started_program_is_as_promised(const char *which, bool confined, bool network)
{
    struct jail_spec spec = jailing_spec(&host, sleeper);
    struct jail_started started;
    struct jailing_trace before, after;
    char why[JAIL_WHY_SIZE];
    AUTO_FD int log = -1;

    jailing_look(&before);
    spec.confined = confined;
    spec.network = network;
    spec.memory_bytes = 256 << 20;
    spec.log_bytes = 1 << 20;
    enum err e = jailing_start(&spec, &started, &log, why);
    jailing_claim(e == ERR_OK, "%s: %s", which, why);
    if (e != ERR_OK) {
        return;
    }
    await_sleep(started.pid);
    descriptors_are_four(started.pid, which);
    environment_is_empty(started.pid, which);
    status_holds(started.pid, which, confined);
    namespaces_differ(started.pid, which, confined, network);
    limits_hold(started.pid, which);
    jailing_kill(&started);
    fd_close(&log);
    jailing_look(&after);
    jailing_claim(jailing_same(&before, &after), "%s: the start left something behind", which);
}

/* Each row: a mount of the jail and the options it must have, whatever else protects it. */
static const struct {
    const char *at;
    const char *options;
} mount_rows[] = {
    {"/", "ro,nosuid,nodev,noexec"},
    {"/usr", "ro,nosuid,nodev"},
    {"/proc", "rw,nosuid,nodev,noexec"},
    {"/readable", "ro,nosuid,nodev,noexec"},
    {"/programs", "ro,nosuid,nodev"},
    {"/state", "rw,nosuid,nodev,noexec"},
};

static void mounts_have_their_options(void)
{
    const struct jail_path paths[] = {
        {host.inside, "/state", true, false},
        {host.outside, "/readable", false, false},
        {host.bin, "/programs", false, true},
    };
    struct jail_spec spec = jailing_spec(&host, sleeper);
    struct jail_started started;
    char why[JAIL_WHY_SIZE], mounts[8192], expected[96];
    AUTO_FD int log = -1;

    spec.paths = paths;
    spec.path_count = ARRAY_LEN(paths);
    if (jailing_start(&spec, &started, &log, why) != ERR_OK) {
        jailing_claim(false, "mounts: %s", why);
        return;
    }
    read_proc(started.pid, "mountinfo", mounts, sizeof mounts);
    for (size_t i = 0; i < ARRAY_LEN(mount_rows); i++) {
        (void)snprintf(expected, sizeof expected, " %s %s,", mount_rows[i].at,
                       mount_rows[i].options);
        jailing_claim(strstr(mounts, expected) != NULL, "no%s in\n%s", expected, mounts);
    }
    jailing_kill(&started);
}

/* ---- scripts of a shell ----------------------------------------------------------------------- */

/* Each row: a line for a jailed shell, and its exit status. Paths: /state writable, /readable not,
 * /programs executable, /state/below readable inside the writable, /one a single file. */
static const struct {
    const char *line;
    int status;
    const char *why;
} shell_rows[] = {
    {"test $$ = 1", 0, "it is the first process of its namespace"},
    {"test \"$(uname -n)\" = sh", 0, "the host's name is the program's"},
    {"echo x > /state/file && read l < /state/file && test $l = x", 0, "what is granted is writable"},
    {"mkdir /state/d && ln -s d /state/l && mv /state/d /state/e && rm -r /state/e /state/l", 0,
     "directories, links and renames work in it"},
    {"cp /usr/bin/true /state/prog && chmod 755 /state/prog && /state/prog", 126,
     "what is writable is not executable"},
    {"test -e /readable/secret && read l < /readable/secret; test $l = s", 0, "readable is readable"},
    {"echo x > /readable/new", 2, "but not writable"},
    {"echo x >> /readable/secret", 2, "nor are its files"},
    {"rm -f /readable/secret", 1, "nor can they be removed"},
    {"/programs/escape --am-i-root", 1, "executable is executable"},
    {"echo x > /programs/new", 2, "and not writable"},
    {"echo x > /state/below/new", 2, "a grant inside a grant counts for itself"},
    {"read l < /one; test $l = s", 0, "a single file is granted"},
    {"echo x > /one", 2, "read-only"},
    {"ls /proc/self/fd > /dev/null", 0, "its own /proc"},
    {"test -e /proc/sys", 1, "and nothing else of it"},
    {"test $(ls -d /proc/[0-9]* | wc -l) -le 5", 0, "no process of the host is in it"},
    {"echo x > /dev/null && head -c 16 /dev/urandom | wc -c | grep -q 16", 0, "three devices work"},
    {"head -c 4 /dev/zero | wc -c | grep -q 4", 0, "all three"},
    {"test -e /dev/mem -o -e /dev/kmsg -o -e /dev/tty -o -e /dev/vda", 1, "no other exists"},
    {"test -e /etc/passwd -o -e /home -o -e /var -o -e /tmp -o -e /run -o -e /sys", 1,
     "no other directory exists"},
    {"echo x > /new", 2, "the root itself is frozen"},
    {"ulimit -n 65", 2, "limits cannot be raised"},
    {"env > /state/env; grep -vE '^(PWD|OLDPWD|SHLVL|_)=' /state/env", 1, "the environment is empty"},
};

static void shell_lines_end_as_expected(void)
{
    static struct jailing_end end;
    char secret[128], below[128];

    (void)snprintf(below, sizeof below, "%s/below", host.inside);
    (void)snprintf(secret, sizeof secret, "%s/secret", host.outside);
    jailing_claim(mkdir(below, 0777) == 0 && chmod(below, 0777) == 0, "%s: %s", below,
                  strerror(errno));
    const struct jail_path paths[] = {
        {host.outside, "/state/below", false, false}, /* before the one it lies in, on purpose */
        {host.inside, "/state", true, false},
        {host.outside, "/readable", false, false},
        {host.bin, "/programs", false, true},
        {secret, "/one", false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(shell_rows); i++) {
        const char *argv[] = {"/usr/bin/sh", "-c", shell_rows[i].line, NULL};
        struct jail_spec spec = jailing_spec(&host, argv);
        spec.paths = paths;
        spec.path_count = ARRAY_LEN(paths);
        jailing_run(&spec, &end);
        jailing_claim(end.e == ERR_OK && !end.is_killed && end.status == shell_rows[i].status,
                      "%s: `%s`: %s status %d, expected %d: %s", shell_rows[i].why,
                      shell_rows[i].line, end.why, end.status, shell_rows[i].status, end.output);
    }
}

static void a_script_runs(void)
{
    static struct jailing_end end;
    char path[128];

    (void)snprintf(path, sizeof path, "%s/script", host.inside);
    AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    jailing_claim(fd_write_all(fd, "#!/bin/sh\necho \"$0 $1\"\n", 23) == ERR_OK, "write script");
    fd_close(&fd);
    const char *argv[] = {path, "word", NULL};
    struct jail_spec spec = jailing_spec(&host, argv);
    jailing_run(&spec, &end);
    jailing_claim(end.e == ERR_OK && strstr(end.output, "/script word\n") != NULL, "script: %s%s",
                  end.why, end.output);
}

/* ---- the cost ---------------------------------------------------------------------------------- */

/* Where the time goes is told step by step, and nothing of it is lost. */
static void parts_add_up(void)
{
    static struct jailing_end end;
    static const char *const quick[] = {"/usr/bin/true", NULL};
    struct jail_spec spec = jailing_spec(&host, quick);
    uint64_t part[JAIL_STEPS], sum = 0;

    jailing_run(&spec, &end); /* what is made once is made now */
    jailing_run(&spec, &end);
    jail_steps_ns(part);
    for (int i = 0; i < JAIL_STEPS; i++) {
        sum += part[i];
        if (part[i] > 0) {
            fprintf(stderr, "%8.1f us  %s\n", (double)part[i] / 1000,
                    jail_step_name((enum jail_step)i));
        }
    }
    fprintf(stderr, "%8.1f us  from clone to exec\n", (double)sum / 1000);
    jailing_claim(sum / 1000 == end.jail_us && part[JAIL_STEP_CLONE] > 0 && part[JAIL_STEP_EXEC] > 0,
                  "parts make %" PRIu64 " ns, the whole took %" PRIu64 " us", sum, end.jail_us);
}

/* ---- together --------------------------------------------------------------------------------- */

static void *start_some(void *failures)
{
    static const char *const quick[] = {"/usr/bin/true", NULL};

    for (int i = 0; i < 20; i++) {
        struct jail_spec spec = jailing_spec(&host, quick);
        struct jailing_end *end = calloc(1, sizeof *end);
        jailing_run(&spec, end);
        *(int *)failures += end->e != ERR_OK || end->is_killed || end->status != 0;
        free(end);
    }
    return NULL;
}

static void threads_may_start_at_the_same_time(void)
{
    pthread_t thread[4];
    int failures[4] = {0};

    for (size_t i = 0; i < ARRAY_LEN(thread); i++) {
        jailing_claim(pthread_create(&thread[i], NULL, start_some, &failures[i]) == 0, "thread");
    }
    for (size_t i = 0; i < ARRAY_LEN(thread); i++) {
        pthread_join(thread[i], NULL);
        jailing_claim(failures[i] == 0, "thread %zu: %d of 20 starts failed", i, failures[i]);
    }
}

/* A cell must outlive the supervisor that started it (NUC-10), so nothing may end it with that
 * process: the starter dies, the program goes to the subreaper and runs on. */
static void program_outlives_its_starter(void)
{
    struct {
        pid_t pid;
        enum err e;
    } told = {0, ERR_OK};
    int pipes[2], status;
    char why[JAIL_WHY_SIZE];

    jailing_claim(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0 && pipe(pipes) == 0, "subreaper");
    pid_t starter = fork();
    if (starter == 0) {
        struct jail_spec spec = jailing_spec(&host, sleeper);
        struct jail_started started = {0};
        int log;
        told.e = jailing_start(&spec, &started, &log, why);
        told.pid = started.pid;
        _exit(write(pipes[1], &told, sizeof told) == sizeof told ? 0 : 1);
    }
    jailing_claim(waitpid(starter, &status, 0) == starter && status == 0 &&
                      read(pipes[0], &told, sizeof told) == sizeof told && told.e == ERR_OK,
                  "starter: status %d", status);
    jailing_claim(told.pid > 0 && waitpid(told.pid, &status, WNOHANG) == 0, "it ended with %d",
                  status);
    if (told.pid > 0) {
        kill(told.pid, SIGKILL);
        jailing_claim(waitpid(told.pid, &status, 0) == told.pid, "it is not ours now");
    }
    close(pipes[0]);
    close(pipes[1]);
}

/* ---- prepared roots --------------------------------------------------------------------------- */

static void write_as(const char *path, const char *text)
{
    char fresh[128];

    (void)snprintf(fresh, sizeof fresh, "%s.new", path);
    AUTO_FD int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    jailing_claim(fd >= 0 && fd_write_all(fd, text, strlen(text)) == ERR_OK &&
                      rename(fresh, path) == 0, "write %s: %s", path, strerror(errno));
}

static void expect_output(const char *line, const char *expected, const char *why)
{
    static struct jailing_end end;
    const char *argv[] = {"/usr/bin/sh", "-c", line, NULL};
    struct jail_spec spec = jailing_spec(&host, argv);

    jailing_run(&spec, &end);
    jailing_claim(end.e == ERR_OK && strcmp(end.output, expected) == 0, "%s: %s\"%s\", not \"%s\"",
                  why, end.why, end.output, expected);
}

/* What is kept from one start to the next must not outlive the truth. In a child with mounts of its
 * own: the host's stay as they are. */
static void prepared_roots_follow_the_host(void)
{
    static const char list[] = "cd /usr/local && for f in *; do echo $f; done";
    static const char cache[] = "read l < /etc/ld.so.cache; echo $l";

    jailing_claim(unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
                      mount("none", "/usr/local", "tmpfs", 0, NULL) == 0, "own mounts");
    write_as("/usr/local/before", "");
    expect_output(list, "before\n", "the first start");
    jailing_claim(mount("none", "/usr/local", "tmpfs", 0, NULL) == 0, "mount");
    write_as("/usr/local/after", "");
    expect_output(list, "after\n", "a mount of the host that came later");
    jailing_claim(umount("/usr/local") == 0, "umount");
    expect_output(list, "before\n", "a mount that is gone again");

    jailing_claim(mount("none", "/etc", "tmpfs", 0, NULL) == 0, "mount");
    write_as("/etc/ld.so.cache", "one\n");
    expect_output(cache, "one\n", "the cache of libraries");
    write_as("/etc/ld.so.cache", "two\n");
    expect_output(cache, "two\n", "the cache of libraries after it was replaced");
}

/* More layouts than are kept: the oldest is made again. */
static void any_number_of_layouts_works(void)
{
    static struct jailing_end end;
    char inside[32], line[64];

    for (int round = 0; round < 2; round++) {
        for (int i = 0; i <= JAIL_TEMPLATES_MAX; i++) {
            (void)snprintf(inside, sizeof inside, "/layout-%d", i);
            (void)snprintf(line, sizeof line, "test -e %s/secret", inside);
            const char *argv[] = {"/usr/bin/sh", "-c", line, NULL};
            struct jail_path path = {host.outside, inside, false, false};
            struct jail_spec spec = jailing_spec(&host, argv);
            spec.paths = &path;
            spec.path_count = 1;
            jailing_run(&spec, &end);
            jailing_claim(end.e == ERR_OK && end.status == 0, "layout %d: %s status %d", i, end.why,
                          end.status);
        }
    }
}

/* A jail must not see another one's paths, prepared together or not. */
static void grants_are_not_shared(void)
{
    static struct jailing_end end;
    static const char *const argv[] = {"/usr/bin/sh", "-c", "test ! -e /granted/secret", NULL};
    struct jail_path path = {host.outside, "/granted", false, false};
    struct jail_spec spec = jailing_spec(&host, sleeper);
    struct jail_started started;
    char why[JAIL_WHY_SIZE];
    AUTO_FD int log = -1;

    spec.paths = &path;
    spec.path_count = 1;
    jailing_claim(jailing_start(&spec, &started, &log, why) == ERR_OK, "first: %s", why);
    path.outside = host.inside; /* the same layout, another directory */
    struct jail_spec other = jailing_spec(&host, argv);
    other.paths = &path;
    other.path_count = 1;
    jailing_run(&other, &end);
    jailing_claim(end.e == ERR_OK && end.status == 0, "the second sees the first one's grant: %s",
                  end.output);
    char mounts[8192];
    read_proc(started.pid, "mountinfo", mounts, sizeof mounts);
    const char *granted = strstr(mounts, " /granted ");
    jailing_claim(granted != NULL && strstr(granted + 1, " /granted ") == NULL,
                  "the first sees the second one's grant: %s", mounts);
    jailing_kill(&started);
}

static void in_child(void (*claim)(void))
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        claim();
        _exit(jailing_failed() > 0);
    }
    (void)waitpid(pid, &status, 0);
    jailing_claim(status == 0, "in a child: status %x", status);
}

static void probe_finds_everything(void)
{
    char why[JAIL_WHY_SIZE];
    enum err e = jail_probe(why);
    jailing_claim(e == ERR_OK, "probe: %s: %s", err_name(e), why);
}

int main(int argc, char **argv)
{
    sigset_t blocked;

    if (argc != 3) {
        return 64;
    }
    jailing_open(&host, argv[1], (char *[]){argv[2]}, 1);
    /* What the program must not inherit. */
    gid_t groups[] = {4, 24};
    jailing_claim(geteuid() != 0 || setgroups(ARRAY_LEN(groups), groups) == 0, "setgroups");
    setenv("CELL_SECRET", "do not tell", 1);
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    jailing_claim(dup2(host.tcp_fd, 50) == 50 && dup2(host.tcp_fd, 400) == 400, "dup2");

    started_program_is_as_promised("jail", true, false);
    started_program_is_as_promised("jail with network", true, true);
    started_program_is_as_promised("no confinement", false, true);
    mounts_have_their_options();
    shell_lines_end_as_expected();
    a_script_runs();
    parts_add_up();
    threads_may_start_at_the_same_time();
    program_outlives_its_starter();
    any_number_of_layouts_works();
    grants_are_not_shared();
    if (geteuid() == 0) {
        in_child(prepared_roots_follow_the_host);
    }
    probe_finds_everything();
    jailing_close(&host);
    return jailing_failed() > 0;
}
