#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "bench/shm_peers.h"

static volatile uint64_t sink;

void peers_must(bool holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "shm_calls: %s\n", what);
        exit(1);
    }
}

void peers_mortal(void)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)alarm(PEERS_LIFE_S);
}

pid_t peers_fork(void)
{
    pid_t parent = getpid(), pid = fork();

    peers_must(pid >= 0, "fork");
    if (pid == 0) {
        peers_mortal();
        if (getppid() != parent) {
            _exit(1);
        }
    }
    return pid;
}

void peers_write(const struct peers_setup *s, void *data, size_t size, uint64_t number)
{
    if (s->is_touched) {
        memset(data, (int)number, size);
    }
}

void peers_read(const struct peers_setup *s, const void *data, size_t size)
{
    const uint8_t *at = data;

    for (size_t i = 0; s->is_touched && i < size; i += 64) {
        sink = at[i];
    }
}
