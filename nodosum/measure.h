/* What this machine is and how it does, asked of the kernel: the same numbers that /proc shows. A sandboxed cell
 * sees no /proc of the machine, so system calls and the processor itself are asked. */
#ifndef CELL_NODOSUM_MEASURE_H
#define CELL_NODOSUM_MEASURE_H

#include "nodosum/meta.h"

/* Fill arch, cores, features, memory, free memory and load; the rest is left alone. cores: those that this
 * process may run on. System calls: sysinfo, sched_getaffinity. ERR_IO: the kernel refuses. */
enum err nodosum_measure_now(struct nodosum_meta *m) MUST_CHECK;

#endif
