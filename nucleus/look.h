/* What the kernel says about a process, read from /proc at the moment. */
#ifndef CELL_NUCLEUS_LOOK_H
#define CELL_NUCLEUS_LOOK_H

#include "nucleus/shell.h"

/* Start time in clock ticks since boot (with the pid it names a process for ever) and state letter.
 * ERR_NOT_FOUND: no such process. */
enum err look_start_ticks(int32_t pid, uint64_t *ret_ticks, char *ret_state) MUST_CHECK;

/* Whether it runs the program of this name, wherever that lies, also one that was replaced since: by its path, or by its name
 * (15 characters of it) where the kernel does not say the path, as of a process with other rights than ours. */
bool look_is_program(int32_t pid, const char *name);

/* CPU time used, and time its threads were runnable without a CPU, both since its start; 0 when it
 * is gone. */
uint64_t look_cpu_us(int32_t pid);
uint64_t look_delay_us(int32_t pid);

/* Whether a thread of it runs or waits for a CPU now: a wait is in look_delay_us when it is over. */
bool look_is_runnable(int32_t pid);

/* Resident memory; 0 when it is gone. */
uint64_t look_rss_bytes(int32_t pid);

#endif
