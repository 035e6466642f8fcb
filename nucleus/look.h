/* What the kernel says about a process, read from /proc at the moment. */
#ifndef CELL_NUCLEUS_LOOK_H
#define CELL_NUCLEUS_LOOK_H

#include "nucleus/shell.h"

/* Start time in clock ticks since boot (with the pid it names a process for ever) and state letter.
 * ERR_NOT_FOUND: no such process. */
enum err look_start_ticks(int32_t pid, uint64_t *ret_ticks, char *ret_state) MUST_CHECK;

/* CPU time used, and time its threads were runnable without a CPU, both since its start; 0 when it
 * is gone. */
uint64_t look_cpu_us(int32_t pid);
uint64_t look_delay_us(int32_t pid);

/* Whether a thread of it runs or waits for a CPU now: a wait is in look_delay_us when it is over. */
bool look_is_runnable(int32_t pid);

/* Resident memory; 0 when it is gone. */
uint64_t look_rss_bytes(int32_t pid);

#endif
