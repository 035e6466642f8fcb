/* A short slice is asked for and handed on to threads, where the kernel knows of such a thing. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "raft/slices.h"
#include "tests/support/check.h"

enum { SKIPPED = 77, RUNTIME = 3 }; /* the words of struct sched_attr: size and policy, flags, nice and priority, runtime */

/* Of the calling thread; 0: the kernel has no slices that one could ask for. */
static uint64_t slice_ns(void)
{
    uint64_t attributes[6] = {sizeof attributes};

    return syscall(SYS_sched_getattr, 0, attributes, sizeof attributes, 0) == 0 ? attributes[RUNTIME] : 0;
}

static void *in_thread(void *context)
{
    *(uint64_t *)context = slice_ns();
    return NULL;
}

int main(void)
{
    uint64_t before_ns = slice_ns(), of_thread_ns = 0;
    pthread_t thread;

    raft_slices_shorten();
    if (before_ns == 0) {
        printf("SKIPPED: this kernel has no slices to ask for (Linux 6.12 has)\n");
        return SKIPPED;
    }
    CHECK(slice_ns() == RAFT_SLICES_NS, "%llu ns, before %llu", (unsigned long long)slice_ns(), (unsigned long long)before_ns);
    REQUIRE(pthread_create(&thread, NULL, in_thread, &of_thread_ns) == 0 && pthread_join(thread, NULL) == 0, "a thread");
    CHECK(of_thread_ns == RAFT_SLICES_NS, "a thread of it: %llu ns", (unsigned long long)of_thread_ns);
    return CHECK_RESULT();
}
