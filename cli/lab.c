#include "cli/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/place.h"
#include "cli/wait.h"
#include "cli/yamldoc.h"
#include "common/base/bytes.h"
#include "common/run/fd.h"

enum {
    READY_MS = 30000,
    DOWN_MS = 30000,
    KILL_MS = 2000, /* for a guard that was told to end by signal */
    SPACE_BYTES = 6,
    FOLDERS_OPEN = 16, /* nftw's descriptors */
};

/* ---- making it ------------------------------------------------------------------------------ */

static int make_dirs(struct cli_lab *lab)
{
    const char *base = getenv("TMPDIR");
    uint8_t random[SPACE_BYTES];
    char hex[2 * SPACE_BYTES + 1];

    /* A long TMPDIR would leave no room for the names of sockets. */
    if (base == NULL || *base != '/' || strlen(base) > sizeof lab->root - 24) {
        base = "/tmp";
    }
    snprintf(lab->root, sizeof lab->root, "%.40s/cell-lab-XXXXXX", base);
    if (mkdtemp(lab->root) == NULL) {
        int error = errno;

        lab->root[0] = '\0';
        return cli_fail(&lab->cli, err_from_errno(error), "set TMPDIR to a directory of yours",
                        "%s: %s", base, strerror(error));
    }
    /* Cells run as users of their own and must reach their sockets below it; the directories in it
     * are the nucleus's to guard. */
    if (chmod(lab->root, 0711) != 0 || sodium_init() < 0) {
        return cli_fail(&lab->cli, ERR_IO, NULL, "%s: %s", lab->root, strerror(errno));
    }
    randombytes_buf(random, sizeof random);
    bytes_to_hex(random, sizeof random, hex);
    snprintf(lab->space, sizeof lab->space, "test-%s", hex);
    snprintf(lab->cli.run_dir, sizeof lab->cli.run_dir, "%s/run", lab->root);
    snprintf(lab->cli.state_dir, sizeof lab->cli.state_dir, "%s/state", lab->root);
    snprintf(lab->log_path, sizeof lab->log_path, "%s/state/logs/nucleus.log", lab->root);
    return CLI_DONE;
}

static int write_manifest(struct cli_lab *lab, const char *manifest, char path[CLI_PATH_SIZE])
{
    AUTO_FREE char *text = NULL;
    AUTO_FD int dir = open(lab->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    char why[CLI_YAMLDOC_WHY_SIZE];
    enum err e = cli_yamldoc_respace(manifest, strlen(manifest), lab->space, &text, why);

    if (e != ERR_OK) {
        return cli_fail(&lab->cli, e, NULL, "the cell's manifest: %s", why);
    }
    if (!cli_place_join(path, lab->root, "node.yaml")) {
        return cli_fail(&lab->cli, ERR_LIMIT, NULL, "the path is too long");
    }
    AUTO_FD int fd = openat(dir, "node.yaml", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    e = fd >= 0 ? fd_write_all(fd, text, strlen(text)) : err_from_errno(errno);
    return e == ERR_OK ? CLI_DONE : cli_fail(&lab->cli, e, NULL, "%s: %s", path, strerror(errno));
}

static int start(struct cli_lab *lab, const struct cli_up_plan *plan)
{
    struct cli_wait w = {&lab->cli, READY_MS, cli_wait_ready, NULL, "ready"};
    Cell__Nucleus__StatusReply *s = NULL;
    off_t offset;
    int status = cli_up_spawn(&lab->cli, plan, lab->log_path, &lab->guard, &lab->guard_pidfd,
                              &offset);

    if (status == CLI_DONE) {
        status = cli_up_await(&lab->cli, lab->guard, lab->guard_pidfd, lab->log_path, offset,
                              READY_MS);
    }
    if (status == CLI_DONE) {
        status = cli_wait_until(&w, &s);
    }
    if (s != NULL) {
        cli_ask_free(&s->base);
    }
    return status;
}

int cli_lab_open(struct cli *cli, const char *manifest, const char *cells_dir, struct cli_lab *lab)
{
    struct cli_up_plan plan = {.dies_with_us = true};

    *lab = (struct cli_lab){.cli = *cli, .guard_pidfd = -1};
    int status = make_dirs(lab);
    if (status == CLI_DONE) {
        status = write_manifest(lab, manifest, plan.manifest);
    }
    if (status == CLI_DONE) {
        status = cli_up_find(&lab->cli, &plan);
    }
    if (status == CLI_DONE) {
        plan.more_cells[0] = *cells_dir != '\0' ? cells_dir : NULL;
        status = start(lab, &plan);
    }
    return status;
}

/* ---- ending it ------------------------------------------------------------------------------- */

static bool is_gone(const struct cli_lab *lab, int timeout_ms)
{
    struct pollfd wait = {.fd = lab->guard_pidfd, .events = POLLIN};

    return poll(&wait, 1, timeout_ms) > 0;
}

/* In order if the nucleus listens, by signal if not: the guard passes it on. */
static void end_guard(struct cli_lab *lab)
{
    bool was_up;

    if (lab->guard == 0 || is_gone(lab, 0)) {
        return;
    }
    if (cli_up_end(&lab->cli, DOWN_MS, &was_up) == CLI_DONE && is_gone(lab, was_up ? KILL_MS : 0)) {
        return;
    }
    (void)syscall(SYS_pidfd_send_signal, lab->guard_pidfd, SIGTERM, NULL, 0);
    if (!is_gone(lab, KILL_MS)) {
        (void)syscall(SYS_pidfd_send_signal, lab->guard_pidfd, SIGKILL, NULL, 0);
        (void)is_gone(lab, KILL_MS);
    }
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

int cli_lab_close(struct cli_lab *lab)
{
    end_guard(lab);
    if (lab->guard > 0) {
        (void)waitpid(lab->guard, NULL, WNOHANG); /* not ours any more if it was reaped on failure */
    }
    fd_close(&lab->guard_pidfd);
    if (lab->root[0] != '\0' &&
        nftw(lab->root, remove_entry, FOLDERS_OPEN, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) != 0) {
        return cli_fail(&lab->cli, err_from_errno(errno), "remove it by hand", "%s: %s", lab->root,
                        strerror(errno));
    }
    return CLI_DONE;
}
