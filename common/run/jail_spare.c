#include "common/run/jail_spare.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "common/run/fd.h"

enum {
    STACK_BYTES = 64 * 1024, /* of the thread: it makes a few system calls */
    /* A program that has just been given the last spare wants the processor now: measured, making the
     * next one at once doubled the time to its exec on a busy machine. */
    PATIENCE_NS = 10 * 1000 * 1000,
};

static const char own_namespace[] = "/proc/thread-self/ns/net";

static atomic_int spare = -1;
static sem_t wanted;
static pid_t owner; /* the process whose thread it is; a fork has neither thread nor claim */

/* Enter a fresh namespace, keep a descriptor of it, and go back: the thread must not stay in what will
 * be some program's network. */
static int make(int home)
{
    AUTO_FD int made = -1;

    if (unshare(CLONE_NEWNET) != 0) {
        return -1;
    }
    made = open(own_namespace, O_RDONLY | O_CLOEXEC);
    if (setns(home, CLONE_NEWNET) != 0) {
        return -1;
    }
    return fd_take(&made);
}

static void *keep_one(void *unused)
{
    AUTO_FD int home = open(own_namespace, O_RDONLY | O_CLOEXEC);

    (void)unused;
    while (home >= 0) {
        while (sem_wait(&wanted) != 0) {
        }
        if (atomic_load(&spare) >= 0) {
            continue; /* ordered twice */
        }
        (void)nanosleep(&(struct timespec){0, PATIENCE_NS}, NULL); /* sooner does no harm */
        int made = make(home);
        if (made < 0) {
            break; /* what is missing here, jail_start will name: clone makes them from now on */
        }
        atomic_store(&spare, made);
    }
    return NULL;
}

/* A detached thread that takes no signals; without it every start makes its own namespace. */
static void start_thread(void)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;

    if (sem_init(&wanted, 0, 0) != 0 || pthread_attr_init(&attributes) != 0) {
        return;
    }
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0 &&
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) == 0 &&
        pthread_create(&thread, &attributes, keep_one, NULL) == 0) {
        owner = getpid();
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
}

int jail_spare_take(void)
{
    static bool was_started;

    if (!was_started) {
        was_started = true;
        start_thread();
    }
    if (owner != getpid()) {
        int inherited = atomic_exchange(&spare, -1);
        fd_close(&inherited); /* the parent will use this one */
        return -1;
    }
    int taken = atomic_exchange(&spare, -1);
    sem_post(&wanted);
    return taken;
}
