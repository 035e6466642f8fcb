#include "cli/build.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/paint.h"
#include "cli/place.h"
#include "common/run/fd.h"

extern char **environ;

enum {
    SHOWN_LINES = 30,        /* of a failed build: the first error is in them */
    SHOWN_BYTES = 64 * 1024,
};

/* The end of what a program printed, escaped, on standard error. */
static void print_output(int fd)
{
    off_t size = lseek(fd, 0, SEEK_END);
    off_t from = size > SHOWN_BYTES ? size - SHOWN_BYTES : 0;
    AUTO_FREE char *text = calloc(1, SHOWN_BYTES + 1);
    ssize_t len = text != NULL ? pread(fd, text, SHOWN_BYTES, from) : -1;
    size_t lines = 0;

    if (len <= 0) {
        return;
    }
    const char *start = text + len;
    while (start > text && (start[-1] != '\n' || ++lines <= SHOWN_LINES)) {
        start--;
    }
    while (*start != '\0') {
        size_t n = strcspn(start, "\n");
        AUTO_FREE char *shown = cli_paint_text(start, n);

        fprintf(stderr, "    | %s\n", shown != NULL ? shown : "");
        start += n + (start[n] == '\n');
    }
}

/* Run a program of PATH to its end, its output into `out`. *ret_status as waitpid gives it. */
static int run(const char *const *argv, int out, int *ret_status)
{
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int error = posix_spawn_file_actions_init(&actions);

    if (error != 0) {
        return error;
    }
    error = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", 0, 0);
    if (error == 0) {
        error = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    }
    if (error == 0) {
        error = posix_spawn_file_actions_adddup2(&actions, out, STDERR_FILENO);
    }
    if (error == 0) {
        error = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)argv, environ);
    }
    (void)posix_spawn_file_actions_destroy(&actions); /* only an invalid object fails */
    while (error == 0 && waitpid(pid, ret_status, 0) < 0) {
        error = errno == EINTR ? 0 : errno;
    }
    return error;
}

static int step(struct cli *cli, const char *const *argv, const char *dir)
{
    AUTO_FD int out = memfd_create("build", MFD_CLOEXEC);
    int status = 0, error;

    if (out < 0) {
        return cli_fail(cli, err_from_errno(errno), NULL, "build: %s", strerror(errno));
    }
    error = run(argv, out, &status);
    if (error != 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 127)) {
        return cli_fail(cli, ERR_NOT_FOUND, "install it: apt install meson ninja-build",
                        "%s cannot be run: %s", argv[0], strerror(error != 0 ? error : ENOENT));
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return CLI_DONE;
    }
    int failed = cli_fail(cli, ERR_PRECONDITION, "its last words follow", "%s failed in %s", argv[0],
                          dir);
    if (!cli->json) {
        print_output(out);
    }
    return failed;
}

/* A sanitized build of Cell has a sanitized library: what links it must bring the same runtime. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED "-Db_sanitize=address,undefined", "-Db_lundef=false",
#elif defined(__SANITIZE_THREAD__)
#define SANITIZED "-Db_sanitize=thread", "-Db_lundef=false",
#else
#define SANITIZED
#endif

int cli_build_dir(struct cli *cli, const char *dir)
{
    char build[CLI_PATH_SIZE], ninja[CLI_PATH_SIZE];

    if (!cli_place_join(build, dir, "build") || !cli_place_join(ninja, build, "build.ninja")) {
        return cli_fail(cli, ERR_LIMIT, NULL, "%s: the path is too long", dir);
    }
    const char *configure[] = {"meson", "setup", build, dir, SANITIZED NULL};
    const char *compile[] = {"ninja", "-C", build, NULL};
    int status = access(ninja, F_OK) == 0 ? CLI_DONE : step(cli, configure, dir);

    return status == CLI_DONE ? step(cli, compile, dir) : status;
}
