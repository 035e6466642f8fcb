/* clone3 for a child that shares memory: libc has no wrapper that gives it a stack of its own. */
#ifndef CELL_COMMON_RUN_JAIL_CLONE_H
#define CELL_COMMON_RUN_JAIL_CLONE_H

#include <sys/types.h>

/* As clone(2) with CLONE_VM and CLONE_VFORK in `flags`, and the child begins in the control group (of
 * version 2) whose directory is group_fd. `child` never returns; stack_top is the upper end of
 * JAIL_CHILD_STACK bytes. -1 with errno; ENOSYS also where this is not written for the processor. */
pid_t jail_clone_into(int (*child)(void *), void *stack_top, int flags, void *argument, int group_fd,
                      int *ret_pidfd);

#endif
