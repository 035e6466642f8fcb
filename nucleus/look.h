/* What the kernel says about a process, read at the moment. */
#ifndef CELL_NUCLEUS_LOOK_H
#define CELL_NUCLEUS_LOOK_H

#include "nucleus/shell.h"

enum err look_start_ticks(int32_t pid, uint64_t *ret_ticks, char *ret_state) MUST_CHECK;
uint64_t look_cpu_us(int32_t pid);
uint64_t look_delay_us(int32_t pid);
uint64_t look_rss_bytes(int32_t pid);

#endif
