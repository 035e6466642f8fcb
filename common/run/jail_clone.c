#include "common/run/jail_clone.h"

#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "common/run/jail_child.h"

#ifdef __x86_64__
/* The child wakes up behind the system call with all registers as they were but its stack, and may not
 * touch what the caller keeps on its own: it leaves at once, into `child`. The parent sleeps until the
 * child's exec or end (CLONE_VFORK). */
static long clone_3(struct clone_args *args, int (*child)(void *), void *argument)
{
    long result;

    __asm__ volatile("syscall\n\t"
                     "testq %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "xorl %%ebp, %%ebp\n\t" /* the outermost frame */
                     "movq %%rdx, %%rdi\n\t"
                     "callq *%%rbx\n\t"
                     "ud2\n"
                     "1:"
                     : "=a"(result)
                     : "0"((long)SYS_clone3), "D"(args), "S"(sizeof *args), "b"(child),
                       "d"(argument)
                     : "rcx", "r11", "cc", "memory");
    return result;
}
#else
static long clone_3(struct clone_args *args, int (*child)(void *), void *argument)
{
    (void)args;
    (void)child;
    (void)argument;
    return -ENOSYS;
}
#endif

pid_t jail_clone_into(int (*child)(void *), void *stack_top, int flags, void *argument, int group_fd,
                      int *ret_pidfd)
{
    struct clone_args args = {
        .flags = ((uint64_t)(unsigned)flags & ~(uint64_t)CSIGNAL) | CLONE_INTO_CGROUP,
        .pidfd = (uintptr_t)ret_pidfd,
        .exit_signal = (uint64_t)(unsigned)flags & CSIGNAL,
        .stack = (uintptr_t)stack_top - JAIL_CHILD_STACK,
        .stack_size = JAIL_CHILD_STACK,
        .cgroup = (uint64_t)group_fd,
    };
    long result = clone_3(&args, child, argument);

    if (result < 0) {
        errno = (int)-result;
        return -1;
    }
    return (pid_t)result;
}
