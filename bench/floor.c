/* The least a supervisor can do: vfork, exec, waitpid, and again whoever died. No back-off, no
 * record, no log, no readiness. Statically linked.
 *
 *   floor COUNT PROGRAM        names its children f.0 … f.COUNT-1 in their argv[2] */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    COUNT_MAX = 10000
};

static pid_t child[COUNT_MAX];

static void start(const char *program, int index)
{
    char name[16];
    char *const argv[] = {(char *)program, (char *)"plain", name, NULL};

    (void)snprintf(name, sizeof name, "f.%d", index);
    child[index] = vfork();
    if (child[index] == 0) {
        (void)execv(program, argv);
        _exit(127);
    }
    if (child[index] < 0) {
        perror("vfork");
        exit(1);
    }
}

int main(int argc, char **argv)
{
    int count = argc == 3 ? atoi(argv[1]) : 0;
    int status;

    if (count < 1 || count > COUNT_MAX) {
        (void)fprintf(stderr, "usage: floor COUNT PROGRAM\n");
        return 64;
    }
    for (int i = 0; i < count; i++) {
        start(argv[2], i);
    }
    for (;;) {
        pid_t dead = wait(&status);
        if (dead < 0) {
            return 1;
        }
        if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
            (void)fprintf(stderr, "floor: %s: cannot be executed\n", argv[2]);
            return 1;
        }
        for (int i = 0; i < count; i++) {
            if (child[i] == dead) {
                start(argv[2], i);
                break;
            }
        }
    }
}
