/* Run one command and stay its descendants' ancestor: STATUS_FD COMMAND [ARGUMENT …], COMMAND an absolute path.
 *
 * Every process that a command leaves behind (a detached node, an orphan of a killed supervisor) becomes a child of this one,
 * so a test finds all of them below one pid. Writes the command's exit status to STATUS_FD, or its signal as a negative number,
 * then reaps until no child is left. In C because a test runs it for every command. */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int fail(const char *what, int error)
{
    fprintf(stderr, "keeper: %s: %s\n", what, strerror(error));
    return 1;
}

int main(int argc, char **argv)
{
    pid_t first, pid;
    int status, null;

    if (argc < 3) {
        fprintf(stderr, "keeper STATUS_FD COMMAND [ARGUMENT ...]\n");
        return 64;
    }
    int status_fd = atoi(argv[1]);
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0 || fcntl(status_fd, F_SETFD, FD_CLOEXEC) != 0 ||
        (null = open("/dev/null", O_RDWR | O_CLOEXEC)) < 0) {
        perror("keeper");
        return 1;
    }
    int error = posix_spawn(&first, argv[2], NULL, NULL, argv + 2, environ);
    if (error != 0) {
        return fail(argv[2], error);
    }
    for (int fd = 0; fd <= 2; fd++) { /* the test's pipes are the command's alone: their end must not wait for the keeper */
        if (dup2(null, fd) < 0) {
            return 1;
        }
    }
    while ((pid = wait(&status)) > 0) {
        if (pid == first) {
            (void)dprintf(status_fd, "%d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
            (void)close(status_fd);
        }
    }
    return 0;
}
