#include "common/run/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "common/run/jail_child.h"
#include "common/run/jail_clone.h"
#include "common/run/jail_filter.h"
#include "common/run/jail_plan.h"
#include "common/run/jail_spare.h"
#include "common/run/jail_template.h"
#include "common/run/kernel.h"

static const struct {
    const char *text;
    const char *needs;
} step_map[JAIL_STEPS] = {
#define X(name, text, needs) [JAIL_STEP_##name] = {text, needs},
    JAIL_STEP_MAP(X)
#undef X
};

/* One start at a time in a process: the plan, the child's stack and the process-wide dumpable flag
 * are shared. Kept between starts so that their pages are there already. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct jail_plan plan;
static struct jail_report report;
static uint64_t began_ns, ended_ns;

const char *jail_step_name(enum jail_step step)
{
    return step_map[step].text;
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* A step lasts until the next one that was taken; they were taken in the order of their times. */
void jail_steps_ns(uint64_t ret_ns[JAIL_STEPS])
{
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < JAIL_STEPS; i++) {
        uint64_t begin = i == JAIL_STEP_CLONE ? began_ns : report.at_ns[i];
        uint64_t end = ended_ns;
        for (size_t k = 0; k < JAIL_STEPS; k++) {
            if (report.at_ns[k] > begin && report.at_ns[k] < end) {
                end = report.at_ns[k];
            }
        }
        ret_ns[i] = begin == 0 ? 0 : end - begin;
    }
    pthread_mutex_unlock(&lock);
}

/* ---- the child -------------------------------------------------------------------------------- */

/* The child's stack, with a page below it that no overflow gets past. Kept for ever; NULL without
 * memory. Returns its upper end. */
static void *child_stack(void)
{
    static char *stack;
    const size_t guard = 4096;

    if (stack == NULL) {
        void *at = mmap(NULL, guard + JAIL_CHILD_STACK, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
        if (at == MAP_FAILED || mprotect(at, guard, PROT_NONE) != 0) {
            return NULL;
        }
        stack = (char *)at + guard;
    }
    return stack + JAIL_CHILD_STACK;
}

static int clone_flags(const struct jail_plan *p)
{
    int flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD;

    if (p->spec->confined) {
        flags |= CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
        flags |= p->template_fd >= 0 ? 0 : CLONE_NEWNS;
        flags |= p->spec->network || p->network_fd >= 0 ? 0 : CLONE_NEWNET;
        flags |= p->is_root ? 0 : CLONE_NEWUSER;
    }
    return flags;
}

/* Until it has exec'd, the child is this process's memory under another user's name. As root that
 * memory must not be dumpable meanwhile, or that user could trace the child and write into us.
 * Without root the two users are the same, and the child must own its /proc/self files. */
pid_t jail_spawn(int (*child)(void *), struct jail_birth *birth, int flags, int group_fd,
                 int *ret_pidfd)
{
    int was_dumpable = prctl(PR_GET_DUMPABLE);
    uint64_t every = ~UINT64_C(0), before;
    void *stack = child_stack();

    if (stack == NULL) {
        errno = ENOMEM;
        return -1;
    }
    prctl(PR_SET_DUMPABLE, birth->plan->is_root ? 0 : 1);
    /* Raw: libc's own would leave its internal signals out. No handler may run in the child. */
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &every, &before, sizeof every);
    pid_t pid = group_fd < 0 ? clone(child, stack, flags, birth, ret_pidfd)
                             : jail_clone_into(child, stack, flags, birth, group_fd, ret_pidfd);
    int error = errno;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof every);
    prctl(PR_SET_DUMPABLE, was_dumpable == 1);
    errno = error;
    return pid;
}

/* ---- failure ---------------------------------------------------------------------------------- */

static enum err judge(enum jail_step step, int error)
{
    if (error == ENOEXEC) {
        return ERR_INVALID;
    }
    if (error == EAGAIN) {
        return ERR_LIMIT; /* of processes */
    }
    bool is_path = step == JAIL_STEP_EXEC ||
                   ((step == JAIL_STEP_BIND || step == JAIL_STEP_ROOT) && error != EPERM &&
                    error != EINVAL && error != ENOSYS);
    enum err e = err_from_errno(error);
    return is_path || e == ERR_NOMEM ? e : ERR_UNSUPPORTED;
}

static enum err explain(enum jail_step step, const char *what, int error, char why[JAIL_WHY_SIZE])
{
    const char *needs = step_map[step].needs;

    snprintf(why, JAIL_WHY_SIZE, "%s%s%.60s: %s%s%s%s", step_map[step].text,
             what != NULL ? " " : "", what != NULL ? what : "", strerrordesc_np(error),
             needs[0] != '\0' ? " (needs " : "", needs, needs[0] != '\0' ? ")" : "");
    return judge(step, error);
}

static enum err explain_report(char why[JAIL_WHY_SIZE])
{
    if (report.error != 0) {
        return explain(report.step, report.what, report.error, why);
    }
    snprintf(why, JAIL_WHY_SIZE, "%s: killed", step_map[report.step].text);
    return ERR_UNSUPPORTED;
}

/* The child ended before it became the program. */
static enum err bury(pid_t pid, int *pidfd, char why[JAIL_WHY_SIZE])
{
    while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR) {
    }
    fd_close(pidfd);
    return explain_report(why);
}

/* ---- start ------------------------------------------------------------------------------------ */

static enum err refuse(char why[JAIL_WHY_SIZE], const char *text)
{
    snprintf(why, JAIL_WHY_SIZE, "%s", text);
    return ERR_INVALID;
}

static enum err check_spec(const struct jail_spec *spec, char why[JAIL_WHY_SIZE])
{
    if (spec->exec == NULL || spec->exec[0] != '/') {
        return refuse(why, "exec: not an absolute path");
    }
    if (spec->argv == NULL || spec->argv[0] == NULL) {
        return refuse(why, "argv: empty");
    }
    if (spec->confined && (spec->root_dir == NULL || spec->root_dir[0] != '/')) {
        return refuse(why, "root_dir: not an absolute path");
    }
    struct stat st;
    if (spec->confined && (stat(spec->root_dir, &st) != 0 || !S_ISDIR(st.st_mode))) {
        snprintf(why, JAIL_WHY_SIZE, "root_dir %.100s: not a directory", spec->root_dir);
        return ERR_NOT_FOUND;
    }
    if (spec->group_count > JAIL_GROUPS_MAX) {
        return refuse(why, "groups: more than there are controllers");
    }
    if (spec->memory_bytes > JAIL_MEMORY_MAX) {
        return refuse(why, "memory: more than any machine has");
    }
    if (spec->files < JAIL_FILES_MIN) {
        return refuse(why, "files: fewer than a program needs to start");
    }
    if (geteuid() != 0 && (spec->uid != geteuid() || spec->gid != getegid())) {
        return refuse(why, "uid, gid: only root can start a program as somebody else");
    }
    return ERR_OK;
}

/* Open the program: from here on it is this file, whatever happens to the name. */
static enum err open_exec(const char *path, int *ret_fd, char why[JAIL_WHY_SIZE])
{
    struct stat st;
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0 || fstat(fd, &st) != 0) {
        int error = errno;
        snprintf(why, JAIL_WHY_SIZE, "exec %.100s: %s", path, strerrordesc_np(error));
        return err_from_errno(error);
    }
    if (!S_ISREG(st.st_mode) || (st.st_mode & 0111) == 0) {
        snprintf(why, JAIL_WHY_SIZE, "exec %.100s: not an executable file", path);
        return ERR_INVALID;
    }
    *ret_fd = fd_take(&fd);
    return ERR_OK;
}

static enum err find_landlock(int *ret_abi, char why[JAIL_WHY_SIZE])
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1) {
        return explain(JAIL_STEP_LANDLOCK, NULL, abi < 0 ? errno : ENOSYS, why);
    }
    *ret_abi = (int)abi;
    return ERR_OK;
}

static enum err prepare(const struct jail_spec *spec, int exec_fd, int null_fd,
                        char why[JAIL_WHY_SIZE])
{
    /* All but the text, which is large and written before it is read. */
    memset(&plan, 0, offsetof(struct jail_plan, text));
    plan.text_used = 0;
    memset(&report, 0, sizeof report);
    plan.template_fd = -1;
    plan.network_fd = -1;
    plan.spec = spec;
    plan.is_root = geteuid() == 0;
    plan.exec_fd = exec_fd;
    plan.null_fd = null_fd;
    if (spec->confined) {
        enum err e = find_landlock(&plan.landlock_abi, why);
        if (e != ERR_OK) {
            return e;
        }
        e = jail_filter_get(spec->network, &plan.filter);
        if (e != ERR_OK) {
            snprintf(why, JAIL_WHY_SIZE, "compile the system call filter: %s", err_text(e));
            return e;
        }
    }
    return jail_plan_fill(&plan, spec, why);
}

/* Root can have the slow parts ready before anybody asks, and opens the granted paths with all its
 * rights: a state directory may lie where the program's user cannot look. */
static enum err take_prepared(char why[JAIL_WHY_SIZE])
{
    struct jail_birth birth = {.plan = &plan, .report = &report};

    if (!plan.is_root || !plan.spec->confined) {
        return ERR_OK;
    }
    if (!plan.spec->network) {
        plan.network_fd = jail_spare_take();
    }
    if (jail_template_get(&birth, &plan.template_fd) != 0) {
        return explain_report(why);
    }
    for (size_t i = plan.system_count; i < plan.bind_count; i++) {
        struct jail_bind *bind = &plan.bind[i];
        bind->tree_fd = (int)syscall(SYS_open_tree, AT_FDCWD, bind->outside,
                                     OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
        if (bind->tree_fd < 0) {
            return explain(JAIL_STEP_BIND, bind->outside, errno, why);
        }
    }
    return ERR_OK;
}

static void drop_prepared(void)
{
    fd_close(&plan.network_fd);
    for (size_t i = 0; i < plan.bind_count; i++) {
        fd_close(&plan.bind[i].tree_fd);
    }
}

static int unified_group(const struct jail_spec *spec)
{
    for (size_t i = 0; i < spec->group_count; i++) {
        if (spec->groups[i].is_unified) {
            return spec->groups[i].fd;
        }
    }
    return -1;
}

static enum err run_child(struct jail_started *ret, char why[JAIL_WHY_SIZE])
{
    struct jail_birth birth = {.plan = &plan, .report = &report};
    int pidfd = -1;
    int group_fd = unified_group(plan.spec);

    pid_t pid = jail_spawn(jail_child_main, &birth, clone_flags(&plan), group_fd, &pidfd);
    if (pid < 0 && group_fd >= 0 && errno == ENOSYS) {
        /* Another architecture, or a container whose filter hides clone3: slower, the same end. */
        plan.joins_by_write = true;
        group_fd = -1;
        pid = jail_spawn(jail_child_main, &birth, clone_flags(&plan), group_fd, &pidfd);
    }
    ended_ns = now_ns();
    if (pid < 0) {
        bool is_group = group_fd >= 0 && errno != EAGAIN && errno != ENOMEM;
        return explain(is_group ? JAIL_STEP_GROUP : JAIL_STEP_CLONE, NULL, errno, why);
    }
    if (report.error != 0 || report.step != JAIL_STEP_EXEC) {
        return bury(pid, &pidfd, why);
    }
    *ret = (struct jail_started){pid, pidfd, (ended_ns - began_ns) / 1000};
    why[0] = '\0';
    return ERR_OK;
}

static enum err start_locked(const struct jail_spec *spec, struct jail_started *ret,
                             char why[JAIL_WHY_SIZE])
{
    AUTO_FD int exec_fd = -1;
    AUTO_FD int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    enum err e = open_exec(spec->exec, &exec_fd, why);

    if (e == ERR_OK && null_fd < 0) {
        return explain(JAIL_STEP_DESCRIPTORS, "/dev/null", errno, why);
    }
    e = e != ERR_OK ? e : prepare(spec, exec_fd, null_fd, why);
    if (e != ERR_OK) {
        return e;
    }
    began_ns = now_ns();
    e = take_prepared(why);
    if (e == ERR_OK) {
        e = run_child(ret, why);
    }
    drop_prepared();
    return e;
}

enum err jail_start(const struct jail_spec *spec, struct jail_started *ret, char why[JAIL_WHY_SIZE])
{
    why[0] = '\0';
    enum err e = check_spec(spec, why);
    if (e != ERR_OK) {
        return e;
    }
    pthread_mutex_lock(&lock);
    e = start_locked(spec, ret, why);
    pthread_mutex_unlock(&lock);
    return e;
}

/* ---- probe ------------------------------------------------------------------------------------ */

static enum err probe_in(const char *root_dir, int null_fd, char why[JAIL_WHY_SIZE])
{
    static const char *const argv[] = {"true", NULL};
    bool is_root = geteuid() == 0;
    struct jail_spec spec = {
        .exec = "/usr/bin/true",
        .argv = argv,
        .uid = is_root ? JAIL_NOBODY : geteuid(),
        .gid = is_root ? JAIL_NOBODY : getegid(),
        .confined = true,
        .files = JAIL_FILES_MIN,
        .gap_fd = null_fd,
        .log_fd = null_fd,
        .root_dir = root_dir,
    };
    struct jail_started started;
    siginfo_t info = {0};

    enum err e = jail_start(&spec, &started, why);
    if (e != ERR_OK) {
        return e;
    }
    int rc = waitid(P_PIDFD, (id_t)started.pidfd, &info, WEXITED);
    fd_close(&started.pidfd);
    if (rc != 0) {
        return explain(JAIL_STEP_CLONE, "pidfd", errno, why);
    }
    if (info.si_code != CLD_EXITED || info.si_status != 0) {
        snprintf(why, JAIL_WHY_SIZE, "a jailed /usr/bin/true ended with %d", info.si_status);
        return ERR_UNSUPPORTED;
    }
    return ERR_OK;
}

enum err jail_probe(char why[JAIL_WHY_SIZE])
{
    char root_dir[] = "/tmp/cell-probe-XXXXXX";
    AUTO_FD int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    why[0] = '\0';
    if (null_fd < 0 || mkdtemp(root_dir) == NULL) {
        snprintf(why, JAIL_WHY_SIZE, "no place to try it: %s", strerrordesc_np(errno));
        return err_from_errno(errno);
    }
    enum err e = probe_in(root_dir, null_fd, why);
    (void)rmdir(root_dir); /* an empty directory left in /tmp is no reason to refuse */
    return e;
}
