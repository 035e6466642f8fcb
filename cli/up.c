#include "cli/up.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/clock.h"
#include "cli/place.h"
#include "cli/status.h"
#include "cli/wait.h"
#include "common/run/fd.h"

enum {
    ARGV_MAX = 32,
    RETRY_MS = 100,          /* a socket that exists but does not answer yet makes no event */
    REFUSAL_MAX = 16 * 1024, /* bytes of a failed guard's log that are looked at            */
    GUARD_USAGE = 64,
};

static const char installed_manifest[] = "/etc/cell/node.yaml";

/* ---- the plan ------------------------------------------------------------------------------- */

int cli_up_find(struct cli *cli, struct cli_up_plan *plan)
{
    if (!cli_place_program("cell-guard", plan->guard) || !cli_place_cells_dir(plan->cells)) {
        return cli_fail(cli, ERR_NOT_FOUND, "build it with `ninja`, or install the package",
                        "cell-guard is neither beside this program nor in %s", CELL_LIBEXECDIR);
    }
    return CLI_DONE;
}

/* The manifest given, that of the source tree, or the installed one. */
static int choose_manifest(struct cli *cli, struct cli_up_plan *plan)
{
    char source[CLI_PATH_SIZE];
    bool fits;

    if (cli->arg_count > 0) {
        fits = cli_place_absolute(plan->manifest, cli->args[0]);
    } else if (cli_place_source_dir(source)) {
        fits = cli_place_join(plan->manifest, source, "deploy/node.yaml");
    } else {
        fits = cli_place_absolute(plan->manifest, installed_manifest);
    }
    if (!fits) {
        return cli_fail(cli, ERR_LIMIT, NULL, "the path of the manifest is too long");
    }
    if (access(plan->manifest, R_OK) != 0) {
        return cli_fail(cli, err_from_errno(errno), "name a manifest: cell up MANIFEST",
                        "%s: %s", plan->manifest, strerror(errno));
    }
    return CLI_DONE;
}

static int make_plan(struct cli *cli, struct cli_up_plan *plan)
{
    size_t n = 0;
    const char *dir;

    *plan = (struct cli_up_plan){.more_cells = {NULL}};
    while ((dir = cli_args_value_at(cli, "cells", n)) != NULL) {
        if (n + 1 == ARRAY_LEN(plan->more_cells)) {
            return cli_fail_usage(cli, NULL, "more than %zu --cells directories", n);
        }
        plan->more_cells[n++] = dir;
    }
    int status = cli_place_need_run(cli);
    if (status == CLI_DONE) {
        status = cli_place_need_state(cli);
    }
    if (status == CLI_DONE) {
        status = choose_manifest(cli, plan);
    }
    return status == CLI_DONE ? cli_up_find(cli, plan) : status;
}

static void guard_argv(const struct cli *cli, const struct cli_up_plan *plan,
                       const char *argv[ARGV_MAX])
{
    int n = 0;

    argv[n++] = "cell-guard";
    argv[n++] = "--run";
    argv[n++] = cli->run_dir;
    argv[n++] = "--state";
    argv[n++] = cli->state_dir;
    argv[n++] = "--manifest";
    argv[n++] = plan->manifest;
    for (size_t i = 0; plan->more_cells[i] != NULL; i++) {
        argv[n++] = "--cells";
        argv[n++] = plan->more_cells[i];
    }
    argv[n++] = "--cells";
    argv[n++] = plan->cells;
    argv[n] = NULL;
}

/* ---- a guard in the background --------------------------------------------------------------- */

static int open_log(struct cli *cli, const char *path, int *ret_fd)
{
    char dir[CLI_PATH_SIZE];

    memcpy(dir, path, strlen(path) + 1);
    *strrchr(dir, '/') = '\0';
    enum err e = fd_make_dirs(dir, 0750);
    int fd = e == ERR_OK ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640)
                         : -1;
    if (fd < 0) {
        return cli_fail(cli, e == ERR_OK ? err_from_errno(errno) : e,
                        "choose a state directory of yours with --state", "%s: %s", path,
                        strerror(errno));
    }
    *ret_fd = fd;
    return CLI_DONE;
}

/* In the child: only async-signal-safe calls. */
static void become_guard(const struct cli_up_plan *plan, const char *const *argv, int null_fd,
                         int log_fd)
{
    /* The guard takes SIGTERM as an order to take the node down. */
    if (plan->dies_with_us && (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() == 1)) {
        _exit(127);
    }
    if (setsid() >= 0 && dup2(null_fd, STDIN_FILENO) >= 0 && dup2(log_fd, STDOUT_FILENO) >= 0 &&
        dup2(log_fd, STDERR_FILENO) >= 0) {
        (void)execv(plan->guard, (char *const *)argv);
    }
    _exit(127);
}

int cli_up_spawn(struct cli *cli, const struct cli_up_plan *plan, const char *log_path, pid_t *ret_pid,
                 int *ret_pidfd, off_t *ret_offset)
{
    const char *argv[ARGV_MAX];
    AUTO_FD int log_fd = -1;
    AUTO_FD int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int status = open_log(cli, log_path, &log_fd);

    if (status != CLI_DONE) {
        return status;
    }
    *ret_offset = lseek(log_fd, 0, SEEK_END);
    guard_argv(cli, plan, argv);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        become_guard(plan, argv, null_fd, log_fd);
    }
    int pidfd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    if (pidfd < 0) {
        return cli_fail(cli, err_from_errno(errno), NULL, "cannot start %s: %s", plan->guard,
                        strerror(errno));
    }
    *ret_pid = pid;
    *ret_pidfd = pidfd;
    return CLI_DONE;
}

/* Length of `prefix` when `line` begins with it, else 0. */
static size_t said_by(const char *line, const char *prefix)
{
    size_t len = strlen(prefix);

    return strncmp(line, prefix, len) == 0 ? len : 0;
}

/* The reason a guard gave before it ended: its last line that is its own, or the last line. */
static void find_refusal(const char *log_path, off_t offset, char *out, size_t size)
{
    static char text[REFUSAL_MAX + 1];
    AUTO_FD int fd = open(log_path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd >= 0 ? pread(fd, text, REFUSAL_MAX, offset) : -1;
    bool is_own = false;

    snprintf(out, size, "it left no reason");
    text[len > 0 ? len : 0] = '\0';
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        size_t skip = said_by(line, "cell-guard: ") + said_by(line, "cell-nucleus: ");

        if (skip > 0 || !is_own) {
            snprintf(out, size, "%s", line + skip);
            is_own = skip > 0;
        }
    }
}

static int guard_ended(struct cli *cli, pid_t guard, const char *log_path, off_t offset)
{
    char why[CLI_HINT_SIZE];
    int status = 0;

    while (waitpid(guard, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
        return cli_fail(cli, ERR_IO, NULL, "cell-guard cannot be executed");
    }
    find_refusal(log_path, offset, why, sizeof why);
    return cli_fail(cli, ERR_PRECONDITION, NULL, "the node did not start: %s", why);
}

/* Whether the nucleus of this very guard answers; another node's may hold the directory. */
static bool answers(struct cli *cli, pid_t guard)
{
    Cell__Nucleus__StatusRequest request = CELL__NUCLEUS__STATUS_REQUEST__INIT;
    AUTO_ASK struct cli_ask ask = {.fd = -1};
    char text[SP_TEXT_SIZE];
    ProtobufCMessage *reply;

    if (cli_ask_connect(cli, "nucleus", "nucleus.sock", &ask) != ERR_OK ||
        cli_ask_try(&ask, &cell__nucleus__nucleus__descriptor, "Status",
                    CELL__NUCLEUS__OP__OP_STATUS, &request.base, CLI_DEADLINE_MS, &reply,
                    text) != ERR_OK) {
        return false;
    }
    bool is_ours = ((Cell__Nucleus__StatusReply *)reply)->guard_pid == (uint32_t)guard;
    cli_ask_free(reply);
    return is_ours;
}

int cli_up_await(struct cli *cli, pid_t guard, int guard_pidfd, const char *log_path, off_t offset,
                 uint32_t deadline_ms)
{
    uint64_t until_ms = cli_clock_ms() + deadline_ms;
    AUTO_FD int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    char events[4096];

    /* Made here so that it can be watched; the guard is content with it. */
    if (fd_make_dirs(cli->run_dir, 0711) == ERR_OK && watch >= 0) {
        (void)inotify_add_watch(watch, cli->run_dir, IN_CREATE | IN_MOVED_TO);
    }
    while (!answers(cli, guard)) {
        struct pollfd wait[2] = {{.fd = guard_pidfd, .events = POLLIN},
                                 {.fd = watch, .events = POLLIN}};

        if (cli_clock_ms() >= until_ms) {
            return cli_fail(cli, ERR_TIMEOUT, "see `cell logs nucleus`, stop it with `cell down`",
                            "the nucleus does not answer in time");
        }
        (void)poll(wait, 2, RETRY_MS); /* an error looks like a time-out: look again */
        if ((wait[0].revents & POLLIN) != 0) {
            return guard_ended(cli, guard, log_path, offset);
        }
        while (watch >= 0 && read(watch, events, sizeof events) > 0) {
        }
    }
    return CLI_DONE;
}

/* ---- cell up --------------------------------------------------------------------------------- */

static int report_up(struct cli *cli, Cell__Nucleus__StatusReply *s)
{
    size_t ready = 0;

    if (cli->json) {
        return cli_status_emit(cli, s, false, NULL);
    }
    for (size_t i = 0; i < s->n_cells; i++) {
        ready += cli_view_rank(s->cells[i]) != CLI_VIEW_STOPPED;
    }
    printf("node ");
    cli_paint_put(cli->is_colored, CLI_PAINT_BOLD, s->node);
    printf(" is up: %zu instance%s ready, run directory %s\n", ready, ready == 1 ? "" : "s",
           cli->run_dir);
    return CLI_DONE;
}

static int start_detached(struct cli *cli, const struct cli_up_plan *plan)
{
    struct cli_wait w = {cli, CLI_WAIT_DEADLINE_MS, cli_wait_ready, NULL, "ready"};
    char log_path[CLI_PATH_SIZE];
    AUTO_FD int pidfd = -1;
    Cell__Nucleus__StatusReply *s = NULL;
    pid_t guard;
    off_t offset;
    int status = cli_args_duration_ms(cli, "deadline", &w.deadline_ms);

    if (status == CLI_DONE && !cli_place_join(log_path, cli->state_dir, "logs/nucleus.log")) {
        status = cli_fail(cli, ERR_LIMIT, NULL, "the state directory's path is too long");
    }
    if (status == CLI_DONE) {
        status = cli_up_spawn(cli, plan, log_path, &guard, &pidfd, &offset);
    }
    if (status == CLI_DONE) {
        status = cli_up_await(cli, guard, pidfd, log_path, offset, w.deadline_ms);
    }
    if (status == CLI_DONE) {
        status = cli_wait_until(&w, &s);
    }
    if (status == CLI_DONE) {
        status = report_up(cli, s);
        cli_ask_free(&s->base);
    }
    return status;
}

int cli_up_run(struct cli *cli)
{
    struct cli_up_plan plan;
    const char *argv[ARGV_MAX];
    int status = make_plan(cli, &plan);

    if (status != CLI_DONE) {
        return status;
    }
    if (cli_args_has(cli, "detach")) {
        return start_detached(cli, &plan);
    }
    /* In the foreground this process becomes the guard: Ctrl-C, a terminal that goes away and the
     * exit status then mean what they mean for the node. */
    guard_argv(cli, &plan, argv);
    fflush(NULL);
    (void)execv(plan.guard, (char *const *)argv);
    return cli_fail(cli, err_from_errno(errno), NULL, "%s: %s", plan.guard, strerror(errno));
}
