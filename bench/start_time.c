/* How long a process lives: vfork + exec to the end of waitpid, in ns, one line a run. Its output goes
 * to /dev/null.
 *
 *   start_time RUNS PROGRAM [ARGUMENT …] */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int main(int argc, char **argv)
{
    int runs = argc > 2 ? atoi(argv[1]) : 0;
    int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

    if (runs < 1 || null_fd < 0) {
        (void)fprintf(stderr, "usage: start_time RUNS PROGRAM [ARGUMENT …]\n");
        return 64;
    }
    for (int i = 0; i < runs; i++) {
        int status;
        uint64_t begin = now_ns();
        pid_t pid = vfork();
        if (pid == 0) {
            (void)dup2(null_fd, STDOUT_FILENO);
            (void)execv(argv[2], argv + 2);
            _exit(127);
        }
        if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
            WEXITSTATUS(status) != 0) {
            (void)fprintf(stderr, "start_time: %s failed\n", argv[2]);
            return 1;
        }
        (void)printf("%llu\n", (unsigned long long)(now_ns() - begin));
    }
    return 0;
}
